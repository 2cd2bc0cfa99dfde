"""`scidex ledger`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import typer

from scidex import ledger as books
from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount, to_number, unit_named
from scidex.ledger import AccountKey, Leg, TransferKey
from scidex.surfaces.cli.calls import After, Key, Limit, changes, reads
from scidex.surfaces.cli.render import InUnit
from scidex.surfaces.cli.words import Account, Amount, Reason, time_of

ledger, holds = typer.Typer(), typer.Typer()
ledger.add_typer(holds, name="holds", help="Value set aside.")

HoldName = Annotated[str, typer.Argument(metavar="HOLD", help="Id of the hold.")]
From = Annotated[str, typer.Argument(metavar="FROM", help="Account that pays: owner/purpose/unit.")]
To = Annotated[str, typer.Argument(metavar="TO", help="Account that is paid: owner/purpose/unit.")]


@reads(ledger, "accounts")
def accounts(
    tx: Tx,
    owner: Annotated[str | None, typer.Option("--owner", metavar="OWNER", help="As actor:alice or pool:main.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="Only in this unit.")] = None,
    after: After = None,
    limit: Limit = 100,
) -> views.Page[views.AccountView]:
    """Balances by account."""
    key = AccountKey.parse(after) if after else AccountKey("", "", "")
    found = books.find_accounts(tx, owner=owner, unit=unit, after=key, limit=limit + 1)
    return views.page(views.Page[views.AccountView], found, limit, views.account_view, lambda last: str(last.key))


@reads(ledger, "show")
def show(tx: Tx, account: Account) -> views.AccountView:
    """An account's balance now."""
    return views.account_view(books.find_account(tx, AccountKey.parse(account)))


@reads(ledger, "entries")
def entries(
    tx: Tx,
    account: Account,
    before: Annotated[
        str | None, typer.Option("--before", metavar="NEXT", help="The `next` of the page before: NUMBER-LEG.")
    ] = None,
    limit: Limit = 100,
) -> InUnit:
    """An account's movements, the newest first."""
    which = AccountKey.parse(account)
    found = books.find_entries(tx, account=which, before=_place(before), limit=limit + 1)
    shown = views.page(
        views.Page[views.EntryView],
        found,
        limit,
        lambda entry: views.entry_view(which.unit, entry),
        lambda last: f"{last.number}-{last.leg}",
    )
    return InUnit(shown, which.unit)


@reads(ledger, "balance")
def balance(
    tx: Tx,
    account: Account,
    at: Annotated[
        datetime | None, typer.Option("--at", metavar="TIME", parser=time_of, help="2026-03-01T12:00Z; default now.")
    ] = None,
) -> InUnit:
    """An account's balance as it was at a moment."""
    which, moment = AccountKey.parse(account), at or tx.now
    total, held = books.balance_at(tx, account=which, at=moment)
    unit = unit_named(which.unit)
    found = views.BalanceAt(account=account, at=moment, balance=to_number(total, unit), held=to_number(held, unit))
    return InUnit(found, unit.name)


@changes(ledger, "transfer")
def transfer(
    tx: Tx, debit: From, credit: To, amount: Amount, reason: Reason = "transfer", key: Key = None
) -> views.MovedReceipt:
    """Move value from one account to another."""
    payer = AccountKey.parse(debit)
    leg = Leg(payer, AccountKey.parse(credit), parse_amount(amount, unit_named(payer.unit)))
    return views.moved_receipt(books.transfer(tx, legs=[leg], reason=reason, key=key))


@changes(ledger, "issue")
def issue(tx: Tx, account: Account, amount: Amount, reason: Reason = "issue", key: Key = None) -> views.MovedReceipt:
    """Create value in an account; needs the role issuer."""
    which = AccountKey.parse(account)
    parts = parse_amount(amount, unit_named(which.unit))
    return views.moved_receipt(books.issue(tx, account=which, amount=parts, reason=reason, key=key))


@changes(ledger, "retire")
def retire(tx: Tx, account: Account, amount: Amount, reason: Reason = "retire", key: Key = None) -> views.MovedReceipt:
    """Take value out of circulation; needs the role issuer."""
    which = AccountKey.parse(account)
    parts = parse_amount(amount, unit_named(which.unit))
    return views.moved_receipt(books.retire(tx, account=which, amount=parts, reason=reason, key=key))


@changes(ledger, "hold")
def hold(
    tx: Tx,
    debit: From,
    credit: To,
    amount: Amount,
    seconds: Annotated[int, typer.Option("--seconds", metavar="SECONDS", help="How long at most.")] = 3600,
    reason: Reason = "hold",
    key: Key = None,
) -> InUnit:
    """Set value of one account aside for another."""
    payer = AccountKey.parse(debit)
    receipt = books.hold(
        tx,
        debit=payer,
        credit=AccountKey.parse(credit),
        amount=parse_amount(amount, unit_named(payer.unit)),
        seconds=seconds,
        reason=reason,
        key=key,
    )
    return InUnit(views.hold_done(payer.unit, receipt), payer.unit)


@changes(ledger, "post")
def post(
    tx: Tx,
    hold: HoldName,
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="By default all of it.")] = None,
    key: Key = None,
) -> InUnit:
    """Move what is held, and release the rest."""
    unit = books.find_hold(tx, hold).debit.unit
    parts = None if amount is None else parse_amount(amount, unit_named(unit))
    return InUnit(views.hold_done(unit, books.post(tx, hold=hold, amount=parts, key=key)), unit)


@changes(ledger, "void")
def void(tx: Tx, hold: HoldName, key: Key = None) -> InUnit:
    """Release what is held without moving it."""
    unit = books.find_hold(tx, hold).debit.unit
    return InUnit(views.hold_done(unit, books.void(tx, hold=hold, key=key)), unit)


@reads(holds, "show")
def show_hold(tx: Tx, hold: HoldName) -> views.HoldView:
    """A hold as it is now."""
    return views.hold_view(books.find_hold(tx, hold))


@reads(ledger, "sums")
def sums(tx: Tx) -> dict[str, Any]:
    """The sum of all balances of each unit: 0, or the books are wrong."""
    return {"sums": {unit: to_number(total, unit_named(unit)) for unit, total in books.sums_by_unit(tx).items()}}


def _place(text: str | None) -> TransferKey | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,18})-(\d{1,9})", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not the `next` of a page.")
    return TransferKey(int(found[1]), int(found[2]))
