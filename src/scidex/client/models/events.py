"""What the server answers: events; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class WebhookMade(Receipt):
    """A new webhook, with the secret that its messages are signed with: this once and never again."""

    webhook: str
    owner: str
    url: str
    topics: list[str]
    subject: str | None
    # whether it may lead to addresses that are not public
    private: bool
    # active, disabled or removed
    state: str
    # why it was disabled
    reason: str | None
    # everything up to here was taken, or not wanted
    position: str
    # events that it took
    delivered: int
    attempts: int
    # in a row, up to now
    failures: int
    failing_since: datetime | None
    # when it is tried again, at the earliest
    next_at: datetime
    created_at: datetime
    # when it last took one
    delivered_at: datetime | None
    secret: str


class WebhookView(Receipt):
    """An address that is told of what happens, and how that goes."""

    webhook: str
    owner: str
    url: str
    topics: list[str]
    subject: str | None
    # whether it may lead to addresses that are not public
    private: bool
    # active, disabled or removed
    state: str
    # why it was disabled
    reason: str | None
    # everything up to here was taken, or not wanted
    position: str
    # events that it took
    delivered: int
    attempts: int
    # in a row, up to now
    failures: int
    failing_since: datetime | None
    # when it is tried again, at the earliest
    next_at: datetime
    created_at: datetime
    # when it last took one
    delivered_at: datetime | None


class AttemptView(Answer):
    """An attempt to deliver an event."""

    attempt: int
    at: datetime
    # its id
    event: str
    # the HTTP status of the answer, if there was one
    status: int | None
    # how long it took, in milliseconds
    ms: int
    # null where it was taken
    problem: str | None
