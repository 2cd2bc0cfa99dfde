"""How usage that comes in bulk is charged: its sums alone, since the rows stand beside the journal. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from scidex.actors import require_actor, require_role
from scidex.core.machine import State
from scidex.entities import EntityKey, require_entity
from scidex.metering import IntakeUsage, unpriced_usd
from scidex.policy import HOUSE, Context
from scidex.senate.budgets.admission import awake
from scidex.senate.budgets.limits import count, limit_keys, record_events, standing
from scidex.senate.budgets.model import Amounts, BudgetEvent, LimitKey
from scidex.senate.budgets.rules import spend


@dataclass(frozen=True, slots=True)
class Taken:
    """What an intake charged, in parts: rows that count, sums by unit, dollars, and the budgets now below zero."""

    rows: int
    used: Amounts
    used_usd: int
    debts: tuple[tuple[EntityKey, str, int], ...]
    warnings: tuple[str, ...] = ()


def take_in(state: State, command: IntakeUsage, context: Context) -> Taken:
    """Take the sums of many rows out of the budgets of their artifacts, and count them in every limit that applies.

    Usage of others is an operator's to report. Refuses: UnknownEntity, UnknownActor, RoleNeeded, BalanceTooLarge.
    """
    _require_reporter(state, command, context)
    by_entity: defaultdict[EntityKey, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_limit: defaultdict[LimitKey, int] = defaultdict(int)
    for charge in command.charges:
        entity, unit = EntityKey(charge.entity_type, charge.entity_id), charge.unit
        usd = charge.usd + unpriced_usd(unit, charge.unpriced, context.policy)
        for unit_used, amount in ((unit, charge.amount), ("usd", usd)):
            if amount:
                by_entity[entity][unit_used] += amount
                for key in limit_keys(entity, charge.actor, (unit_used,)):
                    by_limit[key] += amount
    events: list[BudgetEvent] = []
    debts: list[tuple[EntityKey, str, int]] = []
    total: defaultdict[str, int] = defaultdict(int)
    for entity, used in sorted(by_entity.items()):
        require_entity(state, entity)
        in_usd = awake(state, context, entity).usd_binds
        charged = tuple(sorted((unit, amount) for unit, amount in used.items() if unit != "usd" or in_usd))
        debts += ((entity, unit, short) for unit, short in spend(state, context, entity, charged, events))
        for unit, amount in used.items():
            total[unit] += amount
    for key, amount in sorted(by_limit.items()):
        limit = standing(state, context, key)
        if limit is not None:
            count(state, context, limit, used=amount, held=0, events=events)
    warnings = record_events(state, events) if events else ()
    usd = total.pop("usd", 0)
    return Taken(command.rows, tuple(sorted(total.items())), usd, tuple(debts), warnings)


def _require_reporter(state: State, command: IntakeUsage, context: Context) -> None:
    used_by = {charge.actor for charge in command.charges}
    for name in sorted(used_by - {HOUSE}):
        require_actor(state, name)
    if used_by - {context.actor}:
        require_role(state, context, "operator")
    elif context.actor != HOUSE:
        require_actor(state, context.actor)
