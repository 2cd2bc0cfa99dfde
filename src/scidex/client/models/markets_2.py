"""What the server answers: markets_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scidex.client.answers import Answer, Receipt


class SettlementDone(Receipt):
    """The receipt of a step."""

    market: str
    step: str
    state: str
    version: int
    case: int
    due_at: datetime | None
    ruling: str | None
    outcome: str | None
    bond: float
    # where bonds went, by account, in tokens
    bonds: dict[str, float]
    # what parties were credited with, in tokens
    payouts: dict[str, float]
    # what was taken back of an earlier version's payouts, in tokens
    taken_back: dict[str, float]
    # what this version owes and could not get back, in tokens
    short: dict[str, float]
    # what is held back for an appeal, in tokens
    withheld: float


class SettlementLine(Answer):
    """Where a market's end stands."""

    market: str
    state: str
    version: int
    case: int
    staged: bool
    due_at: datetime | None
    bonds: float
    withheld: float


class EvidenceView(Answer):
    """A piece of evidence."""

    sort: str
    # its facts in one line
    says: str
    reference: str
    # what the reference is by its form: pmid, doi or url
    form: str | None
    facts: dict[str, Any]


class CaseView(Answer):
    """A proposal and what became of it."""

    case: int
    # the version of the settlement that it would change; 0 for the first
    replaces: int
    proposer: str
    ruling: str
    outcome: str | None
    evidence: list[EvidenceView]
    # what each side put in, in tokens
    bond: float
    proposed_at: datetime
    disputable_until: datetime
    disputer: str | None
    counter_ruling: str | None
    counter_outcome: str | None
    counter_evidence: list[EvidenceView]
    disputed_at: datetime | None
    decide_until: datetime | None
    # who decided: reviewer:NAME, or window where nobody disputed it in time
    authority: str | None
    decided_ruling: str | None
    decided_outcome: str | None
    reason: str | None
    ended_at: datetime | None
    # upheld, overturned, rejected, lapsed or overtaken; null while it is open
    how: str | None


class StageView(Answer):
    """A stage that a staged market has reached."""

    stage: str
    actor: str
    evidence: list[EvidenceView]
    recorded_at: datetime


class PortionView(Answer):
    """What a party gets out of a market, in tokens."""

    party: str
    # what the version in force says
    due: float
    # what it was credited with in all, less what was taken back
    paid: float
    # what could not be got back for it from those whom an earlier version paid
    short: float
    # the part of what is paid that is held back while an appeal is possible
    withheld: float


class SettlementView(Answer):
    """All that there is to know of how a market ends."""

    market: str
    question: str
    # waiting, proposed, disputed, final or done
    state: str
    # what happens next, and what may be done until when
    next: str
    market_state: str
    outcome: str | None
    # how often it was settled
    version: int
    staged: bool
    stages_missing: list[str]
    closes_at: datetime | None
    # when it is void if nobody resolves it
    deadline_at: datetime | None
    # when the next step is due by itself
    due_at: datetime | None
    appeal_ends_at: datetime | None
    # what a proposal puts in now, in tokens
    bond: float
    # what lies in the bond account, in tokens
    bonds: float
    # what is held back for an appeal, in tokens
    withheld: float
    cases: list[CaseView]
    stages: list[StageView]
    portions: list[PortionView]
