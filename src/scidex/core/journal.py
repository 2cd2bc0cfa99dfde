"""Load, decide, store: the one loop that every command goes through, alone or a thousand at a time.

    1  lock and load the rows that the commands touch, table by table in rank order, keys sorted
    2  draw journal numbers and look up idempotency keys, now that the locks are held
    3  decide each command with its pure rule, one after the other, in memory
    4  store every changed row and the journal rows, set-based

A refused command refuses alone. Nothing here commits: `Database.run` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic_core import PydanticSerializationError

from scidex.core.db import TextInvalid, Tx, columns
from scidex.core.errors import Refusal, Refused
from scidex.core.machine import Context, Kind, Look, NotLoaded, State, Table, Whole, decide, kind_named, kind_of
from scidex.core.names import check_name

Result = TypeVar("Result")


class KeyReused(Refused):
    """The idempotency key {key!r} was used for another command (journal number {number}); use a new key."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command with who asks for it and the key under which it happens at most once."""

    command: object
    actor: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt(Generic[Result]):
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


def perform(tx: Tx, requests: Sequence[Request], policy: Any, policy_version: int) -> list[Receipt[Any] | Refusal]:
    """Carry out a batch in the open transaction: one answer per request, in order.

    The same actor and key with the same command returns the first receipt. Refuses, each request alone: KeyReused,
    NameInvalid, TextInvalid, UnknownCommand and whatever the command's rule refuses.
    """
    answers: list[Receipt[Any] | Refusal] = []
    asked = [_asked(request) for request in requests]
    while len(answers) < len(asked):
        # One pass does them all, unless a command needs rows that an earlier one of the batch has only just named.
        answers += _one_pass(tx, asked[len(answers) :], policy, policy_version)
    return answers


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


def _one_pass(tx: Tx, batch: Sequence[_Asked], policy: Any, policy_version: int) -> list[Receipt[Any] | Refusal]:
    """Load, decide and store the batch, or as much of it as what was loaded allows: at least one command."""
    state = _load(tx, batch)
    numbers, known = _draw_numbers(tx, batch)
    answers: list[Receipt[Any] | Refusal] = []
    entries: list[Entry] = []
    for asked, number in zip(batch, numbers, strict=True):
        if asked.kind is None:
            assert asked.refusal is not None
            answers.append(asked.refusal)
            continue
        request, kind = asked.request, asked.kind
        first = known.get((request.actor, request.key)) if request.key is not None else None
        if first is not None:
            answers.append(_first_answer(first, kind, asked.body))
            continue
        context = Context(request.actor, tx.now, policy, policy_version, number)
        try:
            result = decide(state, request.command, context)
        except Refusal as refusal:
            answers.append(refusal)
            continue
        except NotLoaded:
            if not answers:
                raise
            break
        receipt = kind.encode_result(result)
        entry = Entry(number, tx.now, request.actor, request.key, kind.name, policy_version, asked.body, receipt)
        entries.append(entry)
        if request.key is not None:
            known[request.actor, request.key] = entry
        answers.append(Receipt(number, tx.now, kind.name, request.actor, result))
    _store(tx, state, entries)
    return answers


def perform_one(tx: Tx, request: Request, policy: Any, policy_version: int) -> Receipt[Any]:
    """A batch of one; its refusal is raised."""
    (answer,) = perform(tx, [request], policy, policy_version)
    if isinstance(answer, Refusal):
        raise answer
    return answer


def receipt_of(entry: Entry) -> Receipt[Any]:
    """The receipt that a journal row recorded. Refuses: UnknownCommand."""
    result = kind_named(entry.kind).results.validate_json(entry.receipt)
    return Receipt(entry.number, entry.at, entry.kind, entry.actor, result)


def _first_answer(first: Entry, kind: Kind[Any, Any], body: str) -> Receipt[Any] | Refusal:
    if first.kind != kind.name or _as_asked(kind, first.command) != _as_asked(kind, body):
        return KeyReused(key=first.key, number=first.number)
    receipt = receipt_of(first)
    return Receipt(receipt.number, receipt.at, receipt.kind, receipt.actor, receipt.result, repeated=True)


def _as_asked(kind: Kind[Any, Any], body: str) -> Any:
    if not kind.gathered:
        return body
    return {name: value for name, value in json.loads(body).items() if name not in kind.gathered}


def _load(tx: Tx, batch: Sequence[_Asked]) -> State:
    state = State(complete=False)
    tables = {table for asked in batch if asked.kind is not None for table in asked.kind.touches}
    for table in sorted(tables, key=lambda table: table.rank):
        keys, looks, groups = _touched(table, batch, state)
        binding = BINDINGS[table]
        if groups:
            assert binding.load_groups is not None, f"{table} cannot be loaded by group"
            for key, row in binding.load_groups(tx, sorted(groups)):
                state.place(table, key, row)
        # What is changed is locked for it at once: a lock that grows later is a deadlock between two that do the same.
        for wanted, load in ((keys, binding.load), (looks - keys, binding.look or binding.load)):
            for key in wanted:
                if not state.holds(table, key):
                    state.place(table, key, None)
            if wanted:
                assert load is not None, f"{table} cannot be loaded by key"
                for key, row in load(tx, sorted(wanted)):
                    state.place(table, key, row)
    return state


def _touched(table: Table[Any, Any], batch: Sequence[_Asked], state: State) -> tuple[set[Any], set[Any], set[Any]]:
    """Keys to lock, keys to look at, and whole groups, of one table."""
    keys: set[Any] = set()
    looks: set[Any] = set()
    groups: set[Any] = set()
    for asked in batch:
        if asked.kind is None or table not in asked.kind.touches:
            continue
        for key in asked.kind.touches[table](asked.request.command, asked.request.actor, state):
            if isinstance(key, Whole):
                groups.add(key.group)
            elif isinstance(key, Look):
                looks.add(key.key)
            else:
                keys.add(key)
    return keys, looks, groups


_DRAW = "SELECT nextval('journal_number') FROM generate_series(1, %s)"
_FIND_KEYS = """
SELECT journal.number, at, journal.actor, journal.key, kind, policy, command, receipt
FROM unnest(%s::text[], %s::text[]) AS asked (actor, key)
JOIN journal ON journal.actor = asked.actor AND journal.key = asked.key
"""


def _draw_numbers(tx: Tx, batch: Sequence[_Asked]) -> tuple[list[int], dict[tuple[str, str | None], Entry]]:
    """Numbers for these commands, and the journal rows under their keys.

    Both come after the locks: whoever waited for the same rows now sees the winner's journal row, because each
    statement has its own snapshot. Numbers of refused commands stay unused, so numbers have gaps.
    """
    asked = [(each.request.actor, each.request.key) for each in batch if each.kind is not None]
    keyed = [(actor, key) for actor, key in asked if key is not None]
    known: dict[tuple[str, str | None], Entry] = {}
    with tx.connection.pipeline():
        drawn = tx.execute(_DRAW, [len(batch)])
        found = tx.execute(_FIND_KEYS, [[a for a, _ in keyed], [k for _, k in keyed]]) if keyed else None
    numbers = [number for (number,) in drawn.fetchall()]
    for row in found.fetchall() if found is not None else ():
        entry = Entry(*row)
        known[entry.actor, entry.key] = entry
    return numbers, known


_APPEND = """
INSERT INTO journal (number, at, actor, key, kind, policy, command, receipt)
SELECT * FROM unnest(
  %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[]
)
"""


def _store(tx: Tx, state: State, entries: Sequence[Entry]) -> None:
    if not entries:
        return
    with tx.connection.pipeline():
        for table, change in state.take_changes().items():
            binding = BINDINGS[table]
            if change.new:
                binding.insert(tx, change.new)
            if change.old:
                assert binding.update is not None, f"{table} is append-only"
                binding.update(tx, change.old)
        tx.execute(_APPEND, columns(entries))
