"""A claimed move of a market is held against what was recorded."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.conftest import DAWN, T
from tests.proposals.conftest import GAP, Senate

from scidex.atlas import knowledge
from scidex.core.errors import Refusal
from scidex.entities import EntityKey
from scidex.exchange import markets, signals
from scidex.policy import Policy
from scidex.senate import proposals

DAY = 86_400
H = EntityKey("hypothesis", "m")


@pytest.fixture
def traded(senate: Senate) -> Senate:
    """A market that stood at 0.5 for two days, was moved to about 0.8, and stood there for ten days more."""
    senate.actor("alice", 10_000)
    senate.market("m", liquidity=100)
    markets.place_order(senate.as_actor("alice"), market="m", outcome="yes", shares=1)
    senate.wait(2 * DAY)
    markets.place_order(senate.as_actor("alice"), market="m", outcome="yes", to_price=8 * 10**11, spend=500 * T)
    senate.wait(10 * DAY)
    return senate


def move(change: str, **terms: object) -> proposals.MarketMove:
    given = {"since": DAWN + timedelta(days=1), "until": DAWN + timedelta(days=11), **terms}
    return proposals.MarketMove("m", change=Decimal(change), **given)


def test_a_move_that_was_recorded_is_evidence(traded: Senate):
    made = traded.propose(entity=H, evidence=(move("0.3"), move("-0.3", outcome="no")))
    assert made.state == "open"


def test_a_move_that_did_not_happen_is_refused_with_the_recorded_prices(traded: Senate):
    with pytest.raises(proposals.MoveNotRecorded) as caught:
        traded.propose(entity=H, evidence=(move("0.45"),))
    assert str(caught.value) == (
        "The evidence number 1 claims that the price in market m changed by +0.45 between 2026-01-02T00:00:00+00:00 and"
        " 2026-01-12T00:00:00+00:00; recorded is 0.5000 and then 0.8000, a change of +0.3000 (of the moment: 0.5000 and"
        " then 0.8000). Claim what is recorded."
    )
    assert proposals.find_proposals(traded.tx) == []


def test_a_pump_of_a_moment_is_no_move(traded: Senate):
    until = traded.tx.now
    markets.place_order(traded.as_actor("alice"), market="m", outcome="yes", to_price=98 * 10**10, spend=900 * T)
    with pytest.raises(proposals.MoveNotRecorded) as caught:
        traded.propose(
            entity=H, evidence=(move("0.18", since=until - timedelta(days=1), until=traded.tx.now + timedelta(0)),)
        )
    assert "recorded is 0.8000 and then 0.8000" in str(caught.value)
    assert "0.9800" in str(caught.value)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"change": "0"}, "claim_invalid"),
        ({"change": "1.5"}, "claim_invalid"),
        ({"change": "NaN"}, "claim_invalid"),
        ({"until": DAWN}, "claim_invalid"),
        ({"until": DAWN + timedelta(days=99)}, "claim_invalid"),
        ({"outcome": "perhaps"}, "claim_unknown"),
        ({"since": DAWN - timedelta(days=9)}, "claim_unknown"),
        ({"market": "n"}, "claim_unknown"),
    ],
)
def test_a_claim_that_cannot_be_checked_is_refused(traded: Senate, terms: dict, code: str):
    given = {
        "market": "m",
        "since": DAWN + timedelta(days=1),
        "until": DAWN + timedelta(days=11),
        "change": "0.3",
    } | terms
    claim = proposals.MarketMove(given.pop("market"), change=Decimal(given.pop("change")), **given)
    with pytest.raises(Refusal) as caught:
        traded.propose(entity=H, evidence=(claim,))
    assert caught.value.code == code


def test_what_is_recorded_of_now_is_what_decisions_read_now(traded: Senate):
    policy = Policy()
    signal = signals.find_signals(traded.tx, policy, ["m"])["m"]
    recorded = signals.recorded_prices(traded.tx, policy, "m", traded.tx.now)
    assert recorded == signals.Recorded(signal.lagged.prices, markets.find_market(traded.tx, "m").prices)
    assert signals.recorded_prices(traded.tx, policy, "m", DAWN - timedelta(days=1)) is None
    assert signals.recorded_prices(traded.tx, policy, "nowhere", DAWN) is None


def test_a_claimed_yield_is_held_against_the_atlas(senate: Senate):
    edges = tuple(knowledge.NewEdge(f"tau {n}", "binds", "x", "PMID:1", 900) for n in range(3))
    knowledge.submit_knowledge(senate.as_actor("pat"), entity=GAP, edges=edges)
    assert senate.propose(evidence=(proposals.KnowledgeYield("gap", "g", Decimal(3)),)).state == "open"
    with pytest.raises(
        proposals.YieldNotRecorded, match=r"claims 3.5 edges gained by work on gap g, and the Atlas has 3;"
    ):
        senate.propose(evidence=(proposals.KnowledgeYield("gap", "g", Decimal("3.5")),))
    with pytest.raises(proposals.YieldNotRecorded, match="the Atlas has 0;"):
        senate.propose(evidence=(proposals.KnowledgeYield("gap", "h", Decimal(1)),))
    with pytest.raises(Refusal) as caught:
        senate.propose(evidence=(proposals.KnowledgeYield("gap", "g", Decimal(-1)),))
    assert caught.value.code == "claim_invalid"
