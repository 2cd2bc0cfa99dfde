"""Any interleaving of the steps of bounties, against a model of who should have which tokens."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.lab.test_oracle import Pair

from scidex import lab, ledger
from scidex.actors import RegisterActor
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange import bounties
from scidex.exchange.resource_allocator import AllocatePool, Claim, RecordSpending
from scidex.lab.audit import compare_tables, read_tables
from scidex.ledger import AccountKey, wallet_of
from scidex.policy import Policy
from scidex.senate import budgets

T = 1_000_000
GAP, HOLE = EntityKey("gap", "g"), EntityKey("gap", "h")
PEOPLE = ("alice", "bob", "carol")
WORKS = tuple((EntityKey("analysis", f"{who} {n}"), who) for who in ("bob", "carol") for n in (1, 2))
POLICY = Policy()
people = st.sampled_from(PEOPLE)
amounts = st.sampled_from((1, 3, 7, T, 5 * T + 1))
which = st.sampled_from((0, 0, 0, 1, 2, 0, 0, 1, 2, 9))


@dataclass
class Offered:
    """A bounty as the model knows it."""

    artifact: EntityKey
    poster: str
    expires_at: datetime
    due_at: datetime
    funded: dict[str, int]
    remaining: int
    out: int = 0
    counted: bool = False
    open: bool = True
    works: dict[EntityKey, str] = field(default_factory=dict)
    judged: set[EntityKey] = field(default_factory=set)
    claim: tuple[str, datetime] | None = None

    @property
    def waiting(self) -> set[EntityKey]:
        return self.works.keys() - self.judged


class Bounties(RuleBasedStateMachine):
    """Two gaps, three people, one reviewer, compute being spent all the while."""

    shared: object = None

    @initialize()
    def begin(self):
        self.connection = psycopg.connect(self.shared.conninfo)
        self.connection.execute("SET ROLE scidex_app")
        self.tx = Tx(self.connection, "operator", self.shared.database.clock())
        self.pair = Pair(self.tx)
        self.offered: dict[str, Offered] = {}
        self.owed: dict[EntityKey, Fraction] = {GAP: Fraction(0), HOLE: Fraction(0)}
        self.wallets = dict.fromkeys(PEOPLE, 40 * T)
        self.treasury = 0
        for name in PEOPLE:
            self.do(RegisterActor(name), "operator")
            self.do(ledger.Issue(wallet_of(name), 40 * T, "endowment"), "operator")
        self.do(RegisterActor("rita", "person", ("reviewer",)), "operator")
        for work, who in WORKS:
            self.do(RegisterEntity(*work, "work"), who)
        pool = AccountKey("pool:main", "pool", "llm_standard")
        self.do(ledger.Issue(pool, 200_000, "cycle"), "operator")
        for artifact in (GAP, HOLE):
            self.do(RegisterEntity(*artifact, "title"), "operator")
            self.do(budgets.SetBudget(artifact, "main", (("llm_standard", 50_000),)), "operator")
        self.offer_by("alice", 5 * T + 1, GAP, 500)

    def do(self, command, actor):
        (answer,) = self.pair.play([Request(command, actor)])
        return answer if isinstance(answer, Refusal) else answer.result

    def named(self, which):
        """One of the latest bounties, or one that nobody offered."""
        latest = list(self.offered)[-3:]
        return latest[which % len(latest)] if latest and which < 9 else "b0"

    def draw_first(self, artifact):
        """What every command that moves a bounty's tokens does before."""
        here = [each for each in self.offered.values() if each.open and each.artifact == artifact]
        rest = [each.remaining for each in here]
        if not any(rest):
            self.owed[artifact] = Fraction(0)
            return
        whole = int(self.owed[artifact])
        if not whole:
            return
        self.owed[artifact] = Fraction(0)
        for each, share in zip(here, bounties.pro_rata(min(whole, sum(rest)), rest), strict=True):
            each.remaining -= share
            each.out += share
            self.treasury += share

    def give_back(self, each):
        self.draw_first(each.artifact)
        funders = sorted(each.funded)
        back = bounties.pro_rata(each.remaining, [each.funded[funder] for funder in funders])
        for funder, share in zip(funders, back, strict=True):
            self.wallets[funder] += share
        each.out, each.remaining, each.open = each.out + each.remaining, 0, False

    @rule(
        who=st.sampled_from(("alice", "alice", "bob")),
        amount=amounts,
        artifact=st.sampled_from((GAP, GAP, HOLE)),
        seconds=st.sampled_from((50, 500)),
    )
    def offer(self, who, amount, artifact, seconds):
        self.offer_by(who, amount, artifact, seconds)

    def offer_by(self, who, amount, artifact, seconds):
        answer = self.do(bounties.OfferBounty(artifact, amount, seconds, "p"), who)
        if isinstance(answer, Refusal):
            assert self.wallets[who] < amount
            return
        self.draw_first(artifact)
        self.wallets[who] -= amount
        until = self.tx.now + timedelta(seconds=seconds)
        self.offered[answer.bounty] = Offered(artifact, who, until, until, {who: amount}, amount)

    @rule(which=which, who=people, amount=amounts)
    def add(self, which, who, amount):
        name = self.named(which)
        each = self.offered.get(name)
        answer = self.do(bounties.AddToBounty(name, amount), who)
        works = each and (who in each.works.values() or (each.claim and each.claim[0] == who))
        may = each and each.open and self.tx.now < each.expires_at and not works and self.wallets[who] >= amount
        assert isinstance(answer, Refusal) != bool(may), answer
        if may:
            self.draw_first(each.artifact)
            self.wallets[who] -= amount
            each.funded[who] = each.funded.get(who, 0) + amount
            each.remaining += amount

    @rule(which=which, who=people, seconds=st.sampled_from((10, 100)))
    def claim(self, which, who, seconds):
        name = self.named(which)
        self.claim_by(name, who, seconds)

    def claim_by(self, name, who, seconds):
        each = self.offered.get(name)
        answer = self.do(bounties.ClaimBounty(name, seconds), who)
        now = self.tx.now
        taken = each and each.claim and each.claim[1] > now and each.claim[0] != who
        lapsed = (
            each and each.claim and each.claim[0] == who
            and each.claim[1] <= now < each.claim[1] + timedelta(seconds=POLICY.bounty_reclaim_after_s)
        )  # fmt: skip
        may = each and each.open and now < each.expires_at and who not in each.funded and not taken and not lapsed
        assert isinstance(answer, Refusal) != bool(may), answer
        if may:
            each.claim = (who, min(now + timedelta(seconds=seconds), each.expires_at))

    @rule(which=which, work=st.sampled_from(WORKS))
    def work(self, which, work):
        name = self.named(which)
        self.claim_by(name, work[1], 100)
        self.submit_by(name, work)

    @rule(which=which, work=st.sampled_from(WORKS))
    def submit(self, which, work):
        name = self.named(which)
        self.submit_by(name, work)

    def submit_by(self, name, work):
        output, who = work
        each = self.offered.get(name)
        answer = self.do(bounties.SubmitWork(name, output, "n"), who)
        claimed = each and each.claim and each.claim[0] == who and each.claim[1] > self.tx.now
        may = claimed and each.open and output not in each.works
        assert isinstance(answer, Refusal) != bool(may), answer
        if may:
            each.works[output], each.claim = who, None
            each.due_at = each.expires_at + timedelta(seconds=POLICY.bounty_review_s)

    @rule(
        which=which,
        work=st.sampled_from(WORKS),
        amount=st.sampled_from((None, None, 2, T)),
        judge=st.sampled_from(("rita", "alice")),
    )
    def award(self, which, work, amount, judge):
        name, work = self.submitted(which, work)
        self.judge(name, work, judge, lambda: bounties.AwardBounty(name, work[0], amount), amount, pays=True)

    @rule(which=which, work=st.sampled_from(WORKS))
    def decline(self, which, work):
        name, work = self.submitted(which, work)
        self.judge(name, work, "rita", lambda: bounties.DeclineWork(name, work[0], "r"), None, pays=False)

    def submitted(self, which, work):
        """Something that waits for judgement where there is any, or else this."""
        for name, each in self.offered.items():
            if each.open and each.waiting and which < 2:
                output = min(each.waiting)
                return name, (output, each.works[output])
        return self.named(which), work

    def judge(self, name, work, judge, command, amount, *, pays):
        output, who = work
        each = self.offered.get(name)
        answer = self.do(command(), judge)
        may = (
            each and each.open and output in each.waiting and self.tx.now < each.due_at
            and (judge == "rita" or judge == each.poster)
        )  # fmt: skip
        if not may:
            assert isinstance(answer, Refusal)
            return
        if pays:
            kept = deepcopy((self.owed, self.offered, self.treasury))
            self.draw_first(each.artifact)
            paid = each.remaining if amount is None else amount
            if not 0 < paid <= each.remaining:
                assert isinstance(answer, Refusal)
                self.owed, self.offered, self.treasury = kept
                return
            self.wallets[who] += paid
            each.remaining, each.out = each.remaining - paid, each.out + paid
            each.open = each.remaining > 0
            assert not isinstance(answer, Refusal), answer
        each.judged.add(output)
        if not each.waiting:
            each.due_at = each.expires_at

    @rule(which=which, who=people)
    def refund(self, which, who):
        name = self.named(which)
        each = self.offered.get(name)
        answer = self.do(bounties.RefundBounty(name), who)
        busy = each and (each.counted or (each.claim and each.claim[1] > self.tx.now) or each.waiting)
        may = each and each.open and who == each.poster and not busy
        assert isinstance(answer, Refusal) != bool(may), answer
        if may:
            self.give_back(each)

    @rule(which=which)
    def expire(self, which):
        name = self.named(which)
        each = self.offered.get(name)
        answer = self.do(bounties.ExpireBounty(name), "system")
        may = each and each.open and each.due_at <= self.tx.now
        assert isinstance(answer, Refusal) != bool(may), answer
        if may:
            self.give_back(each)

    @rule(artifact=st.sampled_from((GAP, GAP, HOLE)), tokens=st.sampled_from((1, 30, 300)))
    def spend(self, artifact, tokens):
        if not isinstance(self.do(RecordSpending(artifact, "llm_standard", tokens, ""), "operator"), Refusal):
            self.owed[artifact] += Fraction(tokens * T, 100)

    @rule(artifact=st.sampled_from((GAP, GAP, HOLE)))
    def draw(self, artifact):
        answer = self.do(bounties.DrawBounties(artifact), "bob")
        before = self.treasury
        if isinstance(answer, Refusal):
            assert int(self.owed[artifact]) == 0 or not any(
                each.remaining for each in self.offered.values() if each.open and each.artifact == artifact
            )
            return
        self.draw_first(artifact)
        assert sum(amount for _, amount in answer.drawn) == self.treasury - before > 0

    @rule(cycle=st.integers(1, 10**9), artifact=st.sampled_from((GAP, HOLE)))
    def allocate(self, cycle, artifact):
        names = tuple(name for name, each in self.offered.items() if each.artifact == artifact)
        claim = Claim(artifact, 0, 10 * T, None)
        answer = self.do(
            AllocatePool("main", "llm_standard", str(cycle), (claim,), amount=100, bounties=names), "operator"
        )
        if not isinstance(answer, Refusal):
            for name in names:
                self.offered[name].counted |= self.offered[name].open

    @rule(seconds=st.sampled_from((1, 20, 200, POLICY.bounty_review_s, POLICY.bounty_reclaim_after_s)))
    def pass_by(self, seconds):
        self.tx.now += timedelta(seconds=seconds)

    @invariant()
    def every_token_is_where_the_model_has_it(self):
        if not hasattr(self, "tx"):
            return
        for name, each in self.offered.items():
            found = bounties.find_bounty(self.tx, name)
            assert (found.remaining, found.state == "open") == (each.remaining, each.open), name
            assert found.amount == sum(each.funded.values()) == each.remaining + each.out
        for who, balance in self.wallets.items():
            assert ledger.find_account(self.tx, wallet_of(who)).balance == balance >= 0
        escrowed = sum(each.remaining for each in self.offered.values())
        assert sum(self.wallets.values()) + escrowed + self.treasury == 120 * T
        assert set(ledger.sums_by_unit(self.tx).values()) <= {0}

    def teardown(self):
        if hasattr(self, "connection"):
            try:
                assert list(compare_tables(self.pair.world, read_tables(self.tx))) == []
                report = lab.audit(self.tx)
                assert report.ok, report.findings
            finally:
                self.connection.close()


@pytest.mark.timeout(280)
def test_no_order_of_steps_makes_loses_or_pays_a_token_twice(shared):
    machine = type("Bound", (Bounties,), {"shared": shared})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
