"""What is due is done once, however many keepers look after it at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import DAWN, FakeClock, T
from tests.settlement.commands import EVIDENCE

from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import markets, settlement
from scidex.exchange.settlement import advance_due_settlements
from scidex.lab import audit
from scidex.ledger import Issue, find_account, wallet_of
from scidex.policy import Policy

POLICY = Policy()
CLOSES = DAWN + timedelta(days=1)
COUNT, KEEPERS = 30, 4


@pytest.fixture
def keepers(new_database: Callable[[], str], clock: FakeClock) -> Iterator[list[Economy]]:
    """Economies that know nothing of each other, on one database."""
    url = new_database()
    with ExitStack() as opened:
        settings = Settings(home=Path("/nonexistent"), database_url=url, pool_size=3)
        yield [opened.enter_context(Economy.open(settings, clock=clock)) for _ in range(KEEPERS)]


def opened(economy: Economy) -> None:
    """Thirty markets with a trade each, and somebody to propose how they end."""
    people = [
        Request(RegisterActor(name), "operator")
        for name in ("alice", "pat", "dan")
    ]  # fmt: skip
    tokens = [
        Request(Issue(wallet_of(name), 5_000 * T, "e"), "operator") for name in ("operator", "alice", "pat", "dan")
    ]
    begun = []
    for number in range(COUNT):
        artifact = EntityKey("gap", f"g{number}")
        opening = markets.OpenMarket(f"m{number}", artifact, "?", ("yes", "no"), 10 * T, None, CLOSES)
        begun += [
            Request(RegisterEntity(*artifact, "title"), "operator"),
            Request(opening, "operator"),
            Request(markets.Order(f"m{number}", "yes", "buy", 5 * T), "alice"),
        ]
    economy.perform_all([*people, *tokens, *begun])


def together(keepers: list[Economy]) -> Counter[str]:
    """What they did, by step and market, when all of them looked at the same moment, again and again."""
    barrier, steps, problems = threading.Barrier(len(keepers)), Counter[str](), []
    lock = threading.Lock()

    def keep(economy: Economy) -> None:
        try:
            barrier.wait()
            for _ in range(3):
                receipts = economy.run(advance_due_settlements, actor="system")
                with lock:
                    steps.update(f"{receipt.result.step} {receipt.result.market}" for receipt in receipts)
        except BaseException as problem:
            problems.append(problem)
            raise

    threads = [threading.Thread(target=keep, args=(economy,)) for economy in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    return steps


def each(step: str) -> Counter[str]:
    return Counter(f"{step} m{number}" for number in range(COUNT))


def test_markets_past_their_deadline_are_void_once(keepers, clock):
    opened(keepers[0])
    clock.now = CLOSES + timedelta(seconds=POLICY.settlement_deadline_s)
    assert together(keepers) == each("timeout")
    assert together(keepers) == Counter()
    clock.pass_by(POLICY.settlement_appeal_s)
    assert together(keepers) == each("released")
    assert whole(keepers[0])


def test_proposals_and_disputes_end_once(keepers, clock):
    economy = keepers[0]
    opened(economy)
    clock.now = CLOSES
    names = [f"m{number}" for number in range(COUNT)]
    proposals = [settlement.ProposeResolution(name, "outcome", EVIDENCE[:1], "yes") for name in names]
    economy.perform_all([Request(command, "pat") for command in proposals])
    disputes = [settlement.DisputeResolution(name, "outcome", EVIDENCE[1:2], "no") for name in names[::2]]
    economy.perform_all([Request(command, "dan") for command in disputes])
    clock.pass_by(max(POLICY.settlement_dispute_s, POLICY.settlement_decide_s))
    ended = together(keepers)
    assert ended == Counter(f"{'upheld' if int(name[1:]) % 2 else 'lapsed'} {name}" for name in names)
    with economy.reading() as tx:
        wallets = [find_account(tx, wallet_of(name)).balance for name in ("pat", "dan")]
    assert wallets == [5_000 * T, 5_000 * T]
    assert whole(economy)


def test_everybody_at_once_proposes_one_resolution(keepers, clock):
    opened(keepers[0])
    clock.now = CLOSES
    barrier, answers = threading.Barrier(KEEPERS), []

    def propose(economy: Economy, actor: str) -> None:
        barrier.wait()
        command = settlement.ProposeResolution("m0", "outcome", EVIDENCE[:1], "yes")
        answers.extend(economy.perform([Request(command, actor)]))

    threads = [
        threading.Thread(target=propose, args=(economy, actor))
        for economy, actor in zip(keepers, ("pat", "dan", "pat", "dan"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["ProposalStands"] * 3 + ["Receipt"]
    assert whole(keepers[0])


def whole(economy: Economy) -> bool:
    with economy.reading() as tx:
        report = audit(tx)
    assert report.findings == ()
    return report.ok
