"""What the server answers: ledger; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class AccountView(Answer):
    """A balance."""

    # owner/purpose/unit
    account: str
    owner: str
    purpose: str
    unit: str
    balance: float
    held: float
    available: float


class EntryView(Answer):
    """One movement as the account sees it."""

    number: int
    leg: int
    at: datetime
    # positive when value came in
    amount: float
    # the balance after it
    balance: float
    other: str
    reason: str


class BalanceAt(Answer):
    """A balance as it was."""

    account: str
    at: datetime
    balance: float
    held: float


class MovedReceipt(Receipt):
    """The balances after value moved."""

    balances: dict[str, float]


class HoldDone(Receipt):
    """Where a hold stands after a command."""

    hold: str
    state: str
    amount: float
    posted: float
    expires_at: datetime
    available: float


class HoldView(Answer):
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


class SumsView(Answer):
    """The sum of all balances of each unit."""

    # each is 0, or the books are wrong
    sums: dict[str, float]
