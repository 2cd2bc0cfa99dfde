"""The book at the doors: depth says where the price goes, limits rest and leave, sentences are orders."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest
from fastapi.testclient import TestClient

from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.exchange.markets import (
    UnknownOutcome,
    expire_due_orders,
    find_market,
    find_orders,
    place_limit_order,
    place_order,
)
from scidex.surfaces.http import create_app
from scidex.views import WordsInvalid, book_of, candles_of, order_in_words

T = TOKEN.parts
ONE = 10**12


def test_buying_what_the_depth_says_moves_the_price_to_where_it_says(town):
    town.actor("alice", 100_000), town.actor("bob", 100_000), town.market("m")
    place_limit_order(town.as_actor("bob"), market="m", outcome="no", shares=30 * T, limit_price=4 * ONE // 10)
    place_limit_order(town.tx, market="m", outcome="yes", shares=10 * T, limit_price=3 * ONE // 10)
    before = book_of(town.tx, find_market(town.tx, "m"))
    side = before.sides[0]
    assert [level.price for level in side.levels] == [tick / 100 for tick in range(55, 100, 5)]
    for level in side.levels:
        town.tx.execute("SAVEPOINT depth")
        done = place_order(town.as_actor("alice"), market="m", outcome="yes", shares=round(level.shares * T)).result
        assert done.prices[0] / ONE == pytest.approx(level.reached, abs=1e-9)
        assert done.prices[0] / ONE == pytest.approx(level.price, abs=1e-7)
        assert done.paid / T == pytest.approx(level.spend, abs=1e-6)
        town.tx.execute("ROLLBACK TO SAVEPOINT depth")
    (ask,), (bid,) = side.asks, side.bids
    assert (ask.price, ask.shares, ask.orders) == (0.6, 30, 1)
    assert (bid.price, bid.shares) == (0.3, 10)


def test_what_a_book_says_tokens_would_do_is_what_they_do(town):
    town.actor("alice", 100_000), town.market("m")
    for effect in book_of(town.tx, find_market(town.tx, "m")).sides[1].effects:
        town.tx.execute("SAVEPOINT effect")
        done = place_order(town.as_actor("alice"), market="m", outcome="no", spend=round(effect.spend * T)).result
        assert done.shares / T == pytest.approx(effect.shares, abs=2e-6)
        assert done.prices[1] / ONE == pytest.approx(effect.price, abs=1e-9)
        town.tx.execute("ROLLBACK TO SAVEPOINT effect")


def test_candles_hold_first_highest_lowest_and_last_price(town):
    town.actor("alice", 100_000), town.market("m")
    prices = []
    for hour, outcome in enumerate(("yes", "no", "yes", "yes")):
        town.tx.now += timedelta(minutes=40 if hour else 0)
        traded = place_order(town.as_actor("alice"), market="m", outcome=outcome, spend=20 * T).result
        prices.append((town.tx.now, traded.prices[0] / ONE))
    candles = candles_of(town.tx, find_market(town.tx, "m"), "yes", 3600, 10)
    assert sum(candle.trades for candle in candles) == 4
    for candle in candles:
        within = [price for at, price in prices if candle.start <= at < candle.start + timedelta(hours=1)]
        assert (candle.open, candle.close) == (within[0], within[-1])
        assert (candle.high, candle.low) == (max(within), min(within))


@pytest.mark.parametrize(
    ("said", "outcome", "spend", "to_price"),
    [
        ("stake 25 tokens that it holds", "yes", 25 * T, None),
        ("Stake 2.5 tokens that it fails.", "no", 2_500_000, None),
        ("stake 1 token on no", "no", T, None),
        ("move the price to 0.7, spend at most 40", "yes", 40 * T, 7 * ONE // 10),
        ("move the price to 0.3", "no", None, 7 * ONE // 10),
        ("move no to 0.8 and spend at most 5 tokens", "no", 5 * T, 8 * ONE // 10),
    ],
)
def test_a_sentence_is_an_order(town, said, outcome, spend, to_price):
    town.market("m")
    order = order_in_words(find_market(town.tx, "m"), said)
    assert (order.outcome, order.side, order.spend, order.to_price) == (outcome, "buy", spend, to_price)


def test_a_sentence_that_is_none_is_refused_with_those_that_are(town):
    town.market("m")
    with pytest.raises(WordsInvalid, match="stake 25 tokens that it holds"):
        order_in_words(find_market(town.tx, "m"), "buy low")
    order = order_in_words(find_market(town.tx, "m"), "stake 1 token on maybe")
    with pytest.raises(UnknownOutcome):
        place_order(town.tx, market="m", outcome=order.outcome, spend=order.spend)


def test_due_orders_lapse_once_also_when_two_keepers_look(town):
    town.actor("alice"), town.market("m")
    town.as_actor("alice")
    lapses = town.tx.now + timedelta(hours=1)
    place_limit_order(town.tx, market="m", outcome="yes", shares=T, limit_price=ONE // 5, expires_at=lapses)
    assert expire_due_orders(town.tx) == []
    town.tx.now = lapses
    assert len(expire_due_orders(town.tx)) == 1
    assert expire_due_orders(town.tx) == [] and find_orders(town.tx) == []


@pytest.fixture
def client(economy: Economy) -> TestClient:
    return TestClient(create_app(economy), base_url="http://127.0.0.1")


def ask(client: TestClient, path: str, body: dict[str, object], by: str = "operator") -> httpx.Response:
    return client.post(path, json=body, headers={"X-Scidex-Actor": by})


def test_a_limit_order_over_http_rests_is_shown_and_leaves(client):
    for path, body in (
        ("/api/ledger/issue", {"account": "actor:operator/wallet/token", "amount": 1000, "reason": "x"}),
        ("/api/actors", {"name": "bob", "roles": []}),
        ("/api/ledger/issue", {"account": "actor:bob/wallet/token", "amount": 10, "reason": "x"}),
        ("/api/entities", {"entity_type": "gap", "entity_id": "g", "title": "g"}),
        ("/api/market/open", {"market": "m", "artifact_id": "g", "question": "?", "liquidity": 100}),
    ):
        answer = ask(client, path, body)
        assert answer.status_code == 200, answer.text
    # Before anybody moves the price: after that it waits until the price is settled.
    assert ask(client, "/api/market/liquidity", {"market": "m", "liquidity": 200}).json()["paid"] > 0
    limit = {"market": "m", "outcome": "yes", "shares": 120, "limit_price": 0.6}
    placed = ask(client, "/api/market/limit", limit)
    assert placed.status_code == 200, placed.text
    told = placed.json()
    assert told["shares"] + told["traded"]["shares"] == pytest.approx(120)
    assert told["escrow"] == pytest.approx(told["shares"] * 0.6)
    assert client.get("/api/market/orders", params={"market": "m"}).json()["items"][0]["order"] == told["order"]
    book = client.get("/api/market/book/g").json()
    assert book["sides"][1]["asks"][0]["price"] == pytest.approx(0.4)
    assert client.get("/api/market/candles/g").json()["items"][0]["trades"] == 1
    said = ask(client, "/api/market/say", {"artifact_id": "g", "say": "stake 1 token that it fails"}, "bob")
    assert said.status_code == 200 and said.json()["matched"] > 0, said.text
    ended = ask(client, "/api/market/cancel", {"market": "m", "order": told["order"]})
    assert ended.status_code == 200, ended.text
    assert ended.json()["state"] == "cancelled"
    again = ask(client, "/api/market/cancel", {"market": "m", "order": told["order"]})
    assert (again.status_code, again.json()["code"]) == (409, "order_not_open")
    refused = ask(client, "/api/market/limit", {**limit, "limit_price": 1})
    assert (refused.status_code, refused.json()["code"]) == (400, "limit_price_invalid")
    unclear = ask(client, "/api/market/say", {"market": "m", "say": "to the moon"})
    assert (unclear.status_code, unclear.json()["code"]) == (400, "words_invalid"), json.dumps(unclear.json())


def test_liquidity_is_planned_and_opened_from_a_budget_over_http(client, economy, clock):
    for path, body in (
        ("/api/ledger/issue", {"account": "pool:treasury/pool/token", "amount": 1000, "reason": "x"}),
        ("/api/entities", {"entity_type": "gap", "entity_id": "g", "title": "g"}),
    ):
        assert ask(client, path, body).status_code == 200
    hour = clock.now + timedelta(hours=1)
    changes = [{"at": hour.isoformat(), "liquidity": 150}]
    opening = {"market": "m", "artifact_id": "g", "question": "?", "treasury": "treasury", "liquidity_changes": changes}
    both = ask(client, "/api/market/open", {**opening, "liquidity": 1, "subsidy": 1})
    assert (both.status_code, both.json()["code"]) == (400, "liquidity_source_invalid")
    past = ask(
        client, "/api/market/open", {**opening, "liquidity_changes": [{"at": "2020-01-01T00:00Z", "liquidity": 1}]}
    )
    assert (past.status_code, past.json()["code"]) == (400, "plan_invalid")
    assert client.get("/api/market/markets/m").status_code == 404  # nothing is half done
    opened = [ask(client, "/api/market/open", {**opening, "idempotency_key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in opened] == [200, 200], opened[0].text
    assert client.get("/api/market/markets/m").json()["liquidity"] == 100
    more = {"market": "m", "changes": [{"at": (hour + timedelta(hours=1)).isoformat(), "liquidity": "50"}]}
    planned = ask(client, "/api/market/liquidity/plan", more).json()["changes"]
    taken = ask(client, "/api/market/liquidity/cancel", {"market": "m", "change": planned[0]["change"]})
    assert taken.json()["change"]["state"] == "cancelled"
    clock.pass_by(7200)
    assert economy.expire_due() == 1
    shown = client.get("/api/market/liquidity/m").json()["items"]
    assert [(each["state"], each["liquidity"]) for each in shown] == [("cancelled", 50), ("done", 150)]
    assert client.get("/api/market/markets/m").json()["liquidity"] == 150
