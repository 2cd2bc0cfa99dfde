"""Who comes second waits, and then sees what the first one did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import pytest
from tests.budgets.conftest import GAP, USD

from scidex import lab, ledger
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import RegisterEntity
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.ledger import AccountKey
from scidex.senate import budgets

FUND = ledger.Issue(AccountKey("pool:main", "pool", "llm_standard"), 10_000, "cycle")
SET = budgets.SetBudget(GAP, "main", (("llm_standard", 1000),))
RESERVE = partial(budgets.reserve, entity=GAP, amounts={"llm_standard": 600}, usd=USD)


@pytest.fixture
def url(new_database):
    return new_database()


@pytest.fixture
def opened(url, clock):
    with Economy.open(Settings(home=Path("/nonexistent"), database_url=url), clock=clock) as economy:
        economy.perform_all([Request(command, "operator") for command in (FUND, RegisterEntity(*GAP, "title"), SET)])
        yield economy


def while_open(url, economy, first, second):
    """Do `second` while `first` has been done and is not committed yet: both answers, once the second had to wait."""

    def answer(work):
        try:
            return work()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor() as pool:

        def work(tx):
            done = answer(lambda: first(tx))
            tx.execute("SELECT 1").fetchone()  # so that all of it has left for the database
            waiting.append(pool.submit(answer, lambda: economy.run(second, actor="operator")))
            with psycopg.connect(url, autocommit=True) as watcher:
                waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                while watcher.execute(waits).fetchone() is None:
                    assert not waiting[0].done(), waiting[0].result()
            return done

        waiting = []
        return economy.run(work, actor="operator"), waiting[0].result()


def audited(economy):
    with economy.reading() as tx:
        report = lab.audit(tx)
    assert report.ok, report.findings


def test_two_who_reserve_the_last_of_a_budget_do_not_both_get_it(url, opened):
    first, second = while_open(url, opened, RESERVE, RESERVE)
    assert first.result.reservation
    assert isinstance(second, BudgetExhausted)
    assert second.facts["available"] == "400"
    audited(opened)


def test_the_first_two_who_count_in_a_cap_that_only_the_policy_knows_are_both_counted(url, opened):
    from scidex.entities import EntityKey

    other = EntityKey("gap", "h")
    opened.perform_all(
        [
            Request(RegisterEntity(*other, "title"), "operator"),
            Request(budgets.SetBudget(other, "main", (("llm_standard", 1000),)), "operator"),
        ]
    )
    while_open(url, opened, RESERVE, partial(RESERVE, entity=other))
    with opened.reading() as tx:
        from scidex.policy import current

        (limit,) = budgets.find_limits(tx, current(tx)[0])
    assert limit.held == 2 * USD
    audited(opened)


def test_a_new_limit_waits_for_those_who_reserved_without_it(url, opened):
    limit = partial(budgets.set_limit, scope="actor", subject="operator", unit="llm_standard", window="day", cap=10)
    first, second = while_open(url, opened, RESERVE, limit)
    assert first.number < second.number
    with pytest.raises(budgets.DailyCapReached):
        opened.run(partial(RESERVE, amounts={"llm_standard": 11}), actor="operator")
    audited(opened)


def test_who_reserves_waits_for_a_new_limit_and_is_held_to_it(url, opened):
    limit = partial(budgets.set_limit, scope="actor", subject="operator", unit="llm_standard", window="day", cap=10)
    _, second = while_open(url, opened, limit, RESERVE)
    assert isinstance(second, budgets.DailyCapReached)
    audited(opened)


def test_settling_and_setting_the_same_budget_take_turns(url, opened):
    from scidex.metering import UsageEvent

    held = opened.run(RESERVE, actor="operator").result.reservation
    event = UsageEvent("llm_standard", 500, opened.run(lambda tx: tx.now), usd=0)
    settle = partial(budgets.settle, reservation=held, events=[event])
    lower = partial(budgets.set_budget, entity=GAP, pool="main", budgets={"llm_standard": 499})
    _, second = while_open(url, opened, settle, lower)
    assert isinstance(second, budgets.BudgetBelowUse)
    assert second.facts["least"] == "500"
    audited(opened)
