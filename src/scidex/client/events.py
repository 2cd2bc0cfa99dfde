"""Server-sent events: read line by line, and gone on with behind the last one when a connection ends."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
from pydantic_core import from_json

from scidex.client.calls import Manner
from scidex.client.failures import Unanswered, raise_for

PATH = "/api/events"
SILENCE_S = 60.0
"""A server says that it is there every 15 seconds; after so many without a word the connection is taken for broken."""


class Following:
    """A stream of events on its way, over as many connections as it takes; none is lost and none comes twice."""

    def __init__(self, topics: str | None, subject: str | None, after: str | None, manner: Manner) -> None:
        self._wanted = {"topics": topics, "subject": subject}
        self._after = after
        self._retries = manner.retries
        self._attempt = 0
        self._request_id = uuid4().hex
        self._kind, self._id, self._data = "", "", list[str]()

    @property
    def sent(self) -> dict[str, Any]:
        """The request, from where the last connection ended."""
        wanted = {**self._wanted, "after": self._after}
        return {
            "method": "GET",
            "url": PATH,
            "params": {name: value for name, value in wanted.items() if value is not None},
            "headers": {"Accept": "text/event-stream", "X-Request-Id": self._request_id},
            "timeout": httpx.Timeout(SILENCE_S),
        }

    def take(self, line: str) -> dict[str, Any] | None:
        """An event if this line ends one, as a CloudEvent."""
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                self._data.append(value)
            elif field == "event":
                self._kind = value
            elif field == "id":
                self._id = value
            return None
        kind, data = self._kind, "\n".join(self._data)
        self._kind, self._data = "", []
        self._attempt = 0
        if self._id:
            self._after = self._id
        if not data:
            return None
        found: dict[str, Any] = from_json(data)
        if kind == "end":
            self._after = str(found["resume"])
            return None
        return found

    def wait_after(self, response: httpx.Response) -> float | None:
        """Seconds to wait before the next try, or None if the server refuses."""
        self._attempt += 1
        return self._retries.after_answer(response, self._attempt, safe=True)

    def wait_after_end(self, error: Exception | None) -> float:
        """Seconds to wait before the next connection. Raises Unanswered where there is none."""
        self._attempt += 1
        # What has not ended by an empty line has not been said.
        self._kind, self._id, self._data = "", "", []
        wait = self._retries.after_cut(self._attempt, safe=True)
        if wait is None:
            raise Unanswered(f"no events after {self._attempt} tries: {error}", self._request_id, None)
        return wait

    def check(self, response: httpx.Response) -> None:
        """Raise the refusal that an answer is."""
        raise_for(response, self._request_id, None)
