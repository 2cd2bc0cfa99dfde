"""What a caller can do with webhooks: each belongs to an actor, and operators see to all of them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import httpx

from scidex.actors import UnknownActor, find_actors_named
from scidex.core.db import Tx
from scidex.feed import store
from scidex.feed.hooks import (
    ATTEMPTS_KEPT,
    MOST_EACH,
    Attempt,
    TooManyWebhooks,
    Webhook,
    WebhookRemoved,
    WebhooksOfOthers,
    WebhookUrlInvalid,
)
from scidex.feed.model import Position, wanted_of
from scidex.policy import HOUSE

SECRET_PREFIX = "whsec_"
_LONGEST_URL = 2000


def add_webhook(
    tx: Tx,
    *,
    url: str,
    topics: str | None = None,
    subject: str | None = None,
    owner: str | None = None,
    private: bool = False,
    after: Position | None = None,
) -> Webhook:
    """Tell an address of what happens from now on, or behind a position. The answer has the secret, and only this one.

    `private` lets it lead to addresses that are not public.
    Refuses: WebhookUrlInvalid, TopicUnknown, UnknownActor, WebhooksOfOthers, TooManyWebhooks.
    """
    owner = owner or tx.actor
    if (private or owner != tx.actor) and not _operates(tx):
        raise WebhooksOfOthers(actor=tx.actor)
    if not find_actors_named(tx, [owner]):
        raise UnknownActor(actor=owner)
    _check_url(url)
    wanted = wanted_of(topics, subject)
    if store.count_webhooks(tx, owner) >= MOST_EACH:
        raise TooManyWebhooks(owner=owner, most=MOST_EACH)
    hook = Webhook(
        webhook=f"wh_{secrets.token_hex(8)}",
        owner=owner,
        url=url,
        topics=tuple(sorted(wanted.topics)),
        subject=wanted.subject,
        private=private,
        secret=SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode(),
        state="active",
        reason=None,
        position=Position(store.moment(tx)[2]) if after is None else after,
        delivered=0,
        attempts=0,
        failures=0,
        failing_since=None,
        next_at=tx.now,
        created_at=tx.now,
        delivered_at=None,
    )
    store.insert_webhook(tx, hook)
    return hook


def list_webhooks(tx: Tx, *, after: str = "", limit: int = 100) -> list[Webhook]:
    """The actor's webhooks by id; of everybody, for an operator."""
    return store.find_webhooks(tx, _seen_by(tx), after, limit)


def get_webhook(tx: Tx, webhook: str) -> Webhook:
    """A webhook of the actor's, or any for an operator. Refuses: UnknownWebhook."""
    return store.find_webhook(tx, webhook, _seen_by(tx))


def list_deliveries(tx: Tx, webhook: str, *, limit: int = ATTEMPTS_KEPT) -> Sequence[Attempt]:
    """The latest attempts to deliver to a webhook, the latest first. Refuses: UnknownWebhook."""
    return store.find_attempts(tx, get_webhook(tx, webhook).webhook, limit)


def enable_webhook(tx: Tx, webhook: str) -> Webhook:
    """Try again, at once and from where it stopped. Refuses: UnknownWebhook, WebhookRemoved."""
    return _restart(tx, replace(_kept(tx, webhook), state="active"))


def replay_webhook(tx: Tx, webhook: str, *, after: Position) -> Webhook:
    """Deliver everything behind a position, again or for the first time; a position further on leaves out what is
    between. Refuses: UnknownWebhook, WebhookRemoved.
    """
    return _restart(tx, replace(_kept(tx, webhook), state="active", position=after))


def remove_webhook(tx: Tx, webhook: str) -> Webhook:
    """Tell this address nothing more, and forget its secret. Refuses: UnknownWebhook, WebhookRemoved."""
    return _restart(tx, replace(_kept(tx, webhook), state="removed", secret=""))


def _restart(tx: Tx, hook: Webhook) -> Webhook:
    store.restart_webhook(tx, hook)
    return replace(hook, reason=None, failures=0, failing_since=None, next_at=tx.now)


def _kept(tx: Tx, webhook: str) -> Webhook:
    hook = get_webhook(tx, webhook)
    if hook.state == "removed":
        raise WebhookRemoved(webhook=webhook)
    return hook


def _seen_by(tx: Tx) -> str | None:
    return None if _operates(tx) else tx.actor


def _operates(tx: Tx) -> bool:
    return tx.actor == HOUSE or any("operator" in actor.roles for actor in find_actors_named(tx, [tx.actor]))


def _check_url(url: str) -> None:
    shown = url[:100]
    try:
        parts = urlsplit(url)
        host, _, _ = parts.hostname, parts.port, httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise WebhookUrlInvalid(url=shown, problem=str(error)) from None
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookUrlInvalid(url=shown, problem=f"it is not plain ASCII of at most {_LONGEST_URL} characters")
    if parts.scheme not in ("http", "https") or not host:
        raise WebhookUrlInvalid(url=shown, problem="it does not begin with https:// or http:// and a host")
    if parts.username is not None or parts.fragment:
        raise WebhookUrlInvalid(url=f"{parts.scheme}://{host}/", problem="it holds a user, a password or a fragment")
