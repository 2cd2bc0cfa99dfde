"""What a glance is made of. Amounts are parts of their unit, worths are token parts by the policy's rates."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid
from scidex.entities import EntityKey
from scidex.senate.budgets import LimitSet

CAPITAL = ("bids", "bounties", "subsidy", "grants")
"""Where what stands behind an artifact comes from: tokens that traders paid net of what came back, tokens put into
bounties, subsidies of markets opened, resources granted net of what was returned."""
SPENT, EDGES = "spent", "edges"


class PeriodInvalid(Invalid):
    """The period from {since} until {until} has no time in it; let `since` be before `until`."""


class TopInvalid(Invalid):
    """top is {top}; ask for between 1 and {most} artifacts."""


class Portion(NamedTuple):
    """What one flow had of one unit for an artifact, or for all artifacts that are not among the first (None).

    `brought` tells what was spent on artifacts that gained edges in the period from what was spent on others.
    """

    entity: EntityKey | None
    flow: str
    unit: str
    brought: bool
    amount: int


class PipelineArtifact(NamedTuple):
    """An artifact, or all others together (None): its capital by source in token parts, what was spent on it of each
    unit, what that is worth, and its edges in parts of 10^-6."""

    entity: EntityKey | None
    title: str | None
    capital: tuple[tuple[str, int], ...]
    spent: tuple[tuple[str, int], ...]
    worth: int
    edges: int


class PipelineLink(NamedTuple):
    """So much went from here to there, in token parts; a node is a source, an artifact, a unit or an outcome."""

    source: str
    target: str
    tokens: int


class Pipeline(NamedTuple):
    """From capital over artifacts and resources to knowledge, within a period.

    The last nodes, `edges` and `no_edges`, are what was spent on artifacts that gained edges within it, and the rest.
    `without_rate` names units that flowed and have no rate, so no width. `usd` is what calls cost, beside the links, as
    far as prices are known; `usd_unknown` calls have none.
    """

    since: datetime
    until: datetime
    artifacts: tuple[PipelineArtifact, ...]
    links: tuple[PipelineLink, ...]
    edges: int
    without_rate: tuple[str, ...]
    usd: int
    usd_unknown: int
    policy_version: int


class PoolLine(NamedTuple):
    """What a pool has left of a unit (`free`), and what artifacts were granted out of it: `granted` is all of that,
    `reserved` what work under way holds, `spent` what was used; the rest of it is free to reserve."""

    pool: str
    unit: str
    free: int
    granted: int
    reserved: int
    spent: int


class Pools(NamedTuple):
    """Every pool, unit by unit, and the caps of the whole fleet, today's dollars among them."""

    lines: tuple[PoolLine, ...]
    caps: tuple[LimitSet, ...]


class Concern(NamedTuple):
    """Something that a person should look at: `urgent` where waiting decides it or something stands still."""

    sort: str
    urgent: bool
    subject: str
    entity: EntityKey | None
    what: str
    due_at: datetime | None


class Listed(NamedTuple):
    """An artifact with the market on it, None where there is none: its first outcome, that one's price in 10^-12, what
    is at risk and its liquidity in token parts."""

    entity: EntityKey
    title: str
    market: str | None
    state: str | None
    outcome: str | None
    price: int | None
    at_risk: int | None
    liquidity: int | None
    trades: int | None
