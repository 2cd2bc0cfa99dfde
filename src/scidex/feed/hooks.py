"""The words of webhooks: who is told at which address, an attempt to tell, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.feed.model import Position, Wanted

MOST_EACH = 20
"""Webhooks that one actor may have."""
ATTEMPTS_KEPT = 200
"""The latest attempts that are kept of each webhook."""


class WebhookUrlInvalid(Invalid):
    """The address {url!r} cannot be delivered to: {problem}. Give one such as https://example.org/hooks/scidex."""


class WebhooksOfOthers(Forbidden):
    """{actor} is no operator, and only operators make webhooks for others or to private addresses; leave that out."""


class UnknownWebhook(Missing):
    """There is no webhook {webhook} of yours; `scidex webhooks list` shows those that there are."""


class TooManyWebhooks(Refused):
    """{owner} has {most} webhooks already; remove one first."""


class WebhookRemoved(Refused):
    """The webhook {webhook} was removed; make a new one."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of what happens; its secret is shown once, when it is made."""

    webhook: str
    owner: str
    url: str
    topics: tuple[str, ...]
    subject: str | None
    private: bool
    secret: str = field(repr=False)
    state: str
    reason: str | None
    position: Position
    delivered: int
    attempts: int
    failures: int
    failing_since: datetime | None
    next_at: datetime
    created_at: datetime
    delivered_at: datetime | None

    @property
    def wanted(self) -> Wanted:
        """Which events it is told of."""
        return Wanted(frozenset(self.topics), self.subject)


class Attempt(NamedTuple):
    """An attempt to tell a webhook of an event. `problem` is None where it was taken."""

    attempt: int
    at: datetime
    event: str
    status: int | None
    ms: int
    problem: str | None


class Outcome(NamedTuple):
    """Where a delivery leaves a webhook."""

    position: Position
    attempts: list[Attempt]
    delivered: int
    failures: int
    failing_since: datetime | None
    next_at: datetime
    disabled: str | None
    """Why no more is tried, if so."""
