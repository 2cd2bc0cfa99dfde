"""Server-sent events: one reader of the feed per process, however many listen; nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scidex.core.errors import Busy, Refusal
from scidex.economy import Economy
from scidex.feed import TOPICS, Event, Feed, FeedPage, Position, Wanted

MOST_STREAMS = 256
MOST_WAITING = 2_000
"""Events that may wait for one listener; one that is further behind is cut off, or reads them from the journal."""
POLL_S = 0.2
RETRY_S = 1.0
"""Pause after the database has failed."""
BEAT_S = 15.0
LONGEST_S = 3600.0
"""How long a stream goes on, so that whoever listens shows its key again."""
SEND_S = 30.0
"""Longest wait for a listener that takes nothing."""
MEDIA_TYPE = "text/event-stream"
_EVERYTHING = Wanted(frozenset(TOPICS))
log = structlog.get_logger("scidex.http")


class StreamsBusy(Busy):
    """{streams} streams are open already; nothing happened, try again in a while, or end one of yours."""


class Stream:
    """One listener: what waits for it, and why it ends."""

    def __init__(self, hub: Hub, wanted: Wanted, after: Position) -> None:
        self._hub = hub
        self._wanted = wanted
        self._position = after
        self._waiting: deque[tuple[Event, bytes]] = deque()
        self._lost = False
        self._news = asyncio.Event()
        self._ending: str | None = None
        self._until = time.monotonic() + LONGEST_S
        self.live_from = hub.position

    def offer(self, news: list[tuple[Event, bytes]]) -> None:
        """What has happened, in order."""
        wanted = [each for each in news if self._wanted.has(each[0])]
        if wanted and not self._lost:
            self._waiting.extend(wanted)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.clear()
                self._lost = True
            self._news.set()

    def end(self, why: str) -> None:
        """Say nothing more; `why` is told if the listener is still there."""
        self._ending = self._ending or why
        self._news.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """All that is wanted behind the position, and what then happens, as the listener takes it."""
        yield b"retry: 2000\n\n"
        async for chunk in self._past():
            yield chunk
        while True:
            while self._waiting:
                if taken := self._taken():
                    yield taken
            over = time.monotonic() >= self._until
            if self._ending or self._lost or over:
                why = self._ending or ("too_slow" if self._lost else "renew")
                if why != "left":
                    yield _message("end", json.dumps({"code": why, "resume": str(self._position)}).encode())
                return
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), BEAT_S)
            except TimeoutError:
                if self._waiting:
                    continue
                # All up to where the hub is has been looked at, and nothing of it was wanted.
                self._position = max(self._position, self._hub.position)
                yield f": beat\nid: {self._position}\n\n".encode()

    async def _past(self) -> AsyncIterator[bytes]:
        """What had happened before the listener came, from the journal, as often as it takes to meet the present."""
        while self._position < self.live_from and not self._ending:
            page = await self._hub.read(self._position, self._wanted)
            if page.events:
                yield b"".join([self._hub.message(event) for event in page.events])
            self._position = page.position
            if self._position >= self.live_from and self._lost:
                # More has happened meanwhile than may wait: that is in the journal by now.
                self._lost, self.live_from = False, self._hub.position

    def _taken(self) -> bytes:
        parts: list[bytes] = []
        while self._waiting and len(parts) < 100:
            event, message = self._waiting.popleft()
            if event.position > self._position:
                parts.append(message)
                self._position = event.position
        return b"".join(parts)


class Hub:
    """Reads the feed while anybody listens, and hands it to all who do."""

    def __init__(self, economy: Economy) -> None:
        self.feed = Feed(economy)
        self.position = Position(0)
        """Up to here everything was handed to the streams."""
        self.streams: set[Stream] = set()
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self._poller = CapacityLimiter(1)
        self._past = CapacityLimiter(4)

    async def open(self, wanted: Wanted, after: Position | None) -> Stream:
        """A stream of what is wanted behind a position, or of what happens from now.

        Refuses: StreamsBusy, FeedBehind.
        """
        async with self._starting:
            if len(self.streams) >= MOST_STREAMS:
                raise StreamsBusy(streams=len(self.streams))
            if self._reading is None or self._reading.done():
                self.position = await run_sync(self.feed.end, limiter=self._poller)
                self._reading = asyncio.create_task(self._read_on())
            elif after is None:
                # What has happened before now is none of what happens from now on.
                after = await run_sync(self.feed.end, limiter=self._past)
            stream = Stream(self, wanted, self.position if after is None else after)
            self.streams.add(stream)
        if self._closed:
            stream.end("stopping")
        return stream

    def leave(self, stream: Stream) -> None:
        """Hand this stream nothing more; with the last one the reading ends."""
        self.streams.discard(stream)
        if not self.streams and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def close(self) -> None:
        """End every stream at once, and those that are asked for from now on."""
        self._closed = True
        for stream in self.streams:
            stream.end("stopping")

    async def read(self, after: Position, wanted: Wanted) -> FeedPage:
        """A page of what had happened."""
        return await run_sync(self.feed.read, after, wanted, limiter=self._past)

    def message(self, event: Event) -> bytes:
        """An event as the stream carries it."""
        return _message(event.topic, self.feed.encode(event), id=str(event.position))

    async def _read_on(self) -> None:
        while True:
            try:
                page, news = await run_sync(self._next, self.position, limiter=self._poller)
            except Refusal as refusal:
                log.warning("feed waits", code=refusal.code, reason=str(refusal))
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:
                log.exception("feed failed")
                for stream in self.streams:
                    stream.end("failed")
                return
            for stream in self.streams:
                stream.offer(news)
            self.position = page.position
            await asyncio.sleep(0 if page.more else POLL_S)

    def _next(self, after: Position) -> tuple[FeedPage, list[tuple[Event, bytes]]]:
        page = self.feed.read(after, _EVERYTHING)
        return page, [(event, self.message(event)) for event in page.events]


class EventStream(Response):
    """The answer that goes on for as long as both sides want."""

    media_type = MEDIA_TYPE

    def __init__(self, stream: Stream, leave: Callable[[Stream], None]) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        del self.headers["content-length"]
        self._stream = stream
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client leaves, the server stops, or the client takes nothing for too long."""
        gone = asyncio.create_task(self._gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for chunk in self._stream.chunks():
                await asyncio.wait_for(send({"type": "http.response.body", "body": chunk, "more_body": True}), SEND_S)
            await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), SEND_S)
        except TimeoutError:
            log.warning("a stream was left: its client took nothing", seconds=SEND_S)
        finally:
            self._leave(self._stream)
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    async def _gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.end("left")


def _message(event: str, data: bytes, id: str | None = None) -> bytes:
    head = f"event: {event}\n" if id is None else f"id: {id}\nevent: {event}\n"
    return head.encode() + b"data: " + data + b"\n\n"
