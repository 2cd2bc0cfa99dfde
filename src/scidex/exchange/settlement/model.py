"""Settlement on evidence: how a market comes to its end, and to another one when science changes its mind.

    waiting -> proposed -> (disputed ->) final -> done
                  \\ not upheld: waiting again, or final as before

A market has one settlement and, one after the other, cases: each a proposal with its evidence and bond, perhaps a
dispute and a decision. A case that changes what holds makes a version of the settlement; a later version takes back
from those whom an earlier one paid too much, as far as they have it, and pays those whom it paid too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from scidex.core.machine import Table
from scidex.exchange.markets import Market
from scidex.exchange.settlement.evidence import Evidence
from scidex.ledger import AccountKey

WAITING, PROPOSED, DISPUTED, FINAL, DONE = "waiting", "proposed", "disputed", "final", "done"
Ruling = Literal["outcome", "void", "unproven"]
OUTCOME, VOID, UNPROVEN = "outcome", "void", "unproven"
STAGES_IN_ORDER = ("registered", "run", "replicated", "reviewed")
"""What a staged market goes through before an outcome may be proposed."""
POOL = AccountKey("pool:treasury", "pool", "token")
"""Where the rest of a lost bond goes."""
MAKER = "maker"
"""The party of a market that is paid what the traders are not."""


class Settlement(NamedTuple):
    """How far a market's end has come.

    `version` counts how often it was settled, `case` the proposals so far. `traded_until` is when its trading ended,
    which a void looks back from. `due_at` is when anybody may take the next step without a decision: the end of the
    dispute window, of the time to decide, or of the appeal; while it waits, the market's own deadline counts.
    `appeal_until` is the end of the time in which another version may be proposed. `bonds` and `withheld` are token
    parts in the two accounts.
    """

    market: str
    state: str = WAITING
    version: int = 0
    case: int = 0
    staged: bool = False
    traded_until: datetime | None = None
    due_at: datetime | None = None
    appeal_until: datetime | None = None
    bonds: int = 0
    withheld: int = 0


class CaseKey(NamedTuple):
    """A market's cases are numbered 1, 2, 3, ..."""

    market: str
    case: int


class Case(NamedTuple):
    """One proposal and what became of it.

    `bond` is what each side put in, in token parts; `replaces` is the version that it would change; `authority` is who
    decided: `reviewer:NAME`, or `window` where nobody disputed it. `how` is how it ended: upheld (undisputed, or the
    decision says the same), overturned (the dispute is right), rejected (neither is), lapsed (nobody decided in time)
    or overtaken (the market was resolved directly).
    """

    market: str
    case: int
    replaces: int
    proposer: str
    ruling: str
    outcome: str | None
    evidence: tuple[Evidence, ...]
    bond: int
    proposed_at: datetime
    disputable_until: datetime
    disputer: str | None = None
    counter_ruling: str | None = None
    counter_outcome: str | None = None
    counter_evidence: tuple[Evidence, ...] = ()
    disputed_at: datetime | None = None
    decide_until: datetime | None = None
    authority: str | None = None
    decided_ruling: str | None = None
    decided_outcome: str | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    how: str | None = None


class StageKey(NamedTuple):
    """Each stage of a market is recorded once."""

    market: str
    stage: str


class Stage(NamedTuple):
    """A stage that a staged market has reached, by whom and on which evidence."""

    market: str
    stage: str
    actor: str
    evidence: tuple[Evidence, ...]
    recorded_at: datetime


class PortionKey(NamedTuple):
    """A party of a market: `trader:NAME`, or its maker."""

    market: str
    party: str


class Portion(NamedTuple):
    """What a party gets out of a market, in token parts.

    `due` is what the version in force says, `paid` what it has been credited with, of which `withheld` is still held
    back. `paid` differs from `due` only after a version that could not get back all that an earlier one had paid.
    """

    market: str
    party: str
    due: int
    paid: int
    withheld: int


class Standing(NamedTuple):
    """All that there is to know of how a market ends. `bond` is what the next proposal puts in, in token parts;
    `deadline` when it is void if nobody resolves it, None while it trades or once it is settled."""

    market: Market
    settlement: Settlement
    cases: list[Case]
    stages: list[Stage]
    missing: tuple[str, ...]
    portions: list[Portion]
    bond: int
    deadline: datetime | None
    versions_max: int


@lru_cache(maxsize=4096)
def bonds_of(market: str) -> AccountKey:
    """The account that holds the bonds of the case that is open."""
    return AccountKey(f"settlement:{market}", "bond", "token")


@lru_cache(maxsize=4096)
def withheld_of(market: str) -> AccountKey:
    """The account that holds what is held back while an appeal is possible."""
    return AccountKey(f"settlement:{market}", "withheld", "token")


SETTLEMENTS: Table[str, Settlement] = Table("settlement", rank=46)
CASES: Table[CaseKey, Case] = Table("settlement_case", rank=47)
STAGES: Table[StageKey, Stage] = Table("settlement_stage", rank=48, group=lambda key: key.market)
PORTIONS: Table[PortionKey, Portion] = Table("settlement_portion", rank=49, group=lambda key: key.market)


@dataclass(frozen=True, slots=True)
class StageMarket:
    """Let an outcome of this market be proposed only after every stage."""

    market: str


@dataclass(frozen=True, slots=True)
class RecordStage:
    """A stage that was reached, with the evidence of it."""

    market: str
    stage: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ProposeResolution:
    """Put forward how the market ends: an outcome or void. `replaces` is the version to change once it is settled."""

    market: str
    ruling: Ruling
    evidence: tuple[Evidence, ...]
    outcome: str | None = None
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class DisputeResolution:
    """Say what is right instead: another outcome, void, or that it is unproven yet. `case` guards against another."""

    market: str
    ruling: Ruling
    evidence: tuple[Evidence, ...]
    outcome: str | None = None
    case: int | None = None


@dataclass(frozen=True, slots=True)
class DecideDispute:
    """Say what is right, whoever said it. `case` guards against another."""

    market: str
    ruling: Ruling
    reason: str
    outcome: str | None = None
    case: int | None = None


@dataclass(frozen=True, slots=True)
class AdvanceSettlement:
    """Take the step that is due, if one is."""

    market: str


Payments = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SettlementReceipt:
    """Where a settlement stands after a command, in token parts.

    `step` says what was done. `ruling` and `outcome` are those of the case; once it is final, those that hold.
    `bonds` says where bonds went, by account. `payouts` is what parties were credited with, `taken_back` what an
    earlier version had paid them and this one took, `short` what this version owes them and could not get back.
    """

    market: str
    step: str
    state: str
    version: int
    case: int
    due_at: datetime | None
    ruling: str | None = None
    outcome: str | None = None
    bond: int = 0
    bonds: Payments = ()
    payouts: Payments = ()
    taken_back: Payments = ()
    short: Payments = ()
    withheld: int = 0
