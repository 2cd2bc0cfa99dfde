"""What the keeper does by itself, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.conftest import DAWN

from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy, Keeper
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue
from scidex.metering import find_partitions
from scidex.policy import Policy
from scidex.senate.budgets import SetBudget, budget_of

GAP = EntityKey("gap", "g")


def granted(economy: Economy) -> None:
    economy.perform_all(
        [
            Request(RegisterEntity(*GAP, "title"), "operator"),
            Request(Issue(AccountKey("pool:main", "pool", "llm_standard"), 100, "cycle"), "operator"),
            Request(SetBudget(GAP, "main", (("llm_standard", 100),)), "operator"),
        ]
    )


def available(economy: Economy) -> int:
    with economy.reading() as tx:
        (line,) = budget_of(tx, GAP)
    return line.available


def test_idle_grants_are_tended_and_not_among_what_is_due_all_the_time(economy, clock):
    granted(economy)
    policy = Policy()
    clock.pass_by(policy.idle_after_s)
    assert (economy.expire_due(), economy.tend(), economy.tend()) == (0, 1, 0)
    clock.pass_by(policy.idle_notice_s)
    assert (economy.expire_due(), available(economy)) == (0, 100)
    assert (economy.tend(), available(economy)) == (1, 0)


def test_the_coming_month_has_its_partition_before_it_begins(economy):
    economy.tend()
    with economy.reading() as tx:
        assert [month.opens for month in find_partitions(tx)] == [DAWN, DAWN + timedelta(days=31)]


def test_the_keeper_tends_at_its_start_and_not_in_every_round(new_database, clock):
    """The clock of the economy moves on by a month, so that who tends makes another partition."""
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), seal_every_s=0.01)
    with Economy.open(settings, clock=clock) as economy:
        keeper = Keeper(economy)
        keeper.start()
        until(lambda: months(economy) == 2)
        clock.pass_by(86_400 * 31)
        granted(economy)
        # Sealed, and sealed again: a whole round has gone by in between.
        until(lambda: unsealed(economy) == 0)
        economy.perform_all([Request(RegisterEntity("gap", "h", "title"), "operator")])
        until(lambda: unsealed(economy) == 0)
        assert months(economy) == 2
        keeper.stop()
        keeper = Keeper(economy)
        keeper.start()
        until(lambda: months(economy) == 3)
        keeper.stop()


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline


def months(economy: Economy) -> int:
    with economy.reading() as tx:
        return len(find_partitions(tx))


def unsealed(economy: Economy) -> int:
    with economy.reading() as tx:
        report = audit(tx)
    return report.journal_rows - report.sealed_rows
