"""How a review takes effect: what budgets lose goes back to the pool first, then what they win is paid out. Pure."""

from __future__ import annotations

from scidex.actors import require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.exchange.resource_allocator import budget_account, pool_account, spent_account
from scidex.ledger import ACCOUNTS, balance_of, move, open_account
from scidex.policy import Context
from scidex.senate.budgets import BUDGETS, Budget
from scidex.senate.reviews.model import (
    REVIEWS,
    SORTS,
    CycleReviewed,
    EnactReview,
    Line,
    Review,
    ReviewEnacted,
    ReviewKey,
    ReviewSortInvalid,
)


def enact(state: State, command: EnactReview, context: Context) -> ReviewEnacted:
    """Move every budget by what the review has decided, all of them or none.

    What an artifact has reserved stays reserved, and a debt is repaid by what comes in. Refuses: NameInvalid,
    ReviewSortInvalid, RoleNeeded, UnknownActor, CycleReviewed.
    """
    check_name(command.pool, "pool")
    key = ReviewKey(command.pool, check_name(command.cycle, "cycle"))
    check_sort(command.sort)
    require_role(state, context, "operator")
    refuse_repeated(state.get(REVIEWS, key))
    # Over PostgreSQL the action writes what follows set-based, in the same transaction (decision 24); the audit, which
    # has the whole world, carries it out line by line here and compares.
    if state.complete:
        _carry_out(state, command, context)
    done = ReviewEnacted(
        *key,
        command.sort,
        context.policy_version,
        command.seed,
        command.propensity,
        command.artifacts,
        sum(line.old != line.new for line in command.lines),
        command.units,
        command.digest,
    )
    review = Review(
        *key, command.sort, context.number, context.now, context.policy_version, command.seed, command.propensity,
        done.artifacts, done.changed, command.units, command.digest,
    )  # fmt: skip
    state.put(REVIEWS, key, review)
    return done


def check_sort(sort: str) -> str:
    """The sort of a review. Refuses: ReviewSortInvalid."""
    if sort not in SORTS:
        raise ReviewSortInvalid(sort=str(sort)[:40])
    return sort


def refuse_repeated(before: Review | None) -> None:
    """A pool is reviewed once per cycle. Refuses: CycleReviewed."""
    if before is not None:
        raise CycleReviewed(
            pool=before.pool,
            cycle=before.cycle,
            sort=before.sort,
            version=before.policy_version,
            number=before.number,
        )


def _carry_out(state: State, command: EnactReview, context: Context) -> None:
    units = [unit.unit for unit in command.units]
    for falls in (True, False):
        for line in command.lines:
            _move(state, context, command.pool, units, line, falls)
    for line in command.lines:
        _note(state, context, command, units, line)


def _move(state: State, context: Context, pool: str, units: list[str], line: Line, falls: bool) -> None:
    for unit, old, new in zip(units, line.old, line.new, strict=True):
        source, budget = pool_account(pool, unit), budget_account(line.entity, unit)
        if falls and new < old:
            move(state, context, budget, source, old - new, "review")
        elif not falls and new > old:
            # Both come to be with the first budget, as `set_budget` has it.
            for missing in (budget, spent_account(line.entity, unit)):
                if state.get(ACCOUNTS, missing) is None:
                    open_account(state, missing)
            move(state, context, source, budget, new - old, "review")


def _note(state: State, context: Context, command: EnactReview, units: list[str], line: Line) -> None:
    """The budget's row says what it was granted so far, and the figures that the review went by."""
    before = state.get(BUDGETS, line.entity)
    if before is None:
        hours = context.policy.storage_budget_hours
        before = Budget(line.entity, None, (), hours, None, None, None, None, context.now, 0, context.now)
    budgets = dict(before.budgets)
    for unit, old, new in zip(units, line.old, line.new, strict=True):
        if new != old:
            granted = [account(line.entity, unit) for account in (budget_account, spent_account)]
            budgets[unit] = max(0, sum(balance_of(state, key) for key in granted))
    moved = line.old != line.new
    raised = any(new > old for old, new in zip(line.old, line.new, strict=True))
    state.put(
        BUDGETS,
        line.entity,
        before._replace(
            pool=command.pool if moved else before.pool,
            budgets=tuple(sorted(budgets.items())),
            market_weight=line.market_weight,
            roi_score=line.roi_score,
            cycle=command.cycle if moved else before.cycle,
            updated_at=context.now if moved else before.updated_at,
            version=before.version + 1,
            noticed_at=None if raised else before.noticed_at,
        ),
    )
