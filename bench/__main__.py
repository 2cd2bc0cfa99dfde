"""`python -m bench`: measure everything, write the report, and with --assert fail where a target is missed."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import host, server
from bench.catalogue import MEASURES, QUICK, YARDSTICKS
from bench.fleet import Fleet
from bench.measure import Bench, Measure
from bench.report import Report
from bench.run import Run, groups

SECONDS = {"quick": 1.0, "full": 2.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code."""
    asked = _parser().parse_args(arguments)
    # Whoever ends us wants the server gone too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    console = Console(stderr=True)
    if asked.list:
        for name in [*YARDSTICKS, *(measure.name for measure in MEASURES)]:
            print(name)
        return 0
    chosen = [each for each in MEASURES if _wanted(each.name, asked)]
    yardsticks = [each for each in YARDSTICKS.values() if _wanted(each.name, asked)]
    report = _measured(asked, chosen, yardsticks, console)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench.json").write_text(report.to_json(), encoding="utf-8")
    (asked.out / "bench.md").write_text(report.to_markdown(), encoding="utf-8")
    print(report.to_markdown())
    console.print(f"Written: {asked.out}/bench.md and bench.json")
    if asked.assert_ and report.missed:
        console.print("Missed: " + "; ".join(report.missed), style="red")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", help="folder of the report")
    parser.add_argument("--quick", action="store_true", help="the headlines alone, in rounds of a second")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="measures with NAME in their name")
    parser.add_argument("--rounds", type=int, default=3, help="how often each measure is taken; medians are reported")
    parser.add_argument("--seconds", type=float, help="length of one round of one measure")
    parser.add_argument("--assert", dest="assert_", action="store_true", help="exit code 1 if a target is missed")
    parser.add_argument("--list", action="store_true", help="name the measures and do nothing")
    return parser


def _wanted(name: str, asked: argparse.Namespace) -> bool:
    if asked.only:
        return any(each.lower() in name.lower() for each in asked.only)
    return not asked.quick or name in QUICK


def _measured(
    asked: argparse.Namespace, chosen: Sequence[Measure], yardsticks: Sequence[Measure], console: Console
) -> Report:
    busy = host.busy(1)
    seconds = asked.seconds or SECONDS["quick" if asked.quick else "full"]
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        Progress(*columns, console=console, refresh_per_second=2) as progress,
        server.started() as running,
        Fleet() as fleet,
    ):
        bench = Bench(running, fleet, seconds=seconds)
        run = Run(bench, progress, asked.rounds)
        machine = host.describe(running.conninfo, running.folder, busy)
        stolen = host.stolen()
        for yardstick, members in groups(chosen, yardsticks):
            try:
                run.group(yardstick, members)
            finally:
                bench.end_group()
        machine.facts["stolen by the host during the run"] = f"{host.stolen() - stolen:.1f} s of processor time"
    return Report(machine, tuple(run.rows()), run.failures)


if __name__ == "__main__":
    sys.exit(main())
