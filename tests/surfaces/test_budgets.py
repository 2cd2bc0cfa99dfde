"""Budgets that bind and usage, over HTTP and on the command line: once as it should go and once refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.surfaces.test_batch import answers_of, text_of, written
from tests.surfaces.test_cli import Home, keys_of
from tests.surfaces.test_http import Town, listening, pages, refused, right

from scidex import views
from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app

RESERVATIONS = "/api/economics/reservations"


@pytest.fixture(scope="module")
def economy() -> Iterator[Economy]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as opened:
        yield opened
        with opened.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def town(economy: Economy) -> Iterator[Town]:
    with listening(create_app(economy)) as client:
        yield Town(client)


def granted(town: Town, **budgets: float) -> str:
    """An artifact with these grants."""
    artifact = town.artifact()
    for unit, amount in budgets.items():
        town.fund(f"pool:main/pool/{unit}", amount)
    body = {"pool": "main", "budgets": budgets}
    right(town.client.put(f"/api/economics/budgets/hypothesis/{artifact}", json=body))
    return artifact


def stands(town: Town, artifact: str, unit: str) -> dict[str, Any]:
    found = town.get(f"/api/economics/budgets/hypothesis/{artifact}")
    (line,) = [line for line in found["lines"] if line["unit"] == unit]
    return line


# Over HTTP


def test_what_is_reserved_is_settled_in_full_and_the_rest_released(town: Town) -> None:
    alice, artifact = town.actor(), granted(town, llm_standard=1000, api_calls=10)
    asked = {"artifact_id": artifact, "llm_tokens": 600, "tier": "standard", "api_calls": 2, "usd": 0.01}
    held = town.done(RESERVATIONS, asked, by=alice, key="k1")
    assert held["amounts"] == {"llm_standard": 600, "api_calls": 2}
    assert town.done(RESERVATIONS, asked, by=alice, key="k1") == held
    assert stands(town, artifact, "llm_standard")["reserved"] == 600
    path = f"{RESERVATIONS}/{held['reservation']}"
    assert town.get(path)["state"] == "open"
    assert [each["reservation"] for each in town.get(RESERVATIONS, artifact_id=artifact)["items"]] == [
        held["reservation"]
    ]
    assert town.done(f"{path}/extend", {"seconds": 900}, by=alice)["expires_at"] > held["expires_at"]
    used = [{"input_tokens": 400, "output_tokens": 50, "usd": "0.004"}, {"unit": "api_calls", "amount": 1}]
    settled = town.done(f"{path}/settle", {"used": used}, by=alice, key="s1")
    assert (settled["used"], settled["used_usd"]) == ({"llm_standard": 450, "api_calls": 1}, 0.004)
    assert town.done(f"{path}/settle", {"used": used}, by=alice, key="s1") == settled
    line = stands(town, artifact, "llm_standard")
    assert (line["reserved"], line["spent"], line["available"]) == (0, 450, 550)
    refused(town.post(f"{path}/settle", {"used": used}, by=alice), 409, "reservation_ended")
    refused(town.post(f"{path}/void", by=alice), 409, "reservation_ended")
    refused(town.post(f"{path}/extend", by=alice), 409, "reservation_ended")


def test_a_reservation_that_is_let_go_gives_all_of_it_back(town: Town) -> None:
    alice, artifact = town.actor(), granted(town, cpu_seconds=10)
    held = town.done(RESERVATIONS, {"artifact_id": artifact, "cpu_seconds": 2.5}, by=alice)
    path = f"{RESERVATIONS}/{held['reservation']}"
    refused(town.post(f"{path}/void", by=town.actor()), 403, "not_your_reservation")
    assert town.done(f"{path}/void", by=alice, key="v")["state"] == "voided"
    assert town.done(f"{path}/void", {"idempotency_key": "v"}, by=alice)["state"] == "voided"
    assert stands(town, artifact, "cpu_seconds")["available"] == 10


def test_of_a_call_without_a_bound_the_answer_says_what_to_send(town: Town) -> None:
    alice, artifact = town.actor(), granted(town, llm_standard=20_000)
    held = town.done(RESERVATIONS, {"artifact_id": artifact, "model": "gpt-4o"}, by=alice)
    assert held["estimated"] is True
    assert held["max_output_tokens"] == 8192
    assert held["usd"] > 0
    body = {"used": [{"model": "gpt-4o", "input_tokens": 100, "output_tokens": 20}]}
    settled = town.done(f"{RESERVATIONS}/{held['reservation']}/settle", body, by=alice)
    assert settled["used"] == {"llm_standard": 120}
    again = town.done(RESERVATIONS, {"artifact_id": artifact, "model": "gpt-4o"}, by=alice)
    assert again["max_output_tokens"] == 20


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"llm_tokens": 1001, "tier": "standard", "usd": 0}, 402, "budget_exhausted"),
        ({"llm_tokens": 1, "tier": "reasoning", "usd": 0}, 402, "no_budget"),
        ({"llm_standard": 1, "usd": 1000}, 402, "daily_cap_reached"),
        ({"llm_tokens": 1, "tier": "gold"}, 400, "unknown_tier"),
        ({"llm_tokens": 1}, 400, "request_invalid"),
        ({"llm_tokens": 1, "tier": "batch", "llm_batch": 1}, 400, "request_invalid"),
        ({"tier": "batch"}, 400, "request_invalid"),
        ({}, 400, "vector_invalid"),
        ({"llm_standard": 0}, 400, "amount_not_positive"),
        ({"llm_standard": 1.5}, 400, "amount_too_fine"),
        ({"llm_standard": 1, "seconds": 0}, 400, "duration_invalid"),
        ({"llm_standard": 1, "sceonds": 9}, 400, "request_invalid"),
        ({"model": "nobody-s-model", "input_tokens": 1, "max_output_tokens": 1}, 409, "price_unknown"),
        ({"artifact_id": "nothing", "llm_standard": 1}, 404, "unknown_entity"),
    ],
)
def test_what_cannot_be_reserved_is_refused_and_nothing_is_held(
    town: Town, poor: str, asked: dict[str, Any], status: int, code: str
) -> None:
    answer = town.post(RESERVATIONS, {"artifact_id": poor, **asked})
    problem = refused(answer, status, code)
    assert answer.headers.get("x-should-retry") == ("false" if status == 402 else None)
    if code == "budget_exhausted":
        assert {"cap", "whom", "unit", "available", "needed", "short", "fits", "resets_at"} <= set(problem["facts"])
    assert stands(town, poor, "llm_standard")["reserved"] == 0


@pytest.fixture(scope="module")
def poor(town: Town) -> str:
    return granted(town, llm_standard=1000)


def test_too_many_calls_to_a_provider_are_busy_and_free_again_at_once(town: Town) -> None:
    artifact = granted(town, api_calls=100)
    asked = {"artifact_id": artifact, "api_calls": 1, "provider": "semantic_scholar"}
    answers = [town.post(RESERVATIONS, asked) for _ in range(5)]
    busy = next(answer for answer in answers if answer.status_code != 200)
    refused(busy, 503, "provider_rate_reached")
    assert busy.headers["retry-after"] == "1"


def test_budgets_are_set_by_operators_and_listed_in_pages(town: Town) -> None:
    artifacts = [granted(town, api_calls=5) for _ in range(3)]
    listed = [row["artifact_id"] for row in pages(town, "/api/economics/budgets", limit=2)]
    assert set(artifacts) <= set(listed)
    path = f"/api/economics/budgets/hypothesis/{artifacts[0]}"
    body = {"pool": "main", "budgets": {"api_calls": 2}, "priority_score": 0.5}
    changed = right(town.client.put(path, json=body, headers={"Idempotency-Key": "b"}))
    assert changed["moved"] == {"api_calls": -3}
    assert right(town.client.put(path, json=body, headers={"Idempotency-Key": "b"})) == changed
    found = town.get(path)
    assert (found["budgets"], found["priority_score"], found["version"]) == ({"api_calls": 2}, 0.5, 2)
    alice = {"X-Scidex-Actor": town.actor()}
    refused(town.client.put(path, json=body, headers=alice), 403, "role_needed")
    refused(town.client.put(path, json={**body, "budgets": {"gold": 1}}), 400, "unknown_unit")
    refused(town.client.put(path, json={**body, "budgets": {"api_calls": 10**9}}), 409, "pool_empty")
    refused(town.client.get("/api/economics/budgets/hypothesis/nothing"), 404, "unknown_entity")
    assert town.get(f"/api/economics/budgets/hypothesis/{town.artifact()}")["lines"] == []


def test_limits_bind_are_listed_and_overridden_until_midnight(town: Town) -> None:
    alice, artifact = town.actor(), granted(town, llm_standard=1000)
    cap = {"scope": "actor", "subject": alice, "unit": "usd", "cap": 0.05}
    refused(town.client.put("/api/economics/limits", json=cap, headers={"X-Scidex-Actor": alice}), 403, "role_needed")
    refused(town.client.put("/api/economics/limits", json={**cap, "scope": "world"}), 400, "limit_invalid")
    assert right(town.client.put("/api/economics/limits", json=cap))["window"] == "day"
    asked = {"artifact_id": artifact, "llm_standard": 1, "usd": 0.06}
    problem = refused(town.post(RESERVATIONS, asked, by=alice), 402, "daily_cap_reached")
    assert problem["facts"]["resets_at"].endswith("00:00:00+00:00")
    override = {"scope": "actor", "subject": alice, "cap": 1, "reason": "a long night"}
    refused(town.post("/api/economics/limits/override", {**override, "reason": ""}), 400, "override_needs_reason")
    assert town.done("/api/economics/limits/override", override)["cap"] == 1
    town.done(RESERVATIONS, asked, by=alice)
    (found,) = town.get("/api/economics/limits", scope="actor", subject=alice)
    assert (found["cap"], found["held"]) == (1, 0.06)
    assert any(each["scope"] == "fleet" for each in town.get("/api/economics/limits"))
    noted = town.get("/api/economics/events", sort="override", limit=1)["items"]
    assert [(each["subject"], each["cap"]) for each in noted][:1] == [(alice, 1)]


def test_usage_is_recorded_once_by_its_event_and_summed(town: Town) -> None:
    alice, artifact = town.actor(), granted(town, llm_standard=100)
    used = {"artifact_id": artifact, "model": "gpt-4o", "input_tokens": 90, "output_tokens": 30, "event": "e-1"}
    charged = town.done("/api/economics/usage", used, by=alice)
    assert (charged["used"], charged["debts"]) == ({"llm_standard": 120}, {"llm_standard": 20})
    assert town.done("/api/economics/usage", used, by=alice)["repeated_events"] == 1
    town.done("/api/economics/usage", {"artifact_id": artifact, "unit": "cpu_seconds", "amount": 1.5}, by=alice)
    rows = list(pages(town, "/api/economics/usage", cursor="before", artifact_id=artifact, limit=1))
    assert [(row["unit"], row["amount"], row["actor"]) for row in rows] == [
        ("cpu_seconds", 1.5, alice),
        ("llm_standard", 120, alice),
    ]
    assert rows[1]["usd"] == 0.000525
    hours = list(pages(town, "/api/economics/usage/hours", artifact_id=artifact, limit=1))
    assert sorted(row["amount"] for row in hours) == [1.5, 120]
    totals = town.get("/api/economics/usage/totals", by="model", artifact_id=artifact)
    assert {(row["name"], row["amount"]) for row in totals} == {("gpt-4o", 120), ("", 1.5)}
    assert [each["sort"] for each in town.get("/api/economics/events", sort="debt", limit=1)["items"]] == ["debt"]
    for wrong, code in [
        ({"unit": "gold", "amount": 1}, "unknown_resource"),
        ({"unit": "api_calls", "amount": -1}, "amount_not_positive"),
        ({"unit": "api_calls"}, "request_invalid"),
        ({"amount": 1}, "request_invalid"),
        ({"model": "gpt-4o", "amount": 9, "input_tokens": 1, "output_tokens": 1}, "tokens_differ"),
        ({"unit": "api_calls", "amount": 1, "used_at": "2200-01-01T00:00:00Z"}, "timestamp_in_future"),
    ]:
        refused(town.post("/api/economics/usage", {"artifact_id": artifact, **wrong}, by=alice), 400, code)
    for place in ("x", '["2026-01-01","1","1"]', '["2026-01-01T00:00:00Z","x","1"]'):
        refused(town.client.get("/api/economics/usage", params={"before": place}), 400, "cursor_invalid")
        refused(town.client.get("/api/economics/usage/hours", params={"after": place}), 400, "cursor_invalid")


def test_usage_repeated_under_a_key_is_the_first_answer_though_it_names_no_time(town: Town) -> None:
    artifact = granted(town, api_calls=10)
    used = {"artifact_id": artifact, "unit": "api_calls", "amount": 3}
    first = town.post("/api/economics/usage", used, key="u1")
    again = town.post("/api/economics/usage", used, key="u1")
    assert right(first)["used"] == {"api_calls": 3}
    assert first.content == again.content
    assert stands(town, artifact, "api_calls")["spent"] == 3


def test_usage_in_bulk_is_taken_in_once_and_a_bad_line_is_named(town: Town) -> None:
    artifact = granted(town, api_calls=100)
    base = {"artifact_type": "hypothesis", "artifact_id": artifact, "unit": "api_calls", "amount": 2}
    lines = [{**base, "event": f"{artifact} {n}"} for n in range(10)]
    lines[2] |= {"amuont": 1}
    lines[3] |= {"artifact_id": "nothing"}
    lines[4] |= {"actor": "nobody"}
    lines[5] = lines[6]

    def send(key: str | None = None, by: str = "operator", lines: list[Any] = lines) -> list[dict[str, Any]]:
        headers = {"X-Scidex-Actor": by} | ({"Idempotency-Key": key} if key else {})
        return answers_of(town.client.post("/api/economics/usage/batch", content=text_of(lines), headers=headers))

    told = [answer.get("problem", {}).get("code", answer["status"]) for answer in send("b1")]
    wrong = {2: "line_invalid", 3: "unknown_entity", 4: "unknown_actor", 6: "repeated"}
    assert told == [wrong.get(n, "done") for n in range(10)]
    assert stands(town, artifact, "api_calls")["spent"] == 12
    again = [answer.get("problem", {}).get("code", answer["status"]) for answer in send("b1")]
    assert again == [{**wrong, 6: "repeated"}.get(n, "repeated") for n in range(10)]
    assert [answer["status"] for answer in send()][:2] == ["repeated", "repeated"]
    assert stands(town, artifact, "api_calls")["spent"] == 12
    alice = town.actor()
    others = send(by=alice, lines=[{**base, "actor": "operator"}, base])
    assert {answer["problem"]["code"] for answer in others} == {"role_needed"}
    rows = town.get("/api/economics/usage", artifact_id=artifact)["items"]
    assert len(rows) == 6
    refused(town.client.post("/api/economics/usage/batch", content=b" " * (2**26 + 1)), 413, "body_too_large")


def test_reservations_in_bulk_are_made_and_settled(town: Town) -> None:
    artifact = granted(town, llm_batch=1000)
    reserve = {"do": "reserve", "artifact_type": "hypothesis", "artifact_id": artifact, "llm_batch": 400, "usd": 0}
    told = answers_of(town.client.post("/api/batch", content=text_of([reserve] * 3)))
    assert [answer["status"] for answer in told] == ["done", "done", "refused"]
    assert told[2]["problem"]["status"] == 402
    first, second = (answer["receipt"]["reservation"] for answer in told[:2])
    lines = [
        {"do": "extend", "reservation": first, "seconds": 60},
        {"do": "settle", "reservation": first, "used": [{"unit": "llm_batch", "amount": 300}]},
        {"do": "release", "reservation": second},
        {"do": "usage", "artifact_id": artifact, "unit": "llm_batch", "amount": 50},
        {"do": "release", "reservation": "r0"},
    ]
    told = answers_of(town.client.post("/api/batch", content=text_of(lines)))
    assert [answer["status"] for answer in told] == ["done", "done", "done", "done", "refused"]
    line = stands(town, artifact, "llm_batch")
    assert (line["reserved"], line["spent"], line["available"]) == (0, 350, 650)


def test_what_is_stored_accrues(town: Town) -> None:
    artifact = granted(town, storage_gb_hours=1)
    stored = {"artifact_id": artifact, "store": "s3", "size": 10**9, "at": "2026-01-01T00:00:00Z"}
    assert town.done("/api/economics/stored", stored)["used"] == {}
    later = {**stored, "at": "2026-01-01T01:30:00Z"}
    assert town.done("/api/economics/stored", later)["debts"] == {"storage_gb_hours": 0.5}
    refused(town.post("/api/economics/stored", stored), 409, "observation_too_early")
    refused(town.post("/api/economics/stored", {**stored, "size": -1}), 400, "store_size_invalid")


def test_the_tier_and_the_price_of_a_model_are_told_by_date(town: Town) -> None:
    told = town.get("/api/economics/models/openai/gpt-4o", input_tokens=1_000_000, output_tokens=0, cached_tokens=0)
    assert (told["tier"], told["unit"], told["usd"]) == ("standard", "llm_standard", 2.5)
    assert told["price_source"].startswith("genai-prices")
    assert town.get("/api/economics/models/nobody-s-model")["usd"] is None
    refused(town.client.get("/api/economics/models/gpt-4o?input_tokens=-1"), 400, "request_invalid")


# On the command line


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    opened = Home(folder, server.acquire())
    opened.ask("actors", "register", "alice")
    opened.ask("entities", "register", "hypothesis", "tau", "Tau spreads")
    for unit, amount in (("llm_standard", "5000"), ("usd", "10"), ("api_calls", "100")):
        opened.ask("ledger", "issue", f"pool:main/pool/{unit}", amount)
    set_ = opened.ask("budgets", "set", "tau", "llm_standard=5000", "usd=10", "api_calls=100", "--priority", "0.5")
    assert set(set_) == keys_of(views.BudgetSetReceipt)
    yield opened
    server.release()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_reservation_goes_from_reserve_to_settle_or_release(home: Home) -> None:
    held = home.ask("reserve", "tau", "--llm-tokens", "100", "--tier", "standard", "--usd", "0.01", "--actor", "alice")
    assert (set(held), held["amounts"]["llm_standard"]) == (keys_of(views.ReservedReceipt), 100)
    name = held["reservation"]
    assert set(home.ask("reservations", "show", name)) == keys_of(views.ReservationView)
    assert [each["reservation"] for each in home.ask("reservations", "list", "--owner", "alice")["items"]] == [name]
    assert home.ask("extend", name, "--seconds", "900", "--actor", "alice")["expires_at"] > held["expires_at"]
    settled = home.ask(
        "settle", name, "--input-tokens", "50", "--output-tokens", "10", "--key", "s", "--actor", "alice"
    )
    assert settled["used"]["llm_standard"] == 60
    again = home.ask("settle", name, "--input-tokens", "50", "--output-tokens", "10", "--key", "s", "--actor", "alice")
    assert again == {**settled, "repeated": True}
    other = home.ask("reserve", "tau", "--api-calls", "2")["reservation"]
    assert home.ask("release", other)["state"] == "voided"
    line = next(each for each in home.ask("budgets", "granted", "tau")["lines"] if each["unit"] == "llm_standard")
    assert (line["reserved"], line["spent"]) == (0, 60)
    assert "llm_standard" in home.run("budgets", "granted", "tau").out
    assert home.ask("budgets", "list")["items"][0]["priority_score"] == 0.5


def test_a_reservation_that_does_not_fit_exits_5_and_one_that_says_nothing_exits_2(home: Home) -> None:
    said = home.run("reserve", "tau", "--llm-tokens", "99999", "--tier", "standard", "--usd", "0", "--json")
    assert (said.code, json.loads(said.out)["error"]["code"]) == (5, "budget_exhausted")
    assert home.run("reserve", "tau", "--llm-tokens", "1").code == 2
    assert home.run("release", "r0").code == 4


def test_caps_are_set_listed_and_overridden(home: Home) -> None:
    assert home.ask("limits", "set", "actor", "2.5", "--subject", "bob")["cap"] == 2.5
    assert [each["cap"] for each in home.ask("limits", "list", "--scope", "actor")["items"]] == [2.5]
    assert home.ask("limits", "override", "fleet", "70", "--reason", "a sweep")["cap"] == 70
    assert home.ask("budgets", "events", "--sort", "override")["items"][0]["note"].endswith("a sweep")
    assert home.run("limits", "set", "fleet", "5", "--actor", "alice").code == 3


def test_usage_is_recorded_loaded_and_summed(home: Home, tmp_path: Path) -> None:
    one = home.ask("usage", "record", "tau", "--unit", "api_calls", "--amount", "3", "--event", "one")
    assert one["used"] == {"api_calls": 3}
    base = {"artifact_type": "hypothesis", "artifact_id": "tau", "unit": "api_calls", "amount": 1}
    file = written(
        tmp_path, [{**base, "event": "one", "amount": 3}, {**base, "event": "two"}, {**base, "unit": "gold"}]
    )
    said = home.run("usage", "load", file)
    told = [json.loads(line) for line in said.out.splitlines()]
    assert (said.code, [each["status"] for each in told]) == (2, ["repeated", "done", "refused"])
    assert "unknown_resource" in said.err
    rows = home.ask("usage", "list", "--unit", "api_calls", "--limit", "1")
    assert rows["items"][0]["event"] == "two"
    assert home.ask("usage", "list", "--unit", "api_calls", "--before", rows["next"])["items"][0]["event"] == "one"
    assert sum(each["amount"] for each in home.ask("usage", "hours", "--unit", "api_calls")["items"]) == 4
    assert [each["amount"] for each in home.ask("usage", "totals")["items"] if each["unit"] == "api_calls"] == [4]
    assert home.ask("usage", "stored", "tau", "s3", "1000")["used"] == {}
    assert home.ask("usage", "price", "gpt-4o")["tier"] == "standard"
    assert home.run("usage", "totals", "--by", "moon").code == 2
