"""How much memory a process takes: ours, the HTTP server's, PostgreSQL's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bench import web
from bench.fleet import Fleet, Job
from bench.loads import Place
from bench.measure import ACTORS, BATCH, Bench


def measured(bench: Bench) -> Mapping[str, float]:
    """MiB: of a new process that has only opened an economy, of one that has written, of the server, of PostgreSQL."""
    with Fleet() as fleet:
        (opened,) = fleet.run([Job("one_transfer", bench.town, Place(0, 10))], 0.1)
    with Fleet() as fleet:
        (writing,) = fleet.run([Job("transfers", bench.town, Place(0, ACTORS), batch=BATCH)], bench.seconds)
        found = {"opened": opened.peak_mib, "writing": writing.peak_mib}
        found |= web.memory(bench)
        if shared := _tree_mib(bench.server.postmaster):
            found["postgres"] = shared
    return found


def _tree_mib(root: int) -> float | None:
    """What a process and its children take, each shared page counted in parts; None where /proc does not say."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (folder / "status").read_text()
            if int(folder.name) == root or f"PPid:\t{root}\n" in status:
                found = re.search(r"^Pss:\s+(\d+)", (folder / "smaps_rollup").read_text(), re.MULTILINE)
                total += int(found[1]) if found else 0
    return total / 2**10 or None
