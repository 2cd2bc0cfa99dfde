"""The economy over HTTP: every route once as it should go and once refused, and what the wire can do to both."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from structlog.testing import capture_logs

from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app, serve, server
from scidex.surfaces.http.problems import AddressNotLoopback, AddressTaken

ODD_NAMES = [
    "tau/amyloid",
    "two words",
    "50% of cases",
    "β-Amyloïd → 記憶",
    "/led by a slash",
    "q?a=b&c#d",
    "x/entries",
]


@contextmanager
def listening(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application, over a real connection."""
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.005)
        host, port = running.servers[0].sockets[0].getsockname()
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=30) as client:
            yield client
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def economy() -> Iterator[Economy]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as opened:
        yield opened
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def client(economy: Economy) -> Iterator[httpx.Client]:
    with listening(create_app(economy)) as opened:
        yield opened


class Town:
    """What the tests need of an economy, made through the door that they test."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._numbers = itertools.count(1)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return right(self.client.get(path, params=query))

    def post(self, path: str, body: Any = None, *, by: str = "operator", key: str | None = None) -> httpx.Response:
        headers = {"X-Scidex-Actor": by} | ({"Idempotency-Key": key} if key else {})
        return self.client.post(path, json=body, headers=headers)

    def done(self, path: str, body: Any = None, *, by: str = "operator", key: str | None = None) -> dict[str, Any]:
        return right(self.post(path, body, by=by, key=key))

    def name(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}"

    def actor(self, tokens: float = 100, *roles: str) -> str:
        name = self.name("agent")
        self.done("/api/actors", {"name": name, "roles": roles})
        if tokens:
            self.fund(f"actor:{name}/wallet/token", tokens)
        return name

    def fund(self, account: str, amount: float) -> None:
        self.done("/api/ledger/issue", {"account": account, "amount": amount, "reason": "endowment"})

    def artifact(self, name: str | None = None, kind: str = "hypothesis") -> str:
        name = name or self.name("idea")
        self.done("/api/entities", {"entity_type": kind, "entity_id": name, "title": f"Title of {name}"})
        return name

    def market(self, name: str | None = None) -> str:
        """A market on an artifact of the same name, whose maker is the operator."""
        name = self.artifact(name)
        self.fund("actor:operator/wallet/token", 100)
        self.done("/api/market/open", {"market": name, "artifact_id": name, "question": "Is it so?", "liquidity": 100})
        return name

    def wallet(self, actor: str) -> float:
        balance: float = self.get(f"/api/ledger/accounts/actor:{actor}/wallet/token")["balance"]
        return balance


@pytest.fixture(scope="module")
def town(client: httpx.Client) -> Town:
    return Town(client)


@pytest.fixture(scope="module")
def refused_town(town: Town) -> tuple[str, str]:
    """A market and somebody with 100 tokens, for requests that change neither; and an artifact without a market."""
    town.artifact("unlisted")
    return town.market(), town.actor()


def right(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    return answer


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, seen to have the one form of problems."""
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "code", "detail", "instance", "facts"}
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["instance"] == response.request.url.raw_path.decode().partition("?")[0]
    assert response.headers["x-request-id"]
    return problem


def raw(client: httpx.Client, path: str, body: str | bytes) -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": "application/json"})


# Orders and prices


def test_an_order_by_spend_is_filled_and_moves_the_price(town: Town) -> None:
    market, alice = town.market(), town.actor()
    receipt = town.done("/api/market/order", {"artifact_id": market, "outcome": "yes", "spend": 10}, by=alice)
    assert (receipt["market"], receipt["trade"], receipt["paid"], receipt["actor"]) == (market, 1, 10, alice)
    assert receipt["position"] == {"yes": receipt["shares"], "no": 0}
    prices = town.get(f"/api/market/price/{market}")
    assert prices["prices"] == receipt["prices"]
    assert prices["price"] > 0.5
    assert town.wallet(alice) == 90


def test_shares_bought_are_sold_back_for_no_more_than_they_cost(town: Town) -> None:
    market, alice = town.market(), town.actor()
    town.done("/api/market/order", {"market": market, "outcome": "no", "shares": "12.5"}, by=alice)
    sold = town.done("/api/market/order", {"market": market, "outcome": "no", "side": "sell", "shares": 12.5}, by=alice)
    assert sold["position"] == {"yes": 0, "no": 0}
    assert 99.9999 < town.wallet(alice) <= 100


def test_the_same_order_under_one_key_trades_once_and_answers_the_same_bytes(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 1}
    first = town.post("/api/market/order", order, by=alice, key="k1")
    again = town.post("/api/market/order", order, by=alice, key="k1")
    in_body = town.post("/api/market/order", {**order, "idempotency_key": "k1"}, by=alice)
    assert right(first)["trade"] == 1
    assert first.content == again.content == in_body.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == in_body.headers["idempotency-replayed"] == "true"
    assert town.wallet(alice) == 99


def test_the_same_key_with_another_order_is_refused(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 1}
    town.done("/api/market/order", order, by=alice, key="k1")
    refused(town.post("/api/market/order", {**order, "spend": 2}, by=alice, key="k1"), 409, "key_reused")
    assert town.wallet(alice) == 99


def test_a_key_in_the_header_and_another_in_the_body_are_refused(town: Town) -> None:
    order = {"market": "m", "outcome": "yes", "spend": 1, "idempotency_key": "k2"}
    refused(town.post("/api/market/order", order, key="k1"), 400, "request_invalid")


def test_one_key_of_two_actors_is_two_keys(town: Town) -> None:
    market, alice, bob = town.market(), town.actor(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 1}
    trades = [town.done("/api/market/order", order, by=actor, key="shared")["trade"] for actor in (alice, bob)]
    assert trades == [1, 2]


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        ("NaN", "amount_not_finite"),
        ("Infinity", "amount_not_finite"),
        ("-Infinity", "amount_not_finite"),
        ("1e400", "amount_not_finite"),
        ('"nan"', "amount_not_finite"),
        ("-1", "amount_not_positive"),
        ("0", "amount_not_positive"),
        ("-0.0", "amount_not_positive"),
        ("0.0000001", "amount_too_fine"),
        ('"1.0000001"', "amount_too_fine"),
        ("1e300", "amount_too_large"),
        ("9" * 400, "amount_too_large"),
        ("9" * 5000, "request_invalid"),
        ('"' + "9" * 5000 + '"', "amount_too_large"),
        ("true", "amount_not_number"),
        ("[1]", "amount_not_number"),
        ('"twelve"', "amount_not_number"),
        ('""', "amount_not_number"),
        (r'"\ud800"', "amount_not_number"),
        ("null", "order_size_invalid"),
    ],
)
@pytest.mark.parametrize("field", ["spend", "shares"])
def test_an_amount_that_is_none_is_refused_by_its_own_word(
    town: Town, refused_town: tuple[str, str], field: str, literal: str, code: str
) -> None:
    market, _ = refused_town
    body = f'{{"market": "{market}", "outcome": "yes", "{field}": {literal}}}'
    refused(raw(town.client, "/api/market/order", body), 400, code)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"market": "nowhere"}, 404, "unknown_market"),
        ({"market": None, "artifact_id": "nothing"}, 404, "unknown_entity"),
        ({"market": None, "artifact_id": "unlisted"}, 404, "no_market"),
        ({"artifact_id": "unlisted"}, 400, "request_invalid"),
        ({"market": None}, 400, "request_invalid"),
        ({"outcome": "maybe"}, 400, "unknown_outcome"),
        ({"outcome": None}, 400, "request_invalid"),
        ({"side": "hold"}, 400, "side_invalid"),
        ({"shares": 1}, 400, "order_size_invalid"),
        ({"spend": None}, 400, "order_size_invalid"),
        ({"limit_price": 0.5}, 409, "price_moved"),
        ({"limit_price": 1.5}, 400, "limit_price_invalid"),
        ({"limit_price": -0.5}, 400, "amount_negative"),
        ({"limit_price": True}, 400, "amount_not_number"),
        ({"limit_price": "cheap"}, 400, "amount_not_number"),
        ({"spend": 101}, 409, "insufficient_funds"),
        ({"side": "sell", "spend": None, "shares": 1}, 409, "insufficient_shares"),
        ({"limitprice": 0.9}, 400, "request_invalid"),
        ({"outcome": "a\0b"}, 400, "request_invalid"),
        ({"outcome": 7}, 400, "request_invalid"),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_a_quote_alike(
    town: Town, refused_town: tuple[str, str], change: dict[str, Any], status: int, code: str
) -> None:
    market, alice = refused_town
    order = {"market": market, "outcome": "yes", "spend": 1} | change
    refused(town.post("/api/market/order", order, by=alice), status, code)
    if code != "insufficient_funds":
        refused(town.post("/api/market/quote", order, by=alice), status, code)
    assert town.wallet(alice) == 100


def test_a_limit_finer_than_prices_is_kept_on_the_side_of_the_trader(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 1, "limit_price": 2 / 3}
    assert town.done("/api/market/order", order, by=alice)["average_price"] < 2 / 3


def test_a_quote_says_what_the_order_then_does_and_trades_nothing(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "shares": 3}
    quoted = town.done("/api/market/quote", order, by=alice)
    assert town.get(f"/api/market/price/{market}")["trades"] == 0
    receipt = town.done("/api/market/order", order, by=alice)
    assert {name: receipt[name] for name in quoted} == quoted


def test_an_order_of_somebody_unknown_is_refused(town: Town) -> None:
    order = {"market": town.market(), "outcome": "yes", "spend": 1}
    refused(town.post("/api/market/order", order, by="nobody"), 404, "unknown_account")


def test_nobody_acts_as_the_house(town: Town) -> None:
    refused(town.post("/api/actors", {"name": "x"}, by="system"), 403, "reserved_name")


def test_an_actor_of_any_script_is_named_in_utf_8(town: Town) -> None:
    town.done("/api/actors", {"name": "Zoë 記"})
    response = town.client.post(
        "/api/entities",
        json={"entity_type": "gap", "entity_id": town.name("gap"), "title": "t"},
        headers={"X-Scidex-Actor": "Zoë 記".encode(), "Idempotency-Key": "schlüssel".encode()},
    )
    assert right(response)["actor"] == "Zoë 記"
    response = town.client.post("/api/entities", json={}, headers={"X-Scidex-Actor": b"\xff"})
    refused(response, 400, "request_invalid")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_any_printable_kind_work_in_a_path(town: Town, name: str) -> None:
    town.market(name)
    alice = town.actor()
    town.done("/api/market/order", {"artifact_id": name, "outcome": "yes", "spend": 1}, by=alice)
    for path in (quote(name), quote(name, safe="")):
        assert town.get(f"/api/market/price/{path}")["artifact_id"] == name
        assert town.get(f"/api/market/markets/{path}")["market"] == name
        assert town.get(f"/api/market/history/{path}")["items"][0]["market"] == name
        assert town.get(f"/api/market/resource-budgets/{path}")["artifact_id"] == name
        assert town.get(f"/api/economics/allocations/hypothesis/{path}")["items"] == []
        account = f"/api/ledger/accounts/market:{path}/collateral/token"
        assert town.get(account)["owner"] == f"market:{name}"
        assert town.get(f"{account}/balance")["account"] == f"market:{name}/collateral/token"
        assert town.get(f"{account}/entries")["items"][0]["reason"] == "trade"


def test_a_price_is_found_by_artifact_first_and_by_market_where_there_is_no_such_artifact(town: Town) -> None:
    artifact = town.artifact()
    town.fund("actor:operator/wallet/token", 100)
    town.done(
        "/api/market/open",
        {"market": "by-another-name", "artifact_id": artifact, "question": "q", "liquidity": 1, "prices": [0.25, 0.75]},
    )
    by_market = town.get("/api/market/price/by-another-name")
    assert (by_market["artifact_id"], by_market["price"]) == (artifact, 0.25)
    refused(town.client.get("/api/market/price/by-another-name?artifact_type=gap"), 404, "unknown_entity")
    town.artifact("by-another-name")
    refused(town.client.get("/api/market/price/by-another-name"), 404, "no_market")


def test_an_id_of_two_artifacts_needs_the_type(town: Town) -> None:
    name = town.market()
    town.artifact(name, kind="gap")
    refused(town.client.get(f"/api/market/price/{name}"), 400, "entity_ambiguous")
    assert town.get(f"/api/market/price/{name}", artifact_type="hypothesis")["market"] == name


def test_unknown_names_in_paths_are_missing(town: Town) -> None:
    for path, code in [
        ("market/price/nothing", "unknown_entity"),
        ("market/history/nothing", "unknown_market"),
        ("market/markets/nothing", "unknown_market"),
        ("market/markets/", "unknown_market"),
        ("market/resource-budgets/nothing", "unknown_entity"),
        ("market/bounties/b0", "unknown_bounty"),
        ("economics/allocations/gap/nothing", "unknown_entity"),
        ("ledger/accounts/a/b/token", "unknown_account"),
        ("ledger/accounts/a/b/token/entries", "unknown_account"),
        ("ledger/accounts/a/b/token/balance", "unknown_account"),
        ("ledger/holds/h0", "unknown_hold"),
    ]:
        refused(town.client.get(f"/api/{path}"), 404, code)


# Markets, from opening to the end


def test_a_market_closes_resolves_and_pays(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "shares": 10}
    town.done("/api/market/order", order, by=alice)
    refused(town.post("/api/market/close", {"market": market}, by=alice), 403, "role_needed")
    closed = town.done("/api/market/close", {"market": market})
    assert closed["prices"] == town.get(f"/api/market/price/{market}")["prices"]
    refused(town.post("/api/market/order", order, by=alice), 409, "market_closed")
    refused(town.post("/api/market/close", {"market": market}), 409, "market_closed")
    refused(town.post("/api/market/resolve", {"market": market, "outcome": "maybe"}), 400, "unknown_outcome")
    settled = town.done("/api/market/resolve", {"market": market, "outcome": "yes"}, key="r1")
    assert settled["payouts"] == {alice: 10}
    assert town.done("/api/market/resolve", {"market": market, "outcome": "yes"}, key="r1") == settled
    refused(town.post("/api/market/order", order, by=alice), 409, "market_settled")
    refused(town.post("/api/market/void", {"market": market}), 409, "market_settled")


def test_a_void_market_pays_its_mean_price(town: Town) -> None:
    market, alice = town.market(), town.actor()
    town.done("/api/market/order", {"market": market, "outcome": "yes", "shares": 10}, by=alice)
    settled = town.done("/api/market/void", {"market": market})
    assert settled["outcome"] is None
    assert 5 <= settled["payouts"][alice] <= 6


def test_a_market_that_cannot_be_opened_is_refused(town: Town) -> None:
    market = town.market()
    terms = {"market": "m", "artifact_id": market, "question": "q", "liquidity": 1}
    refused(town.post("/api/market/open", terms), 409, "artifact_listed")
    refused(town.post("/api/market/open", terms | {"artifact_id": "nothing"}), 404, "unknown_entity")
    terms["artifact_id"] = town.artifact()
    refused(town.post("/api/market/open", terms | {"liquidity": True}), 400, "amount_not_number")
    refused(town.post("/api/market/open", terms | {"prices": [0.5, 0.6]}), 400, "start_prices_invalid")
    refused(town.post("/api/market/open", terms | {"closes_at": "2001-01-01T00:00:00Z"}), 400, "close_time_invalid")
    naive = refused(town.post("/api/market/open", terms | {"closes_at": "2101-01-01T00:00:00"}), 400, "request_invalid")
    assert "closes_at" in naive["detail"]


def test_a_closing_time_of_any_zone_is_kept_in_utc(town: Town) -> None:
    terms = {"market": town.name("m"), "artifact_id": town.artifact(), "question": "q", "liquidity": 1}
    town.fund("actor:operator/wallet/token", 10)
    town.done("/api/market/open", terms | {"closes_at": "2101-01-01T01:30:00+02:00"})
    assert town.get(f"/api/market/markets/{terms['market']}")["closes_at"] == "2100-12-31T23:30:00Z"


def test_markets_are_listed_by_state_in_pages(town: Town) -> None:
    town.done("/api/market/close", {"market": town.market()})
    listed = list(pages(town, "/api/market/markets", state="open", limit=3))
    assert len(listed) > 3
    assert {market["state"] for market in listed} == {"open"}
    names = [market["market"] for market in listed]
    assert len(set(names)) == len(names)
    refused(town.client.get("/api/market/markets?state=asleep"), 400, "request_invalid")


def test_history_has_every_trade_newest_first_in_pages(town: Town) -> None:
    market, alice = town.market(), town.actor()
    for _ in range(5):
        town.done("/api/market/order", {"market": market, "outcome": "yes", "spend": 1}, by=alice)
    trades = list(pages(town, f"/api/market/history/{market}", cursor="before", limit=2))
    assert [trade["trade"] for trade in trades] == [5, 4, 3, 2, 1]
    assert trades[0]["prices"] == town.get(f"/api/market/price/{market}")["prices"]


def test_positions_are_listed_by_market_and_actor(town: Town) -> None:
    market, traders = town.market("positions in/here"), sorted(town.actor() for _ in range(3))
    for trader in traders:
        town.done("/api/market/order", {"market": market, "outcome": "yes", "spend": 1}, by=trader)
    listed = list(pages(town, "/api/market/positions", market=market, limit=1))
    assert [position["actor"] for position in listed] == traders
    assert all(position["shares"]["yes"] > 1 and position["shares"]["no"] == 0 for position in listed)
    assert {position["cost"] for position in listed} == {1}
    assert town.get("/api/market/positions", actor=traders[0])["items"] == listed[:1]
    refused(town.client.get("/api/market/positions?after=nonsense"), 400, "cursor_invalid")


def pages(town: Town, path: str, *, cursor: str = "after", **query: Any) -> Iterator[dict[str, Any]]:
    """Every item of a list, page by page."""
    more: dict[str, Any] = {}
    while True:
        found = town.get(path, **query, **more)
        assert 0 < len(found["items"]) <= query["limit"]
        yield from found["items"]
        if found["next"] is None:
            return
        more = {cursor: found["next"]}


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1e3", "9" * 5000])
def test_a_limit_outside_1_to_1000_is_refused(town: Town, limit: str) -> None:
    for path in (
        "market/markets",
        "market/resource-budgets",
        "ledger/accounts",
        "actors",
        "entities",
        "market/bounties",
    ):
        refused(town.client.get(f"/api/{path}", params={"limit": limit}), 400, "request_invalid")


# Bounties, budgets, ledger, registry


def test_a_bounty_is_offered_counted_and_refunded_once(town: Town) -> None:
    funder, artifact = town.actor(), town.artifact()
    offer = {"artifact_id": artifact, "amount": 40, "seconds": 3600, "purpose": "a protocol"}
    refused(town.post("/api/market/bounties", offer | {"amount": 101}, by=funder), 409, "insufficient_funds")
    refused(town.post("/api/market/bounties", offer | {"seconds": 0}, by=funder), 400, "duration_invalid")
    refused(town.post("/api/market/bounties", offer | {"seconds": 10**400}, by=funder), 400, "duration_invalid")
    offered = town.done("/api/market/bounties", offer, by=funder, key="b1")
    assert town.done("/api/market/bounties", offer, by=funder, key="b1") == offered
    bounty = offered["bounty"]
    assert town.get("/api/market/bounties", artifact_id=artifact)["items"] == [
        town.get(f"/api/market/bounties/{bounty}")
    ]
    assert town.get(f"/api/market/resource-budgets/{artifact}")["bounty_tokens"] == 40
    refused(town.post(f"/api/market/bounties/{bounty}/refund", by=town.actor()), 403, "not_your_bounty")
    assert town.done(f"/api/market/bounties/{bounty}/refund", by=funder, key="b2")["returned"] == 40
    assert town.done(f"/api/market/bounties/{bounty}/refund", {"idempotency_key": "b2"}, by=funder)["returned"] == 40
    refused(town.post(f"/api/market/bounties/{bounty}/refund", by=funder), 409, "bounty_ended")
    assert town.wallet(funder) == 100
    refused(town.client.get("/api/market/bounties?artifact_type=gap"), 400, "request_invalid")
    refused(town.client.get("/api/market/bounties?state=lost"), 400, "request_invalid")


def test_budgets_are_ranked_across_pages(town: Town) -> None:
    funder = town.actor(1000)
    for amount in (30, 10, 20):
        offer = {"artifact_id": town.artifact(kind="ranked"), "artifact_type": "ranked", "amount": amount}
        town.done("/api/market/bounties", offer | {"seconds": 3600, "purpose": "p"}, by=funder)
    listed = list(pages(town, "/api/market/resource-budgets", cursor="offset", artifact_type="ranked", limit=2))
    assert [(row["rank"], row["bounty_tokens"]) for row in listed] == [(1, 30), (2, 20), (3, 10)]
    refused(town.client.get(f"/api/market/resource-budgets?offset={2**64}"), 400, "request_invalid")


def test_a_pool_is_shared_exactly_and_spent_until_it_is_short(town: Town) -> None:
    funder, artifact = town.actor(), town.artifact(kind="shared")
    offer = {"artifact_id": artifact, "amount": 40, "seconds": 3600, "purpose": "p"}
    town.done("/api/market/bounties", offer, by=funder)
    share = {"pool": "main", "unit": "llm_standard", "cycle": "w1", "artifact_type": "shared"}
    refused(town.post("/api/market/allocate", share), 409, "pool_empty")
    refused(town.post("/api/market/allocate", share | {"unit": "gold"}), 400, "unknown_unit")
    town.fund("pool:main/pool/llm_standard", 1000)
    refused(town.post("/api/market/allocate", share, by=funder), 403, "role_needed")
    refused(town.post("/api/market/allocate", share | {"amount": 0.5}), 400, "amount_too_fine")
    receipt = town.done("/api/market/allocate", share, key="a1")
    assert receipt["granted"] + receipt["remainder"] == 1000
    assert [grant["artifact_id"] for grant in receipt["grants"]] == [artifact]
    assert town.done("/api/market/allocate", share, key="a1") == receipt
    refused(town.post("/api/market/allocate", share), 409, "cycle_allocated")
    assert town.get("/api/economics/cycles", pool="main", limit=1)["items"][0]["cycle"] == "w1"
    granted = receipt["granted"]
    spending = {"artifact_id": artifact, "unit": "llm_standard", "amount": granted - 1, "note": "sweep"}
    assert town.done("/api/economics/spending", spending)["remaining"] == 1
    short = town.post("/api/economics/spending", spending | {"amount": 2})
    assert refused(short, 402, "budget_exhausted")["title"] == "Refused"
    assert short.headers["x-should-retry"] == "false"
    rows = list(pages(town, f"/api/economics/allocations/shared/{artifact}", cursor="before", limit=1))
    assert [(row["sort"], row["amount"]) for row in rows] == [("spending", granted - 1), ("grant", granted)]


def test_value_moves_between_accounts_and_every_entry_is_listed(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    mine, his = f"actor:{alice}/wallet/token", f"actor:{bob}/wallet/token"
    leg = {"debit": mine, "credit": his, "amount": "0.5"}
    moved = town.done("/api/ledger/transfer", {"legs": [leg, leg, leg], "reason": "thanks"}, by=alice)
    assert moved["balances"] == {mine: 98.5, his: 101.5}
    refused(town.post("/api/ledger/transfer", {"legs": [leg], "reason": "mine"}, by=bob), 403, "not_your_account")
    refused(town.post("/api/ledger/transfer", {"legs": [], "reason": "r"}, by=alice), 400, "no_legs")
    too_much = town.post("/api/ledger/transfer", {"legs": [leg | {"amount": 99}], "reason": "r"}, by=alice)
    problem = refused(too_much, 409, "insufficient_funds")
    assert problem["title"] == "Refused"
    assert problem["facts"]["account"] == mine
    entries = list(pages(town, f"/api/ledger/accounts/{mine}/entries", cursor="before", limit=3))
    assert [entry["amount"] for entry in entries] == [-0.5, -0.5, -0.5, 100]
    assert [entry["balance"] for entry in entries] == [98.5, 99, 99.5, 100]
    before = entries[-1]["at"]
    assert town.get(f"/api/ledger/accounts/{mine}/balance", at=before)["balance"] == 100
    assert town.get(f"/api/ledger/accounts/{mine}/balance")["balance"] == 98.5
    for wrong in ("yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+09:00"):
        refused(town.client.get(f"/api/ledger/accounts/{mine}/balance", params={"at": wrong}), 400, "request_invalid")
    refused(town.client.get(f"/api/ledger/accounts/{mine}/entries?before=x"), 400, "request_invalid")
    assert len(list(pages(town, "/api/ledger/accounts", unit="token", limit=7))) > 7
    assert [account["account"] for account in town.get("/api/ledger/accounts", owner=f"actor:{bob}")["items"]] == [his]
    refused(town.client.get("/api/ledger/accounts?unit=gold"), 400, "unknown_unit")
    refused(town.client.get("/api/ledger/accounts?after=x"), 400, "account_name_invalid")
    assert set(town.get("/api/ledger/sums")["sums"].values()) == {0}


def test_value_is_created_and_retired_by_issuers_only(town: Town) -> None:
    alice, issuer = town.actor(), town.actor(0, "issuer")
    change = {"account": f"actor:{alice}/wallet/token", "amount": 7, "reason": "r"}
    assert town.done("/api/ledger/issue", change, by=issuer)["balances"][change["account"]] == 107
    refused(town.post("/api/ledger/retire", change, by=issuer), 403, "not_your_account")
    assert town.done("/api/ledger/retire", change)["balances"][change["account"]] == 100
    for action in ("issue", "retire"):
        refused(town.post(f"/api/ledger/{action}", change, by=alice), 403, "role_needed")
        refused(town.post(f"/api/ledger/{action}", change | {"account": "x"}), 400, "account_name_invalid")
        refused(town.post(f"/api/ledger/{action}", change | {"account": "a/b/gold"}), 400, "unknown_unit")
        refused(
            town.post(f"/api/ledger/{action}", change | {"account": "market:m/collateral/token"}), 403, "house_account"
        )
        refused(town.post(f"/api/ledger/{action}", change | {"amount": False}), 400, "amount_not_number")


def test_a_hold_is_placed_posted_in_part_and_ended_once(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    mine, his = f"actor:{alice}/wallet/token", f"actor:{bob}/wallet/token"
    terms = {"debit": mine, "credit": his, "amount": 60, "seconds": 3600, "reason": "review"}
    placed = town.done("/api/ledger/holds", terms, by=alice)
    assert placed["available"] == 40
    refused(town.post("/api/ledger/holds", terms, by=alice), 409, "insufficient_funds")
    hold = placed["hold"]
    assert town.get(f"/api/ledger/holds/{hold}")["state"] == "pending"
    refused(town.post(f"/api/ledger/holds/{hold}/post", by=bob), 403, "not_your_hold")
    refused(town.post(f"/api/ledger/holds/{hold}/post", {"amount": 61}, by=alice), 409, "post_above_hold")
    assert town.done(f"/api/ledger/holds/{hold}/post", {"amount": 15.5}, by=alice, key="p1")["posted"] == 15.5
    assert town.wallet(bob) == 115.5
    refused(town.post(f"/api/ledger/holds/{hold}/void", by=alice), 409, "hold_ended")
    voided = town.done("/api/ledger/holds", terms, by=alice)["hold"]
    assert town.done(f"/api/ledger/holds/{voided}/void", by=alice)["available"] == 84.5
    refused(town.post("/api/ledger/holds/h0/void", by=alice), 404, "unknown_hold")


def test_actors_and_entities_are_registered_and_listed(town: Town) -> None:
    actor = town.actor(0)
    refused(town.post("/api/actors", {"name": "chief", "roles": ["operator"]}, by=actor), 403, "role_needed")
    refused(town.post("/api/actors", {"name": "x", "sort": "ghost"}), 400, "unknown_sort")
    refused(town.post("/api/actors", {"name": " padded "}), 400, "name_invalid")
    assert actor in [found["name"] for found in pages(town, "/api/actors", limit=5)]
    for name in ("l/1", "l/2", "l/3"):
        town.artifact(name, kind="listed/as")
    refused(
        town.post("/api/entities", {"entity_type": "listed/as", "entity_id": "l/1", "title": "t"}), 409, "entity_exists"
    )
    listed = pages(town, "/api/entities", entity_type="listed/as", limit=2)
    assert [found["entity_id"] for found in listed] == ["l/1", "l/2", "l/3"]
    refused(town.client.get("/api/entities", params={"after": '["a"]'}), 400, "cursor_invalid")


def test_the_policy_the_version_and_the_health_are_told(town: Town) -> None:
    policy = town.get("/api/policy")
    assert policy["version"] == 1
    assert policy["policy"]["demand_weight"] == "0.1"
    assert town.get("/health") == {"status": "ok", "policy_version": 1}
    assert set(town.get("/version")) == {"version", "python"}


# The wire


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        "[" * 100_000,
        "\ufeff{}",
        b"\xff\xfe",
        '{"market": "\\ud800", "outcome": "yes"}',
    ],
)
def test_what_is_not_a_request_is_refused(town: Town, body: str | bytes) -> None:
    refused(raw(town.client, "/api/market/order", body), 400, "request_invalid")


def test_a_body_that_is_not_said_to_be_json_is_refused(town: Town) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        response = town.client.post("/api/actors", content='{"name": "x"}', headers={"Content-Type": kind})
        refused(response, 400, "request_invalid")


def test_the_field_that_is_wrong_is_named(town: Town) -> None:
    problem = refused(
        town.post("/api/market/order", {"market": "m", "spend": 1, "outcome": []}), 400, "request_invalid"
    )
    assert "body.outcome" in problem["detail"]


def test_a_body_above_a_mebibyte_is_refused_whether_it_says_so_or_not(town: Town) -> None:
    large = b'{"name": "' + b"x" * 2**20 + b'"}'
    refused(raw(town.client, "/api/actors", large), 413, "body_too_large")
    chunks = (large[at : at + 1000] for at in range(0, len(large), 1000))
    response = town.client.post("/api/actors", content=chunks, headers={"Content-Type": "application/json"})
    refused(response, 413, "body_too_large")
    town.get("/health")


def test_unknown_routes_and_methods_are_problems_too(town: Town) -> None:
    refused(town.client.get("/api/nothing"), 404, "route_unknown")
    refused(town.client.get("/api/market/order/"), 404, "route_unknown")
    response = town.client.get("/api/market/order")
    refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    # An address of several routes names the methods of all of them.
    assert town.client.put("/api/entities").headers["allow"] == "GET, POST"


@pytest.mark.parametrize("at", ["0", "1767225600", "0.5", "-1"])
def test_a_time_is_written_out(town: Town, at: str) -> None:
    found = town.client.get("/api/economics/usage/hours", params={"since": at})
    refused(found, 400, "request_invalid")
    assert "2026-01-31T12:00:00Z" in found.json()["detail"]


def test_a_character_that_no_table_holds_is_refused_wherever_it_comes(town: Town) -> None:
    refused(town.client.get("/api/market/markets/%00"), 400, "request_invalid")
    refused(town.client.get("/api/market/positions?actor=%00"), 400, "request_invalid")
    refused(town.client.get("/api/entities", params={"after": '["a","\\u0000"]'}), 400, "cursor_invalid")
    refused(town.client.get("/api/entities", params={"after": '["a","\\ud800"]'}), 400, "text_invalid")


def test_a_request_id_is_given_and_a_sane_one_is_kept(town: Town) -> None:
    def id_for(given: str) -> str:
        return town.client.get("/version", headers={"X-Request-Id": given}).headers["x-request-id"]

    assert id_for("trace-7.a_b~c") == "trace-7.a_b~c"
    for odd in ("", "a b", "x" * 65, "<script>"):
        assert id_for(odd) != odd
    assert id_for("") != id_for("")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "https://[x"]
)
def test_a_page_of_another_site_may_not_act(town: Town, origin: str) -> None:
    for path in ("/api/actors", "/api/market/bounties/b1/refund"):
        response = town.client.post(path, json={"name": "x"}, headers={"Origin": origin})
        refused(response, 403, "origin_foreign")


def test_a_page_of_the_server_itself_may_act(town: Town) -> None:
    own = str(town.client.base_url).rstrip("/")
    body = {"name": town.name("agent")}
    assert right(town.client.post("/api/actors", json=body, headers={"Origin": own}))["name"] == body["name"]
    rebound = {"Origin": "http://rebound.example", "Host": "rebound.example"}
    refused(town.client.post("/api/actors", json=body, headers=rebound), 403, "origin_foreign")


def test_a_bug_is_answered_without_its_secrets_and_logged_with_its_id(economy: Economy) -> None:
    def fail() -> None:
        raise RuntimeError("secret")

    app = create_app(economy)
    app.add_api_route("/bug", fail)
    with listening(app) as client, capture_logs() as logged:
        response = client.get("/bug", headers={"X-Request-Id": "r-1"})
        problem = refused(response, 500, "internal_error")
        assert client.get("/health").status_code == 200
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert problem["facts"] == {"request_id": response.headers["x-request-id"]} == {"request_id": "r-1"}
    (line,) = (line for line in logged if line["event"] == "request failed")
    assert (line["log_level"], line["request_id"], line["path"]) == ("error", "r-1", "/bug")


# The description


@pytest.fixture(scope="module")
def description(town: Town) -> dict[str, Any]:
    return town.get("/openapi.json")


def test_every_route_is_described_with_its_problems(description: dict[str, Any]) -> None:
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) > 35
    tags = {tag["name"] for tag in description["tags"]}
    for operation in operations:
        assert operation["description"]
        assert set(operation["tags"]) <= tags
        assert "422" not in operation["responses"]
        refusals = {"400", "404", "409", "503"}
        if operation["operationId"] != "get_health":
            refusals |= {"401", "403", "429"}
            assert operation["security"][-1] == {}  # for who is on this machine
        if not operation["operationId"].startswith("get_"):
            refusals |= {"402", "413"}
        matched = any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", []))
        if matched or operation["operationId"] == "post_resolution":  # which names in its body what it replaces
            refusals |= {"412"}
        assert refusals == {status for status in operation["responses"] if status >= "400"}
        for status in refusals:
            (kind,) = operation["responses"][status]["content"]
            assert kind == "application/problem+json"
    assert "loopback" in description["info"]["description"]
    assert "repeated" not in description["components"]["schemas"]["OrderReceipt"]["properties"]


def test_every_reference_of_the_description_leads_somewhere(description: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in set(references(description)):
        found: Any = description
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_amounts_are_described_as_numbers_or_text(description: dict[str, Any]) -> None:
    spend = description["components"]["schemas"]["OrderBody"]["properties"]["spend"]
    assert {"number", "string"} <= {choice.get("type") for choice in flat(spend)}


def flat(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for choice in schema.get("anyOf", ()):
        yield from flat(choice)


def test_every_change_takes_a_key_and_has_an_example_that_its_route_understands(
    town: Town, description: dict[str, Any]
) -> None:
    changes = [(path, routes["post"]) for path, routes in description["paths"].items() if "post" in routes]
    assert len(changes) > 15
    for path, operation in changes:
        headers = {parameter["name"].lower() for parameter in operation["parameters"] if parameter["in"] == "header"}
        assert ("idempotency-key" in headers) == (path != "/api/market/quote")
        takes = operation.get("requestBody", {"content": {"application/json": {"example": {}}}})
        body = takes["content"]["application/json"]["example"]
        if "wait_s" in body:
            body = body | {"wait_s": 0}  # nobody else is going to bring work
        answer = town.post(re.sub(r"{\w+}", "x0", path), body, by="nobody").json()
        assert answer.get("code") not in ("request_invalid", "internal_error"), (path, answer)


# The process


STARTS = """
import logging, sys
from pathlib import Path
from threading import enumerate as threads
import structlog
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import serve
def tell(what):
    print(what, "kept" if any(thread.name == "keeper" for thread in threads()) else "left", flush=True)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
with Economy.open(Settings(home=Path(sys.argv[1]))) as economy:
    serve(economy, host=sys.argv[2], port=0, on_ready=tell)
    tell("ended")
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_says_where_it_listens_and_ends_in_order_when_it_is_told(
    economy: Economy, how: signal.Signals
) -> None:
    home, host = str(economy.settings.home), {signal.SIGTERM: "127.0.0.1", signal.SIGINT: "::1"}[how]
    command = [sys.executable, "-W", "error", "-c", STARTS, home, host]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, keeper = process.stdout.readline().split()
        assert keeper == "kept"
        with httpx.Client(base_url=url) as client:
            assert right(client.get("/health"))["status"] == "ok"
            started = time.perf_counter()
            # The connection stays open: it must not keep the server from ending.
            os.kill(process.pid, how)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "ended left\n", "")
    assert time.perf_counter() - started < 5


def test_a_server_that_cannot_listen_says_so(economy: Economy, client: httpx.Client) -> None:
    def start(host: str, port: int) -> Callable[[], None]:
        return lambda: serve(economy, host=host, port=port, on_ready=lambda url: pytest.fail("it listens"))

    taken = client.base_url.port or 0
    for attempt, refusal in [
        (start("127.0.0.1", taken), AddressTaken),
        (start("no.such.host.invalid", 0), AddressTaken),
        (start("0.0.0.0", 0), AddressNotLoopback),
        (start("::", 0), AddressNotLoopback),
    ]:
        with pytest.raises(refusal):
            attempt()


def test_answers_leave_at_once_because_the_socket_knows_that_it_is_tcp() -> None:
    # asyncio turns off Nagle's algorithm on such sockets only; with it every answer takes 40 ms longer.
    with server._listen("127.0.0.1", 0, anywhere=False) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_as_many_requests_work_at_once_as_there_are_connections(economy: Economy) -> None:
    async def working_at_once() -> float:
        return current_default_thread_limiter().total_tokens

    settings = Settings(database_url=economy.conninfo, pool_size=3)
    with Economy.open(settings) as narrow:
        app = create_app(narrow)
        app.add_api_route("/working-at-once", working_at_once)
        with listening(app) as client:
            assert client.get("/working-at-once").json() == 3


def test_200_orders_at_once_on_one_market_are_all_filled_and_the_books_hold(economy: Economy, town: Town) -> None:
    market, traders = town.market(), [town.actor() for _ in range(16)]

    def trade(number: int) -> list[httpx.Response]:
        with httpx.Client(base_url=town.client.base_url, timeout=30) as client:
            order = {"market": market, "outcome": ("yes", "no")[number % 2], "spend": 0.25}
            headers = {"X-Scidex-Actor": traders[number]}
            return [client.post("/api/market/order", json=order, headers=headers) for _ in range(13)]

    with ThreadPoolExecutor(16) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(trade, range(16))))
    assert sorted(right(answer)["trade"] for answer in answers) == list(range(1, 209))
    with economy.reading() as tx:
        report = audit(tx)
    assert report.ok, report.findings


def test_one_order_sent_by_16_at_once_under_one_key_trades_once(town: Town) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 1}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: town.post("/api/market/order", order, by=alice, key="once"), range(16)))
    assert len({answer.content for answer in answers}) == 1, {answer.text for answer in answers}
    assert right(answers[0])["trade"] == 1
    assert town.wallet(alice) == 99


def test_without_its_database_the_server_says_so_and_recovers() -> None:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    order = json.dumps({"market": "m", "outcome": "yes", "spend": 1})
    with Economy.open(Settings(home=home, connect_timeout_s=1)) as opened, listening(create_app(opened)) as client:
        right(client.get("/health"))
        status = EmbeddedServer(home).status()
        assert status.pid is not None
        os.kill(status.pid, signal.SIGQUIT)
        while EmbeddedServer(home).status().running:
            time.sleep(0.02)
        for response in (client.get("/health"), raw(client, "/api/market/order", order)):
            assert refused(response, 503, "database_down")["title"] == "Busy"
            assert response.headers["retry-after"] == "1"
        right(client.get("/version"))
        with EmbeddedServer(home):
            for _ in range(100):
                if client.get("/health").status_code == 200:
                    break
            refused(raw(client, "/api/market/order", order), 404, "unknown_market")
            opened.seal()
    shutil.rmtree(home, ignore_errors=True)
