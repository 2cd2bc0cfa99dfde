"""Which work is next: the blend of what an entity's work has been worth and its budget, ageing, and a random sleeve.

    score = 0.7 * UCB + 0.3 * rank of the granted budget          (the weights are policy)
    key   = score + ageing * waiting                              of the items that may be had, the highest is next

All figures are in whole parts of 10^-6, so that what is stored with a claim is what it was chosen by.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from scidex.entities import EntityKey
from scidex.policy import Policy
from scidex.work.model import DRAW_ONE, ONE, Terms, WorkArm

_DEFAULT = Policy()
_DAY_S = 86_400


class Figures(NamedTuple):
    """What an entity is ranked by: results, rewards in 10^-6, its granted budget in parts of a token, and since when
    the oldest of its items that may be had waits."""

    entity: EntityKey
    pulls: int
    rewards: int
    granted: int
    since: datetime


class Ranked(NamedTuple):
    """An entity with its terms, of which the draw is yet to come, and its score."""

    entity: EntityKey
    terms: Terms
    score: int
    since: datetime


def ucb_of(pulls: int, total: int, rewards: int, policy: Policy = _DEFAULT) -> tuple[int, int, int]:
    """Mean reward, bonus and upper confidence bound: clip(mean + c * sqrt(ln(1 + N) / (1 + n)), 0, 1), in 10^-6.

    After UCB1 (Auer, Cesa-Bianchi and Fischer 2002), with one added to both counts, so that an entity without results
    has a bound as well: a mean of 0 and the largest bonus.

    >>> ucb_of(0, 0, 0), ucb_of(0, 100, 0)[2] > ucb_of(10, 100, 1_000_000)[2], ucb_of(1, 10**9, 10**6)[2]
    ((0, 0, 0), True, 1000000)
    """
    mean = rewards // pulls if pulls else 0
    bonus = round(float(policy.work_curiosity) * math.sqrt(math.log1p(total) / (1 + pulls)) * ONE)
    return mean, bonus, max(0, min(ONE, mean + bonus))


def ranks_of(granted: Sequence[int]) -> list[int]:
    """The rank of each budget among them as a share of 10^-6: those below it and half of those that are its equals.

    However large one is, it moves each of the others by no more than one place.

    >>> ranks_of([5, 1, 3]), ranks_of([7, 7]), ranks_of([5]), ranks_of([500, 1, 3])
    ([833333, 166666, 500000], [500000, 500000], [500000], [833333, 166666, 500000])
    """
    ordered = sorted(granted)
    count = len(ordered)
    return [ONE * (bisect_left(ordered, each) + bisect_right(ordered, each)) // (2 * count) for each in granted]


def score_of(ucb: int, budget_rank: int, policy: Policy = _DEFAULT) -> int:
    """The blend of both, in 10^-6 rounded down; with the weights of the specification at most 1.

    >>> score_of(1_000_000, 1_000_000), score_of(500_000, 0), score_of(0, 0)
    (1000000, 350000, 0)
    """
    blend = policy.work_learning_weight * ucb + policy.work_budget_weight * budget_rank
    return int(blend)


def ageing_of(since: datetime, now: datetime, policy: Policy = _DEFAULT) -> int:
    """What waiting has added to a score, in 10^-6 rounded down: one slope for all, so nothing waits forever.

    An item that came 1 / slope later than another, or more, never goes before it, whatever their scores.
    """
    waited = max(0, int((now - since).total_seconds() * 1000))
    return int(policy.work_ageing_per_day * ONE * waited / (_DAY_S * 1000))


def ranking_of(figures: Sequence[Figures], now: datetime, policy: Policy = _DEFAULT) -> list[Ranked]:
    """Entities that have work, the one whose oldest item is next first; ties by type and id."""
    total = sum(each.pulls for each in figures)
    found = []
    for each, rank in zip(figures, ranks_of([each.granted for each in figures]), strict=True):
        mean, bonus, ucb = ucb_of(each.pulls, total, each.rewards, policy)
        terms = Terms(each.pulls, total, mean, bonus, ucb, rank, len(figures), False, 0)
        found.append(Ranked(each.entity, terms, score_of(ucb, rank, policy), each.since))
    return sorted(found, key=lambda each: (-each.score - ageing_of(each.since, now, policy), each.entity))


def random_place(draw: int, rivals: int, policy: Policy = _DEFAULT) -> int | None:
    """Which of so many entities a draw means in the random sleeve, counted from 0, or None if it is not in the sleeve.

    >>> random_place(0, 4), random_place(99_999_999, 4), random_place(100_000_000, 4), random_place(50_000_000, 4)
    (0, 3, None, 2)
    """
    sleeve = int(policy.work_random_share * DRAW_ONE)
    return draw * rivals // sleeve if draw < sleeve else None


def propensity_of(terms: Terms, policy: Policy = _DEFAULT) -> int:
    """The chance with which this entity was chosen among its rivals, in 10^-6 rounded down.

    >>> terms = Terms(0, 0, 0, 0, 0, 0, 4, True, 0)
    >>> propensity_of(terms), propensity_of(terms._replace(first=False)), propensity_of(terms._replace(rivals=1))
    (925000, 25000, 1000000)
    """
    share = Fraction(policy.work_random_share)
    chance = share / terms.rivals + ((1 - share) if terms.first else 0)
    return int(chance * ONE)


def reward_of(edges: int, gains: Iterable[tuple[str, int]], policy: Policy = _DEFAULT) -> int:
    """What a result teaches, from 0 to below 1 in 10^-6, rounded down: worth / (worth + half).

    `edges` are parts of 10^-6 that were newly counted; of quality a gain is in thousandths.

    >>> reward_of(0, ()), reward_of(5_000_000, ()), reward_of(0, [("paper", 1), ("quality", 200)])
    (0, 500000, 285714)
    """
    worth = Fraction(max(0, edges), ONE)
    for kind, amount in gains:
        each = Fraction(policy.work_gain_worth.get(kind, 0))
        worth += each * Fraction(amount, 1000) if kind == "quality" else each * amount
    return int(ONE * worth / (worth + Fraction(policy.work_reward_half)))


def learned(arm: WorkArm, reward: int, pulls: int = 1) -> WorkArm:
    """What is known of an entity after one more result."""
    return arm._replace(pulls=arm.pulls + pulls, rewards=arm.rewards + reward)
