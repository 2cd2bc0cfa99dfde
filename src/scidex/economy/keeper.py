"""The background work of a server: seals blocks, ends what is due, tends the budgets, brings a dead server back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread

import structlog

from scidex.core.clock import system_clock
from scidex.core.db import DatabaseDown
from scidex.core.errors import Refusal
from scidex.economy.economy import Economy

TEND_EVERY_S = 3600
log = structlog.get_logger("scidex")


@dataclass(slots=True)
class ChoreRecord:
    """How a chore of this process has gone so far."""

    done_at: datetime | None = None
    """When it last ended well."""
    seconds: float = 0.0
    """How long it last took."""
    failures: int = 0
    """How often it was refused or failed."""


class Keeper:
    """The background thread of a server: seals blocks, ends what is due, and once an hour tends what is slow and
    holds the reviews that are due."""

    def __init__(self, economy: Economy) -> None:
        self._economy = economy
        self.records: dict[str, ChoreRecord] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to keep house."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round that is under way and end, if it has begun."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _keep(self) -> None:
        tend_at = time.monotonic()
        while not self._stopping.wait(self._economy.settings.seal_every_s):
            for chore in (self._economy.expire_due, self._economy.seal):
                self._do(chore)
            if time.monotonic() >= tend_at and self._do(self._economy.tend):
                tend_at = time.monotonic() + TEND_EVERY_S
                self._do(self._economy.hold_due_reviews)

    def _do(self, chore: Callable[[], int]) -> bool:
        """Whether it was done."""
        name, started = chore.__name__, time.perf_counter()
        record = self.records.setdefault(name, ChoreRecord())
        with structlog.contextvars.bound_contextvars(chore=name):
            try:
                chore()
                record.done_at = system_clock()
                return True
            except Refusal as refusal:
                log.warning("keeper waits", code=refusal.code, reason=str(refusal))
                if isinstance(refusal, DatabaseDown):
                    self._revive()
            except Exception:
                log.exception("keeper failed")
            finally:
                record.seconds = time.perf_counter() - started
        record.failures += 1
        return False

    def _revive(self) -> None:
        try:
            self._economy.revive()
        except Refusal as refusal:
            log.warning("database not revived", code=refusal.code, reason=str(refusal))
