"""What the server answers: earnings; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class EarnedView(Answer):
    """What an actor earned with a kind of output, or in a period; tokens."""

    # null in the lines by period
    kind: str | None = None
    # when the period began; null in the lines by kind
    period: datetime | None = None
    # outputs of the actor that were rewarded
    outputs: int
    # the actor's own share of the rewards of these outputs
    earned: float
    # what the actor got of rewards of what builds on these outputs
    royalties_in: float
    # what others got of the rewards of these outputs
    royalties_out: float
    # what of earned and royalties_in was revoked since
    revoked: float
    # what of earned and royalties_in repaid a debt of revoked rewards
    netted: float


class EarningsView(Answer):
    """What an actor earned by production in all, by kind and by period; tokens."""

    actor: str
    earned: float
    royalties_in: float
    royalties_out: float
    revoked: float
    netted: float
    # what of revoked rewards is still owed; the next earnings repay it first
    debt: float
    as_of: datetime
    source: str
    by_kind: list[EarnedView]
    # the latest period first
    by_period: list[EarnedView]


class EmissionView(Answer):
    """A period of emission; tokens."""

    starts_at: datetime
    ends_at: datetime
    # the tokens that there were when it began
    supply: float
    # the most that it mints
    budget: float
    minted: float
    revoked: float
    left: float
    policy_version: int


class EntityRef(Answer):
    """An entity by type and id."""

    output_type: str
    output_id: str


class PayeeView(Answer):
    """What royalties go to: an output, how many steps back, and by whom."""

    output_type: str
    output_id: str
    producer: str
    owner: str | None
    depth: int


class ShareView(Answer):
    """What a payee got of a reward; depth 0 is the producer's own, above it is a royalty for what the source is."""

    payee: str
    source_type: str
    source_id: str
    depth: int
    amount: float
    # tokens of it that repaid a debt of revoked rewards
    netted: float
    # tokens of it that were taken back
    clawed: float
    # tokens of it that were revoked and no longer there, a debt since
    owed: float


class RewardView(Answer):
    """A reward of an output, whole and by its shares."""

    kind: str
    number: int
    at: datetime
    reviewer: str
    quality: float
    amount: float
    note: str
    revoked_at: datetime | None
    shares: list[ShareView]


class OutputView(Answer):
    """An output: who made it, what it builds on, what it was rewarded with, whether it stands."""

    output_type: str
    output_id: str
    producer: str
    # who stands behind the producer; null if that is unknown
    owner: str | None
    builds_on: list[EntityRef]
    royalties_to: list[PayeeView]
    recorded_by: str
    recorded_at: datetime
    retracted_at: datetime | None
    retracted_by: str | None
    reason: str | None
    rewards: list[RewardView]


class RecordedDone(Receipt):
    """What was recorded, and what royalties of it would go to."""

    output_type: str
    output_id: str
    producer: str
    owner: str | None
    royalties_to: list[PayeeView]


class VerifiedDone(Receipt):
    """What was minted, to whom, and what the period has left."""

    output_type: str
    output_id: str
    kind: str
    amount: float
    left: float
    period_ends_at: datetime
    shares: list[ShareView]


class RetractedDone(Receipt):
    """What was revoked: taken back, or owed from now on."""

    output_type: str
    output_id: str
    revoked: float
    clawed: float
    owed: float
    shares: list[ShareView]
