"""A small fleet lives: processes over HTTP, a report, a clean audit; and none of them outlives who started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from scidex.fleet.agent import Orders

NOWHERE = Orders("http://127.0.0.1:9", "scidex_nobody", 1, 3, "t", 0, 0.01, None)


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.timeout(200)
def test_a_fleet_lives_and_everything_moves():
    command = [
        sys.executable,
        "-m",
        "scidex",
        "fleet",
        "run",
        "--agents",
        "3",
        "--deeds",
        "20",
        "--pause",
        "0",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["deeds"] == 3 * 20 == sum(report["done"].values()) + sum(report["refused"].values())
    assert (report["failed"], report["lost"]) == (0, 0)
    assert report["trades"] > 0
    assert report["prices_moved"] > 0
    assert report["spent"] > 0
    assert report["edges"] > 0
    assert report["returns_known"] > 0
    assert report["budgets_moved"] > 0
    assert sum(report["settlements"].values()) == 4
    assert report["audit"]["ok"]
    assert report["audit"]["journal_rows"] > 100
    assert "100% over" in done.stderr


@pytest.fixture
def agent():
    """An agent whose server is nowhere: each deed fails, and it goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scidex.fleet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    process.stdin.write(json.dumps(asdict(NOWHERE)).encode() + b"\n")
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def test_an_agent_without_a_server_goes_on_and_stops_with_its_stdin(agent):
    said = json.loads(agent.stdout.readline())
    assert said["agent"] == "t-agent-01"
    assert "no answer after" in said["failed"]
    agent.stdin.close()
    assert agent.wait(15) == 0


def test_agents_stop_when_who_started_them_is_killed():
    script = f"""
import json, subprocess, sys, time
process = subprocess.Popen([sys.executable, "-m", "scidex.fleet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
process.stdin.write({json.dumps(asdict(NOWHERE)).encode()!r} + b"\\n")
process.stdout.readline()
print(process.pid, flush=True)
time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(starter.stdout.readline())
        os.kill(pid, 0)
        starter.send_signal(signal.SIGKILL)

        def gone():
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            # A process that nobody has waited for yet is over as well.
            return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"

        until(gone)
    finally:
        starter.kill()
        starter.wait()
        starter.stdout.close()
