"""The SQL of planned liquidity."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.exchange.liquidity.model import CHANGES, Change, ChangeKey

_CHANGE = "market, change, at, liquidity, planner, state, planned_at, ended_at, paid, why"


def load_changes(tx: Tx, keys: Collection[ChangeKey]) -> list[tuple[ChangeKey, Change]]:
    """Changes by key; the lock on their market keeps others away from them."""
    rows = tx.execute(
        f"SELECT {_CHANGE} FROM unnest(%s::text[], %s::text[]) AS asked (market, change)"
        " JOIN market_liquidity USING (market, change)",
        columns(keys),
    )
    return [(ChangeKey(*row[:2]), Change._make(row)) for row in rows]


def load_waiting(tx: Tx, markets: Collection[str]) -> Iterator[tuple[ChangeKey, Change]]:
    """What is ahead of these markets, which are locked."""
    rows = tx.each(
        f"SELECT {_CHANGE} FROM market_liquidity WHERE market = ANY(%s) AND state = 'planned'", [list(markets)]
    )
    return ((ChangeKey(*row[:2]), Change._make(row)) for row in rows)


def insert_changes(tx: Tx, rows: Mapping[ChangeKey, Change]) -> None:
    """New changes."""
    tx.execute(
        f"INSERT INTO market_liquidity ({_CHANGE})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[],"
        " %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::text[])",
        columns(rows.values()),
    )


def update_changes(tx: Tx, rows: Mapping[ChangeKey, Change]) -> None:
    """How changes ended whose markets are locked."""
    tx.execute(
        "UPDATE market_liquidity SET state = new.state, ended_at = new.ended_at, paid = new.paid, why = new.why"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[])"
        " AS new (market, change, state, ended_at, paid, why)"
        " WHERE (market_liquidity.market, market_liquidity.change) = (new.market, new.change)",
        columns((*key, row.state, row.ended_at, row.paid, row.why) for key, row in rows.items()),
    )


def scan_changes(tx: Tx) -> Iterator[tuple[ChangeKey, Change]]:
    """Every change that was ever planned."""
    for row in tx.execute(f"SELECT {_CHANGE} FROM market_liquidity"):
        yield ChangeKey(*row[:2]), Change._make(row)


def due_changes(tx: Tx, *, limit: int) -> list[ChangeKey]:
    """Planned changes whose time has come, the earliest first."""
    rows = tx.execute(
        "SELECT market, change FROM market_liquidity WHERE state = 'planned' AND at <= %s ORDER BY at, market LIMIT %s",
        [tx.now, limit],
    )
    return [ChangeKey(*row) for row in rows]


def find_changes(tx: Tx, *, market: str, limit: int = 100) -> list[Change]:
    """The changes of a market by their time, the latest first."""
    rows = tx.execute(
        f"SELECT {_CHANGE} FROM market_liquidity WHERE market = %s ORDER BY at DESC, planned_at DESC, change LIMIT %s",
        [market, limit],
    )
    return [Change._make(row) for row in rows]


bind(
    CHANGES,
    load=load_changes,
    load_groups=load_waiting,
    insert=insert_changes,
    update=update_changes,
    scan=scan_changes,
)
