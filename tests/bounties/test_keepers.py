"""Two keepers at once: what is due is given back, and what compute has cost is drawn, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from tests.conftest import T

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import bounties
from scidex.exchange.resource_allocator import RecordSpending
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue, find_account, wallet_of
from scidex.senate.budgets import SetBudget

GAPS = [EntityKey("gap", f"g{n}") for n in range(12)]
UNIT = "llm_standard"


def prepare(economy: Economy) -> None:
    """Twelve gaps with two bounties each, to which two funders gave."""
    requests = [
        *(Request(RegisterActor(name), "operator") for name in ("alice", "bob")),
        *(Request(Issue(wallet_of(name), 500 * T, "endowment"), "operator") for name in ("alice", "bob")),
        Request(Issue(AccountKey("pool:main", "pool", UNIT), 100_000, "cycle"), "operator"),
    ]
    for gap in GAPS:
        requests += [
            Request(RegisterEntity(*gap, "title"), "operator"),
            Request(SetBudget(gap, "main", ((UNIT, 5_000),)), "operator"),
            Request(bounties.OfferBounty(gap, 10 * T, 60, "p"), "alice"),
            Request(bounties.OfferBounty(gap, 5 * T, 60, "p"), "bob"),
        ]
    receipts = economy.perform_all(requests)
    offered = [receipt.result.bounty for receipt in receipts if receipt.kind == "bounty.offer"]
    economy.perform_all([Request(bounties.AddToBounty(name, T), "bob") for name in offered[::2]])


def both(first: Economy, second: Economy, rounds: int) -> int:
    """Both keepers do what is due, at the same moment; how much that was for the two of them."""
    barrier = Barrier(2)

    def keep(economy: Economy) -> int:
        done = 0
        for _ in range(rounds):
            barrier.wait(30)
            done += economy.expire_due()
        return done

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(keep, (first, second)))


def balance(economy: Economy, account: AccountKey) -> int:
    with economy.reading() as tx:
        return find_account(tx, account).balance


def test_two_keepers_release_and_draw_each_bounty_once(new_database, clock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as first, Economy.open(settings, clock=clock) as second:
        prepare(first)
        spending = [Request(RecordSpending(gap, UNIT, 400, ""), "operator") for gap in GAPS]
        first.perform_all(spending)
        assert both(first, second, 3) == len(GAPS)
        assert balance(first, bounties.TREASURY) == len(GAPS) * 4 * T
        clock.pass_by(60)
        assert both(first, second, 3) == 2 * len(GAPS)
        with first.reading() as tx:
            found = bounties.find_bounties(tx)
            paid = [row for each in found for row in bounties.find_payments(tx, each.bounty)]
            report = audit(tx)
        assert {each.state for each in found} == {"expired"}
        assert sum(row.amount for row in paid if row.sort == "draw") == len(GAPS) * 4 * T
        assert sum(row.amount for row in paid if row.sort == "refund") == len(GAPS) * 12 * T
        wallets = [balance(first, wallet_of(name)) for name in ("alice", "bob")]
        assert sum(wallets) == 1000 * T - balance(first, bounties.TREASURY)
        assert both(first, second, 2) == 0
        assert report.ok, report.findings


def test_an_award_and_a_keeper_that_meet_pay_once(new_database, clock):
    """The judge awards at the very moment at which the bounty is due: one of the two happens."""
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as first, Economy.open(settings, clock=clock) as second:
        prepare(first)
        with first.reading() as tx:
            names = [each.bounty for each in bounties.find_bounties(tx)]
        first.perform_all([Request(RegisterActor("carol"), "operator")])
        works = [EntityKey("analysis", name) for name in names]
        first.perform_all(
            [
                request
                for name, work in zip(names, works, strict=True)
                for request in (
                    Request(RegisterEntity(*work, "w"), "carol"),
                    Request(bounties.ClaimBounty(name, 30), "carol"),
                    Request(bounties.SubmitWork(name, work, "n"), "carol"),
                )
            ]
        )
        awards = [
            Request(bounties.AwardBounty(name, work), "operator") for name, work in zip(names, works, strict=True)
        ]
        refunds = [Request(bounties.RefundBounty(name), "operator") for name in names]
        barrier = Barrier(2)

        def ask(economy: Economy, requests: list[Request]) -> int:
            barrier.wait(30)
            return sum(not isinstance(answer, Exception) for answer in economy.perform(requests))

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(ask, (first, second), (awards, refunds)))
        assert sum(done) == len(names)
        with first.reading() as tx:
            assert audit(tx).ok
        assert sum(balance(first, wallet_of(name)) for name in ("alice", "bob", "carol")) == 1000 * T
