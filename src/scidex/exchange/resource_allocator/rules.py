"""The budget formula of the specification and how claims become grants: pure.

    budget = (0.1 * demand + bounty tokens remaining) * (0.5 + 0.5 * (1 - 2 * |price - 0.5|))

The three constants are the policy's. A budget is a claim; `allocation.allocate` shares a pool by claims.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from scidex.actors import require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import MAX_AMOUNT, Unit, check_amount, format_amount, unit_named
from scidex.entities import EntityKey, require_entity
from scidex.exchange.bounties import mark_counted
from scidex.exchange.markets import lmsr
from scidex.exchange.resource_allocator.allocation import allocate, tie_order_of
from scidex.exchange.resource_allocator.model import (
    ALLOCATIONS,
    CYCLES,
    AllocatePool,
    AllocationKey,
    AllocationRow,
    BudgetExhausted,
    Candidate,
    Claim,
    ClaimRepeated,
    Cycle,
    CycleAllocated,
    CycleKey,
    GrantLine,
    NoClaims,
    PoolAllocated,
    PoolBelowFloors,
    PoolEmpty,
    RateMissing,
    RecordSpending,
    SpendingRecorded,
    Standing,
)
from scidex.exchange.signals import Signal, attack_on, holds
from scidex.ledger import ACCOUNTS, Account, AccountKey, move
from scidex.policy import Context, Policy

_DEFAULT = Policy()


def resource_budget(*, demand: float, bounty_tokens: float, price: float | None, policy: Policy = _DEFAULT) -> float:
    """The capital-weighted budget in tokens; an unknown price gives the least that any price would.

    Source: the SciDEX specification, capital-weighted budget. Exact on the decimals given, then the nearest double.
    Refuses with ValueError a demand or bounty below zero and a price outside 0 to 1.

    >>> resource_budget(demand=1000, bounty_tokens=50, price=0.5)
    150.0
    >>> resource_budget(demand=1000, bounty_tokens=50, price=0.9)
    90.0
    >>> resource_budget(demand=1000, bounty_tokens=50, price=1.0)
    75.0
    """
    if not all(math.isfinite(given) for given in (demand, bounty_tokens, price or 0)):
        raise ValueError("demand, bounty tokens and price must be finite numbers")
    exact = [Fraction(Decimal(str(given))) for given in (demand, bounty_tokens)]
    known = None if price is None else Fraction(Decimal(str(price)))
    if min(exact) < 0 or (known is not None and not 0 <= known <= 1):
        raise ValueError("demand and bounty tokens must not be below zero, nor the price outside 0 to 1")
    return float(_budget(exact[0], exact[1], known, policy))


def claim_of(claim: Claim, policy: Policy) -> int:
    """The same budget on whole numbers, in token parts, rounded down."""
    price = None if claim.price is None else Fraction(claim.price, lmsr.PRICE_ONE)
    budget = _budget(Fraction(claim.demand), Fraction(claim.bounty), price, policy)
    return budget.numerator // budget.denominator


def _budget(demand: Fraction, bounty: Fraction, price: Fraction | None, policy: Policy) -> Fraction:
    uncertainty = Fraction(0) if price is None else 1 - 2 * abs(price - Fraction(1, 2))
    factor = Fraction(policy.certainty_factor) + Fraction(policy.uncertainty_factor) * uncertainty
    return (Fraction(policy.demand_weight) * demand + bounty) * factor


def standing_of(found: Candidate, signal: Signal | None, policy: Policy) -> Standing:
    """A candidate with what its market says in decisions.

    A price that costs less to hold than it wins decides nothing: it is unknown, and the claim the least.
    """
    demand, price, attack = 0, None, None
    unknown: str | None = "there is no market"
    if signal is not None:
        demand, price, unknown = signal.demand, signal.price, signal.unknown
        worth = worth_of_price(demand, found.bounty, policy)
        attack = attack_on(price=signal.lagged.prices[0], worth=worth, liquidity=signal.liquidity)
        if price is not None and not holds(attack, policy):
            price, unknown = None, "holding the price costs less than it wins"
    return Standing(
        entity_type=found.entity_type,
        entity_id=found.entity_id,
        title=found.title,
        market=found.market,
        demand=demand,
        price=price,
        unknown=unknown,
        bounty=found.bounty,
        bounty_moved_at=found.bounty_moved_at,
        budget=claim_of(Claim(found.artifact, demand, found.bounty, price), policy),
        signal=signal,
        attack=attack,
    )


def worth_of_price(demand: int, bounty: int, policy: Policy) -> int:
    """What one unit of price moves a claim by: twice the uncertain share of its base; token parts, rounded up."""
    base = Fraction(policy.demand_weight) * demand + bounty
    return math.ceil(2 * Fraction(policy.uncertainty_factor) * base)


def pool_account(pool: str, unit: str) -> AccountKey:
    """The account that a pool's grants come from."""
    return AccountKey(f"pool:{pool}", "pool", unit)


@lru_cache(maxsize=65536)
def budget_account(artifact: EntityKey, unit: str) -> AccountKey:
    """The account that holds what an artifact was granted and has not spent."""
    return AccountKey(f"entity:{artifact.entity_type}:{artifact.entity_id}", "budget", unit)


@lru_cache(maxsize=65536)
def spent_account(artifact: EntityKey, unit: str) -> AccountKey:
    """Where what an artifact has used up goes: a sink of its own, so that spending never waits for other artifacts.

    What an artifact was granted in all is what its budget holds and what is here.
    """
    return AccountKey(f"entity:{artifact.entity_type}:{artifact.entity_id}", "spent", unit)


def allocate_pool(state: State, command: AllocatePool, context: Context) -> PoolAllocated:
    """Share a pool by claims and move the grants, all or none.

    In order: (1) turn each artifact's capital into its claim by the formula; (2) bound each grant by the claim's worth
    in the unit from above and the exploration floor from below; (3) share the pool by water-filling, ties by the
    published hash of cycle and artifact; (4) move the grants out of the pool; (5) write one row per artifact
    and hold the bounties to what they claimed.
    Refuses: NameInvalid, UnknownUnit, RoleNeeded, UnknownActor, CycleAllocated, NoClaims, ClaimRepeated, RateMissing,
    AmountNotPositive, AmountTooLarge, PoolEmpty, PoolBelowFloors.
    """
    unit = unit_named(command.unit)
    check_name(command.pool, "pool")
    key = CycleKey(command.pool, command.unit, check_name(command.cycle, "cycle"))
    require_role(state, context, "operator")
    if state.get(CYCLES, key) is not None:
        raise CycleAllocated(pool=command.pool, unit=command.unit, cycle=command.cycle)
    claims = [claim_of(claim, context.policy) for claim in command.claims]
    if not any(claims):
        raise NoClaims(pool=command.pool)
    _check_distinct(command.claims)
    amount = _amount_to_share(state, command, unit)
    caps = [cap_of(claim, unit, context.policy) for claim in claims]
    floors = _floors(command, unit, caps, amount, context.policy)
    order = tie_order_of(command.cycle, [":".join(claim.artifact) for claim in command.claims])
    shared = allocate(amount, claims, floors, caps, tie_order=order)
    lines = []
    for line, (claim, wanted, floor, cap, grant, binding) in enumerate(
        zip(command.claims, claims, floors, caps, shared.grants, shared.binding, strict=True)
    ):
        # Where floor and cap meet, it is the claim that keeps the grant down, and that is what people should read.
        binding = "cap" if floor == cap else binding
        if grant:
            source = pool_account(command.pool, command.unit)
            move(state, context, source, budget_account(claim.artifact, command.unit), grant, "grant")
        lines.append(GrantLine(claim.artifact, wanted, floor, cap, grant, binding))
        row = _row_of(command, context, line, claim, lines[-1])
        state.put(ALLOCATIONS, AllocationKey(context.number, line), row)
    for bounty in command.bounties:
        mark_counted(state, context, bounty)
    granted = sum(shared.grants)
    theta = str(shared.theta)
    cycle = Cycle(*key, context.number, context.now, amount, granted, len(lines), theta)
    state.put(CYCLES, key, cycle)
    return PoolAllocated(*key, amount, granted, amount - granted, theta, tuple(lines))


def _row_of(command: AllocatePool, context: Context, line: int, claim: Claim, granted: GrantLine) -> AllocationRow:
    return AllocationRow(
        number=context.number,
        line=line,
        at=context.now,
        sort="grant",
        artifact=claim.artifact,
        unit=command.unit,
        amount=granted.grant,
        actor=context.actor,
        policy_version=context.policy_version,
        pool=command.pool,
        cycle=command.cycle,
        demand=claim.demand,
        bounty=claim.bounty,
        price=claim.price,
        claim=granted.claim,
        floor=granted.floor,
        cap=granted.cap,
        binding=granted.binding,
    )


def cap_of(claim: int, unit: Unit, policy: Policy) -> int:
    """What a claim of token parts is worth in parts of the unit, rounded down: nobody is granted more.

    Refuses: RateMissing.
    """
    if unit.name not in policy.units_per_token:
        raise RateMissing(unit=unit.name, known=", ".join(policy.units_per_token))
    rate = Fraction(policy.units_per_token[unit.name])
    worth = claim * rate * unit.parts / 1_000_000
    return min(MAX_AMOUNT, worth.numerator // worth.denominator)


def _amount_to_share(state: State, command: AllocatePool, unit: Unit) -> int:
    account = pool_account(command.pool, command.unit)
    found = state.get(ACCOUNTS, account) or Account(*account)
    amount = found.available if command.amount is None else check_amount(command.amount, unit)
    if amount > found.available or amount <= 0:
        raise PoolEmpty(
            pool=command.pool,
            unit=unit.name,
            available=format_amount(found.available, unit),
            needed=format_amount(amount, unit) if command.amount is not None else "more than 0",
            account=str(account),
        )
    return amount


def _floors(command: AllocatePool, unit: Unit, caps: list[int], amount: int, policy: Policy) -> list[int]:
    if command.floor is None:
        share = Fraction(policy.exploration_share) * amount / len(caps)
        return [min(cap, share.numerator // share.denominator) for cap in caps]
    floor = check_amount(command.floor, unit, field="floor") if command.floor else 0
    floors = [min(cap, floor) for cap in caps]
    if sum(floors) > amount:
        raise PoolBelowFloors(
            pool=command.pool,
            unit=unit.name,
            floors=format_amount(sum(floors), unit),
            amount=format_amount(amount, unit),
        )
    return floors


def _check_distinct(claims: tuple[Claim, ...]) -> None:
    seen: set[EntityKey] = set()
    for claim in claims:
        if claim.artifact in seen:
            raise ClaimRepeated(entity_type=claim.artifact.entity_type, entity_id=claim.artifact.entity_id)
        seen.add(claim.artifact)


def record_spending(state: State, command: RecordSpending, context: Context) -> SpendingRecorded:
    """Move what was spent out of the artifact's budget into the sink.

    Refuses: AmountNotPositive, AmountTooLarge, UnknownUnit, UnknownEntity, RoleNeeded, UnknownActor, BudgetExhausted.
    """
    unit = unit_named(command.unit)
    check_amount(command.amount, unit)
    if command.note:
        check_name(command.note, "note", longest=1000)
    require_entity(state, command.artifact)
    require_role(state, context, "operator")
    account = budget_account(command.artifact, command.unit)
    found = state.get(ACCOUNTS, account) or Account(*account)
    if command.amount > found.available:
        raise BudgetExhausted(
            cap="budget",
            whom=f"{command.artifact.entity_type} {command.artifact.entity_id!r}",
            unit=unit.name,
            available=format_amount(found.available, unit),
            needed=format_amount(command.amount, unit),
            short=format_amount(command.amount - found.available, unit),
            fits=f"{format_amount(max(0, found.available), unit)} {unit.name}",
            resets_at="its next grant",
        )
    move(state, context, account, spent_account(command.artifact, command.unit), command.amount, "spending")
    row = AllocationRow(
        number=context.number,
        line=0,
        at=context.now,
        sort="spending",
        artifact=command.artifact,
        unit=command.unit,
        amount=command.amount,
        actor=context.actor,
        policy_version=context.policy_version,
        note=command.note or None,
    )
    state.put(ALLOCATIONS, AllocationKey(context.number, 0), row)
    return SpendingRecorded(command.artifact, command.unit, command.amount, found.balance - command.amount)


def explain(line: GrantLine, theta: Fraction, unit: Unit) -> str:
    """Why this grant, in words.

    >>> line = GrantLine(EntityKey("gap", "g"), claim=2_000_000, floor=0, cap=200, grant=200, binding="cap")
    >>> explain(line, Fraction(1, 9000), unit_named("api_calls"))
    'its whole claim, worth 200 api_calls'
    """
    if line.binding == "cap":
        return f"its whole claim, worth {format_amount(line.cap, unit)} {unit.name}"
    if line.binding == "floor":
        return "lifted to the exploration floor"
    if line.cap == 0:
        return "claims nothing"
    per_token = float(theta) * 1_000_000 / unit.parts
    return f"in proportion, {per_token:.4g} {unit.name} per token claimed"
