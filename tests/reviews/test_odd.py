"""Reviews of what is odd: nobody there, names full of marks, amounts near the largest, tokens alone, policies at their
bounds."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import FakeClock
from tests.reviews.test_actions import found, sound

from scidex import ledger
from scidex.core.db import Tx
from scidex.core.units import MAX_AMOUNT
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent
from scidex.policy import HOUSE, Policy, current, enact_policy
from scidex.senate import budgets, reviews

ODD = ("a\\b", "x:y:z", "o'hare", "ü漢字", "{1,2}", "\\N", '"q"', "\\t", "%s", "a\\", "\\.", "\\\\", "a|b", "NULL")


def test_a_pool_without_artifacts_is_reviewed_and_audited(economy: Economy) -> None:
    found(economy, artifacts=0)
    for cycle, sort in (("2026-W01", "weekly"), ("2026-01-01", "daily")):
        done = economy.review(pool="main", cycle=cycle, sort=sort, actor="operator").result
        assert (done.artifacts, done.changed, done.propensity) == (0, 0, 0)
        assert all(unit.reserve == unit.whole for unit in done.units)
    sound(economy)


def test_names_full_of_marks_are_told_apart(economy: Economy) -> None:
    found(economy, artifacts=0)
    keys = [EntityKey(kind, name) for kind in ("gap", "\\N", "o'k") for name in ODD]
    pool = "p\\x:'ü"

    def work(tx: Tx) -> None:
        ledger.issue(tx, account=AccountKey(f"pool:{pool}", "pool", "llm_standard"), amount=1_000_000, reason="cycle")
        for key in keys:
            register_entity(tx, entity_type=key.entity_type, entity_id=key.entity_id, title="odd")
            budgets.set_budget(tx, entity=key, pool=pool, budgets={"llm_standard": 10}, priority_score=0.9)

    economy.run(work, actor="operator")
    for cycle in ("\\N", "o'clock"):
        assert economy.review(pool=pool, cycle=cycle, actor="operator").result.changed == len(keys)
    with economy.reading() as tx:
        for key in keys:
            _, decision = reviews.find_last_decision(tx, entity=key)
            assert (decision.entity_type, decision.entity_id) == key
    sound(economy)


def test_the_largest_amounts_are_shared_exactly(economy: Economy) -> None:
    found(economy, artifacts=0)

    def work(tx: Tx) -> None:
        for unit in ("llm_batch", "cpu_seconds", "storage_gb_hours"):
            ledger.issue(tx, account=AccountKey("pool:main", "pool", unit), amount=MAX_AMOUNT, reason="cycle")
        for place in range(20):
            key = EntityKey("gap", f"g{place}")
            register_entity(tx, entity_type=key.entity_type, entity_id=key.entity_id, title="a gap")
            granted = {"llm_batch": 10**13, "cpu_seconds": 2 * 10**13 if place < 10 else 0}
            budgets.set_budget(tx, entity=key, pool="main", budgets=granted, priority_score=1 - place / 20)

    economy.run(work, actor="operator")
    for cycle in "ab":
        units = {unit.unit: unit for unit in economy.review(pool="main", cycle=cycle, actor="operator").result.units}
        for unit in ("llm_batch", "cpu_seconds", "storage_gb_hours"):
            assert units[unit].whole == MAX_AMOUNT == units[unit].after + units[unit].reserve
    sound(economy)


def test_a_pool_that_has_tokens_alone_is_not_due(economy: Economy) -> None:
    wallet = AccountKey("pool:research", "pool", "token")
    economy.run(lambda tx: ledger.issue(tx, account=wallet, amount=1_000_000, reason="cycle"), actor="operator")
    assert economy.hold_due_reviews() == 0
    with pytest.raises(reviews.NothingToReview):
        economy.review(pool="research", cycle="2026-W01", actor="operator")


BOUNDS: tuple[dict[str, Any], ...] = (
    {"review_market_share": 1, "review_exploration_share": 0},
    {"review_market_share": 0, "review_exploration_share": 1, "review_step_share": 1},
    {"review_market_share": 0, "review_exploration_share": 0, "review_floor_share": 1, "review_step_share": 1},
    {"review_floor_share": 1, "review_base_tokens": 10**6, "review_dwell_s": 0},
    {"review_score_threshold": 0, "review_cut_share": 1, "review_low_reviews": 1, "review_low_probability": "0.5"},
    {"review_exploration_tokens": "1e-7", "review_step_tokens": "1e-7", "review_step_share": "1e-7"},
    {"units_per_token": {"llm_standard": 100, "usd": 1, "token": 1}},
    {"units_per_token": {"llm_standard": "1e-7", "llm_reasoning": "1e15"}},
    {"units_per_token": {"cpu_seconds": 1}},
    {"units_per_token": {"llm_standard": 0, "llm_reasoning": 1}},
)


@pytest.mark.parametrize("terms", BOUNDS, ids=str)
def test_policies_at_their_bounds_keep_the_books(economy: Economy, clock: FakeClock, terms: dict[str, Any]) -> None:
    keys = found(economy, artifacts=8)

    def work(tx: Tx) -> None:
        for unit in ("usd", "cpu_seconds"):
            ledger.issue(tx, account=AccountKey("pool:main", "pool", unit), amount=10**9, reason="cycle")

    def change(tx: Tx) -> None:
        policy, _ = current(tx)
        enact_policy(tx, policy=Policy.model_validate({**policy.model_dump(), **terms}))

    def spend(tx: Tx) -> None:
        budgets.charge(tx, entity=keys[1], events=[UsageEvent("llm_standard", 70, usd=0)])
        budgets.charge(tx, entity=keys[2], events=[UsageEvent("llm_reasoning", 7000, usd=0)])

    economy.run(work, actor="operator")
    economy.run(change, actor=HOUSE)
    for cycle, sort in (("a", "weekly"), ("b", "daily"), ("c", "weekly")):
        done = economy.review(pool="main", cycle=cycle, sort=sort, actor="operator").result
        assert all(unit.after + unit.reserve == unit.whole for unit in done.units)
        rates = terms.get("units_per_token", {})
        assert {unit.unit for unit in done.units} <= {*rates, *(() if rates else Policy().units_per_token)}
        economy.run(spend, actor="alice")
        clock.pass_by(8 * 86_400)
        economy.tend()
    sound(economy)


def test_a_week_with_many_reviews_does_not_forget_its_first(economy: Economy) -> None:
    found(economy, artifacts=0, pool="research")
    assert economy.hold_due_reviews() == 2
    for extra in range(100):
        economy.review(pool="research", cycle=f"extra {extra}", actor="operator")
    assert economy.hold_due_reviews() == 0


def test_a_key_is_answered_as_before_also_under_the_next_policy(economy: Economy) -> None:
    found(economy, artifacts=2)
    first = economy.review(pool="main", cycle="2026-W01", actor="operator", key="k")
    economy.run(lambda tx: enact_policy(tx, policy=Policy(review_dwell_s=0)), actor=HOUSE)
    again = economy.review(pool="main", cycle="2026-W01", actor="operator", key="k")
    assert again.repeated and (again.number, again.result) == (first.number, first.result)
    with pytest.raises(reviews.CycleReviewed):
        economy.review(pool="main", cycle="2026-W01", actor="operator")
    sound(economy)
