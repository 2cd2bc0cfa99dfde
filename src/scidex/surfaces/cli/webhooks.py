"""`scidex webhooks`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.feed import (
    AttemptView,
    WebhookMade,
    WebhookView,
    add_webhook,
    attempt_view,
    enable_webhook,
    list_deliveries,
    list_webhooks,
    position_of,
    remove_webhook,
    replay_webhook,
    webhook_made,
    webhook_view,
)
from scidex.surfaces.cli.calls import After, Limit, changes, reads

webhooks = typer.Typer()

Webhook = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook.")]


@changes(webhooks, "add")
def add(
    tx: Tx,
    url: Annotated[str, typer.Argument(metavar="URL", help="The address that is told, by POST.")],
    topics: Annotated[
        str | None, typer.Option("--topics", metavar="A,B", help="Only of these topics, such as prices,grants.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", metavar="SUBJECT", help="Only about this, such as market/m.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="ACTOR", help="Whose it is; for operators.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="It may lead to an address that is not public; for operators.")
    ] = False,
    after: Annotated[
        str | None, typer.Option("--after", metavar="POSITION", help="From behind this event on, instead of from now.")
    ] = None,
) -> WebhookMade:
    """Tell an address of what happens. The secret is shown this once."""
    position = None if after is None else position_of(after)
    hook = add_webhook(tx, url=url, topics=topics, subject=subject, owner=owner, private=private, after=position)
    return webhook_made(hook)


@reads(webhooks, "list")
def list_all(tx: Tx, after: After = None, limit: Limit = 100) -> views.Page[WebhookView]:
    """One's webhooks and how they stand; everybody's, for an operator."""
    found = list_webhooks(tx, after=after or "", limit=limit + 1)
    shown = [webhook_view(hook) for hook in found[:limit]]
    return views.Page[WebhookView](items=shown, next=shown[-1].webhook if len(found) > limit else None)


@reads(webhooks, "deliveries")
def deliveries(
    tx: Tx, webhook: Webhook, limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="Most to show.")] = 20
) -> views.Page[AttemptView]:
    """The latest attempts to deliver to a webhook, the latest first."""
    found = list_deliveries(tx, webhook, limit=limit)
    return views.Page[AttemptView](items=[attempt_view(each) for each in found])


@changes(webhooks, "enable")
def enable(tx: Tx, webhook: Webhook) -> WebhookView:
    """Try again now, from where it stopped."""
    return webhook_view(enable_webhook(tx, webhook))


@changes(webhooks, "replay")
def replay(
    tx: Tx,
    webhook: Webhook,
    after: Annotated[str, typer.Argument(metavar="POSITION", help="Id of an event, or a number of the journal.")],
) -> WebhookView:
    """Deliver everything behind a position again, under the same ids; one further on leaves out what is between."""
    return webhook_view(replay_webhook(tx, webhook, after=position_of(after)))


@changes(webhooks, "remove")
def remove(tx: Tx, webhook: Webhook) -> WebhookView:
    """Tell this address nothing more, and forget its secret."""
    return webhook_view(remove_webhook(tx, webhook))
