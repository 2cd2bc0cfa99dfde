"""The SQL of bounties."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.bounties.model import BOUNTIES, Bounty, UnknownBounty

_BOUNTY = (
    "bounty, artifact_type, artifact_id, funder, amount, remaining, state, offered_at, expires_at, ended_at, purpose,"
    " counted_at"
)


def _bounty(row: Sequence[Any]) -> Bounty:
    return Bounty(row[0], EntityKey(row[1], row[2]), *row[3:])


def load_bounties(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Bounty]]:
    """Bounties by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_BOUNTY} FROM bounty WHERE bounty = ANY(%s) ORDER BY bounty FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _bounty(row)) for row in rows)


def insert_bounties(tx: Tx, rows: Mapping[str, Bounty]) -> None:
    """New bounties."""
    tx.execute(
        f"INSERT INTO bounty ({_BOUNTY})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
        " %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[])",
        columns((row.bounty, *row.artifact, *row[2:]) for row in rows.values()),
    )


def update_bounties(tx: Tx, rows: Mapping[str, Bounty]) -> None:
    """What remains of bounties that are locked, and how they ended."""
    tx.execute(
        "UPDATE bounty SET remaining = new.remaining, state = new.state, ended_at = new.ended_at,"
        " counted_at = new.counted_at"
        " FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[])"
        " AS new (bounty, remaining, state, ended_at, counted_at) WHERE bounty.bounty = new.bounty",
        [
            [row.bounty for row in rows.values()],
            [row.remaining for row in rows.values()],
            [row.state for row in rows.values()],
            [row.ended_at for row in rows.values()],
            [row.counted_at for row in rows.values()],
        ],
    )


def scan_bounties(tx: Tx) -> Iterator[tuple[str, Bounty]]:
    """Every bounty."""
    for row in tx.execute(f"SELECT {_BOUNTY} FROM bounty"):
        yield row[0], _bounty(row)


def find_bounty(tx: Tx, bounty: str) -> Bounty:
    """A bounty as it is now. Refuses: UnknownBounty."""
    row = tx.execute(f"SELECT {_BOUNTY} FROM bounty WHERE bounty = %s", [bounty]).fetchone()
    if row is None:
        raise UnknownBounty(bounty=bounty)
    return _bounty(row)


def find_bounties(
    tx: Tx,
    *,
    artifact: EntityKey | None = None,
    state: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> list[Bounty]:
    """A page of bounties, the largest remainder first."""
    key = artifact or (None, None)
    rows = tx.execute(
        f"SELECT {_BOUNTY} FROM bounty WHERE (%s::text IS NULL OR (artifact_type, artifact_id) = (%s, %s))"
        " AND (%s::text IS NULL OR state = %s) ORDER BY remaining DESC, bounty LIMIT %s OFFSET %s",
        [key[0], *key, state, state, limit, offset],
    )
    return [_bounty(row) for row in rows]


def counting_bounties(tx: Tx, *, artifact_type: str | None = None) -> list[str]:
    """The open bounties that count in budgets now, by id."""
    rows = tx.execute(
        "SELECT bounty FROM bounty WHERE state = 'open' AND expires_at > %s"
        " AND (%s::text IS NULL OR artifact_type = %s) ORDER BY bounty",
        [tx.now, artifact_type, artifact_type],
    )
    return [bounty for (bounty,) in rows]


def due_bounties(tx: Tx, *, limit: int = 1000) -> list[str]:
    """Open bounties whose time is over, oldest first."""
    rows = tx.execute(
        "SELECT bounty FROM bounty WHERE state = 'open' AND expires_at <= %s ORDER BY expires_at LIMIT %s",
        [tx.now, limit],
    )
    return [bounty for (bounty,) in rows]


bind(BOUNTIES, load=load_bounties, insert=insert_bounties, update=update_bounties, scan=scan_bounties)
