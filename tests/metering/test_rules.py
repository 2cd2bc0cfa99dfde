"""What counts as usage, in which tier, at what price, and how what is stored accrues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from importlib.metadata import version

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from scidex.core.machine import Context, State
from scidex.core.names import NameInvalid
from scidex.core.units import AmountNegative, AmountNotNumber, AmountNotPositive, AmountTooLarge
from scidex.metering import (
    STORES,
    CachedAboveInput,
    ObservationTooEarly,
    Price,
    PriceUnknown,
    StoreKey,
    StoreSizeInvalid,
    TimestampInFuture,
    TimestampInvalid,
    TimestampTooOld,
    TokensDiffer,
    TokensMisplaced,
    UnknownModel,
    UnknownResource,
    UnknownTier,
    UsageEvent,
    bound_of,
    check_event,
    observe_store,
    price_of,
    require_price,
    tier_of,
    tier_of_unit,
    unit_of_tier,
)
from scidex.policy import Policy

BOOK = f"genai-prices {version('genai-prices')}"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def context(now=NOON, **policy):
    return Context("alice", now, Policy(**policy), 1, 7)


def event(unit="llm_standard", amount=10, used_at=NOON, **more):
    return UsageEvent(unit, amount, used_at, **more)


SPLIT = {"input_tokens": 6, "output_tokens": 4}


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"unit": "token"}, UnknownResource),
        ({"unit": "usd"}, UnknownResource),
        ({"amount": 0}, AmountNotPositive),
        ({"amount": -5}, AmountNotPositive),
        ({"amount": 10**15}, AmountTooLarge),
        ({"amount": 1.5}, AmountNotNumber),
        ({"input_tokens": 10}, TokensDiffer),
        ({"cached_tokens": 3}, TokensDiffer),
        ({"input_tokens": 6, "output_tokens": 5}, TokensDiffer),
        ({"input_tokens": 11, "output_tokens": -1}, AmountNegative),
        ({**SPLIT, "cached_tokens": -1}, AmountNegative),
        ({**SPLIT, "cached_tokens": 4, "cache_write_tokens": 3}, CachedAboveInput),
        ({"unit": "cpu_seconds", **SPLIT}, TokensMisplaced),
        ({"usd": -1}, AmountNegative),
        ({"usd": 0.0}, AmountNotNumber),
        ({"used_at": NOON + timedelta(seconds=301)}, TimestampInFuture),
        ({"used_at": NOON - timedelta(days=366, seconds=1)}, TimestampTooOld),
        ({"used_at": NOON.replace(tzinfo=None)}, TimestampInvalid),
        ({"used_at": "2026-01-01"}, TimestampInvalid),
        ({"model": ""}, NameInvalid),
        ({"event": "x" * 201}, NameInvalid),
        ({"source": " api"}, NameInvalid),
    ],
)
def test_what_an_event_is_refused_for(change, refusal):
    with pytest.raises(refusal):
        check_event(event(**change), context())


def test_an_event_at_the_bounds_is_taken_as_it_is():
    for used_at in (NOON + timedelta(seconds=300), NOON - timedelta(days=366)):
        given = event(used_at=used_at, **SPLIT, cached_tokens=2, cache_write_tokens=4, usd=0, price_source="book")
        assert check_event(given, context()) is given
    assert check_event(event(usd=5), context()).price_source == "given"
    assert check_event(event(price_source="book"), context()).price_source is None


def test_a_clock_ahead_is_told_by_how_much():
    with pytest.raises(TimestampInFuture, match=r"360\.0 s ahead of our clock, more than the 300 s"):
        check_event(event(used_at=NOON + timedelta(minutes=6)), context())


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("o3-mini", "reasoning"),
        ("gpt-5", "reasoning"),
        ("gpt-5-mini", "standard"),
        ("GPT-4o", "standard"),
        ("openai/gpt-4o", "standard"),
        ("openrouter/anthropic/claude-opus-4", "reasoning"),
        ("meta-llama/Llama-3-70b", "standard"),
        ("deepseek-r1", "reasoning"),
        ("gpt-4o:batch", "batch"),
        ("claude-sonnet-4-5:batch", "batch"),
        ("openai/gpt-5-mini-batch", "batch"),
        ("nobody knows", "standard"),
    ],
)
def test_a_model_is_in_the_tier_of_the_longest_pattern_and_before_that_of_the_batch_tiers(model, tier):
    assert tier_of(model, Policy()) == tier


def test_the_order_of_a_policy_decides_no_tier():
    tiers = {"batch": ("x-a*",), "reasoning": ("x-*b",), "standard": ("x*",)}
    for order in (tiers, dict(reversed(tiers.items()))):
        assert tier_of("x-ab", Policy(model_tiers=order)) == "batch"
        assert tier_of("x-cb", Policy(model_tiers=order)) == "reasoning"
        assert tier_of("x-c", Policy(model_tiers=order)) == "standard"


def test_an_unknown_model_is_refused_where_the_policy_says_so():
    with pytest.raises(UnknownModel, match="hal-9000"):
        tier_of("hal-9000", Policy(unknown_model_tier=None))
    with pytest.raises(UnknownTier):
        unit_of_tier("cheap")
    assert [tier_of_unit(unit_of_tier(tier)) for tier in ("reasoning", "standard", "batch")] == [
        "reasoning", "standard", "batch"
    ]  # fmt: skip


def price(model="claude-sonnet-4-5", provider=None, *, at=NOON, policy=None, counts=(1000, 100, 0, 0)):
    names = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens")
    facts = dict(zip(names, counts, strict=True))
    return price_of(model=model, provider=provider, used_at=at, policy=policy or Policy(), **facts)


def test_a_price_is_that_of_the_day_of_use():
    changed = next(
        (model, found.prices)
        for each in get_snapshot().providers
        if each.id == "anthropic"
        for found in each.models
        if (model := found.id) and isinstance(found.prices, list)
    )
    model, spans = changed
    day = spans[1].constraint.start_date
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    counts = (300_000, 1000, 0, 0)
    before, after = (price(model, "anthropic", at=at, counts=counts) for at in (begins - timedelta(seconds=1), begins))
    assert before.usd != after.usd
    for at, found in ((begins - timedelta(seconds=1), before), (begins, after)):
        usage = Usage(input_tokens=300_000, output_tokens=1000)
        theirs = calc_price(usage, model, provider_id="anthropic", genai_request_timestamp=at).total_price
        assert found == Price(int(theirs * 10**6), BOOK)


MODELS = [(each.id, model.id) for each in get_snapshot().providers for model in each.models]


@given(
    which=st.sampled_from(MODELS),
    given_tokens=st.integers(0, 400_000),
    returned=st.integers(0, 100_000),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    at=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - the zone is added below
)
@settings(max_examples=200, deadline=None)
def test_a_price_is_the_package_s_to_the_part_and_never_above_the_bound(which, given_tokens, returned, shares, at):
    provider, model = which
    at = at.replace(tzinfo=UTC)
    read, written = (int(given_tokens * share) for share in shares)
    ours = price(model, provider, at=at, counts=(given_tokens, returned, read, written))
    if ours.usd is None:
        return
    usage = Usage(input_tokens=given_tokens, output_tokens=returned, cache_read_tokens=read, cache_write_tokens=written)
    theirs = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at).total_price
    assert ours.usd == int((theirs * 10**6).to_integral_value(ROUND_CEILING))
    most = bound_of(
        model=model, provider=provider, input_tokens=given_tokens, output_tokens=returned, at=at, policy=Policy()
    )
    assert most.usd is not None and most.usd >= ours.usd


def test_a_price_of_the_policy_comes_first_and_is_rounded_up():
    policy = Policy(model_prices={"Mine": {"input": Decimal("0.1"), "output": Decimal("0.4")}, "gpt-4o": {"input": 1}})
    assert price("org/mine", counts=(1, 0, 0, 0), policy=policy) == Price(1, "policy")
    assert price("mine", counts=(11, 1, 0, 0), policy=policy) == Price(2, "policy")
    assert price("gpt-4o", counts=(5, 0, 5, 0), policy=policy) == Price(5, "policy")
    assert price("gpt-4o", counts=(5, 1, 0, 0), policy=policy) == Price(None, None), "nobody stated its output"


def test_a_price_that_nobody_knows_is_unknown_and_not_nothing():
    assert price("hal-9000") == price("gpt-4o", "no such provider") == price(None) == Price(None, None)
    assert price("openai/gpt-4o") == price("gpt-4o", "openai")
    with pytest.raises(PriceUnknown, match="hal-9000"):
        require_price(price("hal-9000"), model="hal-9000", context=context())
    assert require_price(Price(None, None), model="hal-9000", context=context(unknown_price="uncounted")) == 0
    assert require_price(Price(7, "book"), model="hal-9000", context=context()) == 7


KEY = StoreKey("gap", "g", "bucket")


def observe(state, size, at):
    found = observe_store(state, context(now=at), key=KEY, size=size, at=at)
    return 0 if found is None else found.amount


@given(
    steps=st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**11), st.integers(0, 5)), min_size=1, max_size=8)
)
@settings(max_examples=200, deadline=None)
def test_what_is_stored_accrues_the_same_however_often_it_is_looked_at(steps):
    """Sizes change at the steps; in between the store is looked at some more times, which changes nothing."""
    often, seldom = State(complete=True), State(complete=True)
    total, exact, at = [0, 0], Fraction(0), NOON
    for size, span, looks in steps:
        total[0] += observe(often, size, at)
        total[1] += observe(seldom, size, at)
        for look in range(looks):
            total[0] += observe(often, None, at + timedelta(microseconds=span * (look + 1) // (looks + 1)))
        at += timedelta(microseconds=span)
        exact += Fraction(size * span, 3600 * 10**9)
    total[0] += observe(often, None, at)
    total[1] += observe(seldom, None, at)
    assert total[0] == total[1] == int(exact)
    rest = often.get(STORES, KEY).remainder
    assert rest == seldom.get(STORES, KEY).remainder and int(exact) + Fraction(rest, 3600 * 10**9) == exact


def test_a_gigabyte_for_an_hour_is_one_gb_hour():
    state = State(complete=True)
    assert observe(state, 10**9, NOON) == 0
    assert observe(state, 0, NOON + timedelta(hours=1)) == 10**6
    assert observe(state, 5, NOON + timedelta(days=300)) == 0


def test_observations_come_in_order_and_in_bytes():
    state = State(complete=True)
    observe(state, 5, NOON)
    with pytest.raises(ObservationTooEarly):
        observe(state, 5, NOON - timedelta(seconds=1))
    for size in (-1, 1.5, 10**18 + 1, True):
        with pytest.raises(StoreSizeInvalid):
            observe(state, size, NOON)
    with pytest.raises(TimestampInFuture):
        observe_store(state, context(), key=KEY, size=1, at=NOON + timedelta(hours=1))
