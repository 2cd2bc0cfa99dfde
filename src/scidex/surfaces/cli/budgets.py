"""`scidex budgets`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount, unit_named
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator import (
    allocate_pool,
    compute_resource_budget,
    find_allocations,
    find_cycles,
    get_resource_budget_rankings,
    record_resource_spending,
)
from scidex.senate.budgets import budget_of, find_budget, find_budget_events, find_budgets, set_budget
from scidex.surfaces.cli.calls import After, Before, Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.words import Amount, Artifact, ArtifactType, artifact_of

budgets = typer.Typer()

PoolUnit = Annotated[str, typer.Option("--unit", metavar="UNIT", help="llm_standard, cpu_seconds, ...")]
OnlyType = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Only artifacts of this type.")]


@reads(budgets, "rank")
def rank(tx: Tx, artifact_type: OnlyType = None, offset: Offset = 0, limit: Limit = 20) -> views.Page[views.BudgetView]:
    """Artifacts by capital-weighted budget, the largest first."""
    found = list(enumerate(get_resource_budget_rankings(artifact_type, limit + 1, offset=offset, tx=tx), offset + 1))
    return views.page(
        views.Page[views.BudgetView],
        found,
        limit,
        lambda ranked: views.budget_view(ranked[1], ranked[0]),
        lambda last: last[0],
    )


@reads(budgets, "show")
def show(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> views.BudgetView:
    """An artifact's budget with every ingredient, its source and its age."""
    return views.budget_view(compute_resource_budget(artifact, artifact_type, tx=tx))


@changes(budgets, "allocate")
def allocate(
    tx: Tx,
    pool: Annotated[str, typer.Option("--pool", metavar="POOL", help="Which pool is shared.")] = "main",
    unit: PoolUnit = "llm_standard",
    cycle: Annotated[
        str | None,
        typer.Option("--cycle", metavar="NAME", help="Shared once per cycle; by default the --key, else the time."),
    ] = None,
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="By default all it has.")] = None,
    floor: Annotated[
        str | None, typer.Option("--floor", metavar="AMOUNT", help="Least for each; by default the policy's share.")
    ] = None,
    artifact_type: OnlyType = None,
    key: Key = None,
) -> views.AllocationReceipt:
    """Share a pool among all that claim of it, and move the grants."""
    known = unit_named(unit)
    receipt = allocate_pool(
        tx,
        pool=pool,
        unit=unit,
        # With a key the default must be the same when it is asked again, or the repeat would be another command.
        cycle=cycle or key or tx.now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        artifact_type=artifact_type,
        amount=None if amount is None else parse_amount(amount, known),
        floor=None if floor is None else parse_amount(floor, known, field="floor", zero=True),
        key=key,
    )
    return views.allocation_receipt(receipt)


@reads(budgets, "list")
def list_budgets(
    tx: Tx, artifact_type: OnlyType = None, after: After = None, limit: Limit = 100
) -> views.Page[views.EnvelopeView]:
    """What operators granted, and how it stands, by artifact."""
    start = EntityKey(*views.names_of(after, 2))
    found = find_budgets(tx, entity_type=artifact_type, after=start, limit=limit + 1)
    return views.page(
        views.Page[views.EnvelopeView],
        found,
        limit,
        lambda row: views.envelope_view(row.entity, row, budget_of(tx, row.entity)),
        lambda last: views.cursor(*last.entity),
    )


@reads(budgets, "granted")
def granted(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> views.EnvelopeView:
    """What an artifact was granted of each unit, what is reserved, spent and left of it."""
    key = artifact_of(tx, artifact, artifact_type)
    return views.envelope_view(key, find_budget(tx, key), budget_of(tx, key))


@changes(budgets, "set")
def set_(
    tx: Tx,
    artifact: Artifact,
    amounts: Annotated[list[str], typer.Argument(metavar="UNIT=AMOUNT...", help="As llm_standard=1000000 usd=20.")],
    pool: Annotated[str, typer.Option("--pool", metavar="POOL", help="Out of which pool.")] = "main",
    priority_score: Annotated[float | None, typer.Option("--priority", metavar="SCORE", help="From 0 to 1.")] = None,
    market_weight: Annotated[float | None, typer.Option("--weight", metavar="WEIGHT", help="From -1 to 1.")] = None,
    cycle: Annotated[str | None, typer.Option("--cycle", metavar="NAME", help="For which cycle.")] = None,
    if_version: Annotated[
        int | None, typer.Option("--if-version", metavar="N", help="Only if it still has this one; 0: was never set.")
    ] = None,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.BudgetSetReceipt:
    """Make the grants of an artifact these, out of a pool; for operators."""
    given = dict(each.partition("=")[::2] for each in amounts)
    receipt = set_budget(
        tx,
        entity=artifact_of(tx, artifact, artifact_type),
        pool=pool,
        budgets={unit: parse_amount(amount, unit_named(unit), field=unit, zero=True) for unit, amount in given.items()},
        priority_score=priority_score,
        market_weight=market_weight,
        cycle=cycle,
        version=if_version,
        key=key,
    )
    return views.budget_set_receipt(receipt)


@reads(budgets, "events")
def events(
    tx: Tx,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="SORT", help="warning, override, debt, notice or returned.")
    ] = None,
    before: Before = None,
    limit: Limit = 100,
) -> views.Page[views.BudgetEventView]:
    """What people should see: caps almost reached, overrides, debts, notices; the newest first."""
    found = find_budget_events(tx, sort=sort, before=before, limit=limit + views.EVENTS_BESIDE)
    kind = views.Page[views.BudgetEventView]
    return views.page(kind, found, views.events_shown(found, limit), views.budget_event_view, lambda last: last.number)


@changes(budgets, "spend")
def spend(
    tx: Tx,
    artifact: Artifact,
    amount: Amount,
    unit: PoolUnit = "llm_standard",
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What for.")] = "",
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.SpendingReceipt:
    """Take what was spent out of an artifact's budget."""
    parts = parse_amount(amount, unit_named(unit))
    receipt = record_resource_spending(
        artifact, parts, artifact_type=artifact_type, unit=unit, note=note, key=key, tx=tx
    )
    return views.spending_receipt(receipt)


@reads(budgets, "cycles")
def cycles(
    tx: Tx,
    pool: Annotated[str | None, typer.Option("--pool", metavar="POOL", help="Only of this pool.")] = None,
    before: Before = None,
    limit: Limit = 100,
) -> views.Page[views.CycleView]:
    """How pools were shared, the newest first."""
    found = find_cycles(tx, pool=pool, before=before, limit=limit + 1)
    return views.page(views.Page[views.CycleView], found, limit, views.cycle_view, lambda last: last.number)


@reads(budgets, "history")
def history(
    tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, before: Before = None, limit: Limit = 100
) -> views.Page[views.AllocationRowView]:
    """An artifact's grants and spendings, the newest first."""
    key = artifact_of(tx, artifact, artifact_type)
    found = find_allocations(tx, artifact=key, before=before, limit=limit + 1)
    kind = views.Page[views.AllocationRowView]
    return views.page(kind, found, limit, views.allocation_row_view, lambda last: last.number)
