"""What a caller can read; nothing is changed here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from scidex.actors import UnknownActor, find_actors_named
from scidex.core.db import Tx
from scidex.exchange.markets import Position, PositionKey, find_markets_named, find_positions
from scidex.exchange.portfolio import rules
from scidex.exchange.portfolio.model import Held, Portfolio, Rank
from scidex.exchange.portfolio.store import find_deals, find_domains, find_prices, find_ranks
from scidex.policy import current

_PAGE = 1000


def find_portfolio(tx: Tx, actor: str) -> Portfolio:
    """What an actor holds in markets, what it made of it, and how good its forecasts were. Refuses: UnknownActor."""
    held = _held(tx, actor)
    if not held and not find_actors_named(tx, [actor]):
        raise UnknownActor(actor=actor)
    policy, version = current(tx)
    deals = find_deals(tx, actor, {name: each.market for name, each in held.items()})
    fees: dict[str, int] = defaultdict(int)
    for deal in deals:
        fees[deal.market] += deal.fee
    held = {name: each._replace(fees=fees[name]) for name, each in held.items()}
    ends = [each.market.ended_at for each in held.values() if not rules.is_live(each.market) and each.market.ended_at]
    moments = rules.moments_of(deals, ends, tx.now)
    prices = find_prices(tx, [each.market for each in held.values()], moments)
    curve = rules.curve_of(held, deals, moments, prices)
    lines = tuple(rules.line_of(each) for each in held.values())
    limit = policy.portfolio_concentration_max
    exposures = rules.exposures_of(lines, limit)
    forecasts = rules.forecasts_of(held, deals)
    turnover, ratio = rules.turnover_of(deals, curve)
    return Portfolio(
        actor=actor,
        as_of=tx.now,
        lines=lines,
        cost=sum(line.cost for line in lines),
        exit_value=sum(line.exit_value for line in lines),
        realised=sum(line.realised for line in lines),
        unrealised=sum(line.unrealised for line in lines),
        worst_case=rules.worst_case(lines),
        exposures=exposures,
        warnings=tuple(rules.warning_of(each, limit) for each in exposures if each.over),
        curve=curve,
        drawdown=rules.drawdown_of(curve),
        sharpe=rules.sharpe_of(curve),
        turnover=turnover,
        turnover_ratio=ratio,
        bins=rules.bins_of(forecasts),
        scores=rules.scores_of(forecasts),
        policy_version=version,
    )


def find_leaderboard(tx: Tx, *, offset: int = 0, limit: int = 100) -> list[Rank]:
    """A page of those with enough resolved markets, by the lower end of what their skill may be: not by wealth."""
    policy, _ = current(tx)
    return find_ranks(tx, policy.leaderboard_markets_min)[offset : offset + limit]


def _held(tx: Tx, actor: str) -> dict[str, Held]:
    positions = list(_positions(tx, actor))
    markets = {market.market: market for market in find_markets_named(tx, [each.market for each in positions])}
    domains = find_domains(tx, {market.artifact for market in markets.values()})
    return {
        each.market: Held(markets[each.market], each, domains.get(markets[each.market].artifact)) for each in positions
    }


def _positions(tx: Tx, actor: str) -> Iterator[Position]:
    after = PositionKey("", "")
    while page := find_positions(tx, owner=actor, after=after, limit=_PAGE):
        yield from page
        after = PositionKey(page[-1].market, actor)
