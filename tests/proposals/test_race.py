"""Votes and sweeps of the same instant, from connections of their own: one decision, one grant."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import FakeClock

from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.lab import audit
from scidex.ledger import AccountKey, Issue, find_account
from scidex.senate import proposals

GAP = EntityKey("gap", "g")
POOL = AccountKey("pool:proposals", "pool", "llm_standard")
VOTERS = {"rita": "approve", "rolf": "approve", "rosa": "reject"}
ROUNDS = 100
FUNDS = 10**9


@pytest.fixture
def houses(new_database: Callable[[], str], clock: FakeClock) -> Iterator[list[Economy]]:
    """Three economies that know nothing of each other, on one database with a funded pool and three reviewers."""
    url = new_database()
    with ExitStack() as opened:
        settings = Settings(home=Path("/nonexistent"), database_url=url, pool_size=3)
        economies = [opened.enter_context(Economy.open(settings, clock=clock)) for _ in VOTERS]
        economies[0].perform_all(
            [
                Request(RegisterActor("pat"), "operator"),
                Request(RegisterEntity(*GAP, "A gap"), "operator"),
                *(Request(RegisterActor(name, roles=("reviewer",)), "operator") for name in VOTERS),
                Request(Issue(POOL, FUNDS, "sleeve"), "operator"),
            ]
        )
        yield economies


def made(economy: Economy, number: int) -> str:
    def work(tx):
        return proposals.propose(
            tx,
            entity=GAP,
            requested={"llm_standard": 1000},
            justification=f"number {number}",
            expected=(proposals.Expected("edges", Decimal(1), 60),),
        )

    return economy.run(work, actor="pat").result.proposal


def at_once(houses: list[Economy], work: Callable[[int, Economy], None]) -> None:
    """Do it in every house from a thread of its own, all beginning together."""
    barrier, problems = threading.Barrier(len(houses)), []

    def go(place: int, economy: Economy) -> None:
        try:
            barrier.wait()
            work(place, economy)
        except BaseException as problem:
            problems.append(problem)
            raise

    threads = [threading.Thread(target=go, args=each) for each in enumerate(houses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def checked(economy: Economy) -> None:
    found = economy.database.run(audit, actor="auditor", pipelined=False)
    assert found.ok, found.findings


def test_two_approve_and_one_rejects_at_the_same_instant_a_hundred_times(houses: list[Economy]) -> None:
    answers: Counter[str] = Counter()
    for number in range(ROUNDS):
        name = made(houses[0], number)
        voters = list(VOTERS)

        def vote(place: int, economy: Economy, name: str = name, voters: list[str] = voters) -> None:
            voter = voters[place]
            choice = VOTERS[voter]
            try:
                receipt = economy.run(
                    lambda tx: proposals.vote_on_proposal(tx, proposal=name, choice=choice, reason="so"), actor=voter
                )
            except Refusal as refusal:
                answers[refusal.code] += 1
            else:
                answers[receipt.result.state] += 1

        at_once(houses, vote)
        with houses[0].reading() as tx:
            events = Counter(event.event for event in proposals.find_events(tx, name))
            assert proposals.find_proposal(tx, name).state == "enacted"
            assert (events["approved"], events["enacted"], events["rejected"]) == (1, 1, 0)
            assert find_account(tx, POOL).balance == FUNDS - 1000 * (number + 1)
    assert answers["enacted"] == ROUNDS
    assert answers.total() == 3 * ROUNDS
    assert set(answers) <= {"enacted", "open", "proposal_stage"}
    checked(houses[0])


def test_three_keepers_end_what_is_due_once(houses: list[Economy], clock: FakeClock) -> None:
    names = [made(houses[0], number) for number in range(20)]
    clock.pass_by(259_200)
    ended: Counter[str] = Counter()
    lock = threading.Lock()

    def sweep(place: int, economy: Economy) -> None:
        for _ in range(2):
            receipts = economy.run(proposals.advance_due_proposals, actor="system")
            with lock:
                ended.update(f"{receipt.result.proposal} {receipt.result.state}" for receipt in receipts)

    at_once(houses, sweep)
    assert ended == Counter(f"{name} expired" for name in names)
    assert houses[0].expire_due() == 0
    checked(houses[0])


def test_a_policy_is_enacted_once_and_the_journal_replays(houses: list[Economy], clock: FakeClock) -> None:
    economy = houses[0]
    for value in ("3", "2"):
        name = economy.run(
            lambda tx, value=value: proposals.propose_policy(
                tx,
                changes={"proposal_vote_s": f"10000{value}", "unknown_model_tier": "null"}
                if value == "3"
                else {"proposal_vote_s": f"10000{value}"},
                justification="longer",
            ),
            actor="pat",
        ).result.proposal
        for voter in VOTERS:
            economy.run(
                lambda tx, name=name: proposals.vote_on_proposal(tx, proposal=name, choice="approve", reason="so"),
                actor=voter,
            )
        clock.pass_by(86_400)
        enacted: list[int | None] = []
        at_once(
            houses,
            lambda place, house, enacted=enacted: enacted.extend(
                receipt.result.enacted_version for receipt in house.run(proposals.advance_due_proposals, actor="system")
            ),
        )
        assert len(enacted) == 1
    checked(economy)
