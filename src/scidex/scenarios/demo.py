"""A small living world: agents trade on what they believe, bounties, a pool shared, a market settled."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from scidex.actors import RegisterActor
from scidex.core.clock import system_clock
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.bounties import OfferBounty
from scidex.exchange.markets import OpenMarket, Order, ResolveMarket, find_market, find_markets, lmsr
from scidex.exchange.resource_allocator import (
    PoolAllocated,
    ResourceBudget,
    allocate_pool,
    find_standings,
    get_resource_budget_rankings,
    pool_account,
    record_resource_spending,
)
from scidex.lab import AuditReport, audit
from scidex.ledger import Issue, wallet_of
from scidex.policy import current

POOL, UNIT = "main", "llm_standard"
SCARCITY = 0.6
"""The pool holds this share of what all claims together are worth, so that sharing it means something."""

_ROUND_S, _PAUSE_S, _ROUNDS = 4 * 3600, 36 * 3600, 6
_LASTS_S = _ROUNDS * _ROUND_S + _PAUSE_S
"""Agents trade every four hours; a day and a half later prices and capital have stood long enough to decide by."""

OPERATOR, FUNDER = "operator", "foundation"


class DemoClock:
    """Time that runs like the machine's, so far behind it that it is the machine's own once a demo has passed."""

    def __init__(self) -> None:
        self._behind = timedelta(seconds=_LASTS_S)

    def __call__(self) -> datetime:
        return system_clock() - self._behind

    def pass_by(self, seconds: float) -> None:
        """Let so much time go by at once."""
        self._behind -= timedelta(seconds=seconds)


class Idea(NamedTuple):
    """An artifact of the demo, with the truth that nobody in it can see."""

    artifact: EntityKey
    title: str
    truth: float
    liquidity: int
    bounty: int


def _idea(kind: str, name: str, title: str, truth: float, liquidity: int, bounty: int = 0) -> Idea:
    return Idea(EntityKey(kind, name), title, truth, liquidity, bounty)


IDEAS = (
    _idea("hypothesis", "tau-spreads-trans-synaptically", "Tau pathology spreads along synapses", 0.8, 150, 60),
    _idea("hypothesis", "microglia-prune-by-c1q", "C1q tags the synapses that microglia remove", 0.7, 100),
    _idea("hypothesis", "sleep-clears-amyloid", "Slow-wave sleep drives amyloid clearance", 0.5, 120, 150),
    _idea("hypothesis", "gut-butyrate-slows-als", "Gut butyrate slows motor neuron loss", 0.3, 80, 25),
    _idea("hypothesis", "hsv1-triggers-ad", "Latent HSV-1 reactivation triggers Alzheimer's disease", 0.4, 100),
    _idea("gap", "human-blood-brain-organoid", "No human model of an aged blood-brain barrier", 0.5, 60, 400),
    _idea("gap", "trem2-dose-response", "TREM2 agonism: dose against benefit is unmapped", 0.6, 60, 90),
    _idea("analysis", "lecanemab-subgroups", "Does benefit differ by APOE4 dose?", 0.6, 100, 40),
    _idea("analysis", "nfl-as-early-marker", "Serum NfL predicts conversion five years ahead", 0.9, 100),
    _idea("analysis", "csf-proteome-panels", "Which CSF proteome panels agree across cohorts?", 0.5, 40, 4),
    _idea("gap", "glymphatic-in-vivo-human", "Glymphatic flow has no direct human readout", 0.5, 40, 1),
)
"""The last two have little money on them: the exploration floor is what keeps their chance above zero."""


@dataclass(frozen=True)
class DemoReport:
    """What happened, for people and programs."""

    seed: int
    agents: int
    artifacts: int
    trades: int
    refused: dict[str, int]
    bounties: int
    ranking: tuple[ResourceBudget, ...]
    allocation: Receipt[PoolAllocated]
    settled_market: str
    settled_outcome: str
    payouts: dict[str, float]
    maker_result: float
    audit: AuditReport
    seconds: float


def run_demo(
    economy: Economy,
    *,
    seed: int = 7,
    agents: int = 8,
    pass_by: Callable[[float], None] = lambda seconds: None,
    progress: Callable[[str], None] = print,
) -> DemoReport:
    """Let a small world live on an empty economy; the seed is recorded with the result.

    `pass_by` lets so many seconds go by on the economy's clock; where it does nothing, capital has stood for no time
    when the pool is shared, and counts little.

    Refuses what its actions refuse: on an economy that is not new, names may be taken.
    """
    started = time.perf_counter()
    # Only the demo draws at random; what was drawn goes into commands and so into the journal.
    chance = random.Random(seed)
    names = [f"agent-{number}" for number in range(1, agents + 1)]
    progress(f"{len(IDEAS)} artifacts, each with a market; {agents} agents with 250 tokens each")
    _set_up(economy, names)
    progress(f"{_ROUNDS} rounds in which agents trade on what they believe")
    trades, refused = _trade(economy, names, pass_by, chance)
    pass_by(_PAUSE_S)
    offered = _offer_bounties(economy)
    progress(f"{trades} trades, {offered} bounties; now the pool is shared among all that claim of it")
    ranking, allocation = _share_the_pool(economy)
    settled = _settle_one(economy)
    first = allocation.result.lines[0]
    economy.run(
        lambda tx: record_resource_spending(
            first.artifact.entity_id,
            max(1, first.grant // 4),
            artifact_type=first.artifact.entity_type,
            unit=UNIT,
            note="literature sweep",
            tx=tx,
        )
    )
    economy.seal()
    progress(f"market {settled.result.market} resolved {settled.result.outcome}; auditing everything")
    with economy.reading() as tx:
        report = audit(tx)
    return DemoReport(
        seed=seed,
        agents=agents,
        artifacts=len(IDEAS),
        trades=trades,
        refused=refused,
        bounties=offered,
        ranking=tuple(ranking),
        allocation=allocation,
        settled_market=settled.result.market,
        settled_outcome=settled.result.outcome,
        payouts={owner: paid / TOKEN.parts for owner, paid in settled.result.payouts},
        maker_result=settled.result.maker_result / TOKEN.parts,
        audit=report,
        seconds=round(time.perf_counter() - started, 3),
    )


def _set_up(economy: Economy, names: list[str]) -> None:
    stakes = sum(lmsr.subsidy(idea.liquidity * TOKEN.parts, (0, 0)) for idea in IDEAS)
    bounties = sum(idea.bounty for idea in IDEAS) * TOKEN.parts
    requests = [
        Request(RegisterActor(FUNDER, "person"), OPERATOR),
        Request(Issue(wallet_of(FUNDER), stakes + bounties, "treasury"), OPERATOR),
    ]
    for name in names:
        requests += [
            Request(RegisterActor(name), OPERATOR),
            Request(Issue(wallet_of(name), 250 * TOKEN.parts, "endowment"), OPERATOR),
        ]
    for idea in IDEAS:
        liquidity = idea.liquidity * TOKEN.parts
        requests += [
            Request(RegisterEntity(*idea.artifact, idea.title), FUNDER),
            Request(OpenMarket(idea.artifact.entity_id, idea.artifact, idea.title, ("yes", "no"), liquidity), FUNDER),
        ]
    economy.perform_all(requests)


def _trade(
    economy: Economy, names: list[str], pass_by: Callable[[float], None], chance: random.Random
) -> tuple[int, dict[str, int]]:
    """Every agent sees each truth through its own noise, and buys where the price is off by more than a little."""
    belief = {
        (name, idea.artifact): min(0.97, max(0.03, chance.gauss(idea.truth, 0.15))) for name in names for idea in IDEAS
    }
    trades = 0
    refused: dict[str, int] = {}
    for _ in range(_ROUNDS):
        with economy.reading() as tx:
            price = {market.market: market.prices[0] / lmsr.PRICE_ONE for market in find_markets(tx)}
        orders: list[Request] = []
        for name in names:
            for idea in chance.sample(IDEAS[:-2], 3):
                market = idea.artifact.entity_id
                edge = belief[name, idea.artifact] - price[market]
                if abs(edge) > 0.03:
                    stake = round(TOKEN.parts * chance.uniform(0.5, 1) * 60 * abs(edge))
                    orders.append(Request(_order(market, edge, stake), name))
        for answer in economy.perform(orders):
            if isinstance(answer, Refusal):
                refused[answer.code] = refused.get(answer.code, 0) + 1
            else:
                trades += 1
        pass_by(_ROUND_S)
    return trades, refused


def _order(market: str, edge: float, stake: int) -> Order:
    return Order(market, "yes" if edge > 0 else "no", "buy", spend=stake)


def _offer_bounties(economy: Economy) -> int:
    offers = [
        Request(OfferBounty(idea.artifact, idea.bounty * TOKEN.parts, 30 * 86_400, f"progress on {idea.title}"), FUNDER)
        for idea in IDEAS
        if idea.bounty
    ]
    return len(economy.perform_all(offers))


def _share_the_pool(economy: Economy) -> tuple[list[ResourceBudget], Receipt[PoolAllocated]]:
    with economy.reading() as tx:
        policy, _ = current(tx)
        claimed = sum(standing.budget for standing in find_standings(tx, policy, limit=None))
        worth = float(policy.units_per_token[UNIT]) * claimed / TOKEN.parts
        ranking = get_resource_budget_rankings(limit=len(IDEAS), tx=tx)
    pool = Issue(pool_account(POOL, UNIT), max(1, round(SCARCITY * worth)), "the cycle's budget")
    economy.perform_all([Request(pool, OPERATOR)])
    shared: Receipt[Any] = economy.run(lambda tx: allocate_pool(tx, pool=POOL, unit=UNIT, cycle="demo"), actor=OPERATOR)
    return ranking, shared


def _settle_one(economy: Economy) -> Receipt[Any]:
    """The idea that is nearest to certain is replicated for real, and its market settles by what came out."""
    idea = max(IDEAS, key=lambda idea: abs(idea.truth - 0.5))
    with economy.reading() as tx:
        market = find_market(tx, idea.artifact.entity_id)
    outcome = "yes" if idea.truth > 0.5 else "no"
    (receipt,) = economy.perform_all([Request(ResolveMarket(market.market, outcome), OPERATOR)])
    return receipt
