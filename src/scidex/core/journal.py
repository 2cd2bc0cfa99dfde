"""Load, decide, store: the one loop that every command goes through, alone or a thousand at a time.

    1  lock and load the rows that the commands touch, table by table in rank order, keys sorted
    2  draw journal numbers and look up idempotency keys, now that the locks are held
    3  decide each command with its pure rule, one after the other, in memory
    4  store every changed row and the journal rows, set-based

A refused command refuses alone. Nothing here commits: `Database.run` does.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_core import PydanticSerializationError

from scidex.core.db import TextInvalid, Tx, columns
from scidex.core.errors import Refusal, Refused
from scidex.core.machine import (
    Change,
    Context,
    Kind,
    Look,
    NotLoaded,
    State,
    Table,
    Whole,
    decide,
    kind_named,
    kind_of,
    nothing,
)
from scidex.core.names import check_name

Result = TypeVar("Result")
PolicySource = Callable[[Tx], Callable[[], tuple[Any, int]]]
"""Asks for the policy in force and its version, and returns what fetches the answer."""
_CHUNK = 200
"""Commands decided between two deliveries of rows: the database writes them while the next are decided."""


class KeyReused(Refused):
    """The idempotency key {key!r} was used for another command (journal number {number}); use a new key."""


class Request(NamedTuple):
    """A command with who asks for it and the key under which it happens at most once."""

    command: object
    actor: str
    key: str | None = None


class Receipt(NamedTuple, Generic[Result]):
    """What a command did. `repeated` says that its key had been used before and this is the first answer again."""

    number: int
    at: datetime
    kind: str
    actor: str
    result: Result
    repeated: bool = False


class Entry(NamedTuple):
    """A row of the journal."""

    number: int
    at: datetime
    actor: str
    key: str | None
    kind: str
    policy: int
    command: str
    receipt: str


class Binding(NamedTuple):
    """How a table of the state stands in PostgreSQL: the literal statements of its slice's `store.py`."""

    load: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None
    """Locks the rows of these keys in key order and returns those that exist."""
    load_groups: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None
    """The same for every row of these groups."""
    look: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None
    """Keeps the rows of these keys from changing, for commands that only look at them."""
    insert: Callable[[Tx, Mapping[Any, Any]], None]
    update: Callable[[Tx, Mapping[Any, Any]], None] | None
    scan: Callable[[Tx], Iterator[tuple[Any, Any]]]
    """Every row, for the audit."""


BINDINGS: dict[Table[Any, Any], Binding] = {}
"""Every table of the state, as the slices that are imported bind them."""


def bind(
    table: Table[Any, Any],
    *,
    insert: Callable[[Tx, Mapping[Any, Any]], None],
    scan: Callable[[Tx], Iterator[tuple[Any, Any]]],
    load: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None = None,
    load_groups: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None = None,
    look: Callable[[Tx, Collection[Any]], Iterable[tuple[Any, Any]]] | None = None,
    update: Callable[[Tx, Mapping[Any, Any]], None] | None = None,
) -> None:
    """Tie a table of the state to its statements."""
    assert all(other is table or other.rank != table.rank for other in BINDINGS), f"{table}: rank is taken"
    BINDINGS[table] = Binding(load, load_groups, look, insert, update, scan)


_policy_source: list[PolicySource] = []


def bind_policy(source: PolicySource) -> None:
    """Tie the policy that decisions are made under to its statement."""
    _policy_source[:] = [source]


def perform(tx: Tx, requests: Sequence[Request]) -> list[Receipt[Any] | Refusal]:
    """Carry out a batch in the open transaction: one answer per request, in order.

    The same actor and key with the same command returns the first receipt. Refuses, each request alone: KeyReused,
    NameInvalid, TextInvalid, UnknownCommand and whatever the command's rule refuses.
    """
    answers: list[Receipt[Any] | Refusal] = []
    with collector_waits() if len(requests) >= _CHUNK else nullcontext():
        asked = [_asked(request) for request in requests]
        while len(answers) < len(asked):
            # One pass does them all, unless a command needs rows that an earlier one of the batch has only just named.
            answers += _one_pass(tx, asked[len(answers) :])
    return answers


@contextmanager
def collector_waits() -> Iterator[None]:
    """A batch makes very many small objects and no cycles of them: to look for cycles meanwhile is a fifth of it."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Asked(NamedTuple):
    """A request with its kind and its body, or with the refusal that it can only get."""

    request: Request
    kind: Kind[Any, Any] | None
    body: str
    refusal: Refusal | None


def _asked(request: Request) -> _Asked:
    try:
        check_name(request.actor, "actor")
        if request.key is not None:
            check_name(request.key, "idempotency key")
        kind = kind_of(request.command)
        body = kind.encode(request.command)
        if "\\u0000" in body:
            raise TextInvalid(reason="NUL")
    except Refusal as refusal:
        return _Asked(request, None, "", refusal)
    except PydanticSerializationError:
        return _Asked(request, None, "", TextInvalid(reason="half of a surrogate pair"))
    return _Asked(request, kind, body, None)


def _one_pass(tx: Tx, batch: Sequence[_Asked], *, thorough: bool = False) -> list[Receipt[Any] | Refusal]:
    """Load, decide and store the batch, or as much of it as what was loaded allows: at least one command.

    Where the first command needs a row that its kind seldom touches, all is loaded again, thoroughly. Locks are then
    taken out of order, for which PostgreSQL may ask to repeat the work.
    """
    policy_asked = _policy_source[0](tx)
    state, numbers, known = _load(tx, batch, thorough)
    policy, version = policy_asked()
    now = tx.now
    answers: list[Receipt[Any] | Refusal] = []
    entries: list[Entry] = []
    for asked, number in zip(batch, numbers, strict=True):
        request, kind, body, refusal = asked
        if kind is None:
            assert refusal is not None
            answers.append(refusal)
            continue
        command, actor, key = request
        first = known.get((actor, key)) if key is not None else None
        if first is not None:
            answers.append(_first_answer(first, kind, body))
            continue
        try:
            result = decide(state, kind, command, Context(actor, now, policy, version, number))
        except Refusal as refused:
            answers.append(refused)
            continue
        except NotLoaded:
            if answers:
                break
            if thorough:
                raise
            return _one_pass(tx, batch, thorough=True)
        entry = Entry(number, now, actor, key, kind.name, version, body, kind.encode_result(result))
        entries.append(entry)
        if key is not None:
            known[actor, key] = entry
        answers.append(Receipt(number, now, kind.name, actor, result))
        if len(entries) == _CHUNK:
            _append(tx, state, entries)
            tx.push()
            entries = []
    _append(tx, state, entries)
    _store(tx, state)
    return answers


def perform_one(tx: Tx, request: Request) -> Receipt[Any]:
    """A batch of one; its refusal is raised."""
    (answer,) = perform(tx, [request])
    if isinstance(answer, Refusal):
        raise answer
    return answer


def receipt_of(entry: Entry) -> Receipt[Any]:
    """The receipt that a journal row recorded. Refuses: UnknownCommand."""
    result = kind_named(entry.kind).results.validate_json(entry.receipt)
    return Receipt(entry.number, entry.at, entry.kind, entry.actor, result)


def _first_answer(first: Entry, kind: Kind[Any, Any], body: str) -> Receipt[Any] | Refusal:
    same = first.command == body or (
        first.kind == kind.name and _as_asked(kind, first.command) == _as_asked(kind, body)
    )
    if first.kind != kind.name or not same:
        return KeyReused(key=first.key, number=first.number)
    return receipt_of(first)._replace(repeated=True)


def _as_asked(kind: Kind[Any, Any], body: str) -> Any:
    """What was asked for, whichever version wrote it down."""
    command = json.loads(kind.encode(kind.commands.validate_json(body)))
    return {name: value for name, value in command.items() if name not in kind.gathered}


Numbers = list[int]
Known = dict[tuple[str, str | None], Entry]


def _load(tx: Tx, batch: Sequence[_Asked], thorough: bool) -> tuple[State, Numbers, Known]:
    """Lock and load what the batch touches, then draw its numbers and look up its keys.

    Tables follow each other in one round trip until one cannot say its keys before the rows of an earlier one are here.
    """
    state = State(complete=False, thorough=thorough)
    by_kind: dict[Kind[Any, Any], list[Request]] = {}
    for asked in batch:
        if asked.kind is not None:
            by_kind.setdefault(asked.kind, []).append(asked.request)
    waiting = sorted({table for kind in by_kind for table in kind.touches}, key=lambda table: table.rank)
    drawn: Callable[[], tuple[Numbers, Known]] | None = None
    while True:
        loads: list[Callable[[State], None]] = []
        while waiting:
            try:
                touched = _touched(waiting[0], by_kind, state)
            except NotLoaded:
                if not loads:
                    raise
                break
            table = waiting.pop(0)
            loads += _send(tx, table, *touched)
        if loads:
            drawn = None  # numbers come after the locks
        # For one command a round trip saved is worth a number drawn in vain.
        if drawn is None and (not waiting or len(batch) == 1):
            drawn = _draw(tx, batch)
        for load in loads:
            load(state)
        if not waiting:
            assert drawn is not None
            return state, *drawn()


def _touched(
    table: Table[Any, Any], by_kind: Mapping[Kind[Any, Any], list[Request]], state: State
) -> tuple[set[Any], set[Any], set[Any]]:
    """Keys to lock, keys to look at, and whole groups, of one table."""
    keys: set[Any] = set()
    looks: set[Any] = set()
    groups: set[Any] = set()
    for kind, requests in by_kind.items():
        touch = kind.touches.get(table)
        if touch is None or touch is nothing:
            continue
        for command, actor, _ in requests:
            for key in touch(command, actor, state):
                sort = key.__class__
                if sort is Whole:
                    groups.add(key.group)
                elif sort is Look:
                    looks.add(key.key)
                else:
                    keys.add(key)
    return keys, looks, groups


def _send(
    tx: Tx, table: Table[Any, Any], keys: set[Any], looks: set[Any], groups: set[Any]
) -> Iterator[Callable[[State], None]]:
    """Ask for the rows; what is returned enters them once they are here."""
    binding = BINDINGS[table]
    if groups:
        assert binding.load_groups is not None, f"{table} cannot be loaded by group"
        of_groups = binding.load_groups(tx, list(groups))
        yield lambda state: state.place_groups(table, groups, of_groups)
    # What is changed is locked for it at once: a lock that grows later is a deadlock between two that do the same.
    for wanted, load in ((keys, binding.load), (looks - keys, binding.look or binding.load)):
        if wanted:
            assert load is not None, f"{table} cannot be loaded by key"
            rows = load(tx, list(wanted))
            yield partial(_enter, table, wanted, rows)


def _enter(table: Table[Any, Any], wanted: set[Any], rows: Iterable[tuple[Any, Any]], state: State) -> None:
    state.place_all(table, wanted, rows)


# The condition gives the transaction its id before it has a number. So whoever reads the last number, and later sees
# that no transaction of then still runs, sees every row up to that number.
_DRAW = """
SELECT array_agg(nextval('journal_number')) FROM generate_series(1, %s) WHERE pg_current_xact_id() IS NOT NULL
"""
_FIND_KEYS = """
SELECT journal.number, at, journal.actor, journal.key, kind, policy, command, receipt
FROM unnest(%s::text[], %s::text[]) AS asked (actor, key)
JOIN journal ON journal.actor = asked.actor AND journal.key = asked.key
"""


def _draw(tx: Tx, batch: Sequence[_Asked]) -> Callable[[], tuple[Numbers, Known]]:
    """Numbers for these commands, and the journal rows under their keys.

    Both come after the locks: whoever waited for the same rows now sees the winner's journal row, because each
    statement has its own snapshot. Numbers of refused commands stay unused, so numbers have gaps.
    """
    keyed = [each.request[1:] for each in batch if each.kind is not None and each.request.key is not None]
    drawn = tx.execute(_DRAW, [len(batch)])
    found = tx.execute(_FIND_KEYS, columns(keyed)) if keyed else None

    def fetch() -> tuple[Numbers, Known]:
        (numbers,) = drawn.fetchone() or ([],)
        entries = [Entry._make(row) for row in found.fetchall()] if found is not None else []
        return numbers, {(entry.actor, entry.key): entry for entry in entries}

    return fetch


_APPEND = """
INSERT INTO journal (number, at, actor, key, kind, policy, command, receipt)
SELECT * FROM unnest(
  %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[]
)
"""


def _append(tx: Tx, state: State, entries: Sequence[Entry]) -> None:
    """Store what later commands of the batch cannot change any more."""
    if not entries:
        return
    tx.execute(_APPEND, columns(entries))
    _write(tx, state.take_appended())


def _store(tx: Tx, state: State) -> None:
    """Store every row as the batch leaves it."""
    _write(tx, state.take_changes())


def _write(tx: Tx, changes: Mapping[Table[Any, Any], Change]) -> None:
    for table, change in changes.items():
        binding = BINDINGS[table]
        if change.new:
            binding.insert(tx, change.new)
        if change.old:
            assert binding.update is not None, f"{table} is append-only"
            binding.update(tx, change.old)
