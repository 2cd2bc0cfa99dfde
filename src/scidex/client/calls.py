"""What sending has in common, whether or not it is awaited: what goes out, and what an answer means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

import httpx

from scidex.client.answers import read_answer
from scidex.client.failures import AnswerUnreadable, Unanswered, raise_for
from scidex.client.request import Request
from scidex.client.retries import CUT, Retries

T = TypeVar("T")
URL = "http://127.0.0.1:8765"
"""Where `scidex up` serves."""
TIMEOUT_S = 30.0
TRIES = 8
"""About ten seconds of trying: a server that is started anew is back by then."""


@dataclass(frozen=True)
class Manner:
    """How a client sends: to which address, as whom, how long it waits and how often it tries."""

    url: str
    key: str | None
    actor: str | None
    timeout_s: float
    retries: Retries

    @property
    def settings(self) -> dict[str, Any]:
        """What the connections are opened with."""
        headers = {"Accept": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        if self.actor is not None:
            # Names are in UTF-8, which a header carries as bytes.
            headers["X-Scidex-Actor"] = self.actor.encode().decode("latin-1")
        return {"base_url": self.url, "headers": httpx.Headers(headers, encoding="latin-1"), "follow_redirects": False}


class Call(Generic[T]):
    """A request on its way, the same at each try: same idempotency key, same id."""

    def __init__(self, request: Request[T], manner: Manner) -> None:
        self._request = request
        self._retries = manner.retries
        self.request_id = uuid4().hex
        self.key = (request.key or uuid4().hex) if request.keyed else None
        self._safe = request.keyed or request.method == "GET"
        self._attempt = 0
        content = request.content
        headers = {"X-Request-Id": self.request_id}
        if self.key is not None:
            headers["Idempotency-Key"] = self.key.encode().decode("latin-1")
        if request.if_match is not None:
            headers["If-Match"] = f'"{request.if_match}"'.encode().decode("latin-1")
        if content is not None:
            headers["Content-Type"] = "application/json"
        self.sent: dict[str, Any] = {
            "method": request.method,
            "url": request.target,
            "params": request.parameters or None,
            "content": content,
            "headers": httpx.Headers(headers, encoding="latin-1"),
            "timeout": httpx.Timeout(manner.timeout_s + request.longest_wait_s),
        }

    def wait_after_cut(self, error: Exception) -> float:
        """Seconds to wait before the next try. Raises Unanswered where there is none."""
        self._attempt += 1
        wait = self._retries.after_cut(self._attempt, safe=self._safe)
        if wait is None:
            why = str(error) or type(error).__name__
            tries = "1 try" if self._attempt == 1 else f"{self._attempt} tries"
            raise Unanswered(f"no answer after {tries}: {why}", self.request_id, self.key) from error
        return wait

    def wait_after(self, response: httpx.Response) -> float | None:
        """Seconds to wait before the next try, or None if this is the answer."""
        self._attempt += 1
        return self._retries.after_answer(response, self._attempt, safe=self._safe)

    def read(self, response: httpx.Response) -> T:
        """The answer. Raises the refusal that it is, or ClientError."""
        raise_for(response, self.request_id, self.key)
        try:
            repeated = response.headers.get("Idempotency-Replayed") == "true"
            return read_answer(self._request.answer, response.content, repeated=repeated)
        except ValueError as error:
            said = f"the answer cannot be read: {error}"
            raise AnswerUnreadable(said, response.headers.get("X-Request-Id", self.request_id), self.key) from error


__all__ = ["CUT", "TIMEOUT_S", "TRIES", "URL", "Call", "Manner"]
