"""A market ends on evidence: proposed with a bond, open to dispute, decided by somebody without a stake, paid once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from psycopg import errors
from tests.settlement.conftest import CLOSES, PASSED, POLICY, REFUTED, T

from scidex import lab
from scidex.actors import RoleNeeded, UnknownActor
from scidex.core.journal import Request, perform_one
from scidex.core.names import NameInvalid
from scidex.core.versions import VersionDiffers
from scidex.exchange import markets, settlement
from scidex.exchange.settlement import ExternalVerdict, Panel
from scidex.ledger import AccountKey, InsufficientFunds, Leg, PlaceHold, issue, transfer, wallet_of
from scidex.policy import Policy, enact_policy

BOND = int(POLICY.settlement_bond_min * T)
POOL = AccountKey("pool:treasury", "pool", "token")


def test_an_undisputed_proposal_is_final_after_its_window_and_pays_the_winners(court):
    court.trade()
    paid = court.wallet("alice")
    court.close()
    proposed = court.propose()
    assert (proposed.state, proposed.bond, proposed.due_at) == (
        "proposed", BOND, CLOSES + timedelta(seconds=POLICY.settlement_dispute_s),
    )  # fmt: skip
    assert (court.wallet("pat"), court.left()[0]) == (100 * T - BOND, BOND)
    with pytest.raises(settlement.NothingDue):
        court.advance()
    court.pass_by(seconds=POLICY.settlement_dispute_s)
    final = court.advance()
    assert (final.step, final.state, final.version, final.ruling, final.outcome) == (
        "upheld", "final", 1, "outcome", "yes",
    )  # fmt: skip
    # Nine tenths now, one tenth when nobody can appeal any more.
    assert dict(final.payouts)["trader:alice"] == 30 * T
    assert court.wallet("alice") == paid + 27 * T
    assert court.wallet("pat") == 100 * T
    assert court.left() == (0, final.withheld, 0)
    market = markets.find_market(court.tx, "m")
    assert (market.state, market.outcome) == ("resolved", "yes")
    court.pass_by(seconds=POLICY.settlement_appeal_s)
    released = court.advance()
    assert (released.step, released.state, court.wallet("alice")) == ("released", "done", paid + 30 * T)
    assert court.left() == (0, 0, 0)
    with pytest.raises(settlement.SettledForGood):
        court.advance()
    assert lab.audit(court.tx).findings == ()


def test_settled_twice_is_settled_once(court):
    court.finish()
    wallets = [court.wallet(name) for name in ("alice", "bob", "pat", "maker")]
    with pytest.raises(settlement.NothingDue):
        court.advance()
    with pytest.raises(markets.MarketSettled):
        markets.resolve_market(court.town.as_actor("operator"), market="m", outcome="no")
    with pytest.raises(VersionDiffers):
        court.propose()
    assert wallets == [court.wallet(name) for name in ("alice", "bob", "pat", "maker")]


@pytest.mark.parametrize(
    ("decided", "how", "pat", "dan", "pool", "market"),
    [
        (("outcome", "yes"), "upheld", BOND // 2, -BOND, BOND // 2, ("resolved", "yes")),
        (("outcome", "no"), "overturned", -BOND, BOND // 2, BOND // 2, ("resolved", "no")),
        (("void", None), "rejected", -BOND, 0, BOND, ("void", None)),
        (("unproven", None), "rejected", -BOND, 0, BOND, ("open", None)),
    ],
)
def test_a_decision_gives_every_bond_its_place(court, decided, how, pat, dan, pool, market):
    court.trade()
    court.close()
    court.propose()
    court.dispute()
    assert court.left()[0] == 2 * BOND
    ended = court.decide(ruling=decided[0], outcome=decided[1])
    assert ended.step == how
    assert (court.wallet("pat") - 100 * T, court.wallet("dan") - 100 * T, court.balance(POOL)) == (pat, dan, pool)
    assert court.left()[0] == 0
    found = markets.find_market(court.tx, "m")
    assert (found.state, found.outcome) == market
    (case,) = settlement.find_cases(court.tx, "m")
    assert (case.how, case.authority, case.evidence, case.counter_evidence) == (
        how, "reviewer:rita", (PASSED,), (REFUTED,),
    )  # fmt: skip
    assert lab.audit(court.tx).findings == ()


def test_a_dispute_that_says_unproven_and_is_right_wins_and_the_market_waits_for_another_proposal(court):
    court.trade()
    court.close()
    court.propose()
    court.dispute(ruling="unproven", outcome=None)
    assert court.decide(ruling="unproven", outcome=None).step == "overturned"
    assert (court.wallet("dan"), court.settlement().state) == (100 * T + BOND // 2, "waiting")
    assert court.propose(actor="dan", outcome="no").case == 2


def test_a_dispute_that_nobody_decides_lapses_and_both_sides_have_their_bonds_back(court):
    court.trade()
    court.close()
    court.propose()
    court.dispute()
    court.pass_by(seconds=POLICY.settlement_decide_s)
    with pytest.raises(settlement.TimeToDecideOver):
        court.decide()
    lapsed = court.advance()
    assert (lapsed.step, lapsed.state) == ("lapsed", "waiting")
    assert (court.wallet("pat"), court.wallet("dan"), court.left()[0]) == (100 * T, 100 * T, 0)


def test_a_market_that_nobody_resolves_is_void_at_its_deadline_at_the_prices_before_the_close(court):
    court.trade()
    prices = markets.find_market(court.tx, "m").prices
    court.close()
    court.pass_by(seconds=POLICY.settlement_deadline_s - 1)
    assert court.sweep() == []
    court.pass_by(seconds=1)
    with pytest.raises(settlement.DeadlinePassed):
        court.propose()
    assert court.sweep() == ["timeout"]
    assert court.sweep() == []
    (alice,) = (row for row in settlement.find_portions(court.tx, "m") if row.party == "trader:alice")
    # Only the last day before the close counts, and the price stood all that day.
    assert alice.due == 30 * T * prices[0] // 10**12
    assert markets.find_market(court.tx, "m").state == "void"
    assert lab.audit(court.tx).findings == ()


def test_a_market_that_was_never_traded_in_ends_too(court):
    court.close()
    court.propose()
    court.pass_by(seconds=POLICY.settlement_dispute_s)
    final = court.advance()
    assert [party for party, _ in final.payouts] == ["maker"]
    court.pass_by(seconds=POLICY.settlement_appeal_s)
    court.advance()
    assert court.wallet("maker") == 500 * T


def test_a_market_that_trades_on_is_not_resolved_and_never_due(court):
    with pytest.raises(settlement.StillTrading):
        court.propose()
    with pytest.raises(settlement.NothingDue):
        court.advance()


def test_who_has_a_stake_in_it_may_neither_propose_nor_decide_but_may_dispute(court):
    court.trade()
    court.close()
    for actor in ("alice", "maker"):
        with pytest.raises(settlement.NotImpartial):
            court.propose(actor=actor)
    with pytest.raises(UnknownActor):
        court.propose(actor="ghost")
    court.propose()
    with pytest.raises(settlement.OwnProposal):
        court.dispute(actor="pat")
    court.dispute(actor="bob")
    with pytest.raises(RoleNeeded):
        court.decide(actor="dan")
    with pytest.raises(RoleNeeded):
        court.decide(actor="rosa")


def test_a_reviewer_with_a_position_or_a_side_in_it_does_not_decide(court):
    court.trade()
    issue(court.town.as_actor("operator"), account=wallet_of("rita"), amount=50 * T, reason="endowment")
    issue(court.tx, account=wallet_of("operator"), amount=50 * T, reason="endowment")
    markets.place_order(court.town.as_actor("rita"), market="m", outcome="no", shares=T)
    court.close()
    court.propose(actor="operator")
    court.dispute()
    for actor, why in (("rita", "holds a position"), ("operator", "is a side of the dispute")):
        with pytest.raises(settlement.NotImpartial, match=why):
            court.decide(actor=actor)


def test_steps_out_of_turn_are_refused(court):
    court.trade()
    with pytest.raises(settlement.UnknownSettlement):
        court.dispute()
    court.close()
    court.propose()
    with pytest.raises(settlement.ProposalStands):
        court.propose(actor="dan")
    with pytest.raises(settlement.NoProposal):
        court.decide()
    with pytest.raises(settlement.SameRuling):
        court.dispute(outcome="yes")
    with pytest.raises(settlement.AnotherCase):
        court.dispute(case=2)
    court.pass_by(seconds=POLICY.settlement_dispute_s)
    with pytest.raises(settlement.WindowOver):
        court.dispute()
    with pytest.raises(markets.UnknownMarket):
        settlement.advance_settlement(court.tx, market="none")


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"evidence": ()}, settlement.EvidenceMissing),
        ({"evidence": (PASSED,) * 11}, settlement.EvidenceMissing),
        ({"evidence": ("PMID:1",)}, settlement.EvidenceInvalid),
        ({"evidence": (replace(PASSED, reference="a friend told me"),)}, settlement.ReferenceInvalid),
        ({"evidence": (replace(PASSED, reference="PMID:0"),)}, settlement.ReferenceInvalid),
        ({"evidence": (replace(PASSED, value=Decimal("NaN")),)}, settlement.EvidenceInvalid),
        ({"evidence": (replace(PASSED, value=0.9),)}, settlement.EvidenceInvalid),
        ({"evidence": (replace(PASSED, passes="exactly"),)}, settlement.EvidenceInvalid),
        ({"evidence": (replace(PASSED, metric=""),)}, NameInvalid),
        ({"evidence": (replace(REFUTED, samples=0),)}, settlement.EvidenceInvalid),
        ({"evidence": (replace(REFUTED, result="great"),)}, settlement.EvidenceInvalid),
        ({"evidence": (Panel("https://x.org/1", 5, 4, 2),)}, settlement.EvidenceInvalid),
        ({"evidence": (Panel("https://x.org/1", 5, 0, 0),)}, settlement.EvidenceInvalid),
        (
            {"evidence": (ExternalVerdict("https://x.org/1", "EMA", "approved", (CLOSES + timedelta(days=2)).date()),)},
            settlement.EvidenceInvalid,
        ),
        ({"outcome": "maybe"}, markets.UnknownOutcome),
        ({"ruling": "unproven", "outcome": None}, settlement.RulingInvalid),
        ({"ruling": "void", "outcome": "yes"}, settlement.RulingInvalid),
        ({"ruling": "outcome", "outcome": None}, settlement.RulingInvalid),
        ({"replaces": 1}, VersionDiffers),
        ({}, InsufficientFunds),
    ],
)
def test_what_a_proposal_refuses(court, terms, refusal):
    court.trade()
    court.close()
    if refusal is InsufficientFunds:
        transfer(
            court.town.as_actor("pat"),
            legs=[Leg(wallet_of("pat"), wallet_of("rita"), 100 * T - BOND + 1)],
            reason="not quite enough",
        )
    with pytest.raises(refusal):
        court.propose(**terms)
    assert court.left()[0] == 0


def test_a_bond_grows_with_what_the_market_pays(court):
    issue(court.town.as_actor("operator"), account=wallet_of("alice"), amount=10_000 * T, reason="endowment")
    markets.place_order(court.town.as_actor("alice"), market="m", outcome="yes", shares=3_000 * T)
    court.close()
    assert court.propose().bond == 30 * T


def test_a_market_resolved_directly_under_a_proposal_gives_the_bonds_back(court):
    court.trade()
    court.close()
    court.propose()
    court.dispute()
    markets.resolve_market(court.town.as_actor("operator"), market="m", outcome="no")
    with pytest.raises(settlement.Overtaken):
        court.decide()
    assert court.sweep() == ["overtaken"]
    assert (court.wallet("pat"), court.wallet("dan"), court.left()) == (100 * T, 100 * T, (0, 0, 0))
    assert (court.settlement().state, court.settlement().version) == ("final", 1)
    court.pass_by(seconds=POLICY.settlement_appeal_s)
    assert (court.sweep(), court.settlement().state) == (["released"], "done")
    assert lab.audit(court.tx).findings == ()


def test_by_policy_a_proposal_ends_the_trading_of_an_open_market(court):
    enact_policy(court.town.as_actor("system"), policy=Policy(settlement_closes_early=True))
    court.tx.cache.clear()
    court.trade()
    court.pass_by(days=2)
    court.propose()
    found = markets.find_market(court.tx, "m")
    assert (found.state, found.ended_at, court.settlement().traded_until) == ("closed", court.tx.now, court.tx.now)
    with pytest.raises(markets.MarketClosed):
        court.trade()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE settlement SET bonds = bonds + 1",
        "UPDATE settlement_case SET bond = bond + 1",
        "UPDATE settlement_portion SET due = due + 1",
        "UPDATE settlement_portion SET paid = paid + 1, withheld = withheld + 1",
        "UPDATE settlement SET withheld = withheld + 1",
        "UPDATE ledger_account SET balance = balance - 1 WHERE owner = 'settlement:m' AND balance > 0",
    ],
)
def test_an_audit_sees_bonds_and_portions_that_are_not_those_of_the_journal(court, tampering):
    court.finish()
    court.propose(actor="dan", outcome="no", replaces=1)
    assert lab.audit(court.tx).ok
    court.tx.execute(tampering)
    report = lab.audit(court.tx)
    assert (report.checks["settlements"], report.checks["tables"]) == (False, False)
    assert "settlement m" in {finding.row for finding in report.findings}


def test_the_database_keeps_no_bond_without_a_case(court):
    court.finish()
    with pytest.raises(errors.CheckViolation):
        court.tx.execute("UPDATE settlement SET bonds = 1")


class TestStages:
    """A staged market takes no outcome before it has been registered, run, replicated and reviewed."""

    def stage(self, court, name, actor="rosa"):
        tx = court.town.as_actor(actor)
        return settlement.record_stage(tx, market="m", stage=name, evidence=(PASSED,)).result

    def test_an_outcome_waits_for_every_stage(self, court):
        settlement.stage_market(court.town.as_actor("maker"), market="m")
        court.trade()
        self.stage(court, "registered")
        with pytest.raises(settlement.StageOutOfTurn):
            self.stage(court, "replicated")
        with pytest.raises(settlement.StageOutOfTurn):
            self.stage(court, "registered")
        with pytest.raises(settlement.StageInvalid):
            self.stage(court, "dreamt")
        self.stage(court, "run")
        court.close()
        with pytest.raises(settlement.StagesMissing, match="replicated, reviewed"):
            court.propose()
        self.stage(court, "replicated")
        self.stage(court, "reviewed")
        court.propose()
        court.pass_by(seconds=POLICY.settlement_dispute_s)
        assert court.advance().step == "upheld"
        assert [row.stage for row in settlement.find_stages(court.tx, "m")] == list(settlement.STAGES_IN_ORDER)
        with pytest.raises(settlement.SettledForGood):
            self.stage(court, "reviewed")
        assert lab.audit(court.tx).findings == ()

    def test_what_may_not_be_staged_or_recorded(self, court):
        with pytest.raises(settlement.NotStaged):
            self.stage(court, "registered")
        with pytest.raises(settlement.NotFunder):
            settlement.stage_market(court.town.as_actor("alice"), market="m")
        court.trade()
        with pytest.raises(settlement.TooLateToStage):
            settlement.stage_market(court.town.as_actor("maker"), market="m")
        with pytest.raises(RoleNeeded):
            self.stage(court, "registered", actor="pat")

    def test_a_staged_market_that_stops_half_way_is_void_in_the_end(self, court):
        settlement.stage_market(court.town.as_actor("maker"), market="m")
        court.trade()
        self.stage(court, "registered")
        court.close()
        court.pass_by(seconds=POLICY.settlement_deadline_s)
        assert court.sweep() == ["timeout"]


class TestAgain:
    """Science changes its mind: what was paid by the earlier version is taken back as far as it is there."""

    def again(self, court, outcome="no"):
        court.propose(actor="dan", outcome=outcome, replaces=court.settlement().version)
        court.pass_by(seconds=POLICY.settlement_dispute_s)
        return court.advance()

    def test_the_new_winners_are_paid_what_the_old_ones_had(self, court):
        court.finish()
        before = court.wallet("bob")
        changed = self.again(court)
        assert (changed.version, changed.outcome, changed.short) == (2, "no", ())
        assert dict(changed.taken_back)["trader:alice"] == 30 * T
        assert dict(changed.payouts)["trader:bob"] == 20 * T
        assert court.wallet("bob") == before + 18 * T
        court.pass_by(seconds=POLICY.settlement_appeal_s)
        court.advance()
        assert court.wallet("bob") == before + 20 * T
        assert court.left() == (0, 0, 0)
        assert lab.audit(court.tx).findings == ()

    def test_it_ends_as_if_the_new_outcome_had_been_the_first(self, court):
        court.finish()
        self.again(court)
        court.pass_by(seconds=POLICY.settlement_appeal_s)
        court.advance()
        market = markets.find_market(court.tx, "m")
        payouts = {row.owner: row.payout for row in markets.find_positions(court.tx, market="m")}
        assert (market.state, market.outcome, payouts) == ("resolved", "no", {"alice": 0, "bob": 20 * T})
        costs = sum(row.paid for row in markets.find_positions(court.tx, market="m"))
        assert market.maker_result == costs - 20 * T

    def test_who_was_due_something_and_got_nothing_is_due_nothing_by_the_next_version(self, court):
        court.trade()
        court.close()
        markets.resolve_market(court.town.as_actor("operator"), market="m", outcome="yes")
        wallets = [Leg(wallet_of(name), wallet_of("rita"), court.wallet(name)) for name in ("alice", "maker")]
        transfer(court.town.as_actor("operator"), legs=wallets, reason="spent")
        for version, outcome in ((1, "no"), (2, "yes")):
            court.propose(outcome=outcome, replaces=version)
            court.pass_by(seconds=POLICY.settlement_dispute_s)
            changed = court.advance()
            portions = {row.party: row for row in settlement.find_portions(court.tx, "m")}
            assert (changed.version, changed.payouts) == (version + 1, ())
            assert sum(row.due - row.paid for row in portions.values()) == 0
            assert portions["trader:bob"][2:4] == ((20 * T, 0) if outcome == "no" else (0, 0))
        assert lab.audit(court.tx).ok

    def test_nobody_is_taken_below_what_they_have_and_the_rest_is_short_in_proportion(self, court):
        court.finish()
        spent = court.wallet("alice") - 5 * T
        transfer(court.town.as_actor("alice"), legs=[Leg(wallet_of("alice"), wallet_of("pat"), spent)], reason="rent")
        perform_one(court.tx, Request(PlaceHold(wallet_of("alice"), wallet_of("pat"), 2 * T, 60, "held"), "alice"))
        changed = self.again(court)
        # What was held back, and the 3 tokens that she has and nothing holds.
        assert dict(changed.taken_back)["trader:alice"] == 3 * T + 3 * T
        assert court.wallet("alice") == 2 * T
        portions = {row.party: row for row in settlement.find_portions(court.tx, "m")}
        short = dict(changed.short)
        assert sum(short.values()) == portions["trader:alice"].paid == 24 * T
        assert portions["trader:alice"].due == 0
        for party, amount in short.items():
            assert portions[party].due - portions[party].paid == amount
        got = dict(changed.payouts)
        bob, maker = (portions[name].due - (portions[name].paid - got[name]) for name in ("trader:bob", "maker"))
        assert abs(got["trader:bob"] * maker - got["maker"] * bob) <= max(bob, maker)
        assert lab.audit(court.tx).findings == ()

    def test_and_back_again_but_not_for_ever(self, court):
        start = {name: court.wallet(name) for name in ("alice", "bob", "maker")}
        court.finish()
        self.again(court)
        third = self.again(court, outcome="yes")
        assert (third.version, third.state, court.left()) == (3, "done", (0, 0, 0))
        costs = {row.owner: row.paid for row in markets.find_positions(court.tx, market="m")}
        assert court.wallet("alice") == start["alice"] - costs["alice"] + 30 * T
        assert court.wallet("bob") == start["bob"] - costs["bob"]
        with pytest.raises(settlement.SettledForGood):
            court.propose(actor="dan", outcome="no", replaces=3)
        assert lab.audit(court.tx).findings == ()

    def test_a_void_can_take_the_place_of_an_outcome_and_the_other_way_round(self, court):
        court.trade()
        prices = markets.find_market(court.tx, "m").prices
        court.close()
        court.propose()
        court.pass_by(seconds=POLICY.settlement_dispute_s)
        court.advance()
        void = self.again(court, outcome=None)
        due = {row.party: row.due for row in settlement.find_portions(court.tx, "m")}
        assert (void.version, void.ruling) == (2, "void")
        assert due["trader:bob"] == 20 * T * prices[1] // 10**12
        assert self.again(court, outcome="no").version == 3
        assert lab.audit(court.tx).findings == ()

    def test_a_version_is_replaced_once_and_by_name(self, court):
        court.finish()
        for replaces in (None, 2):
            with pytest.raises(VersionDiffers):
                court.propose(actor="dan", outcome="no", replaces=replaces)
        with pytest.raises(settlement.SameRuling):
            court.propose(actor="dan", outcome="yes", replaces=1)
        court.propose(actor="dan", outcome="no", replaces=1)
        with pytest.raises(settlement.ProposalStands):
            court.propose(actor="pat", outcome="no", replaces=1)
        court.dispute(actor="pat", outcome="yes")
        kept = court.decide(outcome="yes")
        assert (kept.step, kept.version, kept.state, kept.payouts) == ("overturned", 1, "final", ())
        assert court.left()[0] == 0

    def test_after_the_appeal_it_stays(self, court):
        court.finish()
        court.pass_by(seconds=POLICY.settlement_appeal_s)
        with pytest.raises(settlement.SettledForGood):
            court.propose(actor="dan", outcome="no", replaces=1)
        court.advance()
        with pytest.raises(settlement.SettledForGood):
            court.propose(actor="dan", outcome="no", replaces=1)

    def test_an_appeal_under_way_keeps_what_is_held_back(self, court):
        court.finish()
        court.pass_by(seconds=POLICY.settlement_appeal_s - 1)
        court.propose(actor="dan", outcome="no", replaces=1)
        court.pass_by(seconds=1)
        with pytest.raises(settlement.NothingDue):
            court.advance()
        court.dispute(actor="pat", outcome="yes")
        court.decide(ruling="unproven", outcome=None)
        assert court.sweep() == ["released"]

    def test_a_market_resolved_directly_can_change_too(self, court):
        court.trade()
        court.close()
        markets.resolve_market(court.town.as_actor("operator"), market="m", outcome="yes")
        changed = self.again_of_direct(court)
        assert (changed.version, changed.outcome) == (2, "no")
        assert dict(changed.taken_back)["trader:alice"] == 30 * T
        assert lab.audit(court.tx).findings == ()

    def again_of_direct(self, court):
        court.propose(actor="dan", outcome="no", replaces=1)
        court.pass_by(seconds=POLICY.settlement_dispute_s)
        return court.advance()
