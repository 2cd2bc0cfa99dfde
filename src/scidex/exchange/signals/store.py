"""The SQL of signals: it reads the tables of markets, positions, trades and actors, and writes none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from scidex.core.clock import microseconds
from scidex.core.db import Tx, columns
from scidex.exchange.markets import Market
from scidex.exchange.signals.model import Holding, Resting, Step, Traded
from scidex.exchange.signals.rules import mean_shares

# The last prices before the window stand at its start. Those that stood for no time are left out: a batch stamps all
# its trades alike.
_STEPS = """
SELECT market, at, prices
FROM (
  SELECT trade.market, trade.trade, greatest(trade.at, asked.since) AS at, trade.prices,
         lead(greatest(trade.at, asked.since)) OVER (PARTITION BY trade.market ORDER BY trade.trade) AS next_at
  FROM unnest(%s::text[], %s::timestamptz[]) AS asked (market, since)
  JOIN LATERAL (
    SELECT market, trade, at, prices FROM market_trade
    WHERE market_trade.market = asked.market AND trade >= coalesce(
      (SELECT max(before.trade) FROM market_trade AS before
       WHERE before.market = asked.market AND before.at <= asked.since), 0)
  ) AS trade ON true
) AS step
WHERE next_at IS NULL OR next_at > at
ORDER BY market, trade
"""
_FIRSTS = "SELECT market, at FROM market_trade WHERE market = ANY(%s) AND trade = 1"

# Whose a position is, and whether it is of the artifact's own side.
_LINEAGE = """coalesce(above.owner, holder.owner, position.owner),
       position.owner = entity.proposer
       OR coalesce(above.owner, holder.owner, position.owner)
          = coalesce(over_proposer.owner, proposer.owner, entity.proposer)
       OR coalesce(holder.family = proposer.family, false)"""
_OF_THE_ARTIFACT = """
JOIN market USING (market)
JOIN entity ON (entity.entity_type, entity.entity_id) = (market.artifact_type, market.artifact_id)
LEFT JOIN actor AS holder ON holder.name = position.owner
LEFT JOIN actor AS above ON above.name = holder.owner
LEFT JOIN actor AS proposer ON proposer.name = entity.proposer
LEFT JOIN actor AS over_proposer ON over_proposer.name = proposer.owner
"""

# Positions as they are now, with what was traded within the window: one statement, so that both are of one moment. The
# window is found from the newest trade backwards, by the key: a market is as quick to read after a year as after a day.
_HOLDINGS = f"""
SELECT position.market, position.owner, {_LINEAGE},
       position.shares, (SELECT sum(c) FROM unnest(position.cost) AS c), traded.outcome, traded.gained, traded.redeemed
FROM market_position AS position
{_OF_THE_ARTIFACT}
LEFT JOIN (
  SELECT market, owner, outcome, sum(CASE side WHEN 'buy' THEN shares ELSE -shares END * past) AS gained,
         sum(redeemed * past) AS redeemed
  FROM (
    SELECT trade.market, owner, outcome, side, shares, redeemed,
           extract(epoch FROM least(at, %(now)s) - %(since)s) * 1000000 AS past
    FROM unnest(%(markets)s::text[]) AS asked (market)
    JOIN LATERAL (
      SELECT * FROM market_trade
      WHERE market_trade.market = asked.market AND trade > coalesce(
        (SELECT max(before.trade) FROM market_trade AS before
         WHERE before.market = asked.market AND before.at <= %(since)s), 0)
    ) AS trade ON true
  ) AS recent
  GROUP BY market, owner, outcome
) AS traded ON (traded.market, traded.owner) = (position.market, position.owner)
WHERE position.market = ANY(%(markets)s) AND 0 < ANY (position.shares)
ORDER BY position.market, position.owner
"""

# Open purchases as they are now, with how long they have stood within the window. A sale sets nothing aside.
_RESTING = f"""
SELECT position.market, position.owner, {_LINEAGE},
       position.outcome, position.shares, escrow, stood_shares, stood_escrow
FROM (
  SELECT market, owner, outcome, sum(shares) AS shares, sum(escrow) AS escrow,
         sum(shares * stood) AS stood_shares, sum(escrow * stood) AS stood_escrow
  FROM (
    SELECT market, owner, outcome, shares, escrow,
           extract(epoch FROM %(now)s - least(greatest(placed_at, %(since)s), %(now)s)) * 1000000 AS stood
    FROM market_order
    WHERE market = ANY(%(markets)s) AND state = 'open' AND side = 'buy'
      AND (expires_at IS NULL OR expires_at > %(now)s)
  ) AS waiting
  GROUP BY market, owner, outcome
) AS position
{_OF_THE_ARTIFACT}
ORDER BY position.market, position.owner
"""


def find_steps(tx: Tx, asked: Collection[tuple[str, datetime]]) -> dict[str, list[Step]]:
    """The prices of each market from a moment on; the first stand at that moment already, if anybody had traded."""
    found: dict[str, list[Step]] = defaultdict(list)
    for market, at, prices in tx.execute(_STEPS, columns(asked)):
        found[market].append(Step(microseconds(at), tuple(prices)))
    return found


def find_first_trades(tx: Tx, markets: Collection[str]) -> dict[str, datetime]:
    """When trading began in those of these markets in which it did."""
    return dict(tx.execute(_FIRSTS, [list(markets)]).fetchall())


def find_holdings(tx: Tx, markets: Iterable[Market], window_s: int) -> dict[str, list[Holding]]:
    """Who holds what in these markets, now and on the mean over the window that ends now."""
    outcomes = {market.market: market.outcomes for market in markets}
    since = tx.now - timedelta(seconds=window_s)
    rows = tx.execute(_HOLDINGS, {"markets": list(outcomes), "now": tx.now, "since": since})
    accounts: dict[tuple[str, str], tuple[str, bool, tuple[int, ...], int]] = {}
    traded: dict[tuple[str, str], Traded] = {}
    for market, account, owner, left_out, shares, cost, outcome, gained, redeemed in rows:
        accounts[market, account] = (owner, left_out, tuple(shares), int(cost))
        if outcome is not None:
            before = traded.get((market, account), Traded((0,) * len(shares), 0))
            more = [int(gained) if name == outcome else 0 for name in outcomes[market]]
            sums = tuple(one + other for one, other in zip(before.gained, more, strict=True))
            traded[market, account] = Traded(sums, before.redeemed + int(redeemed))
    found: dict[str, list[Holding]] = defaultdict(list)
    for (market, account), (owner, left_out, now, cost) in accounts.items():
        mean = mean_shares(now, traded.get((market, account)), window_s)
        found[market].append(Holding(account, owner, left_out, now, mean, cost))
    return found


def find_resting(tx: Tx, markets: Iterable[Market], window_s: int) -> dict[str, list[Resting]]:
    """What purchases rest in these markets, now and on the mean over the window that ends now, an outcome each."""
    outcomes = {market.market: market.outcomes for market in markets if market.resting}
    found: dict[str, list[Resting]] = defaultdict(list)
    if not outcomes:
        return found
    since, window = tx.now - timedelta(seconds=window_s), window_s * 1_000_000
    rows = tx.execute(_RESTING, {"markets": list(outcomes), "now": tx.now, "since": since})
    for market, account, owner, left_out, outcome, shares, escrow, stood_shares, stood_escrow in rows:
        now, mean = (
            tuple(int(parts) if name == outcome else 0 for name in outcomes[market])
            for parts in (shares, stood_shares // window)
        )
        found[market].append(Resting(account, owner, left_out, now, mean, int(escrow), int(stood_escrow // window)))
    return found
