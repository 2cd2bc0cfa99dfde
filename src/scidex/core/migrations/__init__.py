"""Numbered migrations: plain SQL, each in one transaction, each safe to run again."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from psycopg import Connection, errors, sql

from scidex.core.db import connect_as_owner
from scidex.core.errors import Refused
from scidex.core.settings import Settings

_LOCK = 0x5C1DE  # one migrator at a time, whichever process it runs in
_RECORD = """
CREATE TABLE IF NOT EXISTS scidex_migration (
  number integer PRIMARY KEY,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class SchemaBehind(Refused):
    """The database is at migration {found} and this version needs {needed}; run `scidex db migrate`."""


class SchemaAhead(Refused):
    """The database is at migration {found}, made by a newer SciDEX than this one, which knows {needed}; upgrade."""


class SchemaForeign(Refused):
    """Migration {number} of the database is not the one of this version; restore a backup, or use the version that
    made it."""


class SchemaHalf(Refused):
    """The database lacks {missing}, which migration {found} had made, so nothing is done with it. Restore a backup; if
    nothing was ever recorded in it, `scidex db migrate` completes it."""


class SchemaLost(Refused):
    """The database lacks {missing} and holds records, which an empty table in its place would contradict; restore a
    backup."""


class SchemaTaken(Refused):
    """The schema {schema} has {tables}, which SciDEX would make and did not, so nothing is done with it. Give SciDEX
    a database of its own, or a schema: CREATE SCHEMA scidex, and ?options=-csearch_path%3Dscidex at the end of the URL.
    An older SciDEX gets the columns that it lacks by `scidex db adopt`."""


class MigrationForbidden(Refused):
    """The database user {user!r} may not make what {step} makes ({reason}); as an administrator let it create in the
    schema, run CREATE ROLE scidex_app NOLOGIN; GRANT scidex_app TO "{user}"; then migrate again."""


@dataclass(frozen=True)
class Migration:
    """One numbered step."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Tells this text from any other under the same number."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def name_in_full(self) -> str:
        """Number and name, as the file is called."""
        return f"{self.number:04d}_{self.name}"

    @property
    def tables(self) -> list[str]:
        """The tables that this step creates."""
        return re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", self.sql)

    @property
    def altered(self) -> list[str]:
        """The tables that this step alters or indexes: one that is made anew has to be altered and indexed anew."""
        indexed = re.findall(r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS \w+\s+ON (\w+)", self.sql)
        return re.findall(r"ALTER TABLE (\w+)", self.sql) + indexed

    @property
    def columns(self) -> list[str]:
        """The columns of the tables that it creates, and those that it adds to others, as table.column."""
        blocks = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)^\)", self.sql, re.DOTALL | re.MULTILINE)
        made = [(table, re.findall(r"^  ([a-z_]+) ", block, re.MULTILINE)) for table, block in blocks]
        changes = re.findall(r"ALTER TABLE (\w+)(.*?);", self.sql, re.DOTALL)
        added = [(table, re.findall(r"ADD COLUMN IF NOT EXISTS (\w+)", change)) for table, change in changes]
        return [f"{table}.{name}" for table, names in (*made, *added) for name in names]


@dataclass(frozen=True)
class SchemaStatus:
    """Where a database stands; `missing` names tables, and columns as table.column, that it once had."""

    applied: int
    needed: int
    pending: list[str]
    missing: list[str]


def all_migrations() -> list[Migration]:
    """Every step in order."""
    found = []
    for entry in files(__name__).iterdir():
        if matched := re.fullmatch(r"(\d{4})_(\w+)\.sql", entry.name):
            found.append(Migration(int(matched[1]), matched[2], entry.read_text(encoding="utf-8")))
    return sorted(found, key=lambda step: step.number)


def schema_status(conninfo: str, settings: Settings) -> SchemaStatus:
    """Compare a database with this version. Refuses: SchemaAhead, SchemaForeign, DatabaseDown."""
    with connect_as_owner(conninfo, settings) as connection:
        return _status(connection)


def check_schema(conninfo: str, settings: Settings) -> None:
    """See that the database is exactly at this version.

    Refuses: SchemaBehind, SchemaAhead, SchemaForeign, SchemaHalf, DatabaseDown.
    """
    status = schema_status(conninfo, settings)
    if status.pending:
        raise SchemaBehind(found=status.applied, needed=status.needed)
    if status.missing:
        raise SchemaHalf(missing=", ".join(status.missing), found=status.applied)


def migrate(conninfo: str, settings: Settings) -> list[str]:
    """Bring the database to this version; the names of the steps that ran.

    A step that is recorded but whose tables are gone runs again, unless the database holds records.
    Refuses: SchemaAhead, SchemaForeign, SchemaLost, SchemaTaken, MigrationForbidden, DatabaseDown.
    """
    ran = []
    step = "scidex_migration"
    with connect_as_owner(conninfo, settings) as connection:
        # The lock goes with the connection, whatever happens.
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            _check_free(connection)
            connection.execute(_RECORD)
            status = _status(connection)
            if status.missing and (_holds_rows(connection) or any("." in name for name in status.missing)):
                raise SchemaLost(missing=", ".join(status.missing))
            for migration in all_migrations():
                step = migration.name_in_full
                if step in status.pending or {*migration.tables, *migration.altered} & set(status.missing):
                    _apply(connection, migration)
                    ran.append(step)
        except errors.InsufficientPrivilege as error:
            reason = error.diag.message_primary
            raise MigrationForbidden(user=connection.info.user, step=step, reason=reason) from None
    return ran


def _check_free(connection: Connection[Any]) -> None:
    """A table of the same name that others made would be taken for ours, and left without our columns."""
    names = {name for step in all_migrations() for name in step.tables}
    found = dict(
        connection.execute(
            "SELECT table_name::text, table_schema::text FROM information_schema.tables"
            " WHERE table_schema = current_schema()"
        ).fetchall()
    )
    if taken := sorted(names & found.keys() if "scidex_migration" not in found else ()):
        raise SchemaTaken(schema=found[taken[0]], tables=", ".join(taken))


def _apply(connection: Connection[Any], migration: Migration) -> None:
    with connection.transaction():
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO scidex_migration (number, name, sha256) VALUES (%s, %s, %s) ON CONFLICT (number) DO NOTHING",
            [migration.number, migration.name, migration.sha256],
        )


def _status(connection: Connection[Any]) -> SchemaStatus:
    steps = all_migrations()
    applied: dict[int, str] = {}
    if connection.execute("SELECT to_regclass('scidex_migration')").fetchone() != (None,):
        applied = dict(connection.execute("SELECT number, sha256 FROM scidex_migration").fetchall())
    newest = max(applied, default=0)
    if newest > steps[-1].number:
        raise SchemaAhead(found=newest, needed=steps[-1].number)
    for step in steps:
        if applied.get(step.number, step.sha256) != step.sha256:
            raise SchemaForeign(number=step.number)
    present = {
        f"{table}.{column}"
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        )
    }
    tables = {name.partition(".")[0] for name in present}
    missing = set()
    for name in (name for step in steps if step.number in applied for name in step.columns):
        table = name.partition(".")[0]
        if name not in present:
            missing.add(name if table in tables else table)
    pending = [step.name_in_full for step in steps if step.number not in applied]
    return SchemaStatus(newest, steps[-1].number, pending, sorted(missing))


def _holds_rows(connection: Connection[Any]) -> bool:
    names = [name for step in all_migrations() for name in step.tables]
    present = connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL", [names]
    ).fetchall()
    return any(
        connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(name))).fetchone() is not None
        for (name,) in present
    )
