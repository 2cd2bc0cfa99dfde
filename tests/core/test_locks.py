"""Who waits for whom, made to happen and not hoped for; and many at once."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.core.db import Contended
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.markets import OpenMarket, Order, find_market
from scidex.ledger import Issue, Leg, Transfer, wallet_of

T = 1_000_000
TRADERS = [f"t{n}" for n in range(16)]


@pytest.fixture
def busy(new_database, tmp_path):
    """An economy on the real clock with a market and traders."""
    economy = Economy.open(Settings(home=tmp_path, database_url=new_database(), pool_size=24))
    artifact = EntityKey("gap", "g")
    economy.perform_all(
        [
            Request(Issue(wallet_of("operator"), 1000 * T, "x"), "operator"),
            Request(RegisterEntity(*artifact, "g"), "operator"),
            Request(OpenMarket("m", artifact, "?", ("yes", "no"), 100 * T), "operator"),
            *(Request(RegisterActor(name), "operator") for name in TRADERS),
            *(Request(Issue(wallet_of(name), 1000 * T, "x"), "operator") for name in TRADERS),
        ]
    )
    yield economy
    economy.close()


def audit(economy):
    with economy.reading() as tx:
        return lab.audit(tx)


def wait_until_waiting(economy, how_many):
    """Returns when the server says that so many sessions of this database wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    # Outside a transaction, because within one the server shows its activity as it was at the first look.
    with psycopg.connect(economy.conninfo, autocommit=True) as watch:
        while watch.execute(query).fetchone()[0] < how_many:
            pass


def test_two_requests_with_one_key_at_the_same_moment_trade_once(busy):
    order = Request(Order("m", "yes", "buy", spend=T), "t0", "same")
    with psycopg.connect(busy.conninfo) as gate, ThreadPoolExecutor(2) as pool:
        gate.execute("SELECT FROM market WHERE market = 'm' FOR UPDATE")
        both = [pool.submit(busy.perform, [order]) for _ in range(2)]
        wait_until_waiting(busy, 2)
        gate.rollback()
        (one,), (two,) = (future.result() for future in both)
    assert {one.repeated, two.repeated} == {False, True}
    assert one.number == two.number and one.result == two.result
    with busy.reading() as tx:
        assert find_market(tx, "m").trades == 1


def test_one_key_for_two_bodies_at_the_same_moment_refuses_one(busy):
    # They touch different rows, so neither waits for the other's locks: the journal's unique key decides.
    requests = [Request(Transfer((Leg(wallet_of("t0"), wallet_of(to), T),), "x"), "t0", "same") for to in ("t1", "t2")]
    barrier = threading.Barrier(2)

    def send(request):
        barrier.wait()
        return busy.perform([request])[0]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send, requests))
    assert sorted(getattr(answer, "code", "ok") for answer in answers) == ["key_reused", "ok"]


def test_a_lock_that_is_not_let_go_is_answered_with_busy_and_the_key_stays_good(new_database, tmp_path):
    settings = Settings(home=tmp_path, database_url=new_database(), lock_timeout_ms=50)
    economy = Economy.open(settings)
    order = Request(Issue(wallet_of("operator"), T, "x"), "operator", "k")
    economy.perform_all([Request(Issue(wallet_of("operator"), T, "x"), "operator")])
    with psycopg.connect(economy.conninfo) as gate:
        gate.execute("SELECT FROM ledger_account FOR UPDATE")
        with pytest.raises(Contended):
            economy.perform([order])
        gate.rollback()
    (receipt,) = economy.perform([order])
    assert not receipt.repeated
    economy.close()


def test_transfers_in_opposite_directions_never_deadlock(busy):
    def work(seed):
        chance = random.Random(seed)
        done = 0
        for _ in range(20):
            payer, payee = chance.sample(TRADERS[:4], 2)
            legs = tuple(Leg(wallet_of(a), wallet_of(b), 1) for a, b in ((payer, payee), (payee, payer)))
            done += len(busy.perform_all([Request(Transfer(legs, "x"), "operator")]))
        return done

    with psycopg.connect(busy.conninfo, autocommit=True) as watch:
        deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        before = watch.execute(deadlocks).fetchone()
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(work, range(8))) == 160
        assert watch.execute(deadlocks).fetchone() == before
    assert audit(busy).ok


def test_who_loses_a_role_while_using_it_leaves_a_journal_that_can_be_run_again(busy):
    """Found in review: a role was read under a lock that its change did not wait for."""
    stop = threading.Event()

    def flip():
        while not stop.is_set():
            for roles in ((), ("issuer",)):
                busy.perform([Request(RegisterActor("t0", "agent", roles), "operator")])

    def use(_):
        return [busy.perform([Request(Issue(wallet_of("t0"), 1, "x"), "t0")])[0] for _ in range(60)]

    with ThreadPoolExecutor(5) as pool:
        flipping = pool.submit(flip)
        answers = [answer for each in pool.map(use, range(4)) for answer in each]
        stop.set()
        flipping.result()
    assert {getattr(answer, "code", "ok") for answer in answers} <= {"ok", "role_needed"}
    report = audit(busy)
    assert report.ok, report.findings


def test_two_hundred_orders_on_one_market_from_sixteen_connections_settle_to_a_state_that_the_audit_accepts(busy):
    chance = random.Random(1)
    orders = [
        Request(
            Order("m", chance.choice(("yes", "no")), "buy", spend=chance.randint(1, 20 * T)), chance.choice(TRADERS)
        )
        for _ in range(200)
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = [answer for (answer,) in pool.map(lambda order: busy.perform([order]), orders)]
    assert not [answer for answer in answers if isinstance(answer, Refusal)]
    assert sorted(answer.result.trade for answer in answers) == list(range(1, 201))
    busy.seal()
    report = audit(busy)
    assert report.ok, report.findings
    assert report.sealed_rows == report.journal_rows


def test_sealing_while_others_write_loses_and_doubles_nothing(busy):
    stop = threading.Event()

    def sealer():
        while not stop.is_set():
            busy.seal()

    with ThreadPoolExecutor(6) as pool:
        sealers = [pool.submit(sealer) for _ in range(2)]
        orders = [Request(Order("m", "yes", "buy", spend=1000), name) for name in TRADERS * 10]
        list(pool.map(lambda order: busy.perform([order]), orders))
        stop.set()
        for running in sealers:
            running.result()
    busy.seal()
    report = audit(busy)
    assert report.ok, report.findings
    assert report.sealed_rows == report.journal_rows
    assert report.blocks > 2


def test_an_account_that_two_open_at_once_keeps_both_payments(busy):
    barrier = threading.Barrier(8)

    def pay(_):
        barrier.wait()
        return busy.perform_all([Request(Issue(wallet_of("newcomer"), T, "x"), "operator")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(pay, range(8)))
    with busy.reading() as tx:
        assert ledger.find_account(tx, wallet_of("newcomer")).balance == 8 * T
