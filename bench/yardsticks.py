"""What the same server does without us: pgbench's TPC-B, COPY, a plain UPDATE, a bare index scan."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

import psycopg

from bench.server import Server

DATABASE = "bench"
SCALE = 32
"""Branches: as many as clients, so that the row of a branch is not what they wait for."""


def make_tpcb(server: Server) -> None:
    """The tables of TPC-B."""
    server.make_database(DATABASE, empty=True)
    server.pgbench("--initialize", "--quiet", f"--scale={SCALE}", database=DATABASE)


def tpcb(server: Server, clients: int, seconds: float) -> dict[str, float]:
    """Durable transactions per second of the built-in script, prepared; p50 and p99 latency in ms."""
    # Its own processes have a folder that they can write, whoever they run as.
    folder = Path(tempfile.mkdtemp(dir=server.folder))
    try:
        printed = server.pgbench(
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(clients, os.cpu_count() or 1)}",
            f"--time={max(1, round(seconds))}",
            "--log",
            f"--log-prefix={folder}/log",
            database=DATABASE,
        )
        found = re.search(r"tps = ([\d.]+)", printed)
        assert found is not None, printed
        # A line of its log is: client, transaction, microseconds, ...
        times = sorted(int(line.split()[2]) for path in folder.iterdir() for line in path.open())
        return {
            "rate": float(found[1]),
            "p50": times[len(times) // 2] / 1000,
            "p99": times[len(times) * 99 // 100] / 1000,
        }
    finally:
        shutil.rmtree(folder)


ROWS = 200_000
BARE = f"""
CREATE TABLE bare (owner text, purpose text, unit text, balance bigint NOT NULL, held bigint NOT NULL,
  PRIMARY KEY (owner, purpose, unit)) WITH (fillfactor = 80);
INSERT INTO bare SELECT 'actor:agent-' || lpad(n::text, 7, '0'), 'wallet', 'token', 10000, 0
  FROM generate_series(1, {ROWS}) AS n;
"""


def make_bare(server: Server) -> None:
    """A table like the ledger's accounts."""
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        connection.execute(BARE.encode())
        connection.execute("VACUUM (FREEZE, ANALYZE) bare")


def plain_update(server: Server) -> dict[str, float]:
    """Rows per second of one UPDATE of every row, committed."""
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute("UPDATE bare SET balance = balance + 1")
        taken = time.perf_counter() - began
        connection.execute("VACUUM bare")
    return {"rate": ROWS / taken}


def index_scan(server: Server) -> dict[str, float]:
    """Rows per second read in the order of the key, all columns, through the index alone."""
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        began = time.perf_counter()
        connection.execute(
            "SELECT count(balance) FROM (SELECT * FROM bare ORDER BY owner, purpose, unit OFFSET 0) AS read"
        )
        return {"rate": ROWS / (time.perf_counter() - began)}
