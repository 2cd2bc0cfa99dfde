"""The state machine: apply(state, command, now, policy) -> result, or a refusal that leaves the state as it was.

    Table     a kind of row, named like its table in the database
    State     rows by table and key, all of them (in memory) or those that a batch has locked (over PostgreSQL)
    Kind      a kind of command: its words, its pure rule, the rows that it touches
    Context   what comes in with a command: actor, time, policy, journal number

The same rules run over both sorts of state. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter

from scidex.core.errors import Invalid

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")
Command = TypeVar("Command")
Result = TypeVar("Result")
Policy_co = TypeVar("Policy_co", covariant=True)


class Table(Generic[Key, Row]):
    """A kind of row. Batches lock tables by rising `rank`, so two of them can never wait for each other.

    `group` names the set of rows that a key belongs to, for the rules that need the whole of it (all positions of a
    market). An `append_only` table is written and never read by a rule, except through its groups.
    """

    def __init__(
        self,
        name: str,
        *,
        rank: int,
        group: Callable[[Key], Hashable] | None = None,
        append_only: bool = False,
    ) -> None:
        self.name = name
        self.rank = rank
        self.group = group
        self.append_only = append_only

    def __repr__(self) -> str:
        return f"Table({self.name})"


class Whole(NamedTuple):
    """In place of a key: every row of this group."""

    group: Hashable


class Look(NamedTuple):
    """In place of a key: the row is only looked at, so others may look at it at the same time; nobody may change it."""

    key: Hashable


class NotLoaded(AssertionError):
    """A rule read a row that its command had not declared when the batch was loaded.

    That is right when an earlier command of the batch made what names the row (a hold and then its end); then the batch
    is loaded again from there. Otherwise it is a bug in the command's `touches`.
    """


class Change(NamedTuple):
    """The rows of one table to write: those that are new and those that were there."""

    new: dict[Any, Any]
    old: dict[Any, Any]


class _Rows:
    """The rows of one table, what was there before the commands since the last `take_changes`, and its groups."""

    __slots__ = ("before", "groups", "rows")

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.before: dict[Any, bool] = {}
        self.groups: dict[Hashable, set[Any]] = {}


class State:
    """Rows by table and key, with an undo log so that a refused command leaves no trace.

    A complete state holds the whole world. An incomplete one holds what was loaded, and reading anything else raises
    NotLoaded: it is not a missing row. While a `thorough` one is loaded, commands name every row that they could touch,
    and not only those that they mostly do.
    """

    def __init__(self, *, complete: bool, thorough: bool = True) -> None:
        self._complete = complete
        self.thorough = thorough
        self._tables: dict[Table[Any, Any], _Rows] = {}
        self._undo: list[tuple[Table[Any, Any], Any, Any, bool]] = []

    @property
    def complete(self) -> bool:
        """Whether the whole world is here."""
        return self._complete

    def get(self, table: Table[Key, Row], key: Key) -> Row | None:
        """The row, or None where there is none."""
        try:
            row: Row | None = self._tables[table].rows[key]
        except KeyError:
            if not self._complete and not table.append_only:
                raise NotLoaded(f"{table} {key!r} was read but not loaded") from None
            return None
        return row

    def put(self, table: Table[Key, Row], key: Key, row: Row) -> None:
        """Write a row; undone if the command is refused after all."""
        found = self._tables.get(table) or self._of(table)
        rows = found.rows
        old = rows.get(key)
        first = key not in found.before
        if first:
            found.before[key] = old is not None
        self._undo.append((table, key, old, first))
        rows[key] = row
        if table.group is not None and old is None:
            self._join(found, table.group(key), key)

    def add(self, table: Table[Key, Row], key: Key, row: Row) -> None:
        """Write a new row of an append-only table: `put` without the look at what was there, which is nothing."""
        found = self._tables.get(table) or self._of(table)
        found.rows[key] = row
        found.before[key] = False
        self._undo.append((table, key, None, True))
        if table.group is not None:
            self._join(found, table.group(key), key)

    def place(self, table: Table[Key, Row], key: Key, row: Row | None) -> None:
        """Enter a row, or the knowledge that there is none, as loaded."""
        self._of(table).rows[key] = row

    def place_all(self, table: Table[Key, Row], asked: Iterable[Key], rows: Iterable[tuple[Key, Row]]) -> None:
        """Enter the rows that were found of those asked for, and of the others that there is none."""
        found = self._of(table).rows
        found.update(rows)
        for key in asked:
            if key not in found:
                found[key] = None

    def place_groups(self, table: Table[Key, Row], groups: Iterable[Hashable], rows: Iterable[tuple[Key, Row]]) -> None:
        """Enter every row of these groups as loaded."""
        assert table.group is not None, table
        found = self._of(table)
        for group in groups:
            found.groups.setdefault(group, set())
        for key, row in rows:
            found.rows[key] = row
            found.groups[table.group(key)].add(key)

    def holds(self, table: Table[Key, Row], key: Key) -> bool:
        """Whether this row is here; like `get`, only of what was loaded."""
        return self.get(table, key) is not None

    def whole(self, table: Table[Key, Row], group: Hashable) -> list[tuple[Key, Row]]:
        """Every row of a group with its key, in key order."""
        found = self._of(table)
        if not self._complete and group not in found.groups:
            raise NotLoaded(f"{table} group {group!r} was read but not loaded")
        keys: Any = found.groups.get(group, ())
        return [(key, found.rows[key]) for key in sorted(keys) if found.rows[key] is not None]

    def rows(self, table: Table[Key, Row]) -> dict[Key, Row]:
        """Every row that there is of a table, by key."""
        return {key: row for key, row in self._of(table).rows.items() if row is not None}

    def keep(self) -> None:
        """End a command that was accepted."""
        self._undo.clear()

    def undo(self) -> None:
        """End a command that was refused: every row is as it was before."""
        for table, key, row, first in reversed(self._undo):
            found = self._tables[table]
            found.rows[key] = row
            if first:
                del found.before[key]
            if row is None and table.group is not None and (group := found.groups.get(table.group(key))) is not None:
                group.discard(key)
        self._undo.clear()

    def take_changes(self) -> dict[Table[Any, Any], Change]:
        """What accepted commands wrote since the last call, by table in lock order."""
        return {table: self._taken(table) for table in sorted(self._tables, key=_rank) if self._tables[table].before}

    def take_appended(self) -> dict[Table[Any, Any], Change]:
        """The same of the append-only tables alone: rows that nothing later in the batch can change."""
        found = [table for table in self._tables if table.append_only and self._tables[table].before]
        return {table: self._taken(table) for table in sorted(found, key=_rank)}

    def _taken(self, table: Table[Any, Any]) -> Change:
        found = self._tables[table]
        rows, change = found.rows, Change({}, {})
        for key, existed in found.before.items():
            (change.old if existed else change.new)[key] = rows[key]
        found.before = {}
        return change

    def _of(self, table: Table[Any, Any]) -> _Rows:
        found = self._tables.get(table)
        if found is None:
            found = self._tables[table] = _Rows()
        return found

    def _join(self, found: _Rows, group: Hashable, key: Any) -> None:
        # Over PostgreSQL only the groups that were loaded are kept: of the others this row would not be the whole.
        members = found.groups.get(group)
        if members is not None:
            members.add(key)
        elif self._complete:
            found.groups[group] = {key}


def _rank(table: Table[Any, Any]) -> int:
    return table.rank


@dataclass(slots=True)
class Context(Generic[Policy_co]):
    """What a decision may know besides the state: all of it is recorded in the journal."""

    actor: str
    now: datetime
    policy: Policy_co
    policy_version: int
    number: int
    """The command's number in the journal; the ids of what it creates are made from it."""
    legs: int = field(default=0, repr=False)
    """How many movements of value the command has made so far, which numbers the next."""


Touch = Callable[[Any, str, State], Iterable[Any]]
"""(command, actor, state loaded so far) -> keys, or `Whole` groups, that the command reads or writes."""


@dataclass(frozen=True, eq=False)
class Kind(Generic[Command, Result]):
    """A kind of command."""

    name: str
    command: type[Command]
    result: type[Result]
    decide: Callable[[State, Command, Context[Any]], Result]
    touches: Mapping[Table[Any, Any], Touch]
    gathered: tuple[str, ...] = ()
    """Fields of the command that the action filled in from the tables: facts of the moment, not what was asked for, so
    a repeated key is compared without them."""

    @cached_property
    def commands(self) -> TypeAdapter[Command]:
        """Encodes and checks commands of this kind."""
        return TypeAdapter(self.command)

    @cached_property
    def results(self) -> TypeAdapter[Result]:
        """Encodes and reads back results of this kind."""
        return TypeAdapter(self.result)

    def encode(self, command: Command) -> str:
        """The command as the journal keeps it: JSON in the order of its fields, without those that are None."""
        # A caller in Python may pass a field of the wrong type; the rule refuses it, so it needs no warning here.
        return self.commands.dump_json(command, exclude_none=True, warnings=False).decode()

    def encode_result(self, result: Result) -> str:
        """The result as the journal keeps it."""
        return self.results.dump_json(result).decode()


KINDS: dict[str, Kind[Any, Any]] = {}
"""Every kind of command by name, as the slices that are imported declare them."""
_KIND_OF: dict[type, Kind[Any, Any]] = {}


class UnknownCommand(Invalid):
    """There is no command {name!r} in this version; upgrade, or use one of those documented."""


def declare(kind: Kind[Command, Result]) -> Kind[Command, Result]:
    """Enter a kind so that the journal can be read back."""
    assert KINDS.get(kind.name, kind) is kind and _KIND_OF.get(kind.command, kind) is kind, kind.name
    KINDS[kind.name] = kind
    _KIND_OF[kind.command] = kind
    return kind


def kind_of(command: object) -> Kind[Any, Any]:
    """The kind of a command. Refuses: UnknownCommand."""
    try:
        return _KIND_OF[type(command)]
    except KeyError:
        raise UnknownCommand(name=type(command).__name__) from None


def kind_named(name: str) -> Kind[Any, Any]:
    """The kind of that name. Refuses: UnknownCommand."""
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownCommand(name=name) from None


def decide(state: State, kind: Kind[Command, Result], command: Command, context: Context[Any]) -> Result:
    """Apply one command: its result, with its changes kept; or its refusal, with the state as it was."""
    try:
        result = kind.decide(state, command, context)
    except BaseException:
        state.undo()
        raise
    state.keep()
    return result


def nothing(command: Any, actor: str, state: State) -> tuple[()]:
    """The touch of a table to which a command only adds rows: there is nothing to load."""
    return ()


def carry_out(state: State, command: object, context: Context[Any]) -> Any:
    """The result of another command as a part of the one that is decided now, which keeps both, or neither.

    Refuses: UnknownCommand, and what the command's rule refuses.
    """
    return kind_of(command).decide(state, command, context)
