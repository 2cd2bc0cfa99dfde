"""The whole ledger as an hledger journal: every unit its own commodity, every flow a transaction.

Every posting asserts, with `==`, what it leaves in its account and that nothing else is in there; at the end one more
transaction of nothing asserts every account together with what it has set aside, with `==*`. A transaction is dated no
earlier than those above it, and its tag `at` has the exact moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from scidex.core.units import UNITS, Unit
from scidex.exports.flows import Parts
from scidex.exports.model import Flow, Origin
from scidex.exports.names import account_name, commodity, decimal
from scidex.ledger import AccountKey


def hledger(origin: Origin, flows: Iterable[Flow], parts: Parts) -> Iterator[str]:
    """The journal, a directive at a time; `parts` is left as the flows leave it."""
    yield f"; SciDEX ledger {origin.ledger}, journal to number {origin.number}, {origin.as_of.isoformat()}\n\n"
    for unit in UNITS.values():
        # The decimal mark has to stand there, or a point would be read as one that separates thousands.
        sample = decimal(1000 * unit.parts, unit)
        yield f"commodity {sample if unit.decimals else f'{sample}.'} {_symbol(unit)}\n"
    day = date.min
    opened: set[tuple[AccountKey, bool]] = set()
    for flow in flows:
        day = max(day, flow.at.date())
        for end in ((flow.debit, flow.from_held), (flow.credit, flow.to_held)):
            for half in ((end[0], False), end):
                if half not in opened:
                    opened.add(half)
                    yield f"\naccount {account_name(half[0], held=half[1])}  ; account:{_tag(str(half[0]))}\n"
        parts.add(flow)
        yield _transaction(day, flow, parts)
    accounts = parts.accounts()
    if accounts:
        yield f"\n{day} * every balance\n" + "".join(_closing(account, parts) for account in accounts)


def _transaction(day: date, flow: Flow, parts: Parts) -> str:
    unit = UNITS[flow.debit.unit]
    return (
        f"\n{day} * {flow.kind}\n"
        f"    ; id:{flow.name}\n    ; cause:{_tag(flow.reason)}\n"
        f"    ; actor:{_tag(flow.actor)}\n    ; at:{flow.at.isoformat()}\n"
        + _posting(flow.debit, flow.from_held, -flow.amount, unit, parts)
        + _posting(flow.credit, flow.to_held, flow.amount, unit, parts)
    )


def _posting(account: AccountKey, held: bool, amount: int, unit: Unit, parts: Parts) -> str:
    left = parts.of(account, held)
    symbol = _symbol(unit)
    return (
        f"    {account_name(account, held=held)}  {decimal(amount, unit)} {symbol} == {decimal(left, unit)} {symbol}\n"
    )


def _closing(account: AccountKey, parts: Parts) -> str:
    unit = UNITS[account.unit]
    whole = decimal(parts.of(account, held=False) + parts.of(account, held=True), unit)
    return f"    {account_name(account)}  {decimal(0, unit)} {_symbol(unit)} ==* {whole} {_symbol(unit)}\n"


def _symbol(unit: Unit) -> str:
    return f'"{commodity(unit.name)}"'


_MARKS = {mark: f"%{ord(mark):02X}" for mark in "%,;:[]|\n\r\t"}


def _tag(text: str) -> str:
    """A text as the value of a tag: what would end the tag, begin another or be read as a date is written %2C."""
    return "".join(_MARKS.get(each, each) for each in text)
