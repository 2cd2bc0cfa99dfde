"""What the server answers: insight; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer
from scidex.client.models.budgets import LimitView


class PipelineArtifactView(Answer):
    """What flowed to an artifact and what was spent on it; without a type and an id, all others together."""

    artifact_type: str | None
    artifact_id: str | None
    title: str | None
    # by source: bids, bounties, subsidy, grants; tokens by the rates
    capital: dict[str, float]
    # what was spent of each unit, in that unit
    spent: dict[str, float]
    # the same in tokens by the rates
    spent_tokens: float
    kg_edges_gained: float


class PipelineLinkView(Answer):
    """So much went from here to there: a source, an artifact (type:id, or others), a unit, or edges and no_edges."""

    source: str
    target: str
    tokens: float


class PipelineView(Answer):
    """From capital over artifacts and resources spent to knowledge gained."""

    # a whole hour
    since: datetime
    until: datetime
    artifacts: list[PipelineArtifactView]
    links: list[PipelineLinkView]
    # tokens that came from each source
    capital: dict[str, float]
    # what was spent, in tokens by the rates
    spent_tokens: float
    # so much of it on artifacts that gained no edges in the period
    spent_without_edges: float
    kg_edges_gained: float
    # units that flowed and have no rate, so are in no link
    without_rate: list[str]
    # what calls cost as far as prices are known, beside the links
    usd: float
    # calls whose price is not known
    usd_unknown: int
    policy_version: int
    as_of: datetime
    source: str


class ListedView(Answer):
    """An artifact, and where the market on it stands; null where there is none."""

    artifact_type: str
    artifact_id: str
    title: str
    market: str | None
    state: str | None
    # the market's first outcome, which stands for the artifact
    outcome: str | None
    # price of that outcome
    price: float | None
    capital_at_risk: float | None
    liquidity: float | None
    trades: int | None


class PoolLineView(Answer):
    """What a pool has of a unit, and what became of what was granted out of it: granted = reserved + spent + idle."""

    # empty where no pool is on record
    pool: str
    unit: str
    # granted to nobody yet
    free: float
    granted: float
    # what work under way holds
    reserved: float
    spent: float
    # granted, and neither reserved nor spent; below zero it is a debt
    idle: float


class PoolsView(Answer):
    """Every pool, unit by unit, and the caps of the fleet."""

    lines: list[PoolLineView]
    caps: list[LimitView]
    as_of: datetime
    source: str


class ConcernView(Answer):
    """Something that a person should look at."""

    # proposal, dispute, cap, debt, liquidity or unsealed
    sort: str
    # waiting decides it, or something stands still
    urgent: bool
    subject: str
    artifact_type: str | None
    artifact_id: str | None
    what: str
    due_at: datetime | None


class AttentionView(Answer):
    """What needs a decision, the urgent first."""

    concerns: list[ConcernView]
    as_of: datetime
    source: str
