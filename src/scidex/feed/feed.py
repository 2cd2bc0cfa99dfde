"""The feed of one economy as a process reads it: what is final, and the events of it, by position.

A transaction gets its id before its numbers (core/journal.py). So once every transaction has ended that ran when a
number was the last, no row will come at or below that number: up to there the journal is final, and its rows are told
in the order of their numbers, which is the order in which the commands happened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from threading import Lock

from pydantic_core import to_json

from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.machine import kind_named
from scidex.economy import Economy
from scidex.feed import store
from scidex.feed.catalogue import TELLERS
from scidex.feed.model import LAST_LINE, Event, FeedBehind, FeedPage, Position, Wanted
from scidex.policy import HOUSE
from scidex.views import Known

TYPE = "org.scidex."
LARGEST_EVENT = 64_000
"""Bytes of an event as JSON; the data of a larger one is left out, and it says so."""
_PAUSE_S = 0.02


class Horizon:
    """Up to which number the journal is final; it only rises. Safe to ask from any thread."""

    def __init__(self) -> None:
        self.final = 0
        self._last: int | None = None
        self._ended_below: int | None = None
        self._looking = Lock()

    def look(self, tx: Tx) -> int:
        """The latest number up to which no row can come any more, in a transaction that has just begun to read."""
        with self._looking:
            oldest, following, last = store.moment(tx)
            if self._last is not None:
                # Whoever drew a number up to `last` had its id before, and that is below the next one of now.
                if self._ended_below is None:
                    self._ended_below = following
                if oldest >= self._ended_below:
                    self.final = max(self.final, self._last)
                    self._last = self._ended_below = None
            if self._last is None:
                self._last = last
            return self.final


class Feed:
    """Reads the feed of an economy."""

    def __init__(self, economy: Economy) -> None:
        self._economy = economy
        self._horizon = Horizon()
        self._known = Known()
        self._source: str | None = None

    def source(self) -> str:
        """The source of every event: this ledger."""
        if self._source is None:
            with self._economy.reading(actor=HOUSE) as tx:
                self._source = f"urn:scidex:{store.ledger_id(tx)[:16]}"
        return self._source

    def end(self, *, wait_s: float = 5.0) -> Position:
        """Where the feed ends now: behind everything that had happened when it was asked. Refuses: FeedBehind.

        Behind a long transaction it ends a little earlier, unless this process does not know yet where.
        """
        until = time.monotonic() + wait_s
        with self._economy.reading(actor=HOUSE) as tx:
            wanted = store.moment(tx)[2]
        while True:
            with self._economy.reading(actor=HOUSE) as tx:
                final = self._horizon.look(tx)
            if final >= wanted or (final and time.monotonic() >= until):
                return Position(final)
            if time.monotonic() >= until:
                raise FeedBehind()
            time.sleep(_PAUSE_S)

    def read(self, after: Position, wanted: Wanted, *, most: int = 500) -> FeedPage:
        """The events that are wanted behind a position, at most so many, out of one page of the journal.

        There may be none of them and still more behind the page: go on from its position.
        """
        with self._economy.reading(actor=HOUSE) as tx:
            final = self._horizon.look(tx)
            # A row of which some lines are behind the position is read again.
            start = after.number if after.line == LAST_LINE else after.number - 1
            if start >= final:
                return FeedPage([], after, more=False)
            rows, looked = store.page_of(tx, start, final, TELLERS)
            found = (event for row in rows for event in self._events(tx, row))
            events = list(islice((event for event in found if event.position > after and wanted.has(event)), most))
        if len(events) == most:
            return FeedPage(events, events[-1].position, more=True)
        return FeedPage(events, Position(looked), more=looked < final)

    def _events(self, tx: Tx, row: store.Row) -> Iterator[Event]:
        result = kind_named(row.kind).results.validate_json(row.receipt)
        receipt = Receipt(row.number, row.at, row.kind, row.actor, result)
        told = TELLERS[row.kind](receipt, lambda market: self._known.outcomes(tx, market))
        for line, each in enumerate(told):
            data = each.view.model_dump(mode="json", exclude={"repeated"})
            yield Event(Position(row.number, line), row.at, each.topic, TYPE + each.type, each.subject, data)

    def encode(self, event: Event) -> bytes:
        """The event as JSON, as CloudEvents 1.0 has it; data that is too large is left out, and said to be."""
        cloud = {
            "specversion": "1.0",
            "id": str(event.position),
            "source": self.source(),
            "type": event.type,
            "subject": event.subject,
            "time": event.at,
            "topic": event.topic,
            "datacontenttype": "application/json",
            "data": event.data,
        }
        encoded = to_json(cloud)
        if len(encoded) > LARGEST_EVENT:
            del cloud["data"], cloud["datacontenttype"]
            encoded = to_json(cloud | {"dataomitted": True})
        return encoded
