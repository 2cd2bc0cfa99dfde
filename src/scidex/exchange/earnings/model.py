"""Earnings: tokens minted for verified output, shared with what the output builds on, revoked when it is retracted.

recorded (with what it builds on) -> verified by a reviewer: minted, once for each kind -> retracted: revoked
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey

OUTPUT_KINDS = ("debate", "hypothesis", "evidence", "extraction", "edge", "gap", "prediction", "gate")
"""What a reward is for."""
REVIEWER = "reviewer"
QUALITY_ONE = 1000
"""The highest quality: qualities are whole thousandths."""


class Ancestor(NamedTuple):
    """Something that an output builds on: how many steps back, by whom, and who stands behind that one if known."""

    output: EntityKey
    producer: str
    owner: str | None
    depth: int


class Output(NamedTuple):
    """What a producer has made, and what it builds on; it never changes.

    `lineage` is what royalties may go to, the nearest first: nothing of the producer's or the owner's own, and these
    count as no step.
    """

    output: EntityKey
    producer: str
    owner: str | None
    builds_on: tuple[EntityKey, ...]
    lineage: tuple[Ancestor, ...]
    recorded_by: str
    recorded_at: datetime

    @property
    def hands(self) -> set[str]:
        """Who made it and who stands behind that one."""
        return {self.producer} if self.owner is None else {self.producer, self.owner}


class Standing(NamedTuple):
    """Whether an output still stands."""

    output: EntityKey
    retracted_at: datetime | None = None
    retracted_by: str | None = None
    reason: str | None = None


class MintKey(NamedTuple):
    """An output is rewarded once for each kind, ever."""

    output: EntityKey
    kind: str


class Mint(NamedTuple):
    """A reward of `amount` token parts, of which each line has its share; `period` is when its period began."""

    output: EntityKey
    kind: str
    number: int
    at: datetime
    producer: str
    reviewer: str
    quality: int
    amount: int
    period: datetime
    note: str
    revoked_at: datetime | None = None


class LineKey(NamedTuple):
    """Which share of which reward; line 0 is the producer's own."""

    output: EntityKey
    kind: str
    line: int


class Line(NamedTuple):
    """What a payee got of a reward, in token parts, and for which output: depth 0 is the one rewarded, above it is a
    royalty.

    `netted` of it repaid a debt. Of what was revoked, `clawed` was taken back and `owed` became a debt.
    """

    output: EntityKey
    kind: str
    line: int
    payee: str
    source: EntityKey
    depth: int
    amount: int
    netted: int = 0
    clawed: int = 0
    owed: int = 0


class Period(NamedTuple):
    """A period of emission, in token parts: `supply` is what there was at its beginning, that is at the first command
    that moved its figures; `budget` is the most that it mints."""

    unit: str
    starts_at: datetime
    ends_at: datetime
    supply: int
    budget: int
    minted: int
    revoked: int
    policy_version: int

    @property
    def left(self) -> int:
        """What may still be minted. What is revoked is not minted again."""
        return self.budget - self.minted


class PeriodKey(NamedTuple):
    """A period that is over."""

    unit: str
    starts_at: datetime


class Debt(NamedTuple):
    """Token parts of revoked rewards that an actor no longer had; the next earnings repay them first."""

    actor: str
    amount: int


class Earned(NamedTuple):
    """What an actor's outputs of a kind earned in a period, in token parts.

    `earned` is his own share of his rewards, `royalties_out` what others got of them, `royalties_in` what he got of
    theirs; `revoked` of what he got was revoked since, and `netted` repaid his debt.
    """

    period: datetime
    kind: str
    outputs: int
    earned: int
    royalties_in: int
    royalties_out: int
    revoked: int
    netted: int


OUTPUTS: Table[EntityKey, Output] = Table("earning_output", rank=40)
STANDINGS: Table[EntityKey, Standing] = Table("earning_standing", rank=41)
MINTS: Table[MintKey, Mint] = Table("earning_mint", rank=42, group=lambda key: key.output)
LINES: Table[LineKey, Line] = Table("earning_line", rank=43, group=lambda key: key.output)
EMISSION: Table[str, Period] = Table("emission", rank=44)
"""The period that is under way, by unit."""
PERIODS: Table[PeriodKey, Period] = Table("emission_period", rank=45, append_only=True)
DEBTS: Table[str, Debt] = Table("earning_debt", rank=96)
"""After the accounts: who has no debt has no row to lock, and the wallet, which whoever may make one locks, stands for
it."""


@dataclass(frozen=True, slots=True)
class RecordOutput:
    """Say that an entity is an output, and what it builds on.

    `owner` stands behind the producer, where that is known; an operator says so.
    """

    output: EntityKey
    builds_on: tuple[EntityKey, ...] = ()
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyOutput:
    """Find that an output is what it says, as one of a kind and of a quality in thousandths, and mint its reward."""

    output: EntityKey
    kind: str
    note: str
    quality: int = 0


@dataclass(frozen=True, slots=True)
class RetractOutput:
    """Take an output back, and with it all that it was rewarded with."""

    output: EntityKey
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded; `payees` are the outputs that royalties would go to."""

    output: EntityKey
    producer: str
    owner: str | None
    payees: tuple[Ancestor, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was minted, in token parts, to whom, and what the period has left."""

    output: EntityKey
    kind: str
    amount: int
    lines: tuple[Line, ...]
    left: int
    period_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Retracted:
    """What was revoked, in token parts: taken back, and owed from now on."""

    output: EntityKey
    revoked: int
    clawed: int
    owed: int
    lines: tuple[Line, ...]


class UnknownKind(Invalid):
    """There is no kind of output {kind!r}; use one of {known}."""


class QualityInvalid(Invalid):
    """The quality is {given}; give a number from 0 to 1 with at most three decimals."""


class TooManyParents(Invalid):
    """{given} outputs are too many to build on; name the {most} that matter most."""


class ParentRepeated(Invalid):
    """{output} is named twice among what the output builds on, or builds on itself; name each other output once."""


class NotTheProducer(Forbidden):
    """{output} was made by {producer}, so {actor} may not do this; its producer, or who has the role for it, may."""


class ReviewerHasStake(Forbidden):
    """{actor} made {output}, stands behind it, or would be paid for it; leave it to another reviewer."""


class UnknownOutput(Missing):
    """{output} is not recorded as an output; record it first (`scidex earnings record`)."""


class OutputKnown(Refused):
    """{output} was recorded at {recorded_at}, and what it builds on does not change; verify it."""


class OutputWithdrawn(Refused):
    """{output} was retracted at {retracted_at}; build on, or verify, what stands."""


class RewardedBefore(Refused):
    """{output} was rewarded as {kind} at {at}; an output is rewarded once for each kind. Verify another."""


class NotRewarded(Refused):
    """The policy has no reward for the kind {kind}; verify it as another."""


class EmissionExhausted(Refused):
    """The reward is {needed} tokens and this period may mint {left} more; ask again when the next one begins, at
    {ends_at}."""
