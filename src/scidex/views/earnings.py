"""Earnings from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from scidex.actors import UnknownActor, find_actors_named
from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import Unit, parse_amount
from scidex.entities import EntityKey
from scidex.exchange.earnings import (
    QUALITY_ONE,
    Ancestor,
    Earned,
    Line,
    Mint,
    Period,
    Recorded,
    Retracted,
    Verified,
    find_debt,
    find_earned,
    find_output,
    find_rewards,
)
from scidex.views.base import Done, View, done, tokens

QUALITY = Unit("quality", 3, "how good an output is, from 0 to 1")


class EntityRef(View):
    """An entity by type and id."""

    output_type: str
    output_id: str


class PayeeView(View):
    """What royalties go to: an output, how many steps back, and by whom."""

    output_type: str
    output_id: str
    producer: str
    owner: str | None
    depth: int


class ShareView(View):
    """What a payee got of a reward; depth 0 is the producer's own, above it is a royalty for what the source is."""

    payee: str
    source_type: str
    source_id: str
    depth: int
    amount: float
    netted: float = Field(description="tokens of it that repaid a debt of revoked rewards")
    clawed: float = Field(description="tokens of it that were taken back")
    owed: float = Field(description="tokens of it that were revoked and no longer there, a debt since")


class RewardView(View):
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


class OutputView(View):
    """An output: who made it, what it builds on, what it was rewarded with, whether it stands."""

    output_type: str
    output_id: str
    producer: str
    owner: str | None = Field(description="who stands behind the producer; null if that is unknown")
    builds_on: list[EntityRef]
    royalties_to: list[PayeeView]
    recorded_by: str
    recorded_at: datetime
    retracted_at: datetime | None
    retracted_by: str | None
    reason: str | None
    rewards: list[RewardView]


class EarnedView(View):
    """What an actor earned with a kind of output, or in a period; tokens."""

    kind: str | None = Field(default=None, description="null in the lines by period")
    period: datetime | None = Field(default=None, description="when the period began; null in the lines by kind")
    outputs: int = Field(description="outputs of the actor that were rewarded")
    earned: float = Field(description="the actor's own share of the rewards of these outputs")
    royalties_in: float = Field(description="what the actor got of rewards of what builds on these outputs")
    royalties_out: float = Field(description="what others got of the rewards of these outputs")
    revoked: float = Field(description="what of earned and royalties_in was revoked since")
    netted: float = Field(description="what of earned and royalties_in repaid a debt of revoked rewards")


class EarningsView(View):
    """What an actor earned by production in all, by kind and by period; tokens."""

    actor: str
    earned: float
    royalties_in: float
    royalties_out: float
    revoked: float
    netted: float
    debt: float = Field(description="what of revoked rewards is still owed; the next earnings repay it first")
    as_of: datetime
    source: str
    by_kind: list[EarnedView]
    by_period: list[EarnedView] = Field(description="the latest period first")


class EmissionView(View):
    """A period of emission; tokens."""

    starts_at: datetime
    ends_at: datetime
    supply: float = Field(description="the tokens that there were when it began")
    budget: float = Field(description="the most that it mints")
    minted: float
    revoked: float
    left: float
    policy_version: int


class RecordedDone(Done):
    """What was recorded, and what royalties of it would go to."""

    output_type: str
    output_id: str
    producer: str
    owner: str | None
    royalties_to: list[PayeeView]


class VerifiedDone(Done):
    """What was minted, to whom, and what the period has left."""

    output_type: str
    output_id: str
    kind: str
    amount: float
    left: float
    period_ends_at: datetime
    shares: list[ShareView]


class RetractedDone(Done):
    """What was revoked: taken back, or owed from now on."""

    output_type: str
    output_id: str
    revoked: float
    clawed: float
    owed: float
    shares: list[ShareView]


def quality_of(given: str | int | float) -> int:
    """A quality from 0 to 1 in thousandths.

    Refuses: AmountNotNumber, AmountNotFinite, AmountNegative, AmountTooFine, AmountTooLarge.
    """
    return parse_amount(given, QUALITY, field="quality", zero=True)


def _payee(each: Ancestor) -> PayeeView:
    sort, name = each.output
    return PayeeView(output_type=sort, output_id=name, producer=each.producer, owner=each.owner, depth=each.depth)


def _share(line: Line) -> ShareView:
    return ShareView(
        payee=line.payee,
        source_type=line.source.entity_type,
        source_id=line.source.entity_id,
        depth=line.depth,
        amount=tokens(line.amount),
        netted=tokens(line.netted),
        clawed=tokens(line.clawed),
        owed=tokens(line.owed),
    )


def _reward(mint: Mint, lines: Sequence[Line]) -> RewardView:
    return RewardView(
        kind=mint.kind,
        number=mint.number,
        at=mint.at,
        reviewer=mint.reviewer,
        quality=mint.quality / QUALITY_ONE,
        amount=tokens(mint.amount),
        note=mint.note,
        revoked_at=mint.revoked_at,
        shares=list(map(_share, lines)),
    )


def output_view(tx: Tx, output: EntityKey) -> OutputView:
    """An output as it stands now, with its rewards. Refuses: UnknownOutput."""
    found, standing = find_output(tx, output)
    return OutputView(
        output_type=output.entity_type,
        output_id=output.entity_id,
        producer=found.producer,
        owner=found.owner,
        builds_on=[EntityRef(output_type=sort, output_id=name) for sort, name in found.builds_on],
        royalties_to=list(map(_payee, found.lineage)),
        recorded_by=found.recorded_by,
        recorded_at=found.recorded_at,
        retracted_at=standing.retracted_at,
        retracted_by=standing.retracted_by,
        reason=standing.reason,
        rewards=[_reward(mint, lines) for mint, lines in find_rewards(tx, output)],
    )


def earnings_view(tx: Tx, actor: str) -> EarningsView:
    """What an actor earned. Refuses: UnknownActor."""
    if not find_actors_named(tx, [actor]):
        raise UnknownActor(actor=actor)
    rows = find_earned(tx, actor)
    whole = _sum(rows)
    kinds = sorted({row.kind for row in rows})
    periods = sorted({row.period for row in rows}, reverse=True)
    return EarningsView(
        actor=actor,
        earned=whole.earned,
        royalties_in=whole.royalties_in,
        royalties_out=whole.royalties_out,
        revoked=whole.revoked,
        netted=whole.netted,
        debt=tokens(find_debt(tx, actor)),
        as_of=tx.now,
        source="rewards and their shares, as the journal has them",
        by_kind=[_sum([row for row in rows if row.kind == kind], kind=kind) for kind in kinds],
        by_period=[_sum([row for row in rows if row.period == period], period=period) for period in periods],
    )


def _sum(rows: Sequence[Earned], kind: str | None = None, period: datetime | None = None) -> EarnedView:
    return EarnedView(
        kind=kind,
        period=period,
        outputs=sum(row.outputs for row in rows),
        earned=tokens(sum(row.earned for row in rows)),
        royalties_in=tokens(sum(row.royalties_in for row in rows)),
        royalties_out=tokens(sum(row.royalties_out for row in rows)),
        revoked=tokens(sum(row.revoked for row in rows)),
        netted=tokens(sum(row.netted for row in rows)),
    )


def emission_view(period: Period) -> EmissionView:
    """A period row."""
    return EmissionView(
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        supply=tokens(period.supply),
        budget=tokens(period.budget),
        minted=tokens(period.minted),
        revoked=tokens(period.revoked),
        left=tokens(period.left),
        policy_version=period.policy_version,
    )


def recorded_done(receipt: Receipt[Recorded]) -> RecordedDone:
    """The receipt of a record."""
    result = receipt.result
    return RecordedDone(
        **done(receipt),
        output_type=result.output.entity_type,
        output_id=result.output.entity_id,
        producer=result.producer,
        owner=result.owner,
        royalties_to=list(map(_payee, result.payees)),
    )


def verified_done(receipt: Receipt[Verified]) -> VerifiedDone:
    """The receipt of a verification."""
    result = receipt.result
    return VerifiedDone(
        **done(receipt),
        output_type=result.output.entity_type,
        output_id=result.output.entity_id,
        kind=result.kind,
        amount=tokens(result.amount),
        left=tokens(result.left),
        period_ends_at=result.period_ends_at,
        shares=list(map(_share, result.lines)),
    )


def retracted_done(receipt: Receipt[Retracted]) -> RetractedDone:
    """The receipt of a retraction."""
    result = receipt.result
    return RetractedDone(
        **done(receipt),
        output_type=result.output.entity_type,
        output_id=result.output.entity_id,
        revoked=tokens(result.revoked),
        clawed=tokens(result.clawed),
        owed=tokens(result.owed),
        shares=list(map(_share, result.lines)),
    )
