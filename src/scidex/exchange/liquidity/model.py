"""The words of planned liquidity: changes of a market's b that wait for their time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid, Missing, Refused
from scidex.core.machine import Table


class ChangeKey(NamedTuple):
    """A planned change by its market and id."""

    market: str
    change: str


class PlannedChange(NamedTuple):
    """What is asked for: from that time on the market's liquidity b is so many token parts."""

    at: datetime
    liquidity: int


class Change(NamedTuple):
    """A planned change and what became of it: planned, done, skipped or cancelled.

    `paid` token parts were added to the subsidy, below zero if they came back; `why` says why it was skipped.
    """

    market: str
    change: str
    at: datetime
    liquidity: int
    planner: str
    state: str
    planned_at: datetime
    ended_at: datetime | None = None
    paid: int | None = None
    why: str | None = None


CHANGES: Table[ChangeKey, Change] = Table("market_liquidity", rank=34, group=lambda key: key.market)


@dataclass(frozen=True, slots=True)
class PlanLiquidity:
    """Plan changes of a market's liquidity: all of these, or none."""

    market: str
    changes: tuple[PlannedChange, ...]


@dataclass(frozen=True, slots=True)
class CancelChange:
    """Take a planned change back."""

    market: str
    change: str


@dataclass(frozen=True, slots=True)
class CarryOutChange:
    """Carry out a planned change whose time has come."""

    market: str
    change: str


@dataclass(frozen=True, slots=True)
class LiquidityPlanned:
    """What is planned now, in the order in which it was asked for."""

    market: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ChangeEnded:
    """What became of a planned change."""

    market: str
    change: Change


class PlanInvalid(Invalid):
    """The liquidity of {market} cannot be planned so: {problem}. Mend the plan and give it again, whole."""


class UnknownChange(Missing):
    """There is no planned change {change!r} in {market}; `scidex orders plans {market}` shows those that there are."""


class ChangeEndedAlready(Refused):
    """The change {change} is {state} already; plan a new one."""


class ChangeNotDue(Refused):
    """The change {change} is not next: it waits until {at}, or for an earlier one. `scidex orders liquidity` changes
    the liquidity now."""


class TooManyChanges(Refused):
    """{market} would have {given} changes of its liquidity ahead of it, more than the {most} that it may; plan fewer,
    or cancel some."""
