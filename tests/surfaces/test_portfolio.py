"""Signals, portfolios and the leaderboard, over HTTP and on the command line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home, keys_of
from tests.surfaces.test_http import Town, listening, pages, refused

from scidex import views
from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import create_app

MARKETS = 6


class Clock:
    """Real time, a week ago, until the test lets it catch up."""

    behind = timedelta(days=7)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="sx"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    embedded = EmbeddedServer(folder)
    yield embedded.acquire()
    embedded.release()


@pytest.fixture(scope="module")
def town(folder: Path, server: str) -> Iterator[Town]:
    """Six markets in which good buys what comes true, and one that goes on."""
    clock = Clock()
    with Economy.open(Settings(home=folder), clock=clock) as economy, listening(create_app(economy)) as client:
        town = Town(client)
        for name in ("good", "bad"):
            town.done("/api/actors", {"name": name, "family": "gpt"})
            town.fund(f"actor:{name}/wallet/token", 500)
        for n in range(MARKETS + 1):
            name = town.market(f"idea {n}")
            for actor, outcome in (("good", "yes"), ("bad", "no")):
                order = {"market": name, "outcome": outcome, "spend": 20 if actor == "good" else 10 + n}
                town.done("/api/market/order", order, by=actor)
            if n < MARKETS:
                town.done("/api/market/resolve", {"market": name, "outcome": "yes"})
        clock.behind = timedelta(0)
        yield town


@pytest.fixture(scope="module")
def home(folder: Path, server: str, town: Town) -> Home:
    return Home(folder, server)


def test_what_a_market_says_in_decisions_stands_beside_what_faking_it_costs(town: Town) -> None:
    found = town.get(f"/api/market/signals/idea {MARKETS}")
    budget = town.get(f"/api/market/resource-budgets/idea {MARKETS}")
    assert (found["price"], found["demand"], found["claim"]) == (budget["price"], budget["demand"], budget["budget"])
    assert {stake["owner"] for stake in found["stakes"]} == {"good", "bad"}
    assert 1.5 < found["effective_traders"] <= 2 and found["left_out"] == 0
    assert found["attack_cost"] > found["prize"] > 0
    assert found["pump_bound"] == pytest.approx(found["price_worth"] ** 2 / (8 * 100), abs=1e-5)
    settled = town.get("/api/market/signals/idea 0")
    assert (settled["market"], settled["price"], settled["unknown"]) == (None, None, "there is no market")
    refused(town.client.get("/api/market/signals/nothing"), 404, "unknown_entity")


def test_a_portfolio_and_the_leaderboard_by_skill(town: Town) -> None:
    found = town.get("/api/market/portfolio/good")
    assert len(found["holdings"]) == MARKETS + 1 and found["forecasts"] == MARKETS
    assert found["realised"] > 50 and found["worst_case"] == pytest.approx(found["realised"] - 20, abs=1e-5)
    assert found["brier"] < found["brier_at_entry"] and found["log_score"] < found["log_score_at_entry"]
    assert [each["over"] for each in found["exposures"] if each["sort"] == "artifact"] == [True]
    assert found["curve"][-1]["equity"] == pytest.approx(found["realised"] + found["unrealised"])
    assert len(found["curve"]) > 7 and sum(each["forecasts"] for each in found["calibration"]) == MARKETS
    refused(town.client.get("/api/market/portfolio/nobody"), 404, "unknown_actor")
    ranked = list(pages(town, "/api/market/leaderboard", cursor="offset", limit=1))
    assert [(row["rank"], row["actor"]) for row in ranked] == [(1, "good"), (2, "bad")]
    assert ranked[0]["skill_low"] > 0 > ranked[1]["skill_high"]
    refused(town.client.get("/api/market/leaderboard?limit=0"), 400, "request_invalid")


def test_the_same_on_the_command_line(home: Home, town: Town) -> None:
    assert set(home.ask("signals", f"idea {MARKETS}")) == keys_of(views.SignalView)
    assert set(home.ask("portfolio", "good")) == keys_of(views.PortfolioView)
    listed = home.ask("leaderboard")["items"]
    assert set(listed[0]) == keys_of(views.RankView) and listed[0]["actor"] == "good"
    said = home.run("portfolio", "good").out
    assert "exit value (tokens)" in said and "mean over standard deviation" in said
    assert home.run("portfolio", "nobody").code == 4
    assert home.run("signals", "nothing").code == 4


def test_owner_family_and_domain_are_entered_and_shown_at_both_doors(home: Home, town: Town) -> None:
    town.done("/api/actors", {"name": "good-2", "owner": "good", "family": "claude"}, by="good")
    home.ask("actors", "register", "good-3", "--owner", "good", "--family", "gpt", "--actor", "good")
    rows = {row["name"]: (row["owner"], row["family"]) for row in town.get("/api/actors")["items"]}
    assert rows["good-2"] == ("good", "claude") and rows["good-3"] == ("good", "gpt") and rows["good"] == (None, "gpt")
    body = {"entity_type": "gap", "entity_id": "g1", "title": "t", "domain": "genetics"}
    town.done("/api/entities", body)
    home.ask("entities", "register", "gap", "g2", "t", "--domain", "imaging")
    listed = town.get("/api/entities", entity_type="gap")["items"]
    assert [row["domain"] for row in listed] == ["genetics", "imaging"]
