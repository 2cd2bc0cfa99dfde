"""Who gains and who loses by a grant, before anybody votes: it reads, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from scidex.core.db import Tx
from scidex.core.units import UNITS, unit_named
from scidex.entities import EntityKey
from scidex.exchange.resource_allocator import Standing, allocate, cap_of, find_standings, pool_account, tie_order_of
from scidex.ledger import find_accounts
from scidex.policy import Policy, current
from scidex.senate.budgets import budget_of
from scidex.senate.proposals import ballots
from scidex.senate.proposals.store import find_electorate

CLAIMS_MAX = 1000
"""Claims that a preview shares the pool among: those of the largest budgets."""
LOSERS_MAX = 20


class PreviewLine(NamedTuple):
    """One unit of a request, in parts: what pool and budget have now and would have."""

    unit: str
    requested: int
    pool_before: int
    pool_after: int
    budget_before: int
    budget_after: int


class Loser(NamedTuple):
    """What a sharing of the pool by claims would give another artifact now, and after the grant; in parts."""

    artifact: EntityKey
    unit: str
    before: int
    after: int


class Preview(NamedTuple):
    """What a grant would do. `share` and `threshold` are 10^-6; `losers` lose most, of `claims` that claim."""

    entity: EntityKey
    pool: str
    share: int
    threshold: int
    quorum: int
    seats: int
    needed: int
    eligible: int
    barred: tuple[tuple[str, str], ...]
    lines: tuple[PreviewLine, ...]
    losers: tuple[Loser, ...]
    claims: int


def preview(
    tx: Tx, *, entity: EntityKey, requested: Mapping[str, int], pool: str | None = None, proposer: str | None = None
) -> Preview:
    """What a grant of these parts by unit would do, to whom, and how many would have to agree.

    Refuses: UnknownUnit, RateMissing.
    """
    policy, _ = current(tx)
    pool = pool or policy.proposal_pool
    asked = tuple(sorted(requested.items()))
    available = {unit: _available(tx, pool, unit) for unit, _ in asked}
    have = {line.unit: line.available for line in budget_of(tx, entity)}
    lines = tuple(
        PreviewLine(
            unit, amount, available[unit], available[unit] - amount, have.get(unit, 0), have.get(unit, 0) + amount
        )
        for unit, amount in asked
    )
    standings = [each for each in find_standings(tx, policy, limit=CLAIMS_MAX) if each.budget > 0]
    losers = [loser for line in lines for loser in _losers(line, entity, standings, policy)]
    losers.sort(key=lambda each: (each.after * Fraction(1, max(1, each.before)), each.artifact))
    electorate = find_electorate(tx, proposer=proposer or tx.actor, entity=entity)
    eligible = sum(why is None for _, why in electorate)
    share = ballots.share_asked(asked, available)
    threshold = ballots.threshold_for(share, policy.proposal_threshold)
    wanted = max(policy.proposal_reviewers, policy.proposal_quorum)
    seats = eligible if policy.proposal_all_vote else min(wanted, eligible)
    return Preview(
        entity=entity,
        pool=pool,
        share=share,
        threshold=threshold,
        quorum=policy.proposal_quorum,
        seats=seats,
        needed=ballots.needed_of(threshold, seats),
        eligible=eligible,
        barred=tuple((name, why) for name, why in electorate if why is not None),
        lines=lines,
        losers=tuple(losers[:LOSERS_MAX]),
        claims=len(standings),
    )


def _available(tx: Tx, pool: str, unit: str) -> int:
    unit_named(unit)
    account = pool_account(pool, unit)
    found = find_accounts(tx, owner=account.owner, limit=2 * len(UNITS))
    return next((each.available for each in found if each.key == account), 0)


def _losers(line: PreviewLine, entity: EntityKey, standings: Sequence[Standing], policy: Policy) -> list[Loser]:
    """Those whose part of the pool shrinks, if it is shared by the formula of budgets before or after the grant."""
    others = [each for each in standings if (each.entity_type, each.entity_id) != entity]
    if not others or line.pool_before <= 0:
        return []
    unit = unit_named(line.unit)
    caps = [cap_of(each.budget, unit, policy) for each in others]
    names = [f"{each.entity_type}:{each.entity_id}" for each in others]

    def shared(amount: int) -> list[int]:
        floor = int(Fraction(policy.exploration_share) * amount / len(others))
        floors = [min(cap, floor) for cap in caps]
        claims = [each.budget for each in others]
        return allocate(amount, claims, floors, caps, tie_order=tie_order_of("preview", names)).grants

    before, after = shared(line.pool_before), shared(max(0, line.pool_after))
    return [
        Loser(EntityKey(each.entity_type, each.entity_id), line.unit, one, other)
        for each, one, other in zip(others, before, after, strict=True)
        if other < one
    ]
