"""Reviews over HTTP and on the command line: shown, enacted once, explained."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home
from tests.surfaces.test_http import Town, listening, pages, refused

from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app

REVIEWS = "/api/senate/reviews"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as economy:
        with listening(create_app(economy)) as client:
            made = Town(client)
            made.fund("pool:main/pool/llm_standard", 100_000)
            for name in ("g1", "g2", "g3"):
                made.artifact(name, "gap")
            body = {"pool": "main", "budgets": {"llm_standard": 0}, "priority_score": 0.9}
            made.client.put("/api/economics/budgets/gap/g2", json=body).raise_for_status()
            yield made
        economy.seal()
        with economy.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


def test_a_preview_is_enacted_as_shown_and_every_decision_explained(town: Town) -> None:
    agent = town.actor()
    shown = town.get(f"{REVIEWS}/preview", pool="main", cycle="2026-W01")
    assert shown["artifacts"] == 3 and shown["changed"] == len(shown["decisions"]) > 0
    body = {"pool": "main", "cycle": "2026-W01", "seed": shown["seed"]}
    refused(town.post(REVIEWS, body, by=agent), 403, "role_needed")
    done = town.done(REVIEWS, body)
    assert done["review"]["units"] == shown["units"] and done["review"]["seed"] == shown["seed"]
    again = town.post(REVIEWS, body)
    assert again.headers["Idempotency-Replayed"] == "true" and again.json() == done
    refused(town.post(REVIEWS, {**body, "sort": "daily"}), 409, "cycle_reviewed")
    refused(town.client.get(f"{REVIEWS}/preview", params={"pool": "main", "cycle": "2026-W01"}), 409, "cycle_reviewed")
    decisions = list(pages(town, f"{REVIEWS}/main/2026-W01/decisions", limit=2))
    assert [each["artifact_id"] for each in decisions] == ["g1", "g2", "g3"]
    changed = town.get(f"{REVIEWS}/main/2026-W01/decisions", changed=True)["items"]
    assert [{**each, "number": None} for each in changed] == shown["decisions"]
    assert town.get(REVIEWS)["items"] == [town.get(f"{REVIEWS}/main/2026-W01")] == [done["review"]]


def test_why_an_artifact_has_its_budget_is_told_in_words(town: Town) -> None:
    if not town.get(REVIEWS)["items"]:
        town.done(REVIEWS, {"pool": "main", "cycle": "2026-W01"})
    why = town.get("/api/economics/why/gap/g2")
    unit = why["decision"]["units"][0]
    assert why["decision"]["score"] == 0.9 and why["decision"]["merit"] == 900
    assert "score 0.9 and market weight unknown claim 900 tokens" in why["decision"]["why"]
    assert unit["why"].startswith(f"from 0 to {unit['new']:.0f} llm_standard of a target of")
    assert unit["least"] <= unit["new"] <= unit["most"] and unit["binding"] in ("step", "target", "scarcity")
    assert town.get("/api/economics/decisions/gap/g2")["items"] == [why]
    late = town.artifact(kind="gap")
    refused(town.client.get(f"/api/economics/why/gap/{late}"), 404, "no_decision")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"pool": "main"}, 400, "request_invalid"),
        ({"pool": "main", "cycle": ""}, 400, "name_invalid"),
        ({"pool": "main", "cycle": "x", "sort": "hourly"}, 400, "request_invalid"),
        ({"pool": "empty", "cycle": "x"}, 409, "nothing_to_review"),
        ({"pool": "main", "cycle": "x", "seed": ""}, 400, "name_invalid"),
    ],
)
def test_what_cannot_be_reviewed_is_refused(town: Town, body: dict[str, str], status: int, code: str) -> None:
    refused(town.post(REVIEWS, body), status, code)
    refused(town.client.get(f"{REVIEWS}/main/never"), 404, "unknown_review")


def test_the_command_line_goes_the_same_way() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    home = Home(folder, server.acquire())
    try:
        home.ask("ledger", "issue", "pool:main/pool/llm_standard", "100000")
        home.ask("entities", "register", "gap", "g", "A gap")
        home.ask("budgets", "set", "g", "llm_standard=0", "--priority", "0.9")
        shown = home.ask("reviews", "preview", "w1")
        assert shown["changed"] == 1 and len(shown["decisions"]) == 1
        assert "from 0 to" in " ".join(home.run("reviews", "preview", "w1").out.split())
        done = home.ask("reviews", "enact", "w1", "--seed", shown["seed"])
        assert done["review"]["units"] == shown["units"]
        assert home.ask("reviews", "enact", "w1")["number"] == done["number"]
        assert home.ask("reviews", "list")["items"] == [home.ask("reviews", "show", "w1")]
        why = home.ask("reviews", "why", "g")
        assert home.ask("reviews", "history", "g")["items"] == home.ask("reviews", "decisions", "w1")["items"] == [why]
        assert "claim 900 tokens" in " ".join(home.run("reviews", "why", "g").out.split())
        said = home.run("reviews", "enact", "w2", "--actor", "nobody")
        assert said.code == 4 and "nobody" in said.err
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)
