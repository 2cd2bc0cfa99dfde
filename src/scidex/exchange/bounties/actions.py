"""What a caller can do with bounties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare, nothing
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.bounties import draws, rules, work
from scidex.exchange.bounties.model import (
    BOARDS,
    BOUNTIES,
    FUNDINGS,
    LISTINGS,
    PAYMENTS,
    SUBMISSIONS,
    TREASURY,
    AddToBounty,
    AwardBounty,
    BountiesDrawn,
    BountyReceipt,
    ClaimBounty,
    ClaimReceipt,
    DeclineWork,
    DrawBounties,
    ExpireBounty,
    OfferBounty,
    RefundBounty,
    ReleaseClaim,
    SubmissionKey,
    SubmitWork,
    WorkReceipt,
    escrow_of,
    spent_of,
)
from scidex.exchange.bounties.store import drawable_artifacts, due_bounties
from scidex.exchange.markets import interests
from scidex.ledger import ACCOUNTS, AccountKey, wallet_of
from scidex.policy import current

Named = AddToBounty | ClaimBounty | ReleaseClaim | SubmitWork | AwardBounty | DeclineWork | RefundBounty | ExpireBounty


def _artifact(command: Any, state: State) -> EntityKey | None:
    """The artifact that the command names, or that its bounty is on."""
    found: EntityKey | None = getattr(command, "artifact", None)
    return found or state.get(LISTINGS, command.bounty)


def _board(command: Any, actor: str, state: State) -> tuple[EntityKey, ...]:
    artifact = _artifact(command, state)
    return () if artifact is None else (artifact,)


def _on_board(command: Any, state: State) -> tuple[str, ...]:
    """The open bounties of the artifact, which a draw takes from."""
    artifact = _artifact(command, state)
    board = None if artifact is None else state.get(BOARDS, artifact)
    return () if board is None else board.open


def _bounties(command: Any, actor: str, state: State) -> tuple[str, ...]:
    named: str | None = getattr(command, "bounty", None)
    return _on_board(command, state) if named is None else (*_on_board(command, state), named)


def _drawn_accounts(command: Any, state: State) -> list[AccountKey]:
    artifact = _artifact(command, state)
    if artifact is None:
        return []
    return [*spent_of(artifact), TREASURY, *map(escrow_of, _on_board(command, state))]


def _payers(command: OfferBounty | AddToBounty, actor: str, state: State) -> list[AccountKey]:
    return [*_drawn_accounts(command, state), wallet_of(actor)]


def _winners(command: AwardBounty, actor: str, state: State) -> list[AccountKey]:
    key = SubmissionKey(command.bounty, command.output)
    found = [row for place, row in state.whole(SUBMISSIONS, command.bounty) if place == key]
    return [*_drawn_accounts(command, state), *(wallet_of(row.actor) for row in found)]


def _funders(command: RefundBounty | ExpireBounty, actor: str, state: State) -> list[AccountKey]:
    funders = [wallet_of(row.funder) for _, row in state.whole(FUNDINGS, command.bounty)]
    return [*_drawn_accounts(command, state), *funders]


def _named(command: Named, actor: str, state: State) -> tuple[str, ...]:
    return (command.bounty,)


def _of_it(command: Named, actor: str, state: State) -> tuple[Whole, ...]:
    return (Whole(command.bounty),)


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _subject(command: Any, state: State) -> EntityKey | None:
    bounty = state.get(BOUNTIES, command.bounty)
    return None if bounty is None else bounty.artifact


_DRAWING: dict[Any, Any] = {BOARDS: _board, BOUNTIES: _bounties, PAYMENTS: nothing}
_WORKING: dict[Any, Any] = {BOUNTIES: _named, FUNDINGS: _of_it, SUBMISSIONS: _of_it, ACTORS: _asking}
_JUDGING: dict[Any, Any] = {**interests(_subject), SUBMISSIONS: _of_it}
_ENDING: dict[Any, Any] = {LISTINGS: _named, **_DRAWING, FUNDINGS: _of_it, ACCOUNTS: _funders, ACTORS: _asking}

OFFER = declare(
    Kind(
        "bounty.offer",
        OfferBounty,
        BountyReceipt,
        rules.offer,
        {
            LISTINGS: nothing,
            **_DRAWING,
            FUNDINGS: nothing,
            ENTITIES: lambda command, actor, state: (command.artifact,),
            ACCOUNTS: _payers,
        },
    )
)
ADD = declare(
    Kind(
        "bounty.add",
        AddToBounty,
        BountyReceipt,
        rules.add,
        {LISTINGS: _named, **_DRAWING, FUNDINGS: _of_it, SUBMISSIONS: _of_it, ACCOUNTS: _payers},
    )
)
CLAIM = declare(Kind("bounty.claim", ClaimBounty, ClaimReceipt, work.claim, _WORKING))
RELEASE = declare(Kind("bounty.release", ReleaseClaim, ClaimReceipt, work.release, {BOUNTIES: _named}))
SUBMIT = declare(
    Kind(
        "bounty.submit",
        SubmitWork,
        WorkReceipt,
        work.submit,
        {BOUNTIES: _named, SUBMISSIONS: _of_it, ENTITIES: lambda command, actor, state: (command.output,)},
    )
)
AWARD = declare(
    Kind(
        "bounty.award",
        AwardBounty,
        WorkReceipt,
        work.award,
        {**_ENDING, **_JUDGING, ACCOUNTS: _winners},
    )
)
DECLINE = declare(Kind("bounty.decline", DeclineWork, WorkReceipt, work.decline, {**_WORKING, **_JUDGING}))
REFUND = declare(Kind("bounty.refund", RefundBounty, BountyReceipt, rules.refund, _ENDING))
EXPIRE = declare(Kind("bounty.expire", ExpireBounty, BountyReceipt, rules.expire, _ENDING))
DRAW = declare(
    Kind(
        "bounty.draw",
        DrawBounties,
        BountiesDrawn,
        draws.draw,
        {**_DRAWING, ACCOUNTS: lambda command, actor, state: _drawn_accounts(command, state)},
    )
)


def offer_bounty(
    tx: Tx, *, artifact: EntityKey, amount: int, seconds: int, purpose: str, key: str | None = None
) -> Receipt[BountyReceipt]:
    """Put tokens, in parts, in escrow for progress on an artifact.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, NameInvalid, DurationInvalid, UnknownEntity,
    TooManyBounties, UnknownAccount, InsufficientFunds, BalanceTooLarge, KeyReused.
    """
    command = OfferBounty(artifact, amount, seconds, purpose)
    return perform_one(tx, Request(command, tx.actor, key))


def add_to_bounty(tx: Tx, *, bounty: str, amount: int, key: str | None = None) -> Receipt[BountyReceipt]:
    """Put more tokens, in parts, into a bounty, whoever offered it.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownBounty, BountyEnded, BountyPast, StakeInBounty,
    TooManyFunders, UnknownAccount, InsufficientFunds, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(AddToBounty(bounty, amount), tx.actor, key))


def claim_bounty(tx: Tx, *, bounty: str, seconds: int, key: str | None = None) -> Receipt[ClaimReceipt]:
    """Take a bounty on for so long from now, or renew one's claim to it; a lease lapses by itself.

    Refuses: DurationInvalid, UnknownBounty, UnknownActor, BountyEnded, BountyPast, StakeInBounty, BountyClaimed,
    ClaimTooLong, ClaimTooSoon, TooManySubmissions, KeyReused.
    """
    return perform_one(tx, Request(ClaimBounty(bounty, seconds), tx.actor, key))


def release_claim(tx: Tx, *, bounty: str, key: str | None = None) -> Receipt[ClaimReceipt]:
    """Let one's claim go. Refuses: UnknownBounty, BountyEnded, NotYourClaim, KeyReused."""
    return perform_one(tx, Request(ReleaseClaim(bounty), tx.actor, key))


def submit_work(tx: Tx, *, bounty: str, output: EntityKey, note: str, key: str | None = None) -> Receipt[WorkReceipt]:
    """Put forward what was made, a registered entity of the actor's own, under the actor's claim.

    Refuses: NameInvalid, UnknownBounty, BountyEnded, NotYourClaim, UnknownEntity, NotYourWork, SubmittedBefore,
    KeyReused.
    """
    return perform_one(tx, Request(SubmitWork(bounty, output, note), tx.actor, key))


def award_bounty(
    tx: Tx, *, bounty: str, output: EntityKey, amount: int | None = None, key: str | None = None
) -> Receipt[WorkReceipt]:
    """Pay for submitted work, in token parts, or all that remains; for the poster, or a reviewer without a stake.

    Refuses: AmountNotNumber, AmountNotPositive, AmountTooLarge, UnknownBounty, UnknownWork, BountyEnded, BountyPast,
    OwnAward, NotTheJudge, StakeInBounty, StakeInMarket, WorkJudged, BountyEmpty, AwardAboveRest, BalanceTooLarge,
    KeyReused.
    """
    return perform_one(tx, Request(AwardBounty(bounty, output, amount), tx.actor, key))


def decline_work(
    tx: Tx, *, bounty: str, output: EntityKey, reason: str, key: str | None = None
) -> Receipt[WorkReceipt]:
    """Judge submitted work not to be what was asked for.

    Refuses: NameInvalid, UnknownBounty, UnknownWork, BountyEnded, BountyPast, OwnAward, NotTheJudge, StakeInBounty,
    StakeInMarket, WorkJudged, KeyReused.
    """
    return perform_one(tx, Request(DeclineWork(bounty, output, reason), tx.actor, key))


def refund_bounty(tx: Tx, *, bounty: str, key: str | None = None) -> Receipt[BountyReceipt]:
    """Give back what remains to the funders, in proportion.

    Refuses: UnknownBounty, NotYourBounty, BountyCounted, WorkUnderWay, BountyEnded, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(RefundBounty(bounty), tx.actor, key))


def expire_due_bounties(tx: Tx, *, limit: int = 1000) -> list[Receipt[BountyReceipt]]:
    """Give back the bounties whose time is over; safe to run from several workers at once."""
    return _swept(tx, [ExpireBounty(name) for name in due_bounties(tx, limit=limit)])


def draw_spent_bounties(tx: Tx, *, limit: int = 1000) -> list[Receipt[BountiesDrawn]]:
    """Draw what compute has cost out of the bounties of every artifact that spent any; safe from several workers."""
    if not current(tx)[0].bounty_draw_share:
        return []
    return _swept(tx, [DrawBounties(artifact) for artifact in drawable_artifacts(tx, limit=limit)])


def _swept(tx: Tx, commands: Sequence[object]) -> list[Receipt[Any]]:
    answers = perform(tx, [Request(command, tx.actor) for command in commands]) if commands else []
    # A refusal here means that somebody else has done it in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
