"""What a settlement pays: bonds to those who were right, the first pay-out, and what a later version takes and gives.

Pure, on whole parts. Nobody is ever taken below what they have: what cannot be got back is short among those whom the
later version pays, in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from scidex.core.machine import State
from scidex.exchange.markets import (
    MARKETS,
    POSITIONS,
    Market,
    Position,
    PositionKey,
    lmsr,
    pay_mean,
    pay_winner,
    require_outcome,
    void_prices,
)
from scidex.exchange.settlement.model import (
    DONE,
    FINAL,
    MAKER,
    POOL,
    PORTIONS,
    Case,
    Payments,
    Portion,
    PortionKey,
    Settlement,
    bonds_of,
    withheld_of,
)
from scidex.ledger import ACCOUNTS, AccountKey, balance_of, move, wallet_of
from scidex.policy import Context, Policy

TRADER = "trader:"


class Paid(NamedTuple):
    """What a version of a settlement did, by party, in token parts."""

    payouts: Payments = ()
    taken_back: Payments = ()
    short: Payments = ()


def bond_for(market: Market, policy: Policy) -> int:
    """What a proposal or a dispute puts in, in token parts: a share of the largest payout, rounded up, and at least so
    much."""
    share = (policy.settlement_bond_share * max(market.shares)).to_integral_value(ROUND_CEILING)
    return max(int(policy.settlement_bond_min * 1_000_000), int(share))


def bonds_routed(state: State, context: Context, case: Case, how: str) -> Payments:
    """Pay out the bonds of a case by how it ended, to the last part; what went where, by account.

    Whoever was right has the own bond back, and the policy's share of the other's, rounded down; the pool takes the
    rest. Where neither side was right, the disputer, who was right that the proposal is wrong, has the own bond back.
    Refuses: BalanceTooLarge.
    """
    proposer = wallet_of(case.proposer)
    disputer = None if case.disputer is None else wallet_of(case.disputer)
    to_pool = 0
    shares: list[tuple[AccountKey, int]] = []
    if disputer is None:
        shares.append((proposer, case.bond))
    elif how in ("upheld", "overturned"):
        won = _floor(context.policy.settlement_winner_share * case.bond)
        shares.append((proposer if how == "upheld" else disputer, case.bond + won))
        to_pool = case.bond - won
    elif how == "rejected":
        shares.append((disputer, case.bond))
        to_pool = case.bond
    else:
        shares += [(proposer, case.bond), (disputer, case.bond)]
    shares.append((POOL, to_pool))
    bonds = bonds_of(case.market)
    for account, amount in shares:
        if amount:
            move(state, context, bonds, account, amount, f"bond, {how}")
    assert balance_of(state, bonds) == 0, case
    return tuple((str(account), amount) for account, amount in shares if amount)


def settle(
    state: State, context: Context, market: Market, settlement: Settlement, outcome: str | None
) -> tuple[Settlement, Paid]:
    """The next version of a settlement: pay by the outcome, or void without one, and hold back a share of what was
    newly paid while yet another version is possible.

    Refuses: UnknownOutcome, BalanceTooLarge.
    """
    version = settlement.version + 1
    last = version >= context.policy.settlement_versions_max
    if version == 1:
        portions, paid = _first(state, context, market, outcome)
    else:
        portions, paid = _again(state, context, market, settlement, outcome)
    gained = dict(paid.payouts)
    for portion in portions:
        held = 0 if last else _floor(context.policy.settlement_withheld * gained.get(portion.party, 0))
        if held:
            withheld = withheld_of(market.market)
            move(state, context, wallet_for(market, portion.party), withheld, held, "withheld for an appeal")
        kept = portion._replace(withheld=portion.withheld + held)
        state.put(PORTIONS, PortionKey(market.market, portion.party), kept)
    until = None if last else context.now + timedelta(seconds=context.policy.settlement_appeal_s)
    withheld_now = balance_of(state, withheld_of(market.market))
    after = settlement._replace(state=FINAL, version=version, due_at=until, appeal_until=until, withheld=withheld_now)
    if last:
        after, _ = pay_withheld(state, context, market, after)
    return after, paid


def pay_withheld(state: State, context: Context, market: Market, settlement: Settlement) -> tuple[Settlement, Paid]:
    """Pay everybody what was held back of theirs: nothing can change any more. Refuses: BalanceTooLarge."""
    released = []
    for key, portion in state.whole(PORTIONS, market.market):
        if portion.withheld:
            wallet = wallet_for(market, portion.party)
            move(state, context, withheld_of(market.market), wallet, portion.withheld, "withheld no longer")
            released.append((portion.party, portion.withheld))
            state.put(PORTIONS, key, portion._replace(withheld=0))
    assert balance_of(state, withheld_of(market.market)) == 0, settlement
    return settlement._replace(state=DONE, due_at=None, appeal_until=None, withheld=0), Paid(tuple(released))


def wallet_for(market: Market, party: str) -> AccountKey:
    """Where a party of the market is paid."""
    return market.funder_account if party == MAKER else wallet_of(party.removeprefix(TRADER))


def _first(state: State, context: Context, market: Market, outcome: str | None) -> tuple[list[Portion], Paid]:
    settled = pay_mean(state, context, market) if outcome is None else pay_winner(state, context, market, outcome)
    payouts = [(TRADER + owner, amount) for owner, amount in settled.payouts]
    if settled.returned:
        payouts.append((MAKER, settled.returned))
    portions = [Portion(market.market, party, amount, amount, 0) for party, amount in payouts]
    return portions, Paid(tuple(payouts))


def _again(
    state: State, context: Context, market: Market, settlement: Settlement, outcome: str | None
) -> tuple[list[Portion], Paid]:
    """Take back from each party what it was paid above its new due, out of what was held back and then out of its
    wallet as far as that has it, and share that among those who were paid less than theirs."""
    positions = {TRADER + key.owner: position for key, position in state.whole(POSITIONS, market.market)}
    assert market.maker_result is not None, market
    paid = {party: position.payout or 0 for party, position in positions.items()}
    paid[MAKER] = market.subsidy + market.maker_result
    due = _due(state, context, market, settlement, outcome, positions, sum(paid.values()))
    withheld = {portion.party: portion.withheld for _, portion in state.whole(PORTIONS, market.market)}
    taken = {
        party: _take_back(state, context, market, party, paid[party] - due[party], withheld)
        for party in sorted(paid)
        if paid[party] > due[party]
    }
    needs = {party: due[party] - paid[party] for party in sorted(paid) if due[party] > paid[party]}
    given = shared(sum(taken.values()), needs)
    for party, amount in given.items():
        if amount:
            move(state, context, market.collateral, wallet_for(market, party), amount, "market payout, changed")
    assert balance_of(state, market.collateral) == 0, market
    portions = [
        Portion(
            market.market, party, due[party], paid[party] - taken.get(party, 0) + given.get(party, 0),
            withheld.get(party, 0),
        )
        for party in sorted(paid)
        if paid[party] or due[party] or party in withheld  # who was due something once, and got nothing, is no more
    ]  # fmt: skip
    _write_down(state, context, market, positions, {portion.party: portion.paid for portion in portions}, outcome)
    short = {portion.party: portion.due - portion.paid for portion in portions if portion.due > portion.paid}
    return portions, Paid(_nonzero(given), _nonzero(taken), _nonzero(short))


def _due(
    state: State,
    context: Context,
    market: Market,
    settlement: Settlement,
    outcome: str | None,
    positions: Mapping[str, Position],
    total: int,
) -> dict[str, int]:
    """What each party would have been paid, had this been the first version: the maker what the traders leave."""
    if outcome is None:
        assert settlement.traded_until is not None, settlement
        prices = void_prices(state, context, market, settlement.traded_until)
    else:
        winner = require_outcome(market, outcome)
        prices = tuple(lmsr.PRICE_ONE if other == winner else 0 for other in range(len(market.outcomes)))
    due = {
        party: sum(held * price for held, price in zip(position.shares, prices, strict=True)) // lmsr.PRICE_ONE
        for party, position in positions.items()
    }
    due[MAKER] = total - sum(due.values())
    assert due[MAKER] >= 0, market
    return due


def _take_back(
    state: State, context: Context, market: Market, party: str, excess: int, withheld: dict[str, int]
) -> int:
    kept_back = min(excess, withheld.get(party, 0))
    if kept_back:
        move(state, context, withheld_of(market.market), market.collateral, kept_back, "payout taken back")
        withheld[party] -= kept_back
    wallet = wallet_for(market, party)
    found = state.get(ACCOUNTS, wallet)
    from_wallet = min(excess - kept_back, max(0, found.available) if found else 0)
    if from_wallet:
        move(state, context, wallet, market.collateral, from_wallet, "payout taken back")
    return kept_back + from_wallet


def shared(amount: int, needs: Mapping[str, int]) -> dict[str, int]:
    """Share an amount among needs that sum to at least as much: in proportion, by largest remainder, ties by name.

    >>> shared(10, {"a": 10, "b": 10, "c": 5}), shared(0, {})
    ({'a': 4, 'b': 4, 'c': 2}, {})
    >>> shared(1, {"b": 1, "a": 1})
    {'b': 0, 'a': 1}
    """
    total = sum(needs.values())
    assert 0 <= amount <= total, (amount, total)
    if not total:
        return {}
    given = {name: amount * need // total for name, need in needs.items()}
    left = amount - sum(given.values())
    for name in sorted(needs, key=lambda name: (-(amount * needs[name] % total), name))[:left]:
        given[name] += 1
    return given


def _write_down(
    state: State,
    context: Context,
    market: Market,
    positions: Mapping[str, Position],
    paid: Mapping[str, int],
    outcome: str | None,
) -> None:
    """Enter what positions and the maker have now been paid, so that nobody reads the figures of an earlier version."""
    for position in positions.values():
        payout = paid.get(TRADER + position.owner, 0)
        if payout != position.payout:
            state.put(POSITIONS, PositionKey(market.market, position.owner), position._replace(payout=payout))
    changed = market._replace(
        state="void" if outcome is None else "resolved",
        outcome=outcome,
        ended_at=context.now,
        maker_result=paid.get(MAKER, 0) - market.subsidy,
    )
    state.put(MARKETS, market.market, changed)


def _nonzero(amounts: Mapping[str, int]) -> Payments:
    return tuple((party, amount) for party, amount in amounts.items() if amount)


def _floor(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))
