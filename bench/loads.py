"""What callers ask for: each load is a function to a step, and a step carries out one batch or one command."""

from __future__ import annotations

import gc
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from bench.worlds import TOKEN, actor, market
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.core.seal import seal
from scidex.economy import Economy
from scidex.exchange.markets import Order, place_order
from scidex.ledger import AccountKey, Leg, PlaceHold, PostHold, Transfer, find_accounts, hold, transfer, wallet_of
from scidex.policy import HOUSE

Step: TypeAlias = Callable[[], int]
"""Does something once; how many commands that were."""


RING = 20
"""How many different batches a load repeats."""


class Place(NamedTuple):
    """Which of the actors and markets a worker's commands are about, and what its dice start from."""

    first: int = 0
    actors: int = 1000
    first_market: int = 0
    markets: int = 500
    seed: int = 0
    thread: int = 0

    def dice(self) -> random.Random:
        """The same in every run."""
        return random.Random(f"{self.seed}/{self.first}/{self.thread}")


def transfers(economy: Economy, place: Place, batch: int) -> Step:
    """Batches of transfers of one token between two wallets."""
    return _batches_of(economy, place, batch, _transfer)


def keyed_transfers(economy: Economy, place: Place, batch: int) -> Step:
    """The same, each with an idempotency key."""
    ring = _ring(place, batch, _transfer)
    prefix = f"{place.seed}-{place.first}-{place.thread}-{time.time_ns()}-"
    numbers = itertools.count()

    def step() -> int:
        requests = [Request(each.command, each.actor, f"{prefix}{next(numbers)}") for each in next(ring)]
        return len(answered(economy.perform(requests)))

    return step


def hot_transfers(economy: Economy, place: Place, batch: int) -> Step:
    """Batches of small transfers into one and the same wallet."""
    sink = wallet_of(actor(place.first))

    def made(place: Place, dice: random.Random) -> Request:
        name, wallet = _wallets(place)[dice.randrange(1, place.actors)]
        return Request(Transfer((Leg(wallet, sink, 100),), "bench"), name)

    return _batches_of(economy, place, batch, made)


def bids(economy: Economy, place: Place, batch: int) -> Step:
    """Batches of bids of one token by any actor, for any outcome, on any of the markets."""

    def made(place: Place, dice: random.Random) -> Request:
        return Request(_bid(place, dice), actor(place.first + dice.randrange(place.actors)))

    return _batches_of(economy, place, batch, made)


def few_transfers(economy: Economy, place: Place, batch: int) -> Step:
    """Batches of transfers among a thousand of the accounts, others per batch: the same rows however many exist."""
    dice, wallets = place.dice(), _wallets(place)
    batches = []
    for _ in range(RING):
        chosen = dice.sample(wallets, 1000)
        batches.append([_transfer_among(chosen, dice) for _ in range(batch)])
    return _repeating(economy, batches)


def gathered_transfers(economy: Economy, place: Place, batch: int) -> Step:
    """Transfers one by one to the batcher, four batches of them waiting at once; counted when all are answered."""
    ring = _ring(place, 4 * batch, _transfer)

    def step() -> int:
        answers = [economy.batcher.submit(request) for request in next(ring)]
        return len(answered([answer.result() for answer in answers]))

    return step


def gathered_bid(economy: Economy, place: Place, batch: int) -> Step:
    """A bid by itself, to the batcher."""
    dice = place.dice()

    def step() -> int:
        economy.batcher.perform(Request(_bid(place, dice), actor(place.first + dice.randrange(place.actors))))
        return 1

    return step


def gathered_transfer(economy: Economy, place: Place, batch: int) -> Step:
    """A transfer by itself, to the batcher."""
    dice = place.dice()

    def step() -> int:
        economy.batcher.perform(_transfer(place, dice))
        return 1

    return step


def keeping(economy: Economy, place: Place, batch: int) -> Step:
    """What the keeper does, once a second: seal the journal."""

    def step() -> int:
        time.sleep(economy.settings.seal_every_s)
        return 1 + economy.seal()

    return step


def sealing(economy: Economy, place: Place, batch: int) -> Step:
    """A block of what has not been sealed; counted are the rows of the journal."""
    return lambda: economy.run(seal, actor=HOUSE)


def accounts_page(economy: Economy, place: Place, batch: int) -> Step:
    """Every account by key, in pages of a thousand; counted are the accounts."""
    after = AccountKey("", "", "")

    def step() -> int:
        nonlocal after
        with economy.reading() as tx:
            page = find_accounts(tx, after=after, limit=1000)
        after = page[-1].key if len(page) == 1000 else AccountKey("", "", "")
        return len(page)

    return step


def held_posts(economy: Economy, place: Place, batch: int) -> Step:
    """A batch of holds, then a batch that posts them; counted are the pairs."""
    dice, wallets = place.dice(), _wallets(place)

    def step() -> int:
        placed = []
        for _ in range(batch):
            (name, debit), (_, credit) = dice.sample(wallets, 2)
            placed.append(Request(PlaceHold(debit, credit, TOKEN, 600, "bench"), name))
        receipts = economy.perform_all(placed)
        posts = [Request(PostHold(receipt.result.hold), receipt.actor) for receipt in receipts]
        return len(economy.perform_all(posts))

    return step


def one_transfer(economy: Economy, place: Place, batch: int) -> Step:
    """A transfer by itself."""
    dice, wallets = place.dice(), _wallets(place)

    def step() -> int:
        (name, debit), (_, credit) = dice.sample(wallets, 2)
        economy.run(lambda tx: transfer(tx, legs=[Leg(debit, credit, TOKEN)], reason="bench"), actor=name)
        return 1

    return step


def one_bid(economy: Economy, place: Place, batch: int) -> Step:
    """A bid by itself."""
    dice = place.dice()

    def step() -> int:
        bid = _bid(place, dice)
        bidder = actor(place.first + dice.randrange(place.actors))
        economy.run(lambda tx: place_order(tx, market=bid.market, outcome=bid.outcome, spend=bid.spend), actor=bidder)
        return 1

    return step


def one_hold(economy: Economy, place: Place, batch: int) -> Step:
    """A hold by itself."""
    dice, wallets = place.dice(), _wallets(place)

    def step() -> int:
        (name, debit), (_, credit) = dice.sample(wallets, 2)
        economy.run(
            lambda tx: hold(tx, debit=debit, credit=credit, amount=100, seconds=600, reason="bench"), actor=name
        )
        return 1

    return step


Maker: TypeAlias = Callable[[Place, random.Random], Request]


def _batches_of(economy: Economy, place: Place, batch: int, made: Maker) -> Step:
    dice = place.dice()
    return _repeating(economy, [[made(place, dice) for _ in range(batch)] for _ in range(RING)])


def _repeating(economy: Economy, batches: Sequence[list[Request]]) -> Step:
    ring = _cycled(batches)

    def step() -> int:
        return len(answered(economy.perform(next(ring))))

    return step


def _ring(place: Place, batch: int, made: Maker) -> Iterator[list[Request]]:
    dice = place.dice()
    return _cycled([[made(place, dice) for _ in range(batch)] for _ in range(RING)])


def _cycled(batches: Sequence[list[Request]]) -> Iterator[list[Request]]:
    """Batches made beforehand, again and again: what a caller needs to think of its commands is not our figure."""
    # What only the bench keeps in memory should not slow the collector down.
    gc.collect()
    gc.freeze()
    return itertools.cycle(batches)


def answered(answers: Sequence[Receipt[Any] | Refusal]) -> list[Receipt[Any]]:
    """The receipts; the first refusal is raised, because no command of the bench should get one."""
    receipts = []
    for answer in answers:
        if isinstance(answer, Refusal):
            raise answer
        receipts.append(answer)
    return receipts


def _transfer(place: Place, dice: random.Random) -> Request:
    return _transfer_among(_wallets(place), dice)


def _transfer_among(wallets: Sequence[tuple[str, AccountKey]], dice: random.Random) -> Request:
    (name, debit), (_, credit) = dice.sample(wallets, 2)
    return Request(Transfer((Leg(debit, credit, TOKEN),), "bench"), name)


def _bid(place: Place, dice: random.Random) -> Order:
    return Order(
        market(place.first_market + dice.randrange(place.markets)), dice.choice(("yes", "no")), "buy", spend=TOKEN
    )


_made: dict[tuple[int, int], list[tuple[str, AccountKey]]] = {}


def _wallets(place: Place) -> list[tuple[str, AccountKey]]:
    """Actors with their wallets; made once, because a caller knows its own name."""
    where = (place.first, place.actors)
    if where not in _made:
        names = [actor(place.first + n) for n in range(place.actors)]
        _made[where] = [(name, wallet_of(name)) for name in names]
    return _made[where]


LOADS: dict[str, Callable[[Economy, Place, int], Step]] = {
    load.__name__: load
    for load in (
        transfers, keyed_transfers, hot_transfers, few_transfers, gathered_transfers, gathered_transfer, bids,
        gathered_bid, held_posts, one_transfer, one_bid, one_hold, keeping, sealing, accounts_page,
    )
}  # fmt: skip
