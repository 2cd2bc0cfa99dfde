"""Many commands at once, a line each: read, carried out in one transaction, answered in a line each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from scidex.core.db import Tx
from scidex.core.errors import Busy, Invalid, Refusal
from scidex.core.journal import Receipt, Request, perform
from scidex.core.names import MAX_NAME, check_name
from scidex.economy import Economy
from scidex.metering import UsageLine
from scidex.views.known import Known, Unread, without_reading
from scidex.views.lines import LINES, USAGE_LINES, ActorDiffers, Line, read_line
from scidex.views.words import facts_of

CHUNK = 1000
"""Commands of one transaction."""
INTAKE_CHUNK = 5000
"""Lines of usage of one transaction."""
LINES_MAX = 100_000
"""Most lines that are carried out together, all or nothing, and most of one request over HTTP."""


class TooManyLines(Invalid):
    """More than {most} lines are too many at once; send them in several parts, each with a key of its own."""

    status = 413


class Given(NamedTuple):
    """A line with its number, from 1 as editors count: JSON text in UTF-8, or what was read of it already."""

    line: int
    content: Any


class Carrier(Protocol):
    """Carries out lines, `size` of them in a transaction."""

    @property
    def size(self) -> int: ...

    def carry_out(self, given: Sequence[Given]) -> list[Answered]: ...


class Answered(NamedTuple):
    """What became of a line: done, repeated or refused; `text` says it as one line of JSON."""

    line: int
    status: str
    text: str
    refusal: Refusal | None = None


@dataclass(slots=True)
class _Asked:
    """A line on its way: what it asks for, its command, its answer."""

    line: int
    ask: Line | None = None
    request: Request | None = None
    answer: Receipt[Any] | Refusal | None = None
    text: str = ""


def numbered(lines: Iterable[bytes]) -> Iterator[Given]:
    """The lines that say something."""
    for number, line in enumerate(lines, start=1):
        said = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # which some editors begin a file with
        if said.strip():
            yield Given(number, said)


def check_key(key: str | None) -> str | None:
    """The key itself if keys of lines can be made of it. Refuses: NameInvalid."""
    return key if key is None else check_name(key, "idempotency key", longest=MAX_NAME - 20)


def key_of(key: str | None, line: int) -> str | None:
    """The key of a line that has none of its own, if all of them have one: such as nobody chooses for a command."""
    return None if key is None else f"batch {hashlib.sha256(key.encode()).hexdigest()[:32]} {line}"


def chunks(given: Iterable[Given], size: int) -> Iterator[list[Given]]:
    """The same, so many at a time."""
    rest = iter(given)
    while chunk := list(islice(rest, size)):
        yield chunk


def _anything(*scopes: str) -> None:
    """What the asker may do who proved nothing and is believed."""


@dataclass(frozen=True)
class Bulk:
    """Carries out lines as one actor. A line without a key of its own gets `key` and its number, if there is one."""

    economy: Economy
    actor: str
    key: str | None = None
    known: Known = field(default_factory=Known)
    size: int = CHUNK
    may: Callable[..., None] = _anything
    """Told the scopes of a line, of which its asker needs one."""

    def carry_out(self, given: Sequence[Given]) -> list[Answered]:
        """Do all of it in one transaction; what is refused is refused alone.

        Refuses, all of it, and then nothing happened: DatabaseDown, Contended, StorageFull, DatabaseReadOnly.
        """
        asked = self._asked(given)
        ready = [each for each in asked if each.request is not None]
        answers = self.economy.perform([each.request for each in ready if each.request is not None]) if ready else []
        for each, answer in zip(ready, answers, strict=True):
            each.answer = answer
        return self._answered(asked)

    def carry_out_whole(self, given: Sequence[Given]) -> list[Answered]:
        """Do all of it in one transaction, or nothing: the first refusal is raised, with its line.

        Refuses: TooManyLines, what any line is refused for, DatabaseDown, Contended, StorageFull, DatabaseReadOnly.
        """
        if len(given) > LINES_MAX:
            raise TooManyLines(most=LINES_MAX)
        asked = self._asked(given)
        for each in asked:
            if isinstance(each.answer, Refusal):
                raise at_line(each.answer, each.line)
        requests = [each.request for each in asked if each.request is not None]

        def work(tx: Tx) -> list[Receipt[Any]]:
            receipts = []
            for each, answer in zip(asked, perform(tx, requests), strict=True):
                if isinstance(answer, Refusal):
                    raise at_line(answer, each.line)
                receipts.append(answer)
            return receipts

        for each, receipt in zip(asked, self.economy.run(work) if asked else (), strict=True):
            each.answer = receipt
        return self._answered(asked)

    def _asked(self, given: Sequence[Given]) -> list[_Asked]:
        """Each line with its command, or with the refusal that it can only get."""
        asked = [_Asked(each.line) for each in given]
        for each, (_, content) in zip(asked, given, strict=True):
            try:
                each.ask = self._read(content)
            except Refusal as refusal:
                each.answer = refusal
        self._with_reading(self._prepare, [each for each in asked if each.ask is not None])
        return asked

    def _read(self, content: Any) -> Line:
        ask: Line = read_line(content, LINES)
        if ask.actor not in (None, self.actor):
            raise ActorDiffers(given=ask.actor, actor=self.actor)
        self.may(*ask.SCOPES)
        return ask

    def _prepare(self, each: _Asked, tx: Tx) -> None:
        assert each.ask is not None
        try:
            command = each.ask.command(tx, self.known)
        except Refusal as refusal:
            each.answer = refusal
            return
        key = each.ask.idempotency_key or key_of(self.key, each.line)
        each.request = Request(command, self.actor, key)

    def _answered(self, asked: Sequence[_Asked]) -> list[Answered]:
        self._with_reading(self._tell, [each for each in asked if isinstance(each.answer, Receipt)])
        return [self._answer(each) for each in asked]

    def _tell(self, each: _Asked, tx: Tx) -> None:
        assert each.ask is not None and isinstance(each.answer, Receipt)
        each.text = each.ask.done(each.answer, tx, self.known).model_dump_json(exclude={"repeated"})

    def _answer(self, each: _Asked) -> Answered:
        if isinstance(each.answer, Refusal):
            return refused(each.line, each.answer)
        assert each.answer is not None
        status = "repeated" if each.answer.repeated else "done"
        text = f'{{"line":{each.line},"status":"{status}","receipt":{each.text}}}'
        return Answered(each.line, status, text)

    def _with_reading(self, work: Callable[[_Asked, Tx], None], asked: Sequence[_Asked]) -> None:
        """Do the work on each: at once where nothing has to be read, the others in one reading transaction."""
        nowhere, later = without_reading(), []
        for each in asked:
            try:
                work(each, nowhere)
            except Unread:
                later.append(each)
        if later:
            with self.economy.reading(actor=self.actor) as tx:
                for each in later:
                    work(each, tx)


@dataclass(frozen=True)
class UsageBulk:
    """Takes in lines of usage as one actor; their transaction has the key `key` and the number of its first line."""

    economy: Economy
    actor: str
    key: str | None = None
    size: int = INTAKE_CHUNK

    def carry_out(self, given: Sequence[Given]) -> list[Answered]:
        """Take all of it in in one transaction; a line that cannot be taken is refused alone.

        Refuses, all of it, and then nothing happened: DatabaseDown, Contended, StorageFull, DatabaseReadOnly.
        """
        assert len(given) <= INTAKE_CHUNK
        answers: dict[int, Answered] = {}
        with self.economy.reading(actor=self.actor) as tx:
            taken = list(self._lines(given, tx, answers))
        if taken:
            try:
                self._take_in(given[0].line, taken, answers)
            except Busy:
                raise
            except Refusal as refusal:
                # What they sum to was refused, and with it all of them.
                answers |= {line: refused(line, refusal) for line, _ in taken}
        return [answers[each.line] for each in given]

    def _lines(self, given: Sequence[Given], tx: Tx, answers: dict[int, Answered]) -> Iterator[tuple[int, UsageLine]]:
        for line, content in given:
            try:
                yield line, read_line(content, USAGE_LINES).used_by(tx, self.actor)
            except Refusal as refusal:
                answers[line] = refused(line, refusal)

    def _take_in(self, first: int, taken: Sequence[tuple[int, UsageLine]], answers: dict[int, Answered]) -> None:
        report = self.economy.intake([used for _, used in taken], actor=self.actor, key=key_of(self.key, first))
        (receipt,) = report.receipts
        problems, repeated = dict(report.refused), set(report.repeated)
        for place, (line, _) in enumerate(taken):
            if place in problems:
                answers[line] = refused(line, problems[place])
                continue
            status = "repeated" if place in repeated else "done"
            row = f'{{"number":{receipt.number},"line":{place}}}' if status == "done" else "null"
            answers[line] = Answered(line, status, f'{{"line":{line},"status":"{status}","receipt":{row}}}')


def refused(line: int, refusal: Refusal) -> Answered:
    """The answer to a line that is refused."""
    problem = {
        "code": refusal.code,
        "status": refusal.status,
        "detail": str(refusal),
        "facts": facts_of(refusal),
    }
    text = json.dumps({"line": line, "status": "refused", "problem": problem}, separators=(",", ":"))
    return Answered(line, "refused", text, refusal)


def at_line(refusal: Refusal, line: int) -> Refusal:
    """The same refusal, which names the line that it is of."""
    found = type(refusal)(**{**refusal.facts, "line": line})
    found.args = (f"Line {line}: {refusal}",)
    return found
