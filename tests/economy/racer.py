"""One process of a race, run by the tests: `racer.py SCENARIO JSON`; it prints what it saw as JSON lines.

The database is that of SCIDEX_DATABASE_URL, or embedded in SCIDEX_HOME.
"""

from __future__ import annotations

import collections
import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from scidex.core.errors import Busy, Refusal
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.ledger import Leg, Transfer, wallet_of
from scidex.metering import UsageEvent
from scidex.senate.budgets import Reserve, Settle, VoidReservation

GAP = EntityKey("gap", "g")
UNIT = "llm_standard"


def reserve_until_refused(economy: Economy, *, threads: int, tokens: int) -> dict[str, int]:
    """Each thread reserves until the budget says no; how many were admitted, and the refusals by code."""
    seen: collections.Counter[str] = collections.Counter()

    def run(thread: int) -> None:
        while True:
            try:
                economy.batcher.perform(Request(Reserve(GAP, ((UNIT, tokens),), 3600, usd=0), "alice"))
                seen["admitted"] += 1
            except Busy:
                seen["busy"] += 1
            except Refusal as refusal:
                seen[refusal.code] += 1
                return

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
    return dict(seen)


def live(economy: Economy, *, threads: int, tokens: int, until: float, seed: int) -> dict[str, int]:
    """Each thread reserves, then settles (less, the same or more), voids, or forgets until it expires."""
    seen: collections.Counter[str] = collections.Counter()

    def run(thread: int) -> None:
        draw = random.Random(f"{seed} {thread}")
        while time.time() < until:
            try:
                step(economy, draw, tokens, seen)
            except Refusal as refusal:
                seen[refusal.code] += 1

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
    return dict(seen)


def step(economy: Economy, draw: random.Random, tokens: int, seen: collections.Counter[str]) -> None:
    """One reservation and what becomes of it."""
    ask = economy.batcher.perform
    seconds = draw.choice([1, 3600])
    reserved = ask(Request(Reserve(GAP, ((UNIT, tokens),), seconds, usd=0), "alice")).result
    seen["admitted"] += 1
    match draw.choice(["less", "same", "void", "forget", "twice"]):
        case "void":
            ask(Request(VoidReservation(reserved.reservation), "alice"))
        case "forget":
            economy.expire_due() if draw.random() < 0.02 else None
        case how:
            used = tokens // 2 if how == "less" else tokens
            event = UsageEvent(UNIT, used, economy.database.clock(), usd=0)
            for _ in range(2 if how == "twice" else 1):
                # The second is refused: settled once is settled.
                ask(Request(Settle(reserved.reservation, (event,)), "alice"))
                seen["settled"] += 1
                seen["used"] += used


def pay(economy: Economy, *, prefix: str) -> None:
    """Transfers, four at a time, without end; each is printed once it is acknowledged."""

    def run(thread: int) -> None:
        for n in range(10**9):
            key = f"{prefix}-{thread}-{n}"
            command = Transfer((Leg(wallet_of("alice"), wallet_of("bob"), 1),), "pay")
            while True:
                try:
                    receipt = economy.batcher.perform(Request(command, "alice", key))
                    break
                except Busy:
                    time.sleep(0.05)
            # One write, or the lines of two threads mix.
            os.write(1, (json.dumps({"key": key, "number": receipt.number}) + "\n").encode())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))


def main() -> None:
    """Opens the economy, says so, waits for a line on standard input, then races."""
    scenario, terms = sys.argv[1], json.loads(sys.argv[2])
    economy = Economy.open()
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    result = {"reserve": reserve_until_refused, "live": live, "pay": pay}[scenario](economy, **terms)
    economy.close()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
