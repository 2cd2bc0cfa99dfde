"""The SQL of markets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.markets.fills import empty_position
from scidex.exchange.markets.model import (
    LISTINGS,
    MARKETS,
    POSITIONS,
    TRADES,
    Market,
    NoMarket,
    Position,
    PositionKey,
    Trade,
    TradeKey,
    UnknownMarket,
)

_MARKET = (
    "market, artifact_type, artifact_id, question, outcomes, liquidity, offsets, shares, prices, subsidy, funder,"
    " state, trades, at_risk, opened_at, moved_at, closes_at, ended_at, outcome, maker_result"
)
_POSITION = "market, owner, shares, cost, paid, at_risk, payout"
_TRADE = "market, trade, at, owner, outcome, side, shares, redeemed, paid, prices"


def _market(row: Sequence[Any]) -> Market:
    return Market(
        row[0],
        EntityKey(row[1], row[2]),
        row[3],
        tuple(row[4]),
        row[5],
        tuple(row[6]),
        tuple(row[7]),
        tuple(row[8]),
        *row[9:],
    )


def _position(row: Sequence[Any]) -> Position:
    return Position(row[0], row[1], tuple(row[2]), tuple(row[3]), *row[4:])


def _trade(row: Sequence[Any]) -> Trade:
    return Trade._make((*row[:9], tuple(row[9])))


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
        " ended_at, outcome, maker_result"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],"
        " %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::integer[], %s::bigint[],"
        " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bigint[])"
        f" AS new ({_MARKET})",
        columns((row.market, *row.artifact, *row[2:]) for row in rows.values()),
    )


def update_markets(tx: Tx, rows: Mapping[str, Market]) -> None:
    """What trades and settlement change of markets that are locked."""
    tx.execute(
        "UPDATE market SET shares = new.shares::bigint[], prices = new.prices::bigint[], state = new.state,"
        " trades = new.trades, at_risk = new.at_risk, moved_at = new.moved_at, ended_at = new.ended_at,"
        " outcome = new.outcome, maker_result = new.maker_result"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::bigint[],"
        " %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bigint[])"
        " AS new (market, shares, prices, state, trades, at_risk, moved_at, ended_at, outcome, maker_result)"
        " WHERE market.market = new.market",
        columns(
            (
                row.market,
                _array(row.shares),
                _array(row.prices),
                row.state,
                row.trades,
                row.at_risk,
                row.moved_at,
                row.ended_at,
                row.outcome,
                row.maker_result,
            )
            for row in rows.values()
        ),
    )


def scan_markets(tx: Tx) -> Iterator[tuple[str, Market]]:
    """Every market."""
    for row in tx.execute(f"SELECT {_MARKET} FROM market"):
        yield row[0], _market(row)


def load_positions(tx: Tx, keys: Collection[PositionKey]) -> list[tuple[PositionKey, Position]]:
    """Positions by key; the lock on their market keeps others away from them."""
    rows = tx.execute(
        f"SELECT {_POSITION} FROM unnest(%s::text[], %s::text[]) AS asked (market, owner)"
        " JOIN market_position USING (market, owner)",
        columns(keys),
    )
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
        " SELECT market, trade, at, owner, outcome, side, shares, redeemed, paid, prices::bigint[]"
        " FROM unnest(%s::text[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])"
        f" AS new ({_TRADE})",
        columns((*row[:9], _array(row[9])) for row in rows.values()),
    )


def scan_trades(tx: Tx) -> Iterator[tuple[TradeKey, Trade]]:
    """Every trade."""
    for row in tx.execute(f"SELECT {_TRADE} FROM market_trade"):
        yield TradeKey(*row[:2]), _trade(row)


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


bind(LISTINGS, load=load_listings, insert=insert_listings, update=update_listings, scan=scan_listings)
bind(MARKETS, load=load_markets, insert=insert_markets, update=update_markets, scan=scan_markets)
bind(
    POSITIONS,
    load=load_positions,
    load_groups=load_positions_of,
    insert=insert_positions,
    update=update_positions,
    scan=scan_positions,
)
bind(TRADES, load_groups=load_trades_of, insert=insert_trades, scan=scan_trades)
