"""CSV and Parquet have the same rows, which are those of the database, in columns that are described."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from tests.conftest import FakeClock
from tests.exports.worlds import Life

from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.exports import (
    FORMATS,
    BooksDiffer,
    FormatUnknown,
    LedgerEmpty,
    OutUnusable,
    ParquetMissing,
    export_journal,
    export_ledger,
)
from scidex.exports.tables import TABLES
from scidex.lab import JournalBroken

KINDS = {"int": int, "text": str, "time": datetime.fromisoformat}
COUNTED = {
    "movements": "SELECT count(*), sum(amount)::bigint FROM token_ledger",
    "accounts": "SELECT count(*), sum(balance)::bigint FROM ledger_account",
    "holds": "SELECT count(*), sum(posted)::bigint FROM ledger_hold",
    "trades": "SELECT count(*), sum(paid)::bigint FROM market_trade",
    "positions": "SELECT count(*), sum(paid)::bigint FROM market_position",
    "shares": "SELECT sum(cardinality(shares))::bigint, sum((SELECT sum(each) FROM unnest(cost) AS each))::bigint FROM market_position",
}
SUMMED = {
    "movements": "amount",
    "accounts": "balance",
    "holds": "posted",
    "trades": "paid",
    "positions": "paid",
    "shares": "cost",
}


def export(economy: Economy, folder: Path, format: str) -> Any:
    with economy.reading() as tx:
        return export_ledger(tx, format=format, out=folder)


def rows_of_csv(folder: Path, table: str) -> list[dict[str, Any]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {column.name: KINDS[column.type] for column in TABLES[table].columns}
    return [
        {
            name: kinds[name](text) if text or (kinds[name] is str and name != "resting") else None
            for name, text in row.items()
        }
        for row in rows
    ]


def test_csv_and_parquet_have_the_rows_of_the_database(lived: Economy, tmp_path: Path) -> None:
    told = export(lived, tmp_path, "csv")
    export(lived, tmp_path, "parquet")
    assert set(told.rows) == {f"{table}.csv" for table in TABLES}
    for table in TABLES:
        rows = rows_of_csv(tmp_path, table)
        assert rows == pq.read_table(tmp_path / f"{table}.parquet").to_pylist()
        with lived.reading() as tx:
            count, total = tx.execute(COUNTED[table].encode()).fetchone() or (0, 0)  # type: ignore[arg-type]
        assert (len(rows), sum(row[SUMMED[table]] for row in rows)) == (count or 0, total or 0), table


def test_the_columns_stay_as_they_are() -> None:
    """Whoever reads our files stands on these: add columns at the end, and tables."""
    assert {table: " ".join(column.name for column in sort.columns) for table, sort in TABLES.items()} == {
        "movements": "number leg at debit credit unit amount debit_balance credit_balance reason kind actor",
        "accounts": "account owner purpose unit balance held available",
        "holds": "hold debit credit unit amount posted state placed_by placed_at expires_at ended_at reason",
        "trades": "market trade at owner outcome side shares redeemed paid price prices fee resting",
        "positions": "market owner paid at_risk payout",
        "shares": "market owner outcome shares cost",
    }


@pytest.mark.parametrize("format", FORMATS)
def test_a_manifest_says_what_every_file_is(random_world: Economy, tmp_path: Path, format: str) -> None:
    report = export(random_world, tmp_path, format)
    manifest = json.loads((tmp_path / f"manifest-{format}.json").read_text(encoding="utf-8"))
    assert manifest["ledger"] == report.ledger
    assert {path.name for path in tmp_path.iterdir()} == {*report.rows, f"manifest-{format}.json"}
    for name, facts in manifest["files"].items():
        assert facts["rows"] == report.rows[name]
        assert facts["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    if format in ("csv", "parquet"):
        assert set(manifest["files"][f"accounts.{format}"]["columns"]) == {c.name for c in TABLES["accounts"].columns}
        assert manifest["units"]["token"]["decimals"] == 6


def test_the_same_economy_exported_twice_is_the_same_to_the_byte(random_world: Economy, tmp_path: Path) -> None:
    for format in FORMATS:
        report = export(random_world, tmp_path / "a", format)
        export(random_world, tmp_path / "b", format)
        for name in report.rows:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    random_world: Economy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutUnusable):
        export(random_world, tmp_path / "file", "csv")
    with pytest.raises(OutUnusable), random_world.reading() as tx:
        export_journal(tx, out=tmp_path / "file" / "journal.jsonl")
    with pytest.raises(OutUnusable), random_world.reading() as tx:
        export_journal(tx, out=tmp_path)
    with pytest.raises(FormatUnknown):
        export(random_world, tmp_path, "xml")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ParquetMissing):
        export(random_world, tmp_path, "parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("tampering", "refusal"),
    [
        ("UPDATE ledger_account SET balance = balance + 1 WHERE owner = 'actor:alice'", BooksDiffer),
        ("UPDATE ledger_account SET held = held - 1 WHERE held > 0", BooksDiffer),
        ("DELETE FROM ledger_account WHERE owner = 'actor:alice'", BooksDiffer),
        ("UPDATE journal SET receipt = receipt || ' ' WHERE number = 30", JournalBroken),
        ("DELETE FROM journal_block; DELETE FROM journal", LedgerEmpty),
    ],
)
def test_books_that_do_not_follow_from_the_journal_are_not_exported(
    new_database: Callable[[], str], tmp_path: Path, tampering: str, refusal: type[Exception]
) -> None:
    settings, clock = Settings(home=Path("/nonexistent"), database_url=new_database()), FakeClock()
    with Economy.open(settings, clock=clock) as economy:
        life = Life(economy, clock, seed=5)
        life.begin()
        life.live(3)
        life.end()
    with psycopg.connect(str(settings.database_url), autocommit=True) as connection:
        for statement in tampering.split(";"):
            assert connection.execute(statement.encode()).rowcount > 0
    with closing(Economy.open(settings)) as economy, pytest.raises(refusal):
        export(economy, tmp_path, "hledger")
    assert list(tmp_path.iterdir()) == []
