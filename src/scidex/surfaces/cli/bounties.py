"""`scidex bounties`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.exchange.bounties import (
    add_to_bounty,
    award_bounty,
    claim_bounty,
    decline_work,
    find_bounties,
    find_bounty,
    find_fundings,
    find_payments,
    find_submissions,
    offer_bounty,
    refund_bounty,
    release_claim,
    submit_work,
)
from scidex.surfaces.cli.calls import Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.render import InUnit
from scidex.surfaces.cli.words import Amount, Artifact, ArtifactType, Reason, artifact_of

bounties = typer.Typer()

BountyName = Annotated[str, typer.Argument(metavar="BOUNTY", help="Id of the bounty.")]
Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="Id of the entity that was made.")]
OutputType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Type of the entity; needed where types share the id.")
]
MONTH_S = 30 * 86_400
DAY_S = 86_400
ORDERS = ("amount", "age", "expiry")
TOKENS = "token"


def _order(given: str) -> str:
    if given not in ORDERS:
        raise typer.BadParameter(f"{given!r} is not one of {', '.join(ORDERS)}.")
    return given


@reads(bounties, "list")
def list_bounties(
    tx: Tx,
    artifact: Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only on this one.")] = None,
    artifact_type: ArtifactType = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="open, awarded, refunded or expired.")
    ] = None,
    order: Annotated[
        str, typer.Option("--order", metavar="ORDER", callback=_order, help="By amount, age or expiry.")
    ] = "amount",
    offset: Offset = 0,
    limit: Limit = 100,
) -> InUnit:
    """Bounties, the largest remainder first, or the oldest, or the one that is over soonest."""
    key = None if artifact is None else artifact_of(tx, artifact, artifact_type)
    found = find_bounties(tx, artifact=key, state=state, order=order, offset=offset, limit=limit + 1)
    shown = views.page(views.Page[views.BountyView], found, limit, views.bounty_view, lambda last: offset + limit)
    return InUnit(shown, TOKENS)


@reads(bounties, "show")
def show(tx: Tx, bounty: BountyName) -> InUnit:
    """A bounty as it is now."""
    return InUnit(views.bounty_view(find_bounty(tx, bounty)), TOKENS)


@reads(bounties, "funders")
def funders(tx: Tx, bounty: BountyName) -> InUnit:
    """Who has put how much into a bounty."""
    found = [views.funding_view(row) for row in find_fundings(tx, bounty)]
    return InUnit(views.Page[views.FundingView](items=found), TOKENS)


@reads(bounties, "submissions")
def submissions(tx: Tx, bounty: BountyName) -> InUnit:
    """What was submitted to a bounty, and how it was judged."""
    found = [views.work_view(row) for row in find_submissions(tx, bounty)]
    return InUnit(views.Page[views.WorkView](items=found), TOKENS)


@reads(bounties, "payments")
def payments(tx: Tx, bounty: BountyName, offset: Offset = 0, limit: Limit = 100) -> InUnit:
    """What left a bounty's escrow, the latest first: awards, refunds, draws for compute."""
    found = find_payments(tx, bounty, offset=offset, limit=limit + 1)
    shown = views.page(views.Page[views.PaymentView], found, limit, views.payment_view, lambda last: offset + limit)
    return InUnit(shown, TOKENS)


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
    return InUnit(views.bounty_done(receipt), TOKENS)


@changes(bounties, "add")
def add(tx: Tx, bounty: BountyName, amount: Amount, key: Key = None) -> InUnit:
    """Put more tokens into a bounty, whoever offered it."""
    receipt = add_to_bounty(tx, bounty=bounty, amount=parse_amount(amount), key=key)
    return InUnit(views.bounty_done(receipt), TOKENS)


@changes(bounties, "claim")
def claim(
    tx: Tx,
    bounty: BountyName,
    seconds: Annotated[int, typer.Option("--seconds", metavar="SECONDS", help="Until it lapses by itself.")] = DAY_S,
    key: Key = None,
) -> views.ClaimDone:
    """Take a bounty on for a while, or renew one's claim."""
    return views.claim_done(claim_bounty(tx, bounty=bounty, seconds=seconds, key=key))


@changes(bounties, "release")
def release(tx: Tx, bounty: BountyName, key: Key = None) -> views.ClaimDone:
    """Let one's claim go before it lapses."""
    return views.claim_done(release_claim(tx, bounty=bounty, key=key))


@changes(bounties, "submit")
def submit(
    tx: Tx,
    bounty: BountyName,
    output: Output,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What it is, for who judges it.")],
    output_type: OutputType = None,
    key: Key = None,
) -> InUnit:
    """Put forward what one made and registered, under one's claim."""
    made = artifact_of(tx, output, output_type)
    return InUnit(views.work_done(submit_work(tx, bounty=bounty, output=made, note=note, key=key)), TOKENS)


@changes(bounties, "award")
def award(
    tx: Tx,
    bounty: BountyName,
    output: Output,
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="By default all it has.")] = None,
    output_type: OutputType = None,
    key: Key = None,
) -> InUnit:
    """Pay for submitted work; for its poster, or a reviewer without a stake."""
    parts = None if amount is None else parse_amount(amount)
    receipt = award_bounty(tx, bounty=bounty, output=artifact_of(tx, output, output_type), amount=parts, key=key)
    return InUnit(views.work_done(receipt), TOKENS)


@changes(bounties, "decline")
def decline(
    tx: Tx, bounty: BountyName, output: Output, reason: Reason, output_type: OutputType = None, key: Key = None
) -> InUnit:
    """Judge submitted work not to be what was asked for."""
    made = artifact_of(tx, output, output_type)
    return InUnit(views.work_done(decline_work(tx, bounty=bounty, output=made, reason=reason, key=key)), TOKENS)


@changes(bounties, "refund")
def refund(tx: Tx, bounty: BountyName, key: Key = None) -> InUnit:
    """Give back what remains of a bounty to its funders, in proportion."""
    return InUnit(views.bounty_done(refund_bounty(tx, bounty=bounty, key=key)), TOKENS)
