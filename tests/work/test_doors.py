"""Work over HTTP and on the command line: the whole way once, refused where it should be, waited for without a thread."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home
from tests.surfaces.test_http import Town, listening, refused

from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app

EDGE = {"subject": "APOE4", "predicate": "raises", "object": "risk", "source": "PMID:1"}


@pytest.fixture(scope="module")
def economy() -> Iterator[Economy]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as opened:
        yield opened
        opened.seal()
        with opened.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def town(economy: Economy) -> Iterator[Town]:
    with listening(create_app(economy)) as client:
        yield Town(client)


def funded(town: Town, tokens: int = 1000) -> str:
    """An artifact with a budget of so many LLM tokens."""
    name = town.artifact()
    town.fund("pool:main/pool/llm_standard", tokens)
    path = f"/api/economics/budgets/hypothesis/{name}"
    answer = town.client.put(path, json={"pool": "main", "budgets": {"llm_standard": tokens}})
    assert answer.status_code == 200, answer.text
    return name


def added(town: Town, artifact: str, **terms: object) -> str:
    body = {"artifact_id": artifact, "kind": town.name("kind"), "llm_tokens": 100, "tier": "standard"} | terms
    item: str = town.done("/api/work/items", body)["item"]
    return item


def test_work_goes_from_the_queue_over_a_claim_to_a_result(town: Town) -> None:
    artifact, agent = funded(town), town.actor()
    item = added(town, artifact, kind="sweep", payload={"pmid": 1})
    later = added(town, artifact, kind="sweep", after=[item])
    claimed = town.done("/api/work/claim", {"kinds": ["sweep"]}, by=agent, key="k1")
    assert (claimed["item"], claimed["payload"], claimed["amounts"]) == (item, {"pmid": 1}, {"llm_standard": 100})
    assert (claimed["remaining"], claimed["terms"]["rivals"]) == ({"llm_standard": 900}, 1)
    assert town.done("/api/work/claim", {"kinds": ["sweep"]}, by=agent, key="k1") == claimed
    path = f"/api/work/claims/{claimed['claim']}"
    refused(town.post(f"{path}/heartbeat", by=town.actor()), 403, "not_your_claim_of_work")
    assert town.done(f"{path}/heartbeat", {"seconds": 900}, by=agent)["state"] == "held"
    shown = town.get(path)
    assert (shown["actor"], shown["state"], shown["terms"]["propensity"]) == (agent, "held", 1)
    done = town.done(f"{path}/finish", {"used": [{"amount": 60}], "edges": [EDGE]}, by=agent)
    assert (done["state"], done["used"], done["opened"]) == ("finished", {"llm_standard": 60}, [later])
    assert done["edges"][0]["outcome"] == "first"
    refused(town.post(f"{path}/finish", by=agent), 409, "claim_over")
    listed = town.get("/api/work/items", artifact_id=artifact, limit=1)
    assert [row["item"] for row in listed["items"]] == [item]
    more = town.get("/api/work/items", artifact_id=artifact, after=listed["next"])["items"]
    assert [(row["item"], row["state"]) for row in more] == [(later, "open")]
    assert [row["claim"] for row in town.get("/api/work/claims", item=item)["items"]] == [claimed["claim"]]


def test_it_fails_is_given_back_is_withdrawn_and_revived(town: Town) -> None:
    artifact, agent = funded(town), town.actor()
    item = added(town, artifact, kind="once", attempts=1)
    claim = town.done("/api/work/claim", {"kinds": ["once"]}, by=agent)["claim"]
    assert town.done(f"/api/work/claims/{claim}/return", by=agent)["item_state"] == "open"
    claim = town.done("/api/work/claim", {"kinds": ["once"]}, by=agent)["claim"]
    failed = town.done(f"/api/work/claims/{claim}/fail", {"reason": "down", "used": [{"amount": 5}]}, by=agent)
    assert (failed["state"], failed["item_state"], failed["used"]) == ("failed", "dead", {"llm_standard": 5})
    refused(town.post(f"/api/work/items/{item}/revive", by=agent), 403, "role_needed")
    assert town.done(f"/api/work/items/{item}/revive")["state"] == "open"
    refused(town.post(f"/api/work/items/{item}/withdraw", {"reason": "x"}, by=agent), 403, "not_your_item")
    assert town.done(f"/api/work/items/{item}/withdraw", {"reason": "moot"})["state"] == "withdrawn"


def test_what_is_refused(town: Town) -> None:
    agent = town.actor()
    refused(town.post("/api/work/claim", {"kinds": ["unheard of"]}, by=agent), 409, "no_work")
    refused(town.post("/api/work/claims/c999999/return", by=agent), 404, "unknown_work_claim")
    refused(town.client.get("/api/work/items/w999999"), 404, "unknown_item")
    body = {"artifact_id": funded(town), "kind": "x"}
    refused(town.post("/api/work/items", body), 400, "vector_invalid")


def test_who_waits_is_told_when_there_is_work(town: Town) -> None:
    artifact, agent = funded(town), town.actor()
    body = {"kinds": ["rare"], "wait_s": 20}
    began = time.monotonic()
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(town.done, "/api/work/claim", body, by=agent) for _ in range(2)]
        items = {added(town, artifact, kind="rare"), added(town, artifact, kind="rare")}
        assert {answer.result(20)["item"] for answer in answers} == items
    assert time.monotonic() - began < 15


def test_a_wait_ends(town: Town) -> None:
    began = time.monotonic()
    refused(town.post("/api/work/claim", {"kinds": ["none"], "wait_s": 0.3}), 409, "no_work")
    assert 0.25 < time.monotonic() - began < 10


def test_the_command_line_goes_the_whole_way() -> None:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    try:
        home = Home(folder, server.acquire())
        home.ask("entities", "register", "hypothesis", "h1", "One")
        home.ask("ledger", "issue", "pool:main/pool/llm_standard", "1000", "--reason", "cycle")
        home.ask("budgets", "set", "h1", "--pool", "main", "llm_standard=1000")
        item = home.ask("work", "add", "h1", "--kind", "sweep", "--llm-tokens", "100", "--tier", "standard")["item"]
        claim = home.ask("work", "claim", "--kind", "sweep")["claim"]
        done = home.ask("work", "finish", claim, "--tokens", "60", "--note", "fine")
        assert (done["item"], done["item_state"], done["used"]) == (item, "finished", {"llm_standard": 60})
        assert "score" in home.run("work", "why", claim).out
        assert home.run("work", "claim").code == 5
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)
