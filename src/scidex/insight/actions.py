"""What a caller can read; nothing is changed here."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain

from scidex.core.db import Tx
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator import get_resource_budget_rankings
from scidex.insight import rules, store
from scidex.insight.model import EDGES, Concern, Listed, Pipeline, Pools
from scidex.policy import current
from scidex.senate.budgets import find_limits

_AHEAD, _SOON = timedelta(days=3), timedelta(hours=12)
_MOST = 20
_RANKED = 20
_SCOPES = ("fleet", "provider", "actor", "entity")


def pipeline(tx: Tx, *, since: datetime, until: datetime, top: int = 12) -> Pipeline:
    """From capital over artifacts to resources spent and to knowledge, within a period that begins with a whole hour.

    Refuses: PeriodInvalid, TopInvalid.
    """
    since, until = rules.period_of(since, until)
    policy, version = current(tx)
    rates = rules.rates_of(policy)
    worths = [(unit, float(rate)) for unit, rate in rates.items()]
    portions = store.find_portions(tx, since=since, until=until, worths=worths, top=rules.check_top(top))
    titles = store.find_titles(tx, {each.entity for each in portions if each.entity})
    artifacts = rules.artifacts_of(portions, titles, rates)
    return Pipeline(
        since,
        until,
        artifacts,
        rules.links_of(portions, artifacts, rates),
        sum(each.amount for each in portions if each.flow == EDGES),
        tuple(sorted({each.unit for each in portions if each.flow != EDGES} - rates.keys())),
        *store.find_usd(tx, since, until),
        version,
    )


def pools(tx: Tx) -> Pools:
    """What each pool has free, and what is granted, reserved and spent out of it; the caps of the fleet."""
    policy, _ = current(tx)
    return Pools(tuple(store.find_pool_lines(tx)), tuple(find_limits(tx, policy, scope="fleet")))


def attention(tx: Tx) -> list[Concern]:
    """What needs a decision, the urgent first: proposals due within three days, ends of markets proposed or disputed,
    caps nearly taken, debts, thin markets high in the ranking, rows that nobody seals; at most 20 of a sort."""
    policy, _ = current(tx)
    limits = chain.from_iterable(find_limits(tx, policy, scope=scope) for scope in _SCOPES)
    ranking = get_resource_budget_rankings(limit=_RANKED, tx=tx)
    found = chain(
        rules.concerns_of_proposals(store.find_due_proposals(tx, tx.now + _AHEAD, _MOST), tx.now + _SOON),
        rules.concerns_of_disputes(store.find_disputes(tx, _MOST)),
        list(rules.concerns_of_caps(limits, policy))[:_MOST],
        rules.concerns_of_debts(store.find_debts(tx, _MOST), store.find_owed(tx, _MOST)),
        rules.concerns_of_prices(ranking),
        rules.concern_of_seal(*store.find_unsealed(tx), tx.now),
    )
    return rules.in_order(found)


def listed(tx: Tx, *, words: str = "", after: EntityKey = EntityKey("", ""), limit: int = 100) -> list[Listed]:
    """A page of artifacts by type and id with the market on each: all of them, or those that have every word, or words
    that begin so, in title or id."""
    return store.find_listed(tx, rules.query_of(words), after, limit)
