"""A greedy adversary who sees the book and has no information: each move is the one after which it could leave richest."""

from __future__ import annotations

from typing import Any

from tests.exchange.checks import ONE
from tests.exchange.walk import T, Walk

from scidex.core.errors import Refusal
from scidex.exchange import liquidity, markets
from scidex.ledger import balance_of, wallet_of

WHO = "prober"
STAGES = 3


def attack(walk: Walk, name: str) -> int:
    """Play against a market as it stands and leave it again; the token parts by which that made the adversary poorer.

    Whatever it might do at each stage is tried, with leaving at once in whichever order pays best: nothing gains. What
    would cost least is then done, so that the next stage starts from there.
    """
    start = wealth(walk, name)
    assert not any(walk.shares(name, WHO))
    tried, most = 0, start + tolerated(walk, name)
    for _ in range(STAGES):
        values = []
        for commands in moves(walk, name):
            value = value_after(walk, name, commands)
            if value is not None:
                tried += 1
                assert value <= most, (commands, value - start, most - start)
                values.append((value, len(values), commands))
        if not values:
            break
        for command in max(values)[2]:
            walk.must(WHO, command)
    for command in best_way_out(walk, name)[1]:
        walk.must(WHO, command)
    assert not any(walk.shares(name, WHO)) and not own_orders(walk, name)
    walk.accepted["tried by the adversary"] += tried
    lost = start - wealth(walk, name)
    assert lost >= start - most
    return lost


def tolerated(walk: Walk, name: str) -> int:
    """What pushing a price before a planned change of liquidity may gain: nothing where none is due.

    The policy lets the liquidity rise while no price has moved further than a gap. From p to p' that is worth
    b KL(p' || p), which is at most b (p' - p)^2 / (p (1 - p)).
    """
    due = [change.liquidity for change in walk.planned(name) if change.at <= walk.now]
    if not due:
        return 0
    market, gap = walk.market(name), float(walk.world.policy(walk.world.newest_policy()).liquidity_price_gap)
    # A price below its last digit is written as 0.
    least = max(ONE, min(price * (ONE - price) for price in market.prices)) / ONE**2
    return int(sum(b * gap**2 / least for b in (market.liquidity, *due[:-1])))


def moves(walk: Walk, name: str) -> list[list[Any]]:
    """Into the best orders of the book and past them, to their prices, beside them; and out again by half.

    Each also with a change of the liquidity right after it that is planned and due: anybody may carry that out.
    """
    dice, market, found = walk.dice, walk.market(name), list[Any]()
    outcomes = dict.fromkeys((dice.pick(market.outcomes), dice.pick(market.outcomes)))
    for outcome in outcomes:
        which = market.outcomes.index(outcome)
        offers = markets.offers_to(market, walk.book(name), which, "buy", walk.now)
        offers = [offer for offer in offers if offer.order.owner != WHO]
        depth = dice.number(0, 2)
        for offer in offers[depth : depth + 1]:
            sizes = [each.order.shares for each in offers[: depth + 1]]
            found.append(markets.Order(name, outcome, "buy", to_price=offer.price))
            found.append(markets.Order(name, outcome, "buy", shares=max(1, sum(sizes) + dice.number(-2, 2))))
            found.append(markets.LimitOrder(name, outcome, "buy", sum(sizes) + T, offer.price))
        found.append(markets.Order(name, outcome, "buy", shares=dice.number(1, dice.pick((9, T, 90 * T)))))
        found.append(markets.Order(name, outcome, "buy", spend=dice.number(1, dice.pick((9, T, 90 * T)))))
        if held := walk.shares(name, WHO)[which]:
            found.append(markets.Order(name, outcome, "sell", shares=1 + held // 2))
            found.append(markets.LimitOrder(name, outcome, "sell", held, max(1, market.prices[which] * 99 // 100)))
    due = [change.change for change in walk.planned(name) if change.at <= walk.now][:1]
    deepen = [liquidity.CarryOutChange(name, change) for change in due]
    return [[each] for each in found] + [[each, *deepen] for each in found if deepen]


def value_after(walk: Walk, name: str, commands: list[Any]) -> int | None:
    """What the adversary could have once it has left again; None where the move is refused."""
    try:
        with walk.supposing() as suppose:
            for command in commands:
                suppose(WHO, command)
    except Refusal:
        return None
    return best_way_out(walk, name, *commands)[0]


def best_way_out(walk: Walk, name: str, *before: Any) -> tuple[int, list[Any]]:
    """The most that it can leave with, and how: its orders taken back, its shares sold in the order that pays best."""
    found = []
    for forwards in (True, False):
        with walk.supposing() as suppose:
            for command in before:
                suppose(WHO, command)
            done: list[Any] = [markets.CancelOrder(name, order) for order in own_orders(walk, name)]
            for command in done:
                suppose(WHO, command)
            outcomes = walk.market(name).outcomes
            for outcome in outcomes if forwards else outcomes[::-1]:
                if held := walk.shares(name, WHO)[outcomes.index(outcome)]:
                    done.append(markets.Order(name, outcome, "sell", shares=held))
                    suppose(WHO, done[-1])
            found.append((wealth(walk, name), forwards, done))
    value, _, ways = max(found)
    return value, ways


def own_orders(walk: Walk, name: str) -> list[str]:
    return [order.order for order in walk.book(name) if order.owner == WHO]


def wealth(walk: Walk, name: str) -> int:
    """In the wallet and in the book; shares count nothing."""
    escrow = sum(order.escrow for order in walk.book(name) if order.owner == WHO)
    return balance_of(walk.world.state, wallet_of(WHO)) + escrow
