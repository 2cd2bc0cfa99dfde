"""Recorded markets traded again through the public actions, and how closely the record is met."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scidex.actors import RegisterActor, find_actors_named
from scidex.core.errors import Invalid, Refusal, Refused
from scidex.core.journal import Receipt, Request
from scidex.core.units import TOKEN, format_amount, to_number, unit_named
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.markets import (
    OpenMarket,
    Order,
    Position,
    ResolveMarket,
    empty_position,
    fill_of,
    find_markets_named,
    lmsr,
    new_market,
    position_after,
)
from scidex.ledger import Issue, sums_by_unit, wallet_of
from scidex.scenarios.recorded import Record, RecordedMarket, RecordedTrade, read_record

SIDES = ("yes", "no")
BATCH = 256
LEAST_ENDOWMENT = 100 * TOKEN.parts
Progress = Callable[[int, int], None]


class EndowmentTooSmall(Invalid):
    """trades.csv line {line}: with an endowment of {endowment} tokens {trader} would be {short} short; nothing was
    applied. Give --endowment {needed} or more."""


class PrefixTaken(Refused):
    """Names under the prefix {prefix!r} belong to something else; give another --prefix, or none to have one made."""


class TradeImpossible(Invalid):
    """trades.csv line {line}: {problem} Mend the row; nothing of the file was applied."""


@dataclass(frozen=True)
class CalibrationBin:
    """Markets whose final price lies in [low, high): how many, what they said, what came true."""

    low: float
    high: float
    count: int
    mean_price: float
    share_yes: float


@dataclass(frozen=True)
class ReplayReport:
    """How the replay met the record. Errors are the largest absolute differences, prices in 1, cash in tokens."""

    markets: int
    trades: int
    traders: int
    price_error_max: float
    cash_error_max: float
    cash_rows_verified: int
    right_side: int
    brier: float
    calibration: tuple[CalibrationBin, ...]
    maker_result: float
    maker_bound: float
    maker_identity_error_max: float
    final_price_error_max: float | None
    ledger_sums: dict[str, float]
    endowment: float
    prefix: str
    repeated: bool
    seconds: float


def replay(
    economy: Economy,
    folder: Path,
    *,
    endowment: int | None = None,
    prefix: str | None = None,
    progress: Progress = lambda done, of: None,
) -> ReplayReport:
    """Trade a recorded world on the economy, resolve every market as it was resolved, and compare.

    `endowment` is in token parts per trader; without one it is what the record needs, at least 100 tokens. The names
    are those of the record, unless they are taken here: then all stand under a prefix. The same record replayed again
    trades nothing twice. Refuses: RecordMissing, RecordUnreadable, RowMalformed, TradeImpossible, EndowmentTooSmall,
    PrefixTaken.
    """
    started = time.perf_counter()
    record = read_record(folder)
    needed = _rehearse(record, endowment)
    endowment = needed if endowment is None else endowment
    name = f"replay-{record.digest[:8]}-{format_amount(endowment)}"
    prefix = _prefix(economy, record, name, prefix)
    key = f"{name} {prefix}".strip()
    total = len(record.trades) + len(record.markets)
    _set_up(economy, record, endowment, prefix, name, key)
    traded: list[Receipt[Any]] = []
    for first in range(0, len(record.trades), BATCH):
        batch = record.trades[first : first + BATCH]
        traded += economy.perform_all([_order(trade, prefix, key) for trade in batch])
        progress(len(traded), total)
    resolved = economy.perform_all(
        [
            Request(ResolveMarket(prefix + market.market, market.resolution), "operator", f"{key} r{market.line}")
            for market in record.markets
        ],
    )
    progress(total, total)
    return _report(economy, record, traded, resolved, endowment, prefix, started)


def _rehearse(record: Record, endowment: int | None) -> int:
    """Fill every order in memory first: the endowment that the record needs, in token parts, whole tokens."""
    dawn = datetime(1970, 1, 1, tzinfo=UTC)
    standing = {
        market.market: new_market(_terms(market, ""), funder="actor:rehearsal", now=dawn) for market in record.markets
    }
    positions: dict[tuple[str, str], Position] = {}
    cash: dict[str, int] = {}
    lowest = 0
    first_short: tuple[RecordedTrade, int] | None = None
    for trade in record.trades:
        market = standing[trade.market]
        at = (trade.market, trade.trader)
        position = positions.get(at) or empty_position(market, trade.trader)
        try:
            fill = fill_of(market, position, Order(trade.market, trade.outcome, "buy", shares=trade.shares))
        except Refusal as refusal:
            raise TradeImpossible(line=trade.line, problem=str(refusal)) from None
        positions[at] = position_after(position, fill, "buy")
        standing[trade.market] = market._replace(shares=fill.outstanding)
        cash[trade.trader] = left = cash.get(trade.trader, 0) - fill.paid
        lowest = min(lowest, left)
        if endowment is not None and left + endowment < 0 and first_short is None:
            first_short = (trade, -left - endowment)
    needed = math.ceil(-lowest / TOKEN.parts)
    if endowment is not None and first_short is not None:
        raise EndowmentTooSmall(
            line=first_short[0].line,
            trader=first_short[0].trader,
            endowment=format_amount(endowment),
            short=format_amount(first_short[1]),
            needed=needed,
        )
    return max(LEAST_ENDOWMENT, needed * TOKEN.parts)


def _prefix(economy: Economy, record: Record, name: str, asked: str | None) -> str:
    """The prefix asked for, else none; where those names are taken by something else, one made from the record."""
    wanted = asked or ""
    with economy.reading() as tx:
        taken = find_markets_named(tx, [wanted + market.market for market in record.markets])
        traders = find_actors_named(tx, sorted({wanted + trade.trader for trade in record.trades}))
    ours = bool(taken) and all(market.funder == f"actor:{name}" for market in taken)
    if ours or not (taken or traders):
        return wanted
    if asked is not None:
        raise PrefixTaken(prefix=asked)
    return f"{name}/"


def _set_up(economy: Economy, record: Record, endowment: int, prefix: str, maker: str, key: str) -> None:
    """Actors with their endowments, findings, markets with their maker's subsidy."""
    stakes = sum(lmsr.subsidy(market.liquidity, (0,) * len(SIDES)) for market in record.markets)
    house = "operator"
    requests = [
        Request(RegisterActor(maker), house, f"{key} maker"),
        Request(Issue(wallet_of(maker), stakes, "replay subsidies"), house, f"{key} subsidies"),
    ]
    for trader in sorted({trade.trader for trade in record.trades}):
        requests += [
            Request(RegisterActor(prefix + trader), house, f"{key} t {trader}"),
            Request(Issue(wallet_of(prefix + trader), endowment, "replay endowment"), house, f"{key} e {trader}"),
        ]
    for market in record.markets:
        terms = _terms(market, prefix)
        requests += [
            Request(RegisterEntity(*terms.artifact, market.title), maker, f"{key} f{market.line}"),
            Request(terms, maker, f"{key} m{market.line}"),
        ]
    for first in range(0, len(requests), BATCH):
        economy.perform_all(requests[first : first + BATCH])


def _terms(market: RecordedMarket, prefix: str) -> OpenMarket:
    question = f"Will this finding replicate: {market.title}"[:1000]
    finding = EntityKey("finding", prefix + market.market)
    return OpenMarket(prefix + market.market, finding, question, SIDES, market.liquidity)


def _order(trade: RecordedTrade, prefix: str, key: str) -> Request:
    order = Order(prefix + trade.market, trade.outcome, "buy", shares=trade.shares)
    return Request(order, prefix + trade.trader, f"{key} {trade.line}")


def _report(
    economy: Economy,
    record: Record,
    traded: Sequence[Receipt[Any]],
    resolved: Sequence[Receipt[Any]],
    endowment: int,
    prefix: str,
    started: float,
) -> ReplayReport:
    last = {market.market: 0.5 for market in record.markets}
    price_error = cash_error = 0.0
    for trade, receipt in zip(record.trades, traded, strict=True):
        price = receipt.result.prices[0] / lmsr.PRICE_ONE
        last[trade.market] = price
        price_error = max(price_error, abs(price - trade.price_after))
        if trade.cash_verified:
            cash_error = max(cash_error, abs(abs(receipt.result.paid) / TOKEN.parts - trade.cash))
    truth = {market.market: float(market.resolution == "yes") for market in record.markets}
    results = [receipt.result.maker_result / TOKEN.parts for receipt in resolved]
    recorded = [abs(last[m.market] - m.final_price) for m in record.markets if m.final_price is not None]
    identities = [
        abs(result - _identity(market, last[market.market]))
        for market, result in zip(record.markets, results, strict=True)
    ]
    with economy.reading() as tx:
        sums = {unit: to_number(total, unit_named(unit)) for unit, total in sums_by_unit(tx).items()}
    return ReplayReport(
        markets=len(record.markets),
        trades=len(traded),
        traders=len({trade.trader for trade in record.trades}),
        price_error_max=price_error,
        cash_error_max=cash_error,
        cash_rows_verified=sum(trade.cash_verified for trade in record.trades),
        right_side=sum((last[m] - 0.5) * (truth[m] - 0.5) > 0 for m in last),
        brier=sum((last[m] - truth[m]) ** 2 for m in last) / len(last),
        calibration=_calibration(last, truth),
        maker_result=round(sum(results), 6),
        maker_bound=sum(m.liquidity / TOKEN.parts * math.log(len(SIDES)) for m in record.markets),
        maker_identity_error_max=max(identities),
        final_price_error_max=max(recorded) if recorded else None,
        ledger_sums=sums,
        endowment=to_number(endowment),
        prefix=prefix,
        repeated=all(receipt.repeated for receipt in [*traded, *resolved]),
        seconds=round(time.perf_counter() - started, 3),
    )


def _identity(market: RecordedMarket, final: float) -> float:
    """-b ln(p_final / p_start) of the side that won: the maker's result whatever the path, in tokens."""
    winning = final if market.resolution == "yes" else 1 - final
    return -market.liquidity / TOKEN.parts * math.log(winning / 0.5)


def _calibration(last: dict[str, float], truth: dict[str, float]) -> tuple[CalibrationBin, ...]:
    bins = []
    for tenth in range(10):
        inside = [m for m in last if min(int(last[m] * 10), 9) == tenth]
        if inside:
            mean_price = sum(last[m] for m in inside) / len(inside)
            share_yes = sum(truth[m] for m in inside) / len(inside)
            bins.append(CalibrationBin(tenth / 10, (tenth + 1) / 10, len(inside), mean_price, share_yes))
    return tuple(bins)
