"""The SQL of actors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from scidex.actors.model import ACTORS, Actor
from scidex.core.db import Tx, columns
from scidex.core.journal import bind

_ACTOR = "name, sort, roles, registered_at, owner, family"


def load_actors(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Actor]]:
    """Actors by name, locked in name order."""
    rows = tx.each(
        f"SELECT {_ACTOR} FROM actor WHERE name = ANY(%s) ORDER BY name FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _actor(*row)) for row in rows)


def look_at_actors(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Actor]]:
    """Actors by name, kept from changing: shared, because many commands look at one actor's roles at once."""
    rows = tx.each(
        f"SELECT {_ACTOR} FROM actor WHERE name = ANY(%s) ORDER BY name FOR SHARE",
        [list(names)],
    )
    return ((row[0], _actor(*row)) for row in rows)


def insert_actors(tx: Tx, rows: Mapping[str, Actor]) -> None:
    """New actors."""
    tx.execute(
        f"INSERT INTO actor ({_ACTOR})"
        " SELECT name, sort, roles::text[], registered_at, owner, family"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])"
        f" AS new ({_ACTOR})",
        columns(rows.values()),
    )


def update_actors(tx: Tx, rows: Mapping[str, Actor]) -> None:
    """Changed actors."""
    tx.execute(
        "UPDATE actor SET sort = new.sort, roles = new.roles::text[], owner = new.owner, family = new.family"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])"
        f" AS new ({_ACTOR})"
        " WHERE actor.name = new.name",
        columns(rows.values()),
    )


def scan_actors(tx: Tx) -> Iterator[tuple[str, Actor]]:
    """Every actor."""
    for row in tx.execute(f"SELECT {_ACTOR} FROM actor"):
        yield row[0], _actor(*row)


def find_actors(tx: Tx, *, after: str = "", limit: int = 100) -> list[Actor]:
    """A page of actors by name."""
    rows = tx.execute(
        f"SELECT {_ACTOR} FROM actor WHERE name > %s ORDER BY name LIMIT %s",
        [after, limit],
    )
    return [_actor(*row) for row in rows]


def find_actors_named(tx: Tx, names: Collection[str]) -> list[Actor]:
    """Those of these actors that there are."""
    rows = tx.execute(f"SELECT {_ACTOR} FROM actor WHERE name = ANY(%s) ORDER BY name", [list(names)])
    return [_actor(*row) for row in rows]


def _actor(name: str, sort: str, roles: list[str], *rest: Any) -> Actor:
    return Actor(name, sort, tuple(roles), *rest)


bind(ACTORS, load=load_actors, look=look_at_actors, insert=insert_actors, update=update_actors, scan=scan_actors)
