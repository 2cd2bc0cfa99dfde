"""What an adoption has to do: from what a database has to the steps that are missing, or a refusal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from scidex.adopt.model import (
    BUDGET_COLUMNS,
    BUDGET_KEY,
    BUDGETS,
    MIRRORS,
    NAMED,
    AddBudgetColumn,
    AddColumn,
    AdoptForbidden,
    BudgetsForeign,
    Column,
    ColumnReport,
    ColumnTaken,
    Expression,
    FillColumn,
    Found,
    IfNullInvalid,
    IfNullLate,
    KeepColumn,
    MakeBudgets,
    Mirror,
    Nulls,
    Plan,
    SourceMissing,
    SourceNull,
    SourceUnfit,
    Step,
    Table,
    TableUnsuitable,
    TriggersWouldFire,
)

VIRTUAL_SINCE = 180000
"""From here on PostgreSQL has columns that are computed when they are read: no rewrite, no drift."""
_INTEGERS = ("smallint", "integer", "bigint")
_SORTS = {"N": "a number", "S": "a text", "D": "a time", "E": "an enum"}
_EXAMPLES = {"amount_used": "0", "timestamp": "1970-01-01", "requested_amount": "0", "proposer": "unknown"}
_ABSENT = Nulls(None, 0, 0)


def parse_if_null(given: Sequence[str]) -> dict[str, str]:
    """What shall stand where a source is null, by column. Refuses: IfNullInvalid.

    >>> parse_if_null(["amount_used=0", "proposer=unknown"])
    {'amount_used': '0', 'proposer': 'unknown'}
    """
    columns = [mirror.column for mirror in MIRRORS if mirror.sources]
    found: dict[str, str] = {}
    for each in given:
        column, equals, value = each.partition("=")
        problem = None
        if not equals:
            problem = "it has no ="
        elif column not in columns:
            problem = f"{column!r} is no column that is made from another"
        elif column in found:
            problem = f"{column} is given twice"
        if problem:
            raise IfNullInvalid(given=each[:60], problem=problem, columns=", ".join(columns))
        found[column] = value
    return found


def expression_of(table: Table, mirror: Mirror, if_null: str | None = None) -> Expression | None:
    """What the column is made from, if the table has a source of it that it can be made from.

    One source gives its own type, without its domain and without the length of a text; several of different types
    are all taken as text.
    """
    if not mirror.sources:
        return Expression("jsonb", (), mirror.value)
    sources = [table.columns[name] for name in mirror.sources if name in table.columns]
    if not sources or any(_unfit(source) for source in sources):
        return None
    names = tuple(source.name for source in sources)
    types = {"text" if source.category == "S" and source.builtin else source.base for source in sources}
    if len(types) == 1:
        return Expression(types.pop(), names, if_null)
    if any(source.category not in "SN" and source.base != "uuid" for source in sources):
        return None
    return Expression("text", names, if_null, as_text=any(source.base in (*_INTEGERS, "uuid") for source in sources))


def _unfit(source: Column) -> str | None:
    if source.state in ("stored", "virtual"):
        # Neither another generated column nor a trigger before the row is written sees what it holds.
        return "itself generated"
    if source.category not in _SORTS and source.base != "uuid":
        return f"of the type {source.type}"
    return None


def fits(kind: str, target: str) -> bool:
    """Whether a column of the type `target` can hold every value of the type `kind` unchanged.

    >>> fits("integer", "bigint"), fits("bigint", "integer"), fits("numeric(12,4)", "numeric")
    (True, False, True)
    >>> fits("timestamp with time zone", "timestamp without time zone"), fits("text", "character varying(20)")
    (False, False)
    """
    if kind == target or (kind, target) in (("real", "double precision"), ("jsonb", "json")):
        return True
    if kind in _INTEGERS and target in _INTEGERS:
        return _INTEGERS.index(kind) < _INTEGERS.index(target)
    if target == "numeric":
        return kind in _INTEGERS or kind.startswith("numeric(")
    if target in ("text", "character varying"):
        return kind == "text" or kind.startswith("character")
    long, wide = (re.fullmatch(r"character varying\((\d+)\)", each) for each in (kind, target))
    return bool(long and wide) and int(long[1]) <= int(wide[1]) if long and wide else False


def plan(found: Found, if_null: Mapping[str, str]) -> Plan:
    """The steps that are missing, table by table; none where all is there.

    Refuses: TableUnsuitable, ColumnTaken, BudgetsForeign, SourceMissing, SourceUnfit, SourceNull, IfNullLate,
    AdoptForbidden, TriggersWouldFire.
    """
    steps: list[Step] = []
    for mirror in MIRRORS:
        if mirror.table in found.tables:
            table = found.tables[mirror.table]
            _require_table(found, table)
            steps += _mirror_steps(found, table, mirror, if_null.get(mirror.column))
    steps += _budget_steps(found)
    _require_rights(found, steps)
    return Plan(tuple(steps), (*_notes(found, steps), *_standing_notes(found)))


def _require_table(found: Found, table: Table) -> None:
    if table.kind != "a table":
        raise TableUnsuitable(table=table.name, what=table.kind)
    if not table.readable:
        raise AdoptForbidden(user=found.user, reason=f"it may not read {table.name}")


def _mirror_steps(found: Found, table: Table, mirror: Mirror, given: str | None) -> Iterator[Step]:
    """Steps for one column; `given` is what shall stand where its sources are null."""
    column = table.columns.get(mirror.column)
    nulls = table.nulls.get(mirror.column, _ABSENT)
    if column is not None and column.state in ("stored", "virtual"):
        if nulls.nulls and given is not None:
            sources = " or ".join(mirror.sources)
            raise IfNullLate(table=table.name, column=column.name, rows=nulls.nulls, sources=sources)
        return
    value = given if given is not None else column.if_null if column is not None else None
    expression = _expression(table, mirror, value)
    # NOT NULL with a default: no row can lack it.
    always = column is not None and not column.nullable and column.default is not None
    if expression is None or (always and not mirror.sources):
        return
    adds = column is None or column.state == "plain"
    if adds and nulls.unknown and value is None:
        sources = " or ".join(expression.sources)
        example = _EXAMPLES[mirror.column]
        raise SourceNull(rows=nulls.unknown, table=table.name, sources=sources, column=mirror.column, example=example)
    if column is None:
        yield from _added(found, table, mirror, expression)
        return
    _require_type(table, column, expression)
    expression = expression._replace(type=column.base)
    if column.state == "plain" or given not in (None, column.if_null):
        yield KeepColumn(table.name, column.name, expression)
    if rows := (nulls.nulls or 0) - (nulls.unknown if expression.if_null is None else 0):
        yield FillColumn(table.name, column.name, expression, rows)


def _expression(table: Table, mirror: Mirror, value: str | None) -> Expression | None:
    """What the column is made from; None where it is there and has nothing that it could be made from."""
    there = [table.columns[name] for name in mirror.sources if name in table.columns]
    if mirror.sources and not there:
        if mirror.column in table.columns:
            return None
        raise SourceMissing(table=table.name, sources=" and ".join(mirror.sources), column=mirror.column)
    expression = expression_of(table, mirror, value)
    if expression is None:
        bad = next((source for source in there if _unfit(source)), there[0])
        what = _unfit(bad) or f"of the type {bad.type}, beside {' and '.join(each.type for each in there[1:])}"
        raise SourceUnfit(table=table.name, column=mirror.column, source=bad.name, what=what)
    return expression


def _added(found: Found, table: Table, mirror: Mirror, expression: Expression) -> Iterator[Step]:
    if not mirror.sources:
        yield AddColumn(table.name, mirror.column, "constant", expression)
        return
    builtin = all(table.columns[name].builtin for name in expression.sources)
    if found.server_version >= VIRTUAL_SINCE and builtin:
        yield AddColumn(table.name, mirror.column, "virtual", expression)
        return
    yield AddColumn(table.name, mirror.column, "plain", expression)
    yield KeepColumn(table.name, mirror.column, expression)
    if table.rows:
        yield FillColumn(table.name, mirror.column, expression, table.rows)


def _require_type(table: Table, column: Column, expression: Expression) -> None:
    kinds = [table.columns[name].base for name in expression.sources] or [expression.type]
    if not fits(expression.type, column.base) and not all(fits(kind, column.base) for kind in kinds):
        raise ColumnTaken(table=table.name, column=column.name, found=column.type, wanted=expression.type)


def _budget_steps(found: Found) -> Iterator[Step]:
    table = found.tables.get(BUDGETS)
    if table is None:
        yield MakeBudgets()
        return
    _require_table(found, table)
    for name, kind in BUDGET_COLUMNS.items():
        column = table.columns.get(name)
        if column is None and name in BUDGET_KEY:
            raise BudgetsForeign(table=table.name, column=name)
        if column is None:
            yield AddBudgetColumn(table.name, name, kind)
        elif column.category != ("S" if kind == "text" else "N") and column.base != "uuid":
            raise ColumnTaken(table=table.name, column=name, found=column.type, wanted=kind)


def _require_rights(found: Found, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.table in found.tables and not found.tables[step.table].owned:
            raise AdoptForbidden(user=found.user, reason=f"{step.table} belongs to somebody else")
        if isinstance(step, MakeBudgets | KeepColumn) and not found.may_create:
            raise AdoptForbidden(user=found.user, reason=f"it may not create in the schema {found.schema}")
        listeners = found.tables[step.table].listeners if isinstance(step, FillColumn) else ()
        if listeners and not found.may_silence:
            raise TriggersWouldFire(table=step.table, triggers=", ".join(listeners), user=found.user)


def _notes(found: Found, steps: Sequence[Step]) -> Iterator[str]:
    """What consumers of the table should know that nothing here can spare them."""
    for table in dict.fromkeys(step.table for step in steps if isinstance(step, AddColumn)):
        added = [step for step in steps if isinstance(step, AddColumn) and step.table == table]
        yield f"a session that has prepared SELECT * of {table}, as some drivers do by themselves, has to connect again"
        if written := [step.column for step in added if step.how != "virtual"]:
            names = ", ".join(written)
            yield f"COPY {table} FROM without a list of columns then expects {names} too; give it the list before"
            if publications := found.tables[table].publications:
                yield f"{table} is published ({', '.join(publications)}); its subscribers need {names} before"


def _standing_notes(found: Found) -> Iterator[str]:
    """What a column that was there before does otherwise than one that is added; it is left as it is."""
    for mirror in MIRRORS:
        table = found.tables.get(mirror.table)
        column = table.columns.get(mirror.column) if table else None
        if table is None or column is None or column.state not in ("plain", "kept") or not mirror.sources:
            continue
        name, sources = f"{table.name}.{column.name}", " or ".join(mirror.sources)
        if differing := table.nulls.get(column.name, _ABSENT).differing:
            yield f"{name} is another than {sources} in {differing} rows, and stays so"
        if column.default is not None:
            stands = f"{name} has the default {column.default}"
            yield f"{stands}, which older programs then write instead of {sources}; drop it"


def said(step: Step) -> str:
    """A step in words.

    >>> said(AddColumn("resource_usage", "amount_used", "virtual", Expression("numeric", ("amount",), "0")))
    'add resource_usage.amount_used numeric, computed when it is read: amount, or where that is null 0'
    """
    if isinstance(step, MakeBudgets):
        return f"make {step.table}, empty"
    if isinstance(step, AddBudgetColumn):
        return f"add {step.table}.{step.column} {step.type}"
    made = _made_from(step.expression)
    if isinstance(step, KeepColumn):
        return f"let a trigger fill {step.table}.{step.column} where a writer does not: {made}"
    if isinstance(step, FillColumn):
        return f"fill {step.table}.{step.column} in {step.rows} rows, batch by batch: {made}"
    if step.how == "plain":
        return f"add {step.table}.{step.column} {step.expression.type}, null for now"
    how = {"virtual": "computed when it is read", "constant": "NOT NULL with a default"}[step.how]
    return f"add {step.table}.{step.column} {step.expression.type}, {how}: {made}"


def _made_from(expression: Expression) -> str:
    sources = ", else ".join(expression.sources)
    if not sources:
        return str(expression.if_null)
    return sources if expression.if_null is None else f"{sources}, or where that is null {expression.if_null}"


def reports(before: Found, after: Found) -> list[ColumnReport]:
    """Every column that the specification names, table by table, before and after."""
    found = []
    for name in (*NAMED, BUDGETS):
        table = after.tables.get(name)
        if table is None and name != BUDGETS:
            continue
        mirrors = {mirror.column: mirror for mirror in MIRRORS if mirror.table == name}
        for column in (*NAMED.get(name, BUDGET_COLUMNS), *mirrors):
            made_from = " else ".join(mirrors[column].sources) if column in mirrors else ""
            found.append(_report(before.tables.get(name), table, name, column, made_from))
    return found


def _report(before: Table | None, after: Table | None, table: str, name: str, made_from: str) -> ColumnReport:
    was, now = (found.columns.get(name) if found else None for found in (before, after))
    counted, recounted = (found.nulls.get(name, _ABSENT) if found else _ABSENT for found in (before, after))
    return ColumnReport(
        table=table,
        column=name,
        made_from=made_from,
        type=now.type if now else None,
        before=was.state if was else "absent",
        after=now.state if now else "absent",
        rows=after.rows if after else 0,
        nulls_before=counted.nulls,
        nulls_after=recounted.nulls,
        differing=recounted.differing,
    )


def is_complete(columns: Sequence[ColumnReport]) -> bool:
    """Whether every column that is to be added is there, and those made from others are null nowhere."""
    ours = {(mirror.table, mirror.column) for mirror in MIRRORS}
    return all(
        each.after != "absent" and not ((each.table, each.column) in ours and each.nulls_after)
        for each in columns
        if each.table == BUDGETS or (each.table, each.column) in ours
    )
