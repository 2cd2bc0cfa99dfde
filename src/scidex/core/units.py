"""Units and amounts: whole numbers of a unit's smallest part, never a float.

Inside the house every amount is an ``int`` of parts. Text becomes parts here (`parse_amount`) and parts become
text here (`format_amount`, `to_number`), and nowhere else.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation, localcontext
from typing import NamedTuple

from scidex.core.errors import Invalid

MAX_AMOUNT = 10**15 - 1
"""The largest amount or balance, in parts of its unit: 999,999,999.999999 tokens, 10^15 - 1 LLM tokens.

Every decimal number of 15 digits survives a double, JSON and JavaScript unchanged (16 digits do not), so every figure
that leaves the house is exact to its last part."""


class Unit(NamedTuple):
    """A scarce thing that accounts hold; `decimals` is how many decimal digits its smallest part has."""

    name: str
    decimals: int
    what: str

    @property
    def parts(self) -> int:
        """Parts in one whole unit.

        >>> TOKEN.parts
        1000000
        """
        return int(10**self.decimals)


TOKEN = Unit("token", 6, "the money of the exchange: stakes, prices, bounties, payouts")
USD = Unit("usd", 6, "US dollars billed by providers")
LLM_REASONING = Unit("llm_reasoning", 0, "LLM tokens of the reasoning tier")
LLM_STANDARD = Unit("llm_standard", 0, "LLM tokens of the standard tier")
LLM_BATCH = Unit("llm_batch", 0, "LLM tokens of the batch tier")
CPU_SECONDS = Unit("cpu_seconds", 3, "seconds of one CPU core")
STORAGE_GB_HOURS = Unit("storage_gb_hours", 6, "gigabytes stored for one hour")
API_CALLS = Unit("api_calls", 0, "calls to metered outside services")

UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        TOKEN, USD, LLM_REASONING, LLM_STANDARD, LLM_BATCH, CPU_SECONDS, STORAGE_GB_HOURS, API_CALLS
    )
}  # fmt: skip


class UnknownUnit(Invalid):
    """There is no unit {unit!r}; use one of {known}."""


class AmountNotNumber(Invalid):
    """{field} is {given!r}, which is not a number; write a decimal number such as 12.5."""


class AmountNotFinite(Invalid):
    """{field} is {given!r}; write a finite decimal number such as 12.5."""


class AmountNotPositive(Invalid):
    """{field} is {given}; it must be greater than zero."""


class AmountNegative(Invalid):
    """{field} is {given}; it must not be below zero."""


class AmountTooFine(Invalid):
    """{field} is {given}, finer than the smallest part of {unit} (10^-{decimals}); round it."""


class AmountTooLarge(Invalid):
    """{field} is {given}, above the largest amount of {unit}, which is {largest}; ask for less."""


def unit_named(name: str) -> Unit:
    """The unit of that name. Refuses: UnknownUnit."""
    try:
        return UNITS[name]
    except (KeyError, TypeError):
        raise UnknownUnit(unit=name, known=", ".join(UNITS)) from None


def parse_amount(
    given: str | int | float | Decimal, unit: Unit = TOKEN, *, field: str = "amount", zero: bool = False
) -> int:
    """Whole units as people and JSON write them, as parts: exact, nothing is rounded.

    A float means the amount that it stands for within its own precision, so 0.1 is a tenth and 0.1 + 0.2 three tenths.
    `zero` admits 0.
    Refuses: AmountNotNumber, AmountNotFinite, AmountNotPositive, AmountNegative, AmountTooFine, AmountTooLarge.

    >>> parse_amount("12.5"), parse_amount(0.1), parse_amount(7, LLM_STANDARD)
    (12500000, 100000, 7)
    >>> parse_amount("0.0000001")
    Traceback (most recent call last):
    scidex.core.units.AmountTooFine: amount is 0.0000001, finer than the smallest part of token (10^-6); round it.
    """
    shown = brief(given)
    # Decimal would also take 1_000 and the digits of every script, which is more often a slip than meant.
    if isinstance(given, str) and ("_" in given or not given.isascii()):
        raise AmountNotNumber(field=field, given=shown)
    if isinstance(given, bool) or not isinstance(given, (str, int, float, Decimal)):
        raise AmountNotNumber(field=field, given=shown)
    try:
        with localcontext() as context:
            context.prec = 400
            if isinstance(given, float):
                given = _meant(given, unit)
            number = Decimal(str(given).strip()) if isinstance(given, (str, float)) else Decimal(given)
            if not number.is_finite():
                raise AmountNotFinite(field=field, given=shown)
            _check_sign(number, shown, field, zero)
            if number > MAX_AMOUNT:
                raise _too_large(shown, unit, field)
            scaled = number.scaleb(unit.decimals)
            parts = int(scaled)
            if scaled != parts:
                raise AmountTooFine(field=field, given=shown, unit=unit.name, decimals=unit.decimals)
    except (InvalidOperation, ValueError):
        raise AmountNotNumber(field=field, given=shown) from None
    if parts > MAX_AMOUNT:
        raise _too_large(shown, unit, field)
    return parts


def check_amount(parts: int, unit: Unit = TOKEN, *, field: str = "amount") -> int:
    """The amount itself if it is a whole number of parts between 1 and MAX_AMOUNT.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge.
    """
    if type(parts) is not int:
        raise AmountNotNumber(field=field, given=brief(parts))
    if 0 < parts <= MAX_AMOUNT:
        return parts
    shown = format_amount(parts, unit) if abs(parts) < 10**40 else brief(parts)
    if parts <= 0:
        raise AmountNotPositive(field=field, given=shown)
    raise _too_large(shown, unit, field)


def format_amount(parts: int, unit: Unit = TOKEN) -> str:
    """Parts as an exact decimal number of whole units, without trailing zeros.

    >>> format_amount(12_500_000), format_amount(-1), format_amount(7, LLM_STANDARD)
    ('12.5', '-0.000001', '7')
    """
    if not unit.decimals:
        return str(parts)
    sign = "-" if parts < 0 else ""
    whole, rest = divmod(abs(parts), unit.parts)
    digits = f"{rest:0{unit.decimals}d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def to_number(parts: int, unit: Unit = TOKEN) -> int | float:
    """Parts as the number that JSON carries: exact, because no amount is above MAX_AMOUNT.

    >>> to_number(12_500_000), to_number(7, LLM_STANDARD)
    (12.5, 7)
    """
    return parts / unit.parts if unit.decimals else parts


def brief(given: object) -> str:
    """At most 40 characters of what was given, so that a refusal stays one line whatever it was."""
    try:
        text = str(given)
    except ValueError:  # Python refuses to print whole numbers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 40 else text[:37] + "..."


def _meant(given: float, unit: Unit) -> float:
    """The amount with so many digits that a float stands for, if there is one within the error of a few sums."""
    nearest = round(given, unit.decimals) if math.isfinite(given) else given
    return nearest if nearest and abs(nearest - given) <= 16 * math.ulp(given) else given


def _check_sign(number: Decimal, shown: str, field: str, zero: bool) -> None:
    if zero and number < 0:
        raise AmountNegative(field=field, given=shown)
    if not zero and number <= 0:
        raise AmountNotPositive(field=field, given=shown)


def _too_large(shown: str, unit: Unit, field: str) -> AmountTooLarge:
    return AmountTooLarge(field=field, given=shown, unit=unit.name, largest=format_amount(MAX_AMOUNT, unit))
