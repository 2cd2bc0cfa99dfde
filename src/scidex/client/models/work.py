"""What the server answers: work; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scidex.client.answers import Answer, Receipt
from scidex.client.models.knowledge import EdgeLineView, GainLineView


class WorkItemDone(Receipt):
    """Where an item stands now."""

    item: str
    artifact_type: str
    artifact_id: str
    state: str
    attempts: int
    not_before: datetime


class WorkItemView(Answer):
    """A piece of work, and where it stands."""

    item: str
    artifact_type: str
    artifact_id: str
    kind: str
    payload: Any
    # the most that it may take, by unit
    amounts: dict[str, float]
    usd: float | None
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    proposer: str
    # items that must be finished before
    after: list[str]
    # waiting, open, claimed, finished, dead or withdrawn
    state: str
    attempts: int
    attempts_max: int
    added_at: datetime
    # since when it ages
    since: datetime
    # before this it is not given to anybody
    not_before: datetime
    claim: str | None
    ended_at: datetime | None
    # why it failed last, died, or was withdrawn
    reason: str | None
    # another one after each change
    version: str


class TermsView(Answer):
    """Why a piece of work was chosen: score = 0.7 ucb + 0.3 budget_rank by the policy's weights, plus ageing."""

    score: float
    # what waiting has added to the score
    ageing: float
    # mean reward of the artifact's results
    mean: float
    # what the unknown is worth: the fewer results, the more
    bonus: float
    # mean and bonus, within 0 and 1
    ucb: float
    # how many results the mean is of
    results: int
    results_of_all: int
    # rank of the artifact's granted budget among those that have work
    budget_rank: float
    # artifacts that had work to choose from
    rivals: int
    # whether it was the best of them, whatever was drawn
    best: bool
    # best, or random: a share of the claims draws the artifact uniformly
    sleeve: str
    # the chance with which the artifact was chosen
    propensity: float
    explanation: str


class ClaimedReceipt(Receipt):
    """A piece of work with its budget reserved; send `max_output_tokens` with the call of a model."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    kind: str
    payload: Any
    # counted from 1
    attempt: int
    reservation: str
    # what is set aside for it, by unit
    amounts: dict[str, float]
    usd: float
    model: str | None
    provider: str | None
    max_output_tokens: int | None
    # heartbeat, finish or give it back before
    expires_at: datetime
    # what the artifact's budget has left besides, by unit
    remaining: dict[str, float]
    terms: TermsView
    # caps that are almost reached
    warnings: list[str]


class WorkClaimView(Answer):
    """Who works on what until when, and why it was this."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    actor: str
    reservation: str
    claimed_at: datetime
    expires_at: datetime
    # held, finished, failed, returned, expired, or late
    state: str
    ended_at: datetime | None
    # what its result teaches, from 0 to below 1
    reward: float | None
    note: str | None
    terms: TermsView


class WorkClaimDone(Receipt):
    """Where a claim and its item stand now."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    state: str
    item_state: str
    expires_at: datetime
    remaining: dict[str, float]


class FinishedReceipt(Receipt):
    """What became of a result."""

    claim: str
    item: str
    artifact_type: str
    artifact_id: str
    # finished, failed, or late: then the item is somebody else's by now
    state: str
    item_state: str
    used: dict[str, float]
    used_usd: float
    overrun: dict[str, float]
    # by unit, how far the budget is below zero
    debts: dict[str, float]
    edges: list[EdgeLineView]
    gains: list[GainLineView]
    outputs: list[str]
    reward: float | None
    remaining: dict[str, float]
    # items that waited for this one and can be had now
    opened: list[str]
    # when a failed item may be tried again
    retry_at: datetime | None
