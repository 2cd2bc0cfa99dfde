"""What Prometheus scrapes: counts of this process, and figures of the economy that are a few seconds old.

Labels are words of a closed list: routes by template, codes, kinds, units, pools. No id of anything is ever one.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.core.machine import kind_of
from scidex.economy import Economy, Keeper
from scidex.surfaces.http.streams import Hub
from scidex.vitals import Figures, Vitals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000)


class Metrics(Collector):
    """The metrics of one application, in a registry of their own."""

    def __init__(self, economy: Economy, hub: Hub) -> None:
        self._economy = economy
        self._hub = hub
        self._vitals = Vitals(economy)
        self.keeper: Keeper | None = None
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "scidex_http_requests",
            "Requests answered, by route template.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "scidex_http_request_duration_seconds",
            "Time from a request to the end of its answer.",
            ["route", "method"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._refusals = Counter(
            "scidex_refusals", "Requests refused, by door and code.", ["door", "code"], registry=self.registry
        )
        self._commands = Counter(
            "scidex_commands",
            "Commands carried out in batches, by kind; outcome is done, repeated or the code of the refusal.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self._batch_sizes = Histogram(
            "scidex_batch_commands", "Commands in a batch.", buckets=SIZES, registry=self.registry
        )
        self._batch_seconds = Histogram(
            "scidex_batch_duration_seconds",
            "Time of a batch, from its transaction's begin to its commit.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        economy.watch = self.note_batch

    def note_request(self, route: str, method: str, status: int, seconds: float, refusal: str | None) -> None:
        """Count an answered request."""
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)
        if refusal is not None:
            self._refusals.labels("mcp" if route.startswith("/mcp") else "http", refusal).inc()

    def note_batch(
        self, requests: Sequence[Request], answers: Sequence[Receipt[Any] | Refusal], seconds: float
    ) -> None:
        """Count a batch that was committed."""
        self._batch_sizes.observe(len(requests))
        self._batch_seconds.observe(seconds)
        tally = Tally((_kind(request), _outcome(answer)) for request, answer in zip(requests, answers, strict=True))
        for (kind, outcome), count in tally.items():
            self._commands.labels(kind, outcome).inc(count)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """What is read when somebody asks."""
        yield GaugeMetricFamily(
            "scidex_batch_waiting_commands", "Commands that wait for a batch.", value=self._economy.waiting
        )
        yield GaugeMetricFamily(
            "scidex_event_streams", "Streams of events that are open.", value=len(self._hub.streams)
        )
        yield from self._chores()
        yield from self._connections()
        figures = self._vitals.now()
        yield GaugeMetricFamily(
            "scidex_database_up", "1 if the database answered in time, else 0.", value=float(figures is not None)
        )
        if figures is not None:
            yield from _figures(figures)

    def _chores(self) -> Iterator[Metric]:
        done = GaugeMetricFamily(
            "scidex_chore_last_success_timestamp_seconds", "When a chore last ended well.", labels=["chore"]
        )
        took = GaugeMetricFamily("scidex_chore_duration_seconds", "How long a chore last took.", labels=["chore"])
        failed = GaugeMetricFamily(
            "scidex_chore_failures", "How often a chore was refused or failed since the start.", labels=["chore"]
        )
        for name, record in dict(self.keeper.records if self.keeper else {}).items():
            if record.done_at is not None:
                done.add_metric([name], record.done_at.timestamp())
            took.add_metric([name], record.seconds)
            failed.add_metric([name], record.failures)
        yield from (done, took, failed)

    def _connections(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "scidex_database_connections", "Connections to the database, by pool and state.", labels=["pool", "state"]
        )
        waiting = GaugeMetricFamily(
            "scidex_database_waiting_requests", "Callers that wait for a connection.", labels=["pool"]
        )
        for pool, found in self._economy.database.stats().items():
            family.add_metric([pool, "idle"], found.get("pool_available", 0))
            family.add_metric([pool, "busy"], found.get("pool_size", 0) - found.get("pool_available", 0))
            waiting.add_metric([pool], found.get("requests_waiting", 0))
        yield from (family, waiting)


def _figures(figures: Figures) -> Iterator[Metric]:
    meanings = {
        "free": "What a pool can still grant, in whole units.",
        "reserved": "What open reservations hold of a pool's budgets, in whole units.",
        "granted": "What a pool's budgets were granted in all, in whole units.",
        "spent": "What is spent of what a pool granted, in whole units.",
    }
    for name, meaning in meanings.items():
        family = GaugeMetricFamily(f"scidex_pool_{name}", meaning, labels=["pool", "unit"])
        for pool in figures.pools:
            family.add_metric([pool.pool, pool.unit], getattr(pool, name))
        yield family
    yield GaugeMetricFamily(
        "scidex_reservations_open", "Reservations that nobody has ended yet.", value=figures.reservations_open
    )
    yield GaugeMetricFamily(
        "scidex_journal_unsealed_seconds", "Age of the oldest journal row in no block.", value=figures.unsealed_s
    )


def _kind(request: Request) -> str:
    try:
        return kind_of(request.command).name
    except Refusal:
        return "unknown"


def _outcome(answer: Receipt[Any] | Refusal) -> str:
    if isinstance(answer, Refusal):
        return answer.code
    return "repeated" if answer.repeated else "done"
