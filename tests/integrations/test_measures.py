"""CPU seconds and stored bytes, as the machine measures them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from tests.conftest import FakeClock
from tests.integrations.conftest import GAP, line, rows

from scidex import Client
from scidex.economy import Economy
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.integrations.measures import PathMissing, bytes_in, cpu_seconds, stored_bytes


def burn(seconds: float) -> None:
    started = time.thread_time()
    while time.thread_time() - started < seconds:
        pass


def test_cpu_seconds_are_measured_with_children(office: Economy, door: httpx.Client) -> None:
    child = "import time\nwhile time.process_time() < 0.1: pass"
    with Client(str(door.base_url), actor="bob") as client:
        for economy in (office, client):
            with cpu_seconds(economy, GAP, actor="alice", work="w1") as used:
                subprocess.run([sys.executable, "-c", child], check=True)
            assert used.seconds is not None
            assert Decimal("0.1") <= used.seconds < 10
    first, second = rows(office)
    assert (first.unit, first.actor, first.work, first.source) == ("cpu_seconds", "alice", "w1", "getrusage")
    assert (second.actor, second.amount) == ("bob", int(used.seconds * 1000))
    assert line(office, "cpu_seconds")[1] == first.amount + second.amount


def test_cpu_seconds_of_a_thread_are_its_own(office: Economy) -> None:
    def beside() -> None:
        burn(0.1)

    with cpu_seconds(office, GAP, actor="alice", of="thread") as used:
        other = threading.Thread(target=beside)
        other.start()
        other.join()
    assert used.seconds is not None
    assert used.seconds < Decimal("0.1")


def test_cpu_seconds_within_a_bound_are_reserved_first_and_kept_after_an_error(office: Economy) -> None:
    with pytest.raises(BudgetExhausted), cpu_seconds(office, GAP, actor="alice", at_most=61):
        raise AssertionError("not entered")

    def work() -> None:
        with cpu_seconds(office, GAP, actor="alice", at_most="0.010"):
            assert line(office, "cpu_seconds")[0] == 10
            burn(0.03)
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        work()
    (row,) = rows(office)
    assert row.reservation is not None
    assert row.amount >= 30
    assert line(office, "cpu_seconds") == (0, row.amount, 60_000 - row.amount)


def test_stored_bytes_accrue_from_what_is_there(
    office: Economy, clock: FakeClock, tmp_path: Path, door: httpx.Client
) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    with stored_bytes(office, GAP, tmp_path, actor="alice") as store:
        assert store.size == 1000
        clock.pass_by(3600 * 100)
        (tmp_path / "b").write_bytes(b"x" * 9000)
        # A thousand bytes for a hundred hours are 10^-4 GB-hours.
        assert store.observe() == {"storage_gb_hours": 0.0001}
        clock.pass_by(3600 * 10)
    assert [(row.unit, row.amount) for row in rows(office)] == [("storage_gb_hours", 100)] * 2
    with (
        Client(str(door.base_url), actor="bob") as client,
        stored_bytes(client, GAP, tmp_path / "b", store="b") as other,
    ):
        assert other.size == 9000


def test_bytes_are_counted_once_and_links_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a").write_bytes(b"12345")
    os.link(tmp_path / "deep/er/a", tmp_path / "same")
    (tmp_path / "link").symlink_to(tmp_path / "deep/er/a")
    assert bytes_in(tmp_path) == 5
    assert bytes_in(tmp_path / "same") == 5
    with pytest.raises(PathMissing, match="nowhere"):
        bytes_in(tmp_path / "nowhere")
