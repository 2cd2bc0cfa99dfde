"""Adopt an older SciDEX: look, plan, change the catalogue in the gaps of others' work, fill, look again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from psycopg import Connection

from scidex.adopt import catalogue, rules, store
from scidex.adopt.model import (
    MIRRORS,
    AdoptionRuns,
    AdoptReport,
    FillColumn,
    Found,
    MakeBudgets,
    NothingToAdopt,
    OwnSchema,
    Plan,
    RowsLocked,
    SchemaUnclear,
    Step,
    TableLocked,
)
from scidex.core.db import check_server, connect_as_owner
from scidex.core.settings import Settings

Progress = Callable[[str, int], None]
"""Told a table, and how many of its rows are filled."""
PATIENCE_S = 60.0
FIRST_BLOCKS = 16
BATCH_S = 0.1
"""Aimed at for one batch, which is how long a row may be held."""


def adopt(
    conninfo: str,
    settings: Settings,
    *,
    schema: str | None = None,
    if_null: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
    dry_run: bool = False,
    progress: Progress = lambda table, rows: None,
) -> AdoptReport:
    """Add what the specification names and a database of an older SciDEX lacks, while its consumers go on.

    `if_null` has entries COLUMN=VALUE. Each table's catalogue is changed in one transaction, each batch of rows is
    filled in another; whoever stops it half way runs it again. `patience_s` is how long one of these may be in vain.
    Refuses: NothingToAdopt, SchemaUnclear, OwnSchema, IfNullInvalid, IfNullLate, TableUnsuitable, ColumnTaken,
    BudgetsForeign, SourceMissing, SourceUnfit, SourceNull, AdoptForbidden, TriggersWouldFire, TableLocked,
    RowsLocked, BackfillRejected, AdoptionRuns, Contended, DatabaseUrlInvalid, DatabaseDown, DatabaseTooOld,
    DatabaseReadOnly, StorageFull, RightMissing.
    """
    started = time.monotonic()
    values = rules.parse_if_null(if_null)
    check_server(conninfo, settings)
    with connect_as_owner(conninfo, settings) as connection:
        adopted = _entered(connection, schema, patience_s)
        before = catalogue.find(adopted)
        plan = rules.plan(before, _typed(adopted, before, values))
        doing = _Adoption(adopted, before, patience_s, progress)
        if not dry_run:
            doing.carry_out(plan)
        after = catalogue.find(adopted) if doing.changed else before
        columns = rules.reports(before, after)
        return AdoptReport(
            schema=adopted.schema,
            server_version=str(connection.info.parameter_status("server_version")),
            dry_run=dry_run,
            changed=doing.changed,
            complete=rules.is_complete(columns),
            steps=[rules.said(step) for step in plan.steps],
            notes=list(plan.notes),
            filled=doing.filled,
            waits=doing.waits,
            seconds=round(time.monotonic() - started, 3),
            columns=columns,
        )


def _entered(connection: Connection[Any], schema: str | None, patience_s: float) -> catalogue.Adopted:
    """The schema to adopt: the one named, or else the only one with tables of an older SciDEX."""
    found = catalogue.find_schemas(connection)
    legacy = [name for name in found if not catalogue.is_our_own(connection, name)]
    if schema is None and len(legacy) > 1:
        raise SchemaUnclear(schemas=", ".join(legacy))
    chosen = schema or next(iter(legacy or found), "public")
    if chosen not in found:
        raise NothingToAdopt(schema=chosen, elsewhere=", ".join(found) or "no schema of this database")
    if chosen not in legacy:
        raise OwnSchema(schema=chosen)
    if pid := store.take_turn(connection):
        raise AdoptionRuns(pid=pid)
    store.settle_in(connection, chosen, patience_s)
    return catalogue.Adopted(connection, chosen)


def _typed(adopted: catalogue.Adopted, found: Found, values: Mapping[str, str]) -> dict[str, str]:
    typed = {}
    for mirror in MIRRORS:
        if mirror.column in values and mirror.table in found.tables:
            table = found.tables[mirror.table]
            there, made = table.columns.get(mirror.column), rules.expression_of(table, mirror)
            kind = there.base if there else made.type if made else "text"
            typed[mirror.column] = store.value_of(adopted, mirror.column, kind, values[mirror.column])
    return typed


class _Adoption:
    """The steps of a plan being carried out, and what it took."""

    def __init__(self, adopted: catalogue.Adopted, found: Found, patience_s: float, progress: Progress) -> None:
        self.adopted = adopted
        self.found = found
        self.patience_s = patience_s
        self.progress = progress
        self.changed = False
        self.filled: dict[str, int] = {}
        self.waits = 0

    def carry_out(self, plan: Plan) -> None:
        """Everything in its order: a table's catalogue, then its rows."""
        for table, steps in groupby(plan.steps, key=lambda step: step.table):
            each = list(steps)
            fills = [step for step in each if isinstance(step, FillColumn)]
            changes = [step for step in each if not isinstance(step, FillColumn)]
            if changes:
                self._change(table, changes)
            self.changed = True
            if fills:
                self._fill(table, fills)

    def _change(self, table: str, steps: Sequence[Step]) -> None:
        if isinstance(steps[0], MakeBudgets):
            store.make_budgets(self.adopted)
            return
        started = time.monotonic()
        while not store.change(self.adopted, table, steps):
            holders = catalogue.find_holders(self.adopted, table)
            if time.monotonic() - started > self.patience_s:
                raise TableLocked(
                    table=table,
                    seconds=round(time.monotonic() - started),
                    holders="; ".join(map(_told, holders)) or "?",
                )
            self._pause()

    def _pause(self) -> None:
        self.waits += 1
        # Long enough for all who came after us to be served before we ask again.
        time.sleep(random.uniform(0.1, 0.5))

    def _fill(self, table: str, steps: Sequence[FillColumn]) -> None:
        moved = time.monotonic()
        while missing := store.count_missing(self.adopted, table, steps):
            before = self.filled.get(table, 0)
            for schema, leaf, blocks in catalogue.find_leaves(self.adopted, table):
                self._sweep(table, (schema, leaf), steps, blocks)
            if self.filled.get(table, 0) > before:
                moved = time.monotonic()
            elif time.monotonic() - moved > self.patience_s:
                raise RowsLocked(table=table, rows=missing, seconds=round(time.monotonic() - moved))
            else:
                self._pause()

    def _sweep(self, table: str, leaf: tuple[str, str], steps: Sequence[FillColumn], blocks: int) -> None:
        """Fill one file from its beginning to where it ended, in batches that take about as long each."""
        start, size = 0, FIRST_BLOCKS
        while start < blocks:
            began = time.monotonic()
            # Ours need not fire either, which would take as long again.
            silent = self.found.may_silence
            filled = store.fill(self.adopted, leaf, steps, (start, start + size), silent=silent)
            # What is in use is left to the next sweep.
            self.filled[table] = self.filled.get(table, 0) + (filled or 0)
            self.progress(table, self.filled[table])
            start += size
            took = time.monotonic() - began
            size = min(4096, max(1, size * 2 if took < BATCH_S / 2 else size // 2 if took > BATCH_S * 2 else size))


def _told(holder: Mapping[str, Any]) -> str:
    since = "" if holder["seconds"] is None else f" for {holder['seconds']} s"
    return f"process {holder['pid']} ({holder['user']}, {holder['application']}) is {holder['state']}{since}"
