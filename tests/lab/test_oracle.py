"""The same commands to the world in memory and to PostgreSQL: every receipt, every refusal and all state agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.settlement.commands import commands_on

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.atlas import knowledge
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Entry, Request, perform
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import bounties, earnings, markets
from scidex.exchange import resource_allocator as allocator
from scidex.exchange.markets import lmsr
from scidex.lab.audit import compare_tables, read_tables
from scidex.ledger import AccountKey, Leg, wallet_of
from scidex.metering import IntakeCharge, IntakeUsage, Price, UsageEvent
from scidex.senate import budgets, proposals, scores

T = 1_000_000
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
ONE = lmsr.PRICE_ONE
ACTORS = ("operator", "alice", "bob", "carol", "ghost")
MARKETS = ("m1", "m2", "m3")
ARTIFACTS = tuple(EntityKey(kind, name) for kind in ("hypothesis", "gap") for name in ("a1", "a2"))
WORKS = tuple(EntityKey("analysis", name) for name in ("w1", "w2", "w3"))

amounts = st.one_of(st.integers(1, 60 * T), st.sampled_from([0, -T, 1, 2**53, 2**60, 5 * T]))
accounts = st.one_of(
    st.sampled_from(ACTORS).map(wallet_of),
    st.sampled_from(
        [
            AccountKey("pool:main", "pool", "llm_standard"),
            AccountKey("actor:alice", "wallet", "usd"),
            AccountKey("actor:alice", "wallet", "nonsense"),
            ledger.issuance_of("token"),
        ]
    ),
)
numbers = st.integers(1, 60)
prices = st.one_of(st.none(), st.integers(0, ONE), st.sampled_from([-1, ONE + 1]))
maybe_amounts = st.one_of(st.none(), amounts)
legs = st.builds(Leg, accounts, accounts, amounts)
holds = st.one_of(numbers.map(lambda n: f"h{n}"), st.just("h?"))
claims = st.builds(
    allocator.Claim,
    st.sampled_from(ARTIFACTS),
    st.integers(0, 500 * T),
    st.integers(0, 50 * T),
    prices.filter(lambda price: price is None or 0 <= price <= ONE),
)

units = st.sampled_from(("llm_standard", "llm_standard", "cpu_seconds", "api_calls", "usd", "gold"))
parts = st.one_of(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0, -1, 2**60]))
dollars = st.one_of(st.just(0), st.integers(0, 20 * T), st.integers(0, 20 * T), st.none(), st.just(-1))
vectors = st.one_of(
    st.dictionaries(st.sampled_from(("llm_standard", "cpu_seconds")), st.integers(1, 400), min_size=1),
    st.dictionaries(units, parts, max_size=3),
).map(lambda found: tuple(found.items()))
budgeted = st.sampled_from((*ARTIFACTS[:2], *ARTIFACTS))
reservations = numbers.map(lambda n: f"r{n}")
subjects = st.sampled_from((("fleet", ""), ("actor", "alice"), ("entity", "hypothesis:a1"), ("provider", "pubmed")))
windows = st.sampled_from(("day", "total", "second"))
caps = st.one_of(st.none(), st.integers(0, 1000), st.integers(T, 50 * T))
usage = st.lists(
    st.builds(
        UsageEvent,
        st.sampled_from(("llm_standard", "llm_standard", "cpu_seconds", "api_calls", "token")),
        st.integers(0, 600),
        st.sampled_from((DAWN, DAWN, DAWN - timedelta(days=40), DAWN + timedelta(days=2))),
        st.one_of(st.none(), st.sampled_from(("e1", "e2", "e3"))),
        st.sampled_from((None, "gpt-4o")),
        usd=dollars,
    ),
    max_size=3,
).map(tuple)
taken_in = st.builds(
    IntakeUsage,
    st.sampled_from(("file 1", "file 2")),
    st.integers(0, 5),
    st.just("digest"),
    st.lists(
        st.tuples(
            st.sampled_from(ARTIFACTS),
            st.sampled_from(("alice", "alice", "bob", "system", "ghost")),
            st.sampled_from(("llm_standard", "llm_batch", "cpu_seconds")),
            st.integers(1, 600),
            st.integers(0, T),
            st.integers(0, 300),
        ).map(lambda found: IntakeCharge(*found[0], *found[1:])),
        max_size=4,
    ).map(tuple),
)
prices_found = st.lists(st.sampled_from((Price(None, None), Price(5 * T, "book"))), max_size=3).map(tuple)
lives = st.sampled_from([0, 5, 500, 86_400])

budget_commands = st.one_of(
    st.builds(
        budgets.Reserve,
        budgeted,
        vectors,
        lives,
        dollars,
        st.sampled_from((None, "gpt-4o")),
        st.sampled_from((None, "pubmed", "PubMed")),
        st.none(),
        st.sampled_from((None, None, None, 5, 0)),
        st.sampled_from((None, None, None, budgets.Estimate("api_calls", 2, 1), budgets.Estimate("llm_batch", 1, 1))),
        dollars,
    ),
    st.builds(budgets.Reserve, budgeted, vectors, st.just(500), st.integers(0, 9 * T)),
    st.builds(budgets.Reserve, budgeted, vectors, st.just(500), st.integers(0, 9 * T)),
    st.builds(budgets.Settle, reservations, usage, prices_found),
    st.builds(budgets.Settle, reservations, usage, prices_found),
    st.builds(budgets.Charge, st.sampled_from(ARTIFACTS), usage, prices_found),
    taken_in,
    st.builds(budgets.VoidReservation, reservations),
    st.builds(budgets.ExtendReservation, reservations, lives),
    st.builds(budgets.ExpireReservation, reservations),
    st.builds(
        budgets.SetBudget,
        st.sampled_from(ARTIFACTS),
        st.sampled_from(("main", "other")),
        vectors,
        st.sampled_from((None, None, 0.5, 2.0)),
        st.sampled_from((None, -1.0)),
    ),
    subjects.flatmap(
        lambda found: st.builds(budgets.SetLimit, st.just(found[0]), st.just(found[1]), units, windows, caps)
    ),
    subjects.flatmap(
        lambda found: st.builds(
            budgets.OverrideLimit, st.just(found[0]), st.just(found[1]), units, st.integers(0, 1000), st.just("why")
        )
    ),
    st.builds(budgets.GiveNotice, st.sampled_from(ARTIFACTS), st.just(("llm_standard", "usd"))),
    st.builds(
        budgets.ReturnGrant,
        st.sampled_from(ARTIFACTS),
        st.just(("llm_standard", "usd")),
        st.sampled_from((None, "main")),
    ),
)

bounty_names = numbers.map(lambda n: f"b{n}")
works = st.sampled_from(WORKS)
bounty_commands = st.one_of(
    st.builds(bounties.OfferBounty, st.sampled_from(ARTIFACTS), amounts, st.sampled_from([0, 5, 500]), st.just("p")),
    st.builds(bounties.AddToBounty, bounty_names, amounts),
    st.builds(bounties.ClaimBounty, bounty_names, st.sampled_from([0, 5, 500, 500])),
    st.builds(bounties.ClaimBounty, bounty_names, st.just(500)),
    st.builds(bounties.ReleaseClaim, bounty_names),
    st.builds(bounties.SubmitWork, bounty_names, works, st.just("done")),
    st.builds(bounties.SubmitWork, bounty_names, works, st.just("done")),
    st.builds(bounties.AwardBounty, bounty_names, works, maybe_amounts),
    st.builds(bounties.AwardBounty, bounty_names, works, st.just(5)),
    st.builds(bounties.DeclineWork, bounty_names, works, st.just("no")),
    st.builds(bounties.RefundBounty, bounty_names),
    st.builds(bounties.ExpireBounty, bounty_names),
    st.builds(bounties.DrawBounties, st.sampled_from(ARTIFACTS)),
)
outputs = st.sampled_from((*WORKS, *WORKS, *ARTIFACTS))
earning_commands = st.one_of(
    st.builds(
        earnings.RecordOutput,
        outputs,
        st.lists(outputs, max_size=2).map(tuple),
        st.sampled_from((None, None, None, "corp", "alice")),
    ),
    st.builds(
        earnings.VerifyOutput,
        outputs,
        st.sampled_from((*earnings.OUTPUT_KINDS, "poem")),
        st.just("n"),
        st.sampled_from((0, 0, 1000, 333, -1)),
    ),
    st.builds(earnings.VerifyOutput, outputs, st.sampled_from(("hypothesis", "gap")), st.just("n")),
    st.builds(earnings.RetractOutput, outputs, st.just("r")),
)

said = ("tau", "Tau", "amyloid", "  ")
edge_names = tuple(knowledge.edge_id(text, "causes", "it") for text in ("tau", "amyloid", "none"))
edges = st.builds(
    knowledge.NewEdge,
    st.sampled_from(said[:3]),
    st.just("causes"),
    st.just("it"),
    st.just("s"),
    st.sampled_from((None, 900)),
)
learnt = st.builds(
    knowledge.SubmitKnowledge,
    st.sampled_from((*ARTIFACTS, *WORKS)),
    st.lists(edges, min_size=1, max_size=3).map(tuple),
    st.lists(
        st.builds(
            knowledge.NewGain,
            st.sampled_from(("paper", "quality", "poem")),
            st.sampled_from(("r", "R")),
            st.sampled_from((1, 1, 0)),
        ),
        max_size=1,
    ).map(tuple),
    st.sampled_from((None, "w1", "")),
)
named = st.sampled_from((*edge_names[:2], *edge_names))
knowledge_commands = st.one_of(
    learnt,
    learnt,
    learnt,
    st.builds(knowledge.SubmitKnowledge, st.sampled_from(ARTIFACTS), st.just((knowledge.NewEdge(*said),))),
    st.builds(knowledge.RetractEdge, named, st.just("r")),
    st.builds(knowledge.ReinstateEdge, named, st.just("r")),
    st.builds(knowledge.MergeEdges, named, named, st.just("n"), st.sampled_from((edge_names, edge_names, ()))),
    st.builds(knowledge.SplitEdge, named, st.just("n"), st.sampled_from((edge_names, edge_names, ()))),
    st.builds(
        knowledge.AuditEdges,
        st.lists(st.builds(knowledge.Verdict, named, st.booleans()), max_size=2).map(tuple),
        st.just("n"),
    ),
    st.builds(knowledge.RetractGain, st.sampled_from(("paper", "poem")), st.sampled_from(("r", "R")), st.just("r")),
)

proposal_names = numbers.map(lambda n: f"p{n}")
electorates = st.sampled_from(
    (proposals.Electorate(("alice", "carol", "operator"), 0), proposals.Electorate(("carol", "operator"), 0), None)
)
conflicts = st.sampled_from(((), (), (), (proposals.Conflict("carol", "carol holds a position"),)))
choices = st.sampled_from(("approve", "approve", "approve", "reject", "defer", "abstain", "perhaps"))
asked = st.dictionaries(st.sampled_from(("llm_standard", "cpu_seconds", "usd")), st.integers(1, 4000), max_size=2)
votes = st.builds(proposals.CastVote, proposal_names, choices, st.just("so"), conflicts)
proposal_commands = st.one_of(
    st.builds(
        proposals.Propose,
        st.sampled_from(ARTIFACTS),
        asked.map(lambda found: tuple(found.items())),
        st.just("because"),
        st.just((proposals.Expected("edges", Decimal(4), 60),)),
        st.sampled_from(((), (proposals.GapProgress("gap:a1", "half of it"),))),
        st.sampled_from(("main", "main", "main", "other")),
        st.sampled_from((False, False, True)),
        st.just(()),
        electorates,
    ),
    st.builds(
        proposals.ProposePolicy,
        st.sampled_from(((("proposal_quorum", "3"),), (("proposal_quorum", "0"),))),
        st.just("because"),
        st.just(()),
        st.booleans(),
        st.just(()),
        electorates,
    ),
    votes,
    votes,
    votes,
    st.builds(proposals.OpenProposal, proposal_names, st.just(()), electorates),
    st.builds(proposals.AdvanceProposal, proposal_names, conflicts),
    st.builds(proposals.CommentOnProposal, proposal_names, st.just("hm")),
    st.builds(proposals.WithdrawProposal, proposal_names, st.just("no")),
)

ppm = st.sampled_from((None, 0, 250_000, 1_000_000))
measured = st.builds(
    scores.Measured, st.sampled_from(ARTIFACTS), ppm, st.integers(0, 10**6), ppm, ppm, st.just(0), st.integers(0, 9)
)
score_commands = st.one_of(
    st.builds(
        scores.RecordSignal,
        st.sampled_from(ARTIFACTS),
        st.sampled_from((*scores.KINDS, "rumour")),
        st.sampled_from((0, 500_000, 1_000_000, -1)),
        st.just(1_000_000),
        st.sampled_from(("PMID:1", "mission", "")),
    ),
    st.builds(
        scores.ComputeScores,
        st.just(()),
        st.lists(measured, max_size=3, unique_by=lambda found: found.entity).map(tuple),
    ),
)

settlement_commands = commands_on(("m1", "m2", "m4", "m4", "m4"), ("yes", "no", "a"))
resting = numbers.map(lambda n: f"o{n}")
limit_orders = st.builds(
    markets.LimitOrder,
    st.sampled_from(MARKETS[:2]),
    st.sampled_from(("yes", "no", "a", "b", "c")),
    st.sampled_from(("buy", "buy", "sell")),
    st.integers(1, 30 * T),
    st.integers(ONE // 5, ONE // 5 * 4),
    st.sampled_from((None, None, DAWN, DAWN + timedelta(hours=4))),
)

commands = st.one_of(
    earning_commands,
    knowledge_commands,
    proposal_commands,
    proposal_commands,
    score_commands,
    budget_commands,
    budget_commands,
    settlement_commands,
    settlement_commands,
    st.builds(ledger.Transfer, st.lists(legs, max_size=3).map(tuple), st.just("t")),
    st.builds(ledger.Issue, accounts, amounts, st.just("i")),
    st.builds(ledger.Retire, accounts, amounts, st.just("r")),
    st.builds(ledger.PlaceHold, accounts, accounts, amounts, st.sampled_from([0, 5, 500]), st.just("h")),
    st.builds(ledger.PostHold, holds, maybe_amounts),
    st.builds(ledger.VoidHold, holds),
    st.builds(ledger.ExpireHold, holds),
    st.builds(RegisterActor, st.sampled_from((*ACTORS, "system", "")), st.sampled_from(("agent", "cat")), st.sampled_from(
        ((), ("resolver",), ("reviewer",), ("king",))
    )),
    st.builds(RegisterEntity, st.just("gap"), st.sampled_from(("a1", "a2", "a3")), st.just("title")),
    st.builds(
        markets.OpenMarket,
        st.sampled_from(MARKETS),
        st.sampled_from(ARTIFACTS),
        st.just("?"),
        st.sampled_from((("yes", "no"), ("a", "b", "c"), ("one",))),
        amounts,
        st.sampled_from((None, (ONE // 4, ONE // 4 * 3), (ONE // 2, ONE // 4, ONE // 4))),
    ),
    st.builds(
        markets.Order,
        st.sampled_from((*MARKETS, "none")),
        st.sampled_from(("yes", "no", "a", "b", "c")),
        st.sampled_from(("buy", "buy", "sell", "keep")),
        maybe_amounts,
        maybe_amounts,
        prices,
        st.one_of(st.none(), st.none(), prices),
    ),
    limit_orders,
    limit_orders,
    st.builds(markets.CancelOrder, st.sampled_from(MARKETS[:2]), resting),
    st.builds(markets.ExpireOrder, st.sampled_from(MARKETS[:2]), resting),
    st.builds(markets.ChangeLiquidity, st.sampled_from(MARKETS), st.one_of(amounts, st.integers(T, 40 * T))),
    st.builds(markets.CloseMarket, st.sampled_from(MARKETS)),
    st.builds(markets.ResolveMarket, st.sampled_from(MARKETS), st.sampled_from(("yes", "a", "zz"))),
    st.builds(markets.VoidMarket, st.sampled_from(MARKETS)),
    bounty_commands,
    st.builds(
        allocator.AllocatePool,
        st.just("main"),
        st.sampled_from(("llm_standard", "token", "gold")),
        st.sampled_from(("c1", "c2")),
        st.lists(claims, max_size=4).map(tuple),
        st.none(),
        st.one_of(st.none(), st.integers(1, 2000)),
        st.one_of(st.none(), st.integers(1, 500)),
        st.lists(numbers.map(lambda n: f"b{n}"), max_size=3).map(tuple),
    ),
    st.builds(
        allocator.RecordSpending, st.sampled_from(ARTIFACTS), st.sampled_from(("llm_standard", "gold")), numbers, st.just("")
    ),
)  # fmt: skip
steps = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.sampled_from(ACTORS), commands, st.one_of(st.none(), st.sampled_from("xyz"))),
            min_size=1,
            max_size=8,
        ),
        st.one_of(st.integers(0, 20), st.integers(0, 20), st.sampled_from((86_000, 300_000, 700_000))),
    ),
    min_size=1,
    max_size=25,
)


def opening() -> list[Request]:
    """Something for the random commands to work on."""
    issued = [
        *(ledger.Issue(wallet_of(name), 100 * T, "endowment") for name in ("operator", "alice", "bob", "carol")),
        ledger.Issue(AccountKey("pool:main", "pool", "llm_standard"), 5000, "cycle"),
        ledger.Issue(AccountKey("pool:main", "pool", "cpu_seconds"), 5000, "cycle"),
        ledger.Issue(AccountKey("pool:main", "pool", "api_calls"), 50, "cycle"),
        ledger.Issue(AccountKey("pool:main", "pool", "usd"), 100 * T, "cycle"),
    ]
    granted = (("api_calls", 10), ("cpu_seconds", 1000), ("llm_standard", 1000))
    return [
        *(Request(RegisterActor(name), "operator") for name in ("alice", "bob")),
        Request(RegisterActor("carol", "person", ("resolver", "reviewer")), "operator"),
        *(Request(command, "operator") for command in issued),
        *(Request(RegisterEntity(*artifact, "title"), "alice") for artifact in ARTIFACTS[:3]),
        *(Request(RegisterEntity(*work, "title"), by) for work, by in zip(WORKS, ("bob", "bob", "carol"), strict=True)),
        *(
            Request(earnings.RecordOutput(work, on), "operator")
            for work, on in ((WORKS[0], ()), (WORKS[2], (WORKS[0],)))
        ),
        Request(markets.OpenMarket("m1", ARTIFACTS[0], "?", ("yes", "no"), 20 * T), "operator"),
        Request(markets.OpenMarket("m2", ARTIFACTS[1], "?", ("a", "b", "c"), 5 * T), "operator"),
        Request(markets.OpenMarket("m4", ARTIFACTS[2], "?", ("yes", "no", "a"), 10 * T), "operator"),
        Request(markets.Order("m4", "yes", "buy", 9 * T), "bob"),
        Request(markets.CloseMarket("m4"), "carol"),
        *(Request(budgets.SetBudget(artifact, "main", granted), "operator") for artifact in ARTIFACTS[:2]),
    ]


class Pair:
    """One economy in memory and one in a transaction of PostgreSQL, given the same commands."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.world = lab.World()
        self.ids: dict[str, str] = {}
        for row in tx.execute("SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY 1"):
            assert self.world.replay(Entry(*row)) is None

    def play(self, batch: list[Request]) -> list[object]:
        answers = perform(self.tx, batch)
        for request, answer in zip(batch, answers, strict=True):
            number = None if isinstance(answer, Refusal) else answer.number
            try:
                expected: object = self.world.apply(
                    request.command, actor=request.actor, now=self.tx.now, key=request.key, number=number
                )
            except Refusal as refusal:
                expected = refusal
            assert answer == expected, request
        return answers


MAKERS = {ledger.PlaceHold: "h", bounties.OfferBounty: "b", budgets.Reserve: "r", markets.LimitOrder: "o",
    proposals.Propose: "p", proposals.ProposePolicy: "p",
}  # fmt: skip


def renamed(command: object, made: dict[str, list[int]]) -> object:
    """Holds, bounties, reservations, resting orders and proposals are named by journal numbers, which random commands cannot guess: the n-th
    stands for one."""
    for field, letter in (("hold", "h"), ("bounty", "b"), ("reservation", "r"), ("order", "o"), ("proposal", "p")):
        name = getattr(command, field, None)
        if isinstance(name, str) and name[1:].isdigit() and (numbers := made[letter]):
            return type(command)(**{**_fields(command), field: f"{letter}{numbers[int(name[1:]) % len(numbers)]}"})
    return command


def _fields(command: object) -> dict[str, object]:
    return {name: getattr(command, name) for name in command.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.timeout(280)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps)
def test_memory_and_postgresql_agree_in_every_receipt_refusal_and_all_state(shared, steps):
    with psycopg.connect(shared.conninfo) as connection:
        connection.execute("SET ROLE scidex_app")
        tx = Tx(connection, "operator", shared.database.clock())
        pair = Pair(tx)
        pair.play(opening())
        made: dict[str, list[int]] = {letter: [] for letter in MAKERS.values()}
        for batch, seconds in steps:
            requests = [Request(renamed(command, made), actor, key) for actor, command, key in batch]
            for request, answer in zip(requests, pair.play(requests), strict=True):
                if type(request.command) in MAKERS and not isinstance(answer, Refusal):
                    made[MAKERS[type(request.command)]].append(answer.number)
            tx.now += timedelta(seconds=seconds)
        tables = read_tables(tx)
        assert list(compare_tables(pair.world, tables)) == []
        report = lab.audit(tx)
        # The intakes come without their rows here, which the audit has to say, and nothing else.
        assert {check for check, passed in report.checks.items() if not passed} <= {"usage"}, report.findings
        assert all(finding.row.startswith("journal ") for finding in report.findings)
        connection.rollback()
