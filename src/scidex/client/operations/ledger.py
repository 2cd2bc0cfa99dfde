"""Requests of the server: ledger; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from scidex.client.answers import Page
from scidex.client.models.ledger import AccountView, BalanceAt, EntryView, HoldDone, HoldView, MovedReceipt, SumsView
from scidex.client.request import Amount, Request


class LegGiven(TypedDict):
    """One movement."""

    debit: str
    credit: str
    amount: Amount


def get_accounts(
    *, owner: str | None = None, unit: str | None = None, after: str | None = None, limit: int | None = None
) -> Request[Page[AccountView]]:
    """Accounts by owner, purpose and unit."""
    return Request(
        "GET",
        "/api/ledger/accounts",
        Page[AccountView],
        query={"owner": owner, "unit": unit, "after": after, "limit": limit},
    )


def get_entries(account: str, *, before: str | None = None, limit: int | None = None) -> Request[Page[EntryView]]:
    """An account's movements, newest first."""
    return Request(
        "GET",
        "/api/ledger/accounts/{account}/entries",
        Page[EntryView],
        places={"account": account},
        query={"before": before, "limit": limit},
    )


def get_balance(account: str, *, at: datetime | None = None) -> Request[BalanceAt]:
    """A balance as it was at a moment."""
    return Request(
        "GET", "/api/ledger/accounts/{account}/balance", BalanceAt, places={"account": account}, query={"at": at}
    )


def get_account(account: str) -> Request[AccountView]:
    """An account as it is now."""
    return Request("GET", "/api/ledger/accounts/{account}", AccountView, places={"account": account})


def post_transfer(
    *, legs: Sequence[LegGiven], reason: str, idempotency_key: str | None = None
) -> Request[MovedReceipt]:
    """Move value; for the owner of each account that pays."""
    return Request(
        "POST",
        "/api/ledger/transfer",
        MovedReceipt,
        body={"legs": legs, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_issue(
    *, account: str, amount: Amount, reason: str, idempotency_key: str | None = None
) -> Request[MovedReceipt]:
    """Create value; for issuers."""
    return Request(
        "POST",
        "/api/ledger/issue",
        MovedReceipt,
        body={"account": account, "amount": amount, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_retire(
    *, account: str, amount: Amount, reason: str, idempotency_key: str | None = None
) -> Request[MovedReceipt]:
    """Take value out of circulation; for issuers."""
    return Request(
        "POST",
        "/api/ledger/retire",
        MovedReceipt,
        body={"account": account, "amount": amount, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def post_hold(
    *, debit: str, credit: str, amount: Amount, seconds: int, reason: str, idempotency_key: str | None = None
) -> Request[HoldDone]:
    """Set value aside until it is posted, voided, or its time is over."""
    return Request(
        "POST",
        "/api/ledger/holds",
        HoldDone,
        body={"debit": debit, "credit": credit, "amount": amount, "seconds": seconds, "reason": reason},
        key=idempotency_key,
        keyed=True,
    )


def get_hold(hold: str) -> Request[HoldView]:
    """A hold as it is now."""
    return Request("GET", "/api/ledger/holds/{hold}", HoldView, places={"hold": hold})


def post_hold_post(hold: str, *, amount: Amount | None = None, idempotency_key: str | None = None) -> Request[HoldDone]:
    """Move what is held, or a part of it, and release the rest; for who placed it."""
    return Request(
        "POST",
        "/api/ledger/holds/{hold}/post",
        HoldDone,
        places={"hold": hold},
        body={"amount": amount},
        key=idempotency_key,
        keyed=True,
    )


def post_hold_void(hold: str, *, idempotency_key: str | None = None) -> Request[HoldDone]:
    """Release what is held; for who placed it."""
    return Request(
        "POST", "/api/ledger/holds/{hold}/void", HoldDone, places={"hold": hold}, key=idempotency_key, keyed=True
    )


def get_sums() -> Request[SumsView]:
    """The sum of all balances of each unit."""
    return Request("GET", "/api/ledger/sums", SumsView)
