"""Being told by PostgreSQL that something has happened: one connection, which waits for as many as want to know."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import sql

from scidex.core.db import connect_as_owner
from scidex.core.settings import Settings

_TICK_S = 0.5


def listen(conninfo: str, settings: Settings, channel: str, heard: Callable[[bool], bool]) -> None:
    """Call `heard` with True after every notification of the channel, at first, and with False twice a second, until it
    returns False.

    Refuses: DatabaseUrlInvalid, DatabaseDown, Contended, StorageFull, DatabaseReadOnly, SchemaBroken, RightMissing,
    TextInvalid.
    """
    with connect_as_owner(conninfo, settings) as connection:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        told = True
        while heard(told):
            # Whatever came together is heard once.
            told = any(True for _ in connection.notifies(timeout=_TICK_S, stop_after=1))
