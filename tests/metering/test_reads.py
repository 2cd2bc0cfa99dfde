"""Usage is found again: by page, by month, and as what a call needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import errors
from tests.metering.test_rollups import GAP, record

from scidex.core.clock import system_clock
from scidex.entities import EntityKey
from scidex.metering import (
    HourKey,
    UsageEvent,
    UsagePlace,
    calls_needed,
    find_partitions,
    find_usage,
    open_coming_months,
    open_months,
    usage_by_hour,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(*moment):
    return datetime(*moment, tzinfo=UTC)


def test_a_month_gets_its_partition_when_it_is_first_used(tx):
    moments = [at(2025, 11, 30, 23, 59, 59, 999_999), at(2025, 12, 1), at(2025, 12, 31, 23, 59), at(2026, 1, 1)]
    tx.now = at(2026, 1, 1, 0, 1)
    record(tx, 1, [UsageEvent("api_calls", 1, moment) for moment in moments])
    found = find_partitions(tx)
    assert [(month.opens, month.closes) for month in found] == [
        (at(2025, 11, 1), at(2025, 12, 1)), (at(2025, 12, 1), at(2026, 1, 1)), (at(2026, 1, 1), at(2026, 2, 1))
    ]  # fmt: skip
    assert [row.used_at for row in find_usage(tx)] == moments[::-1]
    assert [row.hour for row in usage_by_hour(tx)] == [
        at(2025, 11, 30, 23), at(2025, 12, 1), at(2025, 12, 31, 23), at(2026, 1, 1)
    ]  # fmt: skip


def test_a_month_is_that_of_utc(tx):
    west = datetime.fromisoformat("2025-12-31T22:30:00-03:00")
    tx.now = at(2026, 1, 2)
    record(tx, 1, [UsageEvent("api_calls", 1, west)])
    assert [month.opens for month in find_partitions(tx)] == [at(2026, 1, 1)]


def test_the_coming_month_is_made_before_it_begins(tx):
    tx.now = at(2026, 12, 31, 23)
    open_coming_months(tx)
    open_coming_months(tx)
    assert [month.opens for month in find_partitions(tx)] == [at(2026, 12, 1), at(2027, 1, 1)]


def test_the_application_makes_months_and_no_other_tables(tx):
    open_months(tx, [system_clock()])
    with pytest.raises(errors.InsufficientPrivilege):
        tx.execute("CREATE TABLE mine (a int)")


def test_columns_of_the_specification_are_those_of_the_house(tx):
    tx.now = NOON
    record(tx, 1, [UsageEvent("cpu_seconds", 1500, NOON)])
    found = tx.execute('SELECT amount, amount_used, created_at = "timestamp" FROM resource_usage').fetchall()
    assert found == [(1500, 1500, True)]


def test_pages_of_usage_follow_each_other(tx):
    tx.now = NOON
    record(tx, 1, [UsageEvent("api_calls", 1 + n, NOON - timedelta(hours=n % 3)) for n in range(7)])
    whole = find_usage(tx)
    pages, before = [], None
    while page := find_usage(tx, before=before, limit=3):
        pages += page
        before = UsagePlace(page[-1].used_at, page[-1].number, page[-1].line)
    assert pages == whole and len(whole) == 7
    assert [row.used_at for row in whole] == sorted((row.used_at for row in whole), reverse=True)


def test_usage_is_found_by_what_it_was_of(tx):
    tx.now = NOON
    other = EntityKey("gap", "h")
    record(tx, 1, [UsageEvent("llm_standard", 9, NOON, model="gpt-4o"), UsageEvent("cpu_seconds", 1, NOON)])
    record(tx, 2, [UsageEvent("llm_standard", 5, NOON - timedelta(days=1), model="gpt-4o")], entity=other, actor="bob")
    asked = (
        {"entity": GAP}, {"entity": other}, {"actor": "bob"}, {"model": "gpt-4o"}, {"unit": "cpu_seconds"},
        {"entity": GAP, "model": "gpt-4o"}, {"since": NOON}, {"until": NOON}, {"model": "o3"},
    )  # fmt: skip
    amounts = [[row.amount for row in find_usage(tx, **each)] for each in asked]
    assert amounts == [[1, 9], [5], [5], [9, 5], [1], [9], [1, 9], [5], []]
    assert [row.amount for row in usage_by_hour(tx, actor="bob")] == [5]
    (first, *rest) = usage_by_hour(tx, limit=10)
    assert usage_by_hour(tx, after=HourKey._make(first[:7])) == rest and len(rest) == 2


def test_what_a_call_needs_is_what_each_actor_s_calls_needed(tx):
    tx.now = NOON
    asked = {"unit": "llm_standard", "calls": 12, "quantile": Decimal("0.9")}
    assert calls_needed(tx, "m", **asked) == {}
    old = [UsageEvent("llm_standard", 9000, NOON - timedelta(hours=1), model="m")]
    new = [
        UsageEvent("llm_standard", 100 + n, NOON, model="m", input_tokens=100, output_tokens=n) for n in range(1, 11)
    ]
    record(tx, 1, [*old, *new, UsageEvent("llm_batch", 7, NOON, model="m")])
    record(tx, 2, [UsageEvent("llm_standard", 5, NOON, model="m")] * 2, actor="bob")
    assert calls_needed(tx, "m", **asked) == {"alice": (9, 109), "bob": (5, 5)}
    assert calls_needed(tx, "m", **{**asked, "calls": 13, "quantile": Decimal(1)})["alice"] == (9000, 9000)


def test_the_latest_calls_of_a_model_and_usage_of_an_entity_are_found_by_index(tx):
    tx.now = NOON
    record(tx, 1, [UsageEvent("api_calls", 1, NOON, model="m")])
    tx.execute("SET enable_seqscan = off")
    for query, index in (
        (
            "SELECT amount FROM resource_usage WHERE model = 'm' ORDER BY created_at DESC LIMIT 9",
            "model_created_at_idx",
        ),
        (
            "SELECT amount FROM resource_usage WHERE entity_type = 'gap' AND entity_id = 'g'"
            " ORDER BY created_at DESC LIMIT 9",
            "entity_type_entity_id_created_at_idx",
        ),
    ):
        plan = "\n".join(line for (line,) in tx.execute(f"EXPLAIN {query}"))
        assert index in plan and "Sort" not in plan, plan
