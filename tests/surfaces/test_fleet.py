"""Fleets over HTTP: several servers on one database, hundreds of clients at once, and a budget for exactly ten calls."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scidex.actors import RegisterActor
from scidex.core.db import DatabaseDown
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue
from scidex.metering import find_usage
from scidex.senate.budgets import SetBudget, budget_of

GAP = EntityKey("gap", "g")
OTHER = EntityKey("gap", "other")
UNIT = "llm_standard"
MODEL = "gpt-4o-mini"
SERVE = """
import sys
from pathlib import Path
import structlog
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import serve
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
with Economy.open(Settings(home=Path("/nonexistent"), database_url=sys.argv[1], pool_size=8)) as economy:
    serve(economy, host="127.0.0.1", port=0, on_ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def granted(url: str) -> Iterator[Economy]:
    """An economy whose gap g has a budget for ten calls of 100 tokens, and whose other gap has plenty."""
    with Economy.open(Settings(home=Path("/nonexistent"), database_url=url)) as economy:
        economy.perform_all(
            [
                Request(RegisterActor("alice"), "operator"),
                Request(RegisterEntity(*GAP, "g"), "operator"),
                Request(RegisterEntity(*OTHER, "other"), "operator"),
                Request(Issue(AccountKey("pool:main", "pool", UNIT), 10**9, "cycle"), "operator"),
                Request(SetBudget(GAP, "main", ((UNIT, 1_000),)), "operator"),
                Request(SetBudget(OTHER, "main", ((UNIT, 10**8),)), "operator"),
            ]
        )
        yield economy


@pytest.fixture
def serve(url: str) -> Iterator[Callable[[int], list[str]]]:
    """Starts so many servers on the database; where they listen."""
    with ExitStack() as stack:

        def start(count: int) -> list[str]:
            started = [
                subprocess.Popen(
                    [sys.executable, "-c", SERVE, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
                for _ in range(count)
            ]
            for process in started:
                stack.enter_context(process)
                stack.callback(os.kill, process.pid, signal.SIGTERM)
            return [process.stdout.readline().strip() for process in started if process.stdout]

        yield start


Call = Callable[[Any, int], Awaitable[str]]


def crowd(urls: list[str], clients: int, call: Call) -> collections.Counter[str]:
    """Every client calls once, all at the same time; the answers by word."""

    async def all_of_them() -> list[str]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=120, limits=limits, headers={"X-Scidex-Actor": "alice"}) as client:
            at = [Based(client, url) for url in urls]
            return await asyncio.gather(*(call(at[n % len(urls)], n) for n in range(clients)))

    return collections.Counter(asyncio.run(all_of_them()))


class Based:
    """A client that speaks to one of the servers."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client, self._base = client, base

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """With a key of its own, so that a request whose connection breaks on a busy machine is safely sent again."""
        headers = {"Idempotency-Key": uuid4().hex}
        for _ in range(3):
            with contextlib.suppress(httpx.TransportError):
                return await self._client.post(self._base + path, json=body, headers=headers)
        return await self._client.post(self._base + path, json=body, headers=headers)


def reserving(artifact: EntityKey = GAP, **terms: Any) -> dict[str, Any]:
    return {"artifact_id": artifact.entity_id, "artifact_type": artifact.entity_type, **terms}


def call_of(used: int, **terms: Any) -> Call:
    """A client that reserves, makes a call that uses so many tokens, and settles."""

    async def call(client: Any, n: int) -> str:
        answer = await client.post("/api/economics/reservations", reserving(**terms))
        if answer.status_code != 200:
            return f"{answer.status_code} {answer.json()['code']}"
        reserved = answer.json()
        cap = reserved["max_output_tokens"]
        output = used // 2 if cap is None else min(used // 2, cap)
        body = {"used": [{"model": MODEL, "input_tokens": used - used // 2, "output_tokens": output}]}
        done = await client.post(f"/api/economics/reservations/{reserved['reservation']}/settle", body)
        assert done.status_code == 200, done.text
        return "admitted"

    return call


def line(economy: Economy) -> tuple[int, int, int]:
    with economy.reading() as tx:
        (found,) = [each for each in budget_of(tx, GAP) if each.unit == UNIT]
    return found.reserved, found.spent, found.available


def audited(economy: Economy) -> None:
    economy.seal()
    with economy.reading() as tx:
        report = audit(tx)
    assert report.ok, report.findings


@pytest.mark.timeout(280)
@pytest.mark.parametrize("servers", [1, 4])
def test_a_budget_for_ten_calls_admits_ten_of_fifty_and_of_four_hundred(granted, serve, servers):
    urls = serve(servers)
    for clients in (50, 400):
        admitted = crowd(urls, clients, call_of(100, llm_tokens=100, tier="standard", usd=0))
        assert admitted["admitted"] == (10 if clients == 50 else 0)
        assert admitted["402 budget_exhausted"] == clients - admitted["admitted"]
        assert line(granted) == (0, 1_000, 0)
    granted.perform_all([Request(SetBudget(GAP, "main", ((UNIT, 2_000),)), "operator")])
    assert crowd(urls, 400, call_of(100, llm_tokens=100, tier="standard", usd=0))["admitted"] == 10
    assert line(granted) == (0, 2_000, 0)
    audited(granted)


@pytest.mark.timeout(280)
def test_without_a_bound_at_least_nine_of_ten_are_admitted_and_nothing_is_overspent(granted, serve):
    urls = serve(4)
    # Such calls are known: another artifact has made some.
    crowd(urls, 20, call_of(100, artifact=OTHER, model=MODEL, llm_tokens=200, usd=0))
    for clients in (50, 400):
        admitted = crowd(urls, clients, call_of(100, model=MODEL, input_tokens=50))
        assert admitted["admitted"] >= (9 if clients == 50 else 0)
        assert admitted["admitted"] + admitted["402 budget_exhausted"] == clients
        reserved, spent, available = line(granted)
        assert (reserved, spent + available) == (0, 1_000)
        assert available >= 0
    audited(granted)


@pytest.mark.timeout(280)
def test_use_of_twenty_times_the_estimate_is_recorded_and_then_nobody_is_admitted(granted, serve):
    urls = serve(2)
    admitted = crowd(urls, 50, call_of(2_000, llm_tokens=100, tier="standard", usd=0))
    _, spent, available = line(granted)
    assert 1 <= admitted["admitted"] <= 10
    assert spent == 2_000 * admitted["admitted"]
    assert available == 1_000 - spent
    assert crowd(urls, 50, call_of(1, llm_tokens=1, tier="standard", usd=0)) == {"402 budget_exhausted": 50}
    with granted.reading() as tx:
        assert sum(row.amount for row in find_usage(tx, entity=GAP)) == spent
    audited(granted)


@pytest.mark.timeout(280)
def test_a_call_bigger_than_what_is_left_is_told_how_much_is_short_and_what_fits(granted, serve):
    (url,) = serve(1)
    with httpx.Client(base_url=url, headers={"X-Scidex-Actor": "alice"}) as client:
        body = reserving(llm_tokens=950, tier="standard", usd=0)
        assert client.post("/api/economics/reservations", json=body).status_code == 200
        refused = client.post("/api/economics/reservations", json={**body, "llm_tokens": 100})
    assert refused.status_code == 402
    assert refused.headers["x-should-retry"] == "false"
    facts = refused.json()["facts"]
    assert (facts["available"], facts["needed"], facts["short"], facts["unit"]) == ("50", "100", "50", UNIT)
    assert facts["fits"].startswith("50 ")


@pytest.mark.timeout(280)
def test_one_event_delivered_a_thousand_times_counts_once(granted, serve):
    urls = serve(4)

    async def deliver(client: Any, n: int) -> str:
        body = reserving(OTHER, model=MODEL, input_tokens=60, output_tokens=40, event="span 1")
        answer = await client.post("/api/economics/usage", body)
        assert answer.status_code == 200, answer.text
        return "repeated" if answer.json()["repeated_events"] else "counted"

    seen = sum((crowd(urls, 200, deliver) for _ in range(5)), collections.Counter())
    assert seen == {"counted": 1, "repeated": 999}
    with granted.reading() as tx:
        assert [row.amount for row in find_usage(tx, entity=OTHER)] == [100]
    audited(granted)


@pytest.mark.timeout(280)
def test_with_the_database_away_nobody_is_admitted_and_the_answer_is_503(granted, serve, server, url):
    import psycopg

    urls = serve(1)
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(make_conninfo(server, dbname="postgres"), autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            seen = crowd(urls, 20, call_of(100, llm_tokens=100, tier="standard", usd=0))
        finally:
            owner.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    assert seen == {"503 database_down": 20}
    deadline = time.monotonic() + 30
    found = None
    while found is None and time.monotonic() < deadline:
        # Connections that died are found out one by one.
        with contextlib.suppress(DatabaseDown):
            granted.seal()
            found = line(granted)
    assert found == (0, 0, 1_000)
