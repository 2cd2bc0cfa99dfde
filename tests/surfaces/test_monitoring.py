"""What watches over a server: the metrics that Prometheus scrapes, and the lines that each request leaves in the log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import LogCapture
from tests.surfaces.test_http import listening

from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy, Keeper
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.resource_allocator import pool_account
from scidex.ledger import Issue
from scidex.senate.budgets import Reserve, SetBudget
from scidex.surfaces.http import create_app
from scidex.vitals import Vitals

SECRET = "whsec_c2VjcmV0IHNlY3JldCBzZWNyZXQ="


@pytest.fixture
def client(economy: Economy) -> Iterator[httpx.Client]:
    with listening(create_app(economy)) as opened:
        yield opened


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """Every line of the log with what is bound to it, as the program writes it."""
    before, capture = structlog.get_config(), LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


def requests_in(lines: list[dict[str, object]], count: int) -> list[dict[str, object]]:
    """The lines of so many requests, each of which is written once its answer is out."""
    end = time.monotonic() + 30
    while len(found := [line for line in lines if line["event"] == "request"]) < count:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def scraped(client: httpx.Client) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def funded(economy: Economy) -> None:
    """A pool of 1,000 LLM tokens, of which an artifact has 400, and 60 of them are reserved."""
    economy.perform_all(
        [
            Request(RegisterEntity("gap", "g", "title"), "operator"),
            Request(Issue(pool_account("main", "llm_standard"), 1000, "x"), "operator"),
            Request(SetBudget(EntityKey("gap", "g"), "main", (("llm_standard", 400),)), "operator"),
            Request(Reserve(EntityKey("gap", "g"), (("llm_standard", 60),), 60), "operator"),
        ]
    )


def test_requests_refusals_and_batches_are_counted_by_words_of_closed_lists(economy: Economy, client: httpx.Client):
    funded(economy)
    order = {"market": "secret-market", "outcome": "yes", "spend": 1}
    assert client.post("/api/market/order", json=order).status_code == 404
    assert client.get("/api/economics/budgets/gap/g").status_code == 200
    assert client.get("/no/such/secret-path").status_code == 404
    reserve = {"artifact_id": "g", "artifact_type": "gap", "llm_tokens": 10, "tier": "standard"}
    assert client.post("/api/economics/reservations", json=reserve).status_code == 200
    reserve["llm_tokens"] = 10_000
    assert client.post("/api/economics/reservations", json=reserve).status_code == 402
    found = scraped(client)
    count = "scidex_http_requests_total"
    assert (
        found[count, "method=GET", "route=/api/economics/budgets/{artifact_type}/{artifact_id:path}", "status=200"] == 1
    )
    assert found[count, "method=POST", "route=/api/market/order", "status=404"] == 1
    assert found[count, "method=GET", "route=unmatched", "status=404"] == 1
    assert found["scidex_refusals_total", "code=unknown_market", "door=http"] == 1
    assert found["scidex_commands_total", "kind=budget.reserve", "outcome=done"] == 1
    assert found["scidex_commands_total", "kind=budget.reserve", "outcome=budget_exhausted"] == 1
    assert found["scidex_batch_duration_seconds_count",] >= 2
    assert found["scidex_http_request_duration_seconds_count", "method=POST", "route=/api/market/order"] == 1
    assert not any("secret" in part for key in found for part in key)


def test_pools_are_told_in_whole_units_with_what_is_reserved_granted_and_free(economy, client):
    funded(economy)
    found = scraped(client)
    of_pool = {
        name: found[f"scidex_pool_{name}", "pool=main", "unit=llm_standard"]
        for name in ("free", "reserved", "granted", "spent")
    }
    assert of_pool == {"free": 600, "reserved": 60, "granted": 400, "spent": 0}
    assert found["scidex_reservations_open",] == 1
    assert found["scidex_database_up",] == 1


def test_figures_are_read_once_in_a_few_seconds_however_often_they_are_asked_for(economy, clock):
    now = [0.0]
    vitals = Vitals(economy, monotonic=lambda: now[0])
    economy.seal()
    economy.perform_all([Request(RegisterEntity("gap", "g", "title"), "operator")])
    clock.pass_by(100)
    assert vitals.now().unsealed_s == 100
    economy.seal()
    assert vitals.now().unsealed_s == 100
    now[0] = 5.0
    assert vitals.now().unsealed_s == 0


def test_chores_tell_when_they_last_went_well_and_how_often_not(economy):
    app = create_app(economy)
    app.state.metrics.keeper = keeper = Keeper(economy)
    keeper._do(economy.seal)
    with listening(app) as client:
        found = scraped(client)
    assert found["scidex_chore_last_success_timestamp_seconds", "chore=seal"] > 1.7e9
    assert found["scidex_chore_failures", "chore=seal"] == 0


def test_without_its_database_the_metrics_say_so_and_the_rest_is_there(new_database):
    url = new_database()
    economy = Economy.open(Settings(database_url=url, connect_timeout_s=1))
    with listening(create_app(economy)) as client:
        economy.close()
        found = scraped(client)
    assert found["scidex_database_up",] == 0
    assert ("scidex_pool_free", "pool=main", "unit=token") not in found


def test_every_request_leaves_one_line_that_says_who_asked_what_and_how_it_went(economy, client, lines):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-Id": "r-7", "X-Scidex-Actor": "operator", "traceparent": trace}
    client.get("/api/economics/budgets/gap/g?token=hidden", headers=headers | {"Idempotency-Key": SECRET})
    client.get("/health")
    line, health = requests_in(lines, 2)
    assert line.pop("ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "r-7",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": "b7ad6b7169203331",
        "actor": "operator",
        "method": "GET",
        "path": "/api/economics/budgets/gap/g",
        "route": "/api/economics/budgets/{artifact_type}/{artifact_id:path}",
        "status": 404,
        "code": "unknown_entity",
    }
    assert (health["log_level"], "trace_id" in health) == ("debug", False)


@pytest.mark.parametrize(
    "given", ["ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "x"]
)
def test_a_traceparent_that_is_none_is_left_out(client, lines, given):
    client.get("/version", headers={"traceparent": given})
    (line,) = requests_in(lines, 1)
    assert "trace_id" not in line


def test_no_secret_of_a_request_is_ever_logged(economy, client, lines, caplog):
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET, "Idempotency-Key": SECRET}
    client.get("/api/policy", params={"secret": SECRET}, headers=headers)
    client.post("/api/actors", json={"name": "x", "secret": SECRET, "idempotency_key": SECRET}, headers=headers)
    client.post("/api/batch", content=SECRET, headers=headers)
    assert len(requests_in(lines, 3)) == 3
    assert SECRET not in json.dumps(lines, default=str) + caplog.text


def test_what_a_chore_logs_carries_its_name(economy, lines):
    def unlucky() -> int:
        structlog.get_logger("scidex").warning("inside")
        raise RuntimeError

    Keeper(economy)._do(unlucky)
    assert [(line["event"], line["chore"]) for line in lines] == [("inside", "unlucky"), ("keeper failed", "unlucky")]
