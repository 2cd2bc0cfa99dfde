"""What a caller can do with value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, declare
from scidex.ledger import rules
from scidex.ledger.model import (
    ACCOUNTS,
    HOLDS,
    TRANSFERS,
    AccountKey,
    ExpireHold,
    HoldReceipt,
    Issue,
    Leg,
    Moved,
    PlaceHold,
    PostHold,
    Retire,
    Transfer,
    VoidHold,
)
from scidex.ledger.store import due_holds


def _to_spend(actor: str, debits: Iterable[AccountKey], credits: Iterable[AccountKey], state: State) -> list[Look]:
    """The actors to look at: whoever spends from another's account, and whoever is paid for the first time.

    An owner who pays into accounts that are there needs no look, which keeps actors off the hot path.
    """
    own = f"actor:{actor}"
    looks = [Look(actor) for debit in debits if debit.owner != own]
    for credit in credits:
        # Accounts stand before actors in the order of locks, so what is not there is known by now.
        if not state.holds(ACCOUNTS, credit) and credit.owner.startswith("actor:"):
            looks.append(Look(credit.owner.partition(":")[2]))
    return looks


def _hold_actor(command: PostHold | VoidHold, actor: str, state: State) -> tuple[Look, ...]:
    hold = state.get(HOLDS, command.hold)
    return (Look(actor),) if hold is not None and hold.placed_by != actor else ()


def _hold_accounts(command: PostHold | VoidHold | ExpireHold, actor: str, state: State) -> tuple[AccountKey, ...]:
    hold = state.get(HOLDS, command.hold)
    return (hold.debit, hold.credit) if hold is not None else ()


TRANSFER = declare(
    Kind(
        "ledger.transfer",
        Transfer,
        Moved,
        rules.transfer,
        {
            ACTORS: lambda command, actor, state: _to_spend(
                actor, [leg.debit for leg in command.legs], [leg.credit for leg in command.legs], state
            ),
            ACCOUNTS: lambda command, actor, state: [side for leg in command.legs for side in (leg.debit, leg.credit)],
            TRANSFERS: lambda command, actor, state: (),
        },
    )
)
_ISSUING: dict[Any, Any] = {
    ACCOUNTS: lambda command, actor, state: (command.account, rules.issuance_of(command.account.unit)),
    ACTORS: lambda command, actor, state: (Look(actor),),
}
ISSUE = declare(Kind("ledger.issue", Issue, Moved, rules.issue, _ISSUING))
RETIRE = declare(Kind("ledger.retire", Retire, Moved, rules.retire, _ISSUING))
HOLD = declare(
    Kind(
        "ledger.hold",
        PlaceHold,
        HoldReceipt,
        rules.place_hold,
        {
            ACTORS: lambda command, actor, state: _to_spend(actor, (command.debit,), (command.credit,), state),
            HOLDS: lambda command, actor, state: (),
            ACCOUNTS: lambda command, actor, state: (command.debit, command.credit),
        },
    )
)
_ENDING: dict[Any, Any] = {
    HOLDS: lambda command, actor, state: (command.hold,),
    ACCOUNTS: _hold_accounts,
    ACTORS: _hold_actor,
}
POST = declare(Kind("ledger.post", PostHold, HoldReceipt, rules.post_hold, _ENDING))
VOID = declare(Kind("ledger.void", VoidHold, HoldReceipt, rules.void_hold, _ENDING))
EXPIRE = declare(
    Kind(
        "ledger.expire",
        ExpireHold,
        HoldReceipt,
        rules.expire_hold,
        {HOLDS: lambda command, actor, state: (command.hold,), ACCOUNTS: _hold_accounts},
    )
)


def transfer(tx: Tx, *, legs: Sequence[Leg], reason: str, key: str | None = None) -> Receipt[Moved]:
    """Move value through linked legs, all or none, amounts in parts.

    Refuses: NoLegs, TooManyLegs, HouseAccount, NameInvalid, AmountNotPositive, AmountTooLarge, UnknownUnit,
    NotYourAccount, UnknownActor, SameAccount, UnitsDiffer, UnknownAccount, InsufficientFunds, BalanceTooLarge,
    KeyReused.
    """
    return perform_one(tx, Request(Transfer(tuple(legs), reason), tx.actor, key))


def issue(tx: Tx, *, account: AccountKey, amount: int, reason: str, key: str | None = None) -> Receipt[Moved]:
    """Create value, in parts; needs the role issuer.

    Refuses: RoleNeeded, UnknownActor, UnknownUnit, HouseAccount, NameInvalid, AmountNotPositive, AmountTooLarge,
    SameAccount, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(Issue(account, amount, reason), tx.actor, key))


def retire(tx: Tx, *, account: AccountKey, amount: int, reason: str, key: str | None = None) -> Receipt[Moved]:
    """Take value out of circulation, in parts; needs the role issuer.

    Refuses: RoleNeeded, UnknownActor, UnknownUnit, HouseAccount, NotYourAccount, NameInvalid, AmountNotPositive,
    AmountTooLarge, SameAccount, UnknownAccount, InsufficientFunds, KeyReused.
    """
    return perform_one(tx, Request(Retire(account, amount, reason), tx.actor, key))


def hold(
    tx: Tx,
    *,
    debit: AccountKey,
    credit: AccountKey,
    amount: int,
    seconds: int,
    reason: str,
    key: str | None = None,
) -> Receipt[HoldReceipt]:
    """Set value aside for at most `seconds`.

    Refuses: HouseAccount, NameInvalid, AmountNotPositive, AmountTooLarge, UnknownUnit, DurationInvalid,
    NotYourAccount, UnknownActor, SameAccount, UnitsDiffer, UnknownAccount, InsufficientFunds, KeyReused.
    """
    command = PlaceHold(debit, credit, amount, seconds, reason)
    return perform_one(tx, Request(command, tx.actor, key))


def post(tx: Tx, *, hold: str, amount: int | None = None, key: str | None = None) -> Receipt[HoldReceipt]:
    """Move what is held, or `amount` parts of it, and release the rest.

    Refuses: UnknownHold, NotYourHold, UnknownActor, HoldEnded, HoldExpired, AmountNotPositive, AmountTooLarge,
    PostAboveHold, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(PostHold(hold, amount), tx.actor, key))


def void(tx: Tx, *, hold: str, key: str | None = None) -> Receipt[HoldReceipt]:
    """Release what is held. Refuses: UnknownHold, NotYourHold, UnknownActor, HoldEnded, KeyReused."""
    return perform_one(tx, Request(VoidHold(hold), tx.actor, key))


def expire_due_holds(tx: Tx, *, limit: int = 1000) -> list[Receipt[HoldReceipt]]:
    """Release the holds whose time is over; safe to run from several workers at once."""
    requests = [Request(ExpireHold(name), tx.actor) for name in due_holds(tx, limit=limit)]
    answers = perform(tx, requests) if requests else []
    # A refusal here means that somebody else ended the hold in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
