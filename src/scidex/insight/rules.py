"""From portions to a picture: widths in tokens, by the policy's rates; pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from scidex.core.units import TOKEN, UNITS, format_amount
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator import ResourceBudget
from scidex.insight.model import (
    CAPITAL,
    EDGES,
    SPENT,
    Concern,
    PeriodInvalid,
    PipelineArtifact,
    PipelineLink,
    Portion,
    TopInvalid,
)
from scidex.policy import Policy
from scidex.senate.budgets import LimitSet

TOP_MAX = 100
OTHERS = "others"
BROUGHT, BROUGHT_NONE = "edges", "no_edges"
SEALED_WITHIN = timedelta(minutes=1)
_WORDS_MOST = 10
_DEFAULT = Policy()


def period_of(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The period from the whole hour of `since`, as usage is summed by the hour. Refuses: PeriodInvalid."""
    if since >= until:
        raise PeriodInvalid(since=since, until=until)
    return since.replace(minute=0, second=0, microsecond=0), until


def check_top(top: int) -> int:
    """How many artifacts are shown one by one. Refuses: TopInvalid."""
    if not 1 <= top <= TOP_MAX:
        raise TopInvalid(top=top, most=TOP_MAX)
    return top


def rates_of(policy: Policy) -> dict[str, Fraction]:
    """Token parts that one part of a unit is worth, exactly; a unit without a rate is not there.

    >>> rates_of(_DEFAULT)["llm_standard"], rates_of(_DEFAULT)["token"], "usd" in rates_of(_DEFAULT)
    (Fraction(10000, 1), Fraction(1, 1), False)
    """
    return {
        unit: Fraction(TOKEN.parts, UNITS[unit].parts) / Fraction(each)
        for unit, each in policy.units_per_token.items()
        if unit in UNITS and each > 0
    }


def worth_of(amounts: Iterable[tuple[str, int]], rates: Mapping[str, Fraction]) -> int:
    """Token parts that these amounts are worth, rounded down once; what has no rate counts nothing.

    >>> worth_of([("llm_standard", 250), ("usd", 7)], rates_of(_DEFAULT))
    2500000
    """
    return int(sum((amount * rates[unit] for unit, amount in amounts if unit in rates), Fraction()))


def artifacts_of(
    portions: Sequence[Portion], titles: Mapping[EntityKey, str], rates: Mapping[str, Fraction]
) -> tuple[PipelineArtifact, ...]:
    """The artifacts one by one, the largest first by all that flowed, and the others together at the end."""
    capital: dict[EntityKey | None, dict[str, list[tuple[str, int]]]] = defaultdict(lambda: defaultdict(list))
    spent: dict[EntityKey | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    edges: dict[EntityKey | None, int] = defaultdict(int)
    for each in portions:
        if each.flow == EDGES:
            edges[each.entity] += each.amount
        elif each.flow == SPENT:
            spent[each.entity][each.unit] += each.amount
        else:
            capital[each.entity][each.flow].append((each.unit, each.amount))
    found = [
        PipelineArtifact(
            entity,
            titles.get(entity) if entity else None,
            tuple((flow, worth_of(capital[entity][flow], rates)) for flow in CAPITAL if flow in capital[entity]),
            tuple(sorted(spent[entity].items())),
            worth_of(spent[entity].items(), rates),
            edges[entity],
        )
        for entity in {each.entity for each in portions}
    ]
    return tuple(sorted(found, key=_order))


def _order(artifact: PipelineArtifact) -> tuple[bool, int, EntityKey]:
    total = sum(tokens for _, tokens in artifact.capital) + artifact.worth
    return artifact.entity is None, -total, artifact.entity or EntityKey("", "")


def node_of(entity: EntityKey | None) -> str:
    """The node of an artifact in the picture."""
    return OTHERS if entity is None else f"{entity.entity_type}:{entity.entity_id}"


def links_of(
    portions: Sequence[Portion], artifacts: Sequence[PipelineArtifact], rates: Mapping[str, Fraction]
) -> tuple[PipelineLink, ...]:
    """Every link that has a width: source to artifact, artifact to unit, unit to whether edges were gained."""
    links = [
        PipelineLink(flow, node_of(artifact.entity), tokens)
        for artifact in artifacts
        for flow, tokens in artifact.capital
    ]
    links += [
        PipelineLink(node_of(artifact.entity), unit, worth_of([(unit, amount)], rates))
        for artifact in artifacts
        for unit, amount in artifact.spent
    ]
    ends: dict[tuple[str, bool], int] = defaultdict(int)
    for each in portions:
        if each.flow == SPENT:
            ends[each.unit, each.brought] += each.amount
    links += [
        PipelineLink(unit, BROUGHT if brought else BROUGHT_NONE, worth_of([(unit, amount)], rates))
        for (unit, brought), amount in sorted(ends.items())
    ]
    return tuple(link for link in links if link.tokens > 0)


def concerns_of_proposals(rows: Iterable[tuple[Any, ...]], soon: datetime) -> Iterator[Concern]:
    """Proposals that wait for votes, or for what is short."""
    for name, sort, entity_type, entity_id, state, due_at, seats, votes in rows:
        entity = EntityKey(entity_type, entity_id) if sort == "grant" else None
        what = f"proposal {name} ({sort}) is {state}: {votes} of {seats} votes are in"
        yield Concern("proposal", due_at <= soon, name, entity, what, due_at)


def concerns_of_disputes(rows: Iterable[tuple[Any, ...]]) -> Iterator[Concern]:
    """Markets whose end somebody must look at."""
    for market, state, due_at, bonds, entity_type, entity_id in rows:
        waits = "waits for a ruling" if state == "disputed" else "may be disputed"
        what = f"the end of market {market} is {state} and {waits}; {format_amount(bonds)} tokens of bonds lie on it"
        yield Concern("dispute", state == "disputed", market, EntityKey(entity_type, entity_id), what, due_at)


def concerns_of_caps(limits: Iterable[LimitSet], policy: Policy) -> Iterator[Concern]:
    """Caps of which the share that the policy warns at is taken."""
    for limit in limits:
        if limit.cap is None or limit.used + limit.held < policy.daily_usd_warn * limit.cap:
            continue
        unit = UNITS[limit.unit]
        taken = f"{format_amount(limit.used + limit.held, unit)} of {format_amount(limit.cap, unit)} {limit.unit}"
        subject = " ".join(filter(None, (limit.scope, limit.subject)))
        at_cap = limit.used + limit.held >= limit.cap
        entity = EntityKey(*limit.subject.split(":", 1)) if limit.scope == "entity" else None
        what = f"the cap of {subject} per {limit.window} is {'reached' if at_cap else 'near'}: {taken} are taken"
        yield Concern("cap", at_cap, subject, entity, what, limit.resets_at)


def concerns_of_debts(budgets: Iterable[tuple[str, str, int]], owed: Iterable[tuple[str, int]]) -> Iterator[Concern]:
    """Budgets that are overdrawn, which admit nothing new, and actors that owe revoked rewards."""
    for subject, unit, amount in budgets:
        what = f"the budget of {subject} owes {format_amount(amount, UNITS[unit])} {unit}, so nothing is admitted"
        yield Concern("debt", True, subject, EntityKey(*subject.split(":", 1)), what, None)
    for actor, amount in owed:
        what = f"{actor} owes {format_amount(amount)} tokens of revoked rewards"
        yield Concern("debt", False, actor, None, what, None)


def concerns_of_prices(ranking: Iterable[ResourceBudget]) -> Iterator[Concern]:
    """Artifacts high in the ranking whose market is too thin: to hold its price costs less than that wins."""
    for each in ranking:
        if each.attack_cost is None or each.prize is None or each.prize <= each.attack_cost:
            continue
        what = (
            f"the market {each.market} is too thin: holding its price would cost {each.attack_cost:.6g} tokens and win"
            f" {each.prize:.6g}, so its price does not count"
        )
        artifact = EntityKey(each.artifact_type, each.artifact_id)
        yield Concern("liquidity", False, each.market or "", artifact, what, None)


def concern_of_seal(rows: int, oldest: datetime | None, now: datetime) -> Iterator[Concern]:
    """Journal rows that nobody has sealed for a minute."""
    if oldest is not None and now - oldest > SEALED_WITHIN:
        since = f"{oldest:%Y-%m-%d %H:%M} UTC"
        what = f"{rows} journal rows wait to be sealed, the oldest since {since}: run `scidex worker`"
        yield Concern("unsealed", True, "journal", None, what, None)


def in_order(concerns: Iterable[Concern]) -> list[Concern]:
    """What is urgent first, then by deadline, then by name."""

    def order(each: Concern) -> tuple[bool, bool, float, str, str]:
        due = each.due_at.timestamp() if each.due_at else 0.0
        return not each.urgent, each.due_at is None, due, each.sort, each.subject

    return sorted(concerns, key=order)


def query_of(words: str) -> str | None:
    """What finds texts that have every one of these words, or words that begin so; None where there is no word.

    >>> query_of("Tau spreads-along!"), query_of(" - ")
    ("'tau':* & 'spreads':* & 'along':*", None)
    """
    found = re.findall(r"[^\W_]+", words.lower())[:_WORDS_MOST]
    return " & ".join(f"'{word}':*" for word in found) or None
