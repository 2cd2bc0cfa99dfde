"""Requests of the server: keys; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence

from scidex.client.answers import Page
from scidex.client.models.keys import IssuedDone, KeyView, RevokedDone
from scidex.client.request import Request


def get_keys(
    *, actor: str | None = None, everybody: bool | None = None, after: int | None = None, limit: int | None = None
) -> Request[Page[KeyView]]:
    """Keys without their secrets, by number; those of others are shown to operators."""
    return Request(
        "GET",
        "/api/keys",
        Page[KeyView],
        query={"actor": actor, "everybody": everybody, "after": after, "limit": limit},
    )


def post_key(
    *,
    actor: str | None = None,
    preset: str | None = None,
    scopes: Sequence[str] | None = None,
    label: str | None = None,
    seconds: int | None = None,
    per_minute: int | None = None,
    idempotency_key: str | None = None,
) -> Request[IssuedDone]:
    """Make a key: of one's own, of an actor that one owns, or, for operators, of anybody. Its secret is shown
    once.
    """
    return Request(
        "POST",
        "/api/keys",
        IssuedDone,
        body={
            "actor": actor,
            "preset": preset,
            "scopes": scopes,
            "label": label,
            "seconds": seconds,
            "per_minute": per_minute,
        },
        key=idempotency_key,
        keyed=True,
    )


def post_key_rotated(
    key: str, *, overlap_s: int | None = None, seconds: int | None = None, idempotency_key: str | None = None
) -> Request[IssuedDone]:
    """Give a key a new secret, shown once, and a new life; the one before stays valid for a while if that is
    asked.
    """
    return Request(
        "POST",
        "/api/keys/{key}/rotate",
        IssuedDone,
        places={"key": key},
        body={"overlap_s": overlap_s, "seconds": seconds},
        key=idempotency_key,
        keyed=True,
    )


def post_key_revoked(key: str, *, idempotency_key: str | None = None) -> Request[RevokedDone]:
    """End a key, at once and for good."""
    return Request("POST", "/api/keys/{key}/revoke", RevokedDone, places={"key": key}, key=idempotency_key, keyed=True)
