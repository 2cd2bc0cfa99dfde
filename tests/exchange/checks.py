"""The books of a world in memory, looked at after every command, and only where it wrote: invariants 1, 2 and 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from scidex.core.machine import State
from scidex.exchange import bounties, markets, settlement
from scidex.exchange.markets import lmsr
from scidex.exchange.markets.maker import collateral_needed
from scidex.lab import TABLES, World
from scidex.lab.audit import check_bounties, check_holds, check_markets, check_settlements
from scidex.ledger import ACCOUNTS, BUDGET, TRANSFERS, AccountKey, balance_of, issuance_of

ONE = lmsr.PRICE_ONE
ROUNDING = 4
"""Token parts that roundings along a way through the book are worth."""


class Books:
    """What the accounts and the payments were before a command, so that only what it changed has to be looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.balances: Counter[AccountKey] = Counter()
        self.collateral: dict[str, int] = {}
        self.paid: Counter[tuple[str, str]] = Counter()
        self.put_in: Counter[str] = Counter()

    def untouched(self) -> None:
        """A refused command leaves no trace."""
        assert self.world.state.take_changes() == {}

    def check(self, now: datetime) -> None:
        """Whatever the commands since the last call wrote leaves the books in order."""
        changes = self.world.state.take_changes()
        wrote = {table: [*change.new, *change.old] for table, change in changes.items()}
        self._check_accounts(wrote.get(ACCOUNTS, ()), wrote.get(TRANSFERS, ()))
        touched = {key.owner.partition(":") for key in wrote.get(ACCOUNTS, ())}
        names = {name for kind, _, name in touched if kind in ("market", "settlement")}
        names |= {*wrote.get(markets.MARKETS, ()), *wrote.get(settlement.SETTLEMENTS, ())}
        for table in (markets.ORDERS, markets.POSITIONS, settlement.CASES, settlement.PORTIONS):
            names |= {key.market for key in wrote.get(table, ())}
        for name in sorted(names):
            self._check_market(name, now)
            check_settlement(self.world.state, name)
        offers = {name for kind, _, name in touched if kind == "bounty"} | {*wrote.get(bounties.BOUNTIES, ())}
        for payment in map(self.world.state.rows(bounties.PAYMENTS).get, wrote.get(bounties.PAYMENTS, ())):
            self.paid[payment.bounty, payment.sort] += payment.amount
            offers.add(payment.bounty)
        for name in sorted(offers):
            self._check_bounty(name)

    def _check_accounts(self, accounts: Iterable[AccountKey], movements: Iterable[object]) -> None:
        """Per unit the changes sum to zero and are those of the movements; signs and holds are as they may be."""
        rows, moved = self.world.state, Counter[AccountKey]()
        for key in movements:
            row = rows.get(TRANSFERS, key)
            moved[row.debit] -= row.amount
            moved[row.credit] += row.amount
        sums: Counter[str] = Counter()
        for key in accounts:
            account = rows.get(ACCOUNTS, key)
            change = account.balance - self.balances[key]
            assert change == moved.pop(key, 0), key
            sums[key.unit] += change
            self.balances[key] = account.balance
            assert account.held >= 0, account
            if key == issuance_of(key.unit):
                assert account.balance <= 0 == account.held, account
            else:
                assert account.balance >= account.held or key.purpose == BUDGET, account
        assert not any(sums.values()) and not any(moved.values()), (sums, moved)

    def _check_market(self, name: str, now: datetime) -> None:
        """Invariant 2 at every moment, and at the end exactly the collateral paid out."""
        state = self.world.state
        market = state.get(markets.MARKETS, name)
        positions = [position for _, position in state.whole(markets.POSITIONS, name)]
        collateral = balance_of(state, market.collateral)
        assert sum(market.prices) == ONE
        held = zip(*(position.shares for position in positions), strict=True)
        assert (tuple(map(sum, held)) or (0,) * len(market.outcomes)) == market.shares
        assert market.at_risk == sum(position.at_risk for position in positions)
        book = markets.open_orders(state, name)
        assert market.resting == len(book)
        assert balance_of(state, markets.escrow_of(name)) == sum(order.escrow for order in book)
        if market.state in ("open", "closed"):
            self.collateral[name] = collateral
            # Not only what is outstanding: whatever else may be bought is covered.
            curve = (market.shares, market.liquidity, market.offsets)
            assert collateral - market.fees >= max(*market.shares, collateral_needed(*curve))
            check_book(market, positions, book, now)
        else:
            assert (collateral, market.resting, market.at_risk) == (0, 0, 0)
            paid = sum(position.payout for position in positions)
            assert paid + market.subsidy + market.maker_result == self.collateral[name], "pays all that it had"

    def _check_bounty(self, name: str) -> None:
        """What remains lies in escrow; what was put in is what remains and what was paid."""
        state = self.world.state
        bounty = state.get(bounties.BOUNTIES, name)
        assert balance_of(state, bounty.escrow) == bounty.remaining >= 0
        assert bounty.amount == sum(row.amount for _, row in state.whole(bounties.FUNDINGS, name))
        paid = tuple(self.paid[name, sort] for sort in ("draw", "award", "refund"))
        assert paid == (bounty.drawn, bounty.awarded, bounty.returned)
        assert bounty.amount == bounty.remaining + sum(paid)
        assert bounty.state == "open" or not bounty.remaining


def check_book(
    market: markets.Market, positions: list[markets.Position], book: list[markets.RestingOrder], now: datetime
) -> None:
    """Resting sales are of shares that their owners have, and nobody waits for what the maker gives."""
    for position in positions:
        bound = markets.bound_shares(market, book, position.owner)
        assert all(mine >= kept for mine, kept in zip(position.shares, bound, strict=True)), position
    if market.open_at(now):
        for order in book:
            if order.expires_at is None or order.expires_at > now:
                assert gain_at_the_maker(market, order) <= ROUNDING, order


def gain_at_the_maker(market: markets.Market, order: markets.RestingOrder) -> int:
    """Token parts by which the maker would fill a resting order better than at its limit."""
    which = market.outcomes.index(order.outcome)
    buys, price, limit = order.side == "buy", market.prices[which], order.limit_price
    if limit < price if buys else limit > price:
        return 0
    curve = (market.shares, market.liquidity, market.offsets, which)
    step = markets.shares_to_price(*curve, limit)
    step = min(order.shares, step if buys else -step)
    if step <= 0:
        return 0
    at_limit = step * limit // ONE
    return at_limit - lmsr.charge(*curve, step) if buys else lmsr.payout(*curve, step) - at_limit


def check_settlement(state: State, name: str) -> None:
    """Bonds and what is held back are those of the rows, and no version pays more or less than the first had."""
    row = state.get(settlement.SETTLEMENTS, name) or settlement.Settlement(name)
    case = state.get(settlement.CASES, settlement.CaseKey(name, row.case))
    sides = 0 if case is None or case.how else 1 if case.disputer is None else 2
    bonds = case.bond * sides if case else 0
    assert balance_of(state, settlement.bonds_of(name)) == row.bonds == bonds
    portions = [portion for _, portion in state.whole(settlement.PORTIONS, name)]
    withheld = sum(portion.withheld for portion in portions)
    assert balance_of(state, settlement.withheld_of(name)) == row.withheld == withheld
    assert sum(portion.due - portion.paid for portion in portions) == 0


def check_all(world: World, now: datetime) -> None:
    """Everything at once, as the audit sees it: nothing may have been missed by looking only at what was written."""
    for name, market in world.state.rows(markets.MARKETS).items():
        positions = [position for _, position in world.state.whole(markets.POSITIONS, name)]
        check_book(market, positions, markets.open_orders(world.state, name), now)
    tables = {table: world.state.rows(table) for table in TABLES}
    checks = (check_holds, check_markets, check_settlements, check_bounties)
    assert [finding for check in checks for finding in check(tables)] == []
    sums: Counter[str] = Counter()
    for key, account in tables[ACCOUNTS].items():
        sums[key.unit] += account.balance
    assert not any(sums.values())
