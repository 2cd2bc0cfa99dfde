"""Usage in bulk, beside a raw COPY of the same rows into the same keys."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import psycopg

from bench import usage
from bench.measure import Bench
from scidex.metering import UsageLine

ROWS = 50_000
_rounds = itertools.count(1)


def copied(bench: Bench) -> Mapping[str, float]:
    """Rows per second by COPY alone, of text that was made before."""
    return _measured(bench, usage.copy_in)


def taken_in(bench: Bench) -> Mapping[str, float]:
    """Rows per second checked, priced, counted once, summed by the hour and written."""
    return _measured(bench, _timed)


def ready(bench: Bench) -> None:
    """With the partition of the month in which the usage is, which COPY cannot make."""
    if not bench.usage_ready:
        with _connected(bench) as connection:
            usage.take_in(connection, usage.made(0)[:10], 1)
        bench.usage_ready = True


Work: TypeAlias = Callable[[psycopg.Connection, list[UsageLine], int], float]


def _measured(bench: Bench, work: Work) -> dict[str, float]:
    turn = next(_rounds)
    lines = usage.made(turn)[:ROWS]
    with _connected(bench) as connection:
        return {"rate": ROWS / work(connection, lines, turn * 10_000_000)}


def _timed(connection: psycopg.Connection, lines: list[UsageLine], number: int) -> float:
    began = time.perf_counter()
    usage.take_in(connection, lines, number)
    return time.perf_counter() - began


@contextmanager
def _connected(bench: Bench) -> Iterator[psycopg.Connection]:
    with psycopg.connect(bench.usage, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("SET ROLE scidex_app")
        yield connection
