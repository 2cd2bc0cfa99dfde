"""How a bounty is worked for: claimed, submitted to, awarded. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from scidex.actors import RoleNeeded, UnknownActor, require_actor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import check_amount, format_amount
from scidex.entities import require_entity
from scidex.exchange.bounties.draws import draw_first, note_payment
from scidex.exchange.bounties.model import (
    AWARD,
    AWARDED,
    BOUNTIES,
    DECLINED,
    JUDGE,
    SUBMISSIONS,
    WAITING,
    AwardBounty,
    Bounty,
    ClaimBounty,
    ClaimReceipt,
    DeclineWork,
    ReleaseClaim,
    Submission,
    SubmissionKey,
    SubmitWork,
    WorkReceipt,
)
from scidex.exchange.bounties.refusals import (
    AwardAboveRest,
    BountyClaimed,
    BountyEmpty,
    ClaimTooLong,
    ClaimTooSoon,
    NotTheJudge,
    NotYourClaim,
    NotYourWork,
    OwnAward,
    StakeInBounty,
    StakeInMarket,
    SubmittedBefore,
    TooManySubmissions,
    UnknownWork,
    WorkJudged,
)
from scidex.exchange.bounties.rules import (
    check_seconds,
    end_bounty,
    fundings_of,
    get_bounty,
    require_open,
    require_time,
    stake_as_worker,
)
from scidex.exchange.markets import interest_in
from scidex.ledger import move, wallet_of
from scidex.policy import Context


def claim(state: State, command: ClaimBounty, context: Context) -> ClaimReceipt:
    """Take a bounty on, or renew one's claim; a lease lapses by itself, and nobody else may claim before.

    Who let a claim lapse waits before the next, and renewals have an end, so that nobody sits on a bounty. A funder
    may not claim: his tokens would be paid to himself.
    Refuses: DurationInvalid, UnknownBounty, UnknownActor, BountyEnded, BountyPast, StakeInBounty, BountyClaimed,
    ClaimTooLong, ClaimTooSoon, TooManySubmissions.
    """
    policy = context.policy
    check_seconds(command.seconds, "the lease", policy.bounty_lease_longest_s)
    bounty = require_open(state, command.bounty)
    require_actor(state, context.actor)
    require_time(bounty, bounty.expires_at, context)
    if context.actor in fundings_of(state, bounty):
        raise StakeInBounty(actor=context.actor, bounty=bounty.bounty, stake="its funder")
    if len(state.whole(SUBMISSIONS, bounty.bounty)) >= policy.bounty_submissions_max:
        raise TooManySubmissions(bounty=bounty.bounty, most=policy.bounty_submissions_max)
    since = context.now
    if bounty.lease_until is not None and bounty.claimed_at is not None:
        if bounty.claimant == context.actor:
            since = _since_when(bounty, bounty.claimed_at, bounty.lease_until, context)
        elif bounty.claimed(context.now):
            raise BountyClaimed(
                bounty=bounty.bounty, claimant=bounty.claimant, lease_until=bounty.lease_until.isoformat()
            )
    longest = since + timedelta(seconds=policy.bounty_claim_longest_s)
    if longest <= context.now:
        raise ClaimTooLong(actor=context.actor, bounty=bounty.bounty, since=since.isoformat())
    until = min(context.now + timedelta(seconds=command.seconds), longest, bounty.expires_at)
    state.put(BOUNTIES, bounty.bounty, bounty._replace(claimant=context.actor, claimed_at=since, lease_until=until))
    return ClaimReceipt(bounty.bounty, context.actor, until, bounty.expires_at)


def _since_when(bounty: Bounty, claimed_at: datetime, lease_until: datetime, context: Context) -> datetime:
    """Since when the actor's claim would count: since it began where it still runs."""
    if lease_until > context.now:
        return claimed_at
    until = lease_until + timedelta(seconds=context.policy.bounty_reclaim_after_s)
    if until > context.now:
        raise ClaimTooSoon(actor=context.actor, bounty=bounty.bounty, until=until.isoformat())
    return context.now


def release(state: State, command: ReleaseClaim, context: Context) -> ClaimReceipt:
    """End one's claim now. Refuses: UnknownBounty, BountyEnded, NotYourClaim."""
    bounty = require_open(state, command.bounty)
    _require_claim(bounty, context)
    state.put(BOUNTIES, bounty.bounty, bounty._replace(lease_until=context.now))
    return ClaimReceipt(bounty.bounty, context.actor, context.now, bounty.expires_at)


def submit(state: State, command: SubmitWork, context: Context) -> WorkReceipt:
    """Put forward what was made; the claim ends with it, and the bounty waits for its judgement.

    Refuses: NameInvalid, UnknownBounty, BountyEnded, NotYourClaim, UnknownEntity, NotYourWork, SubmittedBefore.
    """
    check_name(command.note, "note", longest=1000)
    bounty = require_open(state, command.bounty)
    _require_claim(bounty, context)
    entity = require_entity(state, command.output)
    if entity.proposer != context.actor:
        raise NotYourWork(output=str(command.output), proposer=entity.proposer, actor=context.actor)
    key = SubmissionKey(bounty.bounty, command.output)
    before = dict(state.whole(SUBMISSIONS, bounty.bounty)).get(key)
    if before is not None:
        raise SubmittedBefore(output=str(command.output), bounty=bounty.bounty, state=before.state)
    work = Submission(bounty.bounty, command.output, context.actor, command.note, context.now)
    state.put(SUBMISSIONS, key, work)
    due_at = bounty.expires_at + timedelta(seconds=context.policy.bounty_review_s)
    waits = bounty._replace(waiting=bounty.waiting + 1, due_at=due_at, claimant=None, claimed_at=None, lease_until=None)
    state.put(BOUNTIES, bounty.bounty, waits)
    return _work_receipt(waits, work)


def award(state: State, command: AwardBounty, context: Context) -> WorkReceipt:
    """Pay for submitted work, once, out of what remains; the bounty goes on with the rest, or ends.

    The poster may, or a reviewer who has no stake in the bounty or in the market on its artifact; nobody for work of
    their own.
    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownBounty, UnknownWork, BountyEnded, BountyPast,
    OwnAward, NotTheJudge, StakeInBounty, StakeInMarket, WorkJudged, BountyEmpty, AwardAboveRest, BalanceTooLarge.
    """
    if command.amount is not None:
        check_amount(command.amount)
    bounty, work = _to_judge(state, context, command)
    draw_first(state, context, bounty.artifact)
    bounty = get_bounty(state, command.bounty)
    if not bounty.remaining:
        raise BountyEmpty(bounty=bounty.bounty)
    amount = bounty.remaining if command.amount is None else command.amount
    if amount > bounty.remaining:
        raise AwardAboveRest(
            asked=format_amount(amount), remaining=format_amount(bounty.remaining), bounty=bounty.bounty
        )
    move(state, context, bounty.escrow, wallet_of(work.actor), amount, "bounty awarded")
    note_payment(state, context, bounty.bounty, AWARD, ":".join(command.output), work.actor, amount)
    less = bounty._replace(remaining=bounty.remaining - amount, awarded=bounty.awarded + amount)
    judged = _judge(state, context, less, work._replace(state=AWARDED, awarded=amount))
    if not less.remaining:
        judged = end_bounty(state, context, judged, AWARDED)
    return _work_receipt(judged, work._replace(state=AWARDED, awarded=amount))


def decline(state: State, command: DeclineWork, context: Context) -> WorkReceipt:
    """Judge submitted work not to be what was asked for.

    Refuses: NameInvalid, UnknownBounty, UnknownWork, BountyEnded, BountyPast, OwnAward, NotTheJudge, StakeInBounty,
    StakeInMarket, WorkJudged.
    """
    check_name(command.reason, "reason", longest=1000)
    bounty, work = _to_judge(state, context, command)
    declined = work._replace(state=DECLINED)
    return _work_receipt(_judge(state, context, bounty, declined), declined)


def _to_judge(state: State, context: Context, command: AwardBounty | DeclineWork) -> tuple[Bounty, Submission]:
    """The bounty and the work, if the actor may judge it now."""
    bounty = get_bounty(state, command.bounty)
    key = SubmissionKey(command.bounty, command.output)
    work = dict(state.whole(SUBMISSIONS, command.bounty)).get(key)
    if work is None:
        raise UnknownWork(output=str(command.output), bounty=bounty.bounty)
    if work.actor == context.actor:
        raise OwnAward(actor=context.actor, bounty=bounty.bounty)
    if context.actor != bounty.funder:
        try:
            require_role(state, context, JUDGE)
        except (RoleNeeded, UnknownActor):
            raise NotTheJudge(actor=context.actor, bounty=bounty.bounty, role=JUDGE) from None
        stake = "its funder" if context.actor in fundings_of(state, bounty) else None
        if stake := stake or stake_as_worker(state, bounty, context.actor):
            raise StakeInBounty(actor=context.actor, bounty=bounty.bounty, stake=stake)
        if interest := interest_in(state, bounty.artifact, context.actor):
            market, what = interest
            raise StakeInMarket(actor=context.actor, bounty=bounty.bounty, market=market, what=what)
    require_open(state, command.bounty)
    require_time(bounty, bounty.due_at, context)
    if work.state != WAITING:
        raise WorkJudged(output=str(command.output), bounty=bounty.bounty, state=work.state)
    return bounty, work


def _judge(state: State, context: Context, bounty: Bounty, work: Submission) -> Bounty:
    """Write the judgement down; when nothing waits for one any more, the bounty is due when its life is over."""
    judged = work._replace(judged_by=context.actor, judged_at=context.now)
    state.put(SUBMISSIONS, SubmissionKey(work.bounty, work.output), judged)
    waiting = bounty.waiting - 1
    left = bounty._replace(waiting=waiting, due_at=bounty.due_at if waiting else bounty.expires_at)
    state.put(BOUNTIES, bounty.bounty, left)
    return left


def _require_claim(bounty: Bounty, context: Context) -> None:
    if bounty.claimant != context.actor or not bounty.claimed(context.now):
        raise NotYourClaim(actor=context.actor, bounty=bounty.bounty)


def _work_receipt(bounty: Bounty, work: Submission) -> WorkReceipt:
    return WorkReceipt(
        bounty.bounty, work.output, work.actor, work.state, work.awarded, bounty.remaining, bounty.due_at
    )
