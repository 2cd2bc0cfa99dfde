"""Worker processes that load a database, all from the same moment on."""

from __future__ import annotations

import re
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread
from types import TracebackType

from bench import budgets  # noqa: F401 - its loads are entered
from bench.loads import LOADS, Place, Step
from bench.server import settings_for
from scidex.economy import Economy

WARM_S = 0.3
READY_S = 60
"""Longest wait for a worker to start and to make what it will ask for."""
LATE_S = 30
"""Longest wait beyond the time of a measurement: one step may take as long as it waits for locks."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker does: the load of this name in `threads` threads, on this database."""

    load: str
    url: str
    place: Place
    threads: int = 1
    batch: int = 1000
    warm_s: float = WARM_S


@dataclass(frozen=True, slots=True)
class Done:
    """What one worker did: commands, in how many seconds, how long each step took, and its largest memory so far."""

    commands: int
    seconds: float
    steps: tuple[float, ...]
    peak_mib: float


class Fleet:
    """Processes that stay between measurements, so that none of them measures its own start."""

    def __init__(self) -> None:
        self._spawn = get_context("spawn")
        self._workers: list[tuple[Connection, SpawnProcess]] = []

    def run(self, jobs: Sequence[Job], seconds: float) -> list[Done]:
        """Do each job in a process of its own for so long, side by side."""
        while len(self._workers) < len(jobs):
            self._hire()
        pipes = [pipe for pipe, _ in self._workers[: len(jobs)]]
        for pipe, job in zip(pipes, jobs, strict=True):
            pipe.send(job)
        try:
            for pipe in pipes:
                _answer(pipe, READY_S)
            for pipe in pipes:
                pipe.send(seconds)
            return [_answer(pipe, seconds + LATE_S) for pipe in pipes]
        except (RuntimeError, OSError, EOFError):
            # One failed or died and others may still be at it, so none of them is asked again.
            self.close(wait_s=1)
            raise

    def close(self, wait_s: float = 10) -> None:
        """Let the workers go."""
        for pipe, _ in self._workers:
            pipe.close()
        for _, process in self._workers:
            process.join(timeout=wait_s)
            process.kill()
        self._workers.clear()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hire(self) -> None:
        ours, theirs = self._spawn.Pipe()
        process = self._spawn.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        self._workers.append((ours, process))


def _answer(pipe: Connection, wait_s: float) -> Done:
    if not pipe.poll(wait_s):
        raise RuntimeError(f"a worker gave no answer for {wait_s:.0f} s")
    found = pipe.recv()
    if isinstance(found, str):
        raise RuntimeError(found)
    assert isinstance(found, Done)
    return found


def _work(pipe: Connection) -> None:
    economies: dict[str, Economy] = {}
    try:
        while True:
            job: Job = pipe.recv()
            try:
                economy = economies.get(job.url) or economies.setdefault(job.url, Economy.open(settings_for(job.url)))
                steps = [LOADS[job.load](economy, job.place._replace(thread=n), job.batch) for n in range(job.threads)]
                pipe.send(_run(steps, job.warm_s))
                pipe.send(_run(steps, pipe.recv()))
            except Exception:  # noqa: BLE001 - the parent says what went wrong, and the other measures go on
                pipe.send(traceback.format_exc())
    except (EOFError, KeyboardInterrupt):
        for economy in economies.values():
            economy.close()


def _run(steps: Sequence[Step], seconds: float) -> Done:
    """Every step again and again, each in a thread of its own, until the time is over or it finds nothing to do."""
    times: list[list[float]] = [[] for _ in steps]
    counts = [0] * len(steps)
    failures: list[BaseException] = []
    began = time.perf_counter()

    def loop(n: int) -> None:
        try:
            last = time.perf_counter()
            did = 1
            while did and last - began < seconds:
                did = steps[n]()
                counts[n] += did
                now = time.perf_counter()
                times[n].append(now - last)
                last = now
        except BaseException as failure:  # noqa: BLE001 - raised again below, in the thread that asked
            failures.append(failure)

    if len(steps) == 1:
        loop(0)
    else:
        threads = [Thread(target=loop, args=(n,)) for n in range(len(steps))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    taken = time.perf_counter() - began
    return Done(sum(counts), taken, tuple(each for run in times for each in run), peak_mib())


def peak_mib() -> float:
    """The most memory that this process ever had."""
    with suppress(OSError):
        # The kernel's other figure starts from that of the process that made this one.
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
