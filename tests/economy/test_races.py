"""Many processes on one database: a budget admits what it covers, to the last call."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue, find_account
from scidex.senate.budgets import SetBudget, budget_of

RACER = Path(__file__).with_name("racer.py")
GAP = EntityKey("gap", "g")
UNIT = "llm_standard"
POOL = AccountKey("pool:main", "pool", UNIT)


def start(url: str, scenario: str, **terms: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RACER), scenario, json.dumps(terms)],
        env={**os.environ, "SCIDEX_DATABASE_URL": url, "SCIDEX_HOME": "/nonexistent"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def race(processes: list[subprocess.Popen[str]]) -> collections.Counter[str]:
    """Lets all go at once when the last is ready; what they saw together."""
    for process in processes:
        assert json.loads(process.stdout.readline()) == {"ready": True}
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    seen: collections.Counter[str] = collections.Counter()
    for process in processes:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        seen.update(json.loads(out.splitlines()[-1]))
    return seen


@pytest.fixture
def url(new_database) -> str:
    return new_database()


@pytest.fixture
def granted(url):
    """An economy whose gap g has a budget of 100,000 LLM tokens."""
    with Economy.open(Settings(home=Path("/nonexistent"), database_url=url)) as economy:
        economy.perform_all(
            [
                Request(RegisterActor("alice"), "operator"),
                Request(RegisterEntity("gap", "g", "g"), "operator"),
                Request(Issue(POOL, 100_000, "cycle"), "operator"),
                Request(SetBudget(GAP, "main", ((UNIT, 100_000),)), "operator"),
            ]
        )
        yield economy


def lines(economy: Economy) -> tuple[int, int, int, int]:
    with economy.reading() as tx:
        (line,) = budget_of(tx, GAP)
    return line.granted, line.reserved, line.spent, line.available


def audited(economy: Economy) -> bool:
    economy.seal()
    with economy.reading() as tx:
        report = audit(tx)
    assert report.ok, report.findings
    return report.ok


@pytest.mark.timeout(280)
def test_sixteen_processes_of_64_reservers_admit_exactly_what_the_budget_covers(granted, url):
    seen = race([start(url, "reserve", threads=64, tokens=100) for _ in range(16)])
    assert seen["admitted"] == 1000
    assert seen["budget_exhausted"] == 16 * 64
    assert lines(granted) == (100_000, 100_000, 0, 0)
    assert audited(granted)


@pytest.mark.timeout(280)
def test_settles_voids_and_expiries_race_and_nothing_is_overspent_or_lost(granted, url):
    until = time.time() + 12
    seen = race([start(url, "live", threads=16, tokens=100, until=until, seed=seed) for seed in range(4)])
    time.sleep(1.1)
    while granted.expire_due():
        pass
    assert seen["settled"] > 20
    assert seen["reservation_ended"] > 0
    granted_parts, reserved, spent, available = lines(granted)
    assert (granted_parts, spent) == (100_000, seen["used"])
    assert spent + reserved + available == granted_parts
    assert available >= 0
    with granted.reading() as tx:
        assert find_account(tx, AccountKey("entity:gap:g", "spent", UNIT)).balance == seen["used"]
    assert audited(granted)
