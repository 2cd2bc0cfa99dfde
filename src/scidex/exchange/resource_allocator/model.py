"""From capital to compute: an artifact's budget is a claim, the grant is the claim's share of a finite pool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Invalid, Refused
from scidex.core.machine import Table
from scidex.entities import EntityKey
from scidex.exchange.signals import Attack, Signal


class Ingredient(NamedTuple):
    """A number, where it comes from, and how long it has stood; `age_s` is None where nothing was ever recorded."""

    value: float | None
    source: str
    age_s: float | None


@dataclass(frozen=True, slots=True)
class ResourceBudget:
    """What an artifact's capital claims, in tokens, with every ingredient.

    `base` is demand_weight * demand + bounty_tokens, `budget` is base * (certainty_factor + uncertainty_factor *
    uncertainty). Where the price is unknown it is None, and the budget is the least that any price gives.
    `attack_cost` is what holding the price where it is costs somebody who knows the answer, `prize` what that wins.
    """

    artifact_type: str
    artifact_id: str
    title: str
    demand: float
    price: float | None
    bounty_tokens: float
    uncertainty: float | None
    base: float
    budget: float
    policy_version: int
    as_of: datetime
    market: str | None
    ingredients: dict[str, Ingredient]
    attack_cost: float | None
    prize: float | None


class Candidate(NamedTuple):
    """An artifact with what the tables say of it at once; `bound`, in token parts, is what its budget is never above,
    whatever its market says in decisions."""

    entity_type: str
    entity_id: str
    title: str
    market: str | None
    bounty: int
    bounty_moved_at: datetime | None
    bound: int

    @property
    def artifact(self) -> EntityKey:
        """Type and id."""
        return EntityKey(self.entity_type, self.entity_id)


class Standing(NamedTuple):
    """An artifact with its capital and its claim, in token parts.

    `price` (10^-12) is None where it is unknown, and `unknown` then says why. `signal` and `attack` are None without
    a market.
    """

    entity_type: str
    entity_id: str
    title: str
    market: str | None
    demand: int
    price: int | None
    unknown: str | None
    bounty: int
    bounty_moved_at: datetime | None
    budget: int
    signal: Signal | None
    attack: Attack | None


class Claim(NamedTuple):
    """What an artifact brings to an allocation: demand and bounty in token parts, price in 10^-12 or unknown."""

    artifact: EntityKey
    demand: int
    bounty: int
    price: int | None


class CycleKey(NamedTuple):
    """A pool is shared once per unit and cycle."""

    pool: str
    unit: str
    cycle: str


class Cycle(NamedTuple):
    """One sharing of a pool; amounts in parts of the unit, `theta` the water level as an exact fraction."""

    pool: str
    unit: str
    cycle: str
    number: int
    at: datetime
    amount: int
    granted: int
    claims: int
    theta: str


class AllocationKey(NamedTuple):
    """The journal number of the command, and which of its lines this is."""

    number: int
    line: int


class AllocationRow(NamedTuple):
    """A grant or a spending: a row of `resource_allocations`; amounts in parts of the unit."""

    number: int
    line: int
    at: datetime
    sort: str
    artifact: EntityKey
    unit: str
    amount: int
    actor: str
    policy_version: int
    pool: str | None = None
    cycle: str | None = None
    demand: int | None = None
    bounty: int | None = None
    price: int | None = None
    claim: int | None = None
    floor: int | None = None
    cap: int | None = None
    binding: str | None = None
    note: str | None = None


CYCLES: Table[CycleKey, Cycle] = Table("allocation_cycle", rank=10)
ALLOCATIONS: Table[AllocationKey, AllocationRow] = Table("resource_allocations", rank=11, append_only=True)


@dataclass(frozen=True, slots=True)
class AllocatePool:
    """Share `amount` parts of a pool (all that it can spend if None) among these claims, those of `artifact_type`.

    `floor` is the least that each claimant gets, in parts of the unit, up to its cap; None takes the policy's
    exploration share. `bounties` are those that count in the claims.
    """

    pool: str
    unit: str
    cycle: str
    claims: tuple[Claim, ...]
    artifact_type: str | None = None
    amount: int | None = None
    floor: int | None = None
    bounties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantLine:
    """One artifact's share: claim in token parts; floor, cap and grant in parts of the unit; which bound binds."""

    artifact: EntityKey
    claim: int
    floor: int
    cap: int
    grant: int
    binding: str


@dataclass(frozen=True, slots=True)
class PoolAllocated:
    """The certificate of a sharing: with theta and the bounds anybody can recompute each grant."""

    pool: str
    unit: str
    cycle: str
    amount: int
    granted: int
    remainder: int
    theta: str
    lines: tuple[GrantLine, ...]


@dataclass(frozen=True, slots=True)
class RecordSpending:
    """Take `amount` parts out of an artifact's budget as spent."""

    artifact: EntityKey
    unit: str
    amount: int
    note: str


@dataclass(frozen=True, slots=True)
class SpendingRecorded:
    """What the budget still holds, in parts."""

    artifact: EntityKey
    unit: str
    amount: int
    remaining: int


class PageInvalid(Invalid):
    """{field} is {given}; give a whole number from {least}."""


class NoClaims(Refused):
    """Nobody claims anything of the pool {pool!r}; open markets or offer bounties first, then allocate."""


class ClaimRepeated(Invalid):
    """{entity_type} {entity_id!r} claims twice in one allocation; give each artifact once."""


class RateMissing(Invalid):
    """The policy has no rate for the unit {unit}; use one of {known}."""


class PoolBelowFloors(Refused):
    """The floors sum to {floors} {unit} and the pool {pool!r} shares {amount}; lower the floor or fund the pool."""


class PoolEmpty(Refused):
    """The pool {pool!r} has {available} {unit} to share and {needed} was asked for; issue some to {account} first."""


class CycleAllocated(Refused):
    """The pool {pool!r} was shared in {unit} for cycle {cycle!r} already; name another cycle."""


class BudgetExhausted(Refused):
    """The {cap} of {whom} has {available} {unit} left and {needed} is needed, {short} more; ask for at most {fits}, or
    wait for {resets_at}."""

    status = 402
