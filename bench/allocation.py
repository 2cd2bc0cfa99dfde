"""Seconds to share a pool over 10^5 and 10^6 claims with floors and caps, and to prove the result, as JSON.

Each figure is the best of three. "spread": claims of every size, caps at most the claim, small floors.
"equal": one ratio for all and a tie for every unit. "huge": claims near 2^53, whose ratios collide as
floats.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from scidex.exchange.resource_allocator.allocation import allocate, tie_order_of, verify


def seconds(run: Callable[[], object], times: int = 3) -> float:
    """Wall time of the fastest run."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return round(best, 4)


def worlds(n: int) -> dict[str, tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """Named inputs (pool, claims, floors, caps) of n claims, the same in every run."""
    rng = np.random.default_rng(20260101)
    claims = np.exp(rng.normal(12, 2, n)).astype(np.int64)
    caps = np.maximum(1, (claims * rng.uniform(0.5, 1.0, n)).astype(np.int64))
    floors = np.minimum(caps, rng.integers(0, 20_000, n))
    huge = 2**53 - rng.integers(0, 2**20, n)
    none = np.zeros(n, dtype=np.int64)
    return {
        "spread": (int(floors.sum() + (caps.sum() - floors.sum()) // 2), claims, floors, caps),
        "equal": (n * 7 + n // 2, none + 10, none + 1, none + 10),
        "huge": (2**53, huge, none, huge // (n // 2)),
    }


def figure(n: int) -> float:
    """Seconds to share a pool among n claims of every size."""
    return seconds(partial(allocate, *worlds(n)["spread"], tie_order=tie_order_of("bench", [str(i) for i in range(n)])))


def main() -> None:
    """Run and print."""
    report: dict[str, object] = {"cpus": os.cpu_count()}
    for n in (100_000, 1_000_000):
        ties = tie_order_of("bench", [str(i) for i in range(n)])
        for name, arrays in worlds(n).items():
            report[f"{name}_{n}"] = seconds(partial(allocate, *arrays, tie_order=ties))
            if name == "spread":
                lists = (arrays[0], arrays[1].tolist(), arrays[2].tolist(), arrays[3].tolist())
                report[f"{name}_lists_{n}"] = seconds(partial(allocate, *lists, tie_order=ties))
                result = allocate(*lists, tie_order=ties)
                report[f"{name}_verify_{n}"] = seconds(partial(verify, *lists, result), 1)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
