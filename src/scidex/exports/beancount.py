"""The whole ledger as a Beancount journal: every unit its own commodity, every flow a transaction.

Beancount keeps days. A transaction is dated no earlier than those above it, and its `at` has the exact moment. What an
account has set aside is a sub-account of it, so the balance of the account is both together. Balances are asserted, to
the last part, at the end of every day for the accounts that moved in it and at the end for all; nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from scidex.core.units import UNITS
from scidex.exports.flows import Parts
from scidex.exports.model import Flow, Origin
from scidex.exports.names import account_name, commodity, decimal
from scidex.ledger import AccountKey


def beancount(origin: Origin, flows: Iterable[Flow], parts: Parts) -> Iterator[str]:
    """The journal, a directive at a time; `parts` is left as the flows leave it."""
    yield f";; SciDEX ledger {origin.ledger}, journal to number {origin.number}, {origin.as_of.isoformat()}\n"
    yield 'option "title" "SciDEX"\n\n'
    day = date.min
    opened: set[tuple[AccountKey, bool]] = set()
    units: set[str] = set()
    moved: set[AccountKey] = set()
    for flow in flows:
        if flow.at.date() > day:
            yield from _assertions(day, sorted(moved), parts, opened)
            moved.clear()
            day = flow.at.date()
        if flow.debit.unit not in units:
            units.add(flow.debit.unit)
            yield _commodity(day, flow.debit.unit)
        for end in ((flow.debit, flow.from_held), (flow.credit, flow.to_held)):
            moved.add(end[0])
            # An account is opened before what is set aside in it, whichever comes first.
            for half in ((end[0], False), end):
                if half not in opened:
                    opened.add(half)
                    yield _opening(day, *half)
        parts.add(flow)
        yield _transaction(day, flow)
    yield from _assertions(day, parts.accounts(), parts, opened)


def _commodity(day: date, unit: str) -> str:
    found = UNITS[unit]
    return f"{day} commodity {commodity(unit)}\n  name: {_quoted(found.what)}\n  decimals: {found.decimals}\n"


def _opening(day: date, account: AccountKey, held: bool) -> str:
    name = account_name(account, held=held)
    return f"{day} open {name} {commodity(account.unit)}\n  account: {_quoted(str(account))}\n"


def _transaction(day: date, flow: Flow) -> str:
    unit = UNITS[flow.debit.unit]
    amount, symbol = decimal(flow.amount, unit), commodity(unit.name)
    return (
        f"{day} * {_quoted(flow.kind)}\n"
        f"  id: {_quoted(flow.name)}\n  cause: {_quoted(flow.reason)}\n"
        f"  actor: {_quoted(flow.actor)}\n  at: {_quoted(flow.at.isoformat())}\n"
        f"  {account_name(flow.debit, held=flow.from_held)}  -{amount} {symbol}\n"
        f"  {account_name(flow.credit, held=flow.to_held)}  {amount} {symbol}\n"
    )


def _assertions(
    day: date, accounts: Iterable[AccountKey], parts: Parts, opened: set[tuple[AccountKey, bool]]
) -> Iterator[str]:
    """Balances at the end of the day, which Beancount states as those at the beginning of the next."""
    for account in accounts:
        unit = UNITS[account.unit]
        held = parts.of(account, held=True)
        found = [(False, parts.of(account, held=False) + held)]
        if (account, True) in opened:
            found.append((True, held))
        for half, balance in found:
            # Without `~ 0` the assertion would let pass what is off by the last digit.
            name = account_name(account, held=half)
            yield f"{day + timedelta(days=1)} balance {name}  {decimal(balance, unit)} ~ 0 {commodity(unit.name)}\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
