"""What a review knows, out of the tables: budgets, scores, capital, returns, credits, and what the last one did."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import repeat
from typing import NamedTuple

import numpy as np

from scidex.atlas.roi import LLM_UNITS, cap_threshold, group_prior, probability_below
from scidex.core.db import Tx
from scidex.core.units import UNITS
from scidex.exchange.markets import lmsr
from scidex.exchange.resource_allocator import find_standings
from scidex.policy import Policy
from scidex.senate.budgets import BUDGET_UNITS
from scidex.senate.reviews.evidence import Gathered, order_of
from scidex.senate.reviews.model import NothingToReview
from scidex.senate.reviews.planning import ONE, UNKNOWN, WEEKLY, Flags, Inputs, Ints
from scidex.senate.reviews.store import (
    find_head,
    find_returned,
    find_reviews,
    find_units,
    find_voted,
    read_balances,
    read_moves,
    read_outcomes,
    read_participants,
)


class _Places:
    """Where an artifact stands in the columns."""

    def __init__(self, entities: Sequence[tuple[str, str]]) -> None:
        self.of = {entity: place for place, entity in enumerate(entities)}
        self.size = len(entities)

    def numbers(self, default: int = 0) -> Ints:
        """A column."""
        return np.full(self.size, default, dtype=np.int64)


class _Last(NamedTuple):
    """What the review before has left: by unit and artifact when and how it was changed and what it had spent by then;
    by artifact the market weight at the last weekly review, and how many of these in a row have found a low return."""

    direction: Ints
    moved_at: Ints
    spent: Ints
    weight: Ints
    low_reviews: Ints


class Row(NamedTuple):
    """The row of an artifact's budget: what it shows now, and its version."""

    market_weight: float | None
    roi_score: float | None
    version: int


def reviewed_units(tx: Tx, pool: str, policy: Policy) -> list[tuple[str, int, int]]:
    """The resources that a pool can grant: what it has of each and what it can spend of that, in parts.

    Refuses: NothingToReview.
    """
    units = units_there(tx, pool, policy)
    if not units:
        raise NothingToReview(pool=pool)
    return units


def units_there(tx: Tx, pool: str, policy: Policy) -> list[tuple[str, int, int]]:
    """The same, none where the pool has none: tokens alone are no resource that an artifact can spend."""
    return find_units(tx, pool, [unit for unit in BUDGET_UNITS if unit in policy.units_per_token])


def seed_of(tx: Tx, pool: str, cycle: str) -> str:
    """What draws the lots of a review: nobody could know it before the newest block was sealed."""
    return hashlib.sha256(find_head(tx) + f"|{pool}|{cycle}".encode()).hexdigest()[:32]


def gather(
    tx: Tx, *, pool: str, sort: str, seed: str, units: Sequence[tuple[str, int, int]], policy: Policy
) -> tuple[Gathered, list[Row | None]]:
    """All that a review of the pool has to know, and the budget rows that it would change.

    Needs a transaction outside pipeline mode.
    """
    kinds, names, scores, weights, returns, versions, gained = read_participants(tx, pool)
    entities = list(zip(kinds, names, strict=True))
    rows = [
        None if version is None else Row(weight, rate, version)
        for weight, rate, version in zip(weights, returns, versions, strict=True)
    ]
    places = _Places(entities)
    resources = [unit for unit, _, _ in units]
    books = _books(tx, places, resources)
    last = _last(tx, pool, places, resources)
    weight, capital = _capital(tx, places, policy)
    edges = np.array(gained, dtype=np.int64)
    low, strong = _returns(kinds, edges, books.tokens, policy)
    inputs = Inputs(
        units=tuple(resources),
        free=tuple(free for _, _, free in units),
        old=np.maximum(books.balances, 0),
        held=books.held,
        spent=np.maximum(books.spent - last.spent, 0),
        voted=_voted(tx, places, resources, policy),
        direction=last.direction,
        moved_at=last.moved_at,
        score=np.array([UNKNOWN if score is None else round(score * ONE) for score in scores], dtype=np.int64),
        market_weight=weight,
        weight_before=last.weight,
        capital=capital,
        credit=_credits(tx, pool, places, policy),
        low=low,
        strong=strong,
        low_reviews=last.low_reviews,
        order=order_of(seed, entities),
        now=int(tx.now.timestamp()),
        sort=sort,
    )
    balances = tuple(balance for _, balance, _ in units)
    return Gathered(
        entities, inputs, edges, books.tokens, books.spent, books.balances, books.has_budget, books.has_sink, balances
    ), rows


class _Books(NamedTuple):
    """By unit and artifact: what its budget has, debts below 0, what of it is reserved, what it ever spent, and whether
    the accounts are there; by artifact the LLM tokens that it spent, of all tiers."""

    balances: Ints
    held: Ints
    spent: Ints
    has_budget: Flags
    has_sink: Flags
    tokens: Ints


def _books(tx: Tx, places: _Places, units: Sequence[str]) -> _Books:
    shape = (len(units), places.size)
    numbers = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
    flags = [np.zeros(shape, dtype=np.bool_) for _ in range(2)]
    found = _Books(numbers[0], numbers[1], numbers[2], flags[0], flags[1], places.numbers())
    asked = sorted({*units, *LLM_UNITS})
    owners, purposes, kinds, balances, held = read_balances(tx, asked)
    of = {f"entity:{kind}:{name}": place for (kind, name), place in places.of.items()}
    at = np.array([of.get(owner, -1) for owner in owners], dtype=np.int64)
    amounts, reserved = (np.array(column, dtype=np.int64) for column in (balances, held))
    is_sink, kind = np.array(purposes) == "spent", np.array(kinds)
    for unit in asked:
        mine = (kind == unit) & (at >= 0)
        sinks, budgets = np.flatnonzero(mine & is_sink), np.flatnonzero(mine & ~is_sink)
        if unit in LLM_UNITS:
            np.add.at(found.tokens, at[sinks], amounts[sinks])
        if unit in units:
            row = units.index(unit)
            found.spent[row, at[sinks]], found.has_sink[row, at[sinks]] = amounts[sinks], True
            found.balances[row, at[budgets]], found.has_budget[row, at[budgets]] = amounts[budgets], True
            found.held[row, at[budgets]] = reserved[budgets]
    return found


def _last(tx: Tx, pool: str, places: _Places, units: Sequence[str]) -> _Last:
    """Out of the decisions of the review before, of whichever sort it was."""
    shape = (len(units), places.size)
    empty = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
    found = _Last(empty[0], empty[1], empty[2], places.numbers(UNKNOWN), places.numbers())
    for review in find_reviews(tx, pool=pool, limit=1):
        kinds, names, weights, low_reviews = read_outcomes(tx, review.number, weekly=review.sort == WEEKLY)
        at = np.array(list(map(places.of.get, zip(kinds, names, strict=True), repeat(-1))), dtype=np.int64)
        there = at >= 0
        now = at[there]
        found.weight[now] = np.array(weights, dtype=np.int64)[there]
        found.low_reviews[now] = np.array(low_reviews, dtype=np.int64)[there]
        for which, unit in enumerate(review.units, start=1):
            if unit.unit in units:
                place = units.index(unit.unit)
                columns = read_moves(tx, review.number, which, int(review.at.timestamp()))
                for mine, column in zip(found[:3], columns, strict=True):
                    mine[place, now] = np.array(column, dtype=np.int64)[there]
    return found


def _capital(tx: Tx, places: _Places, policy: Policy) -> tuple[Ints, Ints]:
    """The market weight, 2 * price - 1 of the price for decisions, and the capital-weighted budget in token parts."""
    weight, capital = places.numbers(UNKNOWN), places.numbers()
    for standing in find_standings(tx, policy, claiming=True, limit=None):
        place = places.of.get((standing.entity_type, standing.entity_id))
        if place is None:
            continue
        capital[place] = standing.budget
        if standing.price is not None:
            weight[place] = (2 * standing.price - lmsr.PRICE_ONE) * ONE // lmsr.PRICE_ONE
    return weight, capital


def _returns(kinds: Sequence[str], edges: Ints, tokens: Ints, policy: Policy) -> tuple[Ints, Ints]:
    """The probabilities of a low and of a strong return (10^-6), within each type of artifact."""
    low, strong = (np.full(len(tokens), UNKNOWN, dtype=np.int64) for _ in range(2))
    of_kind = np.array(kinds)
    for kind in sorted(set(kinds)):
        rows = np.flatnonzero((of_kind == kind) & (tokens > 0))
        if not len(rows):
            continue
        gained, used = edges[rows] / ONE, tokens[rows].astype(np.float64)
        prior = group_prior(gained, used)
        lowest = cap_threshold(gained, used, prior, float(policy.review_low_share))
        highest = cap_threshold(gained, used, prior, float(policy.review_strong_share))
        low[rows] = np.rint(probability_below(gained, used, lowest, prior) * ONE)
        strong[rows] = ONE - np.rint(probability_below(gained, used, highest, prior) * ONE)
    return low, strong


def _voted(tx: Tx, places: _Places, units: Sequence[str], policy: Policy) -> Ints:
    """By unit and artifact, what proposals have granted within the time for which it stands."""
    found = np.zeros((len(units), places.size), dtype=np.int64)
    since = tx.now - timedelta(seconds=policy.review_voted_s)
    for kind, name, unit, amount in find_voted(tx, since, units):
        place = places.of.get((kind, name))
        if place is not None:
            found[units.index(unit), place] = amount
    return found


def _credits(tx: Tx, pool: str, places: _Places, policy: Policy) -> Ints:
    """What idle budgets given back since the last weekly review add to the next claim, in token parts."""
    credit = places.numbers()
    last = find_reviews(tx, pool=pool, sort=WEEKLY, limit=1)
    for subject, unit, amount in find_returned(tx, last[0].number if last else 0):
        kind, name = subject.split(":", 1)
        place = places.of.get((kind, name))
        rate = policy.units_per_token.get(unit, Decimal(0))
        if place is not None and rate > 0:
            worth = Fraction(amount, UNITS[unit].parts) / Fraction(rate) * Fraction(policy.review_credit_share)
            credit[place] += int(worth * ONE)
    return credit
