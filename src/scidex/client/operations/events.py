"""Requests of the server: events; made by `python -m tests.house.pages`."""

from __future__ import annotations

from typing import Any

from scidex.client.answers import Page
from scidex.client.models.events import AttemptView, WebhookMade, WebhookView
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


def post_webhook(
    *,
    url: str,
    topics: str | None = None,
    subject: str | None = None,
    owner: str | None = None,
    private: bool | None = None,
    after: str | None = None,
    idempotency_key: str | None = None,
) -> Request[WebhookMade]:
    """Tell an address of what happens from now on, or `after` a position; the secret is in this answer and no
    other.
    """
    return Request(
        "POST",
        "/api/webhooks",
        WebhookMade,
        body={"url": url, "topics": topics, "subject": subject, "owner": owner, "private": private, "after": after},
        key=idempotency_key,
        keyed=True,
    )


def get_webhooks(*, after: str | None = None, limit: int | None = None) -> Request[Page[WebhookView]]:
    """One's webhooks, and how they stand; for operators, everybody's."""
    return Request("GET", "/api/webhooks", Page[WebhookView], query={"after": after, "limit": limit})


def get_one_webhook(webhook: str) -> Request[WebhookView]:
    """A webhook as it is now."""
    return Request("GET", "/api/webhooks/{webhook}", WebhookView, places={"webhook": webhook})


def delete_webhook(webhook: str, *, idempotency_key: str | None = None) -> Request[WebhookView]:
    """Tell this address nothing more, and forget its secret."""
    return Request(
        "DELETE", "/api/webhooks/{webhook}", WebhookView, places={"webhook": webhook}, key=idempotency_key, keyed=True
    )


def get_webhook_deliveries(webhook: str, *, limit: int | None = None) -> Request[list[AttemptView]]:
    """The latest attempts to deliver to it, the latest first."""
    return Request(
        "GET",
        "/api/webhooks/{webhook}/deliveries",
        list[AttemptView],
        places={"webhook": webhook},
        query={"limit": limit},
    )


def post_webhook_enable(webhook: str, *, idempotency_key: str | None = None) -> Request[WebhookView]:
    """Try again now, from where it stopped."""
    return Request(
        "POST",
        "/api/webhooks/{webhook}/enable",
        WebhookView,
        places={"webhook": webhook},
        key=idempotency_key,
        keyed=True,
    )


def post_webhook_replay(webhook: str, *, after: str, idempotency_key: str | None = None) -> Request[WebhookView]:
    """Deliver everything behind a position again, under the same ids; one further on leaves out what is between."""
    return Request(
        "POST",
        "/api/webhooks/{webhook}/replay",
        WebhookView,
        places={"webhook": webhook},
        body={"after": after},
        key=idempotency_key,
        keyed=True,
    )
