"""The README's tour runs as written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from scidex.core.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```sh\n(.*?)```", README.partition("<!-- tour -->")[2], re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def environment():
    """A home of its own, whose server stays up between the commands, with this interpreter's scidex on the path."""
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    server = EmbeddedServer(home)
    server.acquire()
    yield {**os.environ, "SCIDEX_HOME": str(home), "SCIDEX_PORT": str(port), "PATH": path}
    server.release()
    shutil.rmtree(home, ignore_errors=True)


def run(script, environment):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(280)
def test_the_tour_runs_as_written(environment):
    commands, http, settlement, replay = SHELL
    (script,) = PYTHON
    told = run(commands, environment)
    assert told.count("alice") >= 3

    up, _, curls = http.partition("\n")
    assert up.startswith("scidex up &")
    serving = subprocess.Popen(["scidex", "up", "--json"], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert '"url"' in serving.stdout.readline()
        answers = run(curls.replace("8765", environment["SCIDEX_PORT"]), environment)
        assert '"rank":1' in answers
        assert '"side":"buy"' in answers
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(30) == 0
        serving.stdout.close()

    assert "ResourceBudget(artifact_type='hypothesis'" in run(f"python - <<'PY'\n{script}\nPY", environment)
    assert "yes" in run(settlement, environment)
    assert "2288" in run(replay, environment)
    assert json.loads(run("scidex audit --json", environment))["ok"] is True
