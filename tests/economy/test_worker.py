"""`scidex worker` in real processes: several at once, one killed, the database restarted, told to stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scidex.actors import RegisterActor
from scidex.core.errors import Busy
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.economy.worker import chores_of
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.liquidity import PlanLiquidity, PlannedChange
from scidex.exchange.markets import LimitOrder, OpenMarket
from scidex.lab import audit
from scidex.ledger import Issue, PlaceHold, wallet_of

T = 1_000_000
WAIT_S = 90


@contextmanager
def worker(**settings: object) -> Iterator[subprocess.Popen[str]]:
    """A worker that has begun; it is told to stop in the end, if it still runs."""
    env = dict(os.environ) | {f"SCIDEX_{name.upper()}": str(value) for name, value in settings.items()}
    started = subprocess.Popen(
        [sys.executable, "-m", "scidex", "--json", "worker"], env=env, stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        assert json.loads(started.stdout.readline()) == {"pid": started.pid}
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(timeout=60)
        started.stdout.close()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def kinds(economy: Economy, *names: str) -> Counter[str]:
    with economy.reading() as tx:
        return Counter(kind for (kind,) in tx.execute("SELECT kind FROM journal WHERE kind = ANY(%s)", [list(names)]))


def unsealed(economy: Economy) -> int:
    with economy.reading() as tx:
        (count,) = tx.execute(
            "SELECT (SELECT count(*) FROM journal) - coalesce(sum(length(leaves) / 32), 0) FROM journal_block"
        ).fetchone() or (0,)
    return int(count)


DUE = ("ledger.expire", "market.expire", "liquidity.carry_out")


def begin(economy: Economy, count: int, seconds: tuple[int, ...]) -> None:
    """So many holds, resting orders and changes of liquidity that are over, or due, after so many seconds in turn."""
    now = datetime.now(UTC)
    requests = [Request(RegisterActor("alice"), "operator")]
    requests += [Request(Issue(wallet_of(name), 10_000 * T, "x"), "operator") for name in ("alice", "operator")]
    for number in range(count):
        after = seconds[number % len(seconds)]
        at, gap, market = now + timedelta(seconds=after), EntityKey("gap", f"g{number}"), f"m{number}"
        requests += [
            Request(RegisterEntity(*gap, "title"), "operator"),
            Request(OpenMarket(market, gap, "?", ("yes", "no"), 10 * T), "operator"),
            Request(PlanLiquidity(market, (PlannedChange(at, 20 * T),)), "operator"),
            Request(LimitOrder(market, "yes", "buy", T, 10**12 // 4, at), "alice"),
            Request(PlaceHold(wallet_of("alice"), wallet_of("operator"), T, after, "until then"), "alice"),
        ]
    economy.perform_all(requests)


def test_two_workers_do_everything_due_once_although_one_is_killed(new_database):
    url = new_database()
    settings = Settings(home=Path("/nonexistent"), database_url=url)
    given = {"database_url": url, "worker_every_s": 1}
    with Economy.open(settings) as economy, worker(**given) as one, worker(**given) as other:
        begin(economy, 60, seconds=(4, 5, 6, 7, 8, 9))
        until(lambda: kinds(economy, *DUE).total() > 0)
        os.kill(one.pid, signal.SIGKILL)
        until(lambda: kinds(economy, *DUE).total() >= 180)
        until(lambda: unsealed(economy) == 0)
        time.sleep(2)  # two more rounds, which find nothing
        assert kinds(economy, *DUE) == dict.fromkeys(DUE, 60)
        with economy.reading() as tx:
            assert audit(tx).findings == ()
        other.send_signal(signal.SIGTERM)
        assert other.wait(timeout=60) == 0
    assert one.wait() == -signal.SIGKILL


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sx"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_worker_goes_on_when_its_database_has_died_and_come_back(home):
    with Economy.open(Settings(home=home)) as economy, worker(home=home, worker_every_s=1) as working:
        begin(economy, 1, seconds=(1,))
        until(lambda: kinds(economy, *DUE).total() == 3)
        (pid_file,) = home.rglob("postmaster.pid")
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

        def answers() -> bool:
            try:
                hold = PlaceHold(wallet_of("alice"), wallet_of("operator"), T, 1, "later")
                economy.perform_all([Request(hold, "alice", "later")])
            except Busy:
                return False
            return True

        until(answers)  # the worker has started the server again
        until(lambda: kinds(economy, "ledger.expire").total() == 2)
        working.send_signal(signal.SIGTERM)
        assert working.wait(timeout=60) == 0


def test_a_server_leaves_the_periodic_work_to_workers_if_it_is_told_to(new_database):
    url = new_database()
    env = dict(os.environ) | {"SCIDEX_DATABASE_URL": url, "SCIDEX_KEEPER": "false", "SCIDEX_SEAL_EVERY_S": "0.05"}
    with Economy.open(Settings(home=Path("/nonexistent"), database_url=url)) as economy:
        begin(economy, 1, seconds=(1,))
        up = [sys.executable, "-m", "scidex", "--json", "up", "--port", "0"]
        serving = subprocess.Popen(up, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert serving.stdout is not None
            assert "url" in json.loads(serving.stdout.readline())
            time.sleep(2)
            assert kinds(economy, *DUE).total() == 0
            assert economy.expire_due() == 3
        finally:
            serving.send_signal(signal.SIGTERM)
            serving.wait(timeout=60)
            serving.stdout.close()


def test_a_round_is_what_the_keeper_does(economy):
    assert [(chore.name, chore.cron) for chore in chores_of(economy)] == [
        ("sweep", "* * * * * */5"),
        ("tend", "0 * * * *"),
        ("reviews", "5 * * * *"),
    ]
    sweep, tend, reviews = (chore.do for chore in chores_of(economy))
    assert sweep() > 0  # what its birth recorded is sealed
    assert (sweep(), tend(), reviews()) == (0, 0, 0)
