"""`scidex bounties`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.exchange.bounties import find_bounties, find_bounty, offer_bounty, refund_bounty
from scidex.surfaces.cli.calls import Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.render import InUnit
from scidex.surfaces.cli.words import Amount, Artifact, ArtifactType, artifact_of

bounties = typer.Typer()

BountyName = Annotated[str, typer.Argument(metavar="BOUNTY", help="Id of the bounty.")]
MONTH_S = 30 * 86_400


@reads(bounties, "list")
def list_bounties(
    tx: Tx,
    artifact: Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only on this one.")] = None,
    artifact_type: ArtifactType = None,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="open, refunded or expired.")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> InUnit:
    """Bounties, the largest remainder first."""
    key = None if artifact is None else artifact_of(tx, artifact, artifact_type)
    found = find_bounties(tx, artifact=key, state=state, offset=offset, limit=limit + 1)
    shown = views.page(views.Page[views.BountyView], found, limit, views.bounty_view, lambda last: offset + limit)
    return InUnit(shown, "token")


@reads(bounties, "show")
def show(tx: Tx, bounty: BountyName) -> InUnit:
    """A bounty as it is now."""
    return InUnit(views.bounty_view(find_bounty(tx, bounty)), "token")


@changes(bounties, "offer")
def offer(
    tx: Tx,
    artifact: Artifact,
    amount: Amount,
    artifact_type: ArtifactType = None,
    seconds: Annotated[int, typer.Option("--seconds", metavar="SECONDS", help="How long at most.")] = MONTH_S,
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What progress it is for.")] = "progress",
    key: Key = None,
) -> InUnit:
    """Put tokens of the actor's wallet in escrow for progress on an artifact."""
    receipt = offer_bounty(
        tx,
        artifact=artifact_of(tx, artifact, artifact_type),
        amount=parse_amount(amount),
        seconds=seconds,
        purpose=purpose,
        key=key,
    )
    return InUnit(views.bounty_done(receipt), "token")


@changes(bounties, "refund")
def refund(tx: Tx, bounty: BountyName, key: Key = None) -> InUnit:
    """Give back what remains of a bounty."""
    return InUnit(views.bounty_done(refund_bounty(tx, bounty=bounty, key=key)), "token")
