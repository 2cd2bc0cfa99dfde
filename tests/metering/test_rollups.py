"""The sums by the hour are always those of the rows, whatever came late, twice or at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors

from scidex.core.db import Tx
from scidex.core.machine import Context, State
from scidex.core.units import MAX_AMOUNT
from scidex.entities import EntityKey
from scidex.metering import (
    EVENTS,
    USAGE,
    EventKey,
    EventRow,
    UsageEvent,
    check_event,
    check_rollups,
    find_usage,
    meter,
    usage_by_hour,
    usage_totals,
)
from scidex.metering.store import insert_events, insert_usage, load_events, scan_events
from scidex.policy import Policy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
GAP = EntityKey("gap", "g")


def record(tx, number, events, *, entity=GAP, actor="alice"):
    """What a command that meters these events does, without the budgets above: how many of them counted."""
    state = State(complete=False)
    ids = [EventKey(actor, event.event, event.unit) for event in events if event.event is not None]
    state.place_all(EVENTS, ids, load_events(tx, ids) if ids else ())
    context = Context(actor, tx.now, Policy(), 1, number)
    for line, event in enumerate(events):
        meter(state, context, entity=entity, actor=actor, event=check_event(event, context), line=line)
    changes = state.take_changes()
    for table, insert in ((EVENTS, insert_events), (USAGE, insert_usage)):
        if table in changes:
            insert(tx, changes[table].new)
    return len(changes[USAGE].new) if USAGE in changes else 0


@st.composite
def usage(draw):
    event = draw(st.none() | st.sampled_from("abcdefgh"))
    # An id says the same whenever it comes.
    size = st.integers(1, 50) if event is None else st.just(ord(event) // 2)
    tokens = draw(size), draw(size)
    llm = draw(st.booleans())
    return UsageEvent(
        "llm_standard" if llm else "api_calls",
        sum(tokens),
        NOON - timedelta(minutes=draw(st.integers(0, 200_000))),
        event=event,
        model=draw(st.sampled_from(["m1", "m2"])) if llm else None,
        provider=draw(st.none() | st.sampled_from(["p", "q"])),
        input_tokens=tokens[0] if llm else None,
        output_tokens=tokens[1] if llm else None,
        usd=draw(st.none() | st.integers(0, 9)),
    )


@given(batches=st.lists(st.lists(usage(), min_size=1, max_size=6), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_sums_equal_a_scan_after_late_and_repeated_usage(shared, batches):
    with psycopg.connect(shared.conninfo) as connection:
        connection.execute("SET ROLE scidex_app")
        tx = Tx(connection, "alice", NOON)
        counted = sum(record(tx, number, events) for number, events in enumerate(batches, start=1))
        assert list(check_rollups(tx)) == []
        assert sum(row.calls for row in usage_by_hour(tx)) == counted == len(find_usage(tx, limit=1000))
        connection.rollback()


def test_a_sum_that_is_wrong_missing_or_invented_is_found(tx):
    tx.now = NOON
    record(tx, 1, [UsageEvent("api_calls", 3, NOON, provider="pubmed"), UsageEvent("cpu_seconds", 5, NOON)])
    assert list(check_rollups(tx)) == []
    tx.execute("UPDATE usage_hour SET amount = 4, calls = 2 WHERE unit = 'api_calls'")
    tx.execute("UPDATE usage_hour SET unit = 'llm_batch' WHERE unit = 'cpu_seconds'")
    at = "usage_hour 2026-01-01T12:00:00+00:00 gap g alice"
    assert list(check_rollups(tx)) == [
        f"{at} api_calls  pubmed: amount is 4, its rows make 3; calls is 2, its rows make 1",
        f"{at} cpu_seconds  : is missing; its rows sum to 5",
        f"{at} llm_batch  : says 5 and has no rows",
    ]


def test_dollars_of_an_hour_and_of_all_hours_sum_beyond_what_a_bigint_holds(tx):
    """Found in review: one absurd price after the other, and the sums of the hour could not be added to any more."""
    tx.now = NOON
    for hour in range(2):
        at = NOON - timedelta(hours=hour)
        record(tx, hour + 1, [UsageEvent("api_calls", 1, at, usd=MAX_AMOUNT) for _ in range(10_000)])
    assert [row.usd for row in usage_by_hour(tx)] == [10_000 * MAX_AMOUNT] * 2
    (total,) = usage_totals(tx)
    assert total.usd == 20_000 * MAX_AMOUNT > 2**63
    assert list(check_rollups(tx)) == []


def test_one_event_delivered_a_thousand_times_counts_once(tx):
    tx.now = NOON
    event = UsageEvent("api_calls", 1, NOON, event="call-7", provider="openalex")
    assert record(tx, 1, [event] * 500) == 1
    assert [record(tx, number, [event] * 100) for number in range(2, 7)] == [0] * 5
    (total,) = usage_totals(tx)
    assert (total.amount, total.calls) == (1, 1)


def test_two_who_count_the_same_event_at_once_count_it_once(economy):
    """The later one is told so by the key, and finds it counted when it is done again."""
    event = UsageEvent("api_calls", 1, NOON, event="same")
    barrier = threading.Barrier(2)
    tries = []

    def work(number):
        for attempt in range(3):
            with psycopg.connect(economy.conninfo) as connection:
                connection.execute("SET ROLE scidex_app")
                tries.append(number)
                try:
                    counted = record_in_step(Tx(connection, "alice", NOON), number, attempt)
                except errors.UniqueViolation:
                    continue
                connection.commit()
                return counted
        raise AssertionError("never counted")

    def record_in_step(tx, number, attempt):
        state = State(complete=False)
        same = EventKey("alice", "same", "api_calls")
        state.place_all(EVENTS, [same], load_events(tx, [same]))
        assert attempt or state.get(EVENTS, same) is None
        if not attempt:
            barrier.wait()
        context = Context("alice", NOON, Policy(), 1, number)
        counted = meter(state, context, entity=GAP, actor="alice", event=event, line=0)
        changes = state.take_changes()
        if counted:
            insert_events(tx, changes[EVENTS].new)
            insert_usage(tx, changes[USAGE].new)
        return counted

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, (1, 2))) == [False, True]
    assert len(tries) == 3
    with economy.reading() as tx:
        assert len(find_usage(tx)) == 1
        assert list(check_rollups(tx)) == []


def test_many_at_once_add_to_the_same_hours(economy):
    def work(number):
        with psycopg.connect(economy.conninfo) as connection:
            connection.execute("SET ROLE scidex_app")
            tx = Tx(connection, "alice", NOON)
            hours = range(24) if number % 2 else reversed(range(24))
            record(tx, number, [UsageEvent("cpu_seconds", number, NOON - timedelta(hours=hour)) for hour in hours])
            connection.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(1, 41)))
    with economy.reading() as tx:
        assert list(check_rollups(tx)) == []
        assert [(row.amount, row.calls) for row in usage_by_hour(tx)] == [(820, 40)] * 24


@pytest.mark.parametrize("table", ["resource_usage", "usage_event"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET number = 2", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_used_cannot_be_rewritten(tx, table, verb):
    tx.now = NOON
    record(tx, 1, [UsageEvent("api_calls", 1, NOON, event="e")])
    with pytest.raises(errors.InsufficientPrivilege):
        tx.execute(verb.format(table))


def test_ids_that_counted_before_they_were_their_senders_own_get_what_they_counted(economy):
    """The migration on a database as the one before left it; and again, since it may have been cut off."""
    steps = (files("scidex.core") / "migrations/0010_usage_events.sql").read_text(encoding="utf-8")
    with psycopg.connect(economy.conninfo) as connection:
        tx = Tx(connection, "alice", NOON)
        record(tx, 1, [UsageEvent("api_calls", 3, NOON, event="e"), UsageEvent("api_calls", 4, NOON, event="f", usd=5)])
        tx.execute(
            "ALTER TABLE usage_event DROP CONSTRAINT usage_event_pkey, DROP actor, DROP unit, DROP amount,"
            " DROP entity_type, DROP entity_id, ADD PRIMARY KEY (event)"
        )
        tx.execute("ALTER TABLE usage_hour ALTER usd TYPE bigint")
        for _ in range(2):
            connection.execute(steps)
        assert dict(scan_events(tx)) == {
            EventKey("alice", "e", "api_calls"): EventRow(1, 3, GAP),
            EventKey("alice", "f", "api_calls"): EventRow(1, 4, GAP),
        }
        assert record(tx, 2, [UsageEvent("api_calls", 3, NOON, event="e")]) == 0
        assert record(tx, 2, [UsageEvent("api_calls", 3, NOON, event="e")], actor="bob") == 1
        assert list(check_rollups(tx)) == []
