"""A random world that commits: everybody does anything, under the worst names, over days on a clock that jumps."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product
from typing import Any

from scidex import ledger
from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import bounties, markets
from scidex.exchange import resource_allocator as allocator
from scidex.ledger import AccountKey, Leg, wallet_of
from scidex.metering import UsageEvent, UsageLine
from scidex.senate import budgets

T = 1_000_000
NAMES = (
    "alice", "Alice", "a:wallet:token", "a", "Zoë", "x y", "[2020-01-01]", "semi;colon", '"quoted"', "back\\slash",
    "β/α", "0", "-", "{!*", "held", "2026-01-01 open X", "1%2C", "a|b", "(v)",
)  # fmt: skip
REASONS = (
    "a reason", 'with "quotes" and \\ a \\n', "x, date:2020-01-01, y: z", "[2020-01-01]", "; comment", "a | b", "* !",
    "id:7-0", "#tag ^link", "日本 %", "=1+1",
)  # fmt: skip
GAPS = tuple(EntityKey(kind, name) for kind in ("hypothesis", "gap b") for name in ("a/b", "β: 1"))
UNITS = ("llm_standard", "cpu_seconds", "api_calls", "storage_gb_hours", "usd")


class Life:
    """One world, from its seed."""

    def __init__(self, economy: Economy, clock: Any, seed: int) -> None:
        self.economy, self.clock, self.chance = economy, clock, random.Random(seed)
        self.holds: list[str] = []
        self.reservations: list[str] = []
        self.accepted: dict[str, int] = {}

    def begin(self) -> None:
        """Actors with something, artifacts with budgets, markets."""
        requests = [Request(RegisterActor(name), "operator") for name in NAMES]
        requests += [
            Request(ledger.Issue(wallet_of(name), 500 * T, self.chance.choice(REASONS)), "operator")
            for name in (*NAMES, "operator")
        ]
        requests += [
            Request(ledger.Issue(AccountKey("pool:the pool", "pool", unit), 900 * T, "cycle"), "operator")
            for unit in UNITS
        ]
        requests += [Request(RegisterEntity(*gap, f"Title of {gap}"), "alice") for gap in GAPS]
        requests += [Request(self.market(number), "operator") for number in range(len(GAPS))]
        self.economy.perform_all(requests)

    def market(self, number: int) -> markets.OpenMarket:
        outcomes = ("yes", "no", "may be")[: 2 + number % 2]
        return markets.OpenMarket(f"m{number}", GAPS[number], "?", outcomes, (5 + number) * T)

    def live(self, steps: int) -> None:
        """So many batches of random commands; refused ones change nothing."""
        for _ in range(steps):
            requests = [self.something() for _ in range(self.chance.randint(1, 12))]
            for request, answer in zip(requests, self.economy.perform(requests), strict=True):
                if not isinstance(answer, Refusal):
                    self.note(request.command, answer.number)
            self.clock.now += timedelta(seconds=self.chance.choice((0, 0, 1, 400, 9_000, 50_000)))
            if self.chance.random() < 0.2:
                self.economy.expire_due()
            if self.chance.random() < 0.1:
                self.economy.seal()
            if self.chance.random() < 0.05:
                lines = [UsageLine(*GAPS[0], "a", "cpu_seconds", 7, event=f"bulk {self.chance.randint(1, 9)}")]
                self.economy.intake(lines, actor="operator")
        self.economy.intake(self.in_bulk(), actor="operator")
        self.economy.seal()

    def in_bulk(self) -> list[UsageLine]:
        """Usage of many sorts, under names with what COPY escapes, with ids and prices and without."""
        number = self.chance.randint(1, 1000)
        return [
            UsageLine(*GAPS[n % 2], "alice", "api_calls", 1 + n, event=event, provider="a\\b", usd=usd, work="w\\N")
            for n, (event, usd) in enumerate(
                product((f"x\\{number}", None, f"\\N{number}", f"é {number}"), (3, None, 0))
            )
            if event is None or usd == 3
        ]

    def note(self, command: object, number: int) -> None:
        name = type(command).__name__
        self.accepted[name] = self.accepted.get(name, 0) + 1
        if isinstance(command, ledger.PlaceHold):
            self.holds.append(f"h{number}")
        if isinstance(command, budgets.Reserve):
            self.reservations.append(f"r{number}")

    def something(self) -> Request:
        chance = self.chance
        who, other = chance.choice(NAMES), chance.choice(NAMES)
        reason, gap = chance.choice(REASONS), chance.choice(GAPS)
        amount = chance.choice((1, 3, T, chance.randint(1, 40 * T)))
        vector = tuple((unit, chance.randint(1, 90)) for unit in chance.sample(UNITS[:4], chance.randint(1, 4)))
        market = f"m{chance.randrange(len(GAPS))}"
        hold = chance.choice(self.holds) if self.holds else "h0"
        reservation = chance.choice(self.reservations) if self.reservations else "r0"
        used = tuple(UsageEvent(unit, max(1, n + chance.randint(-50, 50)), usd=3) for unit, n in vector)
        command: object = chance.choice(
            [
                ledger.Transfer((Leg(wallet_of(who), wallet_of(other), amount),), reason),
                ledger.Transfer(tuple(Leg(wallet_of(who), wallet_of(each), 5) for each in NAMES[:3]), reason),
                ledger.PlaceHold(wallet_of(who), wallet_of(other), amount, chance.choice((5, 90_000)), reason),
                ledger.PlaceHold(wallet_of(who), wallet_of(other), amount, chance.choice((5, 90_000)), reason),
                ledger.PostHold(hold, chance.choice((None, 1, amount))),
                ledger.VoidHold(hold),
                ledger.Retire(wallet_of(who), amount, reason),
                markets.Order(market, chance.choice(("yes", "no")), "buy", spend=amount),
                markets.Order(market, chance.choice(("yes", "no")), "buy", shares=amount),
                markets.Order(market, chance.choice(("yes", "no")), "sell", shares=amount),
                bounties.OfferBounty(gap, amount, chance.choice((5, 90_000)), reason),
                budgets.SetBudget(gap, "the pool", tuple((unit, chance.randint(0, 500)) for unit, _ in vector)),
                budgets.Reserve(gap, vector, chance.choice((5, 80_000)), usd=chance.randint(0, 9)),
                budgets.Reserve(gap, vector, chance.choice((5, 80_000)), usd=chance.randint(0, 9)),
                budgets.Settle(reservation, used),
                budgets.VoidReservation(reservation),
                budgets.Charge(gap, used[:1]),
                allocator.RecordSpending(gap, "cpu_seconds", 2, reason),
            ]
        )
        asks = "operator" if isinstance(command, (ledger.Retire, ledger.PostHold, ledger.VoidHold)) else who
        if isinstance(command, (budgets.SetBudget, budgets.Settle, budgets.VoidReservation)):
            asks = "operator"
        return Request(command, asks)

    def end(self) -> None:
        """One market is resolved and one void, so that there are payouts; one bounty and one hold stay open."""
        requests = [
            Request(markets.ResolveMarket("m0", "yes"), "operator"),
            Request(markets.VoidMarket("m1"), "operator"),
            Request(ledger.Issue(wallet_of("alice"), 9 * T, "last"), "operator"),
            Request(ledger.PlaceHold(wallet_of("alice"), wallet_of("a"), 7 * T, 80_000, "stays"), "alice"),
            Request(
                budgets.SetBudget(GAPS[0], "the pool", (("cpu_seconds", 80_000), ("api_calls", 90_000))), "operator"
            ),
            Request(budgets.Reserve(GAPS[0], (("cpu_seconds", 5), ("api_calls", 6)), 80_000, usd=0), "alice"),
        ]
        for request, answer in zip(requests, self.economy.perform(requests), strict=True):
            assert not isinstance(answer, Refusal), answer
            self.note(request.command, answer.number)
        self.economy.seal()
