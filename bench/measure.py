"""What a measure is, and what all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property

from bench import yardsticks
from bench.budgets import fill_budgets
from bench.fleet import Done, Fleet, Job
from bench.loads import Place
from bench.report import Target
from bench.reviews import fill_reviewed
from bench.server import Server
from bench.worlds import MARKETS, fill

ACTORS = 10_000
BATCH = 1_000


class Bench:
    """The server, the worker processes, and worlds that are made when first asked for."""

    def __init__(self, server: Server, fleet: Fleet, *, seconds: float) -> None:
        self.server = server
        self.fleet = fleet
        self.seconds = seconds
        self.usage_ready = False
        self.served: str | None = None
        """Where the HTTP server of the group listens, once there is one."""
        self.until_group_ends = ExitStack()

    def end_group(self) -> None:
        """Stop what only the measures beside one yardstick needed."""
        self.served = None
        self.until_group_ends.close()

    @cached_property
    def town(self) -> str:
        """Actors and markets, as a small deployment has them."""
        return fill(self.server, "town", actors=ACTORS, markets=MARKETS)

    @cached_property
    def funded(self) -> str:
        """Artifacts with budgets: a thousand."""
        return fill_budgets(self.server, "funded", actors=1_000, artifacts=1_000)

    @cached_property
    def funded_country(self) -> str:
        """The same, a million."""
        return fill_budgets(self.server, "funded_country", actors=1_000, artifacts=1_000_000)

    @cached_property
    def village(self) -> str:
        """A thousand accounts."""
        return fill(self.server, "village", actors=1_000)

    @cached_property
    def country(self) -> str:
        """A million accounts."""
        return fill(self.server, "country", actors=1_000_000)

    @cached_property
    def reviewed(self) -> str:
        """Artifacts with scores, and a pool that is reviewed: a million."""
        return fill_reviewed(self.server, "reviewed")

    @cached_property
    def tpcb(self) -> None:
        """The tables of pgbench."""
        yardsticks.make_tpcb(self.server)

    @cached_property
    def bare(self) -> None:
        """A table like that of the accounts, beside those of pgbench."""
        _ = self.tpcb
        yardsticks.make_bare(self.server)

    def load(
        self, load: str, *places: Place, url: str | None = None, threads: int = 1, batch: int = BATCH
    ) -> list[Done]:
        """Run a load, one process for each place."""
        jobs = [Job(load, url or self.town, place, threads, batch) for place in places]
        return self.fleet.run(jobs, self.seconds)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row that a measure gives: its name, its unit, and which figure of the yardstick stands beside it."""

    name: str
    unit: str = "/s"
    beside: str | None = None
    target: Target | None = None
    note: str = ""


def nothing(bench: Bench) -> None:
    """Needs nothing made beforehand."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Run once per round; the keys of `figures` are those of what it returns."""

    name: str
    run: Callable[[Bench], Mapping[str, float]]
    figures: Mapping[str, Figure]
    yardstick: str | None = None
    once: bool = False
    """Whether it repeats by itself, so that one round is enough."""
    prepare: Callable[[Bench], object] = nothing


@dataclass(frozen=True, slots=True)
class Best:
    """A row of its own: the best of these rows, and which that was."""

    name: str
    of: tuple[str, ...]
    target: Target


def rate(done: list[Done]) -> float:
    """Commands per second of all workers together."""
    return sum(each.commands / each.seconds for each in done)


def quantile(done: list[Done], share: float) -> float:
    """Milliseconds that this share of the steps did not exceed."""
    times = sorted(time for each in done for time in each.steps)
    return times[min(len(times) - 1, int(len(times) * share))] * 1000
