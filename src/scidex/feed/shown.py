"""Webhooks as people and programs see them, at every door."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.feed.hooks import Attempt, Webhook
from scidex.views import View


class WebhookView(View):
    """An address that is told of what happens, and how that goes."""

    webhook: str
    owner: str
    url: str
    topics: list[str]
    subject: str | None
    private: bool = Field(description="whether it may lead to addresses that are not public")
    state: str = Field(description="active, disabled or removed")
    reason: str | None = Field(description="why it was disabled")
    position: str = Field(description="everything up to here was taken, or not wanted")
    delivered: int = Field(description="events that it took")
    attempts: int
    failures: int = Field(description="in a row, up to now")
    failing_since: datetime | None
    next_at: datetime = Field(description="when it is tried again, at the earliest")
    created_at: datetime
    delivered_at: datetime | None = Field(description="when it last took one")


class WebhookMade(WebhookView):
    """A new webhook, with the secret that its messages are signed with: this once and never again."""

    secret: str


class AttemptView(View):
    """An attempt to deliver an event."""

    attempt: int
    at: datetime
    event: str = Field(description="its id")
    status: int | None = Field(description="the HTTP status of the answer, if there was one")
    ms: int = Field(description="how long it took, in milliseconds")
    problem: str | None = Field(description="null where it was taken")


def webhook_view(hook: Webhook) -> WebhookView:
    """A webhook without its secret."""
    facts = {name: getattr(hook, name) for name in WebhookView.model_fields if name not in ("topics", "position")}
    return WebhookView(**facts, topics=list(hook.topics), position=str(hook.position))


def webhook_made(hook: Webhook) -> WebhookMade:
    """A webhook that was just made, with its secret."""
    return WebhookMade(**webhook_view(hook).model_dump(), secret=hook.secret)


def attempt_view(attempt: Attempt) -> AttemptView:
    """An attempt."""
    return AttemptView(**attempt._asdict())
