"""What a proposal stands on: papers, recorded moves of a market, knowledge gained, benchmarks, progress on a gap.

What can be checked is checked when it is proposed: forms here, and by what the action found in the records (a `Finding`
for each piece). What cannot is a reference for the reviewers to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field

from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import format_amount
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.markets import lmsr
from scidex.exchange.settlement import form_of
from scidex.policy import Context
from scidex.senate.proposals.refusals import (
    ClaimInvalid,
    ClaimUnknown,
    ExpectedGainInvalid,
    MoveNotRecorded,
    PaperUnknown,
    TooMuchEvidence,
    YieldNotRecorded,
)

_STRICT = ConfigDict(extra="forbid")
"""A misspelt fact is no fact."""
MEASURES = ("edges", "papers", "hypotheses", "confidence", "benchmark", "gap")


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper by its PMID, and what it shows."""

    __pydantic_config__ = _STRICT

    reference: str
    shows: str
    sort: Literal["paper"] = "paper"


@dataclass(frozen=True, slots=True)
class MarketMove:
    """That the price of a market's outcome (by default its first) for decisions changed so much between two times."""

    __pydantic_config__ = _STRICT

    market: str
    since: datetime
    until: datetime
    change: Decimal
    outcome: str | None = None
    sort: Literal["market"] = "market"


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """What a metric of a benchmark came to; by a registered entity (`type:id`), a PMID, a DOI or an address."""

    __pydantic_config__ = _STRICT

    reference: str
    benchmark: str
    metric: str
    value: Decimal
    sort: Literal["benchmark"] = "benchmark"


@dataclass(frozen=True, slots=True)
class GapProgress:
    """What has been closed of a gap; by a registered entity (`type:id`), a PMID, a DOI or an address."""

    __pydantic_config__ = _STRICT

    reference: str
    says: str
    sort: Literal["gap"] = "gap"


@dataclass(frozen=True, slots=True)
class KnowledgeYield:
    """That work on an artifact has gained at least so many edges of the Atlas, in the shares that are its own."""

    __pydantic_config__ = _STRICT

    entity_type: str
    entity_id: str
    edges: Decimal
    sort: Literal["knowledge"] = "knowledge"


Evidence: TypeAlias = Annotated[
    Paper | MarketMove | KnowledgeYield | BenchmarkResult | GapProgress, Field(discriminator="sort")
]
_SORTS = (Paper, MarketMove, KnowledgeYield, BenchmarkResult, GapProgress)


class Expected(NamedTuple):
    """What the proposer expects of it: so much of a measure within so many seconds of the grant."""

    measure: str
    amount: Decimal
    within_s: int


class Finding(NamedTuple):
    """What the records say of the piece of evidence at this place, counted from 0.

    `known` is whether a look-up found the paper, or the market is there; None where nobody looked. Prices are 10^-12:
    those for decisions, and those of the moment. `edges` are parts of 10^-6 edge.
    """

    place: int
    known: bool | None = None
    before: int | None = None
    after: int | None = None
    spot_before: int | None = None
    spot_after: int | None = None
    edges: int | None = None


def entity_of(reference: str) -> EntityKey | None:
    """The entity that a reference names, unless it is of one of the other forms.

    >>> entity_of("gap:tau"), entity_of("https://example.org/x")
    (EntityKey(entity_type='gap', entity_id='tau'), None)
    """
    sort, colon, name = reference.partition(":")
    return EntityKey(sort, name) if colon and sort and name and form_of(reference) is None else None


def check_expected(expected: Sequence[Expected]) -> None:
    """Pass if every expected gain is more than nothing of a known measure, by a time. Refuses: ExpectedGainInvalid."""
    for gain in expected:
        problem = None
        if gain.measure not in MEASURES:
            problem = f"{str(gain.measure)[:40]!r} is none of {', '.join(MEASURES)}"
        elif not isinstance(gain.amount, Decimal) or not gain.amount.is_finite() or not 0 < gain.amount < 10**15:
            problem = "its amount is not a number above 0"
        elif type(gain.within_s) is not int or not 1 <= gain.within_s <= 10**9:
            problem = "its time is not a whole number of seconds above 0"
        if problem:
            raise ExpectedGainInvalid(problem=problem)


def check_evidence(state: State, context: Context, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> None:
    """Pass if every piece has its facts, and the records do not say otherwise.

    Refuses: TooMuchEvidence, ClaimInvalid, ClaimUnknown, PaperUnknown, MoveNotRecorded, YieldNotRecorded, NameInvalid.
    """
    most = context.policy.proposal_evidence_max
    if len(evidence) > most:
        raise TooMuchEvidence(given=len(evidence), most=most)
    found = {finding.place: finding for finding in findings}
    for place, piece in enumerate(evidence):
        finding = found.get(place, Finding(place))
        if type(piece) not in _SORTS:
            raise ClaimInvalid(place=place + 1, problem="it is of none of the sorts")
        if isinstance(piece, Paper):
            _check_paper(place, piece, finding)
        elif isinstance(piece, MarketMove):
            _check_move(place, piece, finding, context)
        elif isinstance(piece, KnowledgeYield):
            _check_yield(place, piece, finding)
        else:
            _check_reference(state, place, piece)


def _check_paper(place: int, paper: Paper, finding: Finding) -> None:
    check_name(paper.shows, "shows", longest=1000)
    if form_of(paper.reference) != "pmid":
        raise ClaimInvalid(place=place + 1, problem=f"{paper.reference[:60]!r} is no PMID such as PMID:31978945")
    if finding.known is False:
        raise PaperUnknown(place=place + 1, reference=paper.reference)


def _check_reference(state: State, place: int, piece: BenchmarkResult | GapProgress) -> None:
    if isinstance(piece, BenchmarkResult):
        check_name(piece.benchmark, "benchmark")
        check_name(piece.metric, "metric")
        if not isinstance(piece.value, Decimal) or not piece.value.is_finite():
            raise ClaimInvalid(place=place + 1, problem="its value is not a finite number")
    else:
        check_name(piece.says, "says", longest=1000)
    if form_of(piece.reference) is not None:
        return
    entity = entity_of(piece.reference)
    if entity is None:
        raise ClaimInvalid(
            place=place + 1,
            problem=f"{piece.reference[:60]!r} is neither type:id of an entity nor a PMID, DOI or address",
        )
    if state.get(ENTITIES, entity) is None:
        raise ClaimUnknown(place=place + 1, what=str(entity))


def _check_move(place: int, move: MarketMove, finding: Finding, context: Context) -> None:
    """Compare the claimed change with that of the recorded price for decisions, which nobody moves for a moment."""
    check_name(move.market, "market")
    if not isinstance(move.change, Decimal) or not move.change.is_finite() or not 0 < abs(move.change) <= 1:
        raise ClaimInvalid(place=place + 1, problem="its change is not a number from -1 to 1 other than 0")
    if not move.since < move.until <= context.now:
        raise ClaimInvalid(place=place + 1, problem="its times are not one before the other, both past")
    if not finding.known:
        outcome = f" with an outcome {move.outcome}" if move.outcome else ""
        raise ClaimUnknown(place=place + 1, what=f"market {move.market}{outcome} at both times")
    assert finding.before is not None and finding.after is not None, finding
    recorded = Fraction(finding.after - finding.before, lmsr.PRICE_ONE)
    if abs(recorded - Fraction(move.change)) > Fraction(context.policy.proposal_price_tolerance):
        raise MoveNotRecorded(
            place=place + 1,
            market=move.market,
            change=f"{move.change:+f}",
            since=move.since.isoformat(),
            until=move.until.isoformat(),
            before=_price(finding.before),
            after=_price(finding.after),
            spot_before=_price(finding.spot_before),
            spot_after=_price(finding.spot_after),
            recorded=f"{float(recorded):+.4f}",
        )


def _check_yield(place: int, claim: KnowledgeYield, finding: Finding) -> None:
    if not isinstance(claim.edges, Decimal) or not claim.edges.is_finite() or not 0 < claim.edges < 10**12:
        raise ClaimInvalid(place=place + 1, problem="its edges are not a number above 0")
    recorded = finding.edges or 0
    if Fraction(recorded, 10**6) < Fraction(claim.edges):
        raise YieldNotRecorded(
            place=place + 1,
            entity=f"{claim.entity_type} {claim.entity_id}",
            edges=f"{claim.edges:f}",
            recorded=format_amount(recorded),
        )


def _price(price: int | None) -> str:
    return "unknown" if price is None else f"{price / lmsr.PRICE_ONE:.4f}"


def in_words(piece: Evidence) -> str:
    """A piece of evidence in one line.

    >>> in_words(Paper("PMID:1", "tau spreads"))
    'PMID:1: tau spreads'
    """
    if isinstance(piece, Paper):
        return f"{piece.reference}: {piece.shows}"
    if isinstance(piece, MarketMove):
        outcome = f" of {piece.outcome}" if piece.outcome else ""
        return (
            f"the price{outcome} in market {piece.market} changed by {piece.change:+f}"
            f" from {piece.since.isoformat()} to {piece.until.isoformat()}"
        )
    if isinstance(piece, KnowledgeYield):
        return f"work on {piece.entity_type} {piece.entity_id} has gained {piece.edges:f} edges"
    if isinstance(piece, BenchmarkResult):
        return f"{piece.benchmark}: {piece.metric} is {piece.value} ({piece.reference})"
    return f"{piece.says} ({piece.reference})"
