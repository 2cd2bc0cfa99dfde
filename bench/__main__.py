"""`python -m bench`: measure everything, write the report, and with --assert fail where a target is missed."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import host, server
from bench.fleet import Fleet
from bench.measures import MEASURES, YARDSTICKS, Bench, Measure
from bench.report import Report, Round, Row

ROUNDS = 3
SECONDS = {"quick": 1.0, "full": 4.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True)
    if asked.list:
        for name in [*YARDSTICKS, *(measure.name for measure in MEASURES)]:
            print(name)
        return 0
    chosen = [each for each in MEASURES if _wanted(each.name, asked.only) and (each.quick or not asked.quick)]
    yardsticks = [each for each in YARDSTICKS.values() if _wanted(each.name, asked.only)]
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
    parser.add_argument("--quick", action="store_true", help="rounds of a second, and not the largest worlds")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="measures with NAME in their name")
    parser.add_argument("--seconds", type=float, help="length of one round of one measure")
    parser.add_argument("--assert", dest="assert_", action="store_true", help="exit code 1 if a target is missed")
    parser.add_argument("--list", action="store_true", help="name the measures and do nothing")
    return parser


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(each.lower() in name.lower() for each in only)


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
        run = Run(Bench(running, fleet, quick=asked.quick, seconds=seconds), progress)
        machine = host.describe(running.conninfo, running.folder, busy)
        stolen = host.stolen()
        for yardstick, members in _groups(chosen, yardsticks):
            run.group(yardstick, members)
        machine.facts["stolen by the host during the run"] = f"{host.stolen() - stolen:.1f} s of processor time"
    return Report(machine, tuple(run.rows()), run.failures)


def _groups(
    chosen: Sequence[Measure], yardsticks: Sequence[Measure]
) -> Iterator[tuple[Measure | None, Sequence[Measure]]]:
    """Each yardstick with the measures beside it, then the measures that stand alone."""
    for yardstick in YARDSTICKS.values():
        members = [each for each in chosen if each.yardstick == yardstick.name]
        if members or yardstick in yardsticks:
            yield yardstick, members
    if alone := [each for each in chosen if each.yardstick is None]:
        yield None, alone


class Run:
    """What was measured so far."""

    def __init__(self, bench: Bench, progress: Progress) -> None:
        self.failures: dict[str, str] = {}
        self._bench = bench
        self._progress = progress
        self._rounds: dict[tuple[str, str], list[Round]] = defaultdict(list)

    def group(self, yardstick: Measure | None, members: Sequence[Measure]) -> None:
        """Take turns: the yardstick, each measure, the yardstick again, ..., so that a slow minute slows them all."""
        before = self._once(yardstick) if yardstick else {}
        for _ in range(ROUNDS):
            taken = [(each, self._once(each)) for each in members]
            after = self._once(yardstick) if yardstick else {}
            for measure, found in taken:
                for key in measure.figures:
                    if key in found:
                        self._rounds[measure.name, key].append(Round(found[key], _beside(measure, key, before, after)))
            before = after

    def rows(self) -> Iterator[Row]:
        """The report's lines, in the order in which measures are listed."""
        for measure in [*YARDSTICKS.values(), *MEASURES]:
            for key, figure in measure.figures.items():
                if rounds := self._rounds.get((measure.name, key)):
                    beside = _name_beside(measure, key)
                    yield Row(figure.name, figure.unit, tuple(rounds), beside, figure.target, figure.note)

    def _once(self, measure: Measure) -> Mapping[str, float]:
        if measure.name in self.failures:
            return {}
        task = self._progress.add_task(measure.name)
        try:
            measure.prepare(self._bench)
            found = measure.run(self._bench)
        except Exception as failure:  # noqa: BLE001 - one that fails is a line of the report, and the others go on
            self.failures[measure.name] = f"{type(failure).__name__}: {str(failure).strip()[-300:]}"
            self._progress.console.print(traceback.format_exc(), markup=False)
            return {}
        finally:
            self._progress.remove_task(task)
        shown = ", ".join(f"{key} {value:,.6g}" for key, value in found.items())
        self._progress.console.print(f"{measure.name}: {shown}", highlight=False, markup=False)
        if measure.name in YARDSTICKS:
            for key in measure.figures:
                self._rounds[measure.name, key].append(Round(found[key]))
        return found


def _name_beside(measure: Measure, key: str) -> str | None:
    beside = measure.figures[key].beside
    return YARDSTICKS[measure.yardstick].figures[beside].name if measure.yardstick and beside else None


def _beside(measure: Measure, key: str, before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    name = measure.figures[key].beside
    found = [each[name] for each in (before, after) if name is not None and name in each]
    return sum(found) / len(found) if found else None


if __name__ == "__main__":
    sys.exit(main())
