"""Where the queue of the background work lives: a schema of its own in the same database."""

from __future__ import annotations

from psycopg import sql
from psycopg.conninfo import make_conninfo

from scidex.core.db import connect_as_owner, with_given
from scidex.core.settings import Settings

_LOCK = 0x5C1DF  # one process makes it, whichever comes first


def prepare_queue(conninfo: str, settings: Settings, schema: str, definition: str) -> str:
    """How to reach the queue in that schema, which is made by its definition if it is not there.

    Refuses: DatabaseDown, Contended, StorageFull, DatabaseReadOnly, RightMissing.
    """
    with connect_as_owner(conninfo, settings) as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() == (None,):
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
            connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
            connection.execute(definition.encode())
    options = with_given(conninfo, f"-c search_path={schema} -c timezone=UTC")
    return make_conninfo(conninfo, options=options, application_name="scidex worker")
