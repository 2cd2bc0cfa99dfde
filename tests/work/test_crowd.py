"""Many claimers at once, some of whom are killed: nothing held twice, nothing lost, no budget beyond its grant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from tests.conftest import FakeClock

from scidex import work
from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue
from scidex.metering import UsageEvent
from scidex.senate.budgets import SetBudget, budget_of

CLAIMERS, ITEMS = 32, 600
ENTITIES = [EntityKey("gap", f"g{n}") for n in range(20)]
# Enough for every item, but for the first entity, whose budget holds three at once and eleven in all.
GRANTS = {entity: 10_000 if n else 350 for n, entity in enumerate(ENTITIES)}
CLAIMER = """
import sys, pathlib
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.work import ClaimWork
economy = Economy.open(Settings(home=pathlib.Path("/nonexistent"), database_url=sys.argv[1]))
while True:
    economy.batcher.perform(Request(ClaimWork((), 3600), sys.argv[2]))
    print("claimed", flush=True)
"""


def fill(economy: Economy) -> None:
    pool = AccountKey("pool:main", "pool", "llm_standard")
    setting: list[object] = [Issue(pool, sum(GRANTS.values()), "cycle")]
    setting += [RegisterActor(f"agent-{n}") for n in range(CLAIMERS)]
    setting += [RegisterEntity(*entity, "title") for entity in ENTITIES]
    setting += [SetBudget(entity, "main", (("llm_standard", granted),)) for entity, granted in GRANTS.items()]
    setting += [work.AddWork(ENTITIES[n % len(ENTITIES)], "read", "{}", (("llm_standard", 100),)) for n in range(ITEMS)]
    economy.perform_all([Request(command, "operator") for command in setting])


def claimer(economy: Economy, name: str) -> list[str]:
    """Claims and finishes until there is nothing; the items that it finished."""
    done = []
    while True:
        try:
            held = economy.batcher.perform(Request(work.ClaimWork(), name)).result
        except work.NoWork:
            return done
        used = (UsageEvent("llm_standard", 30, usd=0),)
        economy.batcher.perform(Request(work.FinishWork(held.claim, used), name))
        done.append(held.item)


def test_32_claimers_and_three_that_are_killed(new_database):
    url = new_database()
    clock = FakeClock()
    settings = Settings(home=Path(os.devnull), database_url=url)
    with Economy.open(settings, clock=clock) as economy:
        fill(economy)
        killed = [
            subprocess.Popen([sys.executable, "-c", CLAIMER, url, f"agent-{n}"], stdout=subprocess.PIPE, text=True)
            for n in range(3)
        ]
        for process in killed:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline() == "claimed\n"
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        with ThreadPoolExecutor(CLAIMERS) as pool:
            finished = [
                item for done in pool.map(lambda n: claimer(economy, f"agent-{n}"), range(CLAIMERS)) for item in done
            ]
        assert max(Counter(finished).values()) == 1
        with psycopg.connect(url) as connection:
            (held,) = connection.execute("SELECT count(*) FROM work_claim WHERE state = 'held'").fetchone() or (0,)
            (latest,) = connection.execute("SELECT max(expires_at) FROM work_claim").fetchone() or (None,)
        assert held >= 9
        clock.now = latest
        economy.expire_due()
        clock.pass_by(60)
        finished += claimer(economy, "agent-0")
        assert max(Counter(finished).values()) == 1
        with economy.reading() as tx:
            counts = work.count_items(tx)
            # Of the first entity's thirty, as many are done as its budget held: 350 / 30 used each, 100 set aside.
            (line,) = budget_of(tx, ENTITIES[0])
            assert (line.granted, line.reserved) == (350, 0) and 0 <= line.available < 100
            assert counts == {"finished": len(finished), "open": ITEMS - len(finished)}
            assert line.spent == 30 * (30 - counts["open"])
            report = audit(tx)
        assert report.ok, report.findings


def test_an_investigation_holds_finishes_fails_and_gives_back(new_database):
    url = new_database()
    with Economy.open(Settings(home=Path(os.devnull), database_url=url)) as economy:
        fill(economy)
        with economy.next_investigation("agent-1") as found:
            found.record(UsageEvent("llm_standard", 10, usd=0))
        assert (found.payload, found.outcome.state) == ({}, "finished")
        try:
            with economy.next_investigation("agent-1") as found:
                raise RuntimeError("the model  was down")
        except RuntimeError:
            pass
        with economy.reading() as tx:
            assert work.find_claim(tx, found.claimed.claim).note == "RuntimeError: the model was down"
        with economy.next_investigation("agent-1") as found:
            found.give_back()
        with economy.reading() as tx:
            assert work.find_claim(tx, found.claimed.claim).state == "returned"
