"""Recorded markets as files: `markets.csv` and `trades.csv`, read whole and checked before anything is traded."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn, TypeVar

from scidex.core.errors import Invalid, Missing, Refusal
from scidex.core.names import check_name
from scidex.core.units import TOKEN, check_amount, parse_amount

Value = TypeVar("Value")


class RecordMissing(Missing):
    """There is no file {file} in {folder}; a recorded world has markets.csv and trades.csv."""


class RecordUnreadable(Invalid):
    """{file} cannot be read: {problem}. Write it as CSV in UTF-8."""


class RowMalformed(Invalid):
    """{file} line {line}, column {column}: {problem}. Mend the row; nothing of the file was applied."""


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """A line of `markets.csv`; liquidity in token parts."""

    line: int
    market: str
    title: str
    liquidity: int
    resolution: str
    final_price: float | None
    maker_result: float | None


@dataclass(frozen=True, slots=True)
class RecordedTrade:
    """A line of `trades.csv`; shares in parts, rounded to the nearest; cash in tokens, without sign."""

    line: int
    market: str
    trader: str
    outcome: str
    shares: int
    cash: float
    price_after: float
    cash_verified: bool


@dataclass(frozen=True, slots=True)
class Record:
    """Both files; `digest` tells this record from any other."""

    markets: tuple[RecordedMarket, ...]
    trades: tuple[RecordedTrade, ...]
    digest: str


class _Row:
    """A line with its place, so that a bad field can be named."""

    def __init__(self, file: str, line: int, fields: Mapping[str, str]) -> None:
        self.file, self.line, self.fields = file, line, fields

    def bad(self, column: str, problem: str) -> NoReturn:
        raise RowMalformed(file=self.file, line=self.line, column=column, problem=problem)

    def name(self, column: str, longest: int = 150) -> str:
        try:
            return check_name(self.fields[column], column, longest=longest)
        except Refusal as refusal:
            self.bad(column, str(refusal).rstrip("."))

    def one_of(self, column: str, *words: str) -> str:
        given = self.fields[column]
        if given not in words:
            self.bad(column, f"is {given[:40]!r}, not one of {', '.join(words)}")
        return given

    def amount(self, column: str, convert: Callable[[str], int]) -> int:
        try:
            return convert(self.fields[column])
        except Refusal as refusal:
            self.bad(column, str(refusal).rstrip("."))

    def number(self, column: str, low: float, high: float) -> float:
        given = self.fields[column]
        try:
            number = float(given)
        except ValueError:
            self.bad(column, f"is {given[:40]!r}, not a number")
        if not low <= number <= high:  # also false for NaN
            self.bad(column, f"is {given[:40]}, not between {low:g} and {high:g}")
        return number

    def time(self, column: str) -> None:
        given = self.fields[column]
        try:
            # Python also takes other letters than T between date and time.
            if given[10:11] not in ("T", " "):
                raise ValueError
            datetime.fromisoformat(given)
        except ValueError:
            self.bad(column, f"is {given[:40]!r}, not a time such as 2012-11-09T10:08:20Z")


def read_record(folder: Path) -> Record:
    """Both files of a folder, checked whole. Refuses: RecordMissing, RecordUnreadable, RowMalformed."""
    markets_text = _read(folder, "markets.csv")
    trades_text = _read(folder, "trades.csv")
    markets: dict[str, RecordedMarket] = {}
    for row in _rows("markets.csv", markets_text, ("market", "title", "liquidity", "resolution")):
        market = _market(row)
        if market.market in markets:
            row.bad("market", f"{market.market!r} stands on line {markets[market.market].line} already")
        markets[market.market] = market
    if not markets:
        raise RecordUnreadable(file="markets.csv", problem="it lists no market")
    columns = ("market", "trader", "outcome", "shares", "cash", "price_after", "cash_verified")
    trades = []
    for row in _rows("trades.csv", trades_text, columns):
        trade = _trade(row)
        if trade.market not in markets:
            row.bad("market", f"{trade.market[:40]!r} is not in markets.csv")
        trades.append(trade)
    digest = hashlib.sha256(f"{markets_text}\0{trades_text}".encode()).hexdigest()
    return Record(tuple(markets.values()), tuple(trades), digest)


def _market(row: _Row) -> RecordedMarket:
    high = 1e12
    return RecordedMarket(
        line=row.line,
        market=row.name("market"),
        title=row.name("title", longest=1000),
        liquidity=row.amount("liquidity", lambda text: parse_amount(text, field="liquidity")),
        resolution=row.one_of("resolution", "yes", "no"),
        final_price=row.number("final_price", 0, 1) if row.fields.get("final_price") else None,
        maker_result=row.number("maker_result", -high, high) if row.fields.get("maker_result") else None,
    )


def _trade(row: _Row) -> RecordedTrade:
    if "time" in row.fields:
        row.time("time")
    return RecordedTrade(
        line=row.line,
        market=row.name("market"),
        trader=row.name("trader"),
        outcome=row.one_of("outcome", "yes", "no"),
        shares=row.amount("shares", _nearest_parts),
        cash=row.number("cash", 0, 1e12),
        price_after=row.number("price_after", 0, 1),
        cash_verified=row.one_of("cash_verified", "0", "1") == "1",
    )


def _nearest_parts(text: str) -> int:
    # A record may carry more digits than a share has parts; nothing else in the house rounds what it is given.
    try:
        rounded = Decimal(text).quantize(Decimal(1) / TOKEN.parts, rounding=ROUND_HALF_EVEN)
    except (InvalidOperation, ValueError):
        return parse_amount(text, field="shares")
    if not rounded.is_finite():
        return parse_amount(text, field="shares")
    return check_amount(int(rounded * TOKEN.parts), field="shares")


def _read(folder: Path, file: str) -> str:
    try:
        return (folder / file).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise RecordMissing(file=file, folder=str(folder)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordUnreadable(file=file, problem=str(error)[:120]) from None


def _rows(file: str, text: str, needed: tuple[str, ...]) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            line = reader.line_num
            if not header:
                header = fields
                _check_header(file, line, header, needed)
            elif len(fields) != len(header):
                column = header[len(fields)] if len(fields) < len(header) else f"{len(header) + 1}"
                problem = f"the line has {len(fields)} fields and the first line has {len(header)}"
                raise RowMalformed(file=file, line=line, column=column, problem=problem)
            else:
                yield _Row(file, line, dict(zip(header, fields, strict=True)))
    except csv.Error as error:
        raise RowMalformed(file=file, line=reader.line_num, column="?", problem=str(error)) from None
    if not header:
        raise RecordUnreadable(file=file, problem="it is empty")


def _check_header(file: str, line: int, header: list[str], needed: tuple[str, ...]) -> None:
    for column in needed:
        if column not in header:
            raise RowMalformed(file=file, line=line, column=column, problem="the column is missing")
    if len(set(header)) != len(header):
        twice = next(column for column in header if header.count(column) > 1)
        raise RowMalformed(file=file, line=line, column=twice, problem="the column stands there twice")
