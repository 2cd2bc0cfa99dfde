"""Reviews over PostgreSQL: what they move, that they happen once, that the books follow, and who may."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from tests.conftest import FakeClock

from scidex import ledger
from scidex.actors import RoleNeeded, UnknownActor, register_actor
from scidex.core.db import Tx
from scidex.core.names import NameInvalid
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.lab import audit
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent
from scidex.senate import budgets, proposals, reviews

UNITS = ("llm_reasoning", "llm_standard")


def found(economy: Economy, *, artifacts: int = 20, parts: int = 1_000_000, pool: str = "main") -> list[EntityKey]:
    """A pool with something in two units, and artifacts, every other one of them scored."""

    def work(tx: Tx) -> list[EntityKey]:
        for unit in UNITS:
            ledger.issue(tx, account=AccountKey(f"pool:{pool}", "pool", unit), amount=parts, reason="cycle")
        register_actor(tx, name="alice")
        keys = []
        for place in range(artifacts):
            register_entity(tx, entity_type="gap", entity_id=f"g{place:05}", title="a gap")
            keys.append(EntityKey("gap", f"g{place:05}"))
            if place % 2:
                budgets.set_budget(tx, entity=keys[-1], pool=pool, budgets={"llm_standard": 0}, priority_score=0.8)
        return keys

    return economy.run(work, actor="operator")


def sound(economy: Economy) -> None:
    economy.seal()
    with economy.reading() as tx:
        report = audit(tx)
    assert report.ok, report.findings


def balances(economy: Economy) -> dict[AccountKey, int]:
    with economy.reading() as tx:
        return {account.key: account.balance for account in ledger.find_accounts(tx, limit=10_000)}


def test_a_review_moves_the_pool_to_who_has_merit_and_who_is_drawn(economy: Economy) -> None:
    keys = found(economy)
    receipt = economy.review(pool="main", cycle="2026-W01", actor="operator")
    done = receipt.result
    assert done.artifacts == 20 and [unit.unit for unit in done.units] == list(UNITS)
    after = balances(economy)
    for unit in done.units:
        granted = sum(after.get(AccountKey(f"entity:gap:{key.entity_id}", "budget", unit.unit), 0) for key in keys)
        assert granted == unit.after > 0 and after[AccountKey("pool:main", "pool", unit.unit)] == unit.reserve
        assert unit.after + unit.reserve == unit.whole == 1_000_000
        assert unit.distance_after < unit.distance_before
    with economy.reading() as tx:
        decisions = reviews.find_decisions(tx, number=receipt.number)
        assert [decision.entity_id for decision in decisions] == [key.entity_id for key in keys]
        scored = decisions[1]
        assert scored.score == 800_000 and scored.merit == 800_000_000 and scored.market_weight is None
        assert decisions[0].score is None and decisions[0].merit == 0
        row = budgets.find_budget(tx, keys[1])
        assert row is not None and row.pool == "main" and row.cycle == "2026-W01"
        assert dict(row.budgets)["llm_reasoning"] == scored.new[0]
    sound(economy)


def test_the_same_cycle_again_changes_nothing_and_says_so(economy: Economy) -> None:
    found(economy)
    first = economy.review(pool="main", cycle="2026-W01", actor="operator")
    before = balances(economy)
    again = economy.review(pool="main", cycle="2026-W01", actor="operator")
    assert again.repeated and again.number == first.number and again.result == first.result
    assert balances(economy) == before
    with pytest.raises(reviews.CycleReviewed):
        economy.review(pool="main", cycle="2026-W01", sort="daily", actor="operator")
    sound(economy)


def test_a_dry_run_changes_nothing_and_is_what_its_seed_enacts(economy: Economy) -> None:
    found(economy)
    before = balances(economy)
    shown = economy.preview_review(pool="main", cycle="2026-W01")
    assert balances(economy) == before
    economy.seal()
    receipt = economy.review(pool="main", cycle="2026-W01", seed=shown.command.seed, actor="operator")
    assert receipt.result.units == shown.command.units and receipt.result.digest == shown.command.digest


def test_reviews_come_to_rest_and_carry_on_from_each_other(economy: Economy, clock: FakeClock) -> None:
    found(economy)
    seen = []
    for week in range(1, 9):
        seen.append(economy.review(pool="main", cycle=f"2026-W{week:02}", seed="the same", actor="operator").result)
        clock.pass_by(7 * 86_400)
    assert seen[0].changed > 0 and seen[-1].changed == 0
    for before, after in pairwise(seen):
        for one, next_one in zip(before.units, after.units, strict=True):
            assert next_one.distance_before <= one.distance_before
    with economy.reading() as tx:
        history = reviews.find_decisions_on(tx, entity=EntityKey("gap", "g00001"))
    assert [review.cycle for review, _ in history] == [f"2026-W{week:02}" for week in range(8, 0, -1)]
    newest, older = history[0][1], history[-1][1]
    assert older.direction == (0, 0) and newest.direction == (1, 1), "how it was moved is carried on"
    sound(economy)


def test_what_is_reserved_is_not_taken_back_and_spending_counts(economy: Economy, clock: FakeClock) -> None:
    keys = found(economy)
    economy.review(pool="main", cycle="2026-W01", actor="operator")

    def work(tx: Tx) -> int:
        free = {line.unit: line.available for line in budgets.budget_of(tx, keys[1])}["llm_standard"]
        budgets.reserve(tx, entity=keys[1], amounts={"llm_standard": free}, seconds=80_000, usd=0)
        event = UsageEvent("llm_reasoning", 100, usd=0)
        budgets.charge(tx, entity=keys[1], events=[event])
        return free

    reserved = economy.run(work, actor="alice")
    # Its score is gone: it would lose everything that it has not reserved.
    economy.run(
        lambda tx: budgets.set_budget(
            tx, entity=keys[1], pool="main", budgets={"llm_standard": reserved}, priority_score=0.0
        ),
        actor="operator",
    )
    clock.pass_by(60_000)
    policy_dwell = timedelta(days=15)
    clock.pass_by(policy_dwell.total_seconds() - 60_000 - 1)
    economy.run(lambda tx: budgets.expire_due_reservations(tx), actor="operator")
    economy.run(
        lambda tx: budgets.reserve(tx, entity=keys[1], amounts={"llm_standard": reserved}, seconds=60, usd=0),
        actor="alice",
    )
    receipt = economy.review(pool="main", cycle="2026-W03", actor="operator")
    with economy.reading() as tx:
        decision = next(
            each for each in reviews.find_decisions(tx, number=receipt.number) if each.entity_id == "g00001"
        )
    assert decision.held == (0, reserved) and decision.new[1] == reserved
    assert reviews.BINDINGS[decision.binding[1]] == "held"
    assert decision.spent == (100, 0) and decision.new[0] < decision.old[0]
    sound(economy)


def test_a_debt_is_repaid_out_of_what_comes_in(economy: Economy) -> None:
    keys = found(economy)
    economy.run(
        lambda tx: budgets.charge(tx, entity=keys[1], events=[UsageEvent("llm_standard", 700, usd=0)]), actor="alice"
    )
    receipt = economy.review(pool="main", cycle="2026-W01", actor="operator")
    with economy.reading() as tx:
        decision = next(
            each for each in reviews.find_decisions(tx, number=receipt.number) if each.entity_id == "g00001"
        )
        line = {line.unit: line for line in budgets.budget_of(tx, keys[1])}["llm_standard"]
    assert decision.old[1] == 0 and line.available == decision.new[1] - 700
    sound(economy)


def test_four_at_once_hold_one_review(economy: Economy) -> None:
    found(economy)
    answers, started = [], threading.Barrier(4)

    def hold() -> None:
        started.wait()
        answers.append(economy.review(pool="main", cycle="2026-W01", actor="operator"))

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert len({answer.number for answer in answers}) == 1
    sound(economy)


def test_spending_goes_on_while_a_review_is_held(economy: Economy) -> None:
    keys = found(economy)
    economy.review(pool="main", cycle="2026-W01", actor="operator")
    stop, spent = threading.Event(), [0]

    def spend() -> None:
        while not stop.is_set():
            economy.run(
                lambda tx: budgets.charge(tx, entity=keys[3], events=[UsageEvent("llm_standard", 1, usd=0)]),
                actor="alice",
            )
            spent[0] += 1

    thread = threading.Thread(target=spend)
    thread.start()
    try:
        for week in range(2, 7):
            economy.review(pool="main", cycle=f"2026-W{week:02}", actor="operator")
    finally:
        stop.set()
        thread.join()
    assert spent[0] > 0
    sound(economy)


def test_idle_budget_given_back_is_a_credit_once(economy: Economy, clock: FakeClock) -> None:
    keys = found(economy)
    economy.run(
        lambda tx: budgets.set_budget(
            tx, entity=keys[1], pool="main", budgets={"llm_standard": 5_000}, priority_score=0.8
        ),
        actor="operator",
    )
    clock.pass_by(8 * 86_400)
    economy.tend()
    clock.pass_by(4 * 86_400)
    economy.tend()
    first = economy.review(pool="main", cycle="2026-W03", actor="operator")
    second = economy.review(pool="main", cycle="2026-W04", actor="operator")
    with economy.reading() as tx:
        credits = [reviews.find_decisions(tx, number=each.number)[1].credit for each in (first, second)]
    # 5,000 LLM tokens of the standard tier are worth 50 tokens; half of it is the credit.
    assert credits == [25_000_000, 0]


def test_due_reviews_are_held_by_the_calendar_once(economy: Economy, clock: FakeClock) -> None:
    found(economy, pool="research")
    assert economy.hold_due_reviews() == 2 and economy.hold_due_reviews() == 0
    clock.pass_by(86_400)
    assert economy.hold_due_reviews() == 1
    with economy.reading() as tx:
        held = [(review.cycle, review.sort) for review in reviews.find_reviews(tx, pool="research")]
    assert held == [("2026-01-02", "daily"), ("2026-01-01", "daily"), ("2026-W01", "weekly")]
    sound(economy)


def test_who_may_not_and_what_is_wrong(economy: Economy) -> None:
    with pytest.raises(reviews.NothingToReview):
        economy.review(pool="main", cycle="2026-W01", actor="operator")
    found(economy, artifacts=2)
    for wrong, terms, actor in (
        (RoleNeeded, {}, "alice"),
        (UnknownActor, {}, "nobody"),
        (NameInvalid, {"cycle": ""}, "operator"),
        (NameInvalid, {"pool": " x"}, "operator"),
        (reviews.ReviewSortInvalid, {"sort": "hourly"}, "operator"),
        (NameInvalid, {"seed": "a\nb"}, "operator"),
    ):
        with pytest.raises(wrong):
            economy.review(**{"pool": "main", "cycle": "2026-W01", "actor": actor, **terms})
    with economy.reading() as tx:
        assert reviews.find_reviews(tx) == []
        with pytest.raises(reviews.UnknownReview):
            reviews.find_review(tx, pool="main", cycle="2026-W01")
        with pytest.raises(reviews.NoDecision):
            reviews.find_last_decision(tx, entity=EntityKey("gap", "g00000"))


def test_a_decision_that_was_changed_is_named(economy: Economy, new_database: object) -> None:
    import psycopg

    found(economy)
    economy.review(pool="main", cycle="2026-W01", actor="operator")
    economy.seal()
    with psycopg.connect(economy.conninfo, autocommit=True) as owner:
        owner.execute("UPDATE review_decision SET credit = credit + 1 WHERE line = 3")
    with economy.reading() as tx:
        report = audit(tx)
    assert not report.ok and not report.checks["reviews"]
    assert "fingerprint" in report.findings[0].problem


def test_what_a_proposal_granted_stands_for_its_time(economy: Economy, clock: FakeClock) -> None:
    keys = found(economy, artifacts=2)
    gap = keys[0]

    def ask(tx: Tx) -> str:
        for name in ("rita", "rolf", "rosa"):
            register_actor(tx, name=name, roles=("reviewer",))
        ledger.issue(tx, account=AccountKey("pool:proposals", "pool", "llm_standard"), amount=100_000, reason="sleeve")
        return tx.actor

    economy.run(ask, actor="operator")
    made = economy.run(
        lambda tx: proposals.propose(
            tx,
            entity=gap,
            requested={"llm_standard": 20_000},
            justification="two of the three steps have a protocol now",
            expected=(proposals.Expected("edges", Decimal(40), 1_209_600),),
            evidence=(proposals.Paper("PMID:31978945", "the same pathway"),),
        ),
        actor="alice",
    ).result
    for name in ("rita", "rolf", "rosa"):
        with economy.reading() as tx:
            stands = proposals.find_proposal(tx, made.proposal).state
        if stands == "open":
            economy.run(
                lambda tx, made=made: proposals.vote_on_proposal(
                    tx, proposal=made.proposal, choice="approve", reason="it holds"
                ),
                actor=name,
            )
    economy.run(
        lambda tx: budgets.set_budget(tx, entity=gap, pool="proposals", budgets={}, priority_score=0.0),
        actor="operator",
    )
    first = economy.review(pool="proposals", cycle="2026-W01", actor="operator")
    clock.pass_by(29 * 86_400)
    second = economy.review(pool="proposals", cycle="2026-W05", actor="operator")
    with economy.reading() as tx:
        one, two = (reviews.find_decisions(tx, number=each.number)[0] for each in (first, second))
    assert (one.voted, one.old, one.new) == ((20_000,), (20_000,), (20_000,))
    assert two.voted == (0,) and two.new < two.old
    sound(economy)
