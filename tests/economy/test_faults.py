"""Killed in mid-load, the writer or the database: what was acknowledged is there, nothing is half there.

SCIDEX_KILLS says how often each is killed; the default is for every day.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.ledger import Issue, find_account, wallet_of

RACER = Path(__file__).with_name("racer.py")
KILLS = int(os.environ.get("SCIDEX_KILLS", "2"))
PARTS = 10**12


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of its own, because its server is going to be killed."""
    made = Path(tempfile.mkdtemp(prefix="sx"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def rich(home: Path) -> Iterator[Economy]:
    with Economy.open(Settings(home=home)) as economy:
        economy.perform_all(
            [
                Request(RegisterActor("alice"), "operator"),
                Request(RegisterActor("bob"), "operator"),
                Request(Issue(wallet_of("alice"), PARTS, "x"), "operator"),
            ]
        )
        yield economy


class Writer:
    """A process that pays without end, and what it was told was done."""

    def __init__(self, home: Path, prefix: str) -> None:
        self.acknowledged: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(RACER), "pay", json.dumps({"prefix": prefix})],
            env={**os.environ, "SCIDEX_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert json.loads(self.process.stdout.readline()) == {"ready": True}
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.endswith("}\n"):
                self.acknowledged.append(json.loads(line)["key"])

    def has_done(self, more: int) -> None:
        """Waits until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "the writer came to a halt"
            time.sleep(0.005)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *how: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self._reader.join(30)
        self.process.stdout.close()
        self.process.stdin.close()


def check(economy: Economy, acknowledged: list[str]) -> None:
    """Every acknowledged payment is there once, whole, and the books are those of the journal."""
    economy.seal()
    with economy.reading() as tx:
        report = audit(tx)
        assert report.ok, report.findings
        keys = {key for (key,) in tx.execute("SELECT key FROM journal WHERE kind = 'ledger.transfer'")}
        assert set(acknowledged) <= keys
        assert find_account(tx, wallet_of("bob")).balance == len(keys)
        assert find_account(tx, wallet_of("alice")).balance == PARTS - len(keys)


@pytest.mark.timeout(60 + 30 * KILLS)
def test_a_writer_that_is_killed_leaves_what_it_acknowledged_and_nothing_half(rich, home):
    acknowledged: list[str] = []
    for round_ in range(KILLS):
        with Writer(home, f"w{round_}") as writer:
            writer.has_done(50)
            time.sleep(random.Random(round_).uniform(0, 0.2))
            writer.kill()
        acknowledged += writer.acknowledged
        check(rich, acknowledged)


@pytest.mark.timeout(60 + 60 * KILLS)
def test_a_database_that_is_killed_comes_back_with_all_that_was_acknowledged(rich, home):
    with Writer(home, "d") as writer:
        for round_ in range(KILLS):
            writer.has_done(50)
            time.sleep(random.Random(round_).uniform(0, 0.2))
            before = kill_database(home, writer)
            revive(rich)
            check(rich, before)
        writer.has_done(50)
        writer.kill()
    check(rich, writer.acknowledged)


def kill_database(home: Path, writer: Writer) -> list[str]:
    """Kills the server in the middle of what it does; what had been acknowledged by then."""
    os.kill(int((home / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    return list(writer.acknowledged)


def revive(economy: Economy) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            economy.revive()
            # Connections that died with the server are found out one by one.
            with economy.reading() as tx:
                tx.execute("SELECT 1")
            economy.seal()
            return
        except Refusal:
            assert time.monotonic() < deadline
            time.sleep(0.05)
