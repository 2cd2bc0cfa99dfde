"""The journal run again in memory, row by row: what each row moved, and what it set aside or let go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from scidex.core.db import Tx
from scidex.core.errors import Refused
from scidex.core.journal import Entry
from scidex.lab.world import World
from scidex.ledger import ACCOUNTS, TRANSFERS, AccountKey, TransferRow
from scidex.metering import EVENTS, EventKey, EventRow, intake_events

Counted = tuple[EventKey, EventRow]
"""What an intake counted under an id."""


class JournalBroken(Refused):
    """Journal row {number} does not follow from those before it: {problem}. Run `scidex audit`; nothing was written."""


class Step(NamedTuple):
    """A journal row with its movements in order, and the accounts of which it changed what is held: before, after."""

    entry: Entry
    movements: tuple[TransferRow, ...]
    held: tuple[tuple[AccountKey, int, int], ...]


class Rerun:
    """A world that grows by one journal row at a time.

    What is held is compared before and after each row, so whatever sort of command sets value aside is seen.
    """

    def __init__(self) -> None:
        self.world = World()
        self._held: dict[AccountKey, int] = {}

    def run(self, entry: Entry, counted: Iterable[Counted] = ()) -> tuple[Step, str | None]:
        """Decide a row again: what it did, and how that differs from its receipt, or None.

        `counted` is what an intake has counted, which stands beside the journal.
        """
        problem = self.world.replay(entry)
        for key, row in counted:
            if not self.world.state.holds(EVENTS, key):
                self.world.state.place(EVENTS, key, row)
        changes = self.world.state.take_changes()
        moved = changes.get(TRANSFERS)
        movements = tuple(moved.new[key] for key in sorted(moved.new)) if moved else ()
        held = []
        accounts = changes.get(ACCOUNTS)
        for key, account in sorted({**accounts.new, **accounts.old}.items()) if accounts else ():
            before = self._held.get(key, 0)
            if account.held != before:
                self._held[key] = account.held
                held.append((key, before, account.held))
        return Step(entry, movements, tuple(held)), problem


_JOURNAL = "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY number"


def counted_by_intakes(tx: Tx) -> dict[int, list[Counted]]:
    """What every intake counted, by its journal number, sorted."""
    found: defaultdict[int, list[Counted]] = defaultdict(list)
    for key, row in intake_events(tx):
        found[row.number].append((key, row))
    return {number: sorted(counted) for number, counted in found.items()}


def rerun(tx: Tx, *, progress: Callable[[int], None] = lambda done: None) -> Iterator[Step]:
    """Every journal row run again, in order, as a stream; needs a read-only transaction, which sees one moment.

    Refuses: JournalBroken.
    """
    counted = counted_by_intakes(tx)
    world = Rerun()
    with tx.connection.cursor(name="rerun") as cursor:
        cursor.itersize = 5_000
        cursor.execute(_JOURNAL)
        for done, row in enumerate(cursor, start=1):
            entry = Entry(*row)
            step, problem = world.run(entry, counted.get(entry.number, ()))
            if problem is not None:
                raise JournalBroken(number=entry.number, problem=problem)
            yield step
            if done % 1_000 == 0:
                progress(done)
