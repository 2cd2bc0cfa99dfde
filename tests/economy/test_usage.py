"""Usage that comes late, twice and from many at once, by settling, charging and in bulk: the books agree with the rows."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import DAWN

from scidex.actors import RegisterActor
from scidex.core.errors import Busy
from scidex.core.journal import Receipt, Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue
from scidex.metering import (
    UsageEvent,
    UsageEventConflict,
    UsageLine,
    UsageRow,
    check_rollups,
    find_usage,
    usage_by_hour,
)
from scidex.policy import Policy
from scidex.senate.budgets import (
    Charge,
    Reserve,
    SetBudget,
    Settle,
    VoidReservation,
    budget_of,
    find_limits,
    find_reservations,
)

GAPS = (EntityKey("gap", "g"), EntityKey("gap", "h"))
NAMES = ("alice", "bob")
PLENTY = 10**9

ids = st.none() | st.sampled_from("abcdef")
events = st.builds(
    UsageEvent,
    st.sampled_from(("llm_standard", "api_calls")),
    st.integers(1, 50),
    st.sampled_from((None, DAWN, DAWN - timedelta(minutes=90), DAWN - timedelta(days=40), DAWN - timedelta(days=340))),
    ids,
    st.sampled_from((None, "m1", "m2")),
    usd=st.none() | st.integers(0, 9),
)
deliveries = st.tuples(
    st.sampled_from(("charge", "settle", "intake")),
    st.sampled_from(GAPS),
    st.sampled_from(NAMES),
    st.lists(events, min_size=1, max_size=5).map(tuple),
)


@pytest.fixture
def office(economy: Economy) -> Economy:
    """Two gaps have plenty and two agents work on both."""
    funds = Issue(AccountKey("pool:main", "pool", "llm_standard"), 2 * PLENTY, "cycle")
    economy.perform_all(
        [
            *(Request(RegisterActor(name), "operator") for name in NAMES),
            *(Request(RegisterEntity(*gap, "title"), "operator") for gap in GAPS),
            Request(funds, "operator"),
            *(Request(SetBudget(gap, "main", (("llm_standard", PLENTY),)), "operator") for gap in GAPS),
        ]
    )
    return economy


def patiently(work: Callable[[], Any]) -> Any:
    while True:
        try:
            return work()
        except Busy:
            continue


def lines_of(gap: EntityKey, actor: str, used: tuple[UsageEvent, ...]) -> list[UsageLine]:
    return [
        UsageLine(*gap, actor, each.unit, each.amount, each.used_at, each.event, each.model, usd=each.usd)
        for each in used
    ]


def deliver(economy: Economy, way: str, gap: EntityKey, actor: str, used: tuple[UsageEvent, ...]) -> int:
    """Report what was used; how many of the events had counted before."""

    def ask(command: object) -> Receipt[Any]:
        return patiently(lambda: economy.batcher.perform(Request(command, actor)))

    if way == "intake":
        report = patiently(partial(economy.intake, lines_of(gap, actor, used), actor=actor))
        assert report.refused == ()
        return len(report.repeated)
    if way == "charge":
        return int(ask(Charge(gap, used)).result.repeated)
    reserved = ask(Reserve(gap, (("llm_standard", 10),), 3600, usd=0)).result
    return int(ask(Settle(reserved.reservation, used)).result.repeated)


def rows_of(economy: Economy) -> list[UsageRow]:
    with economy.reading() as tx:
        return find_usage(tx, limit=100_000)


def books_agree(economy: Economy) -> None:
    """The sums by the hour, the budgets and the daily cap are those of the rows, and the journal gives them all."""
    rows = rows_of(economy)
    by_unit = collections.Counter[tuple[EntityKey, str]]()
    usd = 0
    for row in rows:
        by_unit[row.entity, row.unit] += row.amount
        # Tokens of the standard tier may cost 15 parts of a dollar each where nobody knows their price.
        usd += row.usd if row.usd is not None else 15 * row.amount if row.tier else 0
    with economy.reading() as tx:
        assert list(check_rollups(tx)) == []
        assert sum(hour.calls for hour in usage_by_hour(tx, limit=100_000)) == len(rows)
        spent = {(gap, line.unit): line.spent for gap in GAPS for line in budget_of(tx, gap)}
        (fleet,) = find_limits(tx, Policy(), scope="fleet")
        report = audit(tx)
    assert {key: parts for key, parts in spent.items() if parts} == by_unit
    assert (fleet.used, fleet.held) == (usd, 0)
    assert report.ok, report.findings


_rounds = itertools.count()


@given(plans=st.lists(st.lists(deliveries, max_size=4), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sums_are_those_of_the_rows_whatever_came_late_or_twice_or_at_once(office, plans):
    """One economy for all examples, since to make one takes longer than an example: each has ids of its own."""
    mine = f"{next(_rounds)} "
    before = len(rows_of(office))

    def marked(gap: EntityKey, used: tuple[UsageEvent, ...]) -> tuple[UsageEvent, ...]:
        """An id says the same whenever it comes: its amount follows from it, and its gap is part of it."""
        return tuple(
            each
            if each.event is None
            else replace(each, event=f"{mine}{gap.entity_id} {each.event}", amount=ord(each.event))
            for each in used
        )

    def carry_out(plan: list[Any]) -> int:
        return sum(deliver(office, way, gap, actor, marked(gap, used)) for way, gap, actor, used in plan)

    with ThreadPoolExecutor(len(plans)) as pool:
        repeated = sum(pool.map(carry_out, plans))
    sent = [
        (actor, event.event, event.unit)
        for plan in plans
        for _, gap, actor, used in plan
        for event in marked(gap, used)
    ]
    rows = rows_of(office)
    found = [(row.actor, row.event, row.unit) for row in rows if row.event is not None and row.event.startswith(mine)]
    assert sorted(found) == sorted({key for key in sent if key[1] is not None})
    assert len(rows) - before == len(found) + sum(event is None for _, event, _ in sent)
    assert repeated == len(sent) - (len(rows) - before)
    books_agree(office)


def test_one_event_delivered_a_thousand_times_by_sixteen_alone_and_in_bulk_counts_once(office):
    event = UsageEvent("llm_standard", 7, event="the one", usd=3)

    def alone(way: str) -> int:
        return sum(deliver(office, way, GAPS[0], NAMES[0], (event,)) for _ in range(50))

    def in_bulk() -> int:
        return sum(deliver(office, "intake", GAPS[0], NAMES[0], (event,) * 10) for _ in range(10))

    with ThreadPoolExecutor(16) as pool:
        works = [*[partial(alone, "charge")] * 8, *[partial(alone, "settle")] * 4, *[in_bulk] * 4]
        assert sum(pool.map(lambda work: work(), works)) == 999
    (row,) = rows_of(office)
    assert (row.event, row.amount) == ("the one", 7)
    books_agree(office)


@pytest.mark.parametrize("way", ["charge", "settle", "intake"])
def test_an_id_of_somebody_else_or_of_another_unit_swallows_nothing(office, way):
    """Found in review: an id was everybody's, so whoever guessed one made its owner's usage vanish."""
    tokens, calls = UsageEvent("llm_standard", 7, event="call-1", usd=3), UsageEvent("api_calls", 1, event="call-1")
    assert deliver(office, "charge", GAPS[0], "bob", (UsageEvent("llm_standard", 1, event="call-1"),)) == 0
    assert deliver(office, way, GAPS[0], "alice", (tokens, calls)) == 0
    assert deliver(office, way, GAPS[0], "alice", (calls, tokens)) == 2
    found = {(row.actor, row.unit): row.amount for row in rows_of(office)}
    assert found == {("bob", "llm_standard"): 1, ("alice", "llm_standard"): 7, ("alice", "api_calls"): 1}
    books_agree(office)


@pytest.mark.parametrize("other", [{"amount": 8}, {"gap": GAPS[1]}])
@pytest.mark.parametrize("first", ["charge", "settle", "intake"])
def test_an_id_that_says_something_else_is_refused_and_the_rest_of_a_file_goes_through(office, first, other):
    event = UsageEvent("api_calls", 7, event="e")
    assert deliver(office, first, GAPS[0], "alice", (event,)) == 0
    gap, changed = other.get("gap", GAPS[0]), replace(event, amount=other.get("amount", 7))
    for way in ("charge", "settle"):
        with pytest.raises(UsageEventConflict, match="'e' before"):
            deliver(office, way, gap, "alice", (UsageEvent("api_calls", 1), changed))
    lines = lines_of(gap, "alice", (changed, UsageEvent("api_calls", 2, event="f"), replace(changed, event="f")))
    report = office.intake(lines, actor="alice")
    assert [(place, type(refusal)) for place, refusal in report.refused] == [
        (0, UsageEventConflict), (2, UsageEventConflict)
    ]  # fmt: skip
    assert (report.repeated, sorted(row.amount for row in rows_of(office))) == ((), [2, 7])
    with office.reading() as tx:
        reservations = find_reservations(tx)
    for each in reservations:
        office.batcher.perform(Request(VoidReservation(each.reservation), "alice"))
    books_agree(office)
