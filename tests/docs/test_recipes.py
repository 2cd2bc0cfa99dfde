"""The recipes run as written: what is marked as running on the command line, and as served over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scidex.core.embedded import EmbeddedServer

RECIPES = sorted((Path(__file__).parents[2] / "docs/recipes").glob("*.md"))
TOLD = {
    "otel": '"amount":1600.0',
    "litellm": "402 budget_exhausted",
    "mcp": "DENY | insufficient_funds",
    "meters": "api_calls 1.0 pubmed GET /entrez/eutils/esearch.fcgi 200",
}
"""What some recipes show in the end."""
BLOCKS = re.compile(r"<!-- (runs|serves) -->\n```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def place() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder to work in, and a home of its own whose server stays up between the commands."""
    home, folder = Path(tempfile.mkdtemp(prefix="sx")), Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(home)
    server.acquire()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    yield folder, {**os.environ, "SCIDEX_HOME": str(home), "PATH": path}
    server.release()
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_a_recipe_runs_as_written(recipe: Path, place: tuple[Path, dict[str, str]]) -> None:
    folder, environment = place
    blocks = BLOCKS.findall(recipe.read_text(encoding="utf-8"))
    assert blocks, "a recipe has something to run"
    told = []
    for how, script in blocks:
        if how == "runs":
            told.append(run(script, folder, environment))
            continue
        command = ["scidex", "up", "--json", "--port", "0"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            address = re.search(r"localhost:\d+|127\.0\.0\.1:\d+", serving.stdout.readline())
            assert address is not None
            told.append(run(script.replace("localhost:8765", address[0]), folder, environment))
            serving.send_signal(signal.SIGTERM)
    assert TOLD.get(recipe.stem, "") in "".join(told), told
    if recipe.stem == "bulk":
        by_file, by_http, usage = told
        assert re.search(r"done before\s+2", by_file)
        assert by_http.count('"status":"done"') == 2
        assert usage.count('"status":"done"') == 2
