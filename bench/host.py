"""The machine that a report was made on, in words."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from bench.report import Machine

SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "data_checksums",
    "max_connections",
)
SYNCS = 200


def describe(conninfo: str, folder: Path, busy_before: float) -> Machine:
    """The machine, the server behind `conninfo`, and how long its disk takes to write a page for good."""
    with psycopg.connect(conninfo) as connection:
        version = connection.info.parameter_status("server_version")
        rows = connection.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(SETTINGS)]
        )
        found: dict[str, str] = dict(rows.fetchall())
    return Machine(
        {
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "commit": _commit(),
            "processor": f"{_processor()}, {os.cpu_count()} cores",
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            "kernel": f"{platform.system()} {platform.release()}",
            "Python": platform.python_version(),
            "PostgreSQL": f"{version}, {', '.join(f'{name} {found[name]}' for name in SETTINGS if name in found)}",
            "one page to disk (fdatasync)": f"{_sync_us(folder):.0f} µs, median of {SYNCS}",
            "busy before the run": f"{busy_before:.0%} of its cores",
        }
    )


def busy(seconds: float) -> float:
    """The share of the machine's processor time that was used while we slept; 0 where the kernel does not say."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    total = sum(after) - sum(before)
    idle = sum(after[3:5]) - sum(before[3:5])
    return 1 - idle / total if total else 0.0


def stolen() -> float:
    """Seconds of processor time that the host of this virtual machine gave to others since it started."""
    ticks = _ticks()
    return ticks[7] / os.sysconf("SC_CLK_TCK") if len(ticks) > 7 else 0.0


def _ticks() -> list[int]:
    try:
        return [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return [0] * 8


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", Path(__file__).parent, *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return (git("rev-parse", "--short", "HEAD") or "?") + (" and changes that are not in it" if changed else "")
    except OSError:
        return "?"


def _sync_us(folder: Path) -> float:
    """Microseconds to append 8 KiB to a file and see it on the disk."""
    times = []
    path = folder / "sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(8192))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return sorted(times)[SYNCS // 2] * 1e6
