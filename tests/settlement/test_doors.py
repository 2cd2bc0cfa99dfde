"""A market's end over HTTP and in views: one way through, a refusal each, and in plain words what happens next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from tests.conftest import DAWN, FakeClock
from tests.settlement.conftest import CLOSES, POLICY, Court, T

from scidex import views
from scidex.economy import Economy
from scidex.exchange import markets, settlement
from scidex.surfaces.cli.settlement import evidence_of
from scidex.surfaces.http.app import create_app

BENCHMARK = {
    "sort": "benchmark", "reference": "PMID:31978945", "benchmark": "CASP", "metric": "GDT", "value": 92.4,
    "threshold": "90", "passes": "at_least",
}  # fmt: skip
PANEL = {"sort": "panel", "reference": "https://example.org/record", "members": 9, "in_favour": 2, "against": 7}


class Door:
    """The routes of an economy of its own, on a clock that the test moves."""

    def __init__(self, economy: Economy, clock: FakeClock) -> None:
        self.client = TestClient(create_app(economy))
        self.economy, self.clock = economy, clock
        for name, roles in (("alice", []), ("pat", []), ("dan", []), ("rita", ["reviewer"])):
            self.post("actors", {"name": name, "roles": roles})
            account = f"actor:{name}/wallet/token"
            self.post("ledger/issue", {"account": account, "amount": 100, "reason": "endowment"})
        self.post("ledger/issue", {"account": "actor:operator/wallet/token", "amount": 100, "reason": "endowment"})
        self.post("entities", {"entity_type": "gap", "entity_id": "g", "title": "A gap"})
        self.post(
            "market/open",
            {"market": "m", "artifact_id": "g", "question": "?", "liquidity": 50, "closes_at": CLOSES.isoformat()},
        )
        self.post("market/order", {"market": "m", "outcome": "yes", "shares": 30}, "alice")

    def post(self, path: str, body: dict, by: str = "operator", status: int = 200, key: str | None = None) -> dict:
        headers = {"X-Scidex-Actor": by, **({"Idempotency-Key": key} if key else {})}
        answer = self.client.post(f"/api/{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str) -> dict:
        answer = self.client.get(f"/api/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wallet(self, name: str) -> float:
        return self.get(f"ledger/accounts/actor:{name}/wallet/token")["balance"]


@pytest.fixture
def door(economy: Economy, clock: FakeClock) -> Door:
    return Door(economy, clock)


def test_a_market_is_proposed_disputed_decided_and_paid_over_http(door):
    proposal = {"market": "m", "outcome": "yes", "evidence": [BENCHMARK]}
    assert door.post("market/resolution", proposal, "pat", 409)["code"] == "still_trading"
    assert "It trades until 2026-01-11 00:00:00 UTC" in door.get("market/settlements/m")["next"]
    door.clock.now = CLOSES
    assert "with a bond of 10 tokens; after that it is void" in door.get("market/settlements/m")["next"]
    assert door.post("market/resolution", proposal, "alice", 403)["code"] == "not_impartial"
    proposed = door.post("market/resolution", proposal, "pat", key="p1")
    assert (proposed["step"], proposed["bond"], door.wallet("pat")) == ("proposed", 10, 90)
    assert door.post("market/resolution", proposal, "pat", key="p1") == proposed
    assert "is final at 2026-01-14 00:00:00 UTC" in door.get("market/settlements/m")["next"]
    assert [row["state"] for row in door.get("market/settlements?state=proposed")["items"]] == ["proposed"]
    door.post("market/dispute", {"market": "m", "outcome": "no", "evidence": [PANEL], "case": 1}, "dan")
    shown = door.get("market/settlements/m")
    assert "between pat (outcome yes) and dan (outcome no)" in shown["next"]
    assert shown["cases"][0]["counter_evidence"][0]["says"] == "panel of 9: 2 in favour, 7 against"
    assert shown["cases"][0]["evidence"][0]["facts"]["value"] == "92.4"
    decision = {"market": "m", "outcome": "yes", "reason": "one benchmark beats a show of hands"}
    assert door.post("market/decide", decision, "dan", 403)["code"] == "role_needed"
    decided = door.post("market/decide", decision, "rita")
    assert (decided["step"], decided["payouts"]["trader:alice"]) == ("upheld", 30)
    assert decided["bonds"] == {"actor:pat/wallet/token": 15, "pool:treasury/pool/token": 5}
    shown = door.get("market/settlements/m")
    assert [row["party"] for row in shown["portions"]] == ["maker", "trader:alice"] or len(shown["portions"]) == 2
    assert "anybody without a stake may propose what should replace it" in shown["next"]
    door.clock.now = CLOSES + timedelta(seconds=POLICY.settlement_appeal_s)
    assert door.post("market/advance", {"market": "m"}, "alice")["step"] == "released"
    assert door.get("market/settlements/m")["next"] == "It is paid for good; nothing follows."


def test_the_keeper_s_round_ends_what_is_due_over_http_too(door):
    door.clock.now = CLOSES + timedelta(seconds=POLICY.settlement_deadline_s)
    assert door.economy.expire_due() == 1
    assert door.get("market/settlements/m")["market_state"] == "void"
    assert door.economy.expire_due() == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evidence": [{**BENCHMARK, "reference": "trust me"}]}, "reference_invalid"),
        ({"evidence": [{**BENCHMARK, "unit": "K"}]}, "request_invalid"),
        ({"evidence": [{**BENCHMARK, "sort": "rumour"}]}, "request_invalid"),
        ({"evidence": [{**PANEL, "members": 3}]}, "evidence_invalid"),
        ({"evidence": []}, "evidence_missing"),
        ({"evidence": None}, "request_invalid"),
        ({"ruling": "unproven"}, "request_invalid"),
        ({"ruling": "void"}, "ruling_invalid"),
        ({"outcome": "perhaps"}, "unknown_outcome"),
        ({"market": "n"}, "unknown_market"),
        ({"evidence": [{**BENCHMARK, "value": "NaN"}]}, "request_invalid"),
        ({"evidence": [{**BENCHMARK, "metric": "\0"}]}, "text_invalid"),
    ],
)
def test_what_the_door_refuses(door, change, code):
    door.clock.now = CLOSES
    body = {"market": "m", "outcome": "yes", "evidence": [BENCHMARK], **change}
    status = 404 if code == "unknown_market" else 400
    assert door.post("market/resolution", body, "pat", status)["code"] == code
    assert door.wallet("pat") == 100


def test_stages_over_http(door, clock):
    door.post("entities", {"entity_type": "gap", "entity_id": "h", "title": "Another"})
    terms = {"market": "s", "artifact_id": "h", "question": "?", "liquidity": 10, "closes_at": CLOSES.isoformat()}
    door.post("market/open", terms)
    door.post("actors", {"name": "rosa", "roles": ["resolver"]})
    assert door.post("market/staged", {"market": "s"})["step"] == "staged"
    door.post("market/stage", {"market": "s", "stage": "registered", "evidence": [PANEL]}, "rosa")
    shown = door.get("market/settlements/s")
    assert (shown["stages"][0]["stage"], shown["stages_missing"]) == ("registered", ["run", "replicated", "reviewed"])
    clock.now = CLOSES
    assert "wait until it is run, replicated, reviewed" in door.get("market/settlements/s")["next"]


def test_every_state_is_told_in_words(court: Court):
    def told() -> str:
        return views.settlement.settlement_view(settlement.standing(court.tx, "m")).next

    court.trade()
    court.close()
    court.propose()
    court.dispute()
    markets.resolve_market(court.town.as_actor("operator"), market="m", outcome="no")
    assert "resolved directly" in told()
    court.sweep()
    assert "It is paid by version 1" in told()


def test_evidence_is_written_on_the_command_line():
    written = "verdict reference=doi:10.1000/182 authority='Cochrane review' verdict='no effect' decided_on=2026-01-01"
    assert evidence_of(written) == settlement.ExternalVerdict(
        "doi:10.1000/182", "Cochrane review", "no effect", DAWN.date()
    )
    for wrong in ("", "verdict", "verdict x", "rumour reference=PMID:1", "panel 'x", "panel members=x"):
        with pytest.raises(Exception, match=r"is not a sort|Field required|does not match|unable to|valid"):
            evidence_of(wrong)


def test_parts_of_tokens_are_whole_in_views(court: Court):
    court.finish()
    shown = views.settlement.settlement_view(settlement.standing(court.tx, "m"))
    assert shown.withheld * T == court.left()[1]
