"""Keys: issued, listed, rotated, revoked. Who asks with a key cannot make one that may do more."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.keys import list_keys
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit
from scidex.views import Page, Text, keys, page

router = APIRouter(prefix="/api/keys", tags=["keys"])


@router.get("")
def get_keys(
    reader: AsReader,
    actor: Annotated[Text | None, Query(description="of this actor; by default of who asks")] = None,
    everybody: Annotated[bool, Query(description="of every actor, which operators may ask for")] = False,
    after: Annotated[int, Query(ge=0, le=2**62, description="the `next` of the page before")] = 0,
    limit: Limit = 100,
) -> Page[keys.KeyView]:
    """Keys without their secrets, by number; those of others are shown to operators."""

    def work(tx: Tx) -> Page[keys.KeyView]:
        of = None if everybody else (actor or reader.actor)
        found = list_keys(tx, actor=of, after=after, limit=limit + 1)
        return page(
            Page[keys.KeyView],
            found,
            limit,
            lambda row: keys.key_view(*row, tx.now),
            lambda row: int(row[0].key[1:]),
        )

    return reader.read(work)


@router.post("", response_model=keys.IssuedDone)
def post_key(body: keys.KeyBody, caller: AsCaller) -> Response:
    """Make a key: of one's own, of an actor that one owns, or, for operators, of anybody. Its secret is shown once."""
    return caller.change(lambda tx, key: body.issue(tx, caller.principal.scopes, key), body)


@router.post("/{key}/rotate", response_model=keys.IssuedDone)
def post_key_rotated(key: Text, body: keys.RotateBody, caller: AsCaller) -> Response:
    """Give a key a new secret, shown once, and a new life; the one before stays valid for a while if that is asked."""
    return caller.change(lambda tx, once: body.rotate(tx, key, caller.principal.scopes, once), body)


@router.post("/{key}/revoke", response_model=keys.RevokedDone)
def post_key_revoked(key: Text, caller: AsCaller, body: keys.RevokeBody | None = None) -> Response:
    """End a key, at once and for good."""
    return caller.change(keys.RevokeTerms(key=key).do, body)
