"""Requests of the server: events; made by `python -m tests.house.pages`."""

from __future__ import annotations

from typing import Any

from scidex.client.answers import Page
from scidex.client.request import Request


def get_past_events(
    *, topics: str | None = None, subject: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[dict[str, Any]]]:
    """Events that have happened, the oldest first, each a CloudEvent; `next` is where to go on, also for more to
    come.
    """
    return Request(
        "GET",
        "/api/events/past",
        Page[dict[str, Any]],
        query={"topics": topics, "subject": subject, "after": after, "limit": limit},
    )
