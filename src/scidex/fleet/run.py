"""A fleet from its first process to its report: set up, start, watch, end."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from threading import Event
from typing import Any

from scidex.client import Client
from scidex.fleet.agent import GRACE_S, Orders
from scidex.fleet.report import FleetReport, look, report_on
from scidex.fleet.setup import admit, close_some, cycle, found, new_tag
from scidex.fleet.world import World

CYCLES = 8
"""How often budgets are shared and reviewed while a fleet lives."""
CLOSING = 0.5
"""After this part of its life some markets close, so that the rest is enough to settle them."""


@dataclass(frozen=True)
class Plan:
    """How many agents live where, and until when: for so many seconds, or until each has done so many deeds."""

    url: str = ""
    key: str | None = None
    """The operator's key, where the server answers to keys only."""
    agents: int = 20
    seed: int = 7
    seconds: float | None = 180
    deeds: int | None = None
    pause_s: float = 1.0


@dataclass
class Tally:
    """What agents have told of themselves so far."""

    deeds: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    share: float = 0
    """Of the fleet's life that is over."""

    def take(self, said: dict[str, Any]) -> None:
        """Count one deed."""
        self.deeds += 1
        if "did" in said:
            self.done[f"{said['deed']}: {said['did']}"] += 1
        elif "refused" in said:
            self.refused[said["refused"]] += 1
        else:
            self.failed += 1


class Fleet:
    """Agents as processes, which end with whoever started them, however that ends."""

    def __init__(self, plan: Plan, show: Callable[[Tally], None] = lambda tally: None) -> None:
        self._plan, self._show = plan, show
        self._processes: list[subprocess.Popen[bytes]] = []
        self._unheard: dict[int, bytes] = {}
        self.tally = Tally()
        self.stop = Event()
        """Set from anywhere, it ends the fleet soon, with its report."""

    def run(self, url: str | None = None) -> FleetReport | None:
        """Set up, live, and report; None if it was stopped. Raises what refuses the set-up, or ClientError.

        `url` goes before the plan's.
        """
        plan = self._plan = replace(self._plan, url=url or self._plan.url)
        with Client(plan.url, key=plan.key, actor=None if plan.key else "operator", tries=4) as operator:
            world = World(plan.seed, plan.agents, new_tag(operator))
            found(operator, world)
            keys = [admit(operator, who) for who in world.agents]
            before = look(operator, world)
            started = time.monotonic()
            try:
                for number, key in enumerate(keys):
                    self._start(self._orders(world, number, key))
                closed = self._watch(operator, world)
            finally:
                lost = self._end()
            if self.stop.is_set():
                return None
            seconds = time.monotonic() - started
            tally = asdict(self.tally) | {"seed": plan.seed, "tag": world.tag, "lost": lost}
            del tally["share"]
            tally |= {"done": dict(self.tally.done), "refused": dict(self.tally.refused)}
            return report_on(operator, world, before, closed=closed, tally=tally, seconds=seconds)

    def _orders(self, world: World, number: int, key: str) -> Orders:
        plan = self._plan
        return Orders(plan.url, key, plan.seed, plan.agents, world.tag, number, plan.pause_s, plan.deeds)

    def _start(self, orders: Orders) -> None:
        # The key goes through the pipe: a command line can be read by everybody on the machine.
        process = subprocess.Popen(
            [sys.executable, "-m", "scidex.fleet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # Ctrl-C is for who started the fleet; the agents hear of it from there.
            start_new_session=True,
        )
        self._processes.append(process)
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(orders)).encode() + b"\n")
        process.stdin.flush()

    def _watch(self, operator: Client, world: World) -> list[str]:
        """Listen until the time, or every agent, is over; meanwhile share, review and close. Gives what was closed."""
        began, cycles, closed = time.monotonic(), 0, list[str]()
        with selectors.DefaultSelector() as heard:
            for process in self._processes:
                assert process.stdout is not None
                heard.register(process.stdout, selectors.EVENT_READ)
            while heard.get_map() and not self.stop.is_set():
                for key, _ in heard.select(timeout=0.2):
                    if not self._hear(key.fd):
                        heard.unregister(key.fileobj)
                self.tally.share = self._share(time.monotonic() - began)
                self._show(self.tally)
                if self.tally.share >= 1:
                    break
                if self.tally.share > (cycles + 1) / (CYCLES + 1):
                    cycles += 1
                    cycle(operator, world, cycles)
                if not closed and self.tally.share >= CLOSING:
                    closed = close_some(operator, world)
        return closed

    def _hear(self, pipe: int) -> bool:
        """Take what an agent has said; whether there may be more. The last line may not be whole yet."""
        said = os.read(pipe, 65_536)
        *lines, self._unheard[pipe] = (self._unheard.get(pipe, b"") + said).split(b"\n")
        for line in lines:
            self.tally.take(json.loads(line))
        return bool(said)

    def _share(self, seconds: float) -> float:
        plan = self._plan
        by_time = seconds / plan.seconds if plan.seconds else 0
        by_deeds = self.tally.deeds / (plan.deeds * plan.agents) if plan.deeds else 0
        return max(by_time, by_deeds)

    def _end(self) -> int:
        """End every process; how many had ended by themselves in another way than they should."""
        lost = sum(process.poll() not in (None, 0) for process in self._processes)
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        deadline = time.monotonic() + GRACE_S + 2
        for process in self._processes:
            assert process.stdout is not None
            try:
                # What an agent says at last is heard, or it would wait for a reader.
                while self._hear(process.stdout.fileno()):
                    pass
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            finally:
                process.stdout.close()
        return lost
