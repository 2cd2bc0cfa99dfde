"""Whatever agents do with work in any order: the journal run again gives the tables, and the rows of work agree."""

from __future__ import annotations

import random
from datetime import timedelta

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.work.conftest import Lab

from scidex import lab, work
from scidex.atlas.knowledge import NewEdge
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.metering import UsageEvent
from scidex.senate import budgets
from scidex.work.board import Board

AGENTS = ("alice", "bob", "operator", "ghost")
nth = st.integers(0, 9)
events = st.lists(st.builds(UsageEvent, st.just("llm_standard"), st.integers(1, 300), usd=st.just(0)), max_size=2)
edges = st.lists(
    st.sampled_from("abc").map(lambda name: NewEdge(name, "causes", "it", "source")), max_size=2, unique=True
)
moves = st.one_of(
    st.tuples(st.just("add"), nth, st.sampled_from((50, 100, 400, 5000)), st.booleans()),
    st.tuples(st.just("add"), nth, st.sampled_from((50, 100)), st.just(False)),
    st.tuples(st.just("claim"), st.sampled_from(((), ("read",), ("write",))), st.sampled_from((5, 60, 600, 0))),
    st.tuples(st.just("claim"), st.just(()), st.just(60)),
    st.tuples(st.just("claim"), st.just(()), st.just(60)),
    st.tuples(st.just("finish"), nth, events, edges),
    st.tuples(st.just("finish"), nth, events, edges),
    st.tuples(st.just("fail"), nth, events),
    st.tuples(st.just("return"), nth),
    st.tuples(st.just("heartbeat"), nth, st.sampled_from((1, 60, 10**9))),
    st.tuples(st.just("expire"), nth),
    st.tuples(st.just("void"), nth),
    st.tuples(st.just("withdraw"), nth),
    st.tuples(st.just("revive"), nth),
)
walks = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(AGENTS), moves), min_size=1, max_size=6),
        st.sampled_from((0, 0, 1, 30, 90, 4000)),
    ),
    min_size=3,
    max_size=15,
)


class Walk:
    """The items and claims that there are, for moves that name the n-th of them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.town = Lab(tx)
        self.town.actor("alice", 0), self.town.actor("bob", 0)
        self.entities = [self.town.project(f"h{n}", 500 * (n + 1)) for n in range(3)]
        self.items: list[str] = []
        self.claims: list[work.Claimed] = []
        self.board = Board(random.Random(7))

    def command(self, move: tuple) -> object | None:
        """The command of a move, as its action would make it; None where there is nothing to name yet."""
        what, *terms = move
        tx = self.tx
        if what == "add":
            n, tokens, waits = terms
            after = tuple(self.items[-2:]) if waits else ()
            kind = ("read", "write")[n % 2]
            return work.to_add(
                tx, entity=self.entities[n % 3], kind=kind, amounts={"llm_standard": tokens}, after=after, attempts=2
            )
        if what == "claim":
            return work.ClaimWork(*terms)
        if what in ("withdraw", "revive"):
            if not self.items:
                return None
            item = self.items[terms[0] % len(self.items)]
            # What is decided before it in the same batch may make it another version.
            version = work.version_of(work.find_item(tx, item)) if terms[0] % 2 else None
            return work.WithdrawWork(item, "moot", version) if what == "withdraw" else work.ReviveWork(item, version)
        if not self.claims:
            return None
        claimed = self.claims[terms[0] % len(self.claims)]
        claim = claimed.claim
        return {
            "finish": lambda: work.to_finish(tx, claim=claim, events=terms[1], edges=terms[2]),
            "fail": lambda: work.to_fail(tx, claim=claim, reason="no", events=terms[1]),
            "return": lambda: work.ReturnWork(claim),
            "heartbeat": lambda: work.HeartbeatWork(claim, terms[1]),
            "expire": lambda: work.ExpireClaim(claim),
            "void": lambda: budgets.VoidReservation(claimed.reservation),
        }[what]()

    def play(self, batch: list) -> None:
        made = [(actor, self.command(move)) for actor, move in batch]
        requests = [Request(command, actor) for actor, command in made if command is not None]
        for answer in work.perform_work(self.tx, requests, self.board):
            if isinstance(answer, Receipt) and isinstance(answer.result, work.Claimed):
                self.claims.append(answer.result)
            elif isinstance(answer, Receipt) and answer.kind == "work.add":
                self.items.append(answer.result.item)
            else:
                assert isinstance(answer, Receipt | Refusal)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walks)
def test_the_journal_gives_the_tables_and_the_rows_of_work_agree(shared, steps):
    with psycopg.connect(shared.conninfo) as connection:
        connection.execute("SET ROLE scidex_app")
        walk = Walk(Tx(connection, "operator", shared.database.clock()))
        for batch, seconds in steps:
            walk.play(batch)
            walk.tx.now += timedelta(seconds=seconds)
            walk.town.sweep()
        report = lab.audit(walk.tx)
        assert report.ok, report.findings
        connection.rollback()
