"""The SQL of actors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from scidex.actors.model import ACTORS, Actor
from scidex.core.db import Tx, columns
from scidex.core.journal import bind


def load_actors(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Actor]]:
    """Actors by name, locked in name order."""
    rows = tx.each(
        "SELECT name, sort, roles, registered_at FROM actor WHERE name = ANY(%s) ORDER BY name FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _actor(*row)) for row in rows)


def look_at_actors(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Actor]]:
    """Actors by name, kept from changing: shared, because many commands look at one actor's roles at once."""
    rows = tx.each(
        "SELECT name, sort, roles, registered_at FROM actor WHERE name = ANY(%s) ORDER BY name FOR SHARE",
        [list(names)],
    )
    return ((row[0], _actor(*row)) for row in rows)


def insert_actors(tx: Tx, rows: Mapping[str, Actor]) -> None:
    """New actors."""
    tx.execute(
        "INSERT INTO actor (name, sort, roles, registered_at)"
        " SELECT name, sort, roles::text[], registered_at"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS new"
        " (name, sort, roles, registered_at)",
        columns(rows.values()),
    )


def update_actors(tx: Tx, rows: Mapping[str, Actor]) -> None:
    """Changed actors."""
    tx.execute(
        "UPDATE actor SET sort = new.sort, roles = new.roles::text[]"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS new"
        " (name, sort, roles, registered_at)"
        " WHERE actor.name = new.name",
        columns(rows.values()),
    )


def scan_actors(tx: Tx) -> Iterator[tuple[str, Actor]]:
    """Every actor."""
    for row in tx.execute("SELECT name, sort, roles, registered_at FROM actor"):
        yield row[0], _actor(*row)


def find_actors(tx: Tx, *, after: str = "", limit: int = 100) -> list[Actor]:
    """A page of actors by name."""
    rows = tx.execute(
        "SELECT name, sort, roles, registered_at FROM actor WHERE name > %s ORDER BY name LIMIT %s",
        [after, limit],
    )
    return [_actor(*row) for row in rows]


def find_actors_named(tx: Tx, names: Collection[str]) -> list[Actor]:
    """Those of these actors that there are."""
    rows = tx.execute(
        "SELECT name, sort, roles, registered_at FROM actor WHERE name = ANY(%s) ORDER BY name", [list(names)]
    )
    return [_actor(*row) for row in rows]


def _actor(name: str, sort: str, roles: list[str], registered_at: object) -> Actor:
    return Actor(name, sort, tuple(roles), registered_at)  # type: ignore[arg-type]


bind(ACTORS, load=load_actors, look=look_at_actors, insert=insert_actors, update=update_actors, scan=scan_actors)
