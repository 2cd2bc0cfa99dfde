"""The pure rules alone, in memory: commands per second on one core, best of three."""

from __future__ import annotations

import json
import os
import platform
import time
from datetime import UTC, datetime

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.markets import OpenMarket, Order
from scidex.lab import World, first_world
from scidex.ledger import Issue, Leg, Transfer, wallet_of
from scidex.policy import HOUSE

T = 1_000_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COMMANDS = 20_000


def world() -> World:
    """A world with two rich actors and a market."""
    made = first_world(NOW)
    setup = [
        (RegisterActor("operator", "person", ("operator",)), HOUSE),
        (Issue(wallet_of("alice"), 10**13, "x"), HOUSE),
        (Issue(wallet_of("bob"), 10**13, "x"), HOUSE),
        (RegisterEntity("gap", "g", "g"), "alice"),
        (OpenMarket("m", EntityKey("gap", "g"), "?", ("yes", "no"), 1000 * T), "alice"),
    ]
    for command, actor in setup:
        made.apply(command, actor=actor, now=NOW)
    return made


def rate(commands: list[Request]) -> float:
    """Commands per second through `World.apply`, encoding included."""
    best = 0.0
    for _ in range(3):
        made = world()
        began = time.perf_counter()
        for request in commands:
            made.apply(request.command, actor=request.actor, now=NOW)
        best = max(best, len(commands) / (time.perf_counter() - began))
    return round(best)


def figure(sort: str) -> float:
    """Transfers, or bids, per second."""
    return rate(commands(sort))


def commands(sort: str) -> list[Request]:
    """Transfers, or bids, of two actors."""
    names = ("alice", "bob")
    wallets = [wallet_of(name) for name in names]
    if sort == "transfers":
        legs = [(Leg(wallets[n], wallets[1 - n], T),) for n in range(2)]
        return [Request(Transfer(legs[n % 2], "x"), names[n % 2]) for n in range(COMMANDS)]
    return [Request(Order("m", ("yes", "no")[n % 2], "buy", spend=T), names[n % 2]) for n in range(COMMANDS)]


def main() -> None:
    """Prints one JSON document."""
    report = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "transfers_per_s": figure("transfers"),
        "bids_per_s": figure("bids"),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
