"""Who delivers: any number of processes, one at a time to each webhook, event by event in the order of the feed.

A webhook is leased, and where it stands is written after its events were taken. A process that dies in between leaves a
lease that runs out, and the next one sends again from where it stood, under the same ids.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Event as Flag
from threading import Lock, Thread

import httpx
import structlog

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.feed import store
from scidex.feed.feed import Feed
from scidex.feed.hooks import Attempt, Outcome, Webhook
from scidex.feed.model import Event, FeedBehind, Position
from scidex.feed.sending import Answer, send
from scidex.policy import HOUSE

AT_ONCE = 16
"""Webhooks that one round delivers to."""
PAGE = 100
"""Events between two writes of where a webhook stands: so many are sent again if the process dies."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 3600.0
DISABLED_AFTER_S = 3 * 86_400
DISABLED_AFTER = 10
"""Failures in a row, over three days at least, after which no more is tried."""
GONE = 410
log = structlog.get_logger("scidex")


class Deliverer:
    """Delivers what is due, a round at a time; as a thread it goes on until it is stopped."""

    def __init__(
        self, economy: Economy, *, every_s: float = 1.0, lease_s: float = 60.0, timeout_s: float = 10.0
    ) -> None:
        self._economy = economy
        self._every_s = every_s
        self._lease_s = lease_s
        self._timeout_s = timeout_s
        self._feed = Feed(economy)
        self._delivering = Lock()
        self._stopping = Flag()
        self._thread = Thread(target=self._go_on, name="deliverer", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the messages that are under way and end, if it has begun."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def round(self) -> int:
        """Deliver to whatever webhooks are due; how many events they took. A round that is asked for during one is
        none."""
        if not self._delivering.acquire(blocking=False):
            return 0
        try:
            with suppress(FeedBehind):
                end = self._feed.end(wait_s=0.5)
                lease, until = secrets.token_hex(8), timedelta(seconds=self._lease_s)

                def claim(tx: Tx) -> list[Webhook]:
                    return store.claim_due(tx, lease=lease, until=tx.now + until, end=end, limit=AT_ONCE)

                if hooks := self._economy.run(claim, actor=HOUSE):
                    return asyncio.run(self._deliver_all(hooks, lease))
            return 0
        finally:
            self._delivering.release()

    def _go_on(self) -> None:
        with structlog.contextvars.bound_contextvars(chore="webhooks"):
            while not self._stopping.wait(self._every_s):
                try:
                    while self.round() and not self._stopping.is_set():
                        pass
                except Refusal as refusal:
                    log.warning("deliveries wait", code=refusal.code, reason=str(refusal))
                except Exception:
                    log.exception("deliveries failed")

    async def _deliver_all(self, hooks: list[Webhook], lease: str) -> int:
        return sum(await asyncio.gather(*(self._deliver(hook, lease) for hook in hooks)))

    async def _deliver(self, hook: Webhook, lease: str) -> int:
        """Until the end of the feed, a failure, or half the lease."""
        until = time.monotonic() + self._lease_s / 2
        position, attempts, delivered = hook.position, hook.attempts, 0
        # No proxy of the environment stands between, and no redirect leads elsewhere.
        async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False, follow_redirects=False) as client:
            while True:
                page = await asyncio.to_thread(self._feed.read, position, hook.wanted, most=PAGE)
                tried, answer = await self._send_all(client, hook, page.events, attempts, until)
                taken = sum(attempt.problem is None for attempt in tried)
                whole = taken == len(page.events)
                if whole:
                    position = page.position
                elif taken:
                    position = page.events[taken - 1].position
                done = not whole or not page.more or time.monotonic() >= until or self._stopping.is_set()
                outcome = self._outcome(hook, position, tried, taken, answer)
                held = await asyncio.to_thread(self._mark, hook, lease, outcome, done)
                delivered, attempts = delivered + taken, attempts + len(tried)
                if done or not held:
                    return delivered
                if taken:
                    hook = replace(hook, failures=0, failing_since=None)

    async def _send_all(
        self, client: httpx.AsyncClient, hook: Webhook, events: Iterable[Event], attempts: int, until: float
    ) -> tuple[list[Attempt], Answer | None]:
        """One after the other, until one is not taken: the attempts, and what came of the last."""
        tried: list[Attempt] = []
        answer = None
        for event in events:
            if time.monotonic() >= until or self._stopping.is_set():
                break
            body = self._feed.encode(event)
            started = time.monotonic()
            id = f"{hook.webhook}_{event.position}"
            answer = await send(client, hook, id, body, timeout_s=self._timeout_s)
            ms = round((time.monotonic() - started) * 1000)
            at = self._economy.database.clock()
            attempts += 1
            tried.append(Attempt(attempts, at, str(event.position), answer.status, ms, answer.problem))
            if answer.problem is not None:
                break
        return tried, answer

    def _outcome(
        self, hook: Webhook, position: Position, tried: list[Attempt], taken: int, answer: Answer | None
    ) -> Outcome:
        now = self._economy.database.clock()
        if answer is None or answer.problem is None:
            # Nothing was tried, which changes nothing, or all that was tried was taken.
            failures, since = (0, None) if tried else (hook.failures, hook.failing_since)
            return Outcome(position, tried, taken, failures, since, now, None)
        before = 0 if taken else hook.failures
        failures, since = before + 1, (hook.failing_since if before else None) or now
        disabled = None
        if answer.status == GONE:
            disabled = "the receiver answered 410: it wants no more"
        elif failures >= DISABLED_AFTER and (now - since).total_seconds() >= DISABLED_AFTER_S:
            disabled = f"nothing was taken since {since.isoformat()}; at last: {answer.problem}"
        pause = max(pause_after(failures), answer.pause_s)
        log.warning("webhook fails", webhook=hook.webhook, failures=failures, problem=answer.problem, disabled=disabled)
        return Outcome(position, tried, taken, failures, since, now + timedelta(seconds=pause), disabled)

    def _mark(self, hook: Webhook, lease: str, outcome: Outcome, release: bool) -> bool:
        return self._economy.run(lambda tx: store.mark(tx, hook.webhook, lease, outcome, release=release), actor=HOUSE)


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to an hour, half of it by chance."""
    longest: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 20))
    return longest * random.uniform(0.5, 1)
