"""The economy at a glance, from outside: the pipeline from capital to knowledge, pools, what needs a decision."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.core.units import UNITS, USD, to_number
from scidex.exchange.markets import lmsr
from scidex.insight import CAPITAL, Concern, Listed, Pipeline, PipelineArtifact, PoolLine, Pools
from scidex.views.base import View, tokens
from scidex.views.knowledge import edges
from scidex.views.reservations import LimitView, limit_view


class PipelineArtifactView(View):
    """What flowed to an artifact and what was spent on it; without a type and an id, all others together."""

    artifact_type: str | None
    artifact_id: str | None
    title: str | None
    capital: dict[str, float] = Field(description="by source: bids, bounties, subsidy, grants; tokens by the rates")
    spent: dict[str, float] = Field(description="what was spent of each unit, in that unit")
    spent_tokens: float = Field(description="the same in tokens by the rates")
    kg_edges_gained: float


class PipelineLinkView(View):
    """So much went from here to there: a source, an artifact (type:id, or others), a unit, or edges and no_edges."""

    source: str
    target: str
    tokens: float


class PipelineView(View):
    """From capital over artifacts and resources spent to knowledge gained."""

    since: datetime = Field(description="a whole hour")
    until: datetime
    artifacts: list[PipelineArtifactView]
    links: list[PipelineLinkView]
    capital: dict[str, float] = Field(description="tokens that came from each source")
    spent_tokens: float = Field(description="what was spent, in tokens by the rates")
    spent_without_edges: float = Field(description="so much of it on artifacts that gained no edges in the period")
    kg_edges_gained: float
    without_rate: list[str] = Field(description="units that flowed and have no rate, so are in no link")
    usd: float = Field(description="what calls cost as far as prices are known, beside the links")
    usd_unknown: int = Field(description="calls whose price is not known")
    policy_version: int
    as_of: datetime
    source: str


class PoolLineView(View):
    """What a pool has of a unit, and what became of what was granted out of it: granted = reserved + spent + idle."""

    pool: str = Field(description="empty where no pool is on record")
    unit: str
    free: float = Field(description="granted to nobody yet")
    granted: float
    reserved: float = Field(description="what work under way holds")
    spent: float
    idle: float = Field(description="granted, and neither reserved nor spent; below zero it is a debt")


class PoolsView(View):
    """Every pool, unit by unit, and the caps of the fleet."""

    lines: list[PoolLineView]
    caps: list[LimitView]
    as_of: datetime
    source: str


class ConcernView(View):
    """Something that a person should look at."""

    sort: str = Field(description="proposal, dispute, cap, debt, liquidity or unsealed")
    urgent: bool = Field(description="waiting decides it, or something stands still")
    subject: str
    artifact_type: str | None
    artifact_id: str | None
    what: str
    due_at: datetime | None


class AttentionView(View):
    """What needs a decision, the urgent first."""

    concerns: list[ConcernView]
    as_of: datetime
    source: str


class ListedView(View):
    """An artifact, and where the market on it stands; null where there is none."""

    artifact_type: str
    artifact_id: str
    title: str
    market: str | None
    state: str | None
    outcome: str | None = Field(description="the market's first outcome, which stands for the artifact")
    price: float | None = Field(description="price of that outcome")
    capital_at_risk: float | None
    liquidity: float | None
    trades: int | None


def listed_view(found: Listed) -> ListedView:
    """A line of the list of artifacts."""
    return ListedView(
        artifact_type=found.entity.entity_type,
        artifact_id=found.entity.entity_id,
        title=found.title,
        market=found.market,
        state=found.state,
        outcome=found.outcome,
        price=None if found.price is None else found.price / lmsr.PRICE_ONE,
        capital_at_risk=None if found.at_risk is None else tokens(found.at_risk),
        liquidity=None if found.liquidity is None else tokens(found.liquidity),
        trades=found.trades,
    )


def pipeline_view(found: Pipeline, now: datetime) -> PipelineView:
    """The pipeline of a period."""
    return PipelineView(
        since=found.since,
        until=found.until,
        artifacts=[_artifact(each) for each in found.artifacts],
        links=[PipelineLinkView(source=a, target=b, tokens=tokens(parts)) for a, b, parts in found.links],
        capital={flow: _sum(found, source=flow) for flow in CAPITAL},
        spent_tokens=_sum(found, target="edges") + _sum(found, target="no_edges"),
        spent_without_edges=_sum(found, target="no_edges"),
        kg_edges_gained=edges(found.edges),
        without_rate=list(found.without_rate),
        usd=to_number(found.usd, USD),
        usd_unknown=found.usd_unknown,
        policy_version=found.policy_version,
        as_of=now,
        source="trades, bounties, subsidies, grants, sums of usage by the hour, and edges of the period",
    )


def _sum(found: Pipeline, *, source: str | None = None, target: str | None = None) -> float:
    return tokens(sum(each.tokens for each in found.links if each.source == source or each.target == target))


def _artifact(found: PipelineArtifact) -> PipelineArtifactView:
    return PipelineArtifactView(
        artifact_type=found.entity.entity_type if found.entity else None,
        artifact_id=found.entity.entity_id if found.entity else None,
        title=found.title if found.entity else "all others",
        capital={flow: tokens(parts) for flow, parts in found.capital},
        spent={unit: to_number(amount, UNITS[unit]) for unit, amount in found.spent},
        spent_tokens=tokens(found.worth),
        kg_edges_gained=edges(found.edges),
    )


def pools_view(found: Pools, now: datetime) -> PoolsView:
    """Pools as they stand."""
    return PoolsView(
        lines=[_line(each) for each in found.lines],
        caps=[limit_view(each) for each in found.caps],
        as_of=now,
        source="balances of the ledger, and the caps of the fleet",
    )


def _line(line: PoolLine) -> PoolLineView:
    unit = UNITS[line.unit]
    return PoolLineView(
        pool=line.pool,
        unit=line.unit,
        free=to_number(line.free, unit),
        granted=to_number(line.granted, unit),
        reserved=to_number(line.reserved, unit),
        spent=to_number(line.spent, unit),
        idle=to_number(line.granted - line.reserved - line.spent, unit),
    )


def attention_view(found: list[Concern], now: datetime) -> AttentionView:
    """What needs a decision."""
    concerns = [
        ConcernView(
            sort=each.sort,
            urgent=each.urgent,
            subject=each.subject,
            artifact_type=each.entity.entity_type if each.entity else None,
            artifact_id=each.entity.entity_id if each.entity else None,
            what=each.what,
            due_at=each.due_at,
        )
        for each in found
    ]
    return AttentionView(
        concerns=concerns, as_of=now, source="proposals, settlements, caps, debts, the ranking, the journal"
    )
