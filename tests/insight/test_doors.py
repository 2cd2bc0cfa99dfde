"""The glances over HTTP and on the command line, which agree."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home
from tests.surfaces.test_http import Town, listening, pages, refused

from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import create_app


@pytest.fixture(scope="module")
def doors() -> Iterator[tuple[Town, Home]]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=folder)) as economy, listening(create_app(economy)) as client:
        made = Town(client)
        alice, market = made.actor(50), made.market()
        made.done("/api/market/order", {"market": market, "outcome": "yes", "spend": 20}, by=alice)
        made.fund("pool:main/pool/llm_standard", 700)
        budget = {"pool": "main", "budgets": {"llm_standard": 500}}
        assert client.put(f"/api/economics/budgets/hypothesis/{market}", json=budget).status_code == 200
        yield made, Home(folder, "")
    shutil.rmtree(folder, ignore_errors=True)


def test_the_glances_are_the_same_at_both_doors(doors: tuple[Town, Home]) -> None:
    town, home = doors
    found = town.get("/api/economics/pipeline", top=3)
    (artifact,) = found["artifacts"]
    assert artifact["capital"] == {"bids": 20, "subsidy": pytest.approx(69.314719), "grants": 5}
    assert {"source": "bids", "target": f"hypothesis:{artifact['artifact_id']}", "tokens": 20} in found["links"]
    assert home.ask("pipeline", "--top", "3")["links"] == found["links"]
    lines = town.get("/api/economics/pools")["lines"]
    assert lines == [
        {"pool": "main", "unit": "llm_standard", "free": 200, "granted": 500, "reserved": 0, "spent": 0, "idle": 500}
    ]
    assert home.ask("pools")["lines"] == lines
    told = home.run("pools")
    assert told.code == 0 and "fleet" in told.out and "idle" in told.out
    assert town.get("/api/economics/attention")["concerns"] == home.ask("attention")["concerns"]
    assert "all others" not in home.run("pipeline").out


def test_artifacts_are_listed_in_pages_and_found_by_words(doors: tuple[Town, Home]) -> None:
    town, _ = doors
    names = sorted(town.artifact() for _ in range(3))
    listed = pages(town, "/api/economics/artifacts", limit=2)
    assert [each["artifact_id"] for each in listed][-3:] == names
    (found,) = town.get("/api/economics/artifacts", words=f"title {names[1]}")["items"]
    assert (found["artifact_id"], found["market"], found["price"]) == (names[1], None, None)
    refused(town.client.get("/api/economics/artifacts", params={"after": "x"}), 400, "cursor_invalid")


def test_a_period_without_time_is_refused(doors: tuple[Town, Home]) -> None:
    town, home = doors
    period = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    refused(town.client.get("/api/economics/pipeline", params=period), 400, "period_invalid")
    assert home.run("pipeline", "--hours", "0").code == 2
