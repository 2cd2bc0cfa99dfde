"""How markets end, from outside: where it stands, on which evidence, until when what may be done, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field, TypeAdapter

from scidex.core.journal import Receipt
from scidex.core.units import format_amount
from scidex.exchange.settlement import (
    Case,
    Evidence,
    Portion,
    Settlement,
    Stage,
    Standing,
    form_of,
    in_words,
)
from scidex.views.base import Done, View, done, tokens

_FACTS: TypeAdapter[Evidence] = TypeAdapter(Evidence)


class EvidenceView(View):
    """A piece of evidence."""

    sort: str
    says: str = Field(description="its facts in one line")
    reference: str
    form: str | None = Field(description="what the reference is by its form: pmid, doi or url")
    facts: dict[str, Any]

    def __str__(self) -> str:
        """As a cell of a table shows it."""
        return f"{self.says} ({self.reference})"


class CaseView(View):
    """A proposal and what became of it."""

    case: int
    replaces: int = Field(description="the version of the settlement that it would change; 0 for the first")
    proposer: str
    ruling: str
    outcome: str | None
    evidence: list[EvidenceView]
    bond: float = Field(description="what each side put in, in tokens")
    proposed_at: datetime
    disputable_until: datetime
    disputer: str | None
    counter_ruling: str | None
    counter_outcome: str | None
    counter_evidence: list[EvidenceView]
    disputed_at: datetime | None
    decide_until: datetime | None
    authority: str | None = Field(description="who decided: reviewer:NAME, or window where nobody disputed it in time")
    decided_ruling: str | None
    decided_outcome: str | None
    reason: str | None
    ended_at: datetime | None
    how: str | None = Field(description="upheld, overturned, rejected, lapsed or overtaken; null while it is open")


class StageView(View):
    """A stage that a staged market has reached."""

    stage: str
    actor: str
    evidence: list[EvidenceView]
    recorded_at: datetime


class PortionView(View):
    """What a party gets out of a market, in tokens."""

    party: str
    due: float = Field(description="what the version in force says")
    paid: float = Field(description="what it was credited with in all, less what was taken back")
    short: float = Field(description="what could not be got back for it from those whom an earlier version paid")
    withheld: float = Field(description="the part of what is paid that is held back while an appeal is possible")


class SettlementLine(View):
    """Where a market's end stands."""

    market: str
    state: str
    version: int
    case: int
    staged: bool
    due_at: datetime | None
    bonds: float
    withheld: float


class SettlementView(View):
    """All that there is to know of how a market ends."""

    market: str
    question: str
    state: str = Field(description="waiting, proposed, disputed, final or done")
    next: str = Field(description="what happens next, and what may be done until when")
    market_state: str
    outcome: str | None
    version: int = Field(description="how often it was settled")
    staged: bool
    stages_missing: list[str]
    closes_at: datetime | None
    deadline_at: datetime | None = Field(description="when it is void if nobody resolves it")
    due_at: datetime | None = Field(description="when the next step is due by itself")
    appeal_ends_at: datetime | None
    bond: float = Field(description="what a proposal puts in now, in tokens")
    bonds: float = Field(description="what lies in the bond account, in tokens")
    withheld: float = Field(description="what is held back for an appeal, in tokens")
    cases: list[CaseView]
    stages: list[StageView]
    portions: list[PortionView]


class SettlementDone(Done):
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
    bonds: dict[str, float] = Field(description="where bonds went, by account, in tokens")
    payouts: dict[str, float] = Field(description="what parties were credited with, in tokens")
    taken_back: dict[str, float] = Field(description="what was taken back of an earlier version's payouts, in tokens")
    short: dict[str, float] = Field(description="what this version owes and could not get back, in tokens")
    withheld: float = Field(description="what is held back for an appeal, in tokens")


def evidence_views(evidence: Sequence[Evidence]) -> list[EvidenceView]:
    """Pieces of evidence, in their order."""
    return [
        EvidenceView(
            sort=piece.sort,
            says=in_words(piece),
            reference=piece.reference,
            form=form_of(piece.reference),
            facts=_FACTS.dump_python(piece, mode="json", exclude={"sort", "reference"}),
        )
        for piece in evidence
    ]


def case_view(case: Case) -> CaseView:
    """A case row."""
    fields = case._asdict()
    fields["evidence"] = evidence_views(case.evidence)
    fields["counter_evidence"] = evidence_views(case.counter_evidence)
    return CaseView(**{**fields, "bond": tokens(case.bond)})


def stage_view(stage: Stage) -> StageView:
    """A stage row."""
    return StageView(
        stage=stage.stage,
        actor=stage.actor,
        evidence=evidence_views(stage.evidence),
        recorded_at=stage.recorded_at,
    )


def portion_view(portion: Portion) -> PortionView:
    """A portion row."""
    return PortionView(
        party=portion.party,
        due=tokens(portion.due),
        paid=tokens(portion.paid),
        short=tokens(max(0, portion.due - portion.paid)),
        withheld=tokens(portion.withheld),
    )


def settlement_line(settlement: Settlement) -> SettlementLine:
    """A settlement row."""
    return SettlementLine(
        market=settlement.market,
        state=settlement.state,
        version=settlement.version,
        case=settlement.case,
        staged=settlement.staged,
        due_at=settlement.due_at,
        bonds=tokens(settlement.bonds),
        withheld=tokens(settlement.withheld),
    )


def settlement_view(standing: Standing) -> SettlementView:
    """How a market's end stands."""
    market, settlement = standing.market, standing.settlement
    return SettlementView(
        market=market.market,
        question=market.question,
        state=settlement.state,
        next=next_in_words(standing),
        market_state=market.state,
        outcome=market.outcome,
        version=settlement.version,
        staged=settlement.staged,
        stages_missing=list(standing.missing),
        closes_at=market.closes_at,
        deadline_at=standing.deadline,
        due_at=settlement.due_at,
        appeal_ends_at=settlement.appeal_until,
        bond=tokens(standing.bond),
        bonds=tokens(settlement.bonds),
        withheld=tokens(settlement.withheld),
        cases=[case_view(case) for case in standing.cases],
        stages=[stage_view(stage) for stage in standing.stages],
        portions=[portion_view(portion) for portion in standing.portions],
    )


def next_in_words(standing: Standing) -> str:
    """What happens next with a market, and what may be done until when."""
    market, settlement = standing.market, standing.settlement
    bond = f"a bond of {format_amount(standing.bond)} tokens"
    if settlement.version == 0 and settlement.bonds and market.state in ("resolved", "void"):
        return "It was resolved directly under the proposal; the bonds go back with the keeper's next round."
    if settlement.state == "proposed":
        case = standing.cases[-1]
        return (
            f"The proposal ({_said(case.ruling, case.outcome)}) is final at {_at(settlement.due_at)}. Until then"
            f" anybody but {case.proposer} may dispute it, with a bond of {format_amount(case.bond)} tokens."
        )
    if settlement.state == "disputed":
        case = standing.cases[-1]
        return (
            f"A reviewer without a stake in it decides until {_at(settlement.due_at)} between {case.proposer}"
            f" ({_said(case.ruling, case.outcome)}) and {case.disputer}"
            f" ({_said(case.counter_ruling, case.counter_outcome)}). After that the dispute lapses, and both bonds go"
            " back."
        )
    if settlement.state == "final":
        replaced = f"Until {_at(settlement.appeal_until)} anybody without a stake may propose what should replace it"
        if settlement.version >= standing.versions_max:
            replaced = f"Nothing replaces it any more; until {_at(settlement.appeal_until)} a part is held back"
        return f"It is paid by version {settlement.version}. {replaced}; then what is held back is paid out."
    if settlement.state == "done" or market.state in ("resolved", "void"):
        return "It is paid for good; nothing follows."
    if standing.deadline is None:
        until = _at(market.closes_at) if market.closes_at else "a resolver closes it"
        return f"It trades until {until}; then anybody without a stake may propose how it ends, with {bond}."
    needed = f" An outcome has to wait until it is {', '.join(standing.missing)}." if standing.missing else ""
    return (
        f"Anybody without a stake may propose how it ends until {_at(standing.deadline)}, with {bond}; after that it is"
        f" void, at the mean prices before the end of trading.{needed}"
    )


def settlement_done(receipt: Receipt[Any]) -> SettlementDone:
    """The receipt of a step."""
    step = receipt.result
    return SettlementDone(
        **done(receipt),
        market=step.market,
        step=step.step,
        state=step.state,
        version=step.version,
        case=step.case,
        due_at=step.due_at,
        ruling=step.ruling,
        outcome=step.outcome,
        bond=tokens(step.bond),
        bonds=_in_tokens(step.bonds),
        payouts=_in_tokens(step.payouts),
        taken_back=_in_tokens(step.taken_back),
        short=_in_tokens(step.short),
        withheld=tokens(step.withheld),
    )


def _in_tokens(payments: Sequence[tuple[str, int]]) -> dict[str, float]:
    return {name: tokens(amount) for name, amount in payments}


def _said(ruling: str | None, outcome: str | None) -> str:
    return f"outcome {outcome}" if outcome is not None else str(ruling)


def _at(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
