"""The words of exports: flows, events, what a table of an export has, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Busy, Invalid, Missing, Refused
from scidex.ledger import AccountKey


class Flow(NamedTuple):
    """Value on its way: a movement (`leg` is its number), or into or out of what an account has set aside (None).

    `from_held` and `to_held` say which part of each account; `place` numbers the flows of a command.
    """

    number: int
    place: int
    leg: int | None
    at: datetime
    actor: str
    kind: str
    reason: str
    debit: AccountKey
    from_held: bool
    credit: AccountKey
    to_held: bool
    amount: int

    @property
    def name(self) -> str:
        """Journal number and leg, as in every list of movements; `h` and the place where nothing moved."""
        return f"{self.number}-{self.leg}" if self.leg is not None else f"{self.number}-h{self.place}"


class Origin(NamedTuple):
    """What an export is of: the ledger's id, the moment, and the newest journal number."""

    ledger: str
    as_of: datetime
    number: int


class Column(NamedTuple):
    """A column of a table: its name, its type (`int`, `text` or `time`), and what it holds, with the unit."""

    name: str
    type: str
    what: str


@dataclass(frozen=True)
class ExportReport:
    """What was written where, of which ledger; `rows` by file."""

    format: str
    folder: str
    ledger: str
    as_of: datetime
    rows: Mapping[str, int]
    seconds: float


class FormatUnknown(Invalid):
    """There is no format {given!r}; use one of {known}."""


class OutUnusable(Refused):
    """Nothing can be written at {path}: {problem}. Name a folder or file that you may write to."""


class ParquetMissing(Refused):
    """Parquet is written by the package pyarrow, which is not installed; run: pip install 'scidex[parquet]'."""


class BooksDiffer(Refused):
    """{account} has {found} parts in the ledger, and the journal gives it {expected}; run `scidex audit`. Nothing was
    written."""


class LedgerEmpty(Refused):
    """The journal has no rows yet, so there is nothing to export or to prove; try again after the first command."""


class EventIdInvalid(Invalid):
    """{given!r} names no event; write the number and the leg of its movement, such as 17-0."""


class UnknownEvent(Missing):
    """There is no movement {event}; `scidex ledger entries` shows those of an account."""


class UnknownBlock(Missing):
    """There is no block {height}; the newest is {newest}."""


class NotSealed(Busy):
    """The movement {event} is not in a sealed block yet; try again in a moment, a server seals every second."""


class ProofUnreadable(Invalid):
    """This is no proof: {problem}. Give a file that `scidex proof` wrote, as it was written."""


class ProofWrong(Refused):
    """The proof does not hold: {problem}. Trust neither it nor what it says."""


class NotOwed(Refused):
    """{account} is where all {unit} comes from, and nobody's claim; ask for the account of a holder."""


class LiabilityNegative(Refused):
    """{account} is {short} {unit} below zero, and a sum that took that in could hide as much of what others are owed;
    grant it what it lacks, then ask again."""


class SupplyDiffers(Refused):
    """The balances of {unit} sum to {owed} parts, and {supply} were issued and not retired; run `scidex audit`."""
