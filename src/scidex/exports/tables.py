"""The ledger as tables: CSV and Parquet, the same columns in both. Columns are added, and never renamed or moved."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from scidex.core.db import Tx
from scidex.exports import store
from scidex.exports.model import Column, Origin, ParquetMissing

_BATCH = 10_000
_NAME = "owner/purpose/unit"
_PARTS = "parts of the unit"


class TableSort(NamedTuple):
    """A table of an export: how its rows come, and its columns."""

    stream: Callable[[Tx], Iterator[tuple[Any, ...]]]
    columns: tuple[Column, ...]


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of `name type what`."""
    return tuple(Column(*line.split(None, 2)) for line in text.strip().splitlines())


TABLES: dict[str, TableSort] = {
    "movements": TableSort(
        store.stream_movements,
        _columns(f"""
            number int the journal number of the command
            leg int which of its movements, from 0
            at time UTC, microseconds
            debit text the account that paid: {_NAME}
            credit text the account that was paid: {_NAME}
            unit text of the amount and both balances
            amount int {_PARTS}
            debit_balance int of the account that paid, after it, {_PARTS}
            credit_balance int of the account that was paid, after it, {_PARTS}
            reason text why
            kind text the sort of the command
            actor text who asked for it
        """),
    ),
    "accounts": TableSort(
        store.stream_accounts,
        _columns(f"""
            account text {_NAME}
            owner text whose
            purpose text what for
            unit text of the amounts
            balance int {_PARTS}, with what is held
            held int set aside, {_PARTS}
            available int balance less held, {_PARTS}
        """),
    ),
    "holds": TableSort(
        store.stream_holds,
        _columns(f"""
            hold text its id
            debit text the account it is set aside in: {_NAME}
            credit text the account it is for: {_NAME}
            unit text of the amounts
            amount int {_PARTS}
            posted int what was moved of it, {_PARTS}
            state text pending, posted, voided, expired
            placed_by text who asked for it
            placed_at time UTC, microseconds
            expires_at time UTC, microseconds
            ended_at time UTC, microseconds; empty while it is pending
            reason text why
        """),
    ),
    "trades": TableSort(
        store.stream_trades,
        _columns("""
            market text its id
            trade int its number within the market, from 1
            at time UTC, microseconds
            owner text who traded
            outcome text what was bought or sold
            side text buy, sell
            shares int 10^-6 share
            redeemed int shares of every other outcome that were sold back instead, 10^-6 share
            paid int 10^-6 token; below zero where tokens came back
            price int of the outcome after the trade, 10^-12
            prices text of every outcome after the trade, 10^-12, a JSON list
            fee int besides what was paid, 10^-6 token
            resting text the order of the book that was filled; empty of whoever came to it
        """),
    ),
    "positions": TableSort(
        store.stream_positions,
        _columns("""
            market text its id
            owner text whose
            paid int in all, less what came back, 10^-6 token
            at_risk int worst-case loss, 10^-6 token
            payout int what the settlement paid, 10^-6 token; empty before it
        """),
    ),
    "shares": TableSort(
        store.stream_shares,
        _columns("""
            market text its id
            owner text whose
            outcome text which
            shares int 10^-6 share
            cost int what they cost, 10^-6 token
        """),
    ),
}
"""By the name of the file."""


def write_csv(path: Path, sort: TableSort, rows: Iterable[Sequence[Any]], origin: Origin) -> int:
    """Write a table as CSV (RFC 4180, UTF-8, a line of names, empty for what is not there); how many rows it has."""
    count = 0
    times = [place for place, column in enumerate(sort.columns) if column.type == "time"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in sort.columns])
        for row in rows:
            line = list(row)
            for place in times:
                if line[place] is not None:
                    line[place] = line[place].isoformat(timespec="microseconds")
            writer.writerow(line)
            count += 1
    return count


def write_parquet(path: Path, sort: TableSort, rows: Iterable[Sequence[Any]], origin: Origin) -> int:
    """Write a table as Parquet, with what each column holds in its metadata; how many rows it has.

    Refuses: ParquetMissing.
    """
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise ParquetMissing() from None
    types = {"int": pa.int64(), "text": pa.string(), "time": pa.timestamp("us", tz="UTC")}
    fields = [pa.field(each.name, types[each.type], metadata={"what": each.what}) for each in sort.columns]
    schema = pa.schema(fields, metadata={"ledger": origin.ledger, "as_of": origin.as_of.isoformat()})
    count = 0
    rest = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rest, _BATCH)):
            arrays = [
                pa.array(column, field.type) for column, field in zip(zip(*batch, strict=True), schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(batch)
    return count
