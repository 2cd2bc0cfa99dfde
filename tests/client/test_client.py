"""The Python client against a real server: answers, refusals, pages, batches, and lost connections."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import subprocess
import sys
from decimal import Decimal

import httpx
import pytest
from tests.client.conftest import cutting

from scidex import AsyncClient, Client
from scidex.actors import UnknownRole
from scidex.client import AnswerUnreadable, Page, ServerFailed, Unanswered, lines
from scidex.client.retries import Retries
from scidex.core.errors import Busy, Missing, Refusal, Refused
from scidex.exchange.markets import UnknownMarket
from scidex.ledger import InsufficientFunds


def answering(*answers: httpx.Response, **settings: int) -> tuple[Client, list[httpx.Request]]:
    """A client of a server that gives these answers one after the other, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    return Client("http://elsewhere", transport=httpx.MockTransport(answer), **settings), asked


def problem(status: int, code: str, title: str, **headers: str) -> httpx.Response:
    said = {
        "title": title,
        "status": status,
        "code": code,
        "detail": f"it is {code}; mend it",
        "facts": {"short": "9.5"},
    }
    return httpx.Response(status, json=said, headers={"X-Request-Id": "r1", **headers})


def held(client: Client, name: str) -> float:
    return client.get_account(f"actor:{name}/wallet/token").balance


def test_an_order_is_answered_in_types(operator: Client, url: str) -> None:
    with Client(url, actor="alice") as alice:
        before = held(alice, "alice")
        receipt = alice.post_order(market="tau/spreads", outcome="yes", spend=Decimal("12.5"), limit_price="0.9")
        assert receipt.actor == "alice"
        assert receipt.paid == 12.5
        assert not receipt.repeated
        assert held(alice, "alice") == before - receipt.paid - receipt.fee
        assert alice.get_price("tau/spreads").prices == receipt.prices


def test_a_key_that_was_used_is_answered_as_repeated(operator: Client) -> None:
    first = operator.post_actor(name="carol", idempotency_key="carol's")
    again = operator.post_actor(name="carol", idempotency_key="carol's")
    assert (again.number, first.repeated, again.repeated) == (first.number, False, True)


def test_a_refusal_is_of_the_class_that_it_is_in_the_server(operator: Client, url: str) -> None:
    with Client(url, actor="bob") as bob:
        with pytest.raises(InsufficientFunds, match="actor:bob/wallet/token") as refused:
            bob.post_transfer(
                legs=[{"debit": "actor:bob/wallet/token", "credit": "actor:alice/wallet/token", "amount": 10**6}],
                reason="a gift",
            )
        assert refused.value.facts["account"] == "actor:bob/wallet/token"
        assert refused.value.status == 409
        assert refused.value.__notes__ == [f"request {refused.value.request_id}"]
        with pytest.raises(UnknownMarket):
            bob.get_market("nowhere")
    with pytest.raises(UnknownRole):
        operator.post_actor(name="dora", roles=["king"])


def test_a_refusal_that_nobody_imported_is_of_its_family(operator: Client, url: str) -> None:
    # In a process of its own, that knows nothing but the client.
    script = f"""
import sys
from scidex import Client
from scidex.core.errors import Missing, Refusal
try:
    Client({url!r}).get_market("nowhere")
except Refusal as refused:
    print(type(refused).__name__, refused.code, refused.status)
print([name for name in sys.modules if name.startswith(("numpy", "psycopg", "scidex.ledger"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["Missing unknown_market 404", "[]"]


def test_a_refusal_survives_another_process() -> None:
    client, _ = answering(problem(409, "unheard_of", "Refused"))
    with pytest.raises(Refused) as refused:
        client.get_markets()
    back = pickle.loads(pickle.dumps(refused.value))
    assert (back, back.code, back.request_id, str(back)) == (
        refused.value,
        "unheard_of",
        "r1",
        "it is unheard_of; mend it",
    )


@pytest.mark.parametrize(
    ("status", "code"), [(402, "budget_short"), (409, "insufficient_funds"), (404, "unknown_market")]
)
def test_what_another_try_cannot_mend_is_asked_once(status: int, code: str) -> None:
    client, asked = answering(problem(status, code, "Refused"))
    with pytest.raises(Refusal):
        client.post_order(outcome="yes", spend=1)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "busy", [problem(503, "contended", "Busy"), problem(429, "too_many", "Busy", **{"Retry-After": "0"})]
)
def test_what_did_not_happen_is_asked_again_under_the_same_key(busy: httpx.Response) -> None:
    client, asked = answering(
        busy, httpx.Response(200, json={"number": 1, "at": "2026-01-01T00:00:00Z", "actor": "a", "name": "a"})
    )
    with pytest.raises(AnswerUnreadable, match="cannot be read"):
        client.post_order(outcome="yes", spend=1)
    keys = {request.headers["Idempotency-Key"] for request in asked}
    assert (len(asked), len(keys)) == (2, 1)


def test_a_server_that_stays_busy_is_left_in_the_end() -> None:
    client, asked = answering(problem(503, "contended", "Busy", **{"Retry-After": "0"}), tries=3)
    with pytest.raises(Busy):
        client.get_markets()
    assert len(asked) == 3


def test_the_wait_is_as_long_as_the_server_says_and_longer_each_time() -> None:
    retries = Retries(8)
    busy = httpx.Response(503, headers={"Retry-After": "2"})
    assert 2 <= (retries.after_answer(busy, 1, safe=True) or 0) < 2.2
    assert 0.05 <= (retries.after_cut(1, safe=True) or 0) <= 0.1 < 2.5 <= (retries.after_cut(7, safe=True) or 0) <= 5
    assert retries.after_cut(8, safe=True) is None
    assert retries.after_answer(httpx.Response(502), 1, safe=False) is None


def test_a_failure_of_the_server_names_the_request() -> None:
    client, asked = answering(httpx.Response(500, text="oh", headers={"X-Request-Id": "r7"}))
    with pytest.raises(ServerFailed, match=r"500 .*request r7.*idempotency_key=") as failed:
        client.post_order(outcome="yes", spend=1)
    assert len(asked) == 1
    assert str(pickle.loads(pickle.dumps(failed.value))) == str(failed.value)


def test_an_answer_that_is_lost_changes_nothing_twice(operator: Client, url: str) -> None:
    with cutting(url, 0, 40) as cutter, Client(cutter.url, actor="alice") as alice:
        before = held(operator, "alice")
        receipt = alice.post_order(market="microglia", outcome="yes", spend=5)
        assert cutter.cut == 2
        assert receipt.repeated
        assert held(operator, "alice") == before - receipt.paid - receipt.fee
        assert [trade.trade for trade in operator.each(operator.get_history, "microglia")] == [receipt.trade]


def test_what_may_have_happened_without_a_key_is_not_asked_again(operator: Client, url: str) -> None:
    with cutting(url, 0) as cutter, Client(cutter.url, actor="alice") as alice, pytest.raises(Unanswered):
        alice.post_quote(market="sleep", outcome="yes", spend=5)


def test_nobody_listens() -> None:
    with Client("http://127.0.0.1:9", tries=2) as client, pytest.raises(Unanswered, match="after 2 tries"):
        client.get_health()


def test_pages_follow_each_other(operator: Client) -> None:
    found = [market.market for market in operator.each(operator.get_markets, limit=1)]
    assert sorted(found) == found == ["microglia", "sleep", "tau/spreads"]
    accounts = list(operator.each(operator.get_accounts, owner="actor:alice", limit=1))
    assert {"actor:alice/wallet/token"} <= {each.account for each in accounts}
    assert [each.name for each in operator.each(operator.get_actors, limit=2)][:2] == ["alice", "bob"]
    with pytest.raises(TypeError, match="get_health does not answer page by page"):
        list(operator.each(operator.get_health))


def test_a_batch_is_answered_line_by_line_over_several_requests(
    operator: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINES", 3)
    gift = {
        "do": "transfer",
        "legs": [{"debit": "actor:bob/wallet/token", "credit": "actor:alice/wallet/token", "amount": 1}],
    }
    wanted = [{**gift, "reason": f"gift {number}"} for number in range(7)]
    wanted[4] = {**gift, "legs": [{**gift["legs"][0], "amount": 10**6}], "reason": "too much"}
    before = held(operator, "alice")
    # The first request is cut after its head, the second one before.
    with cutting(url, 300, 0) as cutter, Client(cutter.url, actor="bob") as bob:
        answers = list(bob.batch(iter(wanted)))
        assert cutter.cut == 2
    assert [answer.line for answer in answers] == list(range(1, 8))
    assert [answer.line for answer in answers if answer.status == "refused"] == [5]
    assert isinstance(answers[4].refusal, InsufficientFunds)
    assert held(operator, "alice") == before + 6


def test_all_or_nothing_raises_the_first_refusal(operator: Client) -> None:
    offers = [{"do": "void", "hold": "h1"}]
    with pytest.raises(Missing, match="Line 1"):
        list(operator.batch(offers, all_or_nothing=True))


def test_usage_streams_in(operator: Client) -> None:
    told = (
        {
            "artifact_type": "hypothesis",
            "artifact_id": "sleep",
            "unit": "cpu_seconds",
            "amount": 2,
            "event": f"e{n % 40}",
        }
        for n in range(80)
    )
    answers = list(operator.usage_batch(told))
    assert [answer.status for answer in answers].count("done") == 40
    assert [answer.status for answer in answers].count("repeated") == 40


def test_events_are_followed_over_broken_connections(operator: Client, url: str) -> None:
    begun = operator.get_past_events(limit=1000)
    before = [event["id"] for event in operator.each(operator.get_past_events)]
    assert before[: len(begun.items)] == [event["id"] for event in begun.items]
    place = before[-1]
    operator.post_order(market="tau/spreads", outcome="yes", spend=1)
    operator.post_order(market="sleep", outcome="yes", spend=1)
    wanted = [event["id"] for event in operator.each(operator.get_past_events, after=place)]
    assert len(wanted) >= 2
    # The first connection is cut before anything is said, the second after the head, the third in an event.
    with cutting(url, 0, 300, 900) as cutter, Client(cutter.url) as client:
        following = client.events(after=place)
        assert [next(following)["id"] for _ in wanted] == wanted
        following.close()
        assert cutter.cut == 3
    with pytest.raises(Refusal):
        next(operator.events(topics="no such topic"))

    async def followed() -> list[str]:
        async with AsyncClient(url) as client:
            found = []
            async for event in client.events(after=place):
                found.append(event["id"])
                if len(found) == len(wanted):
                    break
            return found

    assert asyncio.run(followed()) == wanted
    with Client("http://127.0.0.1:9", tries=1) as nobody, pytest.raises(Unanswered, match="no events after 1 tries"):
        next(nobody.events())


def test_every_list_is_read(operator: Client) -> None:
    """Every operation that needs no argument is called, and its answer is what the client expects."""
    called = 0
    for name in dir(Client):
        if name.startswith("get_"):
            operation = getattr(operator, name)
            needed = [each for each in inspect.signature(operation).parameters.values() if each.default is each.empty]
            if not needed:
                operation()
                called += 1
    assert called > 20


def test_the_awaited_client_does_the_same(operator: Client, url: str) -> None:
    async def asked() -> None:
        with cutting(url, 0) as cutter:
            async with AsyncClient(cutter.url, actor="alice") as alice:
                receipt = await alice.post_order(market="sleep", outcome="yes", spend=2)
                assert (receipt.repeated, cutter.cut) == (True, 1)
                several = await asyncio.gather(
                    *(alice.get_price(name) for name in ("tau/spreads", "microglia", "sleep"))
                )
                assert [each.market for each in several] == ["tau/spreads", "microglia", "sleep"]
                with pytest.raises(UnknownMarket):
                    await alice.get_market("nowhere")
                markets = [market.market async for market in alice.each(alice.get_markets, limit=2)]
                assert markets == ["microglia", "sleep", "tau/spreads"]
                page = await alice.get_markets()
                assert isinstance(page, Page)
        with cutting(url, 200) as cutter:
            async with AsyncClient(cutter.url, actor="operator") as client:
                line = {
                    "artifact_type": "hypothesis",
                    "artifact_id": "sleep",
                    "unit": "cpu_seconds",
                    "amount": 1,
                    "event": "x",
                }
                answers = [answer async for answer in client.usage_batch([line])]
                assert ([answer.line for answer in answers], cutter.cut) == ([1], 1)
        async with AsyncClient("http://127.0.0.1:9", tries=1) as nobody:
            with pytest.raises(Unanswered):
                await nobody.get_health()

    asyncio.run(asked())
