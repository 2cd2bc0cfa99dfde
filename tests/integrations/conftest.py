"""A gap with a budget, and agents that work on it, in an economy that commits."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.surfaces.test_http import listening

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.ledger import AccountKey, Issue
from scidex.metering import UsageRow, find_usage
from scidex.senate.budgets import SetBudget, budget_of
from scidex.surfaces.http import create_app

GAP = EntityKey("gap", "g")
BUDGETS = (
    ("api_calls", 10),
    ("cpu_seconds", 60_000),
    ("llm_reasoning", 100_000),
    ("llm_standard", 50_000),
    ("storage_gb_hours", 10**9),
)


@pytest.fixture
def office(economy: Economy) -> Economy:
    """An economy whose gap g has 50,000 standard LLM tokens and more; alice and bob are agents in it."""
    pools = [
        Request(Issue(AccountKey("pool:main", "pool", unit), parts, "cycle"), "operator") for unit, parts in BUDGETS
    ]
    economy.perform_all(
        [
            Request(RegisterActor("alice"), "operator"),
            Request(RegisterActor("bob"), "operator"),
            Request(RegisterEntity(*GAP, "g"), "operator"),
            *pools,
            Request(SetBudget(GAP, "main", BUDGETS), "operator"),
        ]
    )
    return economy


@pytest.fixture
def door(office: Economy) -> Iterator[httpx.Client]:
    """The office over HTTP, over a real connection."""
    with listening(create_app(office)) as client:
        yield client


def rows(economy: Economy) -> list[UsageRow]:
    """What was used for the gap, the earliest first."""
    with economy.reading() as tx:
        return find_usage(tx, entity=GAP, limit=1000)[::-1]


def line(economy: Economy, unit: str = "llm_standard") -> tuple[int, int, int]:
    """Reserved, spent and available of the gap."""
    with economy.reading() as tx:
        found = {each.unit: each for each in budget_of(tx, GAP)}
    return found[unit].reserved, found[unit].spent, found[unit].available
