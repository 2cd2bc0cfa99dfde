"""What pages read: each figure once for all who look at it, in a thread, with the moment at which it was read."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from anyio import to_thread

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.economy import Economy

Found = TypeVar("Found")

PAUSE_S = 2.0
"""A figure is read again after this, or ten times as long as reading it took, whichever is longer."""
_MOST = 256


@dataclass(frozen=True, slots=True)
class Seen(Generic[Found]):
    """What was read, or why nothing could be; a figure that cannot be read anew stays, with its age."""

    found: Found | None
    at: datetime | None
    problem: str | None
    again_at: float


@dataclass
class Reading:
    """The figures of one economy, read when somebody looks and shared by all who do."""

    economy: Economy
    _seen: OrderedDict[Hashable, Seen[Any]] = field(default_factory=OrderedDict)
    _locks: dict[Hashable, asyncio.Lock] = field(default_factory=dict)

    async def now(self, work: Callable[[Tx], Found], actor: str) -> Found:
        """What `work` finds now, for this actor alone. Refuses what it refuses."""
        return await to_thread.run_sync(self._read, work, actor)

    async def aside(self, work: Callable[[], Found]) -> Found:
        """What `work` answers, in a thread, so that nobody waits for it who need not."""
        return await to_thread.run_sync(work)

    async def shared(self, key: Hashable, work: Callable[[Tx], Found]) -> Seen[Found]:
        """What `work` found lately; whoever looks while it is read anew gets the last that there is."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        seen = self._seen.get(key)
        if seen is not None and (time.monotonic() < seen.again_at or lock.locked()):
            return seen
        async with lock:
            seen = self._seen.get(key)
            if seen is None or time.monotonic() >= seen.again_at:
                seen = await self._read_anew(work, seen)
                self._keep(key, seen)
            return seen

    async def _read_anew(self, work: Callable[[Tx], Found], last: Seen[Found] | None) -> Seen[Found]:
        began = time.monotonic()
        try:
            found, at = await to_thread.run_sync(self._read_at, work)
        except Refusal as refusal:
            old = (last.found, last.at) if last else (None, None)
            return Seen(*old, str(refusal), time.monotonic() + PAUSE_S)
        took = time.monotonic() - began
        return Seen(found, at, None, time.monotonic() + max(PAUSE_S, 10 * took))

    def _keep(self, key: Hashable, seen: Seen[Any]) -> None:
        self._seen[key] = seen
        self._seen.move_to_end(key)
        while len(self._seen) > _MOST:
            oldest, _ = self._seen.popitem(last=False)
            self._locks.pop(oldest, None)

    def _read(self, work: Callable[[Tx], Found], actor: str) -> Found:
        with self.economy.reading(actor=actor) as tx:
            return work(tx)

    def _read_at(self, work: Callable[[Tx], Found]) -> tuple[Found, datetime]:
        with self.economy.reading() as tx:
            return work(tx), tx.now


_opened: list[Reading] = []


def open_for(economy: Economy) -> None:
    """Let the pages of this process show this economy; NiceGUI has one application per process, so there is one."""
    assert not _opened, "a process has one dashboard"
    _opened.append(Reading(economy))


def reading() -> Reading:
    """What the pages of this process read."""
    return _opened[0]
