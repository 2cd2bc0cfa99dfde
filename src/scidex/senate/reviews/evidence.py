"""Decisions as rows of text beside the journal, their fingerprint, and what they follow from. Pure.

The journal has the SHA-256 of a review's rows and every change that they make; the rows have every input, so anybody
can decide again and see that the same rows come out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from scidex.policy import Policy
from scidex.senate.reviews.model import Decision, EnactReview, Line, Review, UnitReview
from scidex.senate.reviews.planning import ONE, UNKNOWN, Flags, Inputs, Ints, Plan, plan_review

NULL = "\\N"
"""As COPY writes what is not known."""


class Gathered(NamedTuple):
    """Artifacts in the order of type and id, what a review knows of them, and what it only shows or writes: edges
    (10^-6), LLM tokens; by unit what was ever spent, what is in the budgets, debts below 0, whether budget and sink are
    there at all, and what is in the pool."""

    entities: list[tuple[str, str]]
    inputs: Inputs
    edges: Ints
    tokens: Ints
    spent_total: Ints
    balances: Ints
    has_budget: Flags
    has_sink: Flags
    pool_balances: tuple[int, ...]


def order_of(seed: str, entities: Iterable[tuple[str, str]]) -> list[bytes]:
    """What breaks ties and draws lots: SHA-256 of `seed|type:id`, smallest first.

    >>> [key.hex()[:6] for key in order_of("2026-W47", [("gap", "g1"), ("gap", "g2")])]
    ['528369', 'b3d5da']
    """
    return [hashlib.sha256(f"{seed}|{kind}:{name}".encode()).digest() for kind, name in entities]


class Known(NamedTuple):
    """Of what a review knows, what stands in its rows."""

    entities: list[tuple[str, str]]
    inputs: Inputs
    edges: Ints
    tokens: Ints
    spent_total: Ints


def render(given: Gathered | Known, plan: Plan) -> str:
    """The rows as PostgreSQL's COPY reads and writes them, in order, without the journal number."""
    known = given.inputs
    columns: list[Iterable[str]] = [
        map(str, range(len(given.entities))),
        *map(texts_of, zip(*given.entities, strict=True)),
        *map(_fractions, (known.score, known.market_weight, known.weight_before)),
        *map(_numbers, (known.capital, known.credit, given.edges, given.tokens)),
        *map(_fractions, (known.low, known.strong)),
        _numbers(known.low_reviews),
        *map(
            _arrays,
            (known.old, known.held, known.spent, known.voted, given.spent_total, known.direction, known.moved_at),
        ),
        *map(_numbers, (plan.merit, plan.market)),
        *map(_flags, (plan.eligible, plan.drawn, plan.capped, plan.cut)),
        *map(_numbers, (plan.low_reviews, plan.boost)),
        *map(_arrays, (plan.target, plan.least, plan.most, plan.new, plan.binding)),
    ]
    return "".join(["\t".join(row) + "\n" for row in zip(*columns, strict=True)])


def texts_of(values: Sequence[str]) -> Sequence[str]:
    """Names as COPY has them."""
    return list(map(text_of, values)) if any("\\" in value for value in values) else values


def text_of(value: str) -> str:
    """A name as COPY has it."""
    # Names hold no tab and no new line.
    return value.replace("\\", "\\\\") if "\\" in value else value


def _numbers(values: Ints) -> Iterable[str]:
    return map(str, values.tolist())


def _fractions(values: Ints) -> Iterable[str]:
    return [NULL if value == UNKNOWN else str(value) for value in values.tolist()]


def _flags(values: Any) -> Iterable[str]:
    return ["t" if value else "f" for value in values.tolist()]


def _arrays(values: Ints) -> Iterable[str]:
    if len(values) == 1:
        return [f"{{{value}}}" for value in values[0].tolist()]
    return ["{" + ",".join(map(str, row)) + "}" for row in zip(*values.tolist(), strict=True)]


def fingerprint(text: str) -> str:
    """SHA-256 of the rows, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse(text: str, review: Review) -> Known:
    """What a review knew, out of its rows."""
    rows = [line.split("\t") for line in text.splitlines()]
    columns = list(zip(*rows, strict=True)) or [()] * 20
    size = len(review.units)
    entities = [(name_of(kind), name_of(name)) for kind, name in zip(columns[1], columns[2], strict=True)]
    old = _from_arrays(columns[13], size)
    free = tuple(unit.whole - int(sum(row.tolist())) for unit, row in zip(review.units, old, strict=True))
    inputs = Inputs(
        units=tuple(unit.unit for unit in review.units),
        free=free,
        old=old,
        held=_from_arrays(columns[14], size),
        spent=_from_arrays(columns[15], size),
        voted=_from_arrays(columns[16], size),
        direction=_from_arrays(columns[18], size),
        moved_at=_from_arrays(columns[19], size),
        score=_from_numbers(columns[3]),
        market_weight=_from_numbers(columns[4]),
        weight_before=_from_numbers(columns[5]),
        capital=_from_numbers(columns[6]),
        credit=_from_numbers(columns[7]),
        low=_from_numbers(columns[10]),
        strong=_from_numbers(columns[11]),
        low_reviews=_from_numbers(columns[12]),
        order=order_of(review.seed, entities),
        now=int(review.at.timestamp()),
        sort=review.sort,
    )
    edges, tokens = _from_numbers(columns[8]), _from_numbers(columns[9])
    return Known(entities, inputs, edges, tokens, _from_arrays(columns[17], size))


def name_of(text: str) -> str:
    """A name out of what COPY has."""
    return text.replace("\\\\", "\\")


def _from_numbers(column: Sequence[str]) -> Ints:
    return np.array([UNKNOWN if text == NULL else int(text) for text in column], dtype=np.int64)


def _from_arrays(column: Sequence[str], size: int) -> Ints:
    parts = ",".join([text[1:-1] for text in column]).split(",") if column else ()
    flat = np.array(list(map(int, parts)), dtype=np.int64)
    return flat.reshape(len(column), size).T.copy()


def changed(given: Known, plan: Plan) -> dict[tuple[str, str], tuple[Any, Any]]:
    """The budgets that the plan changes: before and after, by unit."""
    pairs = zip(zip(*given.inputs.old.tolist(), strict=True), zip(*plan.new.tolist(), strict=True), strict=True)
    return {entity: pair for entity, pair in zip(given.entities, pairs, strict=True) if pair[0] != pair[1]}


def units_of(inputs: Inputs, plan: Plan) -> tuple[UnitReview, ...]:
    """What the plan does, unit by unit."""
    found = []
    for place, unit in enumerate(inputs.units):
        old, new = inputs.old[place], plan.new[place]
        before, after = sum(old.tolist()), sum(new.tolist())
        whole, theta = plan.whole[place], plan.theta[place]
        counts = (int((new > old).sum()), int((new < old).sum()))
        distances = (plan.before[place], plan.after[place])
        found.append(UnitReview(unit, whole, before, after, whole - after, *counts, *distances, _fraction(theta)))
    return tuple(found)


def _fraction(theta: Fraction) -> str:
    return str(theta)


def lines_of(
    given: Gathered, plan: Plan, shown: Sequence[tuple[float | None, float | None, int] | None]
) -> tuple[Line, ...]:
    """The budgets that change, and those whose market weight and return are not what their row shows (None: no row)."""
    lines = []
    old, new = zip(*given.inputs.old.tolist(), strict=True), zip(*plan.new.tolist(), strict=True)
    weights, edges, tokens = given.inputs.market_weight.tolist(), given.edges.tolist(), given.tokens.tolist()
    for entity, before, after, weight, gained, spent, row in zip(
        given.entities, old, new, weights, edges, tokens, shown, strict=True
    ):
        figures = (None if weight == UNKNOWN else weight / ONE, gained / ONE / spent if spent else None)
        if before != after or (row is not None and row[:2] != figures):
            lines.append(Line._make((*entity, before, after, *figures)))
    return tuple(lines)


def problems(command: EnactReview, review: Review, text: str, policy: Policy) -> Iterable[str]:
    """Where the rows of a review are not those that the journal tells of, or do not follow from their inputs."""
    if fingerprint(text) != command.digest:
        yield "its decisions are not those that it has the fingerprint of"
        return
    given = parse(text, review)
    plan = plan_review(given.inputs, policy)
    again = render(given, plan)
    if again != text:
        place = next(
            place for place, (a, b) in enumerate(zip(again.split("\n"), text.split("\n"), strict=True)) if a != b
        )
        yield f"the decision on {' '.join(given.entities[place])} does not follow from what it starts from"
    if units_of(given.inputs, plan) != command.units:
        yield "its sums are not those of its decisions"
    told = {line[:2]: (line.old, line.new) for line in command.lines if line.old != line.new}
    if told != changed(given, plan):
        yield "the changes that it made are not those of its decisions"


def decisions(given: Gathered | Known, plan: Plan, rows: Iterable[int], number: int = 0) -> list[Decision]:
    """The decisions on these artifacts, as the rows have them."""
    known = given.inputs

    def fraction(value: int) -> int | None:
        return None if value == UNKNOWN else value

    found = []
    for row in rows:
        arrays = [
            tuple(column[:, row].tolist())
            for column in (
                known.old,
                known.held,
                known.spent,
                known.voted,
                given.spent_total,
                known.direction,
                known.moved_at,
            )
        ]
        outcome = [
            tuple(column[:, row].tolist()) for column in (plan.target, plan.least, plan.most, plan.new, plan.binding)
        ]
        numbers = [
            int(column[row])
            for column in (known.score, known.market_weight, known.weight_before, known.capital, known.credit,
                           given.edges, given.tokens, known.low, known.strong, known.low_reviews)
        ]  # fmt: skip
        flags = [bool(column[row]) for column in (plan.eligible, plan.drawn, plan.capped, plan.cut)]
        found.append(
            Decision._make((
                number, row, *given.entities[row], *map(fraction, numbers[:3]), *numbers[3:7],
                *map(fraction, numbers[7:9]), numbers[9], *arrays, int(plan.merit[row]), int(plan.market[row]), *flags,
                int(plan.low_reviews[row]), int(plan.boost[row]), *outcome,
            ))
        )  # fmt: skip
    return found
