"""The figures, read in one transaction and kept for a few seconds: watching costs the same however many watch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from scidex.core.errors import Refusal
from scidex.core.units import to_number, unit_named
from scidex.economy import Economy
from scidex.policy import HOUSE
from scidex.vitals import store

KEPT_S = 5.0
GRANTED_KEPT_S = 60.0
"""What was granted is summed over every budget, so it is kept for longer."""
Key = tuple[str, str]


class PoolFigures(NamedTuple):
    """A pool in one unit, in whole units. `granted` is what its budgets were granted in all, `spent` included."""

    pool: str
    unit: str
    free: float
    reserved: float
    granted: float
    spent: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How the economy stands."""

    pools: tuple[PoolFigures, ...]
    reservations_open: int
    unsealed_s: float
    """Age of the oldest journal row that no block has yet, 0 where all is sealed."""


class Vitals:
    """The figures of an economy; any number may ask, one reads, at most every few seconds."""

    def __init__(self, economy: Economy, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._economy = economy
        self._monotonic = monotonic
        self._reading = Lock()
        self._until = self._granted_until = -1.0
        self._found: Figures | None = None
        self._granted: dict[Key, tuple[int, int]] = {}

    def now(self) -> Figures | None:
        """The figures, a few seconds old at most; None where the database does not answer in time."""
        with self._reading:
            if self._monotonic() >= self._until:
                self._found = self._read()
                self._until = self._monotonic() + KEPT_S
            return self._found

    def _read(self) -> Figures | None:
        if self._monotonic() >= self._granted_until:
            self._granted_until = self._monotonic() + GRANTED_KEPT_S
            # Where it takes too long, the figures before stay, and the others are told all the same.
            with suppress(Refusal), self._economy.reading(actor=HOUSE) as tx:
                store.bound_time(tx)
                self._granted = {(pool, unit): (whole, spent) for pool, unit, whole, spent in store.granted(tx)}
        try:
            with self._economy.reading(actor=HOUSE) as tx:
                store.bound_time(tx)
                free = {(pool, unit): parts for pool, unit, parts in store.free_in_pools(tx)}
                reserved = {(pool, unit): parts for pool, unit, parts in store.reserved_of_pools(tx)}
                since = store.unsealed_since(tx)
                return Figures(
                    pools=self._pools(free, reserved),
                    reservations_open=store.open_reservations(tx),
                    unsealed_s=0.0 if since is None else max(0.0, (tx.now - since).total_seconds()),
                )
        except Refusal:
            return None

    def _pools(self, free: dict[Key, int], reserved: dict[Key, int]) -> tuple[PoolFigures, ...]:
        found = []
        for pool, unit in sorted(free.keys() | reserved.keys() | self._granted.keys()):
            granted, spent = self._granted.get((pool, unit), (0, 0))
            parts = (free.get((pool, unit), 0), reserved.get((pool, unit), 0), granted, spent)
            found.append(PoolFigures(pool, unit, *(to_number(each, unit_named(unit)) for each in parts)))
        return tuple(found)
