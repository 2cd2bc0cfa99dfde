"""One embedded server per test process, one database per test that commits, a rolled-back transaction for the rest."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from scidex.actors import register_actor
from scidex.core.db import Tx
from scidex.core.embedded import EmbeddedServer
from scidex.core.migrations import migrate
from scidex.core.settings import Settings
from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.exchange.markets import open_market
from scidex.ledger import issue, wallet_of

DAWN = datetime(2026, 1, 1, tzinfo=UTC)
T = TOKEN.parts


class FakeClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = DAWN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The owner's connection string of a PostgreSQL that holds a migrated template."""
    home = Path(tempfile.mkdtemp(prefix="sx"))
    embedded = EmbeddedServer(home)
    conninfo = embedded.acquire()
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE template_scidex")
        url = make_conninfo(conninfo, dbname="template_scidex")
        settings = Settings(home=home, database_url=url)
        migrate(url, settings)
        Economy.open(settings).close()
        yield conninfo
    finally:
        embedded.release()
        shutil.rmtree(home, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def new_database(server: str) -> Iterator[Callable[[], str]]:
    """Makes databases with the first policy and the operator in them; they go when the test ends."""
    made: list[str] = []

    def make(template: str = "template_scidex") -> str:
        name = f"test_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        made.append(name)
        return make_conninfo(server, dbname=name)

    yield make
    with psycopg.connect(server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def economy(new_database: Callable[[], str], clock: FakeClock) -> Iterator[Economy]:
    """An economy of its own that commits, on a clock that the test moves."""
    opened = Economy.open(Settings(home=Path("/nonexistent"), database_url=new_database()), clock=clock)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared(server: str) -> Iterator[Economy]:
    """An economy that nobody commits to."""
    url = make_conninfo(server, dbname="scidex")
    settings = Settings(home=Path("/nonexistent"), database_url=url)
    migrate(url, settings)
    opened = Economy.open(settings, clock=FakeClock())
    yield opened
    opened.close()


@pytest.fixture
def tx(shared: Economy) -> Iterator[Tx]:
    """An open transaction of the operator's that is rolled back when the test ends."""
    with psycopg.connect(shared.conninfo) as connection:
        connection.execute("SET ROLE scidex_app")
        yield Tx(connection, "operator", DAWN)
        connection.rollback()


class Town:
    """A small economy within a transaction: actors with 100 tokens each, artifacts, markets."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def as_actor(self, name: str) -> Tx:
        self.tx.actor = name
        return self.tx

    def actor(self, name: str, tokens: float = 100) -> str:
        register_actor(self.as_actor("operator"), name=name)
        if tokens:
            issue(self.tx, account=wallet_of(name), amount=round(tokens * T), reason="endowment")
        return name

    def artifact(self, name: str, kind: str = "hypothesis") -> EntityKey:
        register_entity(self.as_actor("operator"), entity_type=kind, entity_id=name, title=f"Title of {name}")
        return EntityKey(kind, name)

    def market(self, name: str, *, liquidity: float = 100, **terms: object) -> str:
        """A market on an artifact of the same name, funded by an actor called maker."""
        tx = self.as_actor("operator")
        artifact = self.artifact(name)
        register_actor(tx, name="maker")
        issue(tx, account=wallet_of("maker"), amount=round(liquidity * 10 * T), reason="subsidies")
        terms = {"question": f"Is {name} so?", **terms}
        open_market(self.as_actor("maker"), market=name, artifact=artifact, liquidity=round(liquidity * T), **terms)
        self.as_actor("operator")
        return name

    def pass_by(self, seconds: float) -> None:
        self.tx.now += timedelta(seconds=seconds)


@pytest.fixture
def town(tx: Tx) -> Town:
    return Town(tx)
