"""Signals from outside: what a market says in decisions, and what it would cost to make it say something else."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.exchange.resource_allocator import Standing
from scidex.exchange.signals import Signal, effective_traders
from scidex.views.base import View, tokens
from scidex.views.markets import by_outcome
from scidex.views.words import PRICE


class StakeView(View):
    """What one owner has at risk; all its accounts are one."""

    owner: str
    shares: dict[str, float] = Field(description="net shares that count: held on the mean over the window, and now")
    at_risk: float = Field(description="worst loss on them, in tokens")


class SignalView(View):
    """What an artifact's market says in decisions: never the spot price, never volume."""

    artifact_type: str
    artifact_id: str
    market: str | None
    as_of: datetime
    price: float | None = Field(description="price by which is decided; null where unknown, and `unknown` says why")
    unknown: str | None
    lagged: dict[str, float] = Field(description="mean of prices that follow the market's at a bounded speed")
    since: datetime | None = Field(description="beginning of the time over which that mean is taken")
    until: datetime | None
    demand: float = Field(description="capital at risk that counts, in tokens")
    resting: float = Field(description="what of it is in resting orders")
    left_out: float = Field(description="the same of the artifact's proposer, its owner and its model family")
    effective_traders: float = Field(description="inverse Herfindahl index over what each owner has at risk")
    stakes: list[StakeView]
    claim: float = Field(description="the artifact's budget, in tokens")
    price_worth: float | None = Field(description="tokens of claim per unit of price: c")
    attack_cost: float | None = Field(description="tokens that holding the price costs somebody who knows the answer")
    prize: float | None = Field(description="tokens that holding it there wins; above the cost it counts not")
    pump_bound: float | None = Field(description="the most that any pump gains, c^2 / (8 b), in tokens")
    policy_version: int


def signal_view(standing: Standing, version: int, now: datetime) -> SignalView:
    """An artifact with what its market says."""
    signal, attack = standing.signal, standing.attack
    return SignalView(
        artifact_type=standing.entity_type,
        artifact_id=standing.entity_id,
        market=standing.market,
        as_of=now,
        price=None if standing.price is None else standing.price / PRICE.parts,
        unknown=standing.unknown,
        lagged=by_outcome(signal.outcomes, signal.lagged.prices, PRICE.parts) if signal else {},
        since=signal.lagged.since if signal else None,
        until=signal.lagged.until if signal else None,
        demand=tokens(standing.demand),
        resting=tokens(signal.resting) if signal else 0,
        left_out=tokens(signal.left_out) if signal else 0,
        effective_traders=float(effective_traders(signal.stakes)) if signal else 0,
        stakes=_stakes(signal) if signal else [],
        claim=tokens(standing.budget),
        price_worth=tokens(attack.worth) if attack else None,
        attack_cost=tokens(attack.cost) if attack else None,
        prize=tokens(attack.prize) if attack else None,
        pump_bound=tokens(attack.bound) if attack else None,
        policy_version=version,
    )


def _stakes(signal: Signal) -> list[StakeView]:
    return [
        StakeView(
            owner=stake.owner,
            shares=by_outcome(signal.outcomes, stake.shares, 10**6),
            at_risk=tokens(stake.risk),
        )
        for stake in signal.stakes
    ]
