"""What a caller can do with budgets. The three functions of the specification need no open transaction: without one
they use the database of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.default import reading_tx, run_in_tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, declare
from scidex.core.units import brief
from scidex.entities import ENTITIES, EntityKey, find_entity
from scidex.exchange.bounties import BOUNTIES, counting_bounties
from scidex.exchange.markets import lmsr
from scidex.exchange.resource_allocator import rules
from scidex.exchange.resource_allocator.model import (
    ALLOCATIONS,
    CYCLES,
    AllocatePool,
    Candidate,
    Claim,
    CycleKey,
    Ingredient,
    PageInvalid,
    PoolAllocated,
    RecordSpending,
    ResourceBudget,
    SpendingRecorded,
    Standing,
)
from scidex.exchange.resource_allocator.store import find_candidates
from scidex.exchange.signals import find_signals
from scidex.ledger import ACCOUNTS, AccountKey
from scidex.policy import Policy, current

_CHUNK = 256
"""Candidates that a ranking looks at, at least, at a time."""


def _accounts_to_allocate(command: AllocatePool, actor: str, state: State) -> list[AccountKey]:
    budgets = [rules.budget_account(claim.artifact, command.unit) for claim in command.claims]
    return [rules.pool_account(command.pool, command.unit), *budgets]


ALLOCATE = declare(
    Kind(
        "budget.allocate",
        AllocatePool,
        PoolAllocated,
        rules.allocate_pool,
        {
            CYCLES: lambda command, actor, state: (CycleKey(command.pool, command.unit, command.cycle),),
            ALLOCATIONS: lambda command, actor, state: (),
            BOUNTIES: lambda command, actor, state: command.bounties,
            ACTORS: lambda command, actor, state: (Look(actor),),
            ACCOUNTS: _accounts_to_allocate,
        },
        gathered=("claims", "bounties"),
    )
)
SPEND = declare(
    Kind(
        "budget.spend",
        RecordSpending,
        SpendingRecorded,
        rules.record_spending,
        {
            ACTORS: lambda command, actor, state: (Look(actor),),
            ENTITIES: lambda command, actor, state: (command.artifact,),
            ACCOUNTS: lambda command, actor, state: (
                rules.budget_account(command.artifact, command.unit),
                rules.spent_account(command.artifact, command.unit),
            ),
        },
    )
)


def compute_resource_budget(
    artifact_id: str, artifact_type: str | None = None, *, tx: Tx | None = None
) -> ResourceBudget:
    """The capital-weighted budget of an artifact now, in tokens, with every ingredient, its source and its age.

    Refuses: UnknownEntity, EntityAmbiguous (when no type is given).
    """
    if tx is None:
        with reading_tx() as inside:
            return compute_resource_budget(artifact_id, artifact_type, tx=inside)
    entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type)
    policy, version = current(tx)
    return _budget_of(find_standing(tx, policy, entity.key), policy, version, tx.now)


def get_resource_budget_rankings(
    artifact_type: str | None = None, limit: int = 20, *, offset: int = 0, tx: Tx | None = None
) -> list[ResourceBudget]:
    """A page of artifacts, the largest budget first, ties by what they could claim at most, then type and id.

    Refuses: PageInvalid.
    """
    for field, given, least in (("limit", limit, 1), ("offset", offset, 0)):
        if type(given) is not int or not least <= given < 2**31:
            raise PageInvalid(field=field, given=brief(given), least=least)
    if tx is None:
        with reading_tx() as inside:
            return get_resource_budget_rankings(artifact_type, limit, offset=offset, tx=inside)
    policy, version = current(tx)
    found = find_standings(tx, policy, entity_type=artifact_type, offset=offset, limit=limit)
    return [_budget_of(standing, policy, version, tx.now) for standing in found]


def record_resource_spending(
    artifact_id: str,
    amount: int,
    *,
    artifact_type: str | None = None,
    unit: str = "llm_standard",
    note: str = "",
    key: str | None = None,
    tx: Tx | None = None,
) -> Receipt[SpendingRecorded]:
    """Take `amount` parts of the unit out of an artifact's budget as spent, into `resource_allocations`.

    Refuses: AmountNotPositive, AmountTooLarge, UnknownUnit, UnknownEntity, EntityAmbiguous, RoleNeeded, UnknownActor,
    BudgetExhausted, KeyReused.
    """

    def work(tx: Tx) -> Receipt[SpendingRecorded]:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type)
        command = RecordSpending(entity.key, unit, amount, note)
        return perform_one(tx, Request(command, tx.actor, key))

    return work(tx) if tx is not None else run_in_tx(work)


def allocate_pool(
    tx: Tx,
    *,
    pool: str,
    unit: str,
    cycle: str,
    artifact_type: str | None = None,
    amount: int | None = None,
    floor: int | None = None,
    key: str | None = None,
) -> Receipt[PoolAllocated]:
    """Share a pool among all artifacts (of a type) that claim anything now, and move the grants.

    Amounts are parts of the unit; no amount means all that the pool can spend. Refuses: NameInvalid, UnknownUnit,
    RoleNeeded, UnknownActor, CycleAllocated, NoClaims, ClaimRepeated, RateMissing, AmountNotPositive, AmountTooLarge,
    PoolEmpty, PoolBelowFloors, KeyReused.
    """
    policy, _ = current(tx)
    claims = tuple(
        Claim(EntityKey(found.entity_type, found.entity_id), found.demand, found.bounty, found.price)
        for found in find_standings(tx, policy, entity_type=artifact_type, claiming=True, limit=None)
        if found.budget > 0
    )
    bounties = tuple(counting_bounties(tx, artifact_type=artifact_type))
    command = AllocatePool(pool, unit, cycle, claims, artifact_type, amount, floor, bounties)
    return perform_one(tx, Request(command, tx.actor, key))


def find_standing(tx: Tx, policy: Policy, artifact: EntityKey) -> Standing:
    """An artifact that there is, with its capital and its claim."""
    found = find_candidates(tx, policy, entity_type=artifact.entity_type, entity_id=artifact.entity_id)
    (standing,) = _standings(tx, policy, found)
    return standing


def find_standings(
    tx: Tx,
    policy: Policy,
    *,
    entity_type: str | None = None,
    claiming: bool = False,
    offset: int = 0,
    limit: int | None = 100,
) -> list[Standing]:
    """Artifacts with their capital, the largest budget first, ties by what they could claim at most, type and id.

    Those `claiming` have a market or a bounty. Only as many markets are read as can be among them: once so many are
    found whose budgets are not below what any other can claim, the rest is not looked at.
    """
    wanted = None if limit is None else offset + limit
    found: list[tuple[Standing, int]] = []
    while True:
        size = None if wanted is None else max(_CHUNK, wanted, len(found))
        candidates = find_candidates(
            tx, policy, entity_type=entity_type, claiming=claiming, offset=len(found), limit=size
        )
        bounds = [candidate.bound for candidate in candidates]
        found += zip(_standings(tx, policy, candidates), bounds, strict=True)
        ranked = sorted(found, key=lambda each: (-each[0].budget, -each[1], each[0].entity_type, each[0].entity_id))
        all_seen = size is None or len(candidates) < size
        if all_seen or (wanted is not None and ranked[wanted - 1][0].budget >= bounds[-1]):
            return [standing for standing, _ in ranked[offset:wanted]]


def _standings(tx: Tx, policy: Policy, found: Sequence[Candidate]) -> list[Standing]:
    signals = find_signals(tx, policy, {each.market for each in found if each.market is not None})
    return [rules.standing_of(each, signals.get(each.market or ""), policy) for each in found]


def _budget_of(standing: Standing, policy: Policy, version: int, now: datetime) -> ResourceBudget:
    def age_s(since: datetime | None) -> float | None:
        return None if since is None else max(0.0, (now - since).total_seconds())

    demand = standing.demand / 1_000_000
    bounty = standing.bounty / 1_000_000
    price = None if standing.price is None else standing.price / lmsr.PRICE_ONE
    traded = f"market {standing.market}" if standing.market else "no market"
    signal, attack = standing.signal, standing.attack
    moved_at = signal.moved_at if signal else None
    unknown = f"; unknown: {standing.unknown}" if standing.unknown else ""
    ingredients: dict[str, Any] = {
        "demand": Ingredient(
            demand,
            f"capital at risk in positions and orders of {traded} on the mean over {policy.signal_window_s} s",
            age_s(moved_at),
        ),
        "price": Ingredient(price, f"lagged mean price of the first outcome of {traded}{unknown}", age_s(moved_at)),
        "bounty_tokens": Ingredient(bounty, "tokens remaining in open bounties", age_s(standing.bounty_moved_at)),
    }
    return ResourceBudget(
        artifact_type=standing.entity_type,
        artifact_id=standing.entity_id,
        title=standing.title,
        demand=demand,
        price=price,
        bounty_tokens=bounty,
        uncertainty=_uncertainty(standing.price),
        base=float(policy.demand_weight) * demand + bounty,
        budget=standing.budget / 1_000_000,
        policy_version=version,
        as_of=now,
        market=standing.market,
        ingredients=ingredients,
        attack_cost=attack.cost / 1_000_000 if attack else None,
        prize=attack.prize / 1_000_000 if attack else None,
    )


def _uncertainty(price: int | None) -> float | None:
    return None if price is None else (lmsr.PRICE_ONE - abs(2 * price - lmsr.PRICE_ONE)) / lmsr.PRICE_ONE
