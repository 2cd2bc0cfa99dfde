"""Rounds: the yardstick, each measure beside it, the yardstick again."""

from __future__ import annotations

import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rich.progress import Progress

from bench.catalogue import BESTS, MEASURES, YARDSTICKS
from bench.measure import Bench, Best, Measure
from bench.report import Round, Row


def groups(
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

    def __init__(self, bench: Bench, progress: Progress, rounds: int) -> None:
        self.failures: dict[str, str] = {}
        self._bench = bench
        self._progress = progress
        self._turns = rounds
        self._rounds: dict[tuple[str, str], list[Round]] = defaultdict(list)

    def group(self, yardstick: Measure | None, members: Sequence[Measure]) -> None:
        """Take turns: the yardstick, each measure, the yardstick again, ..., so that a slow minute slows them all."""
        before = self._once(yardstick) if yardstick else {}
        for turn in range(self._turns):
            taken = [(each, self._once(each)) for each in members if turn == 0 or not each.once]
            after = self._once(yardstick) if yardstick else {}
            for measure, found in taken:
                for key in measure.figures:
                    if key in found:
                        self._rounds[measure.name, key].append(Round(found[key], _beside(measure, key, before, after)))
            before = after

    def rows(self) -> Iterator[Row]:
        """The report's lines: the yardsticks, what is held to targets, then every measure in the order of the list."""
        measured = list(self._rows_of(MEASURES))
        yield from self._rows_of(YARDSTICKS.values())
        yield from (row for best in BESTS if (row := _best(best, measured)))
        yield from measured

    def _rows_of(self, measures: Iterable[Measure]) -> Iterator[Row]:
        for measure in measures:
            for key, figure in measure.figures.items():
                if rounds := self._rounds.get((measure.name, key)):
                    beside = _name_beside(measure, key)
                    yield Row(figure.name, figure.unit, tuple(rounds), beside, figure.target, figure.note)

    def _once(self, measure: Measure) -> Mapping[str, float]:
        if measure.name in self.failures:
            return {}
        task = self._progress.add_task(measure.name)
        began = time.monotonic()
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
        took = f"({time.monotonic() - began:.0f} s)"
        self._progress.console.print(f"{measure.name}: {shown} {took}", highlight=False, markup=False, soft_wrap=True)
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


def _best(best: Best, rows: Sequence[Row]) -> Row | None:
    found = [row for row in rows if row.name in best.of]
    if not found:
        return None
    chosen = max(found, key=lambda row: row.ratio or row.figure)
    return replace(chosen, name=best.name, target=best.target, note=f"the best: {chosen.name}")
