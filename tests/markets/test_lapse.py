"""Orders whose time is over leave their books by themselves, once, also when two workers look at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from tests.conftest import DAWN, FakeClock

from scidex import lab
from scidex.actors import register_actor
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.exchange.markets import find_orders, open_market, place_limit_order
from scidex.ledger import find_account, issue, wallet_of

T = 1_000_000
ORDERS = 60


def test_lapsed_orders_release_their_tokens_once_with_two_workers(new_database: Callable[[], str], clock: FakeClock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as one, Economy.open(settings, clock=clock) as two:
        one.run(_prepare, actor="operator")
        with one.reading() as tx:
            assert len(find_orders(tx, market="m")) == ORDERS
            assert find_account(tx, wallet_of("alice")).balance == 1000 * T - ORDERS * T // 5
        clock.pass_by(3600)
        with ThreadPoolExecutor(2) as workers:
            ended = list(workers.map(lambda economy: economy.expire_due(), (one, two)))
        assert sum(ended) == ORDERS
        with one.reading() as tx:
            assert find_orders(tx, market="m") == []
            assert find_account(tx, wallet_of("alice")).balance == 1000 * T
            assert lab.audit(tx).ok


def _prepare(tx) -> None:
    for name in ("alice", "maker"):
        register_actor(tx, name=name)
        issue(tx, account=wallet_of(name), amount=1000 * T, reason="x")
    register_entity(tx, entity_type="gap", entity_id="g", title="g")
    tx.actor = "maker"
    open_market(tx, market="m", artifact=EntityKey("gap", "g"), question="?", liquidity=100 * T)
    tx.actor = "alice"
    for _ in range(ORDERS):
        lapses = DAWN + timedelta(hours=1)
        place_limit_order(tx, market="m", outcome="yes", shares=T, limit_price=10**12 // 5, expires_at=lapses)
