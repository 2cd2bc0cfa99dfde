"""What people edit has a version: a change may name the one that it is meant for, at every door, and then one wins."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from mcp.client.client import Client as Model
from tests.surfaces.test_cli import Home
from tests.surfaces.test_http import Town, listening, refused, right

from scidex import Client
from scidex.access import Principal
from scidex.core.settings import Settings
from scidex.core.versions import VersionDiffers
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app
from scidex.surfaces.mcp import create_server
from scidex.surfaces.mcp.server import Asking

AT_ONCE = 6


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
        town = Town(client)
        town.fund("pool:main/pool/api_calls", 1_000_000)
        yield town


@pytest.fixture
def budget(town: Town) -> str:
    return f"/api/economics/budgets/hypothesis/{town.artifact()}"


def put(town: Town, path: str, calls: int, if_match: str | None = None, key: str | None = None) -> httpx.Response:
    given = {"If-Match": if_match, "Idempotency-Key": key}
    headers = {name: value for name, value in given.items() if value is not None}
    return town.client.put(path, json={"pool": "main", "budgets": {"api_calls": calls}}, headers=headers)


def item_of(town: Town, **terms: Any) -> str:
    """The path of an item of work in the queue."""
    artifact = town.artifact()
    right(put(town, f"/api/economics/budgets/hypothesis/{artifact}", 10))
    body = {"artifact_id": artifact, "kind": town.name("kind"), "api_calls": 1} | terms
    return f"/api/work/items/{town.done('/api/work/items', body)['item']}"


def post(town: Town, path: str, if_match: str, body: Any = None) -> httpx.Response:
    return town.client.post(path, json=body, headers={"If-Match": if_match})


def test_a_budget_is_changed_only_at_the_version_that_was_read(town: Town, budget: str) -> None:
    assert town.client.get(budget).headers["etag"] == '"0"'
    assert right(put(town, budget, 10, '"0"'))["version"] == 1
    assert town.client.get(budget).headers["etag"] == '"1"'
    problem = refused(put(town, budget, 20, '"0"'), 412, "version_differs")
    assert (problem["facts"]["given"], problem["facts"]["now"]) == (0, 1)
    assert "read it again" in problem["detail"]
    assert town.get(budget)["budgets"] == {"api_calls": 10}
    assert right(put(town, budget, 20, '"1"'))["version"] == 2
    assert right(put(town, budget, 30, "*"))["version"] == right(put(town, budget, 30))["version"] - 1 == 3


def test_a_repeated_change_is_answered_as_the_first_time_though_the_version_is_another_by_then(
    town: Town, budget: str
) -> None:
    first, again = (put(town, budget, 10, '"0"', key=f"set {budget}") for _ in range(2))
    assert right(first) == right(again)
    assert again.headers["idempotency-replayed"] == "true"
    refused(put(town, budget, 10, '"1"', key=f"set {budget}"), 409, "key_reused")


@pytest.mark.parametrize("given", ['"one"', "1", 'W/"1"', '"1", "2"', ""])
def test_a_tag_that_no_answer_has_given_is_refused_and_nothing_happens(town: Town, budget: str, given: str) -> None:
    refused(put(town, budget, 10, given), 400, "request_invalid")
    assert town.get(budget)["version"] is None


def test_of_those_who_set_a_budget_at_once_one_wins(town: Town, budget: str) -> None:
    right(put(town, budget, 100))
    ready = Barrier(AT_ONCE)

    def ask(calls: int) -> httpx.Response:
        ready.wait(30)
        return put(town, budget, calls, '"1"')

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (AT_ONCE - 1)
    (won,) = (calls for calls, answer in enumerate(answers) if answer.status_code == 200)
    stands = town.get(budget)
    assert (stands["version"], stands["budgets"]) == (2, {"api_calls": won})


def test_an_item_of_work_is_withdrawn_and_revived_as_it_was_read(town: Town) -> None:
    agent = town.actor()
    path = item_of(town, kind="edited", attempts=1)
    read = town.client.get(path)
    assert read.headers["etag"] == f'"{read.json()["version"]}"'
    claim = town.done("/api/work/claim", {"kinds": ["edited"]}, by=agent)["claim"]
    town.done(f"/api/work/claims/{claim}/fail", {"reason": "down"}, by=agent)
    refused(post(town, f"{path}/withdraw", read.headers["etag"], {"reason": "moot"}), 412, "version_differs")
    refused(post(town, f"{path}/revive", read.headers["etag"]), 412, "version_differs")
    dead = town.client.get(path)
    assert dead.json()["state"] == "dead"
    assert right(post(town, f"{path}/revive", dead.headers["etag"]))["state"] == "open"
    refused(post(town, f"{path}/revive", dead.headers["etag"]), 412, "version_differs")
    now = town.client.get(path).headers["etag"]
    assert right(post(town, f"{path}/withdraw", now, {"reason": "moot"}))["state"] == "withdrawn"
    refused(post(town, f"{path}/withdraw", '"3"', {"reason": "moot"}), 400, "request_invalid")


def test_of_those_who_withdraw_an_item_at_once_one_wins(town: Town) -> None:
    path = item_of(town)
    tag, ready = town.client.get(path).headers["etag"], Barrier(AT_ONCE)

    def ask(reason: str) -> int:
        ready.wait(30)
        return post(town, f"{path}/withdraw", tag, {"reason": reason}).status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = sorted(pool.map(ask, "abcdef"))
    assert codes == [200] + [412] * (AT_ONCE - 1)


def test_what_is_known_already_is_not_sent_again(town: Town) -> None:
    for path in ("/api/policy", item_of(town)):
        read = town.client.get(path)
        tag = read.headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            still = town.client.get(path, headers={"If-None-Match": known})
            assert (still.status_code, still.content, still.headers["etag"]) == (304, b"", tag)
        other = town.client.get(path, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.json()) == (200, read.json())
    assert town.client.get("/api/policy").headers["etag"] == f'"{town.get("/api/policy")["version"]}"'
    town.done(f"{path}/withdraw", {"reason": "moot"})
    assert town.client.get(path, headers={"If-None-Match": tag}).json()["state"] == "withdrawn"


def test_a_budget_is_always_sent_because_its_balances_move_without_a_version(town: Town, budget: str) -> None:
    right(put(town, budget, 10))
    artifact = budget.rpartition("/")[2]
    town.done("/api/economics/reservations", {"artifact_id": artifact, "api_calls": 4})
    read = town.client.get(budget, headers={"If-None-Match": '"1"'})
    assert right(read)["lines"][0]["available"] == 6
    assert read.headers["etag"] == '"1"'


def test_the_description_tells_of_tags_and_of_412(town: Town) -> None:
    description = town.get("/openapi.json")
    assert "version_differs" in description["info"]["description"]
    paths = description["paths"]
    edited = {
        "/api/economics/budgets/{artifact_type}/{artifact_id}": ("get", "put"),
        "/api/work/items/{item}": ("get", None),
        "/api/work/items/{item}/withdraw": (None, "post"),
        "/api/work/items/{item}/revive": (None, "post"),
        "/api/policy": ("get", None),
    }
    for path, (reads, changes) in edited.items():
        if reads:
            assert "ETag" in paths[path][reads]["responses"]["200"]["headers"]
        if changes:
            names = {parameter["name"] for parameter in paths[path][changes]["parameters"]}
            assert "If-Match" in names
            assert "412" in paths[path][changes]["responses"]


def test_the_client_names_the_version_and_raises_the_refusal(town: Town) -> None:
    artifact = town.artifact()
    terms: dict[str, Any] = {"pool": "main", "budgets": {"api_calls": 5}}
    with Client(str(town.client.base_url)) as client:
        assert client.put_budget("hypothesis", artifact, **terms, if_match=0).version == 1
        with pytest.raises(VersionDiffers) as caught:
            client.put_budget("hypothesis", artifact, **terms, if_match=0)
        assert (caught.value.status, caught.value.facts["now"]) == (412, 1)
        item = item_of(town).rpartition("/")[2]
        read = client.get_work_item(item).version
        assert client.post_work_withdraw(item, reason="moot", if_match=read).state == "withdrawn"
        with pytest.raises(VersionDiffers):
            client.post_work_withdraw(item, reason="moot", if_match=read)


def test_the_command_line_names_the_version(town: Town, economy: Economy, budget: str) -> None:
    home = Home(economy.settings.home, economy.conninfo)
    artifact, item = budget.rpartition("/")[2], item_of(town).rpartition("/")[2]
    assert home.ask("budgets", "set", artifact, "api_calls=50", "--if-version", "0")["version"] == 1
    said = home.run("budgets", "set", artifact, "api_calls=60", "--if-version", "0")
    assert (said.code, "has version 1 by now" in said.err) == (5, True), said
    assert town.get(budget)["budgets"] == {"api_calls": 50}
    said = home.run("work", "withdraw", item, "--reason", "moot", "--if-version", "0" * 16)
    assert (said.code, "was meant for version 0000000000000000" in said.err) == (5, True), said
    assert town.get(f"/api/work/items/{item}")["state"] == "open"


def test_a_model_names_the_version_that_it_has_read(town: Town, economy: Economy) -> None:
    item = item_of(town).rpartition("/")[2]

    async def visit() -> None:
        operator = Principal("operator", None, None)
        async with Model(create_server(economy, lambda request: Asking(operator))) as client:

            async def call(tool: str, **arguments: str) -> dict[str, Any]:
                found: dict[str, Any] = (await client.call_tool(tool, arguments)).structured_content
                return found

            denied = await call("work_withdraw", item=item, reason="moot", version="0" * 16)
            assert (denied["decision"], denied["code"]) == ("DENY", "version_differs")
            read = (await call("work_item", item=item))["answer"]
            assert denied["facts"]["now"] == read["version"]
            withdrawn = await call("work_withdraw", item=item, reason="moot", version=read["version"])
            assert withdrawn["answer"]["state"] == "withdrawn"

    asyncio.run(visit())
