"""From capital to knowledge, what pools have left, what needs a decision."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.budgets.conftest import Office
from tests.conftest import DAWN, T

from scidex import insight
from scidex.atlas.knowledge import NewEdge, submit_knowledge
from scidex.core.db import Tx
from scidex.entities import EntityKey
from scidex.exchange.bounties import offer_bounty
from scidex.exchange.markets import find_market, place_order
from scidex.exchange.resource_allocator import record_resource_spending
from scidex.insight import store
from scidex.insight.rules import rates_of
from scidex.policy import Policy
from scidex.senate.budgets import reserve, set_limit

TAU, GUT, NIL = EntityKey("hypothesis", "tau"), EntityKey("hypothesis", "gut"), EntityKey("hypothesis", "nil")
LATER = DAWN + timedelta(days=400)


@pytest.fixture
def city(tx: Tx) -> Office:
    """Two artifacts with markets and budgets; on tau edges were found, on gut not yet."""
    made = Office(tx)
    made.actor("alice", 100), made.actor("bob", 100)
    made.market("tau"), made.market("gut")
    place_order(made.as_actor("alice"), market="tau", outcome="yes", spend=20 * T)
    offer_bounty(made.as_actor("bob"), artifact=GUT, amount=30 * T, seconds=86_400, purpose="progress")
    made.grant(TAU, llm_standard=1000), made.grant(GUT, llm_standard=500, cpu_seconds=10_000)
    made.charge(made.used(250), entity=TAU), made.charge(made.used(100), entity=GUT)
    made.charge(made.used(4_000, "cpu_seconds"), entity=GUT)
    submit_knowledge(made.as_actor("alice"), entity=TAU, edges=[NewEdge("tau", "spreads", "synapse", "PMID:1", None)])
    made.as_actor("operator")
    return made


def seen(city: Office, **terms: object) -> insight.Pipeline:
    asked = {"since": DAWN - timedelta(days=1), "until": city.tx.now + timedelta(seconds=1), **terms}
    return insight.pipeline(city.tx, **asked)


def links(found: insight.Pipeline) -> dict[tuple[str, str], float]:
    return {(link.source, link.target): link.tokens / T for link in found.links}


def test_every_flow_has_its_width_in_tokens(city):
    found = seen(city)
    subsidy = find_market(city.tx, "tau").subsidy / T
    assert links(found) == {
        ("bids", "hypothesis:tau"): 20,
        ("subsidy", "hypothesis:tau"): subsidy,
        ("subsidy", "hypothesis:gut"): subsidy,
        ("bounties", "hypothesis:gut"): 30,
        ("grants", "hypothesis:tau"): 10,
        ("grants", "hypothesis:gut"): 5 + 1,
        ("hypothesis:tau", "llm_standard"): 2.5,
        ("hypothesis:gut", "llm_standard"): 1,
        ("hypothesis:gut", "cpu_seconds"): 0.4,
        ("llm_standard", "edges"): 2.5,
        ("llm_standard", "no_edges"): 1,
        ("cpu_seconds", "no_edges"): 0.4,
    }
    assert found.edges == 1_000_000
    assert {each.entity: each.edges for each in found.artifacts} == {GUT: 0, TAU: 1_000_000}
    assert found.artifacts[0].title == "Title of gut"


def test_what_came_back_counts_against_what_went_in(city):
    place_order(city.as_actor("alice"), market="tau", outcome="yes", side="sell", shares=10 * T)
    back = -city.tx.execute("SELECT paid FROM market_trade ORDER BY trade DESC LIMIT 1").fetchone()[0]
    city.grant(TAU, llm_standard=600)
    found = links(seen(city))
    assert back > 0
    assert found["bids", "hypothesis:tau"] == pytest.approx(20 - back / T, abs=1e-9)
    assert found["grants", "hypothesis:tau"] == 6


def test_what_was_spent_out_of_a_budget_without_metering_counts_too(city):
    record_resource_spending("tau", 50, unit="llm_standard", tx=city.as_actor("operator"))
    assert links(seen(city))["hypothesis:tau", "llm_standard"] == 3


def test_only_the_first_are_shown_one_by_one_and_the_others_together(city):
    city.artifact("nil")
    city.grant(NIL, llm_batch=200)
    found = seen(city, top=1)
    assert [each.entity for each in found.artifacts] == [GUT, None]
    assert links(found)["others", "llm_standard"] == 2.5
    assert links(found)["grants", "others"] == 10 + 1
    assert found.artifacts[1].edges == 1_000_000
    assert sum(links(found).values()) == pytest.approx(sum(links(seen(city)).values()))


def test_a_period_holds_what_happened_within_it_from_its_first_whole_hour(city):
    empty = seen(city, since=DAWN + timedelta(hours=2), until=DAWN + timedelta(hours=3))
    assert (empty.links, empty.artifacts, empty.edges) == ((), (), 0)
    city.pass_by(3_000)
    assert seen(city, since=DAWN + timedelta(minutes=40)).since == DAWN
    with pytest.raises(insight.PeriodInvalid):
        seen(city, until=DAWN - timedelta(days=2))
    with pytest.raises(insight.TopInvalid):
        seen(city, top=0)


def test_a_unit_without_a_rate_has_no_width_and_is_named(city):
    city.grant(TAU, llm_standard=1000, usd=5_000_000)
    found = seen(city)
    assert found.without_rate == ("usd",)
    assert links(found)["grants", "hypothesis:tau"] == 10


def test_pools_say_what_is_free_granted_reserved_and_spent(city):
    city.fund("llm_standard", 77)
    reserve(city.as_actor("alice"), entity=TAU, amounts={"llm_standard": 100}, seconds=60, usd=0)
    city.as_actor("operator")
    found = insight.pools(city.tx)
    lines = {(line.pool, line.unit): line[2:] for line in found.lines}
    assert lines == {("main", "llm_standard"): (77, 1500, 100, 350), ("main", "cpu_seconds"): (0, 10_000, 0, 4_000)}
    assert [(cap.scope, cap.unit, cap.cap) for cap in found.caps] == [("fleet", "usd", 50_000_000)]


def test_what_needs_a_decision_is_told_the_urgent_first(city):
    assert insight.attention(city.tx) == []
    city.charge(city.used(900), entity=TAU)
    set_limit(city.as_actor("operator"), scope="actor", subject="alice", unit="llm_standard", window="day", cap=1000)
    reserve(city.as_actor("alice"), entity=GUT, amounts={"llm_standard": 380}, seconds=60, usd=0)
    set_limit(city.as_actor("operator"), scope="actor", subject="alice", unit="llm_standard", window="day", cap=400)
    city.pass_by(120)
    found = insight.attention(city.tx)
    assert [(each.sort, each.urgent, each.subject) for each in found] == [
        ("debt", True, "hypothesis:tau"),
        ("unsealed", True, "journal"),
        ("cap", False, "actor alice"),
    ]
    assert "owes 150 llm_standard" in found[0].what
    assert "380 of 400 llm_standard are taken" in found[2].what


def plan_of(url, query, asked, *off):
    """The plan in a database that nobody has written to, whose statistics are those of every run."""
    with psycopg.connect(url) as connection:
        for each in ("enable_seqscan", *off):
            connection.execute(f"SET LOCAL {each} = off".encode())
        return "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query}".encode(), asked))


def test_periods_are_found_by_indexes(new_database):
    url = new_database()
    worths = [(unit, float(rate)) for unit, rate in rates_of(Policy()).items()]
    units, rates = zip(*worths, strict=True)
    asked = {"since": LATER, "until": LATER, "units": list(units), "worths": list(rates), "top": 12}
    plan = plan_of(url, store._PIPELINE, asked)
    for index in ("market_trade_times", "bounty_funding_times", "token_ledger_pools", "knowledge_submission_times"):
        assert index in plan, plan
    assert "usage_hour_pkey" in plan and "resource_allocations_times" in plan, plan
    plan = plan_of(url, store._DEBTS, [20])
    assert "budget_event_debts" in plan and "ledger_account_pkey" in plan, plan


def test_artifacts_are_found_by_words_or_how_they_begin_a_page_at_a_time(city):
    def found(**asked: object) -> list[str]:
        return [each.entity.entity_id for each in insight.listed(city.tx, **asked)]

    city.artifact("idea-7", "gap")
    assert found() == ["idea-7", "gut", "tau"]
    assert found(limit=2) == ["idea-7", "gut"]
    assert found(after=GUT, limit=2) == ["tau"]
    assert found(words="idea-7") == found(words="7 IDEA") == ["idea-7"]
    assert found(words="title TA") == ["tau"]
    assert found(words="title", after=GUT) == ["tau"]
    assert found(words="ta g") == [] == found(words="nothing")
    assert found(words="' & | !:*") == ["idea-7", "gut", "tau"]
    tau = insight.listed(city.tx, words="tau")[0]
    assert (tau.market, tau.state, tau.outcome, tau.trades, tau.at_risk) == ("tau", "open", "yes", 1, 20 * T)
    assert insight.listed(city.tx)[0][2:] == (None,) * 7


def test_words_are_found_by_an_index(new_database):
    query = store._LISTED + store._WITH_WORDS + store._ITS_MARKET
    plan = plan_of(new_database(), query, ["'tau':*", "", "", 50], "enable_indexscan")
    assert "entity_words" in plan, plan
