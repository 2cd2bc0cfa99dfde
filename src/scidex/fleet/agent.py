"""A simulated agent, a process of its own that knows an economy only through its client.

Its orders come as a line of JSON on stdin, what it did goes out as lines on stdout. When stdin ends, which it does when
whoever started it is gone, it stops.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from typing import Any

from scidex.client import Client, ClientError
from scidex.core.errors import Refusal
from scidex.fleet.deeds import Deeds
from scidex.fleet.world import Traits, World

TRIES = 5
"""How often an agent asks for the same before it does something else."""
GRACE_S = 10
"""How long an agent may take to end what it is doing once it is told to stop."""


@dataclass(frozen=True)
class Orders:
    """What an agent is started with."""

    url: str
    key: str
    seed: int
    agents: int
    tag: str
    number: int
    pause_s: float
    """Mean time between two deeds, in seconds."""
    deeds: int | None
    """After how many deeds it stops by itself."""


def live(orders: Orders, stop: threading.Event) -> None:
    """Do one thing after the other until told to stop."""
    world = World(orders.seed, orders.agents, orders.tag)
    who = world.agents[orders.number]
    chance = world.chance(who.name, "deeds")
    with Client(orders.url, key=orders.key, tries=TRIES) as client:
        deeds = Deeds(world, who, client, chance, wait=stop.wait)
        done = 0
        while not stop.is_set() and (orders.deeds is None or done < orders.deeds):
            _tell(**_one(deeds, who))
            done += 1
            stop.wait(chance.expovariate(1 / orders.pause_s) if orders.pause_s else 0)


def _one(deeds: Deeds, who: Traits) -> dict[str, Any]:
    """One deed and what became of it; a refusal is news, no failure."""
    deed = deeds.choose()
    try:
        return {"agent": who.name, "deed": deed, "did": getattr(deeds, deed)()}
    except Refusal as refused:
        return {"agent": who.name, "deed": deed, "refused": refused.code}
    except ClientError as error:
        return {"agent": who.name, "deed": deed, "failed": str(error)}


def _tell(**said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _watch(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()
    # Whoever does not end what it does is ended.
    timer = threading.Timer(GRACE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()


def main() -> None:
    """The process: orders from stdin, then life until stdin ends."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    stop = threading.Event()
    threading.Thread(target=_watch, args=(stop,), daemon=True).start()
    try:
        live(orders, stop)
    except (KeyboardInterrupt, BrokenPipeError):
        # Ctrl-C reaches the whole group; and nobody may be left to be told.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
