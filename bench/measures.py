"""Every measure: what it runs, which figures it gives, beside which yardstick, and what they are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bench import yardsticks
from bench.fleet import Done, Fleet, Job
from bench.loads import Place
from bench.report import Target, at_least
from bench.server import Server
from bench.worlds import MARKETS, fill

ACTORS = 10_000
BIDDERS = 1_000
BATCH = 1_000


class Bench:
    """What measures share: the server, the worker processes, and worlds that are made when first asked for."""

    def __init__(self, server: Server, fleet: Fleet, *, quick: bool, seconds: float) -> None:
        self.server = server
        self.fleet = fleet
        self.quick = quick
        self.seconds = seconds
        self.peak_mib = 0.0

    @cached_property
    def town(self) -> str:
        """Actors and markets, as a small deployment has them."""
        return fill(self.server, "town", actors=ACTORS, markets=MARKETS)

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
    beside: str | None = "rate"
    target: Target | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """Run once per round; `figures` names the keys of what it returns."""

    name: str
    run: Callable[[Bench], Mapping[str, float]]
    figures: Mapping[str, Figure]
    yardstick: str | None = None
    quick: bool = True
    rounds: int | None = None
    """How often, where that is not for the whole run to say."""
    prepare: Callable[[Bench], object] = field(default=lambda bench: None)


def rate(done: list[Done]) -> float:
    """Commands per second of all workers together."""
    return sum(each.commands / each.seconds for each in done)


def quantile(done: list[Done], share: float) -> float:
    """Milliseconds that this share of the steps did not exceed."""
    times = sorted(time for each in done for time in each.steps)
    return times[min(len(times) - 1, int(len(times) * share))] * 1000


def _loaded(
    name: str, load: str, places: tuple[Place, ...], *, target: Target | None = None, note: str = ""
) -> Measure:
    """Batches of 1,000 beside TPC-B with 32 clients."""
    return Measure(
        name,
        lambda bench: {"rate": rate(bench.load(load, *places))},
        {"rate": Figure(name, target=target, note=note)},
        yardstick="TPC-B, 32 clients",
        prepare=lambda bench: bench.town,
    )


def _single(name: str, load: str, place: Place) -> Measure:
    """One command at a time from one client, beside TPC-B with one."""

    def run(bench: Bench) -> dict[str, float]:
        done = bench.load(load, place)
        return {"rate": rate(done), "p50": quantile(done, 0.5), "p99": quantile(done, 0.99)}

    return Measure(
        name,
        run,
        {
            "rate": Figure(name),
            "p50": Figure(f"{name}, p50", "ms", "p50"),
            "p99": Figure(f"{name}, p99", "ms", "p99"),
        },
        yardstick="TPC-B, 1 client",
        prepare=lambda bench: bench.town,
    )


def _tpcb(clients: int) -> Measure:
    name = f"TPC-B, {clients} client{'s' if clients > 1 else ''}"
    return Measure(
        name,
        lambda bench: yardsticks.tpcb(bench.server, clients, bench.seconds),
        {
            "rate": Figure(name),
            "p50": Figure(f"{name}, p50", "ms"),
            "p99": Figure(f"{name}, p99", "ms"),
        },
        prepare=lambda bench: bench.tpcb,
    )


YARDSTICKS: dict[str, Measure] = {
    each.name: each
    for each in (
        _tpcb(1),
        _tpcb(8),
        _tpcb(32),
        Measure(
            "plain UPDATE",
            lambda bench: yardsticks.plain_update(bench.server),
            {"rate": Figure("plain UPDATE", "rows/s", note=f"one statement, {yardsticks.ROWS:,} rows")},
            prepare=lambda bench: bench.bare,
        ),
        Measure(
            "index scan",
            lambda bench: yardsticks.index_scan(bench.server),
            {"rate": Figure("index scan", "rows/s", note=f"{yardsticks.ROWS:,} rows in the order of the key")},
            prepare=lambda bench: bench.bare,
        ),
    )
}
_HALVES = (Place(0, ACTORS // 2, MARKETS, 1), Place(ACTORS // 2, ACTORS // 2, MARKETS, 2))
_WHOLE = Place(0, ACTORS)

MEASURES: tuple[Measure, ...] = (
    _loaded("transfers, 1 process", "transfers", (_WHOLE,), target=at_least(8)),
    _loaded("transfers, 2 processes", "transfers", _HALVES, target=at_least(8), note="accounts of their own"),
    _loaded("transfers, 2 processes, same accounts", "transfers", (_WHOLE, _WHOLE._replace(seed=1))),
    _loaded("transfers with keys", "keyed_transfers", (_WHOLE,)),
    _loaded("transfers to one account", "hot_transfers", (_WHOLE,)),
    _loaded("bids on 500 markets", "bids", (Place(0, BIDDERS, MARKETS),), target=at_least(5)),
    _loaded("bids on one market", "bids", (Place(0, BIDDERS, 1),), target=at_least(5)),
    _loaded("holds posted", "held_posts", (_WHOLE,), note="pairs"),
    _single("one transfer", "one_transfer", _WHOLE),
    _single("one bid", "one_bid", Place(0, BIDDERS, MARKETS)),
    _single("one hold", "one_hold", _WHOLE),
)
