"""Opening a database from the settings, and the one that calls without a transaction use."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from scidex.core.clock import Clock, system_clock
from scidex.core.db import Database, Tx, ambient_tx, check_role, check_server
from scidex.core.embedded import EmbeddedServer
from scidex.core.migrations import check_schema, migrate, schema_status
from scidex.core.settings import Settings, load_settings

Outcome = TypeVar("Outcome")


class OpenDatabase:
    """A database that is ready for use, with the embedded server under it if there is one."""

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self._server = None if settings.database_url else EmbeddedServer(settings.home)
        self.conninfo = self._server.acquire() if self._server else settings.database_url or ""
        try:
            check_server(self.conninfo, settings)
            # The embedded database is nobody else's, so it follows this version by itself; a given one is changed only
            # when its operator says so, and neither when something is missing in it.
            if self._server and not schema_status(self.conninfo, settings).missing:
                migrate(self.conninfo, settings)
            check_schema(self.conninfo, settings)
            check_role(self.conninfo, settings)
            self.database = Database(self.conninfo, settings, clock=clock)
            self.database.open()
        except BaseException:
            if self._server:
                self._server.release()
            raise

    def revive(self) -> None:
        """Start the embedded server again if it has died; a given one is its operator's to start.

        Refuses: ServerNotStarted, HomeFull, HomeUnusable.
        """
        if self._server:
            self._server.acquire()

    def close(self) -> None:
        """Give back the connections; the last user of an embedded server stops it."""
        self.database.close()
        if self._server:
            self._server.release()


_opened: OpenDatabase | None = None
_opening = Lock()


def default_database() -> Database:
    """The database of the settings, opened once per process."""
    global _opened
    with _opening:
        if _opened is None:
            _opened = OpenDatabase(load_settings())
            atexit.register(_opened.close)
        return _opened.database


@contextmanager
def reading_tx() -> Iterator[Tx]:
    """The transaction that the caller is inside of, else a read-only one on the default database."""
    inside = ambient_tx()
    if inside is not None:
        yield inside
        return
    with default_database().reading() as tx:
        yield tx


def run_in_tx(work: Callable[[Tx], Outcome]) -> Outcome:
    """Do `work` in the transaction that the caller is inside of, else in one of its own on the default database."""
    inside = ambient_tx()
    if inside is not None:
        return work(inside)
    settings = load_settings()
    return default_database().run(work, actor=settings.actor)
