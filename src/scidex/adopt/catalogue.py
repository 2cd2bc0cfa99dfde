"""What a database has, as its catalogue and its rows say: read only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psycopg import Connection, sql

from scidex.adopt.model import (
    BUDGETS,
    MIRRORS,
    NAMED,
    PROPOSALS,
    USAGE,
    Column,
    Expression,
    Found,
    Nulls,
    State,
    Table,
)
from scidex.adopt.rules import expression_of, fits

IF_NULL = "; if null: "
"""Parts the comment on a trigger's function, whose end is what it puts where every source is null."""

_SCHEMAS = """
SELECT nspname::text FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(nspname, 'pg_')
GROUP BY nspname ORDER BY nspname
"""
_OWN = """
SELECT FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname = %s AND relname = 'scidex_migration'
"""
_TABLES = """
SELECT relname::text, c.oid::bigint, CASE
         WHEN relkind = 'p' AND EXISTS (
           SELECT FROM pg_partition_tree(c.oid) AS part JOIN pg_class AS leaf ON leaf.oid = part.relid
           WHERE leaf.relkind = 'f') THEN 'partly foreign'
         WHEN relispartition THEN 'a partition'
         WHEN relkind = 'p' THEN 'a table'
         WHEN relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid OR inhparent = c.oid)
           THEN 'part of an inheritance'
         WHEN relkind = 'r' THEN 'a table'
         WHEN relkind = 'v' THEN 'a view'
         WHEN relkind = 'm' THEN 'a materialized view'
         ELSE 'a foreign table' END,
       pg_has_role(relowner, 'USAGE'),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       ARRAY(SELECT DISTINCT tgname::text FROM pg_trigger WHERE tgrelid IN (
               SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid))
             AND NOT tgisinternal AND tgtype & 16 > 0 AND tgenabled <> 'D' AND NOT starts_with(tgname, 'zzz_scidex_')
             ORDER BY 1),
       EXISTS (SELECT FROM pg_trigger WHERE tgrelid IN (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid))
               AND tgenabled IN ('A', 'R') AND tgtype & 16 > 0),
       ARRAY(SELECT pubname::text FROM pg_publication_tables
             WHERE schemaname = nspname AND (tablename = relname OR tablename IN (
               SELECT part.relname FROM pg_partition_tree(c.oid) JOIN pg_class AS part ON part.oid = relid))
             GROUP BY 1 ORDER BY 1)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname = %s AND relname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
SELECT c.table_name::text, c.column_name::text,
       format_type(a.atttypid, a.atttypmod), format_type(base.oid, base.typmod), base.category,
       own.typtype <> 'd' AND own.typnamespace = 'pg_catalog'::regnamespace, a.attgenerated,
       c.is_nullable = 'YES', c.column_default::text,
       kept.tgname IS NOT NULL, obj_description(kept.tgfoid, 'pg_proc')
FROM information_schema.columns AS c
JOIN pg_namespace AS n ON n.nspname = c.table_schema
JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = c.table_name
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = c.column_name
JOIN pg_type AS own ON own.oid = a.atttypid
CROSS JOIN LATERAL (
  WITH RECURSIVE under AS (
    SELECT a.atttypid AS oid, a.atttypmod AS typmod
    UNION ALL
    SELECT typbasetype, typtypmod FROM under JOIN pg_type ON pg_type.oid = under.oid WHERE typtype = 'd'
  )
  SELECT under.oid, under.typmod, typcategory::text AS category
  FROM under JOIN pg_type ON pg_type.oid = under.oid WHERE typtype <> 'd'
) AS base
LEFT JOIN pg_trigger AS kept
  ON kept.tgrelid = t.oid AND kept.tgname = 'zzz_scidex_' || c.column_name AND kept.tgenabled <> 'D'
WHERE c.table_schema = %s AND c.table_name = ANY(%s)
ORDER BY c.ordinal_position
"""
_RIGHTS = """
SELECT current_user::text, has_schema_privilege(%s, 'CREATE'),
       has_parameter_privilege('session_replication_role', 'SET')
"""
_LEAVES = """
SELECT n.nspname::text, relname::text, pg_relation_size(c.oid) / current_setting('block_size')::integer
FROM (SELECT %s::oid AS oid UNION SELECT relid FROM pg_partition_tree(%s) WHERE isleaf) AS leaf
JOIN pg_class AS c USING (oid) JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind = 'r'
ORDER BY 1, 2
"""
_HOLDERS = """
SELECT DISTINCT pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), '?'), coalesce(state, '?'),
       extract(epoch FROM clock_timestamp() - xact_start)::integer AS seconds
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE relation IN (SELECT %s::oid UNION SELECT relid FROM pg_partition_tree(%s)) AND granted
  AND locktype = 'relation' AND pid <> pg_backend_pid()
ORDER BY seconds DESC NULLS LAST LIMIT 3
"""


class Adopted:
    """A database under adoption, through one connection that commits each statement or block by itself."""

    def __init__(self, connection: Connection[Any], schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self.oids: dict[str, int] = {}

    def named(self, table: str) -> sql.Identifier:
        """The table's name in full, quoted."""
        return sql.Identifier(self.schema, table)


def find_schemas(connection: Connection[Any]) -> list[str]:
    """Schemas that have one of the tables."""
    return [name for (name,) in connection.execute(_SCHEMAS, [[USAGE, PROPOSALS]])]


def is_our_own(connection: Connection[Any], schema: str) -> bool:
    """Whether the schema was made by our migrations."""
    return connection.execute(_OWN, [schema]).fetchone() is not None


def find(adopted: Adopted) -> Found:
    """All that the plan needs to know; reads every row of the tables once."""
    connection, names = adopted.connection, [USAGE, PROPOSALS, BUDGETS]
    columns: dict[str, dict[str, Column]] = {name: {} for name in names}
    for table, *facts in connection.execute(_COLUMNS, [adopted.schema, names]):
        columns[table][facts[0]] = _column(*facts)
    tables, always = {}, False
    for name, oid, kind, owned, readable, listeners, unsilenced, published in connection.execute(
        _TABLES, [adopted.schema, names]
    ):
        adopted.oids[name] = oid
        always = always or unsilenced
        table = Table(name, kind, owned, 0, columns[name], {}, tuple(listeners), tuple(published), readable)
        tables[name] = _counted(adopted, table) if kind == "a table" and readable else table
    user, may_create, may_silence = connection.execute(_RIGHTS, [adopted.schema]).fetchone() or ("", False, False)
    version = connection.info.server_version
    return Found(adopted.schema, version, user, may_create, may_silence and not always, tables)


def _column(
    name: str, kind: str, base: str, category: str, builtin: bool, generated: str, nullable: bool,
    default: str | None, kept: bool, comment: str | None,
) -> Column:  # fmt: skip
    states: dict[str, State] = {"s": "stored", "v": "virtual"}
    state: State = states.get(generated, "kept" if kept else "plain")
    if_null = comment.partition(IF_NULL)[2] if comment and IF_NULL in comment else None
    return Column(name, kind, base, category, builtin, state, nullable, default, if_null)


def _counted(adopted: Adopted, table: Table) -> Table:
    """The table with its rows and nulls, in one scan."""
    asked: list[tuple[str, sql.Composable]] = []
    for name in NAMED.get(table.name, ()):
        if name in table.columns:
            asked.append((name, _counts(table.columns[name], None)))
    for mirror in (mirror for mirror in MIRRORS if mirror.table == table.name):
        column = table.columns.get(mirror.column)
        made = expression_of(table, mirror) if mirror.sources else None
        if column or made:
            asked.append((mirror.column, _counts(column, made)))
    counts = sql.SQL(", ").join([sql.SQL("count(*)"), *(part for _, part in asked)])
    query = sql.SQL("SELECT {} FROM {}").format(counts, adopted.named(table.name))
    rows, *found = adopted.connection.execute(query).fetchone() or (0,)
    nulls = {
        name: Nulls(found[3 * place], found[3 * place + 1] or 0, found[3 * place + 2] or 0)
        for place, (name, _) in enumerate(asked)
    }
    return replace(table, rows=rows, nulls=nulls)


def _counts(column: Column | None, made: Expression | None) -> sql.Composed:
    """How often the column is null, its sources are, and the two differ, both being there."""
    counted = sql.SQL("count(*) FILTER (WHERE {})")
    parts: list[sql.Composable] = [sql.SQL("NULL::bigint")] * 3
    if column:
        parts[0] = counted.format(sql.SQL("{} IS NULL").format(sql.Identifier(column.name)))
    if made:
        parts[1] = counted.format(sql.SQL("{} IS NULL").format(rendered(made)))
    # A column of another type cannot be compared; it will be refused.
    if column and made and fits(made.type, column.base):
        parts[2] = counted.format(sql.SQL("{} <> {}").format(sql.Identifier(column.name), rendered(made)))
    return sql.SQL(", ").join(parts)


def rendered(expression: Expression, row: str | None = None) -> sql.Composable:
    """The expression over the columns of a row, such as NEW in a trigger."""
    parts: list[sql.Composable] = [
        sql.SQL("{}::text" if expression.as_text else "{}").format(
            sql.SQL("{}.{}").format(sql.SQL("NEW" if row == "NEW" else "OLD"), sql.Identifier(source))
            if row
            else sql.Identifier(source)
        )
        for source in expression.sources
    ]
    if expression.if_null is not None:
        parts.append(sql.Literal(expression.if_null))
    return parts[0] if len(parts) == 1 else sql.SQL("coalesce({})").format(sql.SQL(", ").join(parts))


def find_leaves(adopted: Adopted, table: str) -> list[tuple[str, str, int]]:
    """The tables that hold the rows: schema, name, blocks of the file."""
    oid = adopted.oids[table]
    return adopted.connection.execute(_LEAVES, [oid, oid]).fetchall()


def find_holders(adopted: Adopted, table: str) -> list[Mapping[str, Any]]:
    """Who uses the table now, longest first."""
    oid = adopted.oids[table]
    names = ("pid", "user", "application", "state", "seconds")
    return [dict(zip(names, row, strict=True)) for row in adopted.connection.execute(_HOLDERS, [oid, oid])]
