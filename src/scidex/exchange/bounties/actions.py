"""What a caller can do with bounties."""

from __future__ import annotations

from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, declare
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.bounties import rules
from scidex.exchange.bounties.model import (
    BOUNTIES,
    BountyReceipt,
    ExpireBounty,
    OfferBounty,
    RefundBounty,
    escrow_of,
)
from scidex.exchange.bounties.store import due_bounties
from scidex.ledger import ACCOUNTS, AccountKey, wallet_of


def _accounts(command: RefundBounty | ExpireBounty, actor: str, state: State) -> tuple[AccountKey, ...]:
    bounty = state.get(BOUNTIES, command.bounty)
    return () if bounty is None else (escrow_of(bounty.bounty), wallet_of(bounty.funder))


_ENDING: dict[Any, Any] = {
    BOUNTIES: lambda command, actor, state: (command.bounty,),
    ACTORS: lambda command, actor, state: (Look(actor),),
    ACCOUNTS: _accounts,
}

OFFER = declare(
    Kind(
        "bounty.offer",
        OfferBounty,
        BountyReceipt,
        rules.offer,
        {
            BOUNTIES: lambda command, actor, state: (),
            ENTITIES: lambda command, actor, state: (command.artifact,),
            ACCOUNTS: lambda command, actor, state: (wallet_of(actor),),
        },
    )
)
REFUND = declare(Kind("bounty.refund", RefundBounty, BountyReceipt, rules.refund, _ENDING))
EXPIRE = declare(Kind("bounty.expire", ExpireBounty, BountyReceipt, rules.expire, _ENDING))


def offer_bounty(
    tx: Tx, *, artifact: EntityKey, amount: int, seconds: int, purpose: str, key: str | None = None
) -> Receipt[BountyReceipt]:
    """Put tokens, in parts, in escrow for progress on an artifact.

    Refuses: AmountNotPositive, AmountTooLarge, NameInvalid, DurationInvalid, UnknownEntity, UnknownAccount,
    InsufficientFunds, KeyReused.
    """
    command = OfferBounty(artifact, amount, seconds, purpose)
    return perform_one(tx, Request(command, tx.actor, key))


def refund_bounty(tx: Tx, *, bounty: str, key: str | None = None) -> Receipt[BountyReceipt]:
    """Give back what remains.

    Refuses: UnknownBounty, NotYourBounty, UnknownActor, BountyEnded, BountyCounted, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(RefundBounty(bounty), tx.actor, key))


def expire_due_bounties(tx: Tx, *, limit: int = 1000) -> list[Receipt[BountyReceipt]]:
    """Give back the bounties whose time is over; safe to run from several workers at once."""
    requests = [Request(ExpireBounty(name), tx.actor) for name in due_bounties(tx, limit=limit)]
    answers = perform(tx, requests) if requests else []
    # A refusal here means that somebody else ended the bounty in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
