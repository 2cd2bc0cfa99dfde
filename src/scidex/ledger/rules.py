"""Where value may move: pure, and the only place that writes a balance."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, lru_cache

from scidex.actors import ACTORS, RoleNeeded, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import MAX_AMOUNT, brief, check_amount, format_amount, unit_named
from scidex.ledger.model import (
    ACCOUNTS,
    BUDGET,
    HOLDS,
    HOUSE_OWNER,
    ISSUANCE,
    LEGS_MAX,
    POOL,
    TRANSFERS,
    WALLET,
    Account,
    AccountKey,
    BalanceTooLarge,
    DurationInvalid,
    ExpireHold,
    Hold,
    HoldEnded,
    HoldExpired,
    HoldNotDue,
    HoldReceipt,
    HouseAccount,
    InsufficientFunds,
    Issue,
    Moved,
    NoLegs,
    NotYourAccount,
    NotYourHold,
    PlaceHold,
    PostAboveHold,
    PostHold,
    Retire,
    SameAccount,
    TooManyLegs,
    Transfer,
    TransferKey,
    TransferRow,
    UnitsDiffer,
    UnknownAccount,
    UnknownHold,
    VoidHold,
)
from scidex.policy import HOUSE, Context


@lru_cache(maxsize=65_536)
def wallet_of(actor: str, unit: str = "token") -> AccountKey:
    """The account that an actor trades and pays from."""
    return AccountKey(f"actor:{actor}", WALLET, unit)


@cache
def issuance_of(unit: str) -> AccountKey:
    """The account that all value of a unit comes from; the only one that may be below zero."""
    return AccountKey(HOUSE_OWNER, ISSUANCE, unit)


def move(
    state: State,
    context: Context,
    debit: AccountKey,
    credit: AccountKey,
    amount: int,
    reason: str,
    *,
    overdraft: bool = False,
) -> tuple[int, int]:
    """Move `amount` parts: the one statement through which every balance of the house changes; both balances after it.

    The credit account comes to be if it is not there; whether the actor may spend is the caller's to see. `overdraft`
    takes what a budget has used already though it is not there, also out of what is set aside: the account is then in
    debt, which the next payment into it repays by itself.
    Refuses: SameAccount, UnitsDiffer, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    if debit == credit:
        raise SameAccount(account=str(debit))
    unit = debit[2]
    if unit != credit[2]:
        raise UnitsDiffer(debit=str(debit), credit=str(credit))
    assert amount > 0, amount
    source = state.get(ACCOUNTS, debit)
    if source is None:
        if not overdraft and debit != issuance_of(unit):
            raise UnknownAccount(account=str(debit))
        source = Account(*debit)
    owner, purpose, _, balance, held = source
    balance -= amount
    if balance < held:
        assert not overdraft or purpose == BUDGET, debit
        if not overdraft and debit != issuance_of(unit):
            raise _insufficient(source, amount)
        if balance < -MAX_AMOUNT:
            raise _too_large(debit)
    target = state.get(ACCOUNTS, credit) or Account(*credit)
    paid_owner, paid_purpose, _, paid_balance, paid_held = target
    paid_balance += amount
    if paid_balance > MAX_AMOUNT:
        raise _too_large(credit)
    state.put(ACCOUNTS, debit, Account(owner, purpose, unit, balance, held))
    state.put(ACCOUNTS, credit, Account(paid_owner, paid_purpose, unit, paid_balance, paid_held))
    number, leg = context.number, context.legs
    context.legs = leg + 1
    row = TransferRow(number, leg, context.now, debit, credit, amount, balance, paid_balance, reason)
    state.add(TRANSFERS, TransferKey(number, leg), row)
    return balance, paid_balance


def set_aside(state: State, account: AccountKey, amount: int) -> None:
    """Keep `amount` parts of an account from being spent, until `release`; what for is the caller's to write down.

    Refuses: UnknownAccount, InsufficientFunds.
    """
    found = state.get(ACCOUNTS, account)
    if found is None:
        raise UnknownAccount(account=str(account))
    if found.balance - found.held < amount:
        raise _insufficient(found, amount)
    state.put(ACCOUNTS, account, Account(*account, found.balance, found.held + amount))


def release(state: State, account: AccountKey, amount: int) -> None:
    """Let go of what was set aside."""
    found = state.get(ACCOUNTS, account)
    assert found is not None and found.held >= amount, (account, amount)
    state.put(ACCOUNTS, account, Account(*account, found.balance, found.held - amount))


def open_account(state: State, account: AccountKey) -> None:
    """Enter an empty account that cannot be there yet: its owner's id was made by this very command, and only the rules
    of such owners ever pay into their accounts."""
    state.put(ACCOUNTS, account, Account(*account))


def balance_of(state: State, account: AccountKey) -> int:
    """The balance in parts; 0 where there is no account yet."""
    found = state.get(ACCOUNTS, account)
    return found.balance if found else 0


def transfer(state: State, command: Transfer, context: Context) -> Moved:
    """All legs in order, or none.

    Refuses: NoLegs, TooManyLegs, HouseAccount, NameInvalid, UnknownUnit, AmountNotPositive, AmountTooLarge,
    NotYourAccount, UnknownActor, SameAccount, UnitsDiffer, UnknownAccount, InsufficientFunds, BalanceTooLarge.
    """
    check_name(command.reason, "reason", longest=1000)
    if not command.legs:
        raise NoLegs()
    if len(command.legs) > LEGS_MAX:
        raise TooManyLegs(given=len(command.legs), most=LEGS_MAX)
    balances: dict[AccountKey, int] = {}
    own, reason = f"actor:{context.actor}", command.reason
    for leg in command.legs:
        debit, credit, amount = leg.debit, leg.credit, leg.amount
        check_amount(amount, unit_named(debit[2]))
        require_open_to_all(debit)
        if debit[0] != own:
            require_spender(state, context, debit)
        require_open_to_all(credit)
        if state.get(ACCOUNTS, credit) is None:
            _require_payee(state, credit)
        balances[debit], balances[credit] = move(state, context, debit, credit, amount, reason)
    return Moved(tuple(balances.items()))


@lru_cache(maxsize=65_536)
def require_open_to_all(account: AccountKey) -> None:
    """Pass if people may move value in or out of it themselves: a wallet or a pool, and no other account.

    Collateral, escrow, budgets and issuance follow from the commands that they belong to; a token more or less in one
    of them and a market could not pay out. Refuses: HouseAccount, NameInvalid.
    """
    sort, _, name = account.owner.partition(":")
    if (sort, account.purpose) not in (("actor", WALLET), ("pool", POOL)):
        raise HouseAccount(account=str(account)[:300])
    check_name(name, "the owner's name")


def _require_payee(state: State, account: AccountKey) -> None:
    """A payment to an account that nobody ever paid is far more often a slip of the pen than a plan, unless it is the
    wallet of somebody who is registered. Refuses: UnknownAccount."""
    if state.get(ACCOUNTS, account) is None:
        sort, _, name = account.owner.partition(":")
        if sort != "actor" or state.get(ACTORS, name) is None:
            raise UnknownAccount(account=str(account))


def require_spender(state: State, context: Context, account: AccountKey) -> None:
    """Pass if the actor owns the account or is an operator. Refuses: NotYourAccount, UnknownActor."""
    if account.owner == f"actor:{context.actor}":
        return
    try:
        require_role(state, context, "operator")
    except RoleNeeded:
        raise NotYourAccount(actor=context.actor, account=str(account)) from None


def issue(state: State, command: Issue, context: Context) -> Moved:
    """Create value in a wallet or a pool.

    Refuses: HouseAccount, AmountNotPositive, AmountTooLarge, UnknownUnit, NameInvalid, RoleNeeded, UnknownActor,
    SameAccount, BalanceTooLarge.
    """
    return _issue_or_retire(
        state, context, issuance_of(command.account.unit), command.account, command.amount, command.reason
    )


def retire(state: State, command: Retire, context: Context) -> Moved:
    """Take value out of circulation, out of an account that the actor may spend from.

    Refuses: HouseAccount, NotYourAccount, AmountNotPositive, AmountTooLarge, UnknownUnit, NameInvalid,
    RoleNeeded, UnknownActor, SameAccount, UnknownAccount, InsufficientFunds."""
    require_spender(state, context, command.account)
    return _issue_or_retire(
        state, context, command.account, issuance_of(command.account.unit), command.amount, command.reason
    )


def _issue_or_retire(
    state: State, context: Context, debit: AccountKey, credit: AccountKey, amount: int, reason: str
) -> Moved:
    check_amount(amount, unit_named(debit.unit))
    check_name(reason, "reason", longest=1000)
    require_open_to_all(credit if debit == issuance_of(debit.unit) else debit)
    require_role(state, context, "issuer")
    move(state, context, debit, credit, amount, reason)
    return Moved(((debit, balance_of(state, debit)), (credit, balance_of(state, credit))))


def place_hold(state: State, command: PlaceHold, context: Context) -> HoldReceipt:
    """Set value aside; what is held can be neither spent nor held again.

    Refuses: HouseAccount, NameInvalid, AmountNotPositive, AmountTooLarge, UnknownUnit, DurationInvalid,
    NotYourAccount, UnknownActor, SameAccount, UnitsDiffer, UnknownAccount, InsufficientFunds.
    """
    check_amount(command.amount, unit_named(command.debit.unit))
    check_name(command.reason, "reason", longest=1000)
    longest = context.policy.hold_longest_s
    if not 1 <= command.seconds <= longest:
        raise DurationInvalid(field="the life of the hold", given=brief(command.seconds), longest=longest)
    if command.debit == command.credit:
        raise SameAccount(account=str(command.debit))
    if command.debit.unit != command.credit.unit:
        raise UnitsDiffer(debit=str(command.debit), credit=str(command.credit))
    require_open_to_all(command.debit)
    require_spender(state, context, command.debit)
    require_open_to_all(command.credit)
    _require_payee(state, command.credit)
    set_aside(state, command.debit, command.amount)
    hold = Hold(
        hold=f"h{context.number}",
        debit=command.debit,
        credit=command.credit,
        amount=command.amount,
        posted=0,
        state="pending",
        placed_by=context.actor,
        placed_at=context.now,
        expires_at=context.now + timedelta(seconds=command.seconds),
        ended_at=None,
        reason=command.reason,
    )
    state.put(HOLDS, hold.hold, hold)
    return _receipt(state, hold)


def post_hold(state: State, command: PostHold, context: Context) -> HoldReceipt:
    """Move what was held, or a part of it, and release the rest.

    Refuses: UnknownHold, NotYourHold, UnknownActor, HoldEnded, HoldExpired, AmountNotPositive, AmountTooLarge,
    PostAboveHold, BalanceTooLarge.
    """
    hold = _pending(state, context, command.hold)
    if hold.expires_at <= context.now:
        raise HoldExpired(hold=hold.hold, expires_at=hold.expires_at.isoformat())
    unit = unit_named(hold.debit.unit)
    amount = hold.amount if command.amount is None else check_amount(command.amount, unit)
    if amount > hold.amount:
        raise PostAboveHold(hold=hold.hold, amount=format_amount(hold.amount, unit), asked=format_amount(amount, unit))
    release(state, hold.debit, hold.amount)
    move(state, context, hold.debit, hold.credit, amount, hold.reason)
    return _end(state, context, hold, "posted", amount)


def void_hold(state: State, command: VoidHold, context: Context) -> HoldReceipt:
    """Release all of a hold. Refuses: UnknownHold, NotYourHold, UnknownActor, HoldEnded."""
    hold = _pending(state, context, command.hold)
    release(state, hold.debit, hold.amount)
    return _end(state, context, hold, "voided", 0)


def expire_hold(state: State, command: ExpireHold, context: Context) -> HoldReceipt:
    """Release a hold that nobody ended in time; anyone may ask. Refuses: UnknownHold, HoldEnded, HoldNotDue."""
    hold = _pending(state, None, command.hold)
    if hold.expires_at > context.now:
        raise HoldNotDue(hold=hold.hold, expires_at=hold.expires_at.isoformat())
    release(state, hold.debit, hold.amount)
    return _end(state, context, hold, "expired", 0)


def _pending(state: State, ended_by: Context | None, name: str) -> Hold:
    hold = state.get(HOLDS, name)
    if hold is None:
        raise UnknownHold(hold=name)
    if ended_by is not None and ended_by.actor not in (hold.placed_by, HOUSE):
        try:
            require_role(state, ended_by, "operator")
        except RoleNeeded:
            raise NotYourHold(actor=ended_by.actor, hold=name) from None
    if hold.state != "pending":
        raise HoldEnded(hold=name, state=hold.state)
    return hold


def _end(state: State, context: Context, hold: Hold, how: str, posted: int) -> HoldReceipt:
    ended = hold._replace(state=how, posted=posted, ended_at=context.now)
    state.put(HOLDS, hold.hold, ended)
    return _receipt(state, ended)


def _receipt(state: State, hold: Hold) -> HoldReceipt:
    account = state.get(ACCOUNTS, hold.debit)
    assert account is not None, hold
    return HoldReceipt(hold.hold, hold.state, hold.amount, hold.posted, hold.expires_at, account.available)


def _insufficient(account: Account, needed: int) -> InsufficientFunds:
    unit = unit_named(account.unit)
    available = max(0, account.available)
    return InsufficientFunds(
        account=str(account.key),
        unit=unit.name,
        available=format_amount(available, unit),
        needed=format_amount(needed, unit),
        short=format_amount(needed - available, unit),
    )


def _too_large(account: AccountKey) -> BalanceTooLarge:
    unit = unit_named(account.unit)
    return BalanceTooLarge(account=str(account), unit=unit.name, largest=format_amount(MAX_AMOUNT, unit))
