"""Webhooks: addresses that are told of what happens, by signed messages, at least once and in order."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from scidex.core.db import Tx
from scidex.feed import (
    AttemptView,
    WebhookMade,
    WebhookView,
    add_webhook,
    attempt_view,
    enable_webhook,
    get_webhook,
    list_deliveries,
    list_webhooks,
    position_of,
    remove_webhook,
    replay_webhook,
    webhook_made,
    webhook_view,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import Body, Page, Text, example

router = APIRouter(prefix="/api/webhooks", tags=["events"])


class WebhookBody(Body):
    """Which address is told of what."""

    model_config = example(url="https://example.org/hooks/scidex", topics="prices,grants", subject="market/tau")

    url: Text
    topics: Text | None = None
    subject: Text | None = None
    owner: Text | None = None
    private: bool = False
    after: Text | None = None


class ReplayBody(Body):
    """Behind which event, by its id, or which number of the journal; 0 is the beginning."""

    model_config = example(after="812-0")

    after: Text


@router.post("")
def post_webhook(body: WebhookBody, caller: AsCaller) -> WebhookMade:
    """Tell an address of what happens from now on, or `after` a position; the secret is in this answer and no other.

    Operators may make webhooks for another `owner`, or to addresses that are not public (`private`).
    """

    def work(tx: Tx) -> WebhookMade:
        hook = add_webhook(
            tx,
            url=body.url,
            topics=body.topics,
            subject=body.subject,
            owner=body.owner,
            private=body.private,
            after=None if body.after is None else position_of(body.after),
        )
        return webhook_made(hook)

    return caller.economy.run(work, actor=caller.actor)


@router.get("")
def get_webhooks(reader: AsReader, after: After = None, limit: Limit = 100) -> Page[WebhookView]:
    """One's webhooks, and how they stand; for operators, everybody's."""

    def work(tx: Tx) -> Page[WebhookView]:
        found = list_webhooks(tx, after=after or "", limit=limit + 1)
        shown = [webhook_view(hook) for hook in found[:limit]]
        return Page[WebhookView](items=shown, next=shown[-1].webhook if len(found) > limit else None)

    return reader.read(work)


@router.get("/{webhook}")
def get_one_webhook(webhook: Text, reader: AsReader) -> WebhookView:
    """A webhook as it is now."""
    return reader.read(lambda tx: webhook_view(get_webhook(tx, webhook)))


@router.get("/{webhook}/deliveries")
def get_webhook_deliveries(
    webhook: Text, reader: AsReader, limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> list[AttemptView]:
    """The latest attempts to deliver to it, the latest first."""
    return reader.read(lambda tx: [attempt_view(each) for each in list_deliveries(tx, webhook, limit=limit)])


@router.post("/{webhook}/enable")
def post_webhook_enable(webhook: Text, caller: AsCaller) -> WebhookView:
    """Try again now, from where it stopped."""
    return caller.economy.run(lambda tx: webhook_view(enable_webhook(tx, webhook)), actor=caller.actor)


@router.post("/{webhook}/replay")
def post_webhook_replay(webhook: Text, body: ReplayBody, caller: AsCaller) -> WebhookView:
    """Deliver everything behind a position again, under the same ids; one further on leaves out what is between."""
    after = position_of(body.after)
    return caller.economy.run(lambda tx: webhook_view(replay_webhook(tx, webhook, after=after)), actor=caller.actor)


@router.delete("/{webhook}")
def delete_webhook(webhook: Text, caller: AsCaller) -> WebhookView:
    """Tell this address nothing more, and forget its secret."""
    return caller.economy.run(lambda tx: webhook_view(remove_webhook(tx, webhook)), actor=caller.actor)
