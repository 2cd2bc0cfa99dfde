"""The SQL of portfolios: it reads the tables of markets, positions and trades, and writes none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from scidex.core.db import Tx, columns
from scidex.entities import EntityKey
from scidex.exchange.markets import Market, lmsr
from scidex.exchange.portfolio.model import Deal, Rank
from scidex.exchange.portfolio.rules import rank_of

_DEALS = """
SELECT trade.market, trade.trade, trade.at, trade.outcome, trade.side, trade.shares, trade.redeemed, trade.paid,
       trade.fee, before.prices, trade.prices
FROM market_position AS position
JOIN market_trade AS trade ON trade.market = position.market AND trade.owner = position.owner
LEFT JOIN market_trade AS before ON before.market = trade.market AND before.trade = trade.trade - 1
WHERE position.owner = %s
ORDER BY trade.at, trade.market, trade.trade
"""
# Each trade stands from the first moment that is not before it: the last one of each such stretch is what is read.
_PRICES = """
SELECT DISTINCT ON (market, place) market, place, prices
FROM (
  SELECT market, trade, prices, width_bucket(at, %s::timestamptz[]) AS place
  FROM market_trade WHERE market = ANY(%s)
) AS step
ORDER BY market, place, trade DESC
"""
# Skill per actor and market is how far its trades brought the Brier score of the traded outcome down. The prices before
# the first trade are those of the opening.
_SKILL = """
WITH step AS (
  SELECT trade.market, trade.owner, (trade.outcome = market.outcome)::integer AS came, place,
         trade.prices[place] / 1e12::float8 AS after,
         coalesce((lag(trade.prices) OVER (PARTITION BY trade.market ORDER BY trade.trade))[place] / 1e12::float8,
                  market.opening[place] / 1e12::float8,
                  exp(market.offsets[place] / 1e15::float8)
                  / (SELECT sum(exp(o / 1e15::float8)) FROM unnest(market.offsets) AS o)) AS before
  FROM market JOIN market_trade AS trade USING (market)
  CROSS JOIN LATERAL (SELECT array_position(market.outcomes, trade.outcome) AS place) AS found
  WHERE market.state = 'resolved'
), gain AS (
  SELECT owner, market, count(*) AS trades, sum((before - came) ^ 2 - (after - came) ^ 2) AS skill
  FROM step GROUP BY owner, market
)
SELECT owner, count(*), sum(trades)::bigint, avg(skill), stddev_samp(skill)
FROM gain GROUP BY owner HAVING count(*) >= %s
"""


def find_deals(tx: Tx, actor: str, markets: Mapping[str, Market]) -> list[Deal]:
    """Every trade of an actor in the order of time, with the prices around it."""
    found = []
    for *facts, before, after in tx.execute(_DEALS, [actor]):
        market = markets[facts[0]]
        opening = before or _opening(market)
        found.append(Deal._make((*facts, tuple(opening), tuple(after))))
    return found


def find_prices(
    tx: Tx, markets: Collection[Market], moments: Sequence[datetime]
) -> dict[tuple[str, int], tuple[int, ...]]:
    """The prices of each market at each moment, by its place; the moments rise."""
    after = [moment + timedelta(microseconds=1) for moment in moments]
    if not moments:
        return {}
    rows = tx.execute(_PRICES, [after, [market.market for market in markets]])
    known = {(market, place): tuple(prices) for market, place, prices in rows}
    for market in markets:
        last = _opening(market)
        for place in range(len(moments)):
            last = known.setdefault((market.market, place), last)
    return known


def _opening(market: Market) -> tuple[int, ...]:
    return market.opening or lmsr.prices_of((0,) * len(market.outcomes), market.liquidity, market.offsets)


def find_domains(tx: Tx, artifacts: Collection[EntityKey]) -> dict[EntityKey, str]:
    """The fields of science of those of these artifacts that have one."""
    rows = tx.execute(
        "SELECT entity_type, entity_id, domain FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN entity USING (entity_type, entity_id) WHERE domain IS NOT NULL",
        columns(artifacts) if artifacts else [[], []],
    )
    return {EntityKey(*row[:2]): row[2] for row in rows}


def find_ranks(tx: Tx, markets_min: int) -> list[Rank]:
    """Everybody with trades in so many resolved markets, by the lower end of what their skill may be."""
    found = [rank_of(*row) for row in tx.execute(_SKILL, [markets_min])]
    return sorted(found, key=lambda rank: (-rank.skill_low, rank.actor))
