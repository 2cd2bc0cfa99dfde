"""Keys over HTTP: made, used, misused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from tests.surfaces.access import bearer

from scidex.actors import register_actor
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.keys import PRESETS, issue_key
from scidex.surfaces.http import create_app


@pytest.fixture
def guarded(new_database) -> Iterator[Economy]:
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), auth="keys")
    with Economy.open(settings) as opened:
        for name in ("alice", "bob"):
            opened.run(lambda tx, name=name: register_actor(tx, name=name))
        yield opened


@pytest.fixture
def client(guarded: Economy) -> Iterator[httpx.Client]:
    with TestClient(create_app(guarded)) as opened:
        yield opened


def refused(answer: httpx.Response, status: int, code: str) -> httpx.Response:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer


def test_a_key_is_made_used_rotated_and_revoked_over_http(client, guarded):
    alice = bearer(guarded, "alice", ["read", "keys"])
    once = {**alice, "Idempotency-Key": "once"}
    made = client.post("/api/keys", json={"scopes": ["read"], "label": "ci"}, headers=once).json()
    own = {"Authorization": f"Bearer {made['secret']}"}
    assert client.get("/api/policy", headers=own).status_code == 200
    again = client.post("/api/keys", json={"scopes": ["read"], "label": "ci"}, headers=once)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**made, "secret": None}
    listed = client.get("/api/keys", headers=alice)
    assert [key["label"] for key in listed.json()["items"]] == ["", "ci"]
    assert made["secret"].split("_")[2] not in listed.text
    turned = client.post(f"/api/keys/{made['key']}/rotate", json={}, headers=alice).json()
    refused(client.get("/api/policy", headers=own), 401, "key_refused")
    new = {"Authorization": f"Bearer {turned['secret']}"}
    assert client.get("/api/policy", headers=new).status_code == 200
    assert client.post(f"/api/keys/{made['key']}/revoke", headers=alice).status_code == 200
    answer = refused(client.get("/api/policy", headers=new), 401, "key_refused")
    assert answer.headers["www-authenticate"] == 'Bearer realm="scidex", error="invalid_token"'
    refused(client.post("/api/keys", json={"scopes": ["trade"]}, headers=alice), 403, "scopes_wider")
    refused(client.get("/api/keys", params={"actor": "bob"}, headers=alice), 403, "role_needed")


def test_a_key_anywhere_but_in_its_one_header_is_none(client, guarded):
    secret = bearer(guarded, "alice", ["read"])["Authorization"].removeprefix("Bearer ")
    for query in ("access_token", "key", "Authorization", "authorization"):
        refused(client.get("/api/policy", params={query: secret}), 401, "unauthenticated")
    refused(client.get("/api/policy", headers={"Cookie": f"Authorization=Bearer {secret}"}), 401, "unauthenticated")
    twice = [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")]
    refused(client.get("/api/policy", headers=twice), 401, "key_refused")
    for odd in (b"Bearer \xff\xfe", f"Basic {secret}".encode(), b"Bearer " + b"a" * 60_000):
        refused(client.get("/api/policy", headers=[(b"Authorization", odd)]), 401, "key_refused")
    names = [("Authorization", f"Bearer {secret}"), ("X-Scidex-Actor", "alice"), ("X-Scidex-Actor", "bob")]
    refused(client.get("/api/policy", headers=names), 400, "request_invalid")


def test_nobody_asks_in_the_name_of_another(client, guarded):
    alice = bearer(guarded, "alice", PRESETS["agent"])
    refused(client.get("/api/policy", headers={**alice, "X-Scidex-Actor": "bob"}), 403, "not_your_name")
    assert client.get("/api/policy", headers={**alice, "X-Scidex-Actor": "alice"}).status_code == 200
    line = {
        "do": "transfer",
        "legs": [{"debit": "actor:bob/wallet/token", "credit": "actor:alice/wallet/token", "amount": 1}],
        "reason": "t",
    }
    answers = client.post("/api/batch", json=[line, {**line, "actor": "bob"}], headers=alice).text
    assert '"code":"not_your_account"' in answers.splitlines()[0]
    assert '"code":"actor_differs"' in answers.splitlines()[1]
    usage = {"artifact_type": "hypothesis", "artifact_id": "x", "unit": "api_calls", "amount": 1, "actor": "bob"}
    told = client.post("/api/economics/usage/batch", json=[usage], headers=alice)
    assert '"status":"refused"' in told.text or told.status_code == 403


def test_a_line_of_a_batch_needs_the_scope_of_its_route(client, guarded):
    reader = bearer(guarded, "alice", ["read", "work"])
    lines = [
        {"do": "transfer", "legs": [], "reason": "t"},
        {"do": "claim", "bounty": "b0", "seconds": 60},
        {"do": "verify", "output_type": "a", "output_id": "b", "kind": "evidence", "note": "n"},
    ]
    answers = client.post("/api/batch", json=lines, headers=reader).text.splitlines()
    assert ['"code":"scope_missing"' in answer for answer in answers] == [True, False, True]


def test_a_key_that_asks_too_often_is_told_when_to_come_back(client, guarded):
    slow = guarded.run(
        lambda tx: issue_key(tx, actor="alice", scopes=["read"], per_minute=1),
        actor="operator",
    )
    own = {"Authorization": f"Bearer {slow.secret}"}
    assert client.get("/version", headers=own).status_code == 200
    answer = refused(client.get("/version", headers=own), 429, "rate_exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_pages_of_other_sites_get_nothing_with_a_key_or_without(client, guarded):
    alice = bearer(guarded, "alice", PRESETS["agent"])
    for origin in ("https://evil.example", "http://rebound.example:80", "null"):
        foreign = {**alice, "Origin": origin}
        refused(client.post("/api/entities", json={}, headers=foreign), 403, "origin_foreign")
        looked = client.get("/api/policy", headers=foreign)
        assert not [name for name in looked.headers if name.startswith("access-control-")]
    refused(client.get("/api/policy", headers={"Host": "rebound.example"}), 401, "unauthenticated")
    assert client.options("/api/policy", headers={**alice, "Origin": "https://evil.example"}).status_code == 405


def test_health_and_the_description_need_no_key_and_all_else_does(client):
    assert client.get("/health").status_code == 200
    description = client.get("/openapi.json").json()
    assert description["paths"]["/health"]["get"]["security"] == []
    assert description["paths"]["/api/market/order"]["post"]["security"] == [{"key": ["trade"]}]
    for path in ("/version", "/metrics", "/api/keys", "/nowhere", "/docs"):
        refused(client.get(path), 401, "unauthenticated")
