"""Requests to literature services are calls of their provider, at its pace."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from tests.conftest import FakeClock
from tests.integrations.conftest import GAP, line, rows

from scidex import Client
from scidex.economy import Economy
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.integrations.providers import AsyncMeteredTransport, MeteredTransport
from scidex.senate.budgets import ProviderRateReached, find_reservation

PUBMED = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils/esearch.fcgi?term=tau"


def answering(*answers: Any) -> httpx.MockTransport:
    """A server that gives these answers, a status or an exception each, and then 200."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        given = left.pop(0) if left else 200
        if isinstance(given, BaseException):
            raise given
        return httpx.Response(given, headers={"Location": PUBMED} if given == 302 else {})

    return httpx.MockTransport(answer)


def test_each_request_is_a_call_of_its_provider(office: Economy) -> None:
    transport = MeteredTransport(office, GAP, actor="alice", work="w1", inner=answering())
    with httpx.Client(transport=transport) as client:
        client.get(PUBMED)
        client.get("https://API.openalex.org/works/W1")
        client.get("https://api.crossref.org/works")
        client.get("https://api.semanticscholar.org/graph/v1/paper/1")
        client.get("https://example.org/")
    assert [row.provider for row in rows(office)] == ["pubmed", "openalex", "crossref", "semantic_scholar"]
    first = rows(office)[0]
    assert (first.amount, first.actor, first.work, first.source) == (1, "alice", "w1", "httpx")
    assert first.context == "GET /entrez/eutils/esearch.fcgi 200"
    assert line(office, "api_calls") == (0, 4, 6)


def test_retries_and_redirects_count_and_what_was_not_sent_does_not(office: Economy) -> None:
    answers = (302, 429, httpx.ReadTimeout("late"), httpx.ConnectError("no"))
    transport = MeteredTransport(
        office, GAP, actor="alice", inner=answering(*answers), hosts={"eutils.ncbi.nlm.nih.gov": "openalex"}
    )
    with httpx.Client(transport=transport, follow_redirects=True) as client:
        assert client.get(PUBMED).status_code == 429
        for error in (httpx.ReadTimeout, httpx.ConnectError):
            with pytest.raises(error):
                client.get(PUBMED)
    assert [(row.context or "").rpartition(" ")[2] for row in rows(office)] == ["302", "429", "ReadTimeout"]
    assert line(office, "api_calls") == (0, 3, 7)


def test_a_full_second_is_waited_out(office: Economy, clock: FakeClock) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.pass_by(1)

    transport = MeteredTransport(office, GAP, actor="alice", inner=answering(), sleep=sleep)
    with httpx.Client(transport=transport) as client:
        for _ in range(7):
            client.get(PUBMED)
    # Three in each second.
    assert len(pauses) == 2
    assert all(0 < pause <= 1 for pause in pauses)


def test_without_patience_a_full_second_refuses_and_nothing_is_sent(office: Economy) -> None:
    transport = MeteredTransport(office, GAP, actor="alice", inner=answering(), longest_wait_s=0)
    with httpx.Client(transport=transport) as client:
        for _ in range(3):
            client.get(PUBMED)
        with pytest.raises(ProviderRateReached) as full:
            client.get(PUBMED)
    assert full.value.facts["calls_per_s"] == 3
    assert full.value.facts["free_at"] == "2026-01-01T00:00:01+00:00"
    assert line(office, "api_calls") == (0, 3, 7)


def test_a_budget_without_calls_sends_nothing(office: Economy) -> None:
    transport = MeteredTransport(office, GAP, actor="alice", inner=answering(), hosts={"e.org": "openalex"})
    with httpx.Client(transport=transport) as client:
        for _ in range(10):
            client.get("https://e.org/")
        with pytest.raises(BudgetExhausted):
            client.get("https://e.org/")


def test_many_at_once_keep_to_the_rate_together(office: Economy, clock: FakeClock, door: httpx.Client) -> None:
    async def sleep(seconds: float) -> None:
        clock.pass_by(1)

    async def run() -> None:
        options: Any = {"inner": answering(), "sleep": sleep}
        here = AsyncMeteredTransport(office, GAP, actor="alice", **options)
        async with httpx.AsyncClient(transport=here) as client:
            await asyncio.gather(*(client.get(PUBMED) for _ in range(8)))
            await client.get("https://example.org/")

    asyncio.run(run())
    with office.reading() as tx:
        admitted = [find_reservation(tx, row.reservation or "").placed_at for row in rows(office)]
    assert len(admitted) == 8
    assert max(map(admitted.count, admitted)) <= 3
    with Client(str(door.base_url), actor="bob") as client:
        transport = MeteredTransport(client, GAP, inner=answering(), hosts={"e.org": "openalex"})
        with httpx.Client(transport=transport) as asking:
            asking.get("https://e.org/")
    assert [row.actor for row in rows(office)] == ["alice"] * 8 + ["bob"]


def test_a_request_that_is_cancelled_is_recorded_if_it_was_sent(office: Economy) -> None:
    async def run(*, sent: bool) -> None:
        reached = asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            reached.set()
            return await asyncio.Event().wait()  # type: ignore[return-value]

        transport = AsyncMeteredTransport(office, GAP, actor="alice", inner=httpx.MockTransport(answer))
        async with httpx.AsyncClient(transport=transport) as client:
            asking = asyncio.ensure_future(client.get(PUBMED))
            await (reached.wait() if sent else asyncio.sleep(0))
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(run(sent=True))
    assert line(office, "api_calls") == (0, 1, 9)
    asyncio.run(run(sent=False))
    assert line(office, "api_calls") == (0, 1, 9)
