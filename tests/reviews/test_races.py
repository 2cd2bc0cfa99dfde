"""Reviews while others write: what comes to be after the locks were taken is not written over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.reviews.test_actions import balances, found, sound

from scidex import ledger
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent
from scidex.senate import budgets
from scidex.senate.reviews import actions


def _once_before(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object]) -> None:
    """Let somebody else act just before the review's step of this name, the first time."""
    step, left = getattr(actions, name), [act]

    def before(*terms: Any, **named: Any) -> Any:
        while left:
            left.pop()()
        return step(*terms, **named)

    monkeypatch.setattr(actions, name, before)


def test_a_budget_that_comes_to_be_after_the_locks_is_not_written_over(
    economy: Economy, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = found(economy, artifacts=4)[0]

    def charge() -> None:
        event = UsageEvent("llm_standard", 7, usd=0)
        economy.run(lambda tx: budgets.charge(tx, entity=gap, events=[event]), actor="alice")

    # It has no account when the accounts are locked, one when they are read, and another balance when they are written.
    _once_before(monkeypatch, "preview_review", charge)
    _once_before(monkeypatch, "write_effects", charge)
    economy.review(pool="main", cycle="2026-W01", actor="operator")
    assert balances(economy)[AccountKey("entity:gap:g00000", "spent", "llm_standard")] == 14
    sound(economy)


def test_a_budget_row_that_comes_to_be_after_the_locks_is_not_written_over(
    economy: Economy, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = found(economy, artifacts=4)[0]

    def weigh(weight: float) -> Callable[[], object]:
        return lambda: economy.run(
            lambda tx: budgets.set_budget(
                tx, entity=gap, pool="main", budgets={}, priority_score=0.9, market_weight=weight
            ),
            actor="operator",
        )

    _once_before(monkeypatch, "preview_review", weigh(0.25))
    _once_before(monkeypatch, "write_effects", weigh(0.5))
    economy.review(pool="main", cycle="2026-W01", actor="operator")
    sound(economy)


def test_everything_at_once_beside_reviews_keeps_the_books(economy: Economy) -> None:
    keys = found(economy, artifacts=12)
    pools = ("main", "second")

    def issue(tx: Tx) -> None:
        for pool in pools:
            account = AccountKey(f"pool:{pool}", "pool", "llm_standard")
            ledger.issue(tx, account=account, amount=100_000, reason="cycle")

    economy.run(issue, actor="operator")
    stop, failed, done = threading.Event(), [], [0, 0]

    def spend() -> None:
        place = 0
        while not stop.is_set():
            place += 1
            key = keys[place * 5 % len(keys)]
            event = UsageEvent("llm_standard", place % 40 + 1, usd=0)
            try:
                held = economy.run(
                    lambda tx, key=key: budgets.reserve(tx, entity=key, amounts={"llm_standard": 20}, usd=0),
                    actor="alice",
                ).result.reservation
                economy.run(
                    lambda tx, held=held, event=event: budgets.settle(tx, reservation=held, events=[event]),
                    actor="alice",
                )
            except Refusal:
                economy.run(
                    lambda tx, key=key, event=event: budgets.charge(tx, entity=key, events=[event]), actor="alice"
                )
            done[0] += 1

    def grant() -> None:
        place = 0
        while not stop.is_set():
            place += 1
            key, pool = keys[place * 7 % len(keys)], pools[place % 2]
            granted = {"llm_standard": place * 37 % 5_000}
            try:
                economy.run(
                    lambda tx, key=key, pool=pool, granted=granted: budgets.set_budget(
                        tx, entity=key, pool=pool, budgets=granted, priority_score=0.7
                    ),
                    actor="operator",
                )
                done[1] += 1
            except Refusal:
                pass

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told to the test
                failed.append(error)

        return run

    threads = [threading.Thread(target=guarded(work)) for work in (spend, grant)]
    for thread in threads:
        thread.start()
    try:
        for cycle in range(8):
            economy.review(pool=pools[cycle % 2], cycle=str(cycle), seed=str(cycle), actor="operator")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed and all(done), (failed, done)
    sound(economy)
