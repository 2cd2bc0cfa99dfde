"""Two reviewers at once, on one database: every output is rewarded once, and a period mints no more than it may."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from tests.conftest import T

from scidex.actors import RegisterActor
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.earnings import RecordOutput, RetractOutput, VerifyOutput, find_periods
from scidex.lab import audit
from scidex.ledger import find_accounts

WORKS = [EntityKey("work", f"w{n:02}") for n in range(16)]


def prepare(economy: Economy) -> None:
    """Sixteen outputs of two producers, each building on the one before."""
    requests = [Request(RegisterActor(name), "operator") for name in ("alice", "bob")]
    requests += [Request(RegisterActor(name, "person", ("reviewer",)), "operator") for name in ("rita", "ron")]
    for n, work in enumerate(WORKS):
        producer = ("alice", "bob")[n % 2]
        requests.append(Request(RegisterEntity(*work, "title"), producer))
        requests.append(Request(RecordOutput(work, tuple(WORKS[n - 1 : n])), producer))
    economy.perform_all(requests)


def both(first: Economy, second: Economy, here: list[Request], there: list[Request]) -> list[list[object]]:
    """What two processes' worth of requests are answered, one after the other in each, at the same time."""
    barrier = Barrier(2)

    def ask(given: tuple[Economy, list[Request]]) -> list[object]:
        economy, requests = given
        answers: list[object] = []
        for request in requests:
            barrier.wait(60)
            answers += economy.perform([request])
        return answers

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask, ((first, here), (second, there))))


def test_two_reviewers_reward_each_output_once_and_no_more_than_the_period_has(new_database, clock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as first, Economy.open(settings, clock=clock) as second:
        prepare(first)
        # The period has 100 tokens, for ten of these.
        asked = [VerifyOutput(work, "hypothesis", "n") for work in WORKS]
        found = both(first, second, [Request(each, "rita") for each in asked], [Request(each, "ron") for each in asked])
        done = [answer for answers in found for answer in answers if not isinstance(answer, Refusal)]
        assert len(done) == 10
        assert {answer.code for answers in found for answer in answers if isinstance(answer, Refusal)} == {
            "rewarded_before",
            "emission_exhausted",
        }
        with first.reading() as tx:
            (period,) = find_periods(tx)
            report = audit(tx)
        assert (period.minted, period.left) == (100 * T, 0)
        assert report.ok, report.findings


def test_a_reward_and_a_retraction_that_meet_leave_nothing_behind(new_database, clock):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database())
    with Economy.open(settings, clock=clock) as first, Economy.open(settings, clock=clock) as second:
        prepare(first)
        verify = [Request(VerifyOutput(work, "hypothesis", "n"), "rita") for work in WORKS[:9]]
        retract = [Request(RetractOutput(work, "wrong"), "ron") for work in WORKS[:9]]
        both(first, second, verify, retract)
        with first.reading() as tx:
            report = audit(tx)
            balances = [account.balance for account in find_accounts(tx, unit="token")]
        assert report.ok, report.findings
        assert set(balances) <= {0}
