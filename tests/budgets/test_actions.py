"""Budgets bind: reserve, settle, void, expire, extend, charge, and every refusal of them."""

from __future__ import annotations

from functools import partial

import pytest
from tests.budgets.conftest import GAP, USD
from tests.conftest import DAWN

from scidex import ledger
from scidex.actors import RoleNeeded, UnknownActor
from scidex.core.db import TextInvalid
from scidex.core.journal import KeyReused, Request, perform_one
from scidex.core.names import NameInvalid
from scidex.core.units import (
    MAX_AMOUNT,
    AmountNegative,
    AmountNotNumber,
    AmountNotPositive,
    AmountTooLarge,
    UnknownUnit,
)
from scidex.entities import EntityKey, UnknownEntity
from scidex.exchange.resource_allocator import BudgetExhausted, PoolEmpty
from scidex.metering import (
    PriceUnknown,
    TimestampInFuture,
    TokensDiffer,
    UnknownResource,
    UsageEvent,
    find_usage,
    usage_totals,
)
from scidex.policy import Policy, enact_policy
from scidex.senate import budgets


def test_what_is_reserved_is_set_aside_and_what_is_settled_is_spent(office):
    office.grant(llm_standard=1000, cpu_seconds=5000)
    held = office.reserve(amounts={"llm_standard": 300, "cpu_seconds": 2000}, work="w1")
    assert held.amounts == (("cpu_seconds", 2000), ("llm_standard", 300))
    assert (office.line(), office.line("cpu_seconds")) == ((1000, 300, 0, 700), (5000, 2000, 0, 3000))
    done = office.settle(held.reservation, office.used(250), office.used(1500, "cpu_seconds"))
    assert (done.used, done.overrun, done.debts, done.late) == (
        (("cpu_seconds", 1500), ("llm_standard", 250)),
        (),
        (),
        False,
    )
    assert (office.line(), office.line("cpu_seconds")) == ((1000, 0, 250, 750), (5000, 0, 1500, 3500))
    found = budgets.find_reservation(office.tx, held.reservation)
    assert (found.state, found.used, found.actor, found.work) == ("settled", done.used, "alice", "w1")
    rows = find_usage(office.tx, entity=GAP)
    assert {(row.unit, row.amount, row.actor, row.reservation, row.work) for row in rows} == {
        ("llm_standard", 250, "alice", held.reservation, "w1"),
        ("cpu_seconds", 1500, "alice", held.reservation, "w1"),
    }


def test_a_vector_with_one_resource_short_reserves_nothing_and_says_what_would_fit(office):
    office.grant(llm_standard=1000, cpu_seconds=5000)
    with pytest.raises(BudgetExhausted) as refused:
        office.reserve(amounts={"llm_standard": 1500, "cpu_seconds": 2000})
    assert refused.value.status == 402
    assert refused.value.facts == {
        "cap": "budget",
        "whom": "gap 'g'",
        "unit": "llm_standard",
        "available": "1000",
        "needed": "1500",
        "short": "500",
        "fits": "5 cpu_seconds, 1000 llm_standard, 50 usd",
        "resets_at": "its next grant",
    }
    assert (office.line(), office.line("cpu_seconds")) == ((1000, 0, 0, 1000), (5000, 0, 0, 5000))
    assert budgets.find_reservations(office.tx) == []


def test_a_reservation_may_be_used_piece_by_piece(office):
    office.grant(llm_standard=1000)
    held = office.reserve(amounts={"llm_standard": 300})

    def use(*events, more=True):
        return budgets.settle(office.tx, reservation=held.reservation, events=events, more=more).result

    assert use(office.used(100)).used == (("llm_standard", 100),)
    assert office.line() == (1000, 200, 100, 700)
    over = use(office.used(250))
    assert (over.overrun, office.line()) == ((("llm_standard", 50),), (1000, 0, 350, 650))
    found = budgets.find_reservation(office.tx, held.reservation)
    assert (found.state, found.used, found.held) == ("open", (("llm_standard", 350),), {"llm_standard": 0})
    assert use(office.used(10), more=False).overrun == (("llm_standard", 60),)
    assert office.line() == (1000, 0, 360, 640)
    with pytest.raises(budgets.ReservationEnded):
        use(office.used(1))


def test_what_is_input_alone_has_a_bound_where_only_input_has_a_price(office):
    terms = {"entity": GAP, "amounts": {"llm_standard": 900}, "model": "text-embedding-3-small", "provider": "openai"}
    assert budgets.to_reserve(office.tx, **terms).bound is None
    # 0.02 dollars a million.
    assert budgets.to_reserve(office.tx, **terms, input_tokens=900).bound == 18


def test_a_void_after_a_piece_releases_what_is_left(office):
    office.grant(llm_standard=1000)
    held = office.reserve(amounts={"llm_standard": 300})
    budgets.settle(office.tx, reservation=held.reservation, events=[office.used(100)], more=True)
    assert budgets.void_reservation(office.tx, reservation=held.reservation).result.state == "voided"
    assert office.line() == (1000, 0, 100, 900)
    assert budgets.find_reservation(office.tx, held.reservation).used == (("llm_standard", 100),)


def test_a_void_releases_all_and_a_settle_of_nothing_too(office):
    office.grant(llm_standard=100)
    held = office.reserve()
    assert budgets.void_reservation(office.tx, reservation=held.reservation).result.state == "voided"
    again = office.reserve()
    assert office.settle(again.reservation).used == ()
    assert office.line() == (100, 0, 0, 100)
    for name in (held.reservation, again.reservation):
        with pytest.raises(budgets.ReservationEnded):
            office.settle(name, office.used(1))
        with pytest.raises(budgets.ReservationEnded):
            budgets.void_reservation(office.tx, reservation=name)
        with pytest.raises(budgets.ReservationEnded):
            budgets.extend_reservation(office.tx, reservation=name)
    assert office.line() == (100, 0, 0, 100)


def test_use_above_the_reservation_is_recorded_in_full_as_a_debt_that_blocks_until_a_grant_repays_it(office):
    office.grant(llm_standard=1000)
    held = office.reserve(amounts={"llm_standard": 900})
    done = office.settle(held.reservation, office.used(2500))
    assert (done.overrun, done.debts) == ((("llm_standard", 1600),), (("llm_standard", 1500),))
    assert office.line() == (1000, 0, 2500, -1500)
    with pytest.raises(BudgetExhausted) as refused:
        office.reserve(amounts={"llm_standard": 1})
    assert (refused.value.facts["available"], refused.value.facts["short"]) == ("-1500", "1501")
    office.grant(llm_standard=2400)
    with pytest.raises(BudgetExhausted):
        office.reserve(amounts={"llm_standard": 1})
    office.grant(llm_standard=2600)
    office.reserve(amounts={"llm_standard": 100})
    assert office.line() == (2600, 100, 2500, 0)
    (debt,) = budgets.find_budget_events(office.tx, sort="debt")
    assert (debt.subject, debt.unit, debt.amount) == ("gap:g", "llm_standard", 1500)


def test_use_without_a_reservation_is_charged_and_takes_nothing_from_those_that_reserved(office):
    office.grant(llm_standard=100)
    held = office.reserve(amounts={"llm_standard": 80})
    done = office.charge(office.used(50), office.used(7, "api_calls"))
    assert done.debts == (("api_calls", 7), ("llm_standard", 30))
    assert (office.line(), office.line("api_calls")) == ((100, 80, 50, -30), (0, 0, 7, -7))
    office.settle(held.reservation, office.used(20))
    assert office.line() == (100, 0, 70, 30)


def test_a_unit_that_was_not_reserved_is_charged_as_well(office):
    office.grant(llm_standard=100, api_calls=10)
    held = office.reserve()
    done = office.settle(held.reservation, office.used(10), office.used(3, "api_calls"))
    assert (done.used, done.overrun) == ((("api_calls", 3), ("llm_standard", 10)), (("api_calls", 3),))
    assert (office.line(), office.line("api_calls")) == ((100, 0, 10, 90), (10, 0, 3, 7))


def test_one_event_counts_once_however_often_it_comes(office):
    office.grant(llm_standard=1000)
    held = office.reserve()
    event = office.used(40, event="e1")
    assert office.settle(held.reservation, event, event).repeated == 1
    for _ in range(20):
        assert office.charge(event) == budgets.Charged(None, (), 0, (), (), False, 1)
    assert office.line() == (1000, 0, 40, 960)


def test_the_same_key_reserves_and_settles_once(office):
    office.grant(llm_standard=1000)
    first = budgets.reserve(office.as_actor("alice"), entity=GAP, amounts={"llm_standard": 5}, usd=0, key="k")
    again = budgets.reserve(office.as_actor("alice"), entity=GAP, amounts={"llm_standard": 5}, usd=0, key="k")
    assert (again.repeated, again.result) == (True, first.result)
    event = office.used(5)
    done = budgets.settle(office.tx, reservation=first.result.reservation, events=[event], key="s")
    assert (
        budgets.settle(office.tx, reservation=first.result.reservation, events=[event], key="s").result == done.result
    )
    assert office.line() == (1000, 0, 5, 995)


def test_a_forgotten_reservation_expires_and_a_late_settle_is_still_recorded_once(office):
    office.grant(llm_standard=100)
    held = office.reserve()
    assert budgets.expire_due_reservations(office.tx) == []
    with pytest.raises(budgets.ReservationNotDue):
        perform_one(office.tx, Request(budgets.ExpireReservation(held.reservation), "bob"))
    office.pass_by(60)
    (expired,) = budgets.expire_due_reservations(office.as_actor("system"))
    assert (expired.result.state, office.line()) == ("expired", (100, 0, 0, 100))
    assert budgets.expire_due_reservations(office.tx) == []
    with pytest.raises(budgets.ReservationExpired):
        budgets.void_reservation(office.as_actor("alice"), reservation=held.reservation)
    with pytest.raises(budgets.ReservationExpired):
        budgets.extend_reservation(office.tx, reservation=held.reservation)
    other = office.reserve(amounts={"llm_standard": 90})
    done = office.settle(held.reservation, office.used(100))
    assert (done.late, done.debts) == (True, (("llm_standard", 90),))
    assert office.line() == (100, 90, 100, -90)
    with pytest.raises(budgets.ReservationEnded):
        office.settle(held.reservation, office.used(100))
    office.settle(other.reservation)
    assert office.line() == (100, 0, 100, 0)


def test_a_heartbeat_keeps_a_reservation_alive(office):
    office.grant(llm_standard=100)
    held = office.reserve(seconds=60)
    office.pass_by(50)
    extended = budgets.extend_reservation(office.tx, reservation=held.reservation, seconds=60).result
    assert (extended.expires_at - office.tx.now).total_seconds() == 60
    office.pass_by(50)
    assert budgets.expire_due_reservations(office.tx) == []
    office.pass_by(10)
    with pytest.raises(budgets.ReservationExpired):
        budgets.extend_reservation(office.tx, reservation=held.reservation)
    with pytest.raises(ledger.DurationInvalid):
        budgets.extend_reservation(office.tx, reservation=held.reservation, seconds=86_401)
    assert office.settle(held.reservation, office.used(1)).late is True


def test_heartbeats_do_not_keep_a_reservation_alive_for_ever(office):
    office.grant(llm_standard=100)
    held = office.reserve(seconds=86_400)
    for _ in range(6):
        office.pass_by(86_399)
        budgets.extend_reservation(office.as_actor("alice"), reservation=held.reservation, seconds=86_400)
    # Seven heartbeats, each a second early: seven seconds of the week are left.
    office.pass_by(86_399)
    with pytest.raises(budgets.ReservationTooOld) as refused:
        budgets.extend_reservation(office.tx, reservation=held.reservation, seconds=86_400)
    assert refused.value.facts["seconds"] == 7
    budgets.extend_reservation(office.tx, reservation=held.reservation, seconds=7)
    office.pass_by(7)
    assert len(budgets.expire_due_reservations(office.as_actor("system"))) == 1
    assert office.line() == (100, 0, 0, 100)
    enact_policy(office.tx, policy=Policy(reservation_total_s=600))
    office.tx.cache.clear()
    with pytest.raises(ledger.DurationInvalid):
        office.reserve(seconds=601)


def test_only_who_reserved_or_an_operator_ends_a_reservation(office):
    office.grant(llm_standard=1000)
    held = [office.reserve().reservation for _ in range(3)]
    for name in ("bob", "ghost"):
        with pytest.raises(budgets.NotYourReservation):
            office.settle(held[0], office.used(1), actor=name)
        with pytest.raises(budgets.NotYourReservation):
            budgets.void_reservation(office.as_actor(name), reservation=held[0])
        with pytest.raises(budgets.NotYourReservation):
            budgets.extend_reservation(office.as_actor(name), reservation=held[0])
    office.settle(held[0], office.used(1), actor="operator")
    (row,) = find_usage(office.tx, entity=GAP)
    assert row.actor == "alice"
    budgets.void_reservation(office.as_actor("operator"), reservation=held[1])
    office.settle(held[2], office.used(1), actor="system")
    for call in (budgets.void_reservation, budgets.extend_reservation):
        with pytest.raises(budgets.UnknownReservation):
            call(office.tx, reservation="r0")
    with pytest.raises(budgets.UnknownReservation):
        office.settle("r0", office.used(1))
    with pytest.raises(budgets.UnknownReservation):
        budgets.find_reservation(office.tx, "r0")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amounts": {}}, budgets.VectorInvalid),
        ({"amounts": {"token": 1}}, budgets.VectorInvalid),
        ({"amounts": {"usd": 1}}, budgets.VectorInvalid),
        ({"amounts": {"gold": 1}}, UnknownUnit),
        ({"amounts": {"llm_standard": 0}}, AmountNotPositive),
        ({"amounts": {"llm_standard": -5}}, AmountNotPositive),
        ({"amounts": {"llm_standard": 2**60}}, AmountTooLarge),
        ({"amounts": {"llm_standard": 1.5}}, AmountNotNumber),
        ({"amounts": {"llm_batch": 1}}, budgets.NoBudget),
        ({"amounts": {"llm_standard": 1001}}, BudgetExhausted),
        ({"entity": EntityKey("gap", "unheard of")}, budgets.NoBudget),
        ({"seconds": 0}, ledger.DurationInvalid),
        ({"seconds": 86_401}, ledger.DurationInvalid),
        ({"seconds": "60"}, ledger.DurationInvalid),
        ({"usd": -1}, AmountNegative),
        ({"usd": 51 * USD}, budgets.DailyCapReached),
        ({"model": "nobody-knows-9", "usd": None}, PriceUnknown),
        ({"model": "o3"}, budgets.TierDiffers),
        ({"model": "gpt-4o", "amounts": {"llm_standard": 1, "llm_batch": 1}}, budgets.TierDiffers),
        ({"model": " "}, NameInvalid),
        ({"provider": ""}, NameInvalid),
        ({"work": "x" * 201}, NameInvalid),
        ({"max_output_tokens": 0}, AmountNotPositive),
    ],
)
def test_what_reserving_refuses(office, change, refusal):
    office.grant(llm_standard=1000)
    with pytest.raises(refusal):
        office.reserve(**change)
    assert office.line() == (1000, 0, 0, 1000)
    assert budgets.find_reservations(office.tx) == []


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amount": 0}, AmountNotPositive),
        ({"amount": -1}, AmountNotPositive),
        ({"unit": "gold"}, UnknownResource),
        ({"input_tokens": 3, "output_tokens": 3}, TokensDiffer),
        ({"usd": -1}, AmountNegative),
    ],
)
def test_what_settling_and_charging_refuse(office, change, refusal):
    office.grant(llm_standard=1000)
    held = office.reserve()
    event = office.used(5, **change) if "amount" not in change else office.used(change["amount"])
    with pytest.raises(refusal):
        office.settle(held.reservation, office.used(7), event)
    with pytest.raises(refusal):
        office.charge(event)
    assert office.line() == (1000, 100, 0, 900)
    assert find_usage(office.tx, entity=GAP) == []


def test_usage_of_the_future_and_too_many_events_are_refused(office):
    office.grant(llm_standard=1000)
    held = office.reserve()
    early = office.used(5)
    office.tx.now = office.tx.now.replace(year=2025)
    with pytest.raises(TimestampInFuture):
        office.charge(early)
    with pytest.raises(budgets.TooManyEvents):
        office.settle(held.reservation, *[office.used(1)] * 1001)
    with pytest.raises(UnknownEntity):
        office.charge(office.used(1), entity=EntityKey("gap", "unheard of"))
    with pytest.raises(UnknownActor):
        office.charge(office.used(1), actor="ghost")


def test_a_budget_is_set_in_whole_and_the_difference_moves(office):
    office.fund("llm_standard", 1000)
    moved = budgets.set_budget(
        office.tx, entity=GAP, pool="main", budgets={"llm_standard": 600}, priority_score=0.5
    ).result
    assert (moved.moved, moved.version) == ((("llm_standard", 600),), 1)
    held = office.reserve(amounts={"llm_standard": 100})
    office.settle(held.reservation, office.used(100))
    office.reserve(amounts={"llm_standard": 50})
    back = office.grant(llm_standard=200)
    assert (back.moved, office.line()) == ((("llm_standard", -400),), (200, 50, 100, 50))
    with pytest.raises(budgets.BudgetBelowUse) as refused:
        office.grant(llm_standard=149)
    assert refused.value.facts["least"] == "150"
    with pytest.raises(PoolEmpty):
        budgets.set_budget(office.tx, entity=GAP, pool="main", budgets={"llm_standard": 1101})
    found = budgets.find_budget(office.tx, GAP)
    assert found is not None
    assert (found.budgets, found.priority_score, found.pool, found.version) == (
        (("llm_standard", 200),),
        0.5,
        "main",
        2,
    )
    assert budgets.find_budgets(office.tx) == [found]
    assert budgets.find_budgets(office.tx, entity_type="hypothesis") == []


def test_the_row_shows_what_the_specification_asks_for(office):
    office.grant(
        llm_standard=600, llm_batch=50, cpu_seconds=90_500, storage_gb_hours=720 * USD * 2, api_calls=7, usd=3 * USD
    )
    row = office.tx.execute(
        "SELECT token_budget, llm_standard_budget, cpu_budget, storage_budget_gb, api_call_budget, usd_budget, roi_score"
        " FROM resource_budgets"
    ).fetchone()
    assert row[:2] + row[4:] == (650, 600, 7, 3, None)
    assert (float(row[2]), float(row[3])) == (90.5, 2.0)
    held = office.reserve(amounts={"llm_standard": 5})
    office.settle(held.reservation, office.used(5))
    spent = office.tx.execute(
        "SELECT artifact_type, artifact_id, unit, amount, spent FROM resource_spending"
    ).fetchall()
    assert spent == [("gap", "g", "llm_standard", 5, 5)]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"budgets": {"gold": 1}}, UnknownUnit),
        ({"budgets": {"token": 1}}, budgets.VectorInvalid),
        ({"budgets": {"usd": -1}}, AmountNotPositive),
        ({"pool": ""}, NameInvalid),
        ({"cycle": ""}, NameInvalid),
        ({"priority_score": 1.5}, budgets.ScoreInvalid),
        ({"market_weight": float("nan")}, budgets.ScoreInvalid),
        ({"entity": EntityKey("gap", "unheard of")}, UnknownEntity),
    ],
)
def test_what_setting_a_budget_refuses(office, change, refusal):
    terms = {"entity": GAP, "pool": "main", "budgets": {}, **change}
    with pytest.raises(refusal):
        budgets.set_budget(office.as_actor("operator"), **terms)


def test_only_an_operator_sets_budgets_and_limits(office):
    with pytest.raises(RoleNeeded):
        budgets.set_budget(office.as_actor("alice"), entity=GAP, pool="main", budgets={})
    with pytest.raises(RoleNeeded):
        budgets.set_limit(office.tx, scope="fleet", unit="usd", window="day", cap=1)
    with pytest.raises(RoleNeeded):
        budgets.override_limit(office.tx, cap=1, reason="why not")


def test_a_call_with_a_bound_on_its_output_reserves_input_and_output_and_the_price_of_both(office):
    office.grant(llm_standard=10_000)
    held = office.reserve(amounts={}, model="gpt-4o-mini", input_tokens=1000, max_output_tokens=500, usd=None)
    # 0.15 and 0.60 dollars per million.
    assert (held.amounts, held.usd, held.max_output_tokens, held.estimated) == (
        (("llm_standard", 1500),),
        450,
        500,
        False,
    )
    done = office.settle(held.reservation, office.used(1200, usd=None, input_tokens=1000, output_tokens=200))
    assert done.used_usd == 270
    (row,) = find_usage(office.tx, entity=GAP)
    assert (row.model, row.usd, row.tier) == ("gpt-4o-mini", 270, "standard")
    assert row.price_source.startswith("genai-prices")
    assert office.limit().used == 270


def test_a_call_without_a_bound_reserves_what_such_calls_have_needed(office):
    office.grant(llm_standard=100_000)
    first = office.reserve(amounts={}, model="gpt-4o-mini", usd=None)
    assert (first.amounts, first.max_output_tokens, first.estimated) == ((("llm_standard", 8192),), 8192, True)
    office.settle(first.reservation, office.used(1200, usd=None, input_tokens=1000, output_tokens=200))
    known = office.reserve(amounts={}, model="gpt-4o-mini", usd=None)
    assert (known.amounts, known.max_output_tokens) == ((("llm_standard", 1200),), 200)
    with_input = office.reserve(amounts={}, model="gpt-4o-mini", usd=None, input_tokens=50)
    assert (with_input.amounts, with_input.max_output_tokens) == ((("llm_standard", 250),), 200)
    bounded = office.reserve(amounts={}, model="gpt-4o-mini", usd=None, max_output_tokens=30)
    assert (bounded.amounts, bounded.max_output_tokens) == ((("llm_standard", 1030),), 30)
    stated = office.reserve(amounts={"llm_standard": 400}, model="gpt-4o-mini", usd=None, input_tokens=100)
    assert (stated.amounts, stated.max_output_tokens, stated.estimated) == ((("llm_standard", 400),), 300, False)


def test_nobody_s_reports_make_the_estimates_of_others(office):
    """Found in review: whoever reported tiny calls, or huge ones, set what everybody's next call could have."""
    for name in ("carol", "dora", "mallory"):
        office.actor(name, 0)
    office.grant(llm_standard=10**9)

    def report(name: str, given: int, returned: int) -> None:
        call = office.used(given + returned, model="m-1", input_tokens=given, output_tokens=returned)
        office.charge(*[call] * 20, actor=name)

    def estimate(name: str, **more: object) -> tuple[int, int | None]:
        found = office.reserve(name, amounts={}, model="m-1", usd=1, **more)
        return found.amounts[0][1], found.max_output_tokens

    for tokens in (1, 50_000):
        report("mallory", tokens, tokens)
        assert (estimate("alice"), estimate("alice", input_tokens=5)) == ((8192, 8192), (8197, 8192))
    assert estimate("mallory") == (100_000, 50_000)
    report("bob", 300, 200), report("carol", 200, 100)
    assert (estimate("alice"), estimate("alice", input_tokens=5)) == ((500, 200), (205, 200))
    report("dora", 70_000, 20_000)
    # Of four the third, and never more than the policy's first guess.
    assert estimate("alice") == (8192, 8192)
    report("alice", 30, 9)
    assert (estimate("alice"), estimate("dora")) == ((39, 9), (90_000, 20_000))


def test_a_key_is_for_one_number_of_input_tokens(office):
    office.grant(llm_standard=100_000)
    ask = partial(budgets.reserve, office.as_actor("alice"), entity=GAP, amounts={}, model="gpt-4o-mini", key="k")
    first = ask(input_tokens=50)
    assert ask(input_tokens=50).result == first.result
    with pytest.raises(KeyReused):
        ask(input_tokens=60)
    with pytest.raises(AmountNotPositive):
        ask(input_tokens=-1, max_output_tokens=50, key="other")


def test_a_price_that_nobody_knows_counts_as_the_bound_of_its_reservation(office):
    office.grant(llm_standard=1000)
    held = office.reserve(usd=2 * USD, model="nobody-knows-9")
    assert office.settle(held.reservation, office.used(10, usd=None)).used_usd == 2 * USD
    (row,) = find_usage(office.tx, entity=GAP)
    assert row.usd is None
    assert office.limit().used == 2 * USD


def test_a_price_that_nobody_knows_counts_with_the_most_that_its_tier_may_cost(office):
    office.grant(llm_standard=1000, usd=USD)
    assert office.charge(office.used(10, usd=None, model="nobody-knows-9")).used_usd == 150
    assert office.charge(office.used(10, usd=None)).used_usd == 150
    assert (
        office.charge(office.used(3, "llm_batch", usd=None), office.used(1, "llm_reasoning", usd=2)).used_usd == 23 + 2
    )
    assert office.charge(office.used(10, "cpu_seconds", usd=None)).used_usd == 0
    assert {row.usd for row in find_usage(office.tx, entity=GAP)} == {None, 2}
    assert (office.limit().used, office.line("usd")[2]) == (325, 325)
    # Whoever names no model and states no bound reserves that much.
    held = office.reserve(usd=None)
    assert (held.usd, office.limit().held) == (1500, 1500)
    assert office.settle(held.reservation, office.used(200, usd=None)).used_usd == 3000
    less = office.reserve(usd=None)
    assert office.settle(less.reservation, office.used(1, usd=None), office.used(1, usd=7)).used_usd == 1500
    office.grant(llm_standard=10_000_000, usd=1000 * USD)
    with pytest.raises(budgets.DailyCapReached):
        office.reserve(usd=None, amounts={"llm_standard": 4_000_000})


def test_usage_without_a_time_is_of_the_time_of_its_command(office):
    office.grant(llm_standard=1000)
    event = UsageEvent("llm_standard", 10, model="gpt-4o", input_tokens=5, output_tokens=5)
    first = office.charge(event, key="k")
    office.pass_by(60)
    assert office.charge(event, key="k") == first
    (row,) = find_usage(office.tx, entity=GAP)
    assert row.used_at == row.recorded_at == DAWN
    assert row.usd == 63  # priced by that date: 5 tokens at 2.5 and 5 at 10 dollars a million, rounded up


def test_a_budget_in_dollars_binds_besides_the_daily_cap(office):
    office.grant(llm_standard=1000, usd=3 * USD)
    held = office.reserve(usd=2 * USD)
    assert (held.amounts, office.line("usd")) == ((("llm_standard", 100), ("usd", 2 * USD)), (3 * USD, 2 * USD, 0, USD))
    with pytest.raises(BudgetExhausted) as refused:
        office.reserve(usd=2 * USD)
    assert (refused.value.facts["unit"], refused.value.facts["short"]) == ("usd", "1")
    with pytest.raises(PriceUnknown):
        office.reserve(usd=None, model="nobody-knows-9")
    done = office.settle(held.reservation, office.used(10, usd=5 * USD))
    assert (done.used, done.debts) == ((("llm_standard", 10), ("usd", 5 * USD)), (("usd", 2 * USD),))
    assert office.line("usd") == (3 * USD, 0, 5 * USD, -2 * USD)
    free = office.grant(llm_standard=1000, usd=6 * USD)
    assert free.moved == (("usd", 3 * USD),)
    assert office.settle(office.reserve(usd=0).reservation, office.used(1, usd=USD)).used[1] == ("usd", USD)
    assert office.charge(office.used(1, usd=USD)).debts == (("usd", USD),)


def test_a_model_is_reserved_in_its_own_tier_and_used_in_any(office):
    """Found in review: a dear model could be reserved out of the budget of the cheap tier."""
    office.grant(llm_standard=1000, llm_batch=1000)
    with pytest.raises(budgets.TierDiffers, match="tier reasoning, whose tokens are llm_reasoning"):
        office.reserve(amounts={"llm_batch": 10}, model="o3", usd=None)
    held = office.reserve(amounts={"llm_batch": 10}, model="o3:batch")
    # What was used was used, whatever was reserved for.
    assert office.settle(held.reservation, office.used(5, "llm_batch", model="o3")).used == (("llm_batch", 5),)


def test_an_artifact_is_not_reached_by_another_way_of_writing_its_accounts(office):
    """Found in review: the type "gap:g" and the id "1" name the same accounts as the type "gap" and the id "g:1"."""
    office.artifact("g:1", "gap")
    mine = EntityKey("gap", "g:1")
    office.grant(mine, llm_standard=1000)
    with pytest.raises(UnknownEntity):
        office.reserve(entity=EntityKey("gap:g", "1"))
    with pytest.raises(UnknownEntity):
        perform_one(office.tx, Request(budgets.GiveNotice(EntityKey("gap:g", "1"), ("llm_standard",)), "alice"))
    office.reserve(entity=mine)
    assert office.line(entity=mine) == (1000, 100, 0, 900)


def test_sums_beyond_the_largest_amount_are_refused_where_they_are_passed(office):
    """Found in review: dollars that summed to more than a bigint ended in an error of the database."""
    office.grant(llm_standard=1000)
    held = office.reserve()
    for events in (
        (office.used(1), office.used(1, usd=MAX_AMOUNT), office.used(1, usd=1)),
        (office.used(1), office.used(MAX_AMOUNT, "api_calls"), office.used(1, "api_calls")),
        (office.used(1), office.used(1), office.used(MAX_AMOUNT // 10, usd=None)),
    ):
        with pytest.raises(budgets.UsageTooLarge, match="With event 2,"):
            office.settle(held.reservation, *events)
        with pytest.raises(budgets.UsageTooLarge, match="With event 2,"):
            office.charge(*events)
    assert (office.line(), find_usage(office.tx, entity=GAP)) == ((1000, 100, 0, 900), [])
    # As much as there can be, ten times: all of it is recorded, and the daily cap has counted as much as any cap can be.
    for _ in range(10):
        office.charge(office.used(1, usd=MAX_AMOUNT))
    assert office.limit().used == MAX_AMOUNT
    assert usage_totals(office.tx)[0].usd == 10 * MAX_AMOUNT
    with pytest.raises(budgets.DailyCapReached):
        office.reserve()


@pytest.mark.parametrize("text", ["a\0b", "a\\u0000b", "\ud800"])
def test_a_text_that_the_database_cannot_keep_is_refused_by_name(office, text):
    office.grant(llm_standard=1000)
    held = office.reserve()
    for field in ("model", "work", "context", "event", "source"):
        with pytest.raises(TextInvalid):
            office.charge(office.used(1, **{field: text}))
        with pytest.raises(TextInvalid):
            office.settle(held.reservation, office.used(1, **{field: text}))
    with pytest.raises(TextInvalid):
        office.reserve(work=text)


def test_only_who_is_registered_reserves(office):
    office.grant(llm_standard=1000)
    with pytest.raises(UnknownActor):
        office.reserve("ghost")
    office.reserve("system")
    assert office.line() == (1000, 100, 0, 900)


def test_a_budget_in_dollars_pays_for_what_was_reserved_before_it(office):
    """Found in review: a reservation from before the budget in dollars did not take anything out of it."""
    office.grant(llm_standard=1000)
    held, late = office.reserve(usd=USD), office.reserve(usd=USD, seconds=5)
    office.grant(llm_standard=1000, usd=5 * USD)
    done = office.settle(held.reservation, office.used(10, usd=2 * USD))
    assert (done.used, office.line("usd")) == ((("llm_standard", 10), ("usd", 2 * USD)), (5 * USD, 0, 2 * USD, 3 * USD))
    office.pass_by(10)
    budgets.expire_due_reservations(office.as_actor("system"))
    assert office.settle(late.reservation, office.used(10, usd=4 * USD)).debts == (("usd", USD),)


def test_what_one_pool_granted_does_not_go_to_another_by_its_name(office):
    """Found in review: a budget set lower under another pool's name moved the difference there."""
    office.grant(llm_standard=1000)
    office.settle(office.reserve().reservation, office.used(100))
    operator = office.as_actor("operator")
    for given in ({"llm_standard": 500}, {"llm_batch": 5}, {}):
        with pytest.raises(budgets.PoolDiffers) as refused:
            budgets.set_budget(operator, entity=GAP, pool="other", budgets=given)
    assert refused.value.facts == {"whom": "gap 'g'", "pool": "main", "given": "other", "left": "900 llm_standard"}
    assert budgets.set_budget(operator, entity=GAP, pool="main", budgets={"llm_standard": 100}).result.moved == (
        ("llm_standard", -900),
    )
    ledger.issue(operator, account=ledger.AccountKey("pool:other", "pool", "llm_standard"), amount=7, reason="x")
    moved = budgets.set_budget(operator, entity=GAP, pool="other", budgets={"llm_standard": 107}).result
    assert (moved.pool, moved.moved, office.line()) == ("other", (("llm_standard", 7),), (107, 0, 100, 7))


def test_what_is_stored_is_charged_by_the_hour_as_it_accrues(office):
    from scidex.metering import ObservationTooEarly

    office.grant(storage_gb_hours=100 * USD)
    observe = partial(budgets.observe_stored, office.as_actor("alice"), entity=GAP, store="bucket")
    assert observe(size=5 * 10**9).result.used == ()
    office.pass_by(3600)
    assert observe(size=10**9).result.used == (("storage_gb_hours", 5 * USD),)
    office.pass_by(7200)
    assert observe(key="again").result.used == (("storage_gb_hours", 2 * USD),)
    assert observe(key="again").result.used == (("storage_gb_hours", 2 * USD),)
    assert office.line("storage_gb_hours") == (100 * USD, 0, 7 * USD, 93 * USD)
    with pytest.raises(ObservationTooEarly):
        observe(at=office.tx.now.replace(hour=0))
    with pytest.raises(UnknownEntity):
        observe(entity=EntityKey("gap", "unheard of"))
