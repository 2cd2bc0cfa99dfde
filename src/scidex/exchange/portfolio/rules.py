"""How a portfolio is valued and how its owner's forecasts are scored: pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

from scidex.exchange.markets import Market, lmsr
from scidex.exchange.portfolio.model import Bin, Deal, Exposure, Forecast, Held, Line, Point, Rank, Scores

MOMENTS_MAX = 1000
"""Moments of an actor's own trades that its equity curve shows; beyond, it has one point a day."""
BINS = 10
Z_975 = 1.959963984540054
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""The 97.5 % point of Student's t with 1 to 30 degrees of freedom."""

SHARPE = "mean over standard deviation (n - 1) of the daily changes of equity, times the root of 365; from 3 days"


def is_live(market: Market) -> bool:
    """Whether it is still to be settled."""
    return market.state in ("open", "closed")


def exit_value(market: Market, shares: Sequence[int]) -> int:
    """What the maker pays for these shares now, one outcome after the other, each rounded down."""
    outstanding = list(market.shares)
    value = 0
    for outcome, parts in enumerate(shares):
        value += lmsr.payout(outstanding, market.liquidity, market.offsets, outcome, parts)
        outstanding[outcome] -= parts
    return value


def value_at(prices: Sequence[int], shares: Sequence[int], liquidity: int) -> int:
    """The same from prices alone, to the nearest part: `-b ln(sum p_j exp(-x_j / b))`.

    >>> half = lmsr.PRICE_ONE // 2
    >>> value_at((half, half), (5, 5), 100), value_at((lmsr.PRICE_ONE, 0), (10**6, 0), 100)
    (5, 1000000)
    """
    levels = [
        math.log(price / lmsr.PRICE_ONE) - parts / liquidity
        for price, parts in zip(prices, shares, strict=True)
        if price
    ]
    top = max(levels)
    return max(0, round(-liquidity * (top + math.log(math.fsum(math.exp(level - top) for level in levels)))))


def line_of(held: Held) -> Line:
    """A position as it stands."""
    market, position = held.market, held.position
    if not is_live(market):
        return Line(held, 0, 0, 0, (position.payout or 0) - held.paid)
    cost, value = sum(position.cost), exit_value(market, position.shares)
    return Line(held, cost, value, value - cost, cost - held.paid)


def worst_case(lines: Iterable[Line]) -> int:
    """The least that all positions can end with, less what went in.

    Markets on one artifact with the same outcomes are linked: they end alike, so their outcomes are gone through
    together. All others may each end at their worst.
    """
    ends: dict[object, list[int]] = {}
    total = 0
    for line in lines:
        market, position = line.held.market, line.held.position
        total -= line.held.paid
        if not is_live(market):
            total += position.payout or 0
            continue
        sums = ends.setdefault((market.artifact, market.outcomes), [0] * len(market.outcomes))
        for outcome, parts in enumerate(position.shares):
            sums[outcome] += parts
    return total + sum(map(min, ends.values()))


def exposures_of(lines: Iterable[Line], limit: Decimal) -> tuple[Exposure, ...]:
    """Exit value by artifact, type and domain, the largest first; the limit is for artifacts and domains."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    total = 0
    for line in lines:
        artifact = line.held.market.artifact
        total += line.exit_value
        sums["artifact", str(artifact)] += line.exit_value
        sums["type", artifact.entity_type] += line.exit_value
        sums["domain", line.held.domain or "unknown"] += line.exit_value
    return tuple(
        Exposure(sort, name, value, value / total, sort != "type" and name != "unknown" and value > limit * total)
        for (sort, name), value in sorted(sums.items(), key=lambda each: (each[0][0], -each[1], each[0][1]))
        if value
    )


def warning_of(exposure: Exposure, limit: Decimal) -> str:
    """What to say of too much in one place."""
    return f"{exposure.share:.0%} of the value is in {exposure.sort} {exposure.name}, above the limit of {limit:.0%}"


def moments_of(deals: Sequence[Deal], ends: Iterable[datetime], now: datetime) -> list[datetime]:
    """When the curve has a point: each trade and payout of the actor, each midnight UTC since the first, and now."""
    if not deals:
        return []
    first = deals[0].at
    own = {deal.at for deal in deals} | {ended for ended in ends if first <= ended <= now}
    return sorted({first, *(own if len(own) <= MOMENTS_MAX else ()), *midnights(first, now), now})


def midnights(first: datetime, now: datetime) -> list[datetime]:
    """Each midnight UTC later than `first`, up to `now`."""
    day = datetime.combine(first.astimezone(UTC).date(), time(), UTC) + timedelta(days=1)
    return [day + timedelta(days=passed) for passed in range((now - day).days + 1)]


def curve_of(
    held: Mapping[str, Held],
    deals: Sequence[Deal],
    moments: Sequence[datetime],
    prices: Mapping[tuple[str, int], tuple[int, ...]],
) -> tuple[Point, ...]:
    """Equity at each moment; `prices` are those of each market at the moment of that place.

    What is held is valued by the prices of the moment and the liquidity of today, the last point by what the maker
    really pays.
    """
    shares: dict[str, list[int]] = {}
    points = []
    cash, done = 0, 0
    for place, moment in enumerate(moments):
        while done < len(deals) and deals[done].at <= moment:
            deal = deals[done]
            cash -= deal.paid + deal.fee
            _hold(shares.setdefault(deal.market, [0] * len(deal.after)), deal, held[deal.market].market)
            done += 1
        value = back = 0
        for name, parts in shares.items():
            market, position = held[name].market, held[name].position
            if not is_live(market) and market.ended_at is not None and market.ended_at <= moment:
                back += position.payout or 0
            elif any(parts) and place == len(moments) - 1:
                value += exit_value(market, parts)
            elif any(parts):
                value += value_at(prices[name, place], parts, market.liquidity)
        points.append(Point(moment, cash + back + value, value))
    return tuple(points)


def _hold(parts: list[int], deal: Deal, market: Market) -> None:
    for outcome in range(len(parts)):
        parts[outcome] -= deal.redeemed
    parts[market.outcomes.index(deal.outcome)] += deal.shares if deal.side == "buy" else -deal.shares


def drawdown_of(curve: Iterable[Point]) -> int:
    """The deepest fall of equity below its highest point before, which is at least 0."""
    peak = deepest = 0
    for point in curve:
        peak = max(peak, point.equity)
        deepest = max(deepest, peak - point.equity)
    return deepest


def sharpe_of(curve: Sequence[Point]) -> float | None:
    """As `SHARPE` says: a day ends at midnight UTC, the last one now; before the first trade equity is 0."""
    if not curve:
        return None
    first, last = curve[0].at, curve[-1].at
    days = {*midnights(first, last), last}
    ends = [point.equity for point in curve if point.at in days]
    changes = [after - before for before, after in zip([0, *ends], ends, strict=False)]
    count = len(changes)
    if count < 3:
        return None
    mean = math.fsum(changes) / count
    deviation = math.sqrt(math.fsum((change - mean) ** 2 for change in changes) / (count - 1))
    return mean / deviation * math.sqrt(365) if deviation else None


def turnover_of(deals: Iterable[Deal], curve: Sequence[Point]) -> tuple[int, float | None]:
    """Tokens for which shares were bought and sold, and how often that is the mean value held since the first trade."""
    turnover = sum(abs(deal.paid + deal.redeemed) for deal in deals)
    if len(curve) < 2 or curve[0].at == curve[-1].at:
        return turnover, None
    area = math.fsum(point.value * (following.at - point.at).total_seconds() for point, following in pairwise(curve))
    mean = area / (curve[-1].at - curve[0].at).total_seconds()
    return turnover, turnover / mean if mean else None


def forecasts_of(held: Mapping[str, Held], deals: Iterable[Deal]) -> list[Forecast]:
    """Every trade in a resolved market: what the actor left standing as the price of the outcome that it traded."""
    found = []
    for deal in deals:
        market = held[deal.market].market
        if market.state == "resolved":
            which = market.outcomes.index(deal.outcome)
            before, after = (prices[which] / lmsr.PRICE_ONE for prices in (deal.before, deal.after))
            found.append(Forecast(deal.market, before, after, deal.outcome == market.outcome))
    return found


def bins_of(forecasts: Sequence[Forecast]) -> tuple[Bin, ...]:
    """The calibration curve: ten bins of the price left standing, those that are not empty."""
    by_place: dict[int, list[Forecast]] = defaultdict(list)
    for forecast in forecasts:
        by_place[min(BINS - 1, math.floor(forecast.after * BINS))].append(forecast)
    found = []
    for place, members in sorted(by_place.items()):
        count, came = len(members), sum(member.came for member in members)
        mean = math.fsum(member.after for member in members) / count
        found.append(Bin(place / BINS, (place + 1) / BINS, count, mean, came / count, *wilson(came, count)))
    return tuple(found)


def wilson(came: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share. Source: E. B. Wilson, "Probable inference", 1927.

    >>> [round(end, 4) for end in wilson(5, 10)], [round(end, 4) for end in wilson(0, 10)]
    ([0.2366, 0.7634], [0.0, 0.2775])
    """
    share, square = came / count, Z_975 * Z_975 / count
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def scores_of(forecasts: Sequence[Forecast]) -> Scores:
    """Brier and logarithmic score (nats) of the prices left standing, and of those found at entry."""
    count = len(forecasts)
    markets = len({forecast.market for forecast in forecasts})
    if not count:
        return Scores(0, 0, None, None, None, None)
    brier, brier_at_entry, log, log_at_entry = (
        math.fsum(score(price(forecast), forecast.came) for forecast in forecasts) / count
        for score in (_brier, _log)
        for price in (_after, _before)
    )
    return Scores(count, markets, brier, brier_at_entry, log, log_at_entry)


def _after(forecast: Forecast) -> float:
    return forecast.after


def _before(forecast: Forecast) -> float:
    return forecast.before


def _brier(price: float, came: bool) -> float:
    return (price - came) ** 2


def _log(price: float, came: bool) -> float:
    # The least price that there is stands for those that are rounded to nothing.
    return -math.log(max(price if came else 1 - price, 1 / lmsr.PRICE_ONE))


def rank_of(actor: str, markets: int, trades: int, mean: float, deviation: float) -> Rank:
    """Skill with Student's 95 % interval of the mean over two or more markets; `deviation` has n - 1 below it."""
    half = t_975(markets - 1) * deviation / math.sqrt(markets)
    return Rank(actor, markets, trades, mean, mean - half, mean + half)


def t_975(freedom: int) -> float:
    """The 97.5 % point of Student's t; above 30 by its expansion in the normal point (Abramowitz, Stegun 26.7.5).

    >>> t_975(1), round(t_975(31), 2), round(t_975(10**9), 6)
    (12.706, 2.04, 1.959964)
    """
    if freedom <= len(_T_975):
        return _T_975[freedom - 1]
    z = Z_975
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
