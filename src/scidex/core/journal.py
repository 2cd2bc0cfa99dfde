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

from scidex.core.db import Tx, columns
from scidex.core.errors import Refusal, Refused
from scidex.core.machine import Context, Kind, State, Table, Whole, decide, kind_named, kind_of
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
    update: Callable[[Tx, Mapping[Any, Any]], None] | None = None,
) -> None:
    """Tie a table of the state to its statements."""
    assert all(other is table or other.rank != table.rank for other in BINDINGS), f"{table}: rank is taken"
    BINDINGS[table] = Binding(load, load_groups, insert, update, scan)


def perform(tx: Tx, requests: Sequence[Request], policy: Any, policy_version: int) -> list[Receipt[Any] | Refusal]:
    """Carry out a batch in the open transaction: one answer per request, in order.

    The same actor and key with the same command returns the first receipt. Refuses, each request alone: KeyReused,
    NameInvalid, UnknownCommand and whatever the command's rule refuses.
    """
    answers: list[Receipt[Any] | Refusal | None] = [None] * len(requests)
    kinds: list[Kind[Any, Any] | None] = []
    for place, request in enumerate(requests):
        try:
            if request.key is not None:
                check_name(request.key, "idempotency key")
            kinds.append(kind_of(request.command))
        except Refusal as refusal:
            answers[place] = refusal
            kinds.append(None)
    state = _load(tx, requests, kinds)
    numbers, known = _draw_numbers(tx, requests)
    entries: list[Entry] = []
    for place, (request, kind, number) in enumerate(zip(requests, kinds, numbers, strict=True)):
        if kind is None:
            continue
        body = kind.encode(request.command)
        first = known.get((request.actor, request.key)) if request.key is not None else None
        if first is not None:
            answers[place] = _first_answer(first, kind, body)
            continue
        context = Context(request.actor, tx.now, policy, policy_version, number)
        try:
            result = decide(state, request.command, context)
        except Refusal as refusal:
            answers[place] = refusal
            continue
        entry = Entry(
            number,
            tx.now,
            request.actor,
            request.key,
            kind.name,
            policy_version,
            body,
            kind.encode_result(result),
        )
        entries.append(entry)
        if request.key is not None:
            known[request.actor, request.key] = entry
        answers[place] = Receipt(number, tx.now, kind.name, request.actor, result)
    _store(tx, state, entries)
    return [answer for answer in answers if answer is not None]


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
    if first.kind != kind.name or _asked(kind, first.command) != _asked(kind, body):
        return KeyReused(key=first.key, number=first.number)
    receipt = receipt_of(first)
    return Receipt(receipt.number, receipt.at, receipt.kind, receipt.actor, receipt.result, repeated=True)


def _asked(kind: Kind[Any, Any], body: str) -> Any:
    if not kind.gathered:
        return body
    return {name: value for name, value in json.loads(body).items() if name not in kind.gathered}


def _load(tx: Tx, requests: Sequence[Request], kinds: Sequence[Kind[Any, Any] | None]) -> State:
    state = State(complete=False)
    tables = {table for kind in kinds if kind is not None for table in kind.touches}
    for table in sorted(tables, key=lambda table: table.rank):
        keys: set[Any] = set()
        groups: set[Any] = set()
        for request, kind in zip(requests, kinds, strict=True):
            if kind is None or table not in kind.touches:
                continue
            for key in kind.touches[table](request.command, request.actor, state):
                if isinstance(key, Whole):
                    groups.add(key.group)
                else:
                    keys.add(key)
        binding = BINDINGS[table]
        if groups:
            assert binding.load_groups is not None, f"{table} cannot be loaded by group"
            for key, row in binding.load_groups(tx, sorted(groups)):
                state.place(table, key, row)
        for key in keys:
            if groups and state.holds(table, key):
                continue
            state.place(table, key, None)
        if keys:
            assert binding.load is not None, f"{table} cannot be loaded by key"
            for key, row in binding.load(tx, sorted(keys)):
                state.place(table, key, row)
    return state


_DRAW = "SELECT nextval('journal_number') FROM generate_series(1, %s)"
_FIND_KEYS = """
SELECT journal.number, at, journal.actor, journal.key, kind, policy, command, receipt
FROM unnest(%s::text[], %s::text[]) AS asked (actor, key)
JOIN journal ON journal.actor = asked.actor AND journal.key = asked.key
"""


def _draw_numbers(tx: Tx, requests: Sequence[Request]) -> tuple[list[int], dict[tuple[str, str | None], Entry]]:
    """Numbers for these requests, and the journal rows under their keys.

    Both come after the locks: whoever waited for the same rows now sees the winner's journal row, because each
    statement has its own snapshot. Numbers of refused commands stay unused, so numbers have gaps.
    """
    keyed = [(request.actor, request.key) for request in requests if request.key is not None]
    known: dict[tuple[str, str | None], Entry] = {}
    with tx.connection.pipeline():
        drawn = tx.execute(_DRAW, [len(requests)])
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
