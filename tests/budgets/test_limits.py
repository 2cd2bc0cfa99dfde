"""Caps: of the fleet, an actor, a provider, an artifact; all at once, within their windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.budgets.conftest import GAP, USD

from scidex.actors import RoleNeeded
from scidex.core.errors import Busy
from scidex.core.units import AmountNotPositive
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.policy import HOUSE, Policy, enact_policy
from scidex.senate import budgets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def day(office):
    office.at(NOON)
    office.grant(llm_standard=10**9)
    return office


def test_the_daily_cap_warns_at_four_fifths_refuses_at_all_and_starts_anew_at_midnight_utc(day):
    assert day.reserve(usd=39 * USD).warnings == ()
    held = day.reserve(usd=USD)
    assert held.warnings == ("the fleet has used or reserved 40 usd of 50",)
    assert day.reserve(usd=2 * USD).warnings == ()
    (warning,) = budgets.find_budget_events(day.tx, sort="warning")
    assert (warning.scope, warning.unit, warning.amount, warning.cap, warning.at) == (
        "fleet",
        "usd",
        40 * USD,
        50 * USD,
        NOON,
    )
    with pytest.raises(budgets.DailyCapReached) as refused:
        day.reserve(usd=9 * USD)
    assert refused.value.status == 402
    assert refused.value.facts == {
        "cap": "daily cap of 50",
        "whom": "the fleet",
        "available": "8",
        "unit": "usd",
        "needed": "9",
        "short": "1",
        "resets_at": MIDNIGHT.isoformat(),
        "fits": "999999700 llm_standard, 8 usd",
    }
    day.reserve(usd=8 * USD)
    day.at(MIDNIGHT - timedelta(microseconds=1))
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=1)
    day.settle(held.reservation, day.used(1, usd=USD))
    day.at(MIDNIGHT)
    # What is in flight at midnight may still be used in the new day, so it counts there.
    assert (day.limit().used, day.limit().held) == (0, 49 * USD)
    day.reserve(usd=USD)
    assert len(budgets.find_budget_events(day.tx, sort="warning")) == 2
    with pytest.raises(budgets.DailyCapReached) as refused:
        day.reserve(usd=1)
    assert refused.value.facts["resets_at"] == (MIDNIGHT + timedelta(days=1)).isoformat()


def test_what_was_used_yesterday_is_not_counted_today(day):
    held = day.reserve(usd=50 * USD)
    day.settle(held.reservation, day.used(100, usd=50 * USD))
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=1)
    day.at(MIDNIGHT)
    assert day.limit().used == 0
    day.reserve(usd=50 * USD)


def test_a_settle_after_midnight_counts_in_the_new_day(day):
    held = day.reserve(usd=50 * USD, seconds=86_400)
    day.at(MIDNIGHT)
    day.settle(held.reservation, day.used(100, usd=20 * USD))
    assert (day.limit().used, day.limit().held) == (20 * USD, 0)


def test_a_server_whose_clock_is_a_little_ahead_begins_the_day_once_for_all(day):
    """Found in review: a clock ahead begins the window early, and a right one must not begin it again."""
    day.reserve(usd=40 * USD)
    day.at(MIDNIGHT)
    day.reserve(usd=2 * USD)
    for early in (200, 100, 1):
        day.at(MIDNIGHT - timedelta(seconds=early))
        with pytest.raises(budgets.DailyCapReached):
            day.reserve(usd=9 * USD)
        day.at(MIDNIGHT + timedelta(seconds=100))
        with pytest.raises(budgets.DailyCapReached):
            day.reserve(usd=9 * USD)
    day.charge(day.used(1, usd=3 * USD))
    day.at(MIDNIGHT - timedelta(seconds=1))
    day.charge(day.used(1, usd=4 * USD))
    day.at(MIDNIGHT + timedelta(hours=23))
    assert (day.limit().used, day.limit().held) == (7 * USD, 42 * USD)
    day.at(MIDNIGHT + timedelta(days=1))
    assert day.limit().used == 0


def test_a_window_that_a_clock_far_ahead_began_comes_back_with_what_was_counted(day):
    """Found in review: until the day of that clock the cap was one for all days together."""
    day.at(NOON + timedelta(days=400))
    day.charge(day.used(1, usd=30 * USD))
    for ahead in (timedelta(0), timedelta(hours=2)):
        day.at(NOON + ahead)
        assert (day.limit().used, day.limit().resets_at) == (30 * USD, MIDNIGHT)
        with pytest.raises(budgets.DailyCapReached) as refused:
            day.reserve(usd=21 * USD)
        assert refused.value.facts["resets_at"] == MIDNIGHT.isoformat()
    day.charge(day.used(1, usd=10 * USD))
    assert day.limit().used == 40 * USD
    day.at(MIDNIGHT)
    assert day.limit().used == 0
    day.reserve(usd=50 * USD)


def test_once_the_truth_has_passed_the_cap_nothing_more_is_let_in(day):
    held = day.reserve(usd=USD)
    done = day.settle(held.reservation, day.used(100, usd=60 * USD))
    assert done.warnings == ("the fleet has used or reserved 60 usd of 50",)
    for usd in (0, 1, None):
        with pytest.raises(budgets.DailyCapReached) as refused:
            day.reserve(usd=usd)
    assert refused.value.facts["available"] == "0"
    day.charge(day.used(1, usd=USD))
    assert day.limit().used == 61 * USD


def test_at_the_cap_nothing_enters_whose_price_is_not_known_to_be_nothing(day):
    """Found in review: a call that was said to cost nothing came in at 100 %, and under an override of 0."""
    day.reserve(usd=49 * USD)
    day.reserve(usd=0)
    held = day.reserve(usd=USD)
    for terms in ({"usd": 0}, {"usd": 0, "model": "nobody-knows-9"}, {"usd": 1, "amounts": {"api_calls": 1}}):
        day.grant(api_calls=5)
        with pytest.raises(budgets.DailyCapReached) as refused:
            day.reserve(**terms)
        assert refused.value.facts["available"] == "0"
    # What costs no dollars goes on.
    day.reserve(amounts={"api_calls": 1})
    assert day.line("api_calls") == (5, 1, 0, 4)
    day.settle(held.reservation)
    day.reserve(usd=0)
    budgets.override_limit(day.as_actor("operator"), cap=0, reason="stop")
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=0)
    day.at(MIDNIGHT)
    day.reserve(usd=0)


def test_a_budget_in_dollars_that_is_used_up_lets_no_call_in_that_is_said_to_cost_nothing(day):
    day.grant(llm_standard=10**9, usd=USD)
    day.settle(day.reserve(usd=USD).reservation, day.used(1, usd=USD))
    with pytest.raises(BudgetExhausted):
        day.reserve(usd=0)


def test_a_model_that_costs_nothing_is_let_in_at_the_cap_and_not_beyond(day):
    free = Policy(model_prices={"mine": {"input": Decimal(0), "output": Decimal(0)}})
    enact_policy(day.as_actor(HOUSE), policy=free)
    day.tx.cache.clear()
    held = day.reserve(usd=50 * USD)
    assert day.reserve(usd=None, model="mine").usd == 0
    day.settle(held.reservation, day.used(1, usd=51 * USD))
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=None, model="mine")


def test_an_override_lifts_a_daily_cap_until_midnight_and_is_recorded(day):
    day.reserve(usd=50 * USD, seconds=60)
    lifted = budgets.override_limit(day.as_actor("operator"), cap=80 * USD, reason="the deadline is today").result
    assert (lifted.cap, lifted.resets_at) == (80 * USD, MIDNIGHT)
    assert day.reserve(usd=14 * USD).warnings == ("the fleet has used or reserved 64 usd of 80",)
    (event,) = budgets.find_budget_events(day.tx, sort="override")
    assert (event.amount, event.cap, event.note) == (50 * USD, 80 * USD, "operator: the deadline is today")
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=17 * USD)
    day.at(MIDNIGHT)
    assert day.limit().cap == 50 * USD
    with pytest.raises(budgets.OverrideNeedsReason):
        budgets.override_limit(day.as_actor("operator"), cap=1, reason=" ")
    with pytest.raises(budgets.UnknownLimit):
        budgets.override_limit(day.tx, cap=1, reason="why", scope="actor", subject="alice")
    with pytest.raises(RoleNeeded):
        budgets.override_limit(day.as_actor("alice"), cap=10**9, reason="why")


def test_every_cap_must_hold_at_once(day):
    operator = day.as_actor("operator")
    budgets.set_limit(operator, scope="actor", subject="alice", unit="llm_standard", window="total", cap=1000)
    budgets.set_limit(operator, scope="entity", subject="gap:g", unit="llm_standard", window="day", cap=1500)
    budgets.set_limit(operator, scope="fleet", unit="llm_standard", window="day", cap=1800)
    day.reserve(amounts={"llm_standard": 900})
    with pytest.raises(budgets.LimitReached) as refused:
        day.reserve(amounts={"llm_standard": 200})
    assert (refused.value.facts["whom"], refused.value.facts["fits"]) == ("actor 'alice'", "100 llm_standard, 50 usd")
    held = day.reserve("bob", amounts={"llm_standard": 600})
    with pytest.raises(budgets.DailyCapReached) as refused:
        day.reserve("bob", amounts={"llm_standard": 1})
    assert refused.value.facts["whom"] == "gap 'g'"
    budgets.set_limit(
        day.as_actor("operator"), scope="entity", subject="gap:g", unit="llm_standard", window="day", cap=None
    )
    with pytest.raises(budgets.DailyCapReached) as refused:
        day.reserve("bob", amounts={"llm_standard": 301})
    assert refused.value.facts["whom"] == "the fleet"
    day.settle(held.reservation, day.used(200), actor="bob")
    day.reserve("bob", amounts={"llm_standard": 700})
    assert (day.limit(unit="llm_standard").used, day.limit(unit="llm_standard").held) == (200, 1600)
    assert (day.limit("entity", "llm_standard", "gap:g").used, day.limit("entity", "llm_standard", "gap:g").cap) == (
        200,
        None,
    )


def test_a_total_never_resets_by_itself(day):
    budgets.set_limit(day.as_actor("operator"), scope="actor", subject="alice", unit="usd", window="total", cap=USD)
    day.settle(day.reserve(usd=USD).reservation, day.used(1, usd=USD))
    day.at(NOON + timedelta(days=400))
    with pytest.raises(budgets.LimitReached) as refused:
        day.reserve(usd=1)
    assert refused.value.facts["resets_at"] == "never by itself"
    assert day.limit("actor", "usd", "alice").resets_at is None
    budgets.set_limit(day.as_actor("operator"), scope="actor", subject="alice", unit="usd", window="total", cap=2 * USD)
    day.reserve(usd=USD)
    changed = budgets.set_limit(
        day.as_actor("operator"), scope="actor", subject="alice", unit="usd", window="day", cap=2 * USD
    ).result
    # Found in review: another sort of window forgot what was used.
    assert (changed.used, changed.held, changed.resets_at) == (USD, USD, MIDNIGHT + timedelta(days=400))
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(usd=1)


def test_a_provider_is_called_so_often_in_a_second_and_again_in_the_next(day):
    day.grant(api_calls=100)
    terms = {"amounts": {"api_calls": 1}, "provider": "PubMed"}
    for _ in range(3):
        day.reserve(**terms)
    with pytest.raises(budgets.ProviderRateReached) as refused:
        day.reserve(**terms)
    assert isinstance(refused.value, Busy)
    assert refused.value.facts == {
        "provider": "pubmed",
        "calls_per_s": 3,
        "needed": 1,
        "free_at": (NOON + timedelta(seconds=1)).isoformat(),
    }
    assert day.line("api_calls") == (100, 3, 0, 97)
    day.reserve(amounts={"api_calls": 5}, provider="never heard of")
    day.pass_by(1)
    day.reserve(**terms)
    with pytest.raises(budgets.LimitReached) as refused:
        day.reserve(amounts={"api_calls": 4}, provider="pubmed")
    assert refused.value.facts["fits"] == "3 api_calls"
    raised = budgets.set_limit(
        day.as_actor("operator"), scope="provider", subject="PubMed", unit="api_calls", window="second", cap=10
    ).result
    assert (raised.subject, raised.cap) == ("pubmed", 10)
    day.reserve(amounts={"api_calls": 9}, provider="pubmed")


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "king"},
        {"unit": "token"},
        {"unit": "gold"},
        {"window": "week"},
        {"window": "second"},
        {"window": "total"},
        {"subject": "somebody"},
        {"scope": "actor"},
        {"scope": "entity", "subject": "no-colon"},
        {"scope": "provider", "subject": "pubmed", "window": "second"},
        {"scope": "provider", "subject": "pubmed", "unit": "api_calls"},
    ],
)
def test_what_no_limit_can_be(day, change):
    terms = {"scope": "fleet", "subject": "", "unit": "usd", "window": "day", "cap": 5, **change}
    with pytest.raises(budgets.LimitInvalid):
        budgets.set_limit(day.as_actor("operator"), **terms)


def test_a_cap_may_be_nothing_and_not_less(day):
    operator = day.as_actor("operator")
    budgets.set_limit(operator, scope="actor", subject="alice", unit="llm_standard", window="day", cap=0)
    with pytest.raises(budgets.DailyCapReached):
        day.reserve(amounts={"llm_standard": 1})
    day.reserve("bob", amounts={"llm_standard": 1})
    for call in (budgets.set_limit, budgets.override_limit):
        terms = {"window": "day"} if call is budgets.set_limit else {"reason": "why"}
        with pytest.raises(AmountNotPositive):
            call(day.as_actor("operator"), scope="fleet", unit="usd", cap=-1, **terms)


def test_idle_grants_get_a_notice_and_go_back_to_their_pool(day):
    assert budgets.give_due_notices(day.as_actor("system")) == []
    day.pass_by(604_800)
    (told,) = budgets.give_due_notices(day.tx)
    assert (told.result.amounts, told.result.due_at) == (
        (("llm_standard", 10**9),),
        day.tx.now + timedelta(seconds=259_200),
    )
    assert budgets.give_due_notices(day.tx) == budgets.return_due_grants(day.tx) == []
    # Whatever is reserved takes the notice back.
    day.reserve()
    day.pass_by(259_200)
    assert budgets.return_due_grants(day.as_actor("system")) == []
    budgets.expire_due_reservations(day.tx)
    assert budgets.give_due_notices(day.tx) == []
    day.pass_by(604_800 - 259_200)
    assert len(budgets.give_due_notices(day.tx)) == 1
    day.pass_by(259_200)
    (back,) = budgets.return_due_grants(day.tx)
    assert (back.result.amounts, back.result.due_at) == ((("llm_standard", 10**9),), None)
    assert day.line() == (0, 0, 0, 0)
    found = budgets.find_budget(day.tx, GAP)
    assert found is not None and found.budgets == (("llm_standard", 0),)
    assert [event.sort for event in budgets.find_budget_events(day.tx)] == ["returned", "notice", "notice"]
    assert budgets.return_due_grants(day.tx) == budgets.give_due_notices(day.tx) == []


def test_a_notice_stands_only_where_nothing_is_reserved_or_left_to_return(day):
    from scidex.core.journal import Request, perform_one

    def ask(command):
        return perform_one(day.tx, Request(command, "system"))

    units = ("llm_standard",)
    with pytest.raises(budgets.GrantNotIdle):
        ask(budgets.GiveNotice(GAP, units))
    with pytest.raises(budgets.NoticeNotGiven):
        ask(budgets.ReturnGrant(GAP, units))
    day.reserve(seconds=60)
    day.pass_by(604_800)
    with pytest.raises(budgets.GrantNotIdle):
        ask(budgets.GiveNotice(GAP, units))
    with pytest.raises(budgets.GrantNotIdle):
        ask(budgets.GiveNotice(GAP, ()))
    budgets.expire_due_reservations(day.as_actor("system"))
    told = ask(budgets.GiveNotice(GAP, units)).result
    with pytest.raises(budgets.GrantNotIdle):
        ask(budgets.ReturnGrant(GAP, units))
    with pytest.raises(budgets.NoticeNotGiven):
        ask(budgets.ReturnGrant(GAP, units, None, told.due_at))
    with pytest.raises(RoleNeeded):
        perform_one(day.tx, Request(budgets.ReturnGrant(GAP, units), "alice"))


def test_a_grant_of_an_allocation_that_nobody_touched_goes_back_to_the_pool_it_came_from(office):
    from scidex.core.journal import Request, perform_one
    from scidex.entities import EntityKey
    from scidex.exchange import bounties
    from scidex.exchange import resource_allocator as allocator

    office.actor("carol", 100)
    office.artifact("h", "gap")
    bounties.offer_bounty(
        office.as_actor("carol"), artifact=EntityKey("gap", "h"), amount=50 * USD, seconds=10**6, purpose="p"
    )
    office.fund("llm_standard", 1000)
    allocator.allocate_pool(office.tx, pool="main", unit="llm_standard", cycle="c1")
    office.pass_by(604_800)
    (told,) = budgets.give_due_notices(office.as_actor("system"))
    office.pass_by(259_200)
    with pytest.raises(budgets.PoolUnknown):
        perform_one(office.tx, Request(budgets.ReturnGrant(EntityKey("gap", "h"), ("llm_standard",)), "system"))
    (back,) = budgets.return_due_grants(office.tx)
    assert back.result.amounts == told.result.amounts == (("llm_standard", 1000),)
    assert office.line(entity=EntityKey("gap", "h"))[0] == 0
    office.fund("llm_standard", 1)


def test_a_stated_bound_in_dollars_does_not_go_below_what_the_prices_say(office):
    """Found in review: a caller who stated 0 dollars was not held to the daily cap."""
    office.grant(llm_standard=10**9)
    reserved = office.reserve(amounts={"llm_standard": 1_000_000}, model="gpt-4o", usd=0)
    assert reserved.usd >= 2 * USD
    with pytest.raises(budgets.DailyCapReached):
        office.reserve(amounts={"llm_standard": 100_000_000}, model="gpt-4o", usd=0)
