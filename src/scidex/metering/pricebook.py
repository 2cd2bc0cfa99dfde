"""What LLM calls cost: prices of the policy first, then those of the package genai-prices, by date of use.

The package carries its prices along; nothing here looks at the network. Money is computed in whole numbers, exact, and
rounded up to a part of a dollar at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from importlib.metadata import version
from math import lcm
from typing import Any, NamedTuple

from scidex.metering.model import Price
from scidex.metering.tiers import names_of
from scidex.policy import Policy

_UNKNOWN = Price(None, None)
_POLICY = "policy"


class _Rates(NamedTuple):
    """What a token of each sort, and a call, cost: parts of a dollar times `scale`. None where nobody knows."""

    above: int
    """Input tokens above which these rates hold, for all tokens of the call."""
    scale: int
    input: int | None
    output: int | None
    cached: int | None
    cache_write: int | None
    output_most: int | None
    """Of the sorts of output the dearest."""
    call: int


class _Span(NamedTuple):
    """Rates, by rising `above`, and the package's condition for the time of use; None holds always."""

    condition: Any
    steps: tuple[_Rates, ...]


def price_of(
    *,
    model: str | None,
    provider: str | None,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int,
    cache_write_tokens: int,
    used_at: datetime,
    policy: Policy,
) -> Price:
    """What these tokens of a model cost when they were used, rounded up to a part of a dollar.

    Input includes the tokens read from and written to a cache, output includes reasoning.
    """
    found = _rates_of(model, provider, input_tokens, used_at, policy)
    if found is None:
        return _UNKNOWN
    rates, source = found
    given, returned = rates.input, rates.output
    if (given is None and input_tokens) or (returned is None and output_tokens):
        return _UNKNOWN
    total = rates.call + output_tokens * (returned or 0)
    if given is not None:
        read = given if rates.cached is None else rates.cached
        written = given if rates.cache_write is None else rates.cache_write
        plain = input_tokens - cached_tokens - cache_write_tokens
        total += plain * given + cached_tokens * read + cache_write_tokens * written
    return Price(-(-total // rates.scale), source)


def bound_of(
    *, model: str | None, provider: str | None, input_tokens: int, output_tokens: int, at: datetime, policy: Policy
) -> Price:
    """The most that a call with these tokens can cost at that time: all input at its dearest."""
    found = _rates_of(model, provider, input_tokens, at, policy)
    if found is None:
        return _UNKNOWN
    rates, source = found
    given, returned = rates.input, rates.output_most
    if (given is None and input_tokens) or (returned is None and output_tokens):
        return _UNKNOWN
    dearest = max(given or 0, rates.cached or 0, rates.cache_write or 0)
    total = rates.call + input_tokens * dearest + output_tokens * (returned or 0)
    return Price(-(-total // rates.scale), source)


def _rates_of(
    model: str | None, provider: str | None, input_tokens: int, at: datetime, policy: Policy
) -> tuple[_Rates, str] | None:
    if model is None:
        return None
    if policy.model_prices:
        stated = {name.lower(): prices for name, prices in policy.model_prices.items()}
        for name in names_of(model):
            if name in stated:
                return _policy_rates(tuple(sorted(stated[name].items()))), _POLICY
    spans = _spans(model, provider)
    if not spans:
        return None
    span = spans[0] if len(spans) == 1 else _span_at(spans, at)
    step = span.steps[0]
    for dearer in span.steps[1:]:
        if input_tokens > dearer.above:
            step = dearer
    return step, _book()


def _span_at(spans: tuple[_Span, ...], at: datetime) -> _Span:
    """Of those that hold the last, as the package has it; the first if none does."""
    holding = (span for span in reversed(spans) if span.condition is None or span.condition.active(at))
    return next(holding, spans[0])


@lru_cache(maxsize=1)
def _book() -> str:
    return f"genai-prices {version('genai-prices')}"


@lru_cache(maxsize=1024)
def _policy_rates(prices: tuple[tuple[str, Decimal], ...]) -> _Rates:
    given = dict(prices)
    return _rates(0, given.get, Decimal(0))


@lru_cache(maxsize=4096)
def _spans(model: str, provider: str | None) -> tuple[_Span, ...]:
    """The package's prices of a model; empty where it has none."""
    found = _find(model.lower(), provider)
    if found is None and provider is None and "/" in model:
        # As gateways write it: openai/gpt-4o.
        prefix, _, rest = model.lower().partition("/")
        found = _find(rest, prefix)
    if found is None:
        return ()
    if isinstance(found.prices, list):
        return tuple(_Span(each.constraint, _steps(vars(each.prices))) for each in found.prices)
    return (_Span(None, _steps(vars(found.prices))),)


def _find(model: str, provider: str | None) -> Any:
    """The package's entry of a model. Its own look-up remembers every name that it was ever asked for."""
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot  # noqa: PLC0415 - a third of a second

    providers = get_snapshot().providers
    if provider is not None:
        known = find_provider_by_id(providers, provider)
    else:
        known = next((each for each in providers if each.model_match and each.model_match.is_match(model)), None)
    return known and known.find_model(model, all_providers=providers)


_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}


def _steps(prices: Mapping[str, Any]) -> tuple[_Rates, ...]:
    """A price may be a number, or numbers by the size of the whole input."""
    starts = {tier.start for price in prices.values() for tier in getattr(price, "tiers", ())}
    # A thousand calls cost so many dollars, a call as many thousandths.
    call = (prices.get("requests_kcount") or Decimal(0)) * 1000
    return tuple(_rates(start, partial(_price_above, prices, start), call) for start in sorted({-1, *starts}))


def _price_above(prices: Mapping[str, Any], start: int, name: str) -> Decimal | None:
    price = prices.get(_KEYS[name])
    for tier in reversed(getattr(price, "tiers", ())):
        if start >= tier.start:
            return Decimal(tier.price)
    return getattr(price, "base", price)


def _rates(above: int, price: Callable[[str], Decimal | None], call: Decimal) -> _Rates:
    """From dollars per million tokens, which are parts per token."""
    known = {name: found for name in _KEYS if (found := price(name)) is not None}
    scale = lcm(call.as_integer_ratio()[1], *(found.as_integer_ratio()[1] for found in known.values()))

    def whole(rate: Decimal) -> int:
        numerator, denominator = rate.as_integer_ratio()
        return numerator * (scale // denominator)

    exact = {name: whole(found) for name, found in known.items()}
    most = max((exact[name] for name in ("output", "reasoning") if name in exact), default=None)
    return _Rates(
        above,
        scale,
        exact.get("input"),
        exact.get("output"),
        exact.get("cached"),
        exact.get("cache_write"),
        most,
        whole(call),
    )
