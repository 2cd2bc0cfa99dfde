"""What a caller can do with reviews."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scidex.actors import ACTORS, RoleNeeded, UnknownActor, find_actors_named
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, collector_waits, perform_one
from scidex.core.machine import Kind, Look, declare
from scidex.core.names import check_name
from scidex.policy import HOUSE, Policy, current
from scidex.senate.reviews import rules
from scidex.senate.reviews.effects import effects_of
from scidex.senate.reviews.evidence import Gathered, decisions, fingerprint, lines_of, problems, render, units_of
from scidex.senate.reviews.gathering import Row, gather, reviewed_units, seed_of, units_there
from scidex.senate.reviews.model import REVIEWS, Decision, EnactReview, Review, ReviewEnacted, ReviewKey
from scidex.senate.reviews.planning import Plan, plan_review
from scidex.senate.reviews.store import (
    GRANTED_UNITS,
    copy_decisions,
    find_commands,
    find_review,
    find_reviews,
    load_reviews,
    lock_accounts,
    lock_budgets,
    read_decisions,
    write_effects,
)

ENACT = declare(
    Kind(
        "review.enact",
        EnactReview,
        ReviewEnacted,
        rules.enact,
        {
            REVIEWS: lambda command, actor, state: (ReviewKey(command.pool, command.cycle),),
            ACTORS: lambda command, actor, state: (Look(actor),),
        },
        gathered=("seed", "units", "lines", "artifacts", "propensity", "digest"),
    )
)


class Reviewed(NamedTuple):
    """A review that was decided and not enacted: what it knew, what it would do, and the same as a command."""

    given: Gathered
    plan: Plan
    command: EnactReview
    rows: list[Row | None]
    text: str


@collector_waits()
def preview_review(tx: Tx, *, pool: str, cycle: str, sort: str = "weekly", seed: str | None = None) -> Reviewed:
    """What a review would do now; nothing is changed. Its seed, given to `enact_review`, makes that the same review.

    Needs a transaction outside pipeline mode. Refuses: NameInvalid, ReviewSortInvalid, NothingToReview, CycleReviewed.
    """
    check_name(pool, "pool")
    check_name(cycle, "cycle")
    rules.check_sort(sort)
    rules.refuse_repeated(_of_cycle(tx, pool, cycle))
    policy, _ = current(tx)
    seed = seed_of(tx, pool, cycle) if seed is None else check_name(seed, "seed")
    units = reviewed_units(tx, pool, policy)
    given, rows = gather(tx, pool=pool, sort=sort, seed=seed, units=units, policy=policy)
    plan = plan_review(given.inputs, policy)
    text = render(given, plan)
    command = EnactReview(
        pool, cycle, sort, seed, units_of(given.inputs, plan), lines_of(given, plan, rows), len(rows),
        plan.propensity, fingerprint(text),
    )  # fmt: skip
    return Reviewed(given, plan, command, rows, text)


def decisions_of(reviewed: Reviewed, *, limit: int = 100) -> list[Decision]:
    """The budgets that a review would change, in the order of type and id, as many as asked for."""
    moved = (reviewed.plan.new != reviewed.given.inputs.old).any(axis=0)
    return decisions(reviewed.given, reviewed.plan, moved.nonzero()[0][:limit].tolist())


@collector_waits()
def enact_review(
    tx: Tx, *, pool: str, cycle: str, sort: str = "weekly", seed: str | None = None, key: str | None = None
) -> Receipt[ReviewEnacted]:
    """Review every budget of a pool and make one bounded step towards what each should be, all of them or none.

    A pool is reviewed once per cycle: done again under the same policy it changes nothing and returns the first
    receipt. Needs the role operator, and a transaction outside pipeline mode. Refuses: NameInvalid, ReviewSortInvalid,
    NothingToReview, CycleReviewed, RoleNeeded, UnknownActor, KeyReused.
    """
    _require_operator(tx)
    before = _of_cycle(tx, pool, cycle)
    policy, version = current(tx)
    if before is None:
        # Locked in the order that every command locks in; what is read from here on stays as it is until the end.
        lock_budgets(tx, check_name(pool, "pool"))
        lock_accounts(tx, pool, [unit for unit, *_ in reviewed_units(tx, pool, policy)])
        before = _of_cycle(tx, pool, cycle)
    if before is not None and (before.sort, before.policy_version) == (sort, version):
        return receipt_of_review(before, tx.actor)
    if before is not None:
        # Under the key of then it is answered as then; else the rule refuses it.
        return perform_one(tx, Request(EnactReview(pool, cycle, sort), tx.actor, key))
    found = preview_review(tx, pool=pool, cycle=cycle, sort=sort, seed=seed)
    receipt: Receipt[ReviewEnacted] = perform_one(tx, Request(found.command, tx.actor, key))
    if not receipt.repeated:
        _write(tx, receipt, found, policy)
    return receipt


def _write(tx: Tx, receipt: Receipt[ReviewEnacted], found: Reviewed, policy: Policy) -> None:
    """The decisions, and what they change; what was not there to be locked and somebody else has made or changed since
    makes us repeat."""
    review = find_review(tx, pool=receipt.result.pool, cycle=receipt.result.cycle)
    copy_decisions(tx, receipt.number, found.text)
    effects = effects_of(
        found.given,
        found.plan,
        found.command.lines,
        pool=review.pool,
        number=receipt.number,
        at=receipt.at,
        versions=[-1 if row is None else row.version for row in found.rows],
        columns=GRANTED_UNITS,
    )
    write_effects(tx, review, effects, storage_hours=policy.storage_budget_hours)


def _require_operator(tx: Tx) -> None:
    """The rule asks for the role again; this is so that nobody else makes every budget wait."""
    if tx.actor != HOUSE:
        found = find_actors_named(tx, [tx.actor])
        if not found:
            raise UnknownActor(actor=tx.actor)
        if "operator" not in found[0].roles:
            raise RoleNeeded(actor=tx.actor, role="operator")


def receipt_of_review(review: Review, actor: str) -> Receipt[ReviewEnacted]:
    """The receipt of a review that was enacted before."""
    done = ReviewEnacted(
        review.pool, review.cycle, review.sort, review.policy_version, review.seed, review.propensity,
        review.artifacts, review.changed, review.units, review.digest,
    )  # fmt: skip
    return Receipt(review.number, review.at, ENACT.name, actor, done, repeated=True)


def _of_cycle(tx: Tx, pool: str, cycle: str) -> Review | None:
    return next((review for _, review in load_reviews(tx, [ReviewKey(pool, cycle)])), None)


def due_reviews(tx: Tx) -> list[tuple[str, str, str]]:
    """Pool, cycle and sort of the reviews that the calendar (UTC) asks for now and that were not held: of each pool of
    the policy that has anything, the week's, and else the day's."""
    policy, _ = current(tx)
    year, week, _ = tx.now.isocalendar()
    due = []
    for pool in policy.review_pools:
        if not units_there(tx, pool, policy):
            continue
        for cycle, sort in ((f"{year}-W{week:02d}", "weekly"), (tx.now.date().isoformat(), "daily")):
            if _of_cycle(tx, pool, cycle) is None:
                due.append((pool, cycle, sort))
    return due


def check_reviews(tx: Tx, policies: dict[int, Policy]) -> Iterator[str]:
    """Every review whose decisions are not those that the journal tells of, or do not follow from their inputs.

    `policies` are the versions that there are. Needs a transaction outside pipeline mode.
    """
    by_number = {review.number: review for review in find_reviews(tx, limit=2**31 - 1)}
    for number, body in find_commands(tx):
        review = by_number.get(number)
        if review is None:
            continue  # the comparison of the tables names it
        command = ENACT.commands.validate_json(body)
        for problem in problems(command, review, read_decisions(tx, number), policies[review.policy_version]):
            yield f"journal {number}: {problem}"
