"""An exported journal is checked without a database, and one changed row anywhere is named."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from scidex.economy import Economy
from scidex.exports import export_journal
from scidex.lab import NotAnExport, VerifyReport, verify
from scidex.metering import IntakeRows

Line = dict[str, Any]


@pytest.fixture(scope="module")
def exported(small_world: Economy, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The lines of the file."""
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    with small_world.reading() as tx:
        export_journal(tx, out=path)
    return path.read_bytes().splitlines(keepends=True)


def test_the_file_of_a_lived_economy_verifies_offline(lived: Economy, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with lived.reading() as tx:
        report = export_journal(tx, out=path)
        rows, moved = tx.execute(
            "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM token_ledger)"
        ).fetchone() or (0, 0)
        (head,) = tx.execute(
            "SELECT encode(hash, 'hex') FROM journal_block ORDER BY height DESC LIMIT 1"
        ).fetchone() or ("",)
    with path.open("rb") as file:
        found = verify(file)
    assert found.ok and found.first_wrong is None
    assert (found.rows, found.movements, found.head, found.ledger) == (rows, moved, head, report.ledger)
    assert set(found.ledger_sums.values()) == {0}
    assert found.state_rows > 200


def test_rows_that_no_block_has_yet_verify_too(economy: Economy, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with economy.reading() as tx:
        export_journal(tx, out=path)
    lines = path.read_bytes().splitlines(keepends=True)
    found = verify(lines)
    assert found.ok
    assert (found.blocks, found.head) == (0, None)
    assert wrong(lines, at(lines, "number", 1), lambda row: row | {"key": "other"}).first_wrong is not None


def at(lines: list[bytes], sort: str, which: int) -> int:
    """The place of the n-th line of a sort; from the end where n is below zero."""
    places = [place for place, line in enumerate(lines) if next(iter(json.loads(line))) == sort]
    return places[which]


def wrong(lines: list[bytes], place: int, change: Callable[[Line], Line]) -> VerifyReport:
    """What is found after one row was changed."""
    line = json.dumps(change(json.loads(lines[place])), separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    assert line != lines[place]
    return verify([*lines[:place], line, *lines[place + 1 :]])


def other(value: Any) -> Any:
    """Another value of the same sort."""
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        digit = re.search(r"\d", value)
        return value[: digit.start()] + str(9 - int(digit[0])) + value[digit.end() :] if digit else value + "x"
    if isinstance(value, list):
        return [other(value[0]), *value[1:]] if value else [1]
    return {**value, next(iter(value)): other(next(iter(value.values())))} if value else {"x": 1}


def named(line: Line) -> str:
    """How a finding names this line."""
    if "number" in line:
        return f"journal {line['number']}"
    if "table" in line:
        return f"{line['table']} "
    if "usage" in line:
        return f"resource_usage {line['usage']} "
    return f"journal_block {line['block']}" if "block" in line else "line "


def test_a_changed_field_of_any_row_is_named(exported: list[bytes]) -> None:
    """Every field of one row of each sort, and of 60 rows by chance."""
    chance = random.Random(3)
    sorts = {next(iter(json.loads(line))) + json.loads(line).get("table", "") for line in exported}
    places = [
        next(
            p
            for p, line in enumerate(exported)
            if next(iter(json.loads(line))) + json.loads(line).get("table", "") == sort
        )
        for sort in sorted(sorts)
    ]
    cases = [(place, name) for place in places for name in json.loads(exported[place])]
    for place in chance.sample(range(1, len(exported) - 1), 60):
        cases.append((place, chance.choice(list(json.loads(exported[place])))))
    for place, name in cases:
        line = json.loads(exported[place])
        if (place, name) == (0, "format"):
            continue
        found = wrong(exported, place, lambda row, name=name: row | {name: other(row[name])})
        assert not found.ok, (line, name)
        assert found.first_wrong is not None
        if name in ("block", "number", "usage", "table", "key", "counted") or place in (0, len(exported) - 1):
            continue
        assert found.first_wrong.row.startswith(named(line)), (line, name, found.first_wrong)


def test_a_changed_price_posting_or_payout_is_named_by_its_row(exported: list[bytes]) -> None:
    rows = {place: json.loads(line) for place, line in enumerate(exported) if b'"receipt"' in line}
    trade = next(place for place, row in rows.items() if row["kind"] == "market.order")
    resolved = next(place for place, row in rows.items() if row["kind"] == "market.resolve")
    cases: list[tuple[int, Callable[[Line], Line]]] = [
        (trade, lambda row: row | {"receipt": re.sub(r'"prices":\[(\d)', r'"prices":[9\1', row["receipt"])}),
        (trade, lambda row: row | {"moved": [[*row["moved"][0][:2], row["moved"][0][2] + 1, *row["moved"][0][3:]]]}),
        (resolved, lambda row: row | {"moved": row["moved"][:-1]}),
        (resolved, lambda row: row | {"moved": row["moved"][::-1]}),
        (resolved, lambda row: row | {"receipt": row["receipt"].replace('"maker_result":', '"maker_result":1')}),
    ]
    for place, change in cases:
        found = wrong(exported, place, change)
        assert found.first_wrong is not None
        assert (found.first_wrong.line, found.first_wrong.row) == (place + 1, f"journal {rows[place]['number']}")


def test_the_usage_that_came_in_bulk_is_in_the_file_and_its_sums_are_checked(
    lived: Economy, exported: list[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    with lived.reading() as tx:
        export_journal(tx, out=path)
        wanted = dict(tx.execute("SELECT unit, sum(amount)::bigint FROM resource_usage GROUP BY unit").fetchall())
        (bulk,) = tx.execute(
            "SELECT count(*) FROM resource_usage JOIN journal USING (number) WHERE kind = 'usage.intake'"
        ).fetchone() or (0,)
    with path.open("rb") as file:
        found = verify(file)
    assert (found.ok, found.usage_rows, found.usage_sums) == (True, bulk, wanted)
    assert verify(exported).usage_rows > 5


def test_a_changed_row_of_usage_in_bulk_is_named(exported: list[bytes]) -> None:
    fields = json.loads(exported[0])["usage_fields"]
    places = [place for place, line in enumerate(exported) if line.startswith(b'{"usage"')]
    changes = {"amount": "8", "actor": "bob", "event": "another", "usd": "5", "tier": "batch", "source": "x"}
    for place, (field, value) in product(places[:: len(places) // 6], changes.items()):
        said = json.loads(exported[place])
        row = said["row"].split("\t")
        row[fields.index(field)] = value
        found = wrong(exported, place, lambda line, row=row: line | {"row": "\t".join(row)})
        assert found.first_wrong is not None
        assert found.first_wrong[:2] == (place + 1, f"resource_usage {said['usage']} {row[0]}"), field


def test_usage_made_anew_with_its_fingerprints_does_not_match_the_journal(exported: list[bytes]) -> None:
    """Whoever changes a row and all the fingerprints after it, and the end of the file, is found by the intake's."""
    lines = list(map(json.loads, exported))
    by_intake = Counter(line["usage"] for line in lines if "usage" in line)
    number = max(by_intake, key=lambda each: by_intake[each])
    amount = lines[0]["usage_fields"].index("amount")
    for place in ("amount", "row too few", "id"):
        rows, made = IntakeRows(), []
        for line in lines[:-1]:
            if line.get("usage") != number:
                made.append(line)
                continue
            row = line["row"].split("\t")
            if place == "amount" and row[0] == "1":
                row[amount] = str(int(row[amount]) + 1)
            if place == "id" and row[3] != "\\N":
                row[3] = "made up"
            if place == "row too few" and row[0] == "1":
                continue
            rows.add(number, "\t".join(row).encode() + b"\n")
            made.append(line | {"row": "\t".join(row), "fingerprint": rows.so_far()})
        again = [json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in made]
        end = {"end": len(again), "sha256": hashlib.sha256(b"".join(again)).hexdigest()}
        found = verify([*again, json.dumps(end).encode()])
        assert found.first_wrong is not None
        expected = f"resource_usage {number} " if place == "id" else f"journal {number}"
        assert found.first_wrong.row.startswith(expected), place


def test_a_row_taken_out_put_twice_or_moved_is_found(exported: list[bytes]) -> None:
    chance = random.Random(4)
    for place in [0, *chance.sample(range(len(exported)), 25), len(exported) - 1]:
        without = [*exported[:place], *exported[place + 1 :]]
        if place == 0:
            with pytest.raises(NotAnExport):
                verify(without)
        else:
            assert not verify(without).ok, exported[place][:200]
        assert not verify([*exported[: place + 1], *exported[place:]]).ok, exported[place][:200]
        if place:
            swapped = [*exported[: place - 1], exported[place], exported[place - 1], *exported[place + 1 :]]
            assert place == 1 or not verify(swapped).ok, exported[place][:200]


def test_what_is_no_export_is_refused_and_what_is_broken_is_named(exported: list[bytes]) -> None:
    for first in (
        b"",
        b"{}",
        b"[]",
        b"1",
        b"\xff",
        b"[" * 100_000,
        b'{"format":"scidex journal 1","ledger":"","head":null}',
    ):
        with pytest.raises(NotAnExport):
            verify([first])
    assert verify(exported[:40]).first_wrong.row == "line 41"  # type: ignore[union-attr]
    for garbage in (b"", b"{}", b"[1]", b"{", b"\xff\n", b"[" * 100_000, b'{"number":1}', b'{"block":1,"leaves":"zz"}'):
        found = verify([*exported[:60], garbage, *exported[60:]])
        assert found.first_wrong is not None
        assert found.first_wrong.line == 61, garbage[:30]
