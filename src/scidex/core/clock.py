"""The time, read in one place and handed down; no rule and no action reads it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time in UTC, in whole microseconds as PostgreSQL keeps it."""


def system_clock() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970, exact.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    passed = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
