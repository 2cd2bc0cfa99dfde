"""What was measured, as JSON and as a Markdown table: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal, NamedTuple


class Target(NamedTuple):
    """What a figure is held to: a bound of the figure itself or of its ratio to the yardstick."""

    of: Literal["figure", "ratio"]
    bound: Literal["at least", "at most"]
    value: float

    def met(self, given: float) -> bool:
        """Whether the given figure or ratio is within the bound."""
        return given >= self.value if self.bound == "at least" else given <= self.value

    def __str__(self) -> str:
        sign = "≥" if self.bound == "at least" else "≤"
        return f"{sign} {_number(self.value)}{'×' if self.of == 'ratio' else ''}"


def at_least(ratio: float) -> Target:
    """So many times the yardstick, or more."""
    return Target("ratio", "at least", ratio)


def at_most(ratio: float) -> Target:
    """So many times the yardstick, or less."""
    return Target("ratio", "at most", ratio)


class Round(NamedTuple):
    """One measurement, with the mean of the yardstick before and after it; both in the figure's unit."""

    figure: float
    yardstick: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    name: str
    unit: str
    rounds: tuple[Round, ...]
    yardstick: str | None = None
    target: Target | None = None
    note: str = ""

    @property
    def figure(self) -> float:
        """The median of the rounds."""
        return median(each.figure for each in self.rounds)

    @property
    def yardstick_figure(self) -> float | None:
        """The median of what the yardstick gave around each round."""
        found = [each.yardstick for each in self.rounds if each.yardstick is not None]
        return median(found) if found else None

    @property
    def ratio(self) -> float | None:
        """The median of the ratios of the rounds: what slows both down at one moment does not change it."""
        found = [each.figure / each.yardstick for each in self.rounds if each.yardstick]
        return median(found) if found else None

    @property
    def spread(self) -> float:
        """How far the rounds lie apart: (largest - smallest) / median."""
        figures = [each.figure for each in self.rounds]
        return (max(figures) - min(figures)) / self.figure if self.figure else 0.0

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or nothing to compare with."""
        given = self.figure if self.target is None or self.target.of == "figure" else self.ratio
        return None if self.target is None or given is None else self.target.met(given)

    def as_json(self) -> dict[str, Any]:
        """The row with everything that follows from it."""
        return {
            "name": self.name,
            "figure": _rounded(self.figure),
            "unit": self.unit,
            "yardstick": self.yardstick,
            "yardstick_figure": _rounded(self.yardstick_figure),
            "ratio": _rounded(self.ratio),
            "target": None if self.target is None else self.target._asdict(),
            "met": self.met,
            "spread": _rounded(self.spread),
            "rounds": [[_rounded(each.figure), _rounded(each.yardstick)] for each in self.rounds],
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured: names and what they are, in the order of the report."""

    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    machine: Machine
    rows: tuple[Row, ...]
    failures: dict[str, str] = field(default_factory=dict)
    """Measures that could not be taken, and why."""

    @property
    def missed(self) -> list[str]:
        """The rows whose target is not met, and the measures that failed."""
        return [row.name for row in self.rows if row.met is False] + list(self.failures)

    def to_json(self) -> str:
        """The report for programs."""
        document = {
            "machine": asdict(self.machine)["facts"],
            "rows": [row.as_json() for row in self.rows],
            "failures": self.failures,
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """The report for people."""
        facts = _table(("machine", ""), self.machine.facts.items())
        head = ("what", "figure", "unit", "yardstick", "its figure", "ratio", "target", "met", "spread", "note")
        held = [row for row in self.rows if row.target is not None]
        rest = [row for row in self.rows if row.target is None]
        parts = ["# Bench", facts]
        for title, rows in (("Held to targets", held), ("The other figures and the yardsticks", rest)):
            if rows:
                parts += [f"## {title}", _table(head, map(_cells, rows))]
        if self.failures:
            parts += ["## Not measured", _table(("what", "why"), self.failures.items())]
        return "\n\n".join(parts) + "\n"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        _number(row.figure),
        row.unit,
        row.yardstick or "",
        _number(row.yardstick_figure),
        "" if row.ratio is None else f"{_number(row.ratio)}×",
        "" if row.target is None else str(row.target),
        {True: "yes", False: "no", None: ""}[row.met],
        f"±{row.spread / 2:.0%}",
        row.note,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _rounded(value: float | None) -> float | None:
    """Four significant digits, and no more zeros than that."""
    return None if value is None else float(f"{value:.4g}")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
