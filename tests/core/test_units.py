"""Amounts come in exactly or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scidex.core.units import (
    CPU_SECONDS,
    LLM_STANDARD,
    MAX_AMOUNT,
    TOKEN,
    UNITS,
    AmountNegative,
    AmountNotFinite,
    AmountNotNumber,
    AmountNotPositive,
    AmountTooFine,
    AmountTooLarge,
    UnknownUnit,
    format_amount,
    parse_amount,
    to_number,
    unit_named,
)


@pytest.mark.parametrize(
    ("given", "unit", "parts"),
    [
        ("1", TOKEN, 1_000_000),
        (" 0.000001 ", TOKEN, 1),
        ("1e3", TOKEN, 10**9),
        (0.1, TOKEN, 100_000),
        (1e-6, TOKEN, 1),
        (0.1 + 0.2, TOKEN, 300_000),
        (0.05 + 0.001, TOKEN, 51_000),
        (sum([0.1] * 10), TOKEN, 1_000_000),
        (3, LLM_STANDARD, 3),
        ("3.0", LLM_STANDARD, 3),
        ("0.001", CPU_SECONDS, 1),
        (f"{MAX_AMOUNT // 10**6}.{MAX_AMOUNT % 10**6:06d}", TOKEN, MAX_AMOUNT),
    ],
)
def test_an_amount_is_read_exactly(given, unit, parts):
    assert parse_amount(given, unit) == parts


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("", AmountNotNumber),
        ("ten", AmountNotNumber),
        ("1,5", AmountNotNumber),
        ("1_000", AmountNotNumber),
        ("١٢", AmountNotNumber),
        (None, AmountNotNumber),
        (True, AmountNotNumber),
        ([1], AmountNotNumber),
        ("nan", AmountNotFinite),
        (float("nan"), AmountNotFinite),
        (float("inf"), AmountNotFinite),
        ("-Infinity", AmountNotFinite),
        ("sNaN", AmountNotFinite),
        (0, AmountNotPositive),
        ("-0", AmountNotPositive),
        (-5, AmountNotPositive),
        ("0.0000001", AmountTooFine),
        ("1.0000001", AmountTooFine),
        ("0.30000000000000004", AmountTooFine),
        (1.0000001, AmountTooFine),
        (1e-7, AmountTooFine),
        ("1e-400", AmountTooFine),
        ("1000000000", AmountTooLarge),
        ("1e400", AmountTooLarge),
        ("1e999999999999999999999", AmountNotNumber),
        pytest.param(10**5000, AmountTooLarge, id="a number of 5,001 digits"),
        pytest.param("9" * 5000, AmountTooLarge, id="5,000 nines"),
    ],
)
def test_what_is_no_amount_is_refused_by_name_in_one_line(given, refusal):
    with pytest.raises(refusal) as refused:
        parse_amount(given)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_zero_is_an_amount_where_it_may_be():
    assert parse_amount("0", zero=True) == 0
    with pytest.raises(AmountNegative):
        parse_amount("-1", zero=True)


def test_an_unknown_unit_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownUnit) as refused:
        unit_named("gold")
    assert "llm_reasoning" in str(refused.value)


@given(st.integers(1, MAX_AMOUNT), st.sampled_from(sorted(UNITS)))
def test_every_amount_survives_the_way_out_and_back(parts, name):
    unit = UNITS[name]
    assert parse_amount(format_amount(parts, unit), unit) == parts
    assert parse_amount(to_number(parts, unit), unit) == parts
