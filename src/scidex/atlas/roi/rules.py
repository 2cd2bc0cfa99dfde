"""Return on spending, and how far a small sample of it can be believed: pure, on arrays of a million entities.

    roi_score = kg_edges_gained / tokens_spent

Edges of an entity are taken as Poisson with its rate times its tokens, and the rates within an entity type as
Gamma(a, b) with a and b by the method of moments. What is then known of a rate is Gamma(a + edges, b + tokens): its
mean is the shrunk estimate. Edges are whole edges and may be fractions, tokens are LLM tokens. Zero spend is
unknown, NaN here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

# Its parts are loaded when they are first used: `scipy.special` takes a while, and few commands have a use for it.
import scipy

from scidex.atlas.knowledge import ONE
from scidex.atlas.roi.model import Array, Counts, Facts, Group, Prior, Roi, Sums
from scidex.core.units import TOKEN, UNITS, USD
from scidex.policy import Policy

UNKNOWN = Prior(np.nan, np.nan)
NO_SUMS = Sums(0, 0.0, 0.0, 0.0, 0.0)
_DEFAULT = Policy()


def roi_score(edges: Array, spend: Array) -> Array:
    """Edges per token, exactly `kg_edges_gained / tokens_spent`; unknown where nothing was spent.

    >>> roi_score(np.array([1.0, 300.0, 5.0]), np.array([200.0, 100_000.0, 0.0])).tolist()
    [0.005, 0.003, nan]
    """
    rates: Array = np.divide(edges, spend, out=np.full(np.shape(spend), np.nan), where=np.asarray(spend) > 0)
    return rates


def sums_of(edges: Array, spend: Array) -> Sums:
    """The sums that a group's prior is made of; who has spent nothing says nothing."""
    known = spend > 0
    e, s = edges[known].astype(float), spend[known].astype(float)
    return Sums(len(s), float(e.sum()), float(s.sum()), float((e * e / s).sum()), float((s * s).sum()))


def prior_of(sums: Sums) -> Prior:
    """The prior whose mean and variance are those of a group's rates.

    With the rate m = edges / tokens of the group as a whole, sum(s_i (r_i - m)^2) has the expectation
    (n - 1) m + v (S - sum(s_i^2) / S) where the true rates have the variance v: the estimate of DerSimonian and Laird
    (1986), with the Poisson variance m / s_i. So v follows, and a = m^2 / v, b = m / v. A prior is never worth
    more than all that its group has spent (b <= S), which is what stands where the rates differ by no more than chance.
    A group without any edge has half an edge in all of it.

    >>> prior_of(Sums(0, 0.0, 0.0, 0.0, 0.0))
    Prior(a=nan, b=nan)
    >>> prior_of(Sums(2, 0.0, 400.0, 0.0, 80_000.0))
    Prior(a=0.5, b=400.0)
    """
    if sums.members == 0:
        return UNKNOWN
    if sums.edges == 0:
        return Prior(0.5, sums.spend)
    mean = sums.edges / sums.spend
    beyond = sums.edges2_per_spend - mean * sums.edges - (sums.members - 1) * mean
    weight = sums.spend - sums.spend2 / sums.spend
    # With one member, or one that has spent nearly all, there is nothing to compare with.
    variance = beyond / weight if weight > 1e-9 * sums.spend else 0.0
    variance = max(variance, mean / sums.spend)
    return Prior(mean * mean / variance, mean / variance)


def group_prior(edges: Array, spend: Array) -> Prior:
    """The prior of one group, by the method of moments.

    >>> a, b = group_prior(np.array([1.0, 3.0, 20.0, 4.0]), np.array([1000.0, 1000.0, 1000.0, 1000.0]))
    >>> round(a, 3), round(b, 1), round(a / b, 6)
    (0.703, 100.5, 0.007)
    """
    return prior_of(sums_of(edges, spend))


def prior_of_each(types: Sequence[str], edges: Array, spend: Array) -> Prior:
    """For each entity the prior of its entity type."""
    code_of = {name: code for code, name in enumerate(dict.fromkeys(types))}
    codes = np.fromiter((code_of[name] for name in types), dtype=np.int64, count=len(types))
    found = [group_prior(edges[codes == code], spend[codes == code]) for code in range(len(code_of))]
    a, b = np.array(found or [UNKNOWN], dtype=float).T
    return Prior(a[codes], b[codes])


def shrunk(edges: Array, spend: Array, prior: Prior) -> Array:
    """The rate that is to be expected, (a + edges) / (b + spend): the less was spent, the nearer to the group's.

    >>> shrunk(np.array([1.0, 300.0]), np.array([200.0, 100_000.0]), Prior(2.0, 1000.0)).round(6).tolist()
    [0.0025, 0.00299]
    """
    return np.where(spend > 0, (prior.a + edges) / (prior.b + spend), np.nan)


def interval(edges: Array, spend: Array, prior: Prior, level: float = 0.9) -> tuple[Array, Array]:
    """Between which rates the true one lies with this probability, as much of the rest below as above."""
    a, b = prior.a + edges, prior.b + spend
    low, high = (scipy.special.gammaincinv(a, tail) / b for tail in ((1 - level) / 2, (1 + level) / 2))
    return np.where(spend > 0, low, np.nan), np.where(spend > 0, high, np.nan)


def probability_below(edges: Array, spend: Array, threshold: float | Array, prior: Prior) -> Array:
    """The probability that the true rate is below a threshold: what capping for a low return is decided on.

    >>> nothing, much = np.array([0.0, 0.0]), np.array([100.0, 1_000_000.0])
    >>> probability_below(nothing, much, 0.001, Prior(2.0, 1000.0)).round(3).tolist()
    [0.301, 1.0]
    """
    below = scipy.special.gammainc(prior.a + edges, (prior.b + spend) * threshold)
    return np.where(spend > 0, below, np.nan)


def cap_threshold(edges: Array, spend: Array, prior: Prior, share: float = 0.5) -> float:
    """The rate below which a member's return is low: this share of the median of the group's shrunk rates.

    Not of the raw ones: most small samples have none at all, or far too many. NaN where nobody has spent anything.
    """
    rates = shrunk(edges, spend, prior)
    known = rates[~np.isnan(rates)]
    return share * float(np.median(known)) if len(known) else float("nan")


def shrunk_precision(
    right: Counts, wrong: Counts, group_right: int | Counts, group_wrong: int | Counts, weight: float = 10.0
) -> Array:
    """The share of an entity's edges that is to be taken for right, drawn towards that of its type.

    (weight * p + right) / (weight + right + wrong), where p = (group_right + 1/2) / (group_right + group_wrong + 1) is
    that of the type; NaN where nothing of the type was judged.

    >>> shrunk_precision(np.array([0, 20]), np.array([0, 0]), 30, 10).round(3).tolist()
    [0.744, 0.915]
    """
    judged = np.asarray(group_right) + np.asarray(group_wrong)
    usual = (np.asarray(group_right) + 0.5) / (judged + 1.0)
    return np.where(judged > 0, (weight * usual + right) / (weight + right + wrong), np.nan)


def cost_of(spent: Sequence[tuple[str, int]], policy: Policy = _DEFAULT) -> tuple[int | None, tuple[str, ...]]:
    """What amounts of several units are worth together, in token parts rounded down, and which units have no rate.

    With such units it is unknown. Dollars are left out: they are the price of calls that are counted in other units.

    >>> cost_of([("llm_standard", 150), ("usd", 7), ("cpu_seconds", 5_000)]), cost_of([])
    ((2000000, ()), (0, ()))
    """
    counted = [(unit, amount) for unit, amount in spent if unit != USD.name]
    without = tuple(unit for unit, _ in counted if not policy.units_per_token.get(unit))
    if without:
        return None, without
    worth = sum(
        (Fraction(amount, UNITS[unit].parts) / Fraction(policy.units_per_token[unit]) for unit, amount in counted)
    )
    parts = worth * TOKEN.parts
    return int(parts), ()


def roi_of(facts: Facts, group: Group, llm_units: Sequence[str], policy: Policy, version: int) -> Roi:
    """The return of one entity beside its type."""
    known, prior = facts.knowledge, prior_of(group.sums)
    tokens = sum(amount for unit, amount in facts.spent if unit in llm_units)
    edges, spend = np.array([known.edges_gained / ONE]), np.array([float(tokens)])
    low, high = interval(edges, spend, prior, float(policy.roi_interval))
    precision = shrunk_precision(
        np.array([known.judged_right]),
        np.array([known.judged_wrong]),
        group.judged_right,
        group.judged_wrong,
        float(policy.knowledge_audit_weight),
    )
    raw, believed = roi_score(edges, spend), shrunk(edges, spend, prior)
    cost, without = cost_of(facts.spent, policy)
    return Roi(
        entity=known.entity,
        knowledge=known,
        tokens_spent=tokens,
        roi_score=_known(raw),
        shrunk=_known(believed),
        low=_known(low),
        high=_known(high),
        precision=_known(precision),
        audited=_known(raw * precision),
        audited_shrunk=_known(believed * precision),
        prior=prior,
        spent=facts.spent,
        cost_tokens=cost,
        without_rate=without,
        usd=facts.usd,
        usd_unknown=facts.usd_unknown,
        policy_version=version,
    )


def _known(figure: Array) -> float | None:
    (value,) = figure.tolist()
    return None if np.isnan(value) else float(value)
