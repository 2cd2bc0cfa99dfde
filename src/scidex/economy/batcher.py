"""What callers ask at the same time becomes one batch: one transaction, one wait for the disk.

A writer takes whatever is waiting as soon as it is free, one command of each actor in turn, so nobody waits for a batch
to fill and nobody with ten thousand commands keeps out somebody with one.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from typing import Any, NamedTuple

import structlog

from scidex.core.errors import Busy, Refusal
from scidex.core.journal import Receipt, Request

Answer = Receipt[Any] | Refusal
Perform = Callable[[Sequence[Request]], list[Answer]]
log = structlog.get_logger("scidex")


class Overloaded(Busy):
    """{waiting} commands wait already; nothing happened, try again in a second with the same key."""


class Stopping(Busy):
    """The process is stopping; nothing happened, try again with the same key."""


class _Waiting(NamedTuple):
    request: Request
    answer: Future[Answer]
    until: float


class Batcher:
    """Gathers commands into batches of at most `size`; answers Busy to what is above `waiting_max` or waits too long.

    Each of `writers` threads carries one batch at a time through `perform`. A batch that fails by a bug is tried again
    in halves, so that only the command that it is in fails.
    """

    def __init__(
        self,
        perform: Perform,
        *,
        size: int = 1000,
        waiting_max: int = 20_000,
        longest_wait_s: float = 10.0,
        writers: int = 2,
    ) -> None:
        self._perform = perform
        self._size = size
        self._waiting_max = waiting_max
        self._longest_wait_s = longest_wait_s
        self._queues: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._waiting = 0
        self._stopped = False
        self._changed = Condition()
        self._threads = [Thread(target=self._write, name=f"writer {n}", daemon=True) for n in range(writers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Commands that no writer has taken yet."""
        return self._waiting

    def submit(self, request: Request) -> Future[Answer]:
        """Put a command in line; its answer is a receipt or a refusal. Refuses at once: Overloaded, Stopping."""
        found: Future[Answer] = Future()
        with self._changed:
            if self._stopped:
                raise Stopping()
            if self._waiting >= self._waiting_max:
                raise Overloaded(waiting=self._waiting)
            waiting = _Waiting(request, found, time.monotonic() + self._longest_wait_s)
            self._queues.setdefault(request.actor, deque()).append(waiting)
            self._waiting += 1
            self._changed.notify()
        return found

    def perform(self, request: Request) -> Receipt[Any]:
        """Carry out one command together with whatever else waits; its refusal is raised.

        Refuses: Overloaded, Stopping, and what the command's rule refuses.
        """
        answer = self.submit(request).result()
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def stop(self) -> None:
        """Take nothing more, answer all that waits, end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> list[_Waiting]:
        """The next batch, one command of each actor in turn; empty when there will be none any more."""
        with self._changed:
            while not self._waiting:
                if self._stopped:
                    return []
                self._changed.wait()
            batch: list[_Waiting] = []
            while self._queues and len(batch) < self._size:
                actor, queue = self._queues.popitem(last=False)
                batch.append(queue.popleft())
                if queue:
                    self._queues[actor] = queue
            self._waiting -= len(batch)
            return batch

    def _answer(self, batch: list[_Waiting]) -> None:
        now = time.monotonic()
        live = []
        for waiting in batch:
            # Whoever gave up waiting has cancelled; whoever waited too long is told so while it still listens.
            if waiting.answer.set_running_or_notify_cancel():
                if waiting.until < now:
                    waiting.answer.set_result(Overloaded(waiting=len(batch)))
                else:
                    live.append(waiting)
        if live:
            self._carry_out(live)

    def _carry_out(self, batch: list[_Waiting]) -> None:
        try:
            answers = self._perform([waiting.request for waiting in batch])
        except Refusal as refusal:
            for waiting in batch:
                waiting.answer.set_result(refusal)
        except Exception as bug:  # noqa: BLE001 - the bug is the caller's to hear of; the others have nothing to do with it
            if len(batch) == 1:
                batch[0].answer.set_exception(bug)
                return
            log.warning("a batch failed and is tried in halves", commands=len(batch), reason=str(bug)[:200])
            middle = len(batch) // 2
            self._carry_out(batch[:middle])
            self._carry_out(batch[middle:])
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                waiting.answer.set_result(answer)
