"""The words of an adoption: what the specification wants, what a database has, the steps between, and every refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from scidex.core.errors import Busy, Invalid, Missing, Refused

USAGE, PROPOSALS, BUDGETS = "resource_usage", "allocation_proposals", "resource_budgets"


class Mirror(NamedTuple):
    """A column that the specification wants, and the legacy columns whose first value that is not null it shows."""

    table: str
    column: str
    sources: tuple[str, ...]
    value: str | None = None
    """What stands in it where it has no sources."""


MIRRORS = (
    Mirror(USAGE, "amount_used", ("amount",)),
    Mirror(USAGE, "timestamp", ("created_at",)),
    Mirror(PROPOSALS, "requested_amount", ("requested_tokens",)),
    Mirror(PROPOSALS, "proposer", ("proposer_id", "proposer_agent")),
    Mirror(PROPOSALS, "votes", (), "[]"),
)
NAMED = {
    USAGE: ("entity_type", "entity_id", "amount", "created_at", "cost", "model"),
    PROPOSALS: ("proposer_id", "proposer_agent", "entity_type", "entity_id", "requested_tokens", "justification"),
}
"""Columns that the specification names beside these: the audit shows them, and none of them is ever made up."""
BUDGET_COLUMNS = {
    "entity_type": "text",
    "entity_id": "text",
    "token_budget": "bigint",
    "cpu_budget": "numeric",
    "storage_budget_gb": "numeric",
    "api_call_budget": "bigint",
    "priority_score": "double precision",
    "market_weight": "double precision",
    "roi_score": "double precision",
}
BUDGET_KEY = ("entity_type", "entity_id")

State = Literal["absent", "plain", "kept", "stored", "virtual"]
"""Of a column: not there; there; kept by our trigger; generated when written, or when read."""


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it; `base` is its type without a domain, `builtin` if PostgreSQL brings it."""

    name: str
    type: str
    base: str
    category: str
    """PostgreSQL's letter for what sort of type the base is: N number, S text, D time, E enum."""
    builtin: bool
    state: State
    nullable: bool = True
    default: str | None = None
    if_null: str | None = None
    """What our trigger puts where every source is null."""


class Nulls(NamedTuple):
    """Rows in which a column is null, those in which all its sources are, those where neither is and they differ."""

    nulls: int | None
    unknown: int
    differing: int


@dataclass(frozen=True)
class Table:
    """A legacy table as it was found."""

    name: str
    kind: str
    owned: bool
    rows: int
    columns: Mapping[str, Column]
    nulls: Mapping[str, Nulls]
    listeners: tuple[str, ...] = ()
    """Its own triggers that an UPDATE of ours would fire."""
    publications: tuple[str, ...] = ()
    readable: bool = True


@dataclass(frozen=True)
class Found:
    """A database as it was found."""

    schema: str
    server_version: int
    user: str
    may_create: bool
    may_silence: bool
    """Whether this user may update rows without firing the triggers of others."""
    tables: Mapping[str, Table]


class Expression(NamedTuple):
    """The first of the sources, as text where they differ in type, that is not null; else `if_null`."""

    type: str
    sources: tuple[str, ...]
    if_null: str | None
    as_text: bool = False


class AddColumn(NamedTuple):
    """Add a column: computed when it is read (virtual), a plain one, or one with a constant in every row."""

    table: str
    column: str
    how: Literal["virtual", "plain", "constant"]
    expression: Expression


class KeepColumn(NamedTuple):
    """Let a trigger fill the column wherever a writer does not."""

    table: str
    column: str
    expression: Expression


class FillColumn(NamedTuple):
    """Fill the column where it is null, batch by batch."""

    table: str
    column: str
    expression: Expression
    rows: int


class AddBudgetColumn(NamedTuple):
    """Add a column to the table of budgets; what was never set is null."""

    table: str
    column: str
    type: str


class MakeBudgets(NamedTuple):
    """Make the table of budgets, without a row."""

    table: str = BUDGETS


Step = AddColumn | KeepColumn | FillColumn | AddBudgetColumn | MakeBudgets


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order, and what consumers should know about it."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ColumnReport:
    """A column that the specification names, before and after; counts are of rows, None where there is no column."""

    table: str
    column: str
    made_from: str
    type: str | None
    before: State
    after: State
    rows: int
    nulls_before: int | None
    nulls_after: int | None
    differing: int


@dataclass(frozen=True)
class AdoptReport:
    """What an adoption found and did; a dry run says in `steps` what it would do, and shows everything as it is."""

    schema: str
    server_version: str
    dry_run: bool
    changed: bool
    complete: bool
    """Every column that was to be added is there, and no row of them is null."""
    steps: list[str]
    notes: list[str]
    filled: dict[str, int]
    """Rows that were filled, by table."""
    waits: int
    """How often a lock was not had in time, and asked for again later."""
    seconds: float
    columns: list[ColumnReport] = field(default_factory=list)


class NothingToAdopt(Missing):
    """The schema {schema!r} has neither resource_usage nor allocation_proposals, so there is nothing to adopt. They are
    in: {elsewhere}. Name the right one with --schema, or another database."""


class SchemaUnclear(Invalid):
    """Several schemas have tables of SciDEX: {schemas}. Name the one to adopt with --schema."""


class OwnSchema(Refused):
    """The schema {schema!r} was made by `scidex db migrate`, which gave it every column; there is nothing to adopt.
    `scidex db status` shows where it stands."""


class AdoptForbidden(Refused):
    """The database user {user!r} may not do this: {reason}. Run it as the owner of the tables, or as an
    administrator."""


class TableUnsuitable(Refused):
    """{table} is {what}, and only a table of its own or a partitioned one can be adopted; adopt what it is made of."""


class ColumnTaken(Refused):
    """{table}.{column} is there as {found}, where {wanted} is needed, so it may mean something else. Rename it, or give
    it that type, then adopt again."""


class BudgetsForeign(Refused):
    """{table} has no {column}, by which budgets are known, so it is another table. Rename it, or add the column, then
    adopt again."""


class SourceMissing(Refused):
    """{table} has none of the columns {sources}, which {column} is made from. See that this is the table of SciDEX, or
    add {column} by hand."""


class SourceUnfit(Refused):
    """{table}.{column} cannot be made from {source}, which is {what}; add {column} by hand, then adopt again."""


class SourceNull(Refused):
    """{rows} rows of {table} have no {sources}, and what nobody knows is not made up. Fill them in, or say what shall
    stand there, for example --if-null {column}={example}"""


class IfNullInvalid(Invalid):
    """--if-null {given!r} cannot be used: {problem}. Write COLUMN=VALUE, with one of {columns}."""


class IfNullLate(Refused):
    """{table}.{column} is generated already and {rows} of its rows are null, because their source is. Fill in
    {sources} instead of --if-null."""


class TriggersWouldFire(Refused):
    """To fill {table} would fire its own triggers ({triggers}) for every row. Run this as a superuser, who can leave
    them out, or as one run: GRANT SET ON PARAMETER session_replication_role TO "{user}"."""


class BackfillRejected(Refused):
    """{table} does not take its own rows back ({reason}). Mend these rows and adopt again; what is filled stays so."""


class TableLocked(Busy):
    """{table} was in use for {seconds} s without a gap: {holders}. Nothing is half done; try again later, or wait
    longer with --patience."""


class RowsLocked(Busy):
    """{rows} rows of {table} were held by others for {seconds} s. What is filled stays so; adopt again later, or wait
    longer with --patience."""


class AdoptionRuns(Busy):
    """Another adoption runs on this database as process {pid} of the server; wait for it, then try again."""
