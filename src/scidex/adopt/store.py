"""What an adoption changes. Names and types are those it finds, so statements are put together from quoted parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, errors, sql

from scidex.adopt.catalogue import IF_NULL, Adopted, rendered
from scidex.adopt.model import (
    BUDGETS,
    AddBudgetColumn,
    AddColumn,
    BackfillRejected,
    FillColumn,
    IfNullInvalid,
    KeepColumn,
    Step,
)

LOCK_MS = 100
"""Longest wait for a lock, and so the longest that whoever comes after us waits for our asking."""
STATEMENT_MS = 1000
"""Longest that a change of the catalogue may take in all, on a table of many partitions for example."""
_ADVISORY = 0xAD0B7  # one adoption at a time, per database
_NAME = "zzz_scidex_{column}"
"""Triggers fire in the order of their names, and ours has to see what the others have made of the row."""
_COMMENT = "scidex db adopt"

_TURN = """
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND objid = %s AND granted AND datname = current_database()
"""
# Who reads every column by grants on the columns, as SELECT * does, has to be granted the new ones too.
_READERS = """
SELECT CASE grantee WHEN 0 THEN NULL ELSE grantee::regrole::text END
FROM pg_attribute, aclexplode(attacl)
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND privilege_type = 'SELECT'
GROUP BY grantee
HAVING count(DISTINCT attnum)
  = (SELECT count(*) FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped)
"""
_MAKE_BUDGETS = """
CREATE TABLE IF NOT EXISTS {table} (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  token_budget bigint CHECK (token_budget >= 0),
  cpu_budget numeric CHECK (cpu_budget >= 0),
  storage_budget_gb numeric CHECK (storage_budget_gb >= 0),
  api_call_budget bigint CHECK (api_call_budget >= 0),
  priority_score double precision,
  market_weight double precision CHECK (market_weight BETWEEN -1 AND 1),
  roi_score double precision,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (entity_type, entity_id)
)
"""
# A value that a writer gave is kept; what followed its sources goes on following them.
_BODY = """
BEGIN
  IF NEW.{column} IS NULL {or_followed} THEN
    NEW.{column} := {new};
  END IF;
  RETURN NEW;
END
"""
_FOLLOWED = """
    OR (TG_OP = 'UPDATE' AND NEW.{column} IS NOT DISTINCT FROM OLD.{column}
        AND OLD.{column} IS NOT DISTINCT FROM {old})
"""
_FILL = """
UPDATE ONLY {table} SET {values}
WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM ONLY {table} WHERE ctid >= {start} AND ctid < {stop} AND ({missing})
  FOR NO KEY UPDATE SKIP LOCKED
))
"""


def take_turn(connection: Connection[Any]) -> int | None:
    """Be the only adoption of this database as long as the connection lives; else the process that is."""
    if connection.execute("SELECT pg_try_advisory_lock(%s)", [_ADVISORY]).fetchone() == (True,):
        return None
    holder = connection.execute(_TURN, [_ADVISORY]).fetchone()
    return int(holder[0]) if holder else 0


def settle_in(connection: Connection[Any], schema: str, patience_s: float) -> None:
    """Look names up in PostgreSQL's own schema before any other, and fail rather than see only part of the rows.

    A scan may take as long as it takes, and waits for a lock, which keeps nobody else waiting, as long as it is told.
    """
    connection.execute("SET row_security = off")
    connection.execute("SET statement_timeout = 0")
    connection.execute(sql.SQL("SET lock_timeout = {}").format(max(LOCK_MS, round(patience_s * 1000))))
    path = sql.SQL("SET search_path = pg_catalog, {}").format(sql.Identifier(schema))
    connection.execute(path)


def value_of(adopted: Adopted, column: str, kind: str, value: str) -> str:
    """The value as the type writes it, so that `now` is one moment for all rows. Refuses: IfNullInvalid."""
    query = sql.SQL("SELECT (%s::{})::text").format(sql.SQL(kind))
    try:
        row = adopted.connection.execute(query, [value]).fetchone()
    except psycopg.DataError as error:
        problem = (error.diag.message_primary or str(error))[:200]
        raise IfNullInvalid(given=f"{column}={value}"[:60], problem=problem, columns=column) from None
    assert row is not None
    return str(row[0])


def make_budgets(adopted: Adopted) -> None:
    """Make the table of budgets if there is none."""
    adopted.connection.execute(sql.SQL(_MAKE_BUDGETS).format(table=adopted.named(BUDGETS)))


def change(adopted: Adopted, table: str, steps: Sequence[Step]) -> bool:
    """Make all changes of a table's catalogue in one transaction; False, and nothing changed, if it is in use."""
    connection, oid = adopted.connection, adopted.oids[table]
    try:
        with _briefly(connection, STATEMENT_MS):
            readers = [name for (name,) in connection.execute(_READERS, [oid, oid])]
            added = [part for step in steps if (part := _addition(step))]
            if added:
                alter = sql.SQL("ALTER TABLE {} {}").format(adopted.named(table), sql.SQL(", ").join(added))
                connection.execute(alter)
            for step in steps:
                if isinstance(step, KeepColumn):
                    _keep(adopted, step)
                elif isinstance(step, AddColumn):
                    _grant(adopted, step, readers)
    except (errors.LockNotAvailable, errors.QueryCanceled):
        return False
    return True


@contextmanager
def _briefly(connection: Connection[Any], statement_ms: int) -> Iterator[None]:
    with connection.transaction():
        limits = sql.SQL("SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {}")
        connection.execute(limits.format(LOCK_MS, statement_ms))
        yield


def _addition(step: Step) -> sql.Composable | None:
    """A part of ALTER TABLE; none of them reads or writes a row."""
    if isinstance(step, AddBudgetColumn):
        return sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(sql.Identifier(step.column), sql.SQL(step.type))
    if not isinstance(step, AddColumn):
        return None
    made = rendered(step.expression)
    how = {
        "virtual": sql.SQL("GENERATED ALWAYS AS ({}) VIRTUAL").format(made),
        "constant": sql.SQL("NOT NULL DEFAULT {}").format(made),
        "plain": sql.SQL(""),
    }[step.how]
    kind = sql.SQL(step.expression.type)
    return sql.SQL("ADD COLUMN IF NOT EXISTS {} {} {}").format(sql.Identifier(step.column), kind, how)


def _keep(adopted: Adopted, step: KeepColumn) -> None:
    column = sql.Identifier(step.column)
    trigger = _NAME.format(column=step.column)
    function = sql.Identifier(adopted.schema, f"scidex_{step.table}_{step.column}")
    followed = sql.SQL(_FOLLOWED).format(column=column, old=rendered(step.expression, "OLD"))
    body = sql.SQL(_BODY).format(
        column=column,
        new=rendered(step.expression, "NEW"),
        or_followed=followed if step.expression.sources else sql.SQL(""),
    )
    text = sql.Literal(body.as_string(adopted.connection))
    comment = f"{_COMMENT}: {step.column} follows {', else '.join(step.expression.sources) or 'nothing'}"
    if step.expression.if_null is not None:
        comment += f"{IF_NULL}{step.expression.if_null}"
    for statement in (
        sql.SQL("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}").format(function, text),
        sql.SQL("COMMENT ON FUNCTION {}() IS {}").format(function, sql.Literal(comment)),
        sql.SQL("CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()").format(
            sql.Identifier(trigger), adopted.named(step.table), function
        ),
    ):
        adopted.connection.execute(statement)


def _grant(adopted: Adopted, step: AddColumn, readers: Iterable[str | None]) -> None:
    for reader in readers:
        whom = sql.SQL("PUBLIC" if reader is None else reader)
        grant = sql.SQL("GRANT SELECT ({}) ON {} TO {}")
        adopted.connection.execute(grant.format(sql.Identifier(step.column), adopted.named(step.table), whom))


def fill(
    adopted: Adopted, leaf: tuple[str, str], steps: Sequence[FillColumn], blocks: tuple[int, int], *, silent: bool
) -> int | None:
    """Fill the rows that nobody holds in a range of blocks; how many, or None if the table is in use.

    `silent` leaves out the triggers of others. Never waits for a row, so it is part of no deadlock.
    Refuses: BackfillRejected.
    """
    start, stop = (sql.Literal(f"({block},0)") + sql.SQL("::tid") for block in blocks)
    values = [
        sql.SQL("{0} = coalesce({0}, {1})").format(sql.Identifier(step.column), rendered(step.expression))
        for step in steps
    ]
    statement = sql.SQL(_FILL).format(
        table=sql.Identifier(*leaf), values=sql.SQL(", ").join(values), start=start, stop=stop, missing=_missing(steps)
    )
    try:
        with _briefly(adopted.connection, 0):
            if silent:
                adopted.connection.execute("SET LOCAL session_replication_role = replica")
            return adopted.connection.execute(statement).rowcount
    except (errors.LockNotAvailable, errors.QueryCanceled):
        return None
    except (psycopg.IntegrityError, psycopg.DataError, errors.RaiseException) as error:
        raise BackfillRejected(table=leaf[1], reason=error.diag.message_primary or "no reason") from error


def count_missing(adopted: Adopted, table: str, steps: Sequence[FillColumn]) -> int:
    """Rows that could be filled and are not."""
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(adopted.named(table), _missing(steps))
    row = adopted.connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _missing(steps: Sequence[FillColumn]) -> sql.Composed:
    return sql.SQL(" OR ").join(
        sql.SQL("{} IS NULL AND {} IS NOT NULL").format(sql.Identifier(step.column), rendered(step.expression))
        for step in steps
    )
