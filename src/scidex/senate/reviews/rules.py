"""How a review takes effect: what budgets lose goes back to the pool first, then what they win is paid out. Pure."""

from __future__ import annotations

from scidex.actors import require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import UNITS, format_amount
from scidex.exchange.resource_allocator import budget_account, pool_account, spent_account
from scidex.ledger import ACCOUNTS, balance_of, move, open_account
from scidex.policy import Context
from scidex.senate.budgets import BUDGETS, Budget
from scidex.senate.reviews.model import (
    REVIEWS,
    SORTS,
    CycleReviewed,
    Decision,
    EnactReview,
    Line,
    Review,
    ReviewEnacted,
    ReviewKey,
    ReviewSortInvalid,
)
from scidex.senate.reviews.planning import DWELL, HELD, ONE, SAME, SCARCE, STEP, TARGET


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
    # Over PostgreSQL the action writes what follows set-based, in the same transaction (decision 26); the audit, which
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


_WHY = {
    TARGET: "at its target",
    STEP: "on its way: one review changes no more",
    HELD: "the rest is reserved for work under way",
    DWELL: "as it was: a review changed it the other way not long ago",
    SCARCE: "the pool has no more: all rises shrink in proportion",
    SAME: "as it was",
}


def explain(decision: Decision, propensity: int) -> str:
    """Why an artifact's claims are what they are, in words; `propensity` (10^-6) is that of its review's draw."""
    said = []
    if decision.score is None:
        said.append("its allocation score is unknown, so it has no base budget")
    elif not decision.eligible:
        said.append(f"its allocation score {_number(decision.score)} is below the threshold, so it has no base budget")
    else:
        weight = "unknown" if decision.market_weight is None else _number(decision.market_weight)
        said.append(
            f"score {_number(decision.score)} and market weight {weight} claim {_number(decision.merit)} tokens"
        )
    if decision.credit:
        said.append(f"{_number(decision.credit)} of them for what it gave back")
    said.append(f"committed capital claims {_number(decision.market)} tokens")
    drawn = "drawn" if decision.drawn else "not drawn"
    said.append(f"{drawn} by lot at a chance of {_number(propensity)}")
    if decision.low is not None and (decision.capped or decision.cut):
        what = "cut" if decision.cut else "capped"
        said.append(f"{what}, as its return is low with probability {_number(decision.low)}")
    if decision.boost:
        said.append(f"counts {_number(decision.boost)} more in scarcity for a strong return or a market's gain")
    return "; ".join(said)


def explain_unit(unit: str, old: int, new: int, target: int, binding: int) -> str:
    """Why a budget is what it is in one unit, in words.

    >>> explain_unit("llm_standard", 0, 500, 2000, STEP)
    'from 0 to 500 llm_standard of a target of 2000: on its way: one review changes no more'
    """
    parts = UNITS[unit]
    before, after, wanted = (format_amount(amount, parts) for amount in (old, new, target))
    why = _WHY[binding]
    if new == old:
        return f"{before} {unit} of a target of {wanted}: {why}"
    return f"from {before} to {after} {unit} of a target of {wanted}: {why}"


def _number(parts: int) -> str:
    return f"{parts / ONE:.6f}".rstrip("0").rstrip(".")
