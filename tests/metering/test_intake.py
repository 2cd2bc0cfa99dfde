"""Many lines at once: each counted once, each bad one named, and the journal can tell whether a row was touched."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors

from scidex.actors import UnknownActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.machine import Context
from scidex.core.names import check_name
from scidex.core.units import MAX_AMOUNT, AmountNotPositive, AmountTooLarge
from scidex.entities import EntityKey, UnknownEntity
from scidex.metering import (
    INTAKE_LINES_MAX,
    IntakeTooLong,
    TimestampInFuture,
    TokensDiffer,
    UnknownResource,
    UsageEvent,
    UsageLine,
    check_event,
    check_intakes,
    check_rollups,
    find_usage,
    intake_events,
    prepare_intake,
    usage_by_hour,
    usage_totals,
    write_intake,
)
from scidex.metering.evidence import INTAKES
from scidex.metering.intake import check_lines
from scidex.policy import HOUSE, Policy, enact_policy

BOOK = f"genai-prices {version('genai-prices')}"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def line(amount=3, at=NOON, **more):
    facts = {"entity_type": "gap", "entity_id": "g", "actor": "alice", "unit": "api_calls", **more}
    return UsageLine(amount=amount, used_at=at, **facts)


def call(given=100, returned=20, **more):
    facts = {"unit": "llm_standard", "model": "gpt-4o", "provider": "openai", **more}
    return line(given + returned, input_tokens=given, output_tokens=returned, **facts)


def register(tx):
    """Those of whom the lines tell; written straight into the tables, since it would take numbers of the journal."""
    tx.execute("INSERT INTO actor (name, sort, roles, registered_at) VALUES ('alice', 'agent', '{}', now())")
    tx.execute(
        "INSERT INTO entity (entity_type, entity_id, title, proposer, registered_at)"
        " SELECT 'gap', name, name, 'alice', now() FROM unnest('{g,h}'::text[]) AS name"
    )


@pytest.fixture
def tx(tx):
    register(tx)
    return tx


def take_in(tx, lines, number=101):
    """What the command of an intake does, but for what it charges."""
    prepared = prepare_intake(tx, lines)
    tx.execute(
        "INSERT INTO journal (number, at, actor, kind, policy, command, receipt)"
        " VALUES (%s, %s, 'alice', 'usage.intake', 1, %s, '')",
        [number, tx.now, INTAKES.dump_json(prepared.command).decode()],
    )
    write_intake(tx, number=number, prepared=prepared)
    return prepared


def test_lines_become_rows_and_sums(tx):
    tx.now = NOON
    lines = [call(event="a\\b"), call(1000, 1, model="claude-sonnet-4-5", provider="anthropic"), line(5, usd=7)]
    prepared = take_in(tx, [*lines, line(1, at=NOON - timedelta(days=40), work="w\\1", context="free text")])
    assert (prepared.refused, prepared.repeated, prepared.command.rows) == ((), (), 4)
    rows = {row.line: row for row in find_usage(tx)}
    assert (rows[0].event, rows[0].usd, rows[0].price_source) == ("a\\b", 450, BOOK)
    assert (rows[0].resource, rows[0].tier, rows[2].resource, rows[2].tier) == (
        "llm_tokens",
        "standard",
        "api_calls",
        None,
    )
    assert (rows[2].usd, rows[2].price_source, rows[3].usd, rows[3].price_source) == (7, "given", None, None)
    assert (rows[3].work, rows[3].context, rows[3].entity, rows[3].source) == (
        "w\\1",
        "free text",
        EntityKey("gap", "g"),
        "bulk",
    )
    assert {row.number for row in rows.values()} == {101} and {row.recorded_at for row in rows.values()} == {NOON}
    assert list(check_rollups(tx)) == list(check_intakes(tx)) == []
    charges = {(charge.unit, charge.amount, charge.unpriced) for charge in prepared.command.charges}
    assert charges == {("llm_standard", 1121, 0), ("api_calls", 6, 1)}


def test_what_has_no_price_is_summed_apart(tx):
    tx.now = NOON
    prepared = take_in(tx, [call(), call(model="hal-9000", provider=None), line(unit="llm_standard", amount=7)])
    (charge,) = prepared.command.charges
    assert (charge.amount, charge.usd, charge.unpriced) == (247, 450, 127)
    assert list(check_rollups(tx)) == list(check_intakes(tx)) == []


def test_a_line_without_a_time_is_of_now(tx):
    tx.now = NOON
    first = take_in(tx, [line(at=None), line(at=NOON - timedelta(hours=1))])
    assert [row.used_at for row in find_usage(tx)] == [NOON, NOON - timedelta(hours=1)]
    tx.now = NOON + timedelta(minutes=1)
    again = prepare_intake(tx, [line(at=None), line(at=NOON - timedelta(hours=1))])
    assert first.command.given == again.command.given and first.command.digest != again.command.digest


def test_what_was_sent_is_the_same_whatever_it_costs_now(tx):
    tx.now = NOON
    first = prepare_intake(tx, [call()])
    tx.actor = HOUSE
    enact_policy(tx, policy=Policy(model_prices={"gpt-4o": {"input": Decimal(1), "output": Decimal(1)}}))
    tx.cache.clear()
    again = prepare_intake(tx, [call()])
    assert first.command.given == again.command.given and first.command.digest != again.command.digest
    others = (
        [call(usd=450)],
        [call(), call()],
        [line(0), call()],
        [call(event="e")],
        [call(at=NOON - timedelta(seconds=1))],
    )
    assert first.command.given not in {prepare_intake(tx, lines).command.given for lines in others}


def test_a_line_of_somebody_or_something_unknown_is_named(tx):
    tx.now = NOON
    prepared = take_in(tx, [line(entity_id="x"), line(0), line(), line(actor="x"), line(actor="system")])
    assert [(place, type(refusal)) for place, refusal in prepared.refused] == [
        (0, UnknownEntity), (1, AmountNotPositive), (3, UnknownActor)
    ]  # fmt: skip
    assert sorted(row.line for row in find_usage(tx)) == [2, 4]


def test_the_fingerprint_is_of_the_rows_as_text(tx):
    tx.now = NOON
    prepared = take_in(tx, [line(5, event="e", usd=7)])
    row = "0\t2026-01-01T12:00:00.000000Z\t5\te\t\\N\t\\N\t\\N\t\\N\t7\tgap\tg\talice\tapi_calls\t\\N\t\\N\t\\N\t\\N\tbulk\tgiven\tapi_calls\t\\N\n"
    assert prepared.text == row
    assert prepared.command.digest == hashlib.sha256(row.encode()).hexdigest()


def test_a_bad_line_is_named_and_the_others_go_through(tx):
    tx.now = NOON
    bad = [
        line(0), line(unit="token"), call()._replace(output_tokens=21), line(at=NOON + timedelta(hours=1)),
        line(amount="7"), line(actor=" "), line(entity_id=None), line(at=NOON.replace(tzinfo=None)), line(source="a\tb"),
    ]  # fmt: skip
    prepared = take_in(tx, [line(), *bad, line()])
    assert [place for place, _ in prepared.refused] == list(range(1, 10))
    kinds = [type(refusal) for _, refusal in prepared.refused[:4]]
    assert kinds == [AmountNotPositive, UnknownResource, TokensDiffer, TimestampInFuture]
    assert sorted(row.line for row in find_usage(tx)) == [0, 10]
    assert list(check_rollups(tx)) == list(check_intakes(tx)) == []


def test_the_same_file_again_counts_nothing_and_is_known_by_what_was_sent(tx):
    tx.now = NOON
    lines = [line(event="a"), line(event="b"), line(event="a")]
    first = take_in(tx, lines)
    again = take_in(tx, lines, number=102)
    assert (first.command.rows, first.repeated, again.command.rows, again.repeated) == (2, (2,), 0, (0, 1, 2))
    assert first.command.given == again.command.given and first.command.digest != again.command.digest
    more = take_in(tx, [*lines, line(event="c")], number=103)
    assert (more.command.rows, more.repeated) == (1, (0, 1, 2))
    assert [(row.amount, row.calls) for row in usage_by_hour(tx)] == [(9, 3)]
    assert [(*key, row.number, row.amount) for key, row in sorted(intake_events(tx))] == [
        ("alice", "a", "api_calls", 101, 3), ("alice", "b", "api_calls", 101, 3), ("alice", "c", "api_calls", 103, 3)
    ]  # fmt: skip
    assert list(check_rollups(tx)) == list(check_intakes(tx)) == []


def test_one_file_delivered_by_two_at_once_counts_once(economy):
    economy.run(register)
    lines = [line(event=f"e{n}", at=NOON - timedelta(minutes=n)) for n in range(500)]
    barrier = threading.Barrier(2)
    tries = []

    def deliver(number):
        for attempt in range(3):
            tries.append(number)
            with psycopg.connect(economy.conninfo) as connection:
                connection.execute("SET ROLE scidex_app")
                tx = Tx(connection, "alice", NOON)
                prepared = prepare_intake(tx, lines[:: 1 if number % 2 else -1])
                if not attempt:
                    barrier.wait()
                try:
                    write_intake(tx, number=number, prepared=prepared)
                except errors.UniqueViolation:
                    continue
                connection.commit()
                return prepared.command.rows
        raise AssertionError("never taken in")

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(deliver, (101, 102))) == [0, 500]
    assert len(tries) == 3
    with economy.reading() as tx:
        assert sum(row.calls for row in usage_by_hour(tx)) == 500
        assert list(check_rollups(tx)) == list(check_intakes(tx)) == []


def test_a_row_that_was_touched_is_found(tx):
    tx.now = NOON
    take_in(tx, [line(event="a"), call(event="b")])
    take_in(tx, [line()], number=102)
    tx.execute("RESET ROLE")
    tx.execute("UPDATE resource_usage SET amount = 4 WHERE event = 'a'")
    tx.execute("UPDATE usage_event SET number = 102 WHERE event = 'b'")
    tx.execute("DELETE FROM resource_usage WHERE number = 102")
    assert list(check_intakes(tx)) == [
        "journal 101: its rows of usage are not those that it has the fingerprint of",
        "journal 101: its rows of usage do not sum to what it charged",
        "journal 102: its rows of usage are not those that it has the fingerprint of",
        "journal 102: it tells of 1 rows of usage and there are 0",
        "journal 102: its rows of usage do not sum to what it charged",
        "journal 101: the event 'a' of alice counted 3 api_calls under 101 and its row has 4 under 101",
        "journal 101: the event 'b' of alice counted 120 llm_standard under 102 and its row has 120 under 101",
    ]


def test_an_intake_beyond_all_bounds_is_refused(tx):
    tx.now = NOON
    with pytest.raises(IntakeTooLong):
        prepare_intake(tx, [line()] * (INTAKE_LINES_MAX + 1))
    with pytest.raises(AmountTooLarge):
        prepare_intake(tx, [line(MAX_AMOUNT)] * 2)
    assert prepare_intake(tx, []).command.rows == 0


@st.composite
def any_line(draw):
    few = st.integers(-1, 3)
    odd = st.sampled_from([None, 0, 1, 2, True, 1.0, "1"])
    text = st.sampled_from(["a", "A b", "", " a", "a\n", "\\", "x" * 201, None, 3, "ä"])
    moment = st.sampled_from(
        [NOON, NOON.replace(tzinfo=None), NOON + timedelta(seconds=300), NOON + timedelta(seconds=301),
         NOON - timedelta(days=366), NOON - timedelta(days=367), None, "now"]
    )  # fmt: skip
    unit = draw(st.sampled_from(["llm_batch", "api_calls", "usd", "", None]))

    def mostly(usual, rare):
        return usual if draw(st.integers(0, 9)) else draw(rare)

    given, returned = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    llm = unit == "llm_batch" and draw(st.booleans())
    return UsageLine(
        mostly("gap", text), mostly("g", text), mostly("alice", text), unit or "api_calls",
        mostly(given + returned, few | odd), mostly(NOON, moment), mostly(None, text), mostly("m", text),
        mostly(None, text), mostly(given if llm else None, few | odd), mostly(returned if llm else None, few | odd),
        mostly(None, few | odd), mostly(None, few | odd), mostly(None, few | odd), mostly(None, text),
        mostly(None, text), mostly(None, text), mostly("s", text),
    )  # fmt: skip


@given(lines=st.lists(any_line(), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_lines_are_refused_for_what_their_events_alone_are_refused_for(lines):
    context = Context("alice", NOON, Policy(), 1, 0)
    expected = []
    for place, each in enumerate(lines):
        try:
            for name in each[:3]:
                check_name(name, "name")
            check_event(UsageEvent(*each[3:]), context)
        except Refusal as refusal:
            expected.append((place, type(refusal)))
    assert [(place, type(refusal)) for place, refusal in check_lines(lines, context)] == expected


def test_totals_are_by_what_was_asked(tx):
    tx.now = NOON
    other = EntityKey("gap", "h")
    take_in(
        tx, [call(usd=5), call(model="o3", provider=None, usd=9), line(2, entity_id="h", at=NOON - timedelta(hours=3))]
    )
    assert [(total.name, total.amount, total.usd) for total in usage_totals(tx, by="model")] == [
        ("o3", 120, 9), ("gpt-4o", 120, 5), ("", 2, 0)
    ]  # fmt: skip
    assert [(total.name, total.unit, total.calls) for total in usage_totals(tx)] == [
        ("llm_standard", "llm_standard", 2), ("api_calls", "api_calls", 1)
    ]  # fmt: skip
    assert [total.name for total in usage_totals(tx, by="entity", entity=other)] == ["gap:h"]
    assert usage_totals(tx, since=NOON, until=NOON + timedelta(hours=1), actor="alice")[0].usd == 14
    assert usage_totals(tx, until=NOON - timedelta(hours=3)) == []
