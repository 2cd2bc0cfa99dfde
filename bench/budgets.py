"""Reservations: artifacts with budgets, and calls of a model that are reserved before and settled after."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg

from bench.loads import LOADS, Place, Step, answered
from bench.server import Server, settings_for
from bench.worlds import actor, fill
from scidex.core.db import Tx
from scidex.core.journal import Request, perform
from scidex.core.units import MAX_AMOUNT
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.ledger import AccountKey, Issue
from scidex.metering import UsageEvent
from scidex.senate.budgets import Reserve, SetBudget, SetLimit, Settle, reserve, settle, to_reserve, to_settle

UNIT = "llm_standard"
POOL = "fleet"
MODEL, PROVIDER = "gpt-4o", "openai"
GRANT = 10**8
ASKED_INPUT, ASKED_OUTPUT = 1_500, 500
USED_INPUT, USED_OUTPUT = 1_400, 250
USD_AT_MOST = 20_000
"""Parts of a dollar: two cents."""


def artifact(n: int) -> EntityKey:
    """The n-th artifact with a budget."""
    return EntityKey("hypothesis", f"funded-{n:07d}")


def fill_budgets(server: Server, database: str, *, actors: int, artifacts: int) -> str:
    """A database with actors and with artifacts that have budgets; how to reach it.

    The first artifact gets its budget by the commands for it; the others are copies of its rows, as the actors are
    written straight into the tables.
    """
    url = fill(server, database, actors=actors)
    pool = AccountKey(f"pool:{POOL}", "pool", UNIT)
    with Economy.open(settings_for(url)) as economy:
        economy.perform_all([Request(Issue(pool, GRANT * artifacts, "bench"), "operator")])
        economy.perform_all([Request(RegisterEntity(*artifact(0), "Funded"), "operator")])
        economy.perform_all([Request(SetBudget(artifact(0), POOL, ((UNIT, GRANT),)), "operator")])
        economy.perform_all([Request(SetLimit("fleet", "", "usd", "day", MAX_AMOUNT), "operator")])
    with psycopg.connect(url, autocommit=True) as connection:
        for table, columns in (
            ("entity", "title, proposer, registered_at"),
            (
                "resource_budgets",
                "pool, llm_standard_budget, storage_hours, updated_at, version, used_at",
            ),
        ):
            connection.execute(
                f"INSERT INTO {table} (entity_type, entity_id, {columns})"
                f" SELECT entity_type, 'funded-' || lpad(n::text, 7, '0'), {columns}"
                f" FROM {table}, generate_series(1, %s) AS n WHERE entity_id = %s".encode(),
                [artifacts - 1, artifact(0).entity_id],
            )
        connection.execute(
            "INSERT INTO ledger_account (owner, purpose, unit, balance, held)"
            " SELECT 'entity:hypothesis:funded-' || lpad(n::text, 7, '0'), 'budget', %s, %s, 0"
            " FROM generate_series(1, %s) AS n",
            [UNIT, GRANT, artifacts - 1],
        )
        connection.execute(
            "UPDATE ledger_account SET balance = balance - %s WHERE owner = %s", [GRANT * (artifacts - 1), pool.owner]
        )
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    return url


def pairs(economy: Economy, place: Place, batch: int) -> Step:
    """A batch of reservations of calls, then a batch that settles them; counted are the pairs."""
    dice = place.dice()
    asked = itertools.cycle([[_who(place, dice) for _ in range(batch)] for _ in range(20)])

    def step() -> int:
        calls = next(asked)
        reserved = economy.run(lambda tx: answered(perform(tx, [_reserve(tx, *call) for call in calls])))
        names = [(receipt.result.reservation, receipt.actor) for receipt in reserved]
        return len(economy.run(lambda tx: answered(perform(tx, [_settle(tx, *each) for each in names]))))

    return step


def one_reserve(economy: Economy, place: Place, batch: int) -> Step:
    """A reservation by itself."""
    dice = place.dice()

    def step() -> int:
        name, entity = _who(place, dice)
        economy.run(lambda tx: _reserve_one(tx, entity), actor=name)
        return 1

    return step


def one_pair(economy: Economy, place: Place, batch: int) -> Step:
    """A reservation by itself, then its settlement by itself."""
    dice = place.dice()

    def step() -> int:
        name, entity = _who(place, dice)
        reservation = economy.run(lambda tx: _reserve_one(tx, entity), actor=name)
        economy.run(lambda tx: settle(tx, reservation=reservation, events=_used()), actor=name)
        return 1

    return step


def gathered_pair(economy: Economy, place: Place, batch: int) -> Step:
    """The same to the batcher, by a caller who states what it costs."""
    dice = place.dice()

    def step() -> int:
        name, entity = _who(place, dice)
        asked = ((UNIT, ASKED_INPUT + ASKED_OUTPUT),)
        command = Reserve(entity, asked, 600, USD_AT_MOST, MODEL, PROVIDER, None, ASKED_OUTPUT)
        reservation = economy.batcher.perform(Request(command, name)).result.reservation
        economy.batcher.perform(Request(Settle(reservation, _used(USD_AT_MOST)), name))
        return 1

    return step


def _who(place: Place, dice: random.Random) -> tuple[str, EntityKey]:
    return actor(dice.randrange(1000)), artifact(place.first + dice.randrange(place.actors))


def _reserve(tx: Tx, name: str, entity: EntityKey) -> Request:
    command = to_reserve(
        tx,
        entity=entity,
        amounts={},
        model=MODEL,
        provider=PROVIDER,
        input_tokens=ASKED_INPUT,
        max_output_tokens=ASKED_OUTPUT,
    )
    return Request(command, name)


def _settle(tx: Tx, reservation: str, name: str) -> Request:
    return Request(to_settle(tx, reservation=reservation, events=_used()), name)


def _reserve_one(tx: Tx, entity: EntityKey) -> str:
    return reserve(
        tx,
        entity=entity,
        amounts={},
        model=MODEL,
        provider=PROVIDER,
        input_tokens=ASKED_INPUT,
        max_output_tokens=ASKED_OUTPUT,
    ).result.reservation


def _used(usd: int | None = None) -> tuple[UsageEvent, ...]:
    used = USED_INPUT + USED_OUTPUT
    at = datetime.now(UTC) - timedelta(seconds=1)
    return (UsageEvent(UNIT, used, at, None, MODEL, PROVIDER, USED_INPUT, USED_OUTPUT, 0, 0, usd, source="bench"),)


_LOADS: tuple[Callable[[Economy, Place, int], Step], ...] = (pairs, one_reserve, one_pair, gathered_pair)
LOADS.update({load.__name__: load for load in _LOADS})
