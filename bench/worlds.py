"""Databases with somebody in them: actors with wallets, and markets that they bid on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import psycopg

from bench.server import Server, settings_for
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.markets import OpenMarket
from scidex.ledger import Issue, wallet_of

TOKEN = 10**6
WEALTH = 9 * 10**14
"""Parts that the house issues in all: as much as an account may hold, less a reserve."""
MARKETS = 500


def actor(n: int) -> str:
    """The name of the n-th actor."""
    return f"agent-{n:07d}"


def market(n: int) -> str:
    """The id of the n-th market; market 0 is the hot one."""
    return f"market-{n:04d}"


def fill(server: Server, database: str, *, actors: int, markets: int = 0) -> str:
    """A database with so many rich actors, and so many markets; how to reach it.

    The actors are written straight into the tables, because a million of them through their commands would take longer
    than all measures together; so the journal does not tell of them, and an audit would say so.
    """
    url = server.make_database(database)
    with psycopg.connect(url, autocommit=True) as connection:
        _copy_actors(connection, actors)
    if markets:
        with Economy.open(settings_for(url)) as economy:
            for batch in _batches(_market_commands(markets), 1000):
                economy.perform_all(batch)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    return url


def _copy_actors(connection: psycopg.Connection, actors: int) -> None:
    each = min(10**10, WEALTH // actors)
    with connection.transaction():
        connection.execute(
            "INSERT INTO actor (name, sort, roles, registered_at)"
            " SELECT 'agent-' || lpad(n::text, 7, '0'), 'agent', '{}', now() FROM generate_series(0, %s) AS n",
            [actors - 1],
        )
        connection.execute(
            "INSERT INTO ledger_account (owner, purpose, unit, balance, held)"
            " SELECT 'actor:' || name, 'wallet', 'token', %s, 0 FROM actor WHERE sort = 'agent'",
            [each],
        )
        connection.execute(
            "INSERT INTO ledger_account (owner, purpose, unit, balance, held)"
            " VALUES ('system', 'issuance', 'token', %s, 0)",
            [-each * actors],
        )


def _market_commands(markets: int) -> Iterator[Request]:
    yield Request(Issue(wallet_of("operator"), 10**13, "makers' stakes"), "operator")
    for n in range(markets):
        artifact = EntityKey("hypothesis", f"h-{n:04d}")
        yield Request(RegisterEntity(*artifact, f"Hypothesis {n}"), "operator")
        yield Request(OpenMarket(market(n), artifact, "Is it so?", ("yes", "no"), 1000 * TOKEN), "operator")


def _batches(requests: Iterator[Request], size: int) -> Iterator[Sequence[Request]]:
    while batch := list(islice(requests, size)):
        yield batch
