"""What a fleet has moved, read from the server: before, after, and the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scidex.client import Client
from scidex.fleet.setup import UNIT
from scidex.fleet.world import World

MOVED = 0.01
"""A price that has changed by so much has moved."""


@dataclass(frozen=True)
class Standing:
    """How a world stands at a moment; budgets and spendings are LLM tokens, earnings tokens."""

    prices: dict[str, float]
    trades: int
    granted: dict[str, float]
    spent: dict[str, float]
    edges: dict[str, float]
    returns: dict[str, float | None]
    earned: dict[str, float]


def look(client: Client, world: World) -> Standing:
    """How this world stands now."""
    markets = {each.name: client.get_market(each.name) for each in world.hypotheses}
    budgets = {each.name: client.get_budget(each.kind, each.name) for each in world.artifacts}
    lines = {name: next(line for line in found.lines if line.unit == UNIT) for name, found in budgets.items()}
    roi = {each.name: client.get_roi_of(each.kind, each.name) for each in world.artifacts}
    return Standing(
        prices={name: found.prices["yes"] for name, found in markets.items()},
        trades=sum(found.trades for found in markets.values()),
        granted={name: line.granted for name, line in lines.items()},
        spent={name: line.spent for name, line in lines.items()},
        edges={name: found.kg_edges_gained for name, found in roi.items()},
        returns={name: found.roi_score for name, found in roi.items()},
        earned={each.name: client.get_earnings(actor=each.name).earned for each in world.agents},
    )


@dataclass(frozen=True)
class FleetReport:
    """What happened, for people and programs. `right_side` are the prices that lie on the side of the truth."""

    seed: int
    tag: str
    agents: int
    seconds: float
    deeds: int
    done: dict[str, int]
    refused: dict[str, int]
    failed: int
    lost: int
    trades: int
    markets: int
    prices_moved: int
    right_side: int
    prices: dict[str, tuple[float, float]]
    granted: tuple[float, float]
    budgets_moved: int
    spent: float
    edges: float
    returns_known: int
    returns: dict[str, float]
    earned: float
    earners: int
    best: list[tuple[str, float, float]]
    bounties_awarded: int
    proposals: dict[str, int]
    settlements: dict[str, int]
    audit: dict[str, Any] | None = field(default=None)


def report_on(
    client: Client, world: World, before: Standing, *, closed: list[str], tally: Mapping[str, Any], seconds: float
) -> FleetReport:
    """The difference between how the world stood and how it stands."""
    after = look(client, world)
    ours = set(world.named)
    bounties = [each for each in client.each(client.get_bounties, limit=1000) if each.artifact_id in ours]
    proposals = [each for each in client.each(client.get_proposals, limit=1000) if each.entity_id in ours]
    skills = {each.name: each.skill for each in world.agents}
    earners = sorted(((name, earned) for name, earned in after.earned.items() if earned), key=lambda each: -each[1])
    return FleetReport(
        **tally,
        seconds=round(seconds, 1),
        agents=len(world.agents),
        trades=after.trades - before.trades,
        markets=len(after.prices),
        prices_moved=sum(abs(after.prices[name] - price) >= MOVED for name, price in before.prices.items()),
        right_side=sum((after.prices[each.name] > 0.5) == each.holds for each in world.hypotheses),
        prices={name: (round(price, 4), round(after.prices[name], 4)) for name, price in before.prices.items()},
        granted=(sum(before.granted.values()), sum(after.granted.values())),
        budgets_moved=sum(after.granted[name] != granted for name, granted in before.granted.items()),
        spent=sum(after.spent.values()) - sum(before.spent.values()),
        edges=round(sum(after.edges.values()) - sum(before.edges.values()), 6),
        returns_known=sum(value is not None for value in after.returns.values()),
        returns={name: value for name, value in after.returns.items() if value is not None},
        earned=round(sum(earned for _, earned in earners), 6),
        earners=len(earners),
        best=[(name, earned, skills[name]) for name, earned in earners[:5]],
        bounties_awarded=sum(each.awarded > 0 for each in bounties),
        proposals=dict(Counter(each.state for each in proposals)),
        settlements=dict(Counter(client.get_settlement(market).state for market in closed)),
    )
