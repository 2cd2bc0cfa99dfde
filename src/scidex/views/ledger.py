"""The ledger from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import to_number, unit_named
from scidex.ledger import Account, Entry, Hold, HoldReceipt, Moved
from scidex.views.base import Done, View, done


class AccountView(View):
    """A balance."""

    account: str = Field(description="owner/purpose/unit")
    owner: str
    purpose: str
    unit: str
    balance: float
    held: float
    available: float


class EntryView(View):
    """One movement as the account sees it."""

    number: int
    leg: int
    at: datetime
    amount: float = Field(description="positive when value came in")
    balance: float = Field(description="the balance after it")
    other: str
    reason: str


class BalanceAt(View):
    """A balance as it was."""

    account: str
    at: datetime
    balance: float
    held: float


class MovedReceipt(Done):
    """The balances after value moved."""

    balances: dict[str, float]


class HoldView(View):
    """Value set aside."""

    hold: str
    debit: str
    credit: str
    unit: str
    amount: float
    posted: float
    state: str
    placed_by: str
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    reason: str


class HoldDone(Done):
    """Where a hold stands after a command."""

    hold: str
    state: str
    amount: float
    posted: float
    expires_at: datetime
    available: float


def account_view(account: Account) -> AccountView:
    """An account row."""
    unit = unit_named(account.unit)
    return AccountView(
        account=str(account.key),
        owner=account.owner,
        purpose=account.purpose,
        unit=account.unit,
        balance=to_number(account.balance, unit),
        held=to_number(account.held, unit),
        available=to_number(account.available, unit),
    )


def entry_view(unit: str, entry: Entry) -> EntryView:
    """A movement of an account in this unit."""
    known = unit_named(unit)
    return EntryView(
        number=entry.number,
        leg=entry.leg,
        at=entry.at,
        amount=to_number(entry.amount, known),
        balance=to_number(entry.balance, known),
        other=str(entry.other),
        reason=entry.reason,
    )


def moved_receipt(receipt: Receipt[Moved]) -> MovedReceipt:
    """The receipt of a transfer, an issue or a retirement."""
    balances = {
        str(account): to_number(balance, unit_named(account.unit)) for account, balance in receipt.result.balances
    }
    return MovedReceipt(**done(receipt), balances=balances)


def hold_view(hold: Hold) -> HoldView:
    """A hold row."""
    unit = unit_named(hold.debit.unit)
    return HoldView(
        hold=hold.hold,
        debit=str(hold.debit),
        credit=str(hold.credit),
        unit=unit.name,
        amount=to_number(hold.amount, unit),
        posted=to_number(hold.posted, unit),
        state=hold.state,
        placed_by=hold.placed_by,
        placed_at=hold.placed_at,
        expires_at=hold.expires_at,
        ended_at=hold.ended_at,
        reason=hold.reason,
    )


def hold_done(unit: str, receipt: Receipt[HoldReceipt]) -> HoldDone:
    """The receipt of a command on a hold in this unit."""
    known, held = unit_named(unit), receipt.result
    return HoldDone(
        **done(receipt),
        hold=held.hold,
        state=held.state,
        amount=to_number(held.amount, known),
        posted=to_number(held.posted, known),
        expires_at=held.expires_at,
        available=to_number(held.available, known),
    )
