"""Every measure: what it runs, which figures it gives, beside which yardstick, and what they are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench import allocation, intake, memory, reviews, rules, web, yardsticks
from bench.fleet import Job
from bench.loads import Place
from bench.measure import ACTORS, Bench, Best, Figure, Measure, quantile, rate
from bench.report import Target, at_least, at_most
from bench.worlds import MARKETS

BIDDERS = 1_000
CLIENTS = 32
CROWD = "TPC-B, 32 clients"
ALONE = "TPC-B, 1 client"
COPY = "COPY of usage rows"
SMALL = "transfers among 10^3 accounts"
SMALL_FEW = "transfers, 10^3 rows a batch, 10^3 accounts"
SMALL_PAIRS = "reserve and settle, 10^3 budgets"

EVERYBODY = Place(0, ACTORS)
HALVES = tuple(Place(n * ACTORS // 2, ACTORS // 2, seed=n) for n in range(2))
QUARTERS = tuple(Place(n * ACTORS // 4, ACTORS // 4, seed=n) for n in range(4))
MARKETS_ALL = Place(0, BIDDERS, 0, MARKETS)
MARKET_HALVES = tuple(Place(n * BIDDERS, BIDDERS, n * MARKETS // 2, MARKETS // 2, n) for n in range(2))
FUNDED = Place(0, 1_000)
FUNDED_HALVES = tuple(Place(n * 500, 500, seed=n) for n in range(2))
MARKET_HOT = Place(0, BIDDERS, 0, 1)
MARKET_HOT_TWICE = tuple(MARKET_HOT._replace(first=n * BIDDERS, seed=n) for n in range(2))


def _world(name: str) -> Callable[[Bench], str]:
    """The database of that name, made when first asked for."""
    return lambda bench: str(getattr(bench, name))


def _batches(
    name: str,
    load: str,
    *places: Place,
    world: str = "town",
    threads: int = 1,
    target: Target | None = None,
    note: str = "",
) -> Measure:
    """Batches of 1,000 beside TPC-B with 32 clients."""
    return Measure(
        name,
        lambda bench: {"rate": rate(bench.load(load, *places, url=_world(world)(bench), threads=threads))},
        {"rate": Figure(name, beside="rate", target=target, note=note)},
        yardstick=CROWD,
        prepare=_world(world),
    )


def _commands(
    name: str,
    load: str,
    place: Place,
    *,
    world: str = "town",
    threads: int = 1,
    note: str = "",
    most_ms: tuple[float, float] | None = None,
) -> Measure:
    """One command at a time from each client, beside TPC-B with as many clients; `most_ms` bounds p50 and p99."""

    def run(bench: Bench) -> dict[str, float]:
        done = bench.load(load, place, url=_world(world)(bench), threads=threads)
        return {"rate": rate(done), "p50": quantile(done, 0.5), "p99": quantile(done, 0.99)}

    p50, p99 = (Target("figure", "at most", most) for most in most_ms) if most_ms else (None, None)
    return Measure(
        name,
        run,
        {
            "rate": Figure(name, beside="rate", note=note),
            "p50": Figure(f"{name}, p50", "ms", "p50", p50),
            "p99": Figure(f"{name}, p99", "ms", "p99", p99),
        },
        yardstick=ALONE if threads == 1 else CROWD,
        prepare=_world(world),
    )


def _tpcb(clients: int) -> Measure:
    name = f"TPC-B, {clients} client{'s' if clients > 1 else ''}"
    return Measure(
        name,
        lambda bench: yardsticks.tpcb(bench.server, clients, bench.seconds),
        {"rate": Figure(name), "p50": Figure(f"{name}, p50", "ms"), "p99": Figure(f"{name}, p99", "ms")},
        prepare=lambda bench: bench.tpcb,
    )


def _cost(name: str, load: str, world: str, accounts: int, beside: str | None = None) -> Measure:
    """Microseconds for a transfer, in batches of 1,000."""

    def run(bench: Bench) -> dict[str, float]:
        return {"us": 1e6 / rate(bench.load(load, Place(0, accounts), url=_world(world)(bench)))}

    return Measure(
        name,
        run,
        {"us": Figure(name, "µs each", "us" if beside else None, at_most(1.3) if beside else None)},
        yardstick=beside,
        prepare=_world(world),
    )


def _simple(
    name: str, run: Callable[[Bench], Mapping[str, float]], figure: Figure, prepare: Callable[[Bench], object]
) -> Measure:
    return Measure(name, run, {"rate": figure}, prepare=prepare)


def _sealed(bench: Bench) -> dict[str, float]:
    bench.load("transfers", EVERYBODY)
    # Not warmed up: a second's backlog would be gone by then.
    return {"rate": rate(bench.fleet.run([Job("sealing", bench.town, EVERYBODY, warm_s=0)], bench.seconds))}


def _sealed_meanwhile(bench: Bench) -> dict[str, float]:
    """Transfers of the first process, while the second does what the keeper does."""
    jobs = [Job("transfers", bench.town, EVERYBODY), Job("keeping", bench.town, EVERYBODY)]
    return {"rate": rate(bench.fleet.run(jobs, bench.seconds)[:1])}


def _caught_up(bench: Bench) -> None:
    """With nothing left to seal: the keeper of the server would do it during the measurement."""
    bench.fleet.run([Job("sealing", bench.town, EVERYBODY)], 60)


YARDSTICKS: dict[str, Measure] = {
    each.name: each
    for each in (
        _tpcb(1),
        _tpcb(8),
        _tpcb(CLIENTS),
        _cost(SMALL, "transfers", "village", 1_000),
        _cost(SMALL_FEW, "few_transfers", "village", 1_000),
        _cost(SMALL_PAIRS, "pairs", "funded", 1_000),
        _simple(
            COPY,
            intake.copied,
            Figure(COPY, "rows/s", note=f"{intake.ROWS:,} rows with their ids, {intake.CHUNK:,} a transaction"),
            intake.ready,
        ),
        _simple(
            "plain UPDATE",
            lambda bench: yardsticks.plain_update(bench.server),
            Figure("plain UPDATE", "rows/s", note=f"one statement, {yardsticks.ROWS:,} rows"),
            lambda bench: bench.bare,
        ),
        _simple(
            "index scan",
            lambda bench: yardsticks.index_scan(bench.server),
            Figure("index scan", "rows/s", note=f"{yardsticks.ROWS:,} rows in the order of the key, read by us"),
            lambda bench: bench.bare,
        ),
        _simple(
            reviews.UPDATE,
            lambda bench: reviews.plain_update(bench.reviewed),
            Figure(reviews.UPDATE, "rows/s", note="one statement, every row"),
            lambda bench: bench.reviewed,
        ),
        Measure(
            web.BARE,
            web.bare,
            web.bare_figures(),
        ),
    )
}


def _http(name: str, requests: Callable[[], list[bytes]], clients: int) -> Measure:
    return Measure(
        name,
        lambda bench: web.load(bench, requests, clients),
        web.figures(name, crowd=clients == CLIENTS),
        yardstick=web.BARE,
        prepare=_caught_up,
    )


def _bulk(name: str, requests: Callable[[], list[bytes]]) -> Measure:
    """Commands in requests of a thousand lines from four connections, beside TPC-B with 32."""
    return Measure(
        name,
        lambda bench: web.load_lines(bench, requests, 4),
        {"rate": Figure(name, beside="rate", note="1,000 lines a request, 4 clients, one server process")},
        yardstick=CROWD,
        prepare=_caught_up,
    )


def _alone(name: str, run: Callable[[], float], unit: str, target: Target | None = None) -> Measure:
    """In memory, the best of three by itself."""
    return Measure(name, lambda bench: {"it": run()}, {"it": Figure(name, unit, None, target)}, once=True)


MEASURES: tuple[Measure, ...] = (
    _batches("transfers, 1 process", "transfers", EVERYBODY),
    _batches("transfers, 1 process, 2 threads", "transfers", EVERYBODY, threads=2, note="the same accounts"),
    _batches("transfers, 2 processes", "transfers", *HALVES, note="accounts of their own"),
    _batches("transfers, 4 processes", "transfers", *QUARTERS, note="accounts of their own"),
    _batches("transfers, 2 processes, same accounts", "transfers", EVERYBODY, EVERYBODY._replace(seed=1)),
    _batches("transfers with keys", "keyed_transfers", EVERYBODY),
    _batches("transfers to one account", "hot_transfers", EVERYBODY),
    _batches("transfers, gathered one by one", "gathered_transfers", EVERYBODY, note="through the batcher, 1 process"),
    _batches("bids on 500 markets, 1 process", "bids", MARKETS_ALL),
    _batches("bids on 500 markets, 2 processes", "bids", *MARKET_HALVES, note="markets of their own"),
    _batches("bids on one market, 1 process", "bids", MARKET_HOT),
    _batches("bids on one market, 2 processes", "bids", *MARKET_HOT_TWICE),
    Measure(
        "transfers, sealed meanwhile",
        _sealed_meanwhile,
        {"rate": Figure("transfers, sealed meanwhile", beside="rate", note="the keeper in a process of its own")},
        yardstick=CROWD,
        prepare=_caught_up,
    ),
    _batches("holds placed and posted", "held_posts", EVERYBODY, note="pairs"),
    _batches("reserve and settle, 1 process", "pairs", FUNDED, world="funded", note="pairs"),
    _batches(
        "reserve and settle, 2 processes", "pairs", *FUNDED_HALVES, world="funded", note="pairs; budgets of their own"
    ),
    _batches("reserve and settle, one budget", "pairs", Place(0, 1), world="funded", note="pairs"),
    _commands("one reservation", "one_reserve", FUNDED, world="funded", most_ms=(1.5, 5)),
    _commands("one reservation and its settlement", "one_pair", FUNDED, world="funded"),
    _commands("one transfer", "one_transfer", EVERYBODY),
    _commands("one bid", "one_bid", MARKETS_ALL),
    _commands("one hold", "one_hold", EVERYBODY),
    _commands("transfers, 32 clients", "gathered_transfer", EVERYBODY, threads=CLIENTS, note="threads, batcher"),
    _commands("bids, 32 clients", "gathered_bid", MARKETS_ALL, threads=CLIENTS, note="threads, batcher"),
    _commands(
        "reserve and settle, 32 clients",
        "gathered_pair",
        FUNDED,
        world="funded",
        threads=CLIENTS,
        note="pairs; threads, batcher",
    ),
    _cost("transfers among 10^6 accounts", "transfers", "country", 1_000_000, SMALL),
    _cost("transfers, 10^3 rows a batch, 10^6 accounts", "few_transfers", "country", 1_000_000, SMALL_FEW),
    _cost("reserve and settle, 10^6 budgets", "pairs", "funded_country", 1_000_000, SMALL_PAIRS),
    Measure(
        "usage taken in",
        intake.taken_in,
        {"rate": Figure("usage taken in", "rows/s", "rate", at_least(0.5), "one process")},
        yardstick=COPY,
        prepare=intake.ready,
    ),
    Measure(
        reviews.NAME,
        lambda bench: reviews.reviewed(bench.reviewed),
        {
            "rate": Figure(reviews.NAME, "rows/s", "rate", at_least(1 / 3), "inputs read to commit, one transaction"),
            "changed": Figure("of them changed", "share"),
        },
        yardstick=reviews.UPDATE,
        prepare=lambda bench: bench.reviewed,
    ),
    Measure(
        "accounts in pages of 1,000",
        lambda bench: {"rate": rate(bench.load("accounts_page", EVERYBODY))},
        {"rate": Figure("accounts in pages of 1,000", "rows/s", "rate")},
        yardstick="index scan",
        prepare=_world("town"),
    ),
    Measure(
        "journal sealed",
        _sealed,
        {"rate": Figure("journal sealed", "rows/s", note="of those that wait, nobody writing")},
        prepare=_world("town"),
    ),
    _http("HTTP transfer, 1 client", web.transfers, 1),
    _http("HTTP transfer, 32 clients", web.transfers, CLIENTS),
    _http("HTTP bid, 32 clients", web.bids, CLIENTS),
    _bulk("HTTP batches of transfers", web.transfer_lines),
    _bulk("HTTP batches of bids", web.bid_lines),
    _http("HTTP price, 32 clients", web.prices, CLIENTS),
    _alone("rules alone, transfers", partial(rules.figure, "transfers"), "/s", Target("figure", "at least", 150_000)),
    _alone("rules alone, bids", partial(rules.figure, "bids"), "/s", Target("figure", "at least", 60_000)),
    _alone("pool shared among 10^5 claims", partial(allocation.figure, 100_000), "s"),
    _alone("pool shared among 10^6 claims", partial(allocation.figure, 1_000_000), "s"),
    Measure(
        "memory",
        memory.measured,
        {
            "opened": Figure("memory of a process, open", "MiB"),
            "writing": Figure("memory of a process, writing batches", "MiB", note="its peak"),
            "serving": Figure("memory of the HTTP server, loaded", "MiB", note="its peak"),
            "postgres": Figure("memory of PostgreSQL", "MiB", note="all its processes, shared pages once"),
        },
        prepare=_world("town"),
        once=True,
    ),
)

_TRANSFERS = tuple(f"transfers, {each}" for each in ("1 process", "1 process, 2 threads", "2 processes", "4 processes"))
BESTS: tuple[Best, ...] = (
    Best("durable transfers", _TRANSFERS, at_least(8)),
    Best(
        "reserve and settle pairs",
        ("reserve and settle, 1 process", "reserve and settle, 2 processes"),
        at_least(4),
    ),
    Best("bids, 500 markets", ("bids on 500 markets, 1 process", "bids on 500 markets, 2 processes"), at_least(5)),
    Best("bids, one market", ("bids on one market, 1 process", "bids on one market, 2 processes"), at_least(5)),
)
"""The rows that are held to the targets: on one machine a single process is the fastest, on another several are."""

QUICK = frozenset(
    {
        ALONE,
        CROWD,
        "transfers, 1 process",
        "transfers, 2 processes",
        "bids on 500 markets, 1 process",
        "bids on one market, 1 process",
        "reserve and settle, 1 process",
        "reserve and settle, 2 processes",
        "reserve and settle, 32 clients",
        "one reservation",
        "one bid",
        "rules alone, transfers",
        "rules alone, bids",
    }
)
"""What --quick measures."""
