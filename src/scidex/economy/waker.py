"""Who waits for work is woken when there may be some: one listening connection per process, however many wait.

A notification may be lost, with the connection or before it is there. So whoever waits also looks again every few
seconds, and being woken is never taken to mean that there is work.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TypeVar

import structlog

from scidex.core.errors import Refusal
from scidex.core.listen import listen
from scidex.core.settings import Settings
from scidex.work import NoWork

Answer = TypeVar("Answer")
CHANNEL = "scidex_work"
LOOK_S = 2.0
"""How long is waited for news before looking again all the same."""
_RETRY_S = 1.0
log = structlog.get_logger("scidex")


class Waker:
    """Tells those who wait that there may be work. Its thread starts with the first of them."""

    def __init__(self, conninfo: str, settings: Settings) -> None:
        self._conninfo = conninfo
        self._settings = settings
        self._lock = Lock()
        self._waiting: set[Future[None]] = set()
        self._stopping = Event()
        self._thread: Thread | None = None

    def news(self) -> Future[None]:
        """Done once there may be new work: ask for it before you look, or what comes in between is missed."""
        found: Future[None] = Future()
        with self._lock:
            self._waiting.add(found)
            if self._thread is None and not self._stopping.is_set():
                self._thread = Thread(target=self._listen, name="waker", daemon=True)
                self._thread.start()
        return found

    def forget(self, news: Future[None]) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._waiting.discard(news)

    def patiently(self, claim: Callable[[], Answer], seconds: float) -> Answer:
        """What `claim` answers, tried until there is work or so many seconds are over. Refuses: NoWork."""
        until = time.monotonic() + seconds
        while True:
            news = self.news()
            try:
                return claim()
            except NoWork:
                left = until - time.monotonic()
                if left <= 0:
                    raise
                wait([news], timeout=min(left, LOOK_S))
            finally:
                self.forget(news)

    async def patiently_async(
        self, claim: Callable[[], Awaitable[Answer]], seconds: float, gone: Callable[[], Awaitable[bool]]
    ) -> Answer:
        """The same, without a thread that waits; nothing is claimed for somebody who has gone. Refuses: NoWork."""
        until = time.monotonic() + seconds
        while True:
            news = self.news()
            try:
                return await claim()
            except NoWork:
                left = until - time.monotonic()
                if left <= 0 or await gone():
                    raise
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(news)), min(left, LOOK_S))
                if await gone():
                    raise
            finally:
                self.forget(news)

    def stop(self) -> None:
        """Let go of the connection and of all who wait."""
        self._stopping.set()
        self._tell()
        if self._thread is not None:
            self._thread.join()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                listen(self._conninfo, self._settings, CHANNEL, self._heard)
            except Refusal as refusal:
                # Whoever waits looks again by himself meanwhile.
                log.warning("waker waits", code=refusal.code, reason=str(refusal))
                self._stopping.wait(_RETRY_S)
            except Exception:
                log.exception("waker failed")
                self._stopping.wait(_RETRY_S)

    def _heard(self, told: bool) -> bool:
        if told:
            self._tell()
        return not self._stopping.is_set()

    def _tell(self) -> None:
        with self._lock:
            told, self._waiting = self._waiting, set()
        for news in told:
            if news.set_running_or_notify_cancel():
                news.set_result(None)
