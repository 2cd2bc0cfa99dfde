"""The audit names what of proposals and scores the journal does not say."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from scidex import lab
from scidex.actors import RegisterActor
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.ledger import AccountKey, Issue
from scidex.senate import proposals, scores

GAP = EntityKey("gap", "g")
POOL = AccountKey("pool:proposals", "pool", "llm_standard")


@pytest.fixture
def decided(economy: Economy) -> Economy:
    """A grant that was paid, another that is open, and a score."""
    people = ("rita", "rolf", "rosa")
    economy.perform_all(
        [
            Request(RegisterActor("pat"), "operator"),
            *(Request(RegisterActor(name, roles=("reviewer",)), "operator") for name in people),
            Request(RegisterEntity(*GAP, "A gap"), "operator"),
            Request(Issue(POOL, 1000, "sleeve"), "operator"),
        ]
    )

    def make(tx):
        return proposals.propose(
            tx,
            entity=GAP,
            requested={"llm_standard": 10},
            justification="why",
            expected=(proposals.Expected("edges", Decimal(1), 60),),
        )

    for voters in (people[:2], people[:1]):
        name = economy.run(make, actor="pat").result.proposal
        for voter in voters:
            economy.run(
                lambda tx, name=name: proposals.vote_on_proposal(tx, proposal=name, choice="approve", reason="so"),
                actor=voter,
            )
    economy.run(lambda tx: scores.record_signal(tx, entity=GAP, kind="paper", value=5, source="PMID:1"), actor="rita")
    economy.run(lambda tx: scores.compute_scores(tx, entities=[GAP]), actor="rita")
    assert failed(economy) == set()
    return economy


def failed(economy: Economy) -> set[str]:
    report = economy.database.run(lab.audit, actor="auditor", pipelined=False)
    return {check for check, passed in report.checks.items() if not passed}


@pytest.mark.parametrize(
    ("tampering", "check"),
    [
        ("UPDATE allocation_proposals SET votes = '[]' WHERE state = 'enacted'", "proposals"),
        ("UPDATE proposal_vote SET choice = 'reject' WHERE voter = 'rolf'", "proposals"),
        ("DELETE FROM proposal_vote WHERE voter = 'rolf'", "proposals"),
        ("INSERT INTO proposal_vote SELECT 'p0', voter, choice, reason, cast_at, counts FROM proposal_vote LIMIT 1", "proposals"),
        ("UPDATE allocation_proposals SET reviewers = '{rosa}' WHERE state = 'open'", "proposals"),
        ("UPDATE allocation_proposals SET amounts = '{11}' WHERE state = 'enacted'", "proposals"),
        ("UPDATE allocation_proposals SET state = 'enacted', ended_at = now(), due_at = NULL WHERE state = 'open'", "proposals"),
        ("UPDATE resource_allocations SET amount = amount + 1", "proposals"),
        ("UPDATE allocation_proposals SET threshold = 1 WHERE state = 'open'", "tables"),
        ("UPDATE proposal_event SET note = 'nothing'", "tables"),
        ("UPDATE allocation_score SET signals = 2", "scores"),
        ("UPDATE score_signal SET value = 6", "tables"),
        ("UPDATE resource_budgets SET priority_score = 1", "tables"),
    ],
)  # fmt: skip
def test_a_change_by_hand_is_named(decided: Economy, tampering: str, check: str):
    with psycopg.connect(decided.conninfo, autocommit=True) as connection:
        assert connection.execute(tampering).rowcount
    assert check in failed(decided)
