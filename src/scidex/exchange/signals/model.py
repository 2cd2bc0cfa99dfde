"""What decisions may read off a market: lagged prices and committed capital, never spot and never volume."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from scidex.entities import EntityKey


class Step(NamedTuple):
    """The prices (10^-12) that stand from a moment on, in microseconds since 1970."""

    at: int
    prices: tuple[int, ...]


class Holding(NamedTuple):
    """The share parts that one account holds now and held on the mean over the window, and to whom it belongs.

    `cost` is what those that it holds now cost it, in token parts. `left_out` says that it belongs to the artifact's
    proposer, or to its owner, or is of its model family.
    """

    account: str
    owner: str
    left_out: bool
    now: tuple[int, ...]
    mean: tuple[int, ...]
    cost: int


class Resting(NamedTuple):
    """The share parts that an account's open purchases are for, and the token parts that they have in escrow: now, and
    on the mean over the window. What was cancelled, filled or has lapsed is not in the mean either."""

    account: str
    owner: str
    left_out: bool
    now: tuple[int, ...]
    mean: tuple[int, ...]
    escrow: int
    mean_escrow: int


class Traded(NamedTuple):
    """What an account traded within the window, each share weighted by the microseconds from the window's start to the
    trade: shares bought less sold per outcome, and complete sets redeemed."""

    gained: tuple[int, ...]
    redeemed: int


class Stake(NamedTuple):
    """What one owner has at risk: net share parts per outcome that count, the worst loss on them in token parts."""

    owner: str
    shares: tuple[int, ...]
    risk: int


class Lagged(NamedTuple):
    """Mean prices (10^-12) of what followed the market at a bounded speed from `since` to `until`."""

    prices: tuple[int, ...]
    since: datetime
    until: datetime


class Recorded(NamedTuple):
    """The prices (10^-12) of a market at a past moment: those for decisions, and those of the moment."""

    lagged: tuple[int, ...]
    spot: tuple[int, ...]


class Signal(NamedTuple):
    """What a market says in decisions.

    `price` (10^-12, of the first outcome) is None where it is unknown, and `unknown` then says why; `lagged` is there
    all the same. `demand` is committed capital in token parts, `resting` what of it is in resting orders, `left_out`
    what the artifact's own side has at risk, `liquidity` the maker's b, `moved_at` when the market last moved.
    """

    market: str
    artifact: EntityKey
    outcomes: tuple[str, ...]
    liquidity: int
    lagged: Lagged
    price: int | None
    unknown: str | None
    demand: int
    stakes: tuple[Stake, ...]
    resting: int
    left_out: int
    moved_at: datetime


class Attack(NamedTuple):
    """What it costs to hold the price where a claim needs it, against what that wins; token parts.

    `worth` is what one unit of price moves the claim by (c), `bound` the most that any pump gains, c^2 / (8 b).
    """

    cost: int
    prize: int
    worth: int
    bound: int
