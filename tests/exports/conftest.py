"""Two economies that were lived in: random ones under the worst names, and the recorded markets traded again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.conftest import FakeClock
from tests.exports.worlds import Life

from scidex import lab
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.scenarios import replay

DATA = Path(__file__).parents[1] / "data" / "replication_markets"


def opened(server: str, name: str, template: str = "template_scidex", clock: FakeClock | None = None) -> Economy:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    url = make_conninfo(server, dbname=name)
    return Economy.open(Settings(home=Path("/nonexistent"), database_url=url), clock=clock or FakeClock())


def random_life(server: str, name: str, *, seed: int, steps: int) -> tuple[Economy, Life]:
    clock = FakeClock()
    economy = opened(server, name, clock=clock)
    life = Life(economy, clock, seed)
    life.begin()
    life.live(steps)
    life.end()
    with economy.reading() as tx:
        assert lab.audit(tx).ok
    return economy, life


@pytest.fixture(scope="session")
def random_world(server: str) -> Iterator[Economy]:
    economy, life = random_life(server, "exports_random", seed=20261121, steps=150)
    # What the tests of holds, budgets and markets stand on did happen.
    wanted = {"Transfer", "PlaceHold", "PostHold", "VoidHold", "Retire", "Order", "OfferBounty", "Settle", "Charge"}
    assert wanted <= life.accepted.keys(), life.accepted
    with closing(economy):
        yield economy


@pytest.fixture(scope="session")
def small_world(server: str) -> Iterator[Economy]:
    """One that can be checked many times over."""
    economy, _ = random_life(server, "exports_small", seed=7, steps=25)
    with closing(economy):
        yield economy


@pytest.fixture(scope="session")
def replayed(server: str) -> Iterator[Economy]:
    with closing(opened(server, "exports_replayed")) as economy:
        replay(economy, DATA)
        economy.seal()
        yield economy


@pytest.fixture(params=["random", "replayed"])
def lived(request: pytest.FixtureRequest) -> Economy:
    name = "random_world" if request.param == "random" else "replayed"
    found: Economy = request.getfixturevalue(name)
    return found
