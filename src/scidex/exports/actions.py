"""What a caller can export: the ledger for foreign programs, the journal for whoever wants to check it offline."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from scidex.core.db import Tx
from scidex.core.journal import BINDINGS
from scidex.core.merkle import root
from scidex.core.units import UNITS
from scidex.exports import store
from scidex.exports.beancount import beancount
from scidex.exports.events import NAMES, address, assets, event_facts, events_of, leaves_of
from scidex.exports.flows import Parts, flows
from scidex.exports.hledger import hledger
from scidex.exports.journal import journal_lines
from scidex.exports.model import BooksDiffer, ExportReport, Flow, FormatUnknown, Origin, OutUnusable
from scidex.exports.tables import TABLES, write_csv, write_parquet
from scidex.lab import rerun
from scidex.ledger import ACCOUNTS

Progress = Callable[[int], None]
Written = dict[str, int]
"""Rows by the name of the file."""
_Writer = Callable[[Tx, Origin, "_Folder", Progress], dict[str, Any]]


class _Folder:
    """Files that appear under their names together, at the end, or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: Written = {}

    def temporary(self, name: str) -> Path:
        """Where a file is written before it gets its name."""
        return self.path / f".{name}.{os.getpid()}.part"

    def finish(self) -> None:
        """Give every file its name."""
        for name in self.rows:
            with self.temporary(name).open("rb+") as file:
                os.fsync(file.fileno())
            self.temporary(name).replace(self.path / name)

    def clear(self) -> None:
        """Take away what has no name yet."""
        for part in self.path.glob(f".*.{os.getpid()}.part"):
            with suppress(OSError):
                part.unlink()

    def lines(self, name: str, lines: Iterable[str]) -> None:
        """Write a file of text, counting what comes."""
        with self.temporary(name).open("w", encoding="utf-8", newline="\n") as file:
            self.rows[name] = _count(file, lines)


def _count(file: IO[str], lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        file.write(line)
        count += 1
    return count


def export_ledger(tx: Tx, *, format: str, out: Path, progress: Progress = lambda done: None) -> ExportReport:
    """Write the whole ledger into a folder, as of one moment; files of the same names are replaced at the end.

    `progress` is told journal rows, or rows of tables, that are done. Needs a read-only transaction outside pipeline
    mode.
    Refuses: FormatUnknown, LedgerEmpty, OutUnusable, JournalBroken, BooksDiffer, ParquetMissing.
    """
    if format not in FORMATS:
        raise FormatUnknown(given=format[:40], known=", ".join(FORMATS))
    started = time.perf_counter()
    origin = store.origin(tx)
    with _folder(out) as folder:
        facts = FORMATS[format](tx, origin, folder, progress)
        manifest = {
            "format": format,
            "ledger": origin.ledger,
            "as_of": origin.as_of.isoformat(),
            "number": origin.number,
            **facts,
            "files": {name: _described(folder, name) for name in folder.rows},
        }
        written = dict(folder.rows)
        folder.lines(f"manifest-{format}.json", [json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"])
        folder.finish()
    seconds = round(time.perf_counter() - started, 3)
    return ExportReport(format, str(out), origin.ledger, origin.as_of, written, seconds)


def export_journal(tx: Tx, *, out: Path, progress: Progress = lambda done: None) -> ExportReport:
    """Write the whole journal, with what it moved and the state that it leaves, into a file for `verify`.

    `progress` is told journal rows that are done. Needs a read-only transaction outside pipeline mode.
    Refuses: LedgerEmpty, OutUnusable.
    """
    started = time.perf_counter()
    origin = store.origin(tx)
    with _folder(out.parent) as folder:
        with folder.temporary(out.name).open("wb") as file:
            count = 0
            for line in journal_lines(tx, progress=progress):
                file.write(line)
                count += 1
            folder.rows[out.name] = count
        folder.finish()
    seconds = round(time.perf_counter() - started, 3)
    return ExportReport("journal", str(out), origin.ledger, origin.as_of, {out.name: count}, seconds)


@contextmanager
def _folder(path: Path) -> Iterator[_Folder]:
    with ExitStack() as stack:
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder = _Folder(path)
            stack.callback(folder.clear)
            yield folder
        except OSError as error:
            raise OutUnusable(path=str(path), problem=error.strerror or str(error)) from None


def _described(folder: _Folder, name: str) -> dict[str, Any]:
    with folder.temporary(name).open("rb") as file:
        facts: dict[str, Any] = {
            "rows": folder.rows[name],
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
        }
    table = TABLES.get(name.partition(".")[0])
    if table is not None:
        facts["columns"] = {column.name: f"{column.type}: {column.what}" for column in table.columns}
    return facts


_Text = Callable[[Origin, Iterable[Flow], Parts], Iterator[str]]


def _text(name: str, write: _Text) -> _Writer:
    def writer(tx: Tx, origin: Origin, folder: _Folder, progress: Progress) -> dict[str, Any]:
        parts = Parts()
        folder.lines(name, write(origin, flows(rerun(tx, progress=progress)), parts))
        _require_same(tx, parts)
        return {"units": _units()}

    return writer


def _require_same(tx: Tx, parts: Parts) -> None:
    """The journal run again and the tables have to agree before anything goes out."""
    seen = set(parts.accounts())
    for key, account in BINDINGS[ACCOUNTS].scan(tx):
        seen.discard(key)
        expected = parts.of(key, held=False) + parts.of(key, held=True), parts.of(key, held=True)
        if (account.balance, account.held) != expected:
            found = f"{account.balance} with {account.held} set aside"
            raise BooksDiffer(account=str(key), found=found, expected=f"{expected[0]} with {expected[1]} set aside")
    for key in sorted(seen):
        raise BooksDiffer(account=str(key), found="no", expected=str(parts.of(key, held=False)))


def _tables(ending: str, write: Callable[..., int]) -> _Writer:
    def writer(tx: Tx, origin: Origin, folder: _Folder, progress: Progress) -> dict[str, Any]:
        done = 0
        for table, sort in TABLES.items():
            name = f"{table}.{ending}"
            folder.rows[name] = write(folder.temporary(name), sort, sort.stream(tx), origin)
            done += folder.rows[name]
            progress(done)
        return {"units": _units()}

    return writer


def _events(tx: Tx, origin: Origin, folder: _Folder, progress: Progress) -> dict[str, Any]:
    """The events of every sealed block, the root of each block, and whose each address is."""
    ledger = bytes.fromhex(origin.ledger)
    holders: set[str] = set()
    blocks: list[Mapping[str, Any]] = []

    def lines() -> Iterator[str]:
        done = 0
        for head in store.find_heads(tx):
            events = events_of(origin.ledger, head, store.movements_in(tx, head.block))
            blocks.append(block_facts(head, leaves_of(events)))
            for event in events:
                holders.update((event.debit, event.credit))
                yield _line(event_facts(event))
            done += head.rows
            progress(done)

    folder.lines("events.jsonl", lines())
    folder.lines("blocks.jsonl", map(_line, blocks))
    named = ({"address": "0x" + address(ledger, name).hex(), "holder": name} for name in sorted(holders))
    folder.lines("holders.jsonl", map(_line, named))
    topics = {name: f"0x{topic}" for topic, name in NAMES.items()}
    return {"assets": assets(), "topics": topics, "zero_address": "0x" + bytes(20).hex()}


def block_facts(head: store.Head, leaves: list[bytes]) -> dict[str, Any]:
    """A sealed block as JSON: what it is of the journal, and the root over its events, whose leaves these are."""
    block = head.block
    return {
        "block": block.height,
        "rows": head.rows,
        "journal_root": block.root.hex(),
        "previous": block.previous.hex(),
        "journal": block.hash.hex(),
        "sealed_at": block.sealed_at.isoformat(timespec="microseconds"),
        "events": len(leaves),
        "root": root(leaves).hex(),
    }


def _units() -> dict[str, Any]:
    return {unit.name: {"decimals": unit.decimals, "what": unit.what} for unit in UNITS.values()}


def _line(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False) + "\n"


FORMATS: dict[str, _Writer] = {
    "beancount": _text("ledger.beancount", beancount),
    "hledger": _text("ledger.journal", hledger),
    "csv": _tables("csv", write_csv),
    "parquet": _tables("parquet", write_parquet),
    "events": _events,
}
"""What the ledger can be exported as."""
