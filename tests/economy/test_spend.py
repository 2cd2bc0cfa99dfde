"""economy.spend: reserved on the way in, settled or voided on the way out."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.names import NameInvalid
from scidex.economy import Economy
from scidex.economy.spend import NothingUsed, NotReserved, TierMissing
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.ledger import AccountKey, BalanceTooLarge, Issue
from scidex.metering import (
    CachedAboveInput,
    TimestampInFuture,
    UsageEvent,
    UsageEventConflict,
    find_usage,
)
from scidex.senate.budgets import (
    EVENTS_MAX,
    Charge,
    SetBudget,
    TooManyEvents,
    UsageTooLarge,
    budget_of,
    find_reservation,
    find_reservations,
)

GAP = ("gap", "g")


@pytest.fixture
def office(economy: Economy) -> Economy:
    """An economy whose gap g has 100,000 reasoning tokens, 50,000 standard ones, 60 CPU seconds and 10 calls."""
    budgets = (("api_calls", 10), ("cpu_seconds", 60_000), ("llm_reasoning", 100_000), ("llm_standard", 50_000))
    pools = [
        Request(Issue(AccountKey("pool:main", "pool", unit), parts, "cycle"), "operator") for unit, parts in budgets
    ]
    economy.perform_all(
        [
            Request(RegisterActor("alice"), "operator"),
            Request(RegisterEntity("gap", "g", "g"), "operator"),
            *pools,
            Request(SetBudget(EntityKey(*GAP), "main", budgets), "operator"),
        ]
    )
    return economy


def left(economy: Economy, unit: str) -> tuple[int, int, int]:
    """Reserved, spent and available."""
    with economy.reading() as tx:
        found = {line.unit: line for line in budget_of(tx, EntityKey(*GAP))}
    return found[unit].reserved, found[unit].spent, found[unit].available


def test_what_was_recorded_is_charged_and_the_rest_released(office):
    with office.spend(GAP, "alice", llm_tokens=20_000, tier="reasoning", cpu_seconds=2.5, usd=1) as budget:
        assert left(office, "llm_reasoning") == (20_000, 0, 80_000)
        budget.record(input_tokens=3_000, output_tokens=2_000, model="o3", usd="0.031")
        budget.record(cpu_seconds=1.25)
    assert left(office, "llm_reasoning") == (0, 5_000, 95_000)
    assert left(office, "cpu_seconds") == (0, 1_250, 58_750)
    assert budget.charged is not None
    assert budget.charged.used_usd == 31_000
    with office.reading() as tx:
        rows = {row.unit: row for row in find_usage(tx, entity=EntityKey(*GAP))}
    assert (rows["llm_reasoning"].model, rows["llm_reasoning"].output_tokens, rows["llm_reasoning"].usd) == (
        "o3",
        2_000,
        31_000,
    )
    assert (rows["cpu_seconds"].model, rows["cpu_seconds"].reservation) == (None, budget.reservation)


def test_an_exception_before_anything_was_used_voids(office):
    with pytest.raises(ZeroDivisionError), office.spend(GAP, "alice", llm_tokens=1_000, tier="standard") as budget:
        raise ZeroDivisionError
    assert left(office, "llm_standard") == (0, 0, 50_000)
    with office.reading() as tx:
        assert find_reservation(tx, budget.reservation).state == "voided"


def test_an_exception_after_something_was_used_settles_that(office):
    def work() -> None:
        with office.spend(GAP, "alice", llm_tokens=1_000, tier="standard") as budget:
            budget.record(llm_tokens=400, usd=0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert left(office, "llm_standard") == (0, 400, 49_600)


def test_without_a_bound_the_cap_to_send_upstream_is_in_the_answer(office):
    with office.spend(GAP, "alice", model="gpt-4o-mini", input_tokens=100) as budget:
        assert budget.max_output_tokens == 8_192  # nothing is known of this model: the policy's first guess
        budget.record(input_tokens=100, output_tokens=50)
    with office.spend(GAP, "alice", model="gpt-4o-mini", input_tokens=100) as budget:
        assert budget.max_output_tokens == 50  # what such calls have needed so far
        budget.record(input_tokens=100, output_tokens=50)
    assert left(office, "llm_standard") == (0, 300, 49_700)


def test_it_works_for_tasks_of_asyncio_and_a_cancelled_one_pays_for_what_it_used(office):
    async def work(n: int) -> None:
        async with office.spend(GAP, "alice", llm_tokens=1_000, tier="standard") as budget:
            budget.record(llm_tokens=100, usd=0)
            await asyncio.sleep(30 if n == 0 else 0)

    async def fleet() -> None:
        tasks = [asyncio.create_task(work(n)) for n in range(10)]
        await asyncio.wait(tasks[1:])
        while left(office, "llm_standard")[0] != 1_000:
            await asyncio.sleep(0.01)
        tasks[0].cancel()
        await asyncio.wait(tasks)

    asyncio.run(fleet())
    assert left(office, "llm_standard") == (0, 1_000, 49_000)


def test_a_heartbeat_lets_long_work_go_on(office, clock):
    with office.spend(GAP, "alice", api_calls=3, seconds=60) as budget:
        clock.pass_by(50)
        budget.extend(60)
        clock.pass_by(50)
        assert office.expire_due() == 0
        budget.record(api_calls=2)
    assert left(office, "api_calls") == (0, 2, 8)


def test_a_budget_that_is_short_refuses_on_the_way_in(office):
    with pytest.raises(BudgetExhausted), office.spend(GAP, "alice", api_calls=11):
        pytest.fail("the block must not run")
    assert left(office, "api_calls") == (0, 0, 10)


def test_what_cannot_be_recorded_is_refused_at_once(office):
    budget = office.spend(GAP, "alice", llm_tokens=10, tier="standard")
    with pytest.raises(NotReserved):
        budget.record(llm_tokens=1)
    with budget, pytest.raises(NothingUsed):
        budget.record(usd=1)
    with pytest.raises(TierMissing), office.spend(GAP, "alice", llm_tokens=10):
        pass


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        ({"input_tokens": 5, "output_tokens": 5, "cached_tokens": 6}, CachedAboveInput),
        ({"llm_tokens": 5, "model": " "}, NameInvalid),
        ({"llm_tokens": 5, "event": "a\nb"}, NameInvalid),
        ({"llm_tokens": 5, "used_at": "later"}, TimestampInFuture),
    ],
)
def test_one_bad_record_is_refused_where_it_is_made_and_loses_nothing_else(office, clock, bad, refusal):
    """Found in review: it was refused on the way out, and with it all that the block had used."""
    if "used_at" in bad:
        bad = {**bad, "used_at": clock() + timedelta(hours=1)}
    with office.spend(GAP, "alice", llm_tokens=1_000, tier="standard") as budget:
        budget.record(llm_tokens=300, usd=0)
        with pytest.raises(refusal):
            budget.record(**bad)
        budget.record(llm_tokens=100, usd=0)
    assert left(office, "llm_standard") == (0, 400, 49_600)


def test_more_events_than_one_settlement_takes_are_refused_where_they_are_made(office):
    with office.spend(GAP, "alice", cpu_seconds=2) as budget:
        for _ in range(EVENTS_MAX):
            budget.record(cpu_seconds="0.001")
        with pytest.raises(TooManyEvents):
            budget.record(cpu_seconds="0.001")
    assert left(office, "cpu_seconds") == (0, EVENTS_MAX, 59_000)


def test_what_cannot_be_settled_is_told_of_and_the_rest_is_settled(office):
    office.batcher.perform(Request(Charge(EntityKey(*GAP), (UsageEvent("cpu_seconds", 1, event="e"),)), "alice"))

    def work(**wrong: object) -> None:
        with office.spend(GAP, "alice", cpu_seconds=1) as budget:
            budget.record(cpu_seconds="0.5", event="new " + str(wrong))
            budget.record(**wrong)
            budget.record(cpu_seconds="0.25")

    with pytest.raises(UsageEventConflict):
        work(cpu_seconds=2, event="e")
    assert left(office, "cpu_seconds") == (0, 751, 59_249)
    for amount, refusal in (("999999999999.999", UsageTooLarge), ("999999999999", BalanceTooLarge)):
        with pytest.raises(refusal):
            work(cpu_seconds=amount)
    assert left(office, "cpu_seconds") == (0, 2251, 57_749)
    with office.reading() as tx:
        assert find_reservations(tx) == []


@pytest.mark.parametrize("short", [False, True])
def test_a_task_that_is_cancelled_on_its_way_in_reserves_nothing(office, short):
    """Found in review: the reservation was made all the same and nobody ended it."""
    asked, go_on = threading.Event(), threading.Event()
    perform = office.batcher.perform

    def slowly(request):
        asked.set()
        assert go_on.wait(10)
        return perform(request)

    office.batcher.perform = slowly

    async def work() -> None:
        async with office.spend(GAP, "alice", api_calls=11 if short else 3):
            pytest.fail("the block must not run")

    async def cancelled() -> None:
        task = asyncio.create_task(work())
        await asyncio.to_thread(asked.wait)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert left(office, "api_calls") == (0, 0, 10)
    with office.reading() as tx:
        assert find_reservations(tx) == []
