"""Work from outside: the queue, claims with their budget and why they were chosen, and results."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import USD, Unit, to_number
from scidex.views.base import Done, View, done
from scidex.views.knowledge import EdgeLineView, GainLineView, edges
from scidex.views.reservations import amounts_of
from scidex.work import Claimed, ClaimReceipt, Finished, ItemReceipt, Terms, WorkClaim, WorkItem, version_of

SCORE = Unit("score", 6, "from 0 to 1")


def _score(parts: int) -> float:
    return to_number(parts, SCORE)


class WorkItemView(View):
    """A piece of work, and where it stands."""

    item: str
    artifact_type: str
    artifact_id: str
    kind: str
    payload: Any
    amounts: dict[str, float] = Field(description="the most that it may take, by unit")
    usd: float | None
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    proposer: str
    after: list[str] = Field(description="items that must be finished before")
    state: str = Field(description="waiting, open, claimed, finished, dead or withdrawn")
    attempts: int
    attempts_max: int
    added_at: datetime
    since: datetime = Field(description="since when it ages")
    not_before: datetime = Field(description="before this it is not given to anybody")
    claim: str | None
    ended_at: datetime | None
    reason: str | None = Field(description="why it failed last, died, or was withdrawn")
    version: str = Field(description="another one after each change")


class TermsView(View):
    """Why a piece of work was chosen: score = 0.7 ucb + 0.3 budget_rank by the policy's weights, plus ageing."""

    score: float
    ageing: float = Field(description="what waiting has added to the score")
    mean: float = Field(description="mean reward of the artifact's results")
    bonus: float = Field(description="what the unknown is worth: the fewer results, the more")
    ucb: float = Field(description="mean and bonus, within 0 and 1")
    results: int = Field(description="how many results the mean is of")
    results_of_all: int
    budget_rank: float = Field(description="rank of the artifact's granted budget among those that have work")
    rivals: int = Field(description="artifacts that had work to choose from")
    best: bool = Field(description="whether it was the best of them, whatever was drawn")
    sleeve: str = Field(description="best, or random: a share of the claims draws the artifact uniformly")
    propensity: float = Field(description="the chance with which the artifact was chosen")
    explanation: str


class WorkClaimView(View):
    """Who works on what until when, and why it was this."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    actor: str
    reservation: str
    claimed_at: datetime
    expires_at: datetime
    state: str = Field(description="held, finished, failed, returned, expired, or late")
    ended_at: datetime | None
    reward: float | None = Field(description="what its result teaches, from 0 to below 1")
    note: str | None
    terms: TermsView


class WorkItemDone(Done):
    """Where an item stands now."""

    item: str
    artifact_type: str
    artifact_id: str
    state: str
    attempts: int
    not_before: datetime


class ClaimedReceipt(Done):
    """A piece of work with its budget reserved; send `max_output_tokens` with the call of a model."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    kind: str
    payload: Any
    attempt: int = Field(description="counted from 1")
    reservation: str
    amounts: dict[str, float] = Field(description="what is set aside for it, by unit")
    usd: float
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    expires_at: datetime = Field(description="heartbeat, finish or give it back before")
    remaining: dict[str, float] = Field(description="what the artifact's budget has left besides, by unit")
    terms: TermsView
    warnings: list[str] = Field(description="caps that are almost reached")


class WorkClaimDone(Done):
    """Where a claim and its item stand now."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    state: str
    item_state: str
    expires_at: datetime
    remaining: dict[str, float]


class FinishedReceipt(Done):
    """What became of a result."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    state: str = Field(description="finished, failed, or late: then the item is somebody else's by now")
    item_state: str
    used: dict[str, float]
    used_usd: float
    overrun: dict[str, float]
    debts: dict[str, float] = Field(description="by unit, how far the budget is below zero")
    edges: list[EdgeLineView]
    gains: list[GainLineView]
    outputs: list[str]
    reward: float | None
    remaining: dict[str, float]
    opened: list[str] = Field(description="items that waited for this one and can be had now")
    retry_at: datetime | None = Field(description="when a failed item may be tried again")


def _told(terms: Terms, score: int, ageing: int, sleeve: str, propensity: int) -> TermsView:
    how = "as the best" if sleeve == "best" else "drawn at random"
    shown = {name: _score(getattr(terms, name)) for name in ("mean", "bonus", "ucb", "budget_rank")}
    return TermsView(
        score=_score(score),
        ageing=_score(ageing),
        results=terms.pulls,
        results_of_all=terms.total,
        rivals=terms.rivals,
        best=terms.first,
        sleeve=sleeve,
        propensity=_score(propensity),
        explanation=f"{how} of {terms.rivals}: score {_score(score)} of mean reward {shown['mean']} over {terms.pulls}"
        f" of {terms.total} results with a bonus of {shown['bonus']}, and budget rank {shown['budget_rank']};"
        f" waiting added {_score(ageing)}",
        **shown,
    )


def work_item_view(row: WorkItem) -> WorkItemView:
    """An item row."""
    return WorkItemView(
        artifact_type=row.entity.entity_type,
        artifact_id=row.entity.entity_id,
        payload=json.loads(row.payload),
        amounts=amounts_of(row.amounts),
        usd=None if row.usd is None else to_number(row.usd, USD),
        after=list(row.after),
        version=version_of(row),
        **{name: getattr(row, name) for name in WorkItemView.model_fields if name in _ITEM_AS_IT_IS},
    )


_ITEM_AS_IT_IS = set(WorkItem._fields) - {"entity", "payload", "amounts", "usd", "after"}


def work_claim_view(row: WorkClaim) -> WorkClaimView:
    """A claim row."""
    return WorkClaimView(
        claim=row.claim,
        item=row.item,
        artifact_type=row.entity.entity_type,
        artifact_id=row.entity.entity_id,
        actor=row.actor,
        reservation=row.reservation,
        claimed_at=row.claimed_at,
        expires_at=row.expires_at,
        state=row.state,
        ended_at=row.ended_at,
        reward=None if row.reward is None else _score(row.reward),
        note=row.note,
        terms=_told(row.terms, row.score, row.ageing, row.sleeve, row.propensity),
    )


def work_item_done(receipt: Receipt[ItemReceipt]) -> WorkItemDone:
    """The receipt of a command on an item."""
    item = receipt.result
    return WorkItemDone(
        **done(receipt),
        item=item.item,
        artifact_type=item.entity.entity_type,
        artifact_id=item.entity.entity_id,
        state=item.state,
        attempts=item.attempts,
        not_before=item.not_before,
    )


def claimed_receipt(receipt: Receipt[Claimed]) -> ClaimedReceipt:
    """The receipt of a claim."""
    held = receipt.result
    return ClaimedReceipt(
        **done(receipt),
        claim=held.claim,
        item=held.item,
        artifact_type=held.entity.entity_type,
        artifact_id=held.entity.entity_id,
        kind=held.kind,
        payload=json.loads(held.payload),
        attempt=held.attempt,
        reservation=held.reservation,
        amounts=amounts_of(held.amounts),
        usd=to_number(held.usd, USD),
        model=held.model,
        provider=held.provider,
        max_output_tokens=held.max_output_tokens,
        expires_at=held.expires_at,
        remaining=amounts_of(held.remaining),
        terms=_told(held.terms, held.score, held.ageing, held.sleeve, held.propensity),
        warnings=list(held.warnings),
    )


def work_claim_done(receipt: Receipt[ClaimReceipt]) -> WorkClaimDone:
    """The receipt of a heartbeat, or of giving back."""
    claim = receipt.result
    return WorkClaimDone(
        **done(receipt),
        claim=claim.claim,
        item=claim.item,
        artifact_type=claim.entity.entity_type,
        artifact_id=claim.entity.entity_id,
        state=claim.state,
        item_state=claim.item_state,
        expires_at=claim.expires_at,
        remaining=amounts_of(claim.remaining),
    )


def finished_receipt(receipt: Receipt[Finished]) -> FinishedReceipt:
    """The receipt of a result, or of a failure."""
    found = receipt.result
    charged = found.charged
    return FinishedReceipt(
        **done(receipt),
        claim=found.claim,
        item=found.item,
        artifact_type=found.entity.entity_type,
        artifact_id=found.entity.entity_id,
        state=found.state,
        item_state=found.item_state,
        used=amounts_of(charged.used) if charged is not None else {},
        used_usd=to_number(charged.used_usd, USD) if charged is not None else 0,
        overrun=amounts_of(charged.overrun) if charged is not None else {},
        debts=amounts_of(charged.debts) if charged is not None else {},
        edges=[EdgeLineView(edge=each.edge, outcome=each.outcome, share=edges(each.parts)) for each in found.edges],
        gains=[GainLineView(**each._asdict()) for each in found.gains],
        outputs=[str(output) for output in found.outputs],
        reward=None if found.reward is None else _score(found.reward),
        remaining=amounts_of(found.remaining),
        opened=list(found.opened),
        retry_at=found.retry_at,
    )
