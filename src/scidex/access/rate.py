"""How often a key may ask: a bucket of tokens per key and process, filled evenly."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from scidex.access.model import RateExceeded


class Rates:
    """Buckets by key, each as large as what the key may ask in a minute, and full at first."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._buckets: dict[str, tuple[float, datetime]] = {}
        self._lock = Lock()

    def take(self, key: str, per_minute: int) -> None:
        """Count one request. A refused one costs nothing. Refuses: RateExceeded."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.get(key, (float(per_minute), now))
            # A clock that was set back gives nothing and takes nothing.
            filled = max((now - since).total_seconds(), 0.0) * per_minute / 60
            left = min(left + filled, float(per_minute))
            if left < 1:
                self._buckets[key] = (left, now)
                wait = math.ceil((1 - left) * 60 / per_minute)
                raise RateExceeded(key=key, per_minute=per_minute, retry_after_s=wait)
            self._buckets[key] = (left - 1, now)
