"""What a review changes in the books, set-based: the same as the rule does line by line, as rows of text. Pure.

The rule carries out a review in memory; over PostgreSQL a million budgets change in a few statements. That both give
the same tables is what the audit sees, which runs the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from scidex.senate.reviews.evidence import NULL, Gathered, text_of, texts_of
from scidex.senate.reviews.model import Line
from scidex.senate.reviews.planning import Plan


class Effects(NamedTuple):
    """Rows as PostgreSQL's COPY reads them: movements, accounts that come to be, balances of others with what they and
    what is held of them were before, budget rows."""

    transfers: str
    fresh: str
    balances: str
    rows: str


def effects_of(
    given: Gathered,
    plan: Plan,
    lines: Sequence[Line],
    *,
    pool: str,
    number: int,
    at: datetime,
    versions: Sequence[int],
    columns: Sequence[str],
) -> Effects:
    """What enacting the plan writes; legs are numbered as the rule numbers them: first what falls, then what rises.

    `columns` are the units in the order in which a budget row has them; `versions` are those of
    the rows that there are, -1 where there is none.
    """
    units = given.inputs.units
    moved = (plan.new - given.inputs.old).T
    artifacts, places = np.nonzero(moved)
    amounts = moved[artifacts, places]
    order = np.concatenate([np.flatnonzero(amounts < 0), np.flatnonzero(amounts > 0)])
    artifacts, places, amounts = artifacts[order], places[order], amounts[order]
    left = np.zeros(len(order), dtype=np.int64)
    pools = []
    source, when = f"pool:{text_of(pool)}\tpool", at.isoformat()
    for place, unit in enumerate(units):
        mine = np.flatnonzero(places == place)
        left[mine] = given.pool_balances[place] - np.cumsum(amounts[mine])
        if len(mine):
            before, free = given.pool_balances[place], given.inputs.free[place]
            pools.append(f"{source}\t{unit}\t{left[mine[-1]]}\t{before}\t{before - free}\n")
    kinds, names = map(texts_of, zip(*given.entities, strict=True)) if given.entities else ((), ())
    owners = [f"entity:{kind}:{name}" for kind, name in zip(kinds, names, strict=True)]
    transfers, fresh, balances = [], [], pools
    there = zip(given.has_budget[places, artifacts].tolist(), given.has_sink[places, artifacts].tolist(), strict=True)
    after = (given.balances[places, artifacts] + amounts).tolist()
    held = given.inputs.held[places, artifacts].tolist()
    for leg, (artifact, place, amount, rest, balance, (has_budget, has_sink)) in enumerate(
        zip(artifacts.tolist(), places.tolist(), amounts.tolist(), left.tolist(), after, there, strict=True)
    ):
        unit, budget = units[place], f"{owners[artifact]}\tbudget"
        if amount < 0:
            sides = f"{budget}\t{source}\t{unit}\t{-amount}\t{balance}\t{rest}"
        else:
            sides = f"{source}\t{budget}\t{unit}\t{amount}\t{rest}\t{balance}"
            if not has_sink:
                fresh.append(f"{owners[artifact]}\tspent\t{unit}\t0\t0\n")
        transfers.append(f"{number}\t{leg}\t{when}\t{sides}\treview\n")
        if has_budget:
            balances.append(f"{budget}\t{unit}\t{balance}\t{balance - amount}\t{held[leg]}\n")
        else:
            fresh.append(f"{budget}\t{unit}\t{balance}\t0\n")
    rows = _rows(given, plan, lines, versions, columns)
    return Effects("".join(transfers), "".join(fresh), "".join(balances), rows)


def _rows(given: Gathered, plan: Plan, lines: Sequence[Line], versions: Sequence[int], columns: Sequence[str]) -> str:
    """Budget rows: type, id, the version that was there, figures, whether anything moved and rose, and what was granted
    in all of each unit that moved."""
    after = given.balances + plan.new - given.inputs.old
    granted = np.maximum(after + given.spent_total, 0).T.tolist()
    place_of = {entity: place for place, entity in enumerate(given.entities)}
    at = [given.inputs.units.index(unit) if unit in given.inputs.units else None for unit in columns]
    found = []
    for kind, name, old, new, weight, rate in lines:
        place = place_of[kind, name]
        totals = granted[place]
        parts = [NULL if each is None or new[each] == old[each] else str(totals[each]) for each in at]
        rises = any(map(int.__gt__, new, old))
        fields = [
            text_of(kind),
            text_of(name),
            str(versions[place]),
            NULL if weight is None else repr(weight),
            NULL if rate is None else repr(rate),
            "t" if old != new else "f",
            "t" if rises else "f",
            *parts,
        ]
        found.append("\t".join(fields) + "\n")
    return "".join(found)
