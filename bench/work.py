"""The queue: claims with their budget reserved, and results; beside the same written as plain SQL transactions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.budgets import UNIT, artifact, fill_budgets
from bench.loads import LOADS, Place, Step, answered
from bench.server import Server
from bench.worlds import actor
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.metering import UsageEvent
from scidex.work import ClaimWork, FinishWork

ITEMS, ENTITIES = 300_000, 1_000
ASKED, USED = 100, 70


def fill_queue(server: Server, database: str) -> str:
    """A database with items of a thousand artifacts, all of them open and within their budgets; how to reach it."""
    url = fill_budgets(server, database, actors=1_000, artifacts=ENTITIES)
    with psycopg.connect(url, autocommit=True) as connection:
        # Numbers that the journal has not reached: their names are those that it would give.
        connection.execute(
            "INSERT INTO work_item (item, entity_type, entity_id, kind, payload, units, amounts, proposer, after,"
            " attempts_max, added_at, state, attempts, since, not_before)"
            " SELECT 'w' || 1000000000 + n, 'hypothesis', 'funded-' || lpad((n %% %s)::text, 7, '0'), 'bench', '{}',"
            " ARRAY[%s], ARRAY[%s::bigint], 'operator', '{}', 3, now(), 'open', 0, now(), now()"
            " FROM generate_series(1, %s) AS n",
            [ENTITIES, UNIT, ASKED, ITEMS],
        )
        connection.execute(
            "INSERT INTO work_arm (entity_type, entity_id, pulls, rewards, open)"
            " SELECT entity_type, entity_id, 0, 0, count(*) FROM work_item GROUP BY 1, 2"
        )
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    assert artifact(0).entity_id == "funded-0000000"
    return url


PLAIN = """
CREATE TABLE plain_item (item bigint PRIMARY KEY, entity int NOT NULL, score float8 NOT NULL, state text NOT NULL,
  claimed_until timestamptz, payload text NOT NULL) WITH (fillfactor = 80);
INSERT INTO plain_item SELECT n, n % 1000, random(), 'open', NULL, '{}' FROM generate_series(1, 300000) AS n;
CREATE INDEX plain_item_next ON plain_item (score DESC, item) WHERE state = 'open';
CREATE TABLE plain_budget (entity int PRIMARY KEY, balance bigint NOT NULL, held bigint NOT NULL,
  CHECK (balance >= held)) WITH (fillfactor = 80);
INSERT INTO plain_budget SELECT n, 100000000, 0 FROM generate_series(0, 999) AS n;
CREATE TABLE plain_reservation (item bigint PRIMARY KEY, amount bigint NOT NULL, state text NOT NULL)
  WITH (fillfactor = 80);
CREATE TABLE plain_usage (item bigint NOT NULL, amount bigint NOT NULL, at timestamptz NOT NULL);
"""
PLAIN_PAIR = """
BEGIN;
UPDATE plain_item SET state = 'claimed', claimed_until = now() + interval '10 minutes'
WHERE item = (SELECT item FROM plain_item WHERE state = 'open' ORDER BY score DESC, item LIMIT 1
              FOR UPDATE SKIP LOCKED) RETURNING item, entity \\gset
UPDATE plain_budget SET held = held + 100 WHERE entity = :entity;
INSERT INTO plain_reservation VALUES (:item, 100, 'open');
COMMIT;
BEGIN;
UPDATE plain_item SET state = 'finished' WHERE item = :item;
UPDATE plain_reservation SET state = 'settled' WHERE item = :item;
UPDATE plain_budget SET held = held - 100, balance = balance - 70 WHERE entity = :entity;
INSERT INTO plain_usage VALUES (:item, 70, now());
COMMIT;
"""


def make_plain(server: Server, database: str) -> str:
    """The same queue in tables of its own, as one would write it first; how to reach it."""
    server.make_database(database, empty=True)
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        connection.execute(PLAIN.encode())
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    return database


def plain_pairs(server: Server, database: str, clients: int, seconds: float) -> dict[str, float]:
    """Pairs of a claim and a result per second, each a transaction, from so many clients; no accounting beside."""
    with TemporaryDirectory(dir=server.folder) as folder:
        script = Path(folder) / "pair.sql"
        script.write_text(PLAIN_PAIR, encoding="utf-8")
        Path(folder).chmod(0o755)
        printed = server.pgbench(
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            "--jobs=2",
            f"--time={max(1, round(seconds))}",
            f"--file={script}",
            database=database,
        )
    found = re.search(r"tps = ([\d.]+)", printed)
    assert found is not None, printed
    return {"rate": float(found[1])}


def pairs(economy: Economy, place: Place, batch: int) -> Step:
    """A batch of claims, then a batch that finishes them; counted are the pairs."""
    asked = itertools.cycle([[Request(ClaimWork(), actor(place.first + n % 500)) for n in range(batch)]])
    used = (UsageEvent(UNIT, USED, usd=0),)

    def step() -> int:
        held = answered(economy.perform(next(asked)))
        done = [Request(FinishWork(each.result.claim, used), each.actor) for each in held]
        return len(answered(economy.perform(done)))

    return step


def one_claim(economy: Economy, place: Place, batch: int) -> Step:
    """A claim by one of many callers, to the batcher; its result goes the same way, and is not counted in its time."""
    names = itertools.count()
    used = (UsageEvent(UNIT, USED, usd=0),)

    def step() -> int:
        name = actor(place.first + next(names) % 500)
        held = economy.batcher.perform(Request(ClaimWork(), name)).result
        economy.batcher.perform(Request(FinishWork(held.claim, used), name))
        return 1

    return step


LOADS_OF_WORK: dict[str, Callable[[Economy, Place, int], Step]] = {"work_pairs": pairs, "one_claim": one_claim}
LOADS.update(LOADS_OF_WORK)
