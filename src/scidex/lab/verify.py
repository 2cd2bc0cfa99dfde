"""An exported journal checked offline: no database, only the file, this program and the rules.

The file is JSON lines, one object each, in this order:

    format    what it is, of which ledger, how many rows and blocks, the hash of the newest block
    block     a sealed block with its leaf hashes, one line per block; `unsealed` has those of the rows of none
    number    a journal row with all it moved and, of an intake, the ids that it counted
    usage     a row of usage that an intake brought, as it is fingerprinted, and the fingerprint so far
    table     a row of a table of the state as it stands after all
    end       how many lines stand above, and their SHA-256

Every journal row is compared with its leaf, decided again, and its receipt and movements compared; then the rows of
usage in bulk with the fingerprint, the sums and the ids of the intake that brought them; then every row of the state.
So one changed row is named, and the head of the chain, kept elsewhere, shows whether all were made anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic_core import to_jsonable_python

from scidex.core.errors import Invalid
from scidex.core.journal import Entry
from scidex.core.machine import Table
from scidex.core.merkle import root
from scidex.core.seal import GENESIS, Block, hash_of, leaf_of
from scidex.entities import EntityKey
from scidex.lab.rerun import Counted, Rerun, Step
from scidex.lab.world import TABLES
from scidex.ledger import ACCOUNTS, TRANSFERS
from scidex.metering import EVENTS, INTAKES, USAGE, EventKey, EventRow, IntakeRows, IntakeUsage

FORMAT = "scidex journal 2"
STATE_TABLES: tuple[Table[Any, Any], ...] = tuple(table for table in TABLES if table is not TRANSFERS)
"""Those that an export has row by row; what was moved stands with the journal row that moved it."""
_DAWN = datetime(1970, 1, 1, tzinfo=UTC)


class NotAnExport(Invalid):
    """This is no exported journal: {problem}. Give a file that `scidex export journal` wrote."""


class Wrong(NamedTuple):
    """The first row that does not follow: on which line, which row, and why."""

    line: int
    row: str
    problem: str


@dataclass(frozen=True)
class VerifyReport:
    """What a verification saw, `ok` if nothing was wrong. Sums are by unit, in parts: of balances, and of all usage
    that has rows, in bulk or not."""

    ok: bool
    ledger: str
    head: str | None
    blocks: int
    rows: int
    movements: int
    usage_rows: int
    state_rows: int
    ledger_sums: dict[str, int]
    usage_sums: dict[str, int]
    first_wrong: Wrong | None
    seconds: float


class _Found(Exception):
    """Something is wrong; ends the verification."""

    def __init__(self, row: str, problem: str) -> None:
        super().__init__(row, problem)
        self.row, self.problem = row, problem


def moved_of(step: Step) -> list[list[Any]]:
    """The movements of a journal row as an export has them; their legs are 0, 1, 2, ..."""
    return [[str(row.debit), str(row.credit), *row[5:]] for row in step.movements]


def plain(value: Any) -> Any:
    """A key or a row of the state as JSON has it; a set is sorted, so that it is the same text in every process."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(each) for each in value)
    return to_jsonable_python(value, fallback=str)


def verify(lines: Iterable[bytes], *, progress: Callable[[int], None] = lambda done: None) -> VerifyReport:
    """Check an exported journal from its lines; `progress` is told the number of journal rows done.

    Stops at the first row that does not follow. Refuses: NotAnExport.
    """
    started = time.perf_counter()
    run = _Verification(progress)
    wrong = None
    rest = iter(lines)
    run.begin(next(rest, b""))
    try:
        run.all(rest)
    except _Found as found:
        wrong = Wrong(run.line, found.row, found.problem)
    sums: dict[str, int] = {}
    for key, account in run.rerun.world.state.rows(ACCOUNTS).items():
        sums[key.unit] = sums.get(key.unit, 0) + account.balance
    return VerifyReport(
        ok=wrong is None,
        ledger=run.head["ledger"],
        head=run.head["head"],
        blocks=run.height,
        rows=run.rows,
        movements=run.movements,
        usage_rows=run.usage_rows,
        state_rows=run.state_rows,
        ledger_sums=dict(sorted(sums.items())),
        usage_sums=run.usage_sums(),
        first_wrong=wrong,
        seconds=round(time.perf_counter() - started, 3),
    )


@dataclass(slots=True)
class _Intake:
    """An intake of the journal, with how many ids it counted, and what its rows come to that have been read."""

    number: int
    command: IntakeUsage
    counted: int
    rows: IntakeRows = field(default_factory=IntakeRows)
    ids: int = 0


class _Verification:
    """Where a verification stands. Each kind of line has its method, and comes in its turn."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.rerun = Rerun()
        self.head: dict[str, Any] = {}
        self.line = self.rows = self.movements = self.usage_rows = self.state_rows = self.height = 0
        self._progress = progress
        self._digest = hashlib.sha256()
        self._previous, self._start = GENESIS, 0
        self._leaves: dict[int | None, Iterator[bytes]] = {}
        self._expected: dict[str, dict[str, Any]] = {}
        self._intakes: deque[_Intake] = deque()
        self._used: Counter[str] = Counter()

    def usage_sums(self) -> dict[str, int]:
        """What was used, by unit: by the rows that came in bulk so far, and by those of commands of their own."""
        sums = Counter(self._used)
        for row in self.rerun.world.state.rows(USAGE).values():
            sums[row.unit] += row.amount
        return dict(sorted(sums.items()))

    def begin(self, first: bytes) -> None:
        """The line that says what the file is."""
        self.line = 1
        self._digest.update(first)
        try:
            head = json.loads(first)
            known = head["format"] == FORMAT and isinstance(head["ledger"], str) and "head" in head
        except (ValueError, TypeError, KeyError, RecursionError):
            raise NotAnExport(problem="its first line does not say so") from None
        if not known:
            raise NotAnExport(problem=f"its format is not {FORMAT!r}")
        self.head = head

    def all(self, lines: Iterator[bytes]) -> None:
        """Every line after the first, in the order of a journal's export."""
        stages = (
            ("block", self._block),
            ("unsealed", self._unsealed),
            ("number", self._row),
            ("usage", self._usage),
            ("table", self._state),
        )
        stage = 0
        for text in lines:
            self.line += 1
            said = self._parsed(text)
            sort = next(iter(said), "")
            if sort == "end":
                self._complete()
                self._end(said)
                if next(lines, None) is not None:
                    self.line += 1
                    raise _Found(f"line {self.line}", "stands after the end")
                return
            self._digest.update(text)
            while stage < len(stages) and stages[stage][0] != sort:
                stage += 1
                if stage < len(stages) and stages[stage][0] == "table":
                    self._close_rows()
            if stage == len(stages):
                raise _Found(f"line {self.line}", "is of no sort that belongs here")
            try:
                stages[stage][1](said)
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as problem:
                name = f"line {self.line}"
                raise _Found(name, f"cannot be read: {type(problem).__name__} {problem}"[:200]) from None
        self.line += 1
        raise _Found(f"line {self.line}", "is missing: the file ends before its end")

    def _parsed(self, text: bytes) -> dict[str, Any]:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            raise _Found(f"line {self.line}", "is not JSON") from None
        if not isinstance(said, dict):
            raise _Found(f"line {self.line}", "is not a JSON object")
        return said

    def _block(self, said: dict[str, Any]) -> None:
        row = f"journal_block {said['block']}"
        leaves = bytes.fromhex(said["leaves"])
        block = Block(
            said["block"],
            said["from"],
            said["below"],
            said["first"],
            said["last"],
            leaves,
            bytes.fromhex(said["root"]),
            bytes.fromhex(said["previous"]),
            _moment(said["sealed_at"]),
            bytes.fromhex(said["hash"]),
        )
        if (block.height, block.previous, block.from_transaction) != (self.height + 1, self._previous, self._start):
            raise _Found(row, f"does not follow block {self.height}")
        if hash_of(block) != block.hash:
            raise _Found(row, "its hash is not that of its contents")
        split = [leaves[i : i + 32] for i in range(0, len(leaves), 32)]
        if root(split) != block.root:
            raise _Found(row, "its Merkle root is not that of its leaves")
        self.height, self._previous, self._start = block.height, block.hash, block.below_transaction
        self._leaves[block.height] = iter(split)

    def _unsealed(self, said: dict[str, Any]) -> None:
        if (self._previous.hex() if self.height else None) != self.head["head"]:
            raise _Found(f"line {self.line}", f"block {self.height} is not the newest that line 1 tells of")
        leaves = bytes.fromhex(said["unsealed"])
        self._leaves[None] = iter([leaves[i : i + 32] for i in range(0, len(leaves), 32)])

    def _row(self, said: dict[str, Any]) -> None:
        row = f"journal {said['number']}"
        entry = Entry(
            said["number"],
            _moment(said["at"]),
            *(said[name] for name in ("actor", "key", "kind", "policy", "command", "receipt")),
        )
        leaf = leaf_of(entry)
        if not self.rows and leaf.hex() != self.head["ledger"]:
            raise _Found(row, "is not the row that the ledger of line 1 began with")
        if next(self._leaves.get(said["block"], iter(())), None) != leaf:
            raise _Found(row, f"is not the row whose hash stands next in {_place(said['block'])}")
        if entry.number <= self.rerun.world.number:
            raise _Found(row, f"comes after journal {self.rerun.world.number}")
        counted = [_counted(each) for each in said.get("counted", ())]
        step, problem = self.rerun.run(entry, counted)
        if problem is not None:
            raise _Found(row, problem)
        if entry.kind == "usage.intake":
            self._intakes.append(_Intake(entry.number, INTAKES.validate_json(entry.command), len(counted)))
        if moved_of(step) != said["moved"]:
            raise _Found(row, _difference(said["moved"], moved_of(step)))
        self.rows += 1
        self.movements += len(step.movements)
        if self.rows % 1_000 == 0:
            self._progress(self.rows)

    def _usage(self, said: dict[str, Any]) -> None:
        number, text = said["usage"], said["row"]
        row = f"resource_usage {number} {text.partition(chr(9))[0]}"
        while self._intakes and self._intakes[0].number != number:
            self._close_intake()
        if not self._intakes:
            raise _Found(row, "is of no intake that is still to come")
        found = self._intakes[0]
        counted = found.rows.add(number, text.encode() + b"\n")
        if found.rows.so_far() != said["fingerprint"]:
            raise _Found(row, "is not the row that was fingerprinted here")
        if counted is not None:
            found.ids += 1
            if self.rerun.world.state.get(EVENTS, counted[0]) != counted[1]:
                raise _Found(row, f"is not what counted under the id {counted[0].event!r} of {counted[0].actor}")
        self.usage_rows += 1

    def _close_intake(self) -> None:
        """The next intake has all its rows: they are those that the journal tells of."""
        found = self._intakes.popleft()
        for problem in found.rows.against(found.command):
            raise _Found(f"journal {found.number}", problem)
        if found.ids != found.counted:
            raise _Found(
                f"journal {found.number}", f"counted {found.counted} ids, and {found.ids} of its rows have one"
            )
        for charge in found.command.charges:
            self._used[charge.unit] += charge.amount

    def _close_rows(self) -> None:
        """All rows are there; what the state has to be is known from here on."""
        while self._intakes:
            self._close_intake()
        for height, leaves in self._leaves.items():
            if next(leaves, None) is not None:
                raise _Found(f"line {self.line}", f"rows of {_place(height)} are missing before it")
        state = self.rerun.world.state
        for table in STATE_TABLES:
            self._expected[table.name] = {json.dumps(plain(key)): row for key, row in state.rows(table).items()}

    def _state(self, said: dict[str, Any]) -> None:
        shown = " ".join(map(str, said["key"])) if isinstance(said["key"], list) else said["key"]
        row = f"{said['table']} {shown}"
        rows = self._expected.get(said["table"], {})
        key = json.dumps(said["key"])
        if key not in rows:
            raise _Found(row, "is there, and no journal row made it, or it stands there twice")
        expected = plain(rows.pop(key))
        if expected != said["row"]:
            raise _Found(row, f"is {json.dumps(said['row']):.120}, the journal says {json.dumps(expected):.120}")
        self.state_rows += 1

    def _complete(self) -> None:
        if not self._expected:
            self._close_rows()
        for name, rows in self._expected.items():
            if rows:
                raise _Found(f"{name} {next(iter(rows))}", "is missing; the journal made it")
        counted = (self.head.get("rows"), self.head.get("blocks"))
        if counted != (self.rows, self.height):
            raise _Found("line 1", f"tells of {counted[0]} rows in {counted[1]} blocks; {self.rows} and {self.height}")

    def _end(self, said: dict[str, Any]) -> None:
        if said != {"end": self.line - 1, "sha256": self._digest.hexdigest()}:
            raise _Found(f"line {self.line}", "is not the end of this file: a line was changed after it was written")


def _moment(microseconds: int) -> datetime:
    if type(microseconds) is not int:
        raise TypeError("a time is a whole number of microseconds")
    return _DAWN + timedelta(microseconds=microseconds)


def _place(block: int | None) -> str:
    return "the unsealed rows" if block is None else f"block {block}"


def _counted(given: list[Any]) -> Counted:
    key, (number, amount, entity) = given
    return EventKey(*key), EventRow(number, amount, EntityKey(*entity))


def _difference(found: Any, expected: list[list[Any]]) -> str:
    if not isinstance(found, list) or len(found) != len(expected):
        return f"it moves value {len(expected)} times when it is run again, and not as it says"
    leg = next(leg for leg, (mine, theirs) in enumerate(zip(found, expected, strict=True)) if mine != theirs)
    return f"its movement {leg} is {json.dumps(found[leg]):.120}, the journal gives {json.dumps(expected[leg]):.120}"
