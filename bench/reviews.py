"""A review of very many budgets, beside one plain UPDATE of as many rows of the table that it changes."""

from __future__ import annotations

import itertools
import os
import time

import psycopg

from bench.server import Server, settings_for
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.ledger import AccountKey, Issue

ARTIFACTS = int(os.environ.get("SCIDEX_BENCH_REVIEWED", 1_000_000))
UNIT = "llm_standard"
POOL = AccountKey("pool:main", "pool", UNIT)
UPDATE = f"plain UPDATE of {ARTIFACTS:,} budget rows"
NAME = f"review of {ARTIFACTS:,} budgets"
_cycles = itertools.count(1)


def fill_reviewed(server: Server, database: str) -> str:
    """A database with artifacts, each with a score and a budget row, and a pool that all can rise from; how to reach
    it."""
    url = server.make_database(database)
    with Economy.open(settings_for(url)) as economy:
        economy.perform_all([Request(Issue(POOL, ARTIFACTS * 20_000, "bench"), "operator")])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO entity (entity_type, entity_id, title, proposer, registered_at)"
            " SELECT 'gap', 'gap-' || lpad(n::text, 7, '0'), 'A gap', 'operator', now()"
            " FROM generate_series(1, %s) AS n",
            [ARTIFACTS],
        )
        connection.execute(
            "INSERT INTO resource_budgets (entity_type, entity_id, storage_hours, priority_score, updated_at, version,"
            " used_at) SELECT 'gap', 'gap-' || lpad(n::text, 7, '0'), 720, 0.3 + 0.7 * (hashint4(n) & 1023) / 1023.0,"
            " now(), 1, now() FROM generate_series(1, %s) AS n",
            [ARTIFACTS],
        )
        connection.execute("VACUUM (FREEZE, ANALYZE)")
    return url


def plain_update(url: str) -> dict[str, float]:
    """Rows per second of one UPDATE of every budget row, committed."""
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute("UPDATE resource_budgets SET roi_score = 0.5, version = version + 1")
        taken = time.perf_counter() - began
        connection.execute("VACUUM (ANALYZE) resource_budgets")
    return {"rate": ARTIFACTS / taken}


def reviewed(url: str) -> dict[str, float]:
    """Budgets per second of one weekly review, from the reading of its inputs to the commit; it changes all of them."""
    with Economy.open(settings_for(url)) as economy:
        began = time.perf_counter()
        done = economy.review(pool="main", cycle=f"bench-{os.getpid()}-{next(_cycles)}", actor="operator").result
        taken = time.perf_counter() - began
        assert done.artifacts == ARTIFACTS, done
        assert all(unit.after + unit.reserve == unit.whole for unit in done.units), done
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return {"rate": ARTIFACTS / taken, "changed": done.changed / ARTIFACTS}
