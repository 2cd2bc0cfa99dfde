"""What every door reads and writes alike: limits, pages and the places to continue them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, TypeVar

from scidex.core.errors import Invalid, Refusal
from scidex.core.units import Unit, parse_amount
from scidex.exchange.markets import PRICE_DECIMALS
from scidex.views.base import Page

Row = TypeVar("Row")
Item = TypeVar("Item")

PRICE = Unit("price", PRICE_DECIMALS, "tokens per share, from 0 to 1")


class CursorInvalid(Invalid):
    """{given!r} is not the `next` of a page; pass on what the page before gave, or nothing for the first page."""


def limit_price_of(given: str | int | float | None, side: str) -> int | None:
    """A limit in parts of a price; digits below them are dropped so that the limit is never wider than was asked.

    Refuses: AmountNotNumber, AmountNotFinite, AmountNegative, AmountTooFine, AmountTooLarge.

    >>> limit_price_of(1 / 3, "buy"), limit_price_of("0.33333333333333", "sell"), limit_price_of(None, "buy")
    (333333333333, 333333333334, None)
    """
    if given is None:
        return None
    exact: str | int | float | Decimal = given
    try:
        number = Decimal(str(given))
        if not isinstance(given, bool) and 0 <= number <= 1:
            part = Decimal(1).scaleb(-PRICE_DECIMALS)
            exact = number.quantize(part, ROUND_CEILING if side == "sell" else ROUND_FLOOR)
    except (InvalidOperation, ValueError):
        pass  # which `parse_amount` names
    return parse_amount(exact, PRICE, field="limit_price", zero=True)


def page(
    kind: type[Page[Item]],
    found: Sequence[Row],
    limit: int,
    view: Callable[[Row], Item],
    following: Callable[[Row], str | int],
) -> Page[Item]:
    """At most `limit` of what was found, which is one more where there is a following page."""
    shown = found[:limit]
    return kind(items=[view(row) for row in shown], next=following(shown[-1]) if len(found) > limit else None)


def cursor(*names: str) -> str:
    """The place in a list after these names."""
    return json.dumps(names, separators=(",", ":"))


def names_of(given: str | None, count: int) -> tuple[str, ...]:
    """The names in a cursor, empty ones at the start of the list. Refuses: CursorInvalid.

    >>> names_of(cursor("hypothesis", "tau/amyloid"), 2), names_of(None, 2)
    (('hypothesis', 'tau/amyloid'), ('', ''))
    """
    if given is None:
        return ("",) * count
    try:
        names = json.loads(given)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or [type(name) for name in names] != [str] * count or "\0" in "".join(names):
        raise CursorInvalid(given=given[:60])
    return tuple(names)


def facts_of(refusal: Refusal) -> dict[str, Any]:
    """The facts of a refusal as JSON carries them: numbers stay numbers, whatever else becomes text."""
    return {name: _plain(value) for name, value in refusal.facts.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, (str, int)):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def explained(wrong: Sequence[Mapping[str, Any]]) -> str:
    """What pydantic found wrong, in one line: where, and what, at most five times."""
    shown = [f"{'.'.join(map(str, found['loc']))[:100]}: {_said(found)}".removeprefix(": ") for found in wrong[:5]]
    return "; ".join(shown) + (f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else "")


def _said(found: Mapping[str, Any]) -> str:
    said: str = found["msg"]
    return said.removeprefix("Value error, ")
