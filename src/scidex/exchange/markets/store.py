"""The SQL of markets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.markets.fills import empty_position, outcome_of
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    ORDERS,
    POSITIONS,
    TRADES,
    Candle,
    Market,
    OrderKey,
    Position,
    PositionKey,
    RestingOrder,
    Trade,
    TradeKey,
)
from scidex.exchange.markets.refusals import NoMarket, UnknownMarket

_MARKET = (
    "market, artifact_type, artifact_id, question, outcomes, liquidity, offsets, shares, prices, subsidy, funder,"
    " state, trades, at_risk, opened_at, moved_at, closes_at, ended_at, outcome, maker_result, resting,"
    " anchor, surplus, fees, opening"
)
_POSITION = "market, owner, shares, cost, paid, at_risk, payout"
_TRADE = "market, trade, at, owner, outcome, side, shares, redeemed, paid, prices, fee, resting"
_ASKED = "unnest(%s::text[], %s::text[]) AS asked (market, owner)"
_ASKED_ORDER = "unnest(%s::text[], %s::text[]) AS asked (market, order_id)"
_ORDER = (
    "market, order_id, owner, outcome, side, shares, filled, limit_price, escrow, state, placed_at, expires_at,"
    " ended_at"
)  # fmt: skip


def _market(row: Sequence[Any]) -> Market:
    opening = tuple(row[24]) if row[24] is not None else None
    terms = (row[0], EntityKey(row[1], row[2]), row[3], tuple(row[4]), row[5])
    return Market._make((*terms, *map(tuple, row[6:9]), *row[9:21], tuple(row[21]), *row[22:24], opening))


def _position(row: Sequence[Any]) -> Position:
    return Position(row[0], row[1], tuple(row[2]), tuple(row[3]), *row[4:])


def _trade(row: Sequence[Any]) -> Trade:
    return Trade._make((*row[:9], tuple(row[9]), *row[10:]))


def _array(parts: tuple[int, ...]) -> str:
    """Whole numbers as the text of an array: a column of texts takes `columns` half the time of tuples."""
    return "{" + str(parts)[1:-1] + "}"


def _columns_of_positions(rows: Iterable[Position]) -> list[str]:
    return columns((row[0], row[1], _array(row[2]), _array(row[3]), *row[4:]) for row in rows)


def load_listings(tx: Tx, keys: Collection[EntityKey]) -> list[tuple[EntityKey, str]]:
    """Which market is on each artifact, locked in key order."""
    rows = tx.execute(
        "SELECT artifact_type, artifact_id, market"
        " FROM unnest(%s::text[], %s::text[]) AS asked (artifact_type, artifact_id)"
        " JOIN market_listing USING (artifact_type, artifact_id)"
        " ORDER BY artifact_type, artifact_id FOR NO KEY UPDATE OF market_listing",
        columns(keys),
    )
    return [(EntityKey(*row[:2]), row[2]) for row in rows]


def insert_listings(tx: Tx, rows: Mapping[EntityKey, str]) -> None:
    """First markets of artifacts."""
    tx.execute(
        "INSERT INTO market_listing (artifact_type, artifact_id, market)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])",
        columns((*key, market) for key, market in rows.items()),
    )


def update_listings(tx: Tx, rows: Mapping[EntityKey, str]) -> None:
    """Later markets of artifacts."""
    tx.execute(
        "UPDATE market_listing SET market = new.market"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (artifact_type, artifact_id, market)"
        " WHERE (market_listing.artifact_type, market_listing.artifact_id) = (new.artifact_type, new.artifact_id)",
        columns((*key, market) for key, market in rows.items()),
    )


def scan_listings(tx: Tx) -> Iterator[tuple[EntityKey, str]]:
    """Every artifact that has or had a market."""
    for row in tx.execute("SELECT artifact_type, artifact_id, market FROM market_listing"):
        yield EntityKey(*row[:2]), row[2]


def load_markets(tx: Tx, names: Collection[str]) -> list[tuple[str, Market]]:
    """Markets by id, locked in id order."""
    rows = tx.execute(
        f"SELECT {_MARKET} FROM market WHERE market = ANY(%s) ORDER BY market FOR NO KEY UPDATE",
        [list(names)],
    )
    return [(market.market, market) for market in map(_market, rows)]


def insert_markets(tx: Tx, rows: Mapping[str, Market]) -> None:
    """New markets."""
    tx.execute(
        f"INSERT INTO market ({_MARKET})"
        " SELECT market, artifact_type, artifact_id, question, outcomes::text[], liquidity, offsets::bigint[],"
        " shares::bigint[], prices::bigint[], subsidy, funder, state, trades, at_risk, opened_at, moved_at, closes_at,"
        " ended_at, outcome, maker_result, resting, anchor::bigint[], surplus, fees, opening::bigint[]"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],"
        " %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::integer[], %s::bigint[],"
        " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bigint[],"
        " %s::integer[], %s::text[], %s::bigint[], %s::bigint[], %s::text[])"
        f" AS new ({_MARKET})",
        columns((row.market, *row.artifact, *row[2:]) for row in rows.values()),
    )


def update_markets(tx: Tx, rows: Mapping[str, Market]) -> None:
    """What trades, orders, liquidity and settlement change of markets that are locked."""
    tx.execute(
        "UPDATE market SET liquidity = new.liquidity, offsets = new.offsets::bigint[], shares = new.shares::bigint[],"
        " prices = new.prices::bigint[], subsidy = new.subsidy, state = new.state, trades = new.trades,"
        " at_risk = new.at_risk, moved_at = new.moved_at, ended_at = new.ended_at, outcome = new.outcome,"
        " maker_result = new.maker_result, resting = new.resting, anchor = new.anchor::bigint[],"
        " surplus = new.surplus, fees = new.fees, opening = new.opening::bigint[]"
        " FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],"
        " %s::integer[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bigint[], %s::integer[],"
        " %s::text[], %s::bigint[], %s::bigint[], %s::text[])"
        " AS new (market, liquidity, offsets, shares, prices, subsidy, state, trades, at_risk, moved_at, ended_at,"
        " outcome, maker_result, resting, anchor, surplus, fees, opening)"
        " WHERE market.market = new.market",
        columns(map(_moving, rows.values())),
    )


def _moving(row: Market) -> tuple[Any, ...]:
    curve = (row.market, row.liquidity, *map(_array, row[5:8]), row.subsidy)
    ended = (row.moved_at, row.ended_at, row.outcome, row.maker_result)
    opening = _array(row.opening) if row.opening is not None else None
    return (*curve, *row[10:13], *ended, row.resting, _array(row.anchor), row.surplus, row.fees, opening)


def scan_markets(tx: Tx) -> Iterator[tuple[str, Market]]:
    """Every market."""
    for row in tx.execute(f"SELECT {_MARKET} FROM market"):
        yield row[0], _market(row)


def load_positions(tx: Tx, keys: Collection[PositionKey]) -> list[tuple[PositionKey, Position]]:
    """Positions by key; the lock on their market keeps others away from them."""
    rows = tx.execute(f"SELECT {_POSITION} FROM {_ASKED} JOIN market_position USING (market, owner)", columns(keys))
    return [(PositionKey(*row[:2]), _position(row)) for row in rows]


def load_positions_of(tx: Tx, markets: Collection[str]) -> list[tuple[PositionKey, Position]]:
    """Every position of these markets, which are locked."""
    rows = tx.execute(f"SELECT {_POSITION} FROM market_position WHERE market = ANY(%s)", [list(markets)])
    return [(PositionKey(*row[:2]), _position(row)) for row in rows]


def insert_positions(tx: Tx, rows: Mapping[PositionKey, Position]) -> None:
    """First trades of their owners."""
    tx.execute(
        f"INSERT INTO market_position ({_POSITION})"
        " SELECT market, owner, shares::bigint[], cost::bigint[], paid, at_risk, payout"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
        f" AS new ({_POSITION})",
        _columns_of_positions(rows.values()),
    )


def update_positions(tx: Tx, rows: Mapping[PositionKey, Position]) -> None:
    """Later trades of their owners, and payouts."""
    tx.execute(
        "UPDATE market_position SET shares = new.shares::bigint[], cost = new.cost::bigint[], paid = new.paid,"
        " at_risk = new.at_risk, payout = new.payout"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
        f" AS new ({_POSITION})"
        " WHERE (market_position.market, market_position.owner) = (new.market, new.owner)",
        _columns_of_positions(rows.values()),
    )


def scan_positions(tx: Tx) -> Iterator[tuple[PositionKey, Position]]:
    """Every position."""
    for row in tx.execute(f"SELECT {_POSITION} FROM market_position"):
        yield PositionKey(*row[:2]), _position(row)


def load_trades_of(tx: Tx, markets: Collection[str]) -> list[tuple[TradeKey, Trade]]:
    """Every trade of these markets, which are locked."""
    rows = tx.execute(f"SELECT {_TRADE} FROM market_trade WHERE market = ANY(%s)", [list(markets)])
    return [(TradeKey(*row[:2]), _trade(row)) for row in rows]


def insert_trades(tx: Tx, rows: Mapping[TradeKey, Trade]) -> None:
    """New trades."""
    tx.execute(
        f"INSERT INTO market_trade ({_TRADE})"
        " SELECT market, trade, at, owner, outcome, side, shares, redeemed, paid, prices::bigint[], fee, resting"
        " FROM unnest(%s::text[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[])"
        f" AS new ({_TRADE})",
        columns((*row[:9], _array(row[9]), *row[10:]) for row in rows.values()),
    )


def scan_trades(tx: Tx) -> Iterator[tuple[TradeKey, Trade]]:
    """Every trade."""
    for row in tx.execute(f"SELECT {_TRADE} FROM market_trade"):
        yield TradeKey(*row[:2]), _trade(row)


def load_orders(tx: Tx, keys: Collection[OrderKey]) -> list[tuple[OrderKey, RestingOrder]]:
    """Orders by key; the lock on their market keeps others away from them."""
    rows = tx.execute(f"SELECT {_ORDER} FROM {_ASKED_ORDER} JOIN market_order USING (market, order_id)", columns(keys))
    return [(OrderKey(*row[:2]), RestingOrder._make(row)) for row in rows]


def load_books(tx: Tx, markets: Collection[str]) -> Iterator[tuple[OrderKey, RestingOrder]]:
    """The open orders of these markets, which are locked: those that have ended are in no book."""
    rows = tx.each(f"SELECT {_ORDER} FROM market_order WHERE market = ANY(%s) AND state = 'open'", [list(markets)])
    return ((OrderKey(*row[:2]), RestingOrder._make(row)) for row in rows)


def insert_orders(tx: Tx, rows: Mapping[OrderKey, RestingOrder]) -> None:
    """New orders."""
    tx.execute(
        f"INSERT INTO market_order ({_ORDER}) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[],"
        " %s::timestamptz[], %s::timestamptz[])",
        columns(rows.values()),
    )


def update_orders(tx: Tx, rows: Mapping[OrderKey, RestingOrder]) -> None:
    """What is left of orders whose markets are locked, and how they ended."""
    tx.execute(
        "UPDATE market_order SET shares = new.shares, filled = new.filled, escrow = new.escrow, state = new.state,"
        " ended_at = new.ended_at"
        " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[])"
        " AS new (market, order_id, shares, filled, escrow, state, ended_at)"
        " WHERE (market_order.market, market_order.order_id) = (new.market, new.order_id)",
        columns([(*row[:2], row.shares, row.filled, row.escrow, row.state, row.ended_at) for row in rows.values()]),
    )


def scan_orders(tx: Tx) -> Iterator[tuple[OrderKey, RestingOrder]]:
    """Every order that ever rested."""
    for row in tx.execute(f"SELECT {_ORDER} FROM market_order"):
        yield OrderKey(*row[:2]), RestingOrder._make(row)


def due_orders(tx: Tx, *, limit: int = 1000) -> list[OrderKey]:
    """Open orders whose time is over, the earliest first."""
    rows = tx.execute(
        "SELECT market, order_id FROM market_order WHERE state = 'open' AND expires_at <= %s"
        " ORDER BY expires_at LIMIT %s",
        [tx.now, limit],
    )
    return [OrderKey(*row) for row in rows]


def find_orders(
    tx: Tx, *, market: str | None = None, owner: str | None = None, limit: int | None = None
) -> list[RestingOrder]:
    """The open orders of a market, an owner, or both, the oldest first."""
    rows = tx.execute(
        f"SELECT {_ORDER} FROM market_order WHERE state = 'open' AND (%s::text IS NULL OR market = %s)"
        " AND (%s::text IS NULL OR owner = %s) ORDER BY placed_at, length(order_id), order_id LIMIT %s",
        [market, market, owner, owner, limit],
    )
    return [RestingOrder._make(row) for row in rows]


def find_market(tx: Tx, market: str) -> Market:
    """A market as it is now. Refuses: UnknownMarket."""
    row = tx.execute(f"SELECT {_MARKET} FROM market WHERE market = %s", [market]).fetchone()
    if row is None:
        raise UnknownMarket(market=market)
    return _market(row)


def market_on(tx: Tx, artifact: EntityKey) -> Market:
    """The market on an artifact. Refuses: NoMarket."""
    row = tx.execute(
        f"SELECT {_MARKET} FROM market WHERE market ="
        " (SELECT market FROM market_listing WHERE (artifact_type, artifact_id) = (%s, %s))",
        list(artifact),
    ).fetchone()
    if row is None:
        raise NoMarket(entity_type=artifact.entity_type, entity_id=artifact.entity_id)
    return _market(row)


def find_markets(tx: Tx, *, state: str | None = None, after: str = "", limit: int = 100) -> list[Market]:
    """A page of markets by id."""
    rows = tx.execute(
        f"SELECT {_MARKET} FROM market WHERE market > %s AND (%s::text IS NULL OR state = %s) ORDER BY market LIMIT %s",
        [after, state, state, limit],
    )
    return [_market(row) for row in rows]


def find_markets_named(tx: Tx, names: Collection[str]) -> list[Market]:
    """Those of these markets that there are."""
    rows = tx.execute(f"SELECT {_MARKET} FROM market WHERE market = ANY(%s) ORDER BY market", [list(names)])
    return [_market(row) for row in rows]


def count_funded(tx: Tx, funder: str) -> int:
    """How many open markets it funds."""
    rows = tx.execute("SELECT count(*) FROM market WHERE (funder, state) = (%s, 'open')", [funder]).fetchall()
    return sum(count for (count,) in rows)


def find_position(tx: Tx, market: Market, owner: str) -> Position:
    """A position as it is now, empty if its owner never traded."""
    row = tx.execute(
        f"SELECT {_POSITION} FROM market_position WHERE (market, owner) = (%s, %s)", [market.market, owner]
    ).fetchone()
    if row is None:
        return empty_position(market, owner)
    return _position(row)


def find_positions(
    tx: Tx,
    *,
    market: str | None = None,
    owner: str | None = None,
    after: PositionKey = PositionKey("", ""),
    limit: int = 100,
) -> list[Position]:
    """A page of positions by market and owner."""
    rows = tx.execute(
        f"SELECT {_POSITION} FROM market_position WHERE (market, owner) > (%s, %s)"
        " AND (%s::text IS NULL OR market = %s) AND (%s::text IS NULL OR owner = %s)"
        " ORDER BY market, owner LIMIT %s",
        [*after, market, market, owner, owner, limit],
    )
    return [_position(row) for row in rows]


def find_trades(tx: Tx, *, market: str, before: int | None = None, limit: int = 100) -> list[Trade]:
    """A page of a market's trades with the prices after each, newest first. Refuses: UnknownMarket."""
    find_market(tx, market)
    rows = tx.execute(
        f"SELECT {_TRADE} FROM market_trade WHERE market = %s AND trade < %s ORDER BY trade DESC LIMIT %s",
        [market, before or 2**31 - 1, limit],
    )
    return [_trade(row) for row in rows]


def find_candles(tx: Tx, market: Market, *, outcome: str, seconds: int, limit: int = 100) -> list[Candle]:
    """The prices after trades by interval, the latest first. Refuses: UnknownOutcome."""
    which = outcome_of(market, outcome) + 1
    rows = tx.execute(
        "SELECT date_bin(make_interval(secs => %s), at, 'epoch') AS start, (array_agg(prices[%s] ORDER BY trade))[1],"
        " max(prices[%s]), min(prices[%s]), (array_agg(prices[%s] ORDER BY trade DESC))[1],"
        " coalesce(sum(shares) FILTER (WHERE resting IS NULL), 0)::bigint,"
        " count(*) FILTER (WHERE resting IS NULL)"
        " FROM market_trade WHERE market = %s GROUP BY start ORDER BY start DESC LIMIT %s",
        [seconds, which, which, which, which, market.market, limit],
    )
    return [Candle._make(row) for row in rows]


bind(LISTINGS, load=load_listings, insert=insert_listings, update=update_listings, scan=scan_listings)
bind(MARKETS, load=load_markets, insert=insert_markets, update=update_markets, scan=scan_markets)
bind(ORDERS, load=load_orders, load_groups=load_books, insert=insert_orders, update=update_orders, scan=scan_orders)
bind(
    POSITIONS,
    load=load_positions,
    load_groups=load_positions_of,
    insert=insert_positions,
    update=update_positions,
    scan=scan_positions,
)
bind(TRADES, load_groups=load_trades_of, insert=insert_trades, scan=scan_trades)
