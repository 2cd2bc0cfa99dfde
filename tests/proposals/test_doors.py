"""Proposals over HTTP and on the command line: one way through, what is refused, and in plain words what happens next."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.conftest import FakeClock

from scidex import views
from scidex.economy import Economy
from scidex.surfaces.cli.proposals import evidence_of, expected_of
from scidex.surfaces.http.app import create_app

PAPER = {"sort": "paper", "reference": "PMID:31978945", "shows": "the same protein"}
EXPECTED = {"measure": "edges", "amount": 40, "within_s": 86_400}
ASKED = {
    "artifact_id": "g", "requested": {"llm_standard": 300, "cpu_seconds": "1.5"}, "justification": "nearly closed",
    "expected": [EXPECTED], "evidence": [PAPER],
}  # fmt: skip


class Door:
    """The routes of an economy of its own, on a clock that the test moves."""

    def __init__(self, economy: Economy, clock: FakeClock) -> None:
        self.client = TestClient(create_app(economy))
        self.economy, self.clock = economy, clock
        for name, roles in (("pat", []), *((name, ["reviewer"]) for name in ("rita", "rolf", "rosa"))):
            self.post("actors", {"name": name, "roles": roles})
        for unit, amount in (("llm_standard", 1000), ("cpu_seconds", 100)):
            account = f"pool:proposals/pool/{unit}"
            self.post("ledger/issue", {"account": account, "amount": amount, "reason": "sleeve"})
        self.post("entities", {"entity_type": "gap", "entity_id": "g", "title": "A gap"})

    def post(self, path: str, body: dict, by: str = "operator", status: int = 200, key: str | None = None) -> dict:
        headers = {"X-Scidex-Actor": by, **({"Idempotency-Key": key} if key else {})}
        answer = self.client.post(f"/api/{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200) -> dict:
        answer = self.client.get(f"/api/{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    def vote(self, name: str, by: str, choice: str = "approve", status: int = 200) -> dict:
        return self.post(f"senate/proposals/{name}/vote", {"choice": choice, "reason": "so"}, by, status)


@pytest.fixture
def door(economy: Economy, clock: FakeClock) -> Door:
    return Door(economy, clock)


def test_a_proposal_is_made_voted_on_and_paid_over_http(door: Door):
    seen = door.get("senate/preview?artifact_id=g&requested=llm_standard=300")
    assert (seen["lines"][0]["pool_after"], seen["eligible"], seen["needed"]) == (700, 3, 2)
    made = door.post("senate/proposals", ASKED, "pat", key="p1")
    assert door.post("senate/proposals", ASKED, "pat", key="p1") == made
    name = made["proposal"]
    shown = door.get(f"senate/proposals/{name}")
    assert (shown["share"], shown["threshold"], shown["requested"]) == (
        0.3, 0.65, {"cpu_seconds": 1.5, "llm_standard": 300},
    )  # fmt: skip
    assert "may still vote until 2026-01-04 00:00:00 UTC; at least 2 votes" in shown["next"]
    assert shown["evidence"][0]["says"] == "PMID:31978945: the same protein"
    assert door.get(f"senate/proposals/{name}/preview")["lines"][1]["budget_after"] == 300
    assert [row["proposal"] for row in door.get("senate/proposals?reviewer=rita&state=open")["items"]] == [name]
    door.post(f"senate/proposals/{name}/comment", {"text": "hm"}, "rosa")
    assert door.vote(name, "rita")["state"] == "open"
    assert door.vote(name, "pat", status=403)["code"] == "role_needed"
    paid = door.vote(name, "rolf")
    assert (paid["state"], paid["moved"]) == ("enacted", {"cpu_seconds": 1.5, "llm_standard": 300})
    assert door.vote(name, "rosa", status=409)["code"] == "proposal_stage"
    assert door.get("ledger/accounts/entity:gap:g/budget/llm_standard")["balance"] == 300
    events = [row["event"] for row in door.get(f"senate/proposals/{name}/events")["items"]]
    assert events == ["opened", "comment", "voted", "voted", "approved", "enacted"]


def test_the_keeper_ends_what_nobody_votes_on(door: Door):
    name = door.post("senate/proposals", ASKED, "pat")["proposal"]
    door.clock.pass_by(259_200)
    assert door.economy.expire_due() == 1
    shown = door.get(f"senate/proposals/{name}")
    assert (shown["state"], shown["note"], shown["next"]) == (
        "expired", "no quorum by its deadline", "Nothing; it is expired.",
    )  # fmt: skip
    assert door.economy.expire_due() == 0


def test_the_policy_is_proposed_enacted_and_compared(door: Door):
    body = {"changes": {"proposal_quorum": 3, "demand_weight": "0.2"}, "justification": "stricter"}
    name = door.post("senate/policy/proposals", body, "pat")["proposal"]
    for voter in ("rita", "rolf", "rosa"):
        last = door.vote(name, voter)
    assert last["state"] == "approved"
    assert "It is in force from 2026-01-02" in door.get(f"senate/proposals/{name}")["next"]
    door.clock.pass_by(86_400)
    assert door.economy.expire_due() == 1
    assert door.get("policy")["version"] == 2
    assert door.get("senate/policy/history")["items"][0] == {
        "version": 2, "enacted_at": "2026-01-02T00:00:00Z", "proposal": name,
    }  # fmt: skip
    diff = door.get("senate/policy/diff?before=1")
    assert [(row["field"], row["before"], row["after"]) for row in diff["changes"]] == [
        ("demand_weight", '"0.1"', '"0.2"'), ("proposal_quorum", "2", "3"),
    ]  # fmt: skip
    assert door.get("senate/policy")["policy"]["proposal_quorum"] == 3
    assert door.get("senate/policy?version=1")["policy"]["proposal_quorum"] == 2
    assert door.get("senate/policy/diff?before=7", 404)["code"] == "unknown_policy"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"requested": {"llm_standard": 1.5}}, 400, "amount_too_fine"),
        ({"requested": {"gold": 1}}, 400, "unknown_unit"),
        ({"requested": {}}, 400, "nothing_asked"),
        ({"requested": 5}, 400, "request_invalid"),
        ({"artifact_id": "h"}, 404, "unknown_entity"),
        ({"expected": []}, 400, "expected_gain_invalid"),
        ({"expected": [{**EXPECTED, "amount": "much"}]}, 400, "request_invalid"),
        ({"evidence": [{**PAPER, "sort": "rumour"}]}, 400, "request_invalid"),
        ({"evidence": [{**PAPER, "reference": "a friend"}]}, 400, "claim_invalid"),
        ({"evidence": [{**PAPER, "page": 3}]}, 400, "request_invalid"),
        ({"justification": "\0"}, 400, "request_invalid"),
        ({"colour": "red"}, 400, "request_invalid"),
    ],
)
def test_what_the_door_refuses(door: Door, change: dict, status: int, code: str):
    answer = door.post("senate/proposals", ASKED | change, "pat", status)
    assert answer["code"] == code
    assert door.get("senate/proposals")["items"] == []


def test_what_else_the_door_refuses(door: Door):
    body = {"changes": {"proposal_quorum": 0}, "justification": "none at all"}
    assert door.post("senate/policy/proposals", body, "pat", 400)["code"] == "policy_change_invalid"
    assert door.get("senate/proposals/p0", 404)["code"] == "unknown_proposal"
    assert door.get("senate/proposals?state=lost", 400)["code"] == "request_invalid"
    assert door.get("senate/proposals?artifact_type=gap", 400)["code"] == "request_invalid"
    assert door.get("senate/preview?artifact_id=g&requested=gold=1", 400)["code"] == "unknown_unit"
    assert door.get("senate/preview?artifact_id=g&requested=llm_standard", 400)["code"] == "amount_not_number"


def test_a_preview_names_who_loses_and_who_may_not_judge(door: Door):
    for name in ("h", "i"):
        door.post("entities", {"entity_type": "gap", "entity_id": name, "title": name})
    door.post("ledger/issue", {"account": "actor:pat/wallet/token", "amount": 100, "reason": "e"})
    for name, tokens in (("g", 10), ("h", 40), ("i", 5)):
        bounty = {"artifact_id": name, "amount": tokens, "purpose": "p"}
        door.post("market/bounties", bounty, "pat")
    door.post("actors", {"name": "kin", "roles": ["reviewer"], "owner": "operator"})
    seen = door.get("senate/preview?artifact_id=g&requested=llm_standard=600")
    assert seen["claims"] == 3
    assert seen["barred"] == [{"reviewer": "kin", "why": "operator entered the artifact"}]
    losers = {row["artifact_id"]: (row["before"], row["after"]) for row in seen["losers"]}
    assert set(losers) == {"h", "i"}
    assert sum(before for before, _ in losers.values()) == 1000
    assert sum(after for _, after in losers.values()) == 400


def test_evidence_and_gains_are_written_on_the_command_line():
    move = evidence_of("market market=m since=2026-01-01T00:00Z until=2026-02-01T00:00Z change=0.2 outcome=no")
    assert (move.market, str(move.change), move.outcome) == ("m", "0.2", "no")
    for wrong in ("", "paper", "paper x", "rumour reference=PMID:1", "paper 'x", "paper page=1"):
        with pytest.raises(Exception, match=r"is not a sort|Field required|does not match|unable to|valid"):
            evidence_of(wrong)
    for wrong in ("edges", "edges=4", "edges=x/5", "edges=4/x"):
        with pytest.raises(Exception, match="is not MEASURE=AMOUNT/SECONDS"):
            expected_of(wrong)


def test_values_of_the_policy_are_written_as_json_or_as_text():
    given = {"proposal_default": "rejected", "proposal_quorum": "3", "units_per_token": '{"token": "1"}'}
    assert views.policies.changes_written(given) == given | {"proposal_default": '"rejected"'}
