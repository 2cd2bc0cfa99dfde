"""Tools for budgets: what is granted, reserved, used, settled, and what it brought."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scidex.atlas.roi import find_roi_of, find_roi_ranking
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.entities import find_entity
from scidex.exchange.resource_allocator import compute_resource_budget, get_resource_budget_rankings
from scidex.metering import find_usage, usage_totals
from scidex.policy import current
from scidex.senate.budgets import budget_of, find_budget, find_limits, find_reservation, find_reservations
from scidex.senate.reviews import find_last_decision
from scidex.surfaces.mcp.caller import Caller
from scidex.surfaces.mcp.tool import ArtifactId, ArtifactType, Limit, Offset, Tool, Topic
from scidex.views import (
    BudgetView,
    EnvelopeView,
    ExtendTerms,
    LimitView,
    ModelView,
    Page,
    ReleaseTerms,
    ReservationView,
    ReserveBody,
    ReservedReceipt,
    SettleTerms,
    Text,
    UsageBody,
    UsageTotalView,
    UsageView,
    View,
    When,
    budget_view,
    deeds,
    envelope_view,
    limit_view,
    model_view,
    page,
    place_of,
    reservation_view,
    returns,
    reviews,
    usage_place,
    usage_total_view,
    usage_view,
)

BUDGETS = Topic()
OfArtifact = Annotated[Text | None, Field(description="only of this artifact")]
Since = Annotated[When | None, Field(description="from this moment on, with its zone")]
Until = Annotated[When | None, Field(description="before this moment, with its zone")]
Tokens = Annotated[int, Field(ge=0, le=10**9)]
_ARTIFACT = {"artifact_id": "tau-spreads-trans-synaptically"}


class LimitsView(View):
    """The caps that all must hold."""

    limits: list[LimitView]


class TotalsView(View):
    """Sums of what was used."""

    totals: list[UsageTotalView]


async def _quote(caller: Caller, asked: ReserveBody) -> ReservedReceipt:
    """What the same reservation would answer, carried out and rolled back."""

    def work() -> ReservedReceipt:
        with caller.economy.reading(actor=caller.actor) as tx:
            request = Request(asked.command(tx, caller.known), caller.actor)
        (answer,) = caller.economy.perform([request], dry_run=True)
        if isinstance(answer, Refusal):
            raise answer
        with caller.economy.reading(actor=caller.actor) as tx:
            return asked.done(answer, tx, caller.known)

    return await caller.in_thread(work)


BUDGETS.tools.append(
    Tool(
        "budget_quote",
        "What a reservation would set aside and cost, without reserving: or DENY with what is short and what fits.",
        ("read",),
        ReserveBody,
        ReservedReceipt,
        _quote,
    )
)
BUDGETS.asks(
    "budget_reserve",
    ReserveBody,
    "spend",
    "Set resources of an artifact's budget aside before you use them, all or nothing; keep the reservation's id.",
)
BUDGETS.asks(
    "budget_settle",
    SettleTerms,
    "spend",
    "Say what a reservation was used for: it is charged in full, and the rest is released.",
)
BUDGETS.asks("budget_void", ReleaseTerms, "spend", "Let go of a reservation of which nothing was used.")
BUDGETS.asks(
    "budget_extend",
    ExtendTerms,
    "spend",
    "Let a reservation run for so many seconds from now: the heartbeat of long work.",
)


@BUDGETS.finds("budget_balance", example=_ARTIFACT)
def budget_balance(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> EnvelopeView:
    """What an artifact was granted of each unit, what is reserved, spent and left of it."""
    key = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    return envelope_view(key, find_budget(tx, key), budget_of(tx, key))


@BUDGETS.finds("budget_reservation", example={"reservation": "r17"})
def budget_reservation(tx: Tx, reservation: Text) -> ReservationView:
    """A reservation as it is now."""
    return reservation_view(find_reservation(tx, reservation))


@BUDGETS.finds("budget_reservations", example={})
def budget_reservations(
    tx: Tx,
    actor: Annotated[Text | None, Field(description="only of this actor")] = None,
    artifact_id: OfArtifact = None,
    artifact_type: ArtifactType = None,
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[ReservationView]:
    """List the reservations that are open, the oldest first."""
    entity = None
    if artifact_id is not None:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = find_reservations(tx, entity=entity, actor=actor, offset=offset, limit=limit + 1)
    return page(Page[ReservationView], found, limit, reservation_view, lambda row: offset + limit)


@BUDGETS.finds("budget_limits", example={"scope": "fleet"})
def budget_limits(
    tx: Tx,
    scope: Literal["fleet", "actor", "provider", "entity"] | None = None,
    subject: Annotated[Text | None, Field(description="only of this actor, provider or artifact (TYPE:ID)")] = None,
) -> LimitsView:
    """The caps that every reservation must hold, and how far each is used."""
    found = find_limits(tx, current(tx)[0], scope=scope, subject=subject)
    return LimitsView(limits=[limit_view(each) for each in found])


@BUDGETS.finds("budget_claim", example=_ARTIFACT)
def budget_claim(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> BudgetView:
    """What capital claims for an artifact when a pool is shared: every ingredient, its source and its age."""
    return budget_view(compute_resource_budget(artifact_id, artifact_type, tx=tx))


@BUDGETS.finds("budget_ranking", example={"artifact_type": "gap"})
def budget_ranking(
    tx: Tx,
    artifact_type: Annotated[Text | None, Field(description="only artifacts of this type")] = None,
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[BudgetView]:
    """Artifacts by what capital claims for them, the largest first."""
    found = get_resource_budget_rankings(artifact_type, limit + 1, offset=offset, tx=tx)
    ranked = list(enumerate(found, start=offset + 1))
    return page(Page[BudgetView], ranked, limit, lambda row: budget_view(row[1], row[0]), lambda row: row[0])


@BUDGETS.finds("budget_why", example=_ARTIFACT)
def budget_why(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> reviews.WhyView:
    """Why an artifact has the budget that it has: the latest decision on it, every input, the reasons in words."""
    artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    return reviews.why_view(*find_last_decision(tx, entity=artifact))


BUDGETS.asks(
    "usage_record",
    UsageBody,
    "spend",
    "Record usage that nobody reserved; the budget pays whether or not it can. Give your own event id: it counts once.",
)
BUDGETS.asks(
    "usage_store",
    deeds.StoredBody,
    "spend",
    "Say how many bytes an artifact stores somewhere; the GB-hours since the last time are charged.",
)


@BUDGETS.finds("usage_find", example=_ARTIFACT)
def usage_find(
    tx: Tx,
    artifact_id: OfArtifact = None,
    artifact_type: ArtifactType = None,
    actor: Annotated[Text | None, Field(description="only of this actor")] = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[Text | None, Field(description="the `next` of the page before")] = None,
    limit: Limit = 20,
) -> Page[UsageView]:
    """Rows of usage, the latest first: what was used, for what, at which price."""
    entity = None
    if artifact_id is not None:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = find_usage(
        tx, entity=entity, actor=actor, since=since, until=until, before=place_of(before), limit=limit + 1
    )
    return page(Page[UsageView], found, limit, usage_view, usage_place)


@BUDGETS.finds("usage_totals", example={"by": "model"})
def totals(
    tx: Tx,
    by: Literal["unit", "model", "provider", "actor", "entity"] = "unit",
    artifact_id: OfArtifact = None,
    artifact_type: ArtifactType = None,
    actor: Annotated[Text | None, Field(description="only of this actor")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> TotalsView:
    """What was used in whole hours, summed by unit, model, provider, actor or artifact, the dearest first."""
    entity = None
    if artifact_id is not None:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = usage_totals(tx, by=by, entity=entity, actor=actor, since=since, until=until, limit=limit)
    return TotalsView(totals=[usage_total_view(row) for row in found])


@BUDGETS.finds("model_price", example={"model": "gpt-4o", "input_tokens": 1200, "output_tokens": 800})
def model_price(
    tx: Tx,
    model: Text,
    provider: Text | None = None,
    input_tokens: Tokens = 1000,
    output_tokens: Tokens = 1000,
    cached_tokens: Tokens = 0,
) -> ModelView:
    """In which tier a model is, and what a call of so many tokens costs today."""
    policy, version = current(tx)
    return model_view(
        model,
        provider,
        policy,
        version,
        at=tx.now,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=min(cached_tokens, input_tokens),
    )


@BUDGETS.finds("roi_report", example={"artifact_id": "tau-spreads-trans-synaptically"})
def roi_report(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> returns.RoiView:
    """What an artifact brought for what it spent: edges per LLM token, raw, shrunk to its type, and audited."""
    key = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    return returns.roi_view(find_roi_of(tx, key), tx.now)


@BUDGETS.finds("roi_ranking", example={"artifact_type": "hypothesis"})
def roi_ranking(
    tx: Tx,
    artifact_type: Annotated[Text | None, Field(description="only of this type")] = None,
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[returns.RoiView]:
    """Artifacts that have spent something by what they brought for it, the highest shrunk return first."""
    found = find_roi_ranking(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
    return page(
        Page[returns.RoiView], found, limit, lambda each: returns.roi_view(each, tx.now), lambda each: offset + limit
    )
