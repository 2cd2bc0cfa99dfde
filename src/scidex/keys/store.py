"""The SQL of keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.keys.model import KEYS, Key

_KEY = (
    "key, actor, scopes, label, per_minute, issued_by, issued_at, expires_at, digest, rotated_at, earlier,"
    " earlier_until, revoked_at, revoked_by"
)
_NEW = (
    "unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::timestamptz[],"
    " %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[])"
)


def load_keys(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Key]]:
    """Keys by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_KEY} FROM access_key WHERE key = ANY(%s) ORDER BY key FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _key(*row)) for row in rows)


def insert_keys(tx: Tx, rows: Mapping[str, Key]) -> None:
    """New keys."""
    tx.execute(
        f"INSERT INTO access_key ({_KEY})"
        " SELECT key, actor, scopes::text[], label, per_minute, issued_by, issued_at, expires_at, digest, rotated_at,"
        f" earlier, earlier_until, revoked_at, revoked_by FROM {_NEW} AS new ({_KEY})",
        columns(rows.values()),
    )


def update_keys(tx: Tx, rows: Mapping[str, Key]) -> None:
    """Keys that were rotated or revoked."""
    tx.execute(
        "UPDATE access_key SET expires_at = new.expires_at, digest = new.digest, rotated_at = new.rotated_at,"
        " earlier = new.earlier, earlier_until = new.earlier_until, revoked_at = new.revoked_at,"
        f" revoked_by = new.revoked_by FROM {_NEW} AS new ({_KEY}) WHERE access_key.key = new.key",
        columns(rows.values()),
    )


def scan_keys(tx: Tx) -> Iterator[tuple[str, Key]]:
    """Every key."""
    for row in tx.execute(f"SELECT {_KEY} FROM access_key"):
        yield row[0], _key(*row)


def find_key(tx: Tx, name: str) -> Key | None:
    """The key of that id."""
    row = tx.execute(f"SELECT {_KEY} FROM access_key WHERE key = %s", [name]).fetchone()
    return None if row is None else _key(*row)


def keys_of(tx: Tx, actor: str | None, *, after: int, limit: int) -> list[tuple[Key, datetime | None]]:
    """A page of keys by number, of this actor if given, each with when it was last used."""
    rows = tx.execute(
        f"SELECT {_KEY}, used_at FROM access_key LEFT JOIN access_key_use USING (key)"
        " WHERE (%s::text IS NULL OR actor = %s) AND substr(key, 2)::bigint > %s"
        " ORDER BY substr(key, 2)::bigint LIMIT %s",
        [actor, actor, after, limit],
    )
    return [(_key(*row[:-1]), row[-1]) for row in rows]


def note_use(tx: Tx, name: str) -> None:
    """Put down that a key was used now: no command, so it is in no journal."""
    tx.execute(
        "INSERT INTO access_key_use (key, used_at) VALUES (%s, %s)"
        " ON CONFLICT (key) DO UPDATE SET used_at = greatest(access_key_use.used_at, excluded.used_at)",
        [name, tx.now],
    )


def _key(key: str, actor: str, scopes: list[str], *rest: Any) -> Key:
    return Key(key, actor, tuple(scopes), *rest)


bind(KEYS, load=load_keys, insert=insert_keys, update=update_keys, scan=scan_keys)
