"""How a bounty comes and goes: pure.

`work.py` says how it is worked for and awarded, `draws.py` how compute draws on what remains.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from scidex.actors import RoleNeeded, UnknownActor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import MAX_AMOUNT, TOKEN, AmountTooLarge, brief, check_amount, format_amount
from scidex.entities import require_entity
from scidex.exchange.bounties.draws import board_of, draw_first, note_payment, pro_rata
from scidex.exchange.bounties.model import (
    BOARDS,
    BOUNTIES,
    EXPIRED,
    FUNDINGS,
    LISTINGS,
    OPEN,
    REFUND,
    REFUNDED,
    SUBMISSIONS,
    AddToBounty,
    Bounty,
    BountyReceipt,
    ExpireBounty,
    Funding,
    FundingKey,
    OfferBounty,
    RefundBounty,
    Submission,
)
from scidex.exchange.bounties.refusals import (
    BountyCounted,
    BountyEnded,
    BountyNotDue,
    BountyPast,
    NotYourBounty,
    StakeInBounty,
    TooManyBounties,
    TooManyFunders,
    UnknownBounty,
    WorkUnderWay,
)
from scidex.ledger import DurationInvalid, move, open_account, wallet_of
from scidex.policy import Context


def offer(state: State, command: OfferBounty, context: Context) -> BountyReceipt:
    """Move the amount from the poster's wallet into escrow.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, NameInvalid, DurationInvalid, UnknownEntity,
    TooManyBounties, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    check_amount(command.amount)
    check_name(command.purpose, "purpose", longest=1000)
    check_seconds(command.seconds, "the life of the bounty", context.policy.bounty_longest_s)
    require_entity(state, command.artifact)
    # What was spent until now was not spent on this bounty's account.
    draw_first(state, context, command.artifact)
    board = board_of(state, command.artifact)
    if len(board.open) >= context.policy.bounties_open_max:
        raise TooManyBounties(artifact=str(command.artifact), most=len(board.open))
    expires_at = context.now + timedelta(seconds=command.seconds)
    bounty = Bounty(
        bounty=f"b{context.number}",
        artifact=command.artifact,
        funder=context.actor,
        amount=command.amount,
        remaining=command.amount,
        state=OPEN,
        offered_at=context.now,
        expires_at=expires_at,
        ended_at=None,
        purpose=command.purpose,
        counted_at=None,
        due_at=expires_at,
    )
    open_account(state, bounty.escrow)
    move(state, context, wallet_of(context.actor), bounty.escrow, command.amount, "bounty offered")
    state.put(LISTINGS, bounty.bounty, command.artifact)
    state.put(BOARDS, command.artifact, board._replace(open=(*board.open, bounty.bounty)))
    state.put(BOUNTIES, bounty.bounty, bounty)
    funding = Funding(bounty.bounty, context.actor, command.amount, context.now)
    state.put(FUNDINGS, FundingKey(bounty.bounty, context.actor), funding)
    return _receipt(bounty)


def add(state: State, command: AddToBounty, context: Context) -> BountyReceipt:
    """Move more tokens from a funder's wallet into escrow.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownBounty, BountyEnded, BountyPast, StakeInBounty,
    TooManyFunders, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    check_amount(command.amount)
    bounty = require_open(state, command.bounty)
    require_time(bounty, bounty.expires_at, context)
    fundings = fundings_of(state, bounty)
    before = fundings.get(context.actor)
    if before is None and len(fundings) >= context.policy.bounty_funders_max:
        raise TooManyFunders(bounty=bounty.bounty, most=len(fundings))
    # Who works for a bounty would judge it as its funder.
    if stake := stake_as_worker(state, bounty, context.actor):
        raise StakeInBounty(actor=context.actor, bounty=bounty.bounty, stake=stake)
    if bounty.amount + command.amount > MAX_AMOUNT:
        raise AmountTooLarge(
            field="the bounty with it",
            given=format_amount(bounty.amount + command.amount),
            unit=TOKEN.name,
            largest=format_amount(MAX_AMOUNT),
        )
    draw_first(state, context, bounty.artifact)
    bounty = get_bounty(state, command.bounty)
    move(state, context, wallet_of(context.actor), bounty.escrow, command.amount, "bounty added to")
    put_in = command.amount + (before.amount if before else 0)
    since = before.funded_at if before else context.now
    state.put(FUNDINGS, FundingKey(bounty.bounty, context.actor), Funding(bounty.bounty, context.actor, put_in, since))
    more = bounty._replace(amount=bounty.amount + command.amount, remaining=bounty.remaining + command.amount)
    state.put(BOUNTIES, bounty.bounty, more)
    return _receipt(more)


def refund(state: State, command: RefundBounty, context: Context) -> BountyReceipt:
    """Give back what remains to its funders, in proportion to what each put in.

    Not while somebody works for it, nor after it has counted in an allocation: a claim is not to be had for nothing.
    An operator may refund any.
    Refuses: UnknownBounty, NotYourBounty, BountyCounted, WorkUnderWay, BountyEnded, BalanceTooLarge.
    """
    bounty = get_bounty(state, command.bounty)
    try:
        require_role(state, context, "operator")
    except (RoleNeeded, UnknownActor):
        if context.actor != bounty.funder:
            raise NotYourBounty(actor=context.actor, bounty=bounty.bounty) from None
        if bounty.state == OPEN:
            _require_idle(bounty, context)
    require_open(state, command.bounty)
    return _give_back(state, context, bounty, REFUNDED)


def expire(state: State, command: ExpireBounty, context: Context) -> BountyReceipt:
    """Give back what remains after its time; anyone may ask.

    Refuses: UnknownBounty, BountyEnded, BountyNotDue, BalanceTooLarge.
    """
    bounty = require_open(state, command.bounty)
    if bounty.due_at > context.now:
        raise BountyNotDue(bounty=bounty.bounty, expires_at=bounty.due_at.isoformat())
    return _give_back(state, context, bounty, EXPIRED)


def mark_counted(state: State, context: Context, name: str) -> None:
    """Note that an allocation counts this bounty, if it is still open."""
    bounty = state.get(BOUNTIES, name)
    if bounty is not None and bounty.state == OPEN:
        state.put(BOUNTIES, name, bounty._replace(counted_at=context.now))


def _give_back(state: State, context: Context, bounty: Bounty, how: str) -> BountyReceipt:
    draw_first(state, context, bounty.artifact)
    bounty = get_bounty(state, bounty.bounty)
    fundings = list(fundings_of(state, bounty).values())
    shares = pro_rata(bounty.remaining, [funding.amount for funding in fundings])
    for funding, share in zip(fundings, shares, strict=True):
        if share:
            move(state, context, bounty.escrow, wallet_of(funding.funder), share, f"bounty {how}")
            note_payment(state, context, bounty.bounty, REFUND, funding.funder, funding.funder, share)
    returned = bounty.remaining
    ended = end_bounty(state, context, bounty._replace(remaining=0, returned=bounty.returned + returned), how)
    return _receipt(ended, returned)


def end_bounty(state: State, context: Context, bounty: Bounty, how: str) -> Bounty:
    """Take a bounty off its board."""
    board = board_of(state, bounty.artifact)
    others = tuple(name for name in board.open if name != bounty.bounty)
    state.put(BOARDS, bounty.artifact, board._replace(open=others))
    ended = bounty._replace(state=how, ended_at=context.now)
    state.put(BOUNTIES, bounty.bounty, ended)
    return ended


def stake_as_worker(state: State, bounty: Bounty, actor: str) -> str | None:
    """What the actor has to win from a bounty, in words, or None."""
    works: Iterable[Submission] = (row for _, row in state.whole(SUBMISSIONS, bounty.bounty))
    if any(work.actor == actor for work in works):
        return "work submitted to it"
    return "a claim to it" if bounty.claimant == actor else None


def _require_idle(bounty: Bounty, context: Context) -> None:
    """Pass if nobody counts on the bounty: no allocation, no claim, no work that waits for judgement."""
    if bounty.counted_at is not None:
        raise BountyCounted(
            bounty=bounty.bounty,
            counted_at=bounty.counted_at.isoformat(),
            expires_at=bounty.expires_at.isoformat(),
        )
    if bounty.claimed(context.now) and bounty.lease_until is not None:
        raise WorkUnderWay(bounty=bounty.bounty, work=f"claimed until {bounty.lease_until.isoformat()}")
    if bounty.waiting:
        raise WorkUnderWay(bounty=bounty.bounty, work=f"{bounty.waiting} submitted and not judged")


def require_time(bounty: Bounty, until: datetime, context: Context) -> None:
    """Pass until then. Refuses: BountyPast."""
    if until <= context.now:
        raise BountyPast(bounty=bounty.bounty, expires_at=until.isoformat())


def require_open(state: State, name: str) -> Bounty:
    """The bounty of that name, if it has not ended. Refuses: UnknownBounty, BountyEnded."""
    bounty = get_bounty(state, name)
    if bounty.state != OPEN:
        since = bounty.ended_at.isoformat() if bounty.ended_at else "?"
        raise BountyEnded(bounty=bounty.bounty, state=bounty.state, since=since)
    return bounty


def get_bounty(state: State, name: str) -> Bounty:
    """The bounty of that name. Refuses: UnknownBounty."""
    bounty = state.get(BOUNTIES, name)
    if bounty is None:
        raise UnknownBounty(bounty=name)
    return bounty


def fundings_of(state: State, bounty: Bounty) -> dict[str, Funding]:
    """By funder, in the order of their names."""
    return {row.funder: row for _, row in state.whole(FUNDINGS, bounty.bounty)}


def check_seconds(given: int, field: str, longest: int) -> None:
    """Pass if it is a whole number of seconds, at least one and no more than the longest. Refuses: DurationInvalid."""
    if type(given) is not int or not 1 <= given <= longest:
        raise DurationInvalid(field=field, given=brief(given), longest=longest)


def _receipt(bounty: Bounty, returned: int = 0) -> BountyReceipt:
    return BountyReceipt(bounty.bounty, bounty.state, bounty.remaining, returned, bounty.expires_at)
