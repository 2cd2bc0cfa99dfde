"""What never changes is read once: the outcomes of a market, the unit of a hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NoReturn, cast

from scidex.core.db import Tx
from scidex.exchange.markets import find_market
from scidex.ledger import find_hold

REMEMBERED = 10_000
"""Markets, and holds, that a process remembers."""


class Unread(Exception):
    """Something has to be read first: ask again within a transaction."""


class _Nowhere:
    def execute(self, *unused: object) -> NoReturn:
        raise Unread


def without_reading() -> Tx:
    """In place of a transaction: whatever looks into the database with it raises Unread instead.

    So one function makes a command with a transaction where that is needed, and without where it is not.
    """
    return Tx(cast("Any", _Nowhere()), "", datetime.max.replace(tzinfo=UTC))


class _Memory:
    """The latest answers to one question, safe to ask from any thread."""

    def __init__(self, find: Callable[[Tx, str], Any], size: int) -> None:
        self._find = find
        self._size = size
        self._found: dict[str, Any] = {}
        self._lock = Lock()

    def of(self, tx: Tx, name: str) -> Any:
        with self._lock:
            found = self._found.pop(name, None)
            if found is not None:
                self._found[name] = found  # the last is the one that was asked for last
                return found
        found = self._find(tx, name)
        with self._lock:
            self._found[name] = found
            if len(self._found) > self._size:
                del self._found[next(iter(self._found))]
        return found


class Known:
    """What of one economy never changes, as far as it has been asked for."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._outcomes = _Memory(lambda tx, market: find_market(tx, market).outcomes, size)
        self._units = _Memory(lambda tx, hold: find_hold(tx, hold).debit.unit, size)

    def outcomes(self, tx: Tx, market: str) -> tuple[str, ...]:
        """The outcomes of a market. Refuses: UnknownMarket."""
        found: tuple[str, ...] = self._outcomes.of(tx, market)
        return found

    def unit_of_hold(self, tx: Tx, hold: str) -> str:
        """The unit in which a hold is. Refuses: UnknownHold."""
        found: str = self._units.of(tx, hold)
        return found
