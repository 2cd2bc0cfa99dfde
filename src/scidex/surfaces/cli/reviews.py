"""`scidex reviews`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.economy import Economy
from scidex.senate.reviews import find_decisions, find_decisions_on, find_last_decision, find_review, find_reviews
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Before, Call, Key, Limit, acts, looked_at, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of
from scidex.views import reviews as shown

reviews = typer.Typer()
Pool = Annotated[str, typer.Option("--pool", metavar="POOL", help="Which pool.")]
Cycle = Annotated[str, typer.Argument(metavar="CYCLE", help="A name for the review, such as the week's: 2026-W47.")]
Sort = Annotated[str, typer.Option("--sort", metavar="SORT", help="daily (spend safety) or weekly (strategy).")]
Seed = Annotated[str | None, typer.Option("--seed", metavar="SEED", help="That of a preview, to draw the same lots.")]


@acts(reviews, "preview")
def preview(
    call: Call,
    cycle: Cycle,
    pool: Pool = "main",
    sort: Sort = "weekly",
    seed: Seed = None,
    limit: Limit = 20,
) -> shown.ReviewPreview:
    """What a review would do now; nothing is changed."""
    with looked_at(call) as economy:
        found = economy.preview_review(pool=pool, cycle=cycle, sort=sort, seed=seed)
    preview = shown.preview_view(found, limit)
    if not call.json:
        _show_decisions(preview.decisions)
        return preview.model_copy(update={"decisions": []})
    return preview


@acts(reviews, "enact")
def enact(
    call: Call,
    cycle: Cycle,
    pool: Pool = "main",
    sort: Sort = "weekly",
    seed: Seed = None,
    key: Key = None,
) -> shown.ReviewReceipt:
    """Review every budget of a pool and enact what follows, all of it or nothing; for operators."""
    with Economy.open(call.settings) as economy:
        receipt = economy.review(pool=pool, cycle=cycle, sort=sort, seed=seed, actor=call.actor, key=key)
    return shown.review_receipt(receipt)


@reads(reviews, "list")
def list_(
    tx: Tx,
    pool: Annotated[str | None, typer.Option("--pool", metavar="POOL", help="Only of this pool.")] = None,
    before: Before = None,
    limit: Limit = 100,
) -> views.Page[shown.ReviewView]:
    """Reviews, the newest first."""
    found = find_reviews(tx, pool=pool, before=before, limit=limit + 1)
    return views.page(views.Page[shown.ReviewView], found, limit, shown.review_view, lambda last: last.number)


@reads(reviews, "show")
def show(tx: Tx, cycle: Cycle, pool: Pool = "main") -> shown.ReviewView:
    """The review of a pool in a cycle."""
    return shown.review_view(find_review(tx, pool=pool, cycle=cycle))


@reads(reviews, "decisions")
def decisions(
    tx: Tx,
    cycle: Cycle,
    pool: Pool = "main",
    changed: Annotated[bool, typer.Option("--changed", help="Only those that changed a budget.")] = False,
    after: Annotated[int, typer.Option("--after", metavar="NEXT", help="The `next` of the page before.")] = -1,
    limit: Limit = 100,
) -> views.Page[shown.DecisionView]:
    """What a review decided on each artifact, with every input and the reasons."""
    review = find_review(tx, pool=pool, cycle=cycle)
    found = find_decisions(tx, number=review.number, after=after, changed=changed, limit=limit + 1)
    kind = views.Page[shown.DecisionView]
    return views.page(kind, found, limit, lambda row: shown.decision_of(review, row), lambda last: last.line)


@reads(reviews, "why")
def why(tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None) -> shown.DecisionView:
    """Why an artifact has the budget that it has: the latest decision on it."""
    return shown.decision_of(*find_last_decision(tx, entity=artifact_of(tx, artifact, artifact_type)))


@reads(reviews, "history")
def history(
    tx: Tx, artifact: Artifact, artifact_type: ArtifactType = None, before: Before = None, limit: Limit = 100
) -> views.Page[shown.DecisionView]:
    """What reviews have decided on an artifact, the newest first."""
    found = find_decisions_on(tx, entity=artifact_of(tx, artifact, artifact_type), before=before, limit=limit + 1)
    kind = views.Page[shown.DecisionView]
    return views.page(kind, found, limit, lambda row: shown.decision_of(*row), lambda last: last[1].number)


def _show_decisions(found: list[shown.DecisionView]) -> None:
    render.show_rows([{"artifact": each.artifact_id, "budget": unit.why} for each in found for unit in each.units])
