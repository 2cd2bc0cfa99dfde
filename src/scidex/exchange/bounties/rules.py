"""How a bounty comes and goes: pure."""

from __future__ import annotations

from datetime import timedelta

from scidex.actors import RoleNeeded, UnknownActor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import check_amount
from scidex.entities import require_entity
from scidex.exchange.bounties.model import (
    BOUNTIES,
    Bounty,
    BountyCounted,
    BountyEnded,
    BountyNotDue,
    BountyReceipt,
    ExpireBounty,
    NotYourBounty,
    OfferBounty,
    RefundBounty,
    UnknownBounty,
)
from scidex.ledger import DurationInvalid, move, open_account, wallet_of
from scidex.policy import Context


def offer(state: State, command: OfferBounty, context: Context) -> BountyReceipt:
    """Move the amount from the funder's wallet into escrow.

    Refuses: AmountNotPositive, AmountTooLarge, NameInvalid, DurationInvalid, UnknownEntity, UnknownAccount,
    InsufficientFunds.
    """
    check_amount(command.amount)
    check_name(command.purpose, "purpose", longest=1000)
    longest = context.policy.bounty_longest_s
    if not 1 <= command.seconds <= longest:
        raise DurationInvalid(field="the life of the bounty", given=command.seconds, longest=longest)
    require_entity(state, command.artifact)
    bounty = Bounty(
        bounty=f"b{context.number}",
        artifact=command.artifact,
        funder=context.actor,
        amount=command.amount,
        remaining=command.amount,
        state="open",
        offered_at=context.now,
        expires_at=context.now + timedelta(seconds=command.seconds),
        ended_at=None,
        purpose=command.purpose,
    )
    open_account(state, bounty.escrow)
    move(state, context, wallet_of(context.actor), bounty.escrow, command.amount, "bounty offered")
    state.put(BOUNTIES, bounty.bounty, bounty)
    return BountyReceipt(bounty.bounty, bounty.state, bounty.remaining, 0, bounty.expires_at)


def refund(state: State, command: RefundBounty, context: Context) -> BountyReceipt:
    """Give back what remains, unless it has counted in an allocation: a claim is not to be had for nothing.

    An operator may refund any.

    Refuses: UnknownBounty, NotYourBounty, UnknownActor, BountyEnded, BountyCounted, BalanceTooLarge.
    """
    bounty = _require_bounty(state, command.bounty)
    try:
        require_role(state, context, "operator")
    except (RoleNeeded, UnknownActor):
        if context.actor != bounty.funder:
            raise NotYourBounty(actor=context.actor, bounty=bounty.bounty) from None
        if bounty.state == "open" and bounty.counted_at is not None:
            raise BountyCounted(
                bounty=bounty.bounty,
                counted_at=bounty.counted_at.isoformat(),
                expires_at=bounty.expires_at.isoformat(),
            ) from None
    _require_open(bounty)
    return _give_back(state, context, bounty, "refunded")


def expire(state: State, command: ExpireBounty, context: Context) -> BountyReceipt:
    """Give back what remains after its time; anyone may ask.

    Refuses: UnknownBounty, BountyEnded, BountyNotDue, BalanceTooLarge.
    """
    bounty = _require_bounty(state, command.bounty)
    _require_open(bounty)
    if bounty.expires_at > context.now:
        raise BountyNotDue(bounty=bounty.bounty, expires_at=bounty.expires_at.isoformat())
    return _give_back(state, context, bounty, "expired")


def mark_counted(state: State, context: Context, name: str) -> None:
    """Note that an allocation counts this bounty, if it is still open."""
    bounty = state.get(BOUNTIES, name)
    if bounty is not None and bounty.state == "open":
        state.put(BOUNTIES, name, bounty._replace(counted_at=context.now))


def _give_back(state: State, context: Context, bounty: Bounty, how: str) -> BountyReceipt:
    if bounty.remaining:
        move(state, context, bounty.escrow, wallet_of(bounty.funder), bounty.remaining, f"bounty {how}")
    ended = bounty._replace(state=how, remaining=0, ended_at=context.now)
    state.put(BOUNTIES, bounty.bounty, ended)
    return BountyReceipt(bounty.bounty, how, 0, bounty.remaining, bounty.expires_at)


def _require_bounty(state: State, name: str) -> Bounty:
    bounty = state.get(BOUNTIES, name)
    if bounty is None:
        raise UnknownBounty(bounty=name)
    return bounty


def _require_open(bounty: Bounty) -> None:
    if bounty.state != "open":
        since = bounty.ended_at.isoformat() if bounty.ended_at else "?"
        raise BountyEnded(bounty=bounty.bounty, state=bounty.state, since=since)
