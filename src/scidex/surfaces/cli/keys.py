"""`scidex keys`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.keys import issue_key, list_keys, revoke_key, rotate_key
from scidex.surfaces.cli.calls import Key, Limit, changes, reads

keys = typer.Typer()

KeyName = Annotated[str, typer.Argument(metavar="KEY", help="Id of the key, such as k17.")]
Lives = Annotated[
    int | None, typer.Option("--seconds", metavar="N", help="How long it lives; by default what the policy says.")
]


@changes(keys, "issue")
def issue(
    tx: Tx,
    of: Annotated[str | None, typer.Option("--of", metavar="ACTOR", help="Whose key; by default of who asks.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="WHOM", help="Scopes for: agent, reviewer, funder, auditor, issuer, resolver, operator."
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="read, trade, work, spend, fund, review, operate, keys; repeatable, besides those of --for.",
        ),
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What it is for.")] = "",
    seconds: Lives = None,
    per_minute: Annotated[
        int | None, typer.Option("--per-minute", metavar="N", help="Requests that it may make in a minute.")
    ] = None,
    key: Key = None,
) -> views.keys.IssuedDone:
    """Make a key. Its secret is shown here and nowhere again."""
    issued = issue_key(
        tx,
        scopes=views.keys.scopes_of(preset, scope or ()),
        actor=of,
        label=label,
        seconds=seconds,
        per_minute=per_minute,
        key=key,
    )
    return views.keys.issued_done(issued)


@reads(keys, "list")
def list_(
    tx: Tx,
    of: Annotated[str | None, typer.Option("--of", metavar="ACTOR", help="Whose keys; by default of who asks.")] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Of every actor, which operators may see.")] = False,
    after: Annotated[int, typer.Option("--after", metavar="NEXT", min=0, help="The `next` of the page before.")] = 0,
    limit: Limit = 100,
) -> views.Page[views.keys.KeyView]:
    """Keys without their secrets, with when each was last used, to within a minute."""
    found = list_keys(tx, actor=None if everybody else (of or tx.actor), after=after, limit=limit + 1)
    return views.page(
        views.Page[views.keys.KeyView],
        found,
        limit,
        lambda row: views.keys.key_view(*row, tx.now),
        lambda row: int(row[0].key[1:]),
    )


@changes(keys, "rotate")
def rotate(
    tx: Tx,
    name: KeyName,
    overlap: Annotated[
        int, typer.Option("--overlap", metavar="SECONDS", help="How long the secret before stays valid.")
    ] = 0,
    seconds: Lives = None,
    key: Key = None,
) -> views.keys.IssuedDone:
    """Give a key a new secret, which is shown here and nowhere again."""
    return views.keys.issued_done(rotate_key(tx, name, overlap_s=overlap, seconds=seconds, key=key))


@changes(keys, "revoke")
def revoke(tx: Tx, name: KeyName, key: Key = None) -> views.keys.RevokedDone:
    """End a key, at once and for good."""
    return views.keys.revoked_done(revoke_key(tx, name, key=key))
