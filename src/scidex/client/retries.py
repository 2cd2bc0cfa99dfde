"""When a request is asked again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

import httpx

CUT = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
"""No answer came, and whether the request arrived is not known."""
_NOTHING_HAPPENED = {429, 503}
_FROM_BETWEEN = {502, 504}
_FIRST_S, _LONGEST_S, _LONGEST_ASKED_S = 0.1, 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often in all a request is asked, while it is safe to ask again."""

    tries: int

    def after_cut(self, attempt: int, *, safe: bool) -> float | None:
        """Seconds to wait after a broken connection; None if that was it.

        `safe` says that the request reads, or carries an idempotency key, so that it cannot happen twice.
        """
        return _backoff(attempt) if safe and attempt < self.tries else None

    def after_answer(self, response: httpx.Response, attempt: int, *, safe: bool) -> float | None:
        """Seconds to wait after this answer; None if it is the answer: all but 429, 502, 503, 504 are."""
        status = response.status_code
        if attempt >= self.tries or not (status in _NOTHING_HAPPENED or (safe and status in _FROM_BETWEEN)):
            return None
        asked = _seconds(response.headers.get("Retry-After"))
        return _backoff(attempt) if asked is None else asked + _backoff(attempt) / 2


def _backoff(attempt: int) -> float:
    """Twice as long each time, and not the same for all who failed at the same moment."""
    return min(_LONGEST_S, _FIRST_S * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)


def _seconds(given: str | None) -> float | None:
    try:
        return min(_LONGEST_ASKED_S, max(0.0, float(given))) if given else None
    except ValueError:
        return None  # a date, which servers of ours do not send
