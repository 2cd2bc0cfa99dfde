"""The dashboard as people have it: `scidex up` in a process of its own, and Chromium in front of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.dashboard.world import settle_in

from scidex.core.settings import Settings
from scidex.economy import Economy

CHROMIUM = shutil.which("chromium")
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"
PATIENCE_MS = 30_000
"""Two cores may be busy with other tests."""


class Site(NamedTuple):
    """The address, the economy behind it, which a test may change as others do, and its process."""

    url: str
    economy: Economy
    process: subprocess.Popen[str]


@contextmanager
def served(home: Path, **env: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`scidex up` on a free port, told to stop at the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCIDEX_", "PYTEST_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "scidex", "up", "--port", "0", "--json"],
        env={**kept, "SCIDEX_HOME": str(home), "SCIDEX_LOG_LEVEL": "warning", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        said = process.stdout.readline()
        assert said, process.stderr.read()
        yield json.loads(said)["url"], process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    try:
        with Economy.open(Settings(home=home)) as economy:
            settle_in(economy)
            with served(home) as (url, process):
                yield Site(url, economy, process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        if "SCIDEX_TOOLS" in os.environ:
            pytest.fail("no chromium; `make tools` installs it")
        pytest.skip("no chromium; `make tools` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield opened
        opened.close()


class Visit:
    """Pages of one visitor, who minds what the browser complains of and to whom it talks."""

    def __init__(self, site: Site, context: Any) -> None:
        self.site, self.context = site, context
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._mind)

    def _mind(self, request: Any) -> None:
        if not request.url.startswith((self.site.url, self.site.url.replace("http", "ws", 1), "data:", "blob:")):
            self.complaints.append(f"asks {request.url}")

    def open(self, path: str) -> Any:
        self.page.goto(self.site.url + path)
        self.page.wait_for_selector("main h1")
        return self.page

    def shot(self, name: str) -> None:
        """A picture to look at, where a folder for them is given."""
        if folder := os.environ.get("SCIDEX_PICTURES"):
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


@pytest.fixture
def visit(site: Site, browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a browser window of its own; at the end nobody may have complained."""
    visits: list[Visit] = []

    def make(width: int = 1440, scheme: str = "light") -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        visits.append(Visit(site, context))
        return visits[-1]

    yield make
    for each in visits:
        each.context.close()
    assert [each.complaints for each in visits] == [[] for _ in visits]


def barriers(page: Any) -> list[str]:
    """What axe finds that keeps people out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
