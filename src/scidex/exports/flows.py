"""Movements and holds as one stream of flows, from the journal run again: whatever sort of command made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scidex.exports.model import Flow
from scidex.lab import Step
from scidex.ledger import AccountKey


def flows_of(step: Step) -> Iterator[Flow]:
    """What a journal row did, in an order in which no part of an account ever lacks what leaves it.

    What a command lets go of pays for what it moves out of the same account, whole movements at a time: so a posted
    hold goes from what was held to the payee, and the remainder back to the owner.
    """
    let_go = {account: before - after for account, before, after in step.held if after < before}
    places = iter(range(1_000_000_000))
    for row in step.movements:
        waiting = let_go.get(row.debit, 0)
        covered = waiting >= row.amount
        if covered:
            let_go[row.debit] = waiting - row.amount
        elif waiting:
            yield _within(step, next(places), row.debit, waiting, to_held=False)
            del let_go[row.debit]
        yield Flow(
            row.number,
            next(places),
            row.leg,
            row.at,
            step.entry.actor,
            step.entry.kind,
            row.reason,
            row.debit,
            covered,
            row.credit,
            False,
            row.amount,
        )
    for account, amount in let_go.items():
        if amount:
            yield _within(step, next(places), account, amount, to_held=False)
    for account, before, after in step.held:
        if after > before:
            yield _within(step, next(places), account, after - before, to_held=True)


def _within(step: Step, place: int, account: AccountKey, amount: int, *, to_held: bool) -> Flow:
    entry = step.entry
    reason = "set aside" if to_held else "let go"
    return Flow(
        entry.number,
        place,
        None,
        entry.at,
        entry.actor,
        entry.kind,
        reason,
        account,
        not to_held,
        account,
        to_held,
        amount,
    )


class Parts:
    """What every account has available and has set aside, as the flows so far leave it."""

    def __init__(self) -> None:
        self.available: dict[AccountKey, int] = {}
        self.held: dict[AccountKey, int] = {}

    def add(self, flow: Flow) -> None:
        """Let the value of a flow arrive."""
        source = self.held if flow.from_held else self.available
        target = self.held if flow.to_held else self.available
        source[flow.debit] = source.get(flow.debit, 0) - flow.amount
        target[flow.credit] = target.get(flow.credit, 0) + flow.amount

    def of(self, account: AccountKey, held: bool) -> int:
        """One part of an account."""
        return (self.held if held else self.available).get(account, 0)

    def accounts(self) -> list[AccountKey]:
        """Every account that value has come to or left."""
        return sorted(self.available.keys() | self.held.keys())


def flows(steps: Iterable[Step]) -> Iterator[Flow]:
    """The flows of every journal row, in order."""
    for step in steps:
        yield from flows_of(step)
