"""Verified output is rewarded once, shared with what it builds on, bounded by the period, and revoked when it falls."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.conftest import T
from tests.earnings.conftest import work

from scidex import ledger
from scidex.actors import RoleNeeded, UnknownActor
from scidex.core.names import NameInvalid
from scidex.entities import EntityKey, UnknownEntity, register_entity
from scidex.exchange import earnings
from scidex.ledger import AccountKey, wallet_of
from scidex.policy import Policy

POLICY = Policy()
SUPPLY = 100_000 * T


def test_a_verified_output_is_minted_to_its_producer(lab):
    lab.made("w")
    done = lab.verify("w", "hypothesis", quality=500)
    assert (done.amount, [line.payee for line in done.lines]) == (20 * T, ["alice"])
    assert (lab.wallet("alice"), lab.supply()) == (20 * T, SUPPLY + 20 * T)
    ((mint, lines),) = earnings.find_rewards(lab.tx, work("w"))
    assert (mint.amount, mint.reviewer, mint.quality, mint.revoked_at) == (20 * T, "rita", 500, None)
    assert tuple(lines) == done.lines


def test_an_output_is_rewarded_once_for_each_kind_ever(lab):
    lab.made("w")
    lab.verify("w", "hypothesis")
    with pytest.raises(earnings.RewardedBefore):
        lab.verify("w", "hypothesis", by="ron", quality=1000)
    lab.verify("w", "gap")
    lab.pass_by(POLICY.emission_period_s)
    lab.retract("w")
    with pytest.raises(earnings.OutputWithdrawn):
        lab.verify("w", "evidence")
    assert lab.supply() == SUPPLY


def test_the_database_too_keeps_a_reward_from_happening_twice(lab):
    lab.made("w")
    lab.verify("w")
    with pytest.raises(psycopg.errors.UniqueViolation):
        lab.tx.execute("INSERT INTO earning_mint SELECT * FROM earning_mint")


def test_royalties_go_back_along_what_was_built_on_and_sum_to_the_reward(lab):
    lab.made("root", "carol")
    lab.made("mid", "bob", on=("root",))
    lab.made("leaf", "alice", on=("mid",))
    done = lab.verify("leaf", "hypothesis")
    assert [(line.payee, line.source.entity_id, line.depth, line.amount) for line in done.lines] == [
        ("alice", "leaf", 0, 8_275_000),
        ("bob", "mid", 1, 1_500_000),
        ("carol", "root", 2, 225_000),
    ]
    assert sum(line.amount for line in done.lines) == done.amount == 10 * T
    assert [lab.wallet(who) for who in ("alice", "bob", "carol")] == [8_275_000, 1_500_000, 225_000]


def test_royalties_end_at_the_depth_of_the_policy(lab):
    lab.enact(royalty_depth=1)
    lab.made("root", "carol"), lab.made("mid", "bob", on=("root",)), lab.made("leaf", "alice", on=("mid",))
    assert [line.payee for line in lab.verify("leaf").lines] == ["alice", "bob"]


def test_nobody_pays_himself_nor_gains_by_building_on_his_own(lab):
    lab.made("root", "carol")
    lab.made("first", "alice", on=("root",))
    lab.made("second", "alice", on=("first",))
    direct, detour = lab.verify("first"), lab.verify("second")
    assert [(line.payee, line.depth, line.amount) for line in detour.lines] == [
        (line.payee, line.depth, line.amount) for line in direct.lines
    ]
    assert [line.payee for line in detour.lines] == ["alice", "carol"]


def test_one_owners_agents_do_not_pay_each_other(lab):
    lab.made("root", "carol")
    lab.made("mid", "bob", on=("root",), owner="corp")
    lab.made("leaf", "alice", on=("mid",), owner="corp")
    assert [(line.payee, line.depth) for line in lab.verify("leaf").lines] == [("alice", 0), ("carol", 1)]


def test_only_an_operator_says_who_stands_behind_a_producer(lab):
    """With a false owner alice could keep carol from her royalties."""
    lab.made("root", "carol")
    register_entity(lab.as_actor("alice"), entity_type="work", entity_id="w", title="w")
    with pytest.raises(RoleNeeded):
        earnings.record_output(lab.tx, output=work("w"), builds_on=[work("root")], owner="carol")


def test_what_was_retracted_earns_no_royalties_and_nothing_more_is_built_on_it(lab):
    lab.made("root", "carol")
    lab.made("leaf", "alice", on=("root",))
    lab.retract("root", "carol")
    assert [line.payee for line in lab.verify("leaf").lines] == ["alice"]
    with pytest.raises(earnings.OutputWithdrawn):
        lab.made("late", "bob", on=("root",))


def test_what_builds_on_itself_cannot_be_recorded(lab):
    lab.made("a")
    register_entity(lab.as_actor("alice"), entity_type="work", entity_id="b", title="b")
    record = lambda *names: earnings.record_output(lab.as_actor("alice"), output=work("b"), builds_on=map(work, names))  # noqa: E731
    with pytest.raises(earnings.ParentRepeated):
        record("b")
    with pytest.raises(earnings.ParentRepeated):
        record("a", "a")
    with pytest.raises(earnings.UnknownOutput):
        record("c")
    record("a")
    with pytest.raises(earnings.OutputKnown):
        record("a")
    with pytest.raises(earnings.OutputKnown):
        earnings.record_output(lab.tx, output=work("a"), builds_on=[work("b")])


@pytest.mark.parametrize("reviewer", ["alice", "bob", "carol"])
def test_a_reviewer_has_neither_made_it_nor_is_paid_for_it(lab, reviewer):
    from scidex.actors import register_actor

    lab.made("root", "carol"), lab.made("mid", "bob", on=("root",)), lab.made("leaf", "alice", on=("mid",))
    register_actor(lab.as_actor("operator"), name=reviewer, roles=["reviewer", "operator"])
    with pytest.raises(earnings.ReviewerHasStake):
        lab.verify("leaf", by=reviewer)
    assert lab.supply() == SUPPLY


def test_who_stands_behind_a_producer_does_not_review(lab):
    lab.made("w", "alice", owner="rita")
    with pytest.raises(earnings.ReviewerHasStake):
        lab.verify("w", by="rita")
    assert lab.verify("w", by="ron").amount == 10 * T


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": "nothing"}, earnings.UnknownOutput),
        ({"kind": "poem"}, earnings.UnknownKind),
        ({"quality": -1}, earnings.QualityInvalid),
        ({"quality": 1001}, earnings.QualityInvalid),
        ({"quality": 0.5}, earnings.QualityInvalid),
        ({"note": ""}, NameInvalid),
        ({"by": "bob"}, RoleNeeded),
        ({"by": "ghost"}, UnknownActor),
    ],
)
def test_what_verification_refuses(lab, change, refusal):
    lab.made("w")
    with pytest.raises(refusal):
        lab.verify(**{"name": "w", **change})
    assert (lab.supply(), lab.wallet("alice")) == (SUPPLY, 0)


def test_only_its_producer_or_an_operator_records_an_output(lab):
    register_entity(lab.as_actor("alice"), entity_type="work", entity_id="w", title="w")
    with pytest.raises(earnings.NotTheProducer):
        earnings.record_output(lab.as_actor("bob"), output=work("w"))
    with pytest.raises(UnknownEntity):
        earnings.record_output(lab.as_actor("bob"), output=EntityKey("work", "none"))
    assert earnings.record_output(lab.as_actor("operator"), output=work("w")).result.producer == "alice"


def test_a_period_mints_no_more_than_its_budget_and_what_does_not_fit_waits_for_the_next(lab):
    lab.enact(emission_growth="0.0002", emission_least="0", emission_output_share="0.5")  # 20 tokens of 100,000
    for name in ("a", "b", "c"):
        lab.made(name)
    assert lab.verify("a", quality=1000).amount == 10 * T  # half of the period, of the 25 that it would have earned
    done = lab.verify("b")
    assert (done.left, done.amount) == (0, 10 * T)
    with pytest.raises(earnings.EmissionExhausted, match="may mint 0 more"):
        lab.verify("c")
    assert lab.supply() == SUPPLY + 20 * T
    lab.tx.now = done.period_ends_at - timedelta(microseconds=1)
    with pytest.raises(earnings.EmissionExhausted):
        lab.verify("c")
    lab.tx.now = done.period_ends_at
    later = lab.verify("c")
    assert later.amount == 10 * T
    assert (
        later.left
        == earnings.emission_of(SUPPLY + 20 * T, Policy(emission_growth="0.0002", emission_least="0")) - 10 * T
    )
    now, before = earnings.find_periods(lab.tx)
    assert (before.minted, before.budget, before.ends_at) == (20 * T, 20 * T, now.starts_at)
    assert (now.supply, now.minted) == (SUPPLY + 20 * T, 10 * T)


def test_what_is_revoked_is_not_minted_again_in_its_period(lab):
    lab.enact(emission_growth="0.0001", emission_least="0", emission_output_share="1")
    lab.made("a"), lab.made("b")
    lab.verify("a")
    lab.retract("a")
    assert lab.supply() == SUPPLY
    with pytest.raises(earnings.EmissionExhausted):
        lab.verify("b")
    (period,) = earnings.find_periods(lab.tx)
    assert (period.minted, period.revoked, period.left) == (10 * T, 10 * T, 0)


def test_an_economy_without_tokens_begins_with_the_least(lab):
    ledger.retire(lab.as_actor("operator"), account=wallet_of("operator"), amount=SUPPLY, reason="none")
    lab.made("w")
    assert lab.verify("w").left == 90 * T


def test_a_change_of_the_length_lets_no_period_begin_in_one_that_is_over(lab):
    lab.made("a"), lab.made("b")
    lab.verify("a")
    (week,) = earnings.find_periods(lab.tx)
    lab.enact(emission_period_s=31_536_000)
    lab.tx.now = week.ends_at
    lab.verify("b")
    year, _ = earnings.find_periods(lab.tx)
    assert (year.starts_at, year.ends_at > week.ends_at) == (week.ends_at, True)


def test_a_retraction_takes_back_what_each_payee_got(lab):
    lab.made("root", "carol")
    lab.made("leaf", "alice", on=("root",))
    lab.verify("leaf")
    done = lab.retract("leaf", "alice")
    assert (done.revoked, done.clawed, done.owed) == (10 * T, 10 * T, 0)
    assert (lab.wallet("alice"), lab.wallet("carol"), lab.supply()) == (0, 0, SUPPLY)
    with pytest.raises(earnings.OutputWithdrawn):
        lab.retract("leaf")


def test_what_a_payee_no_longer_has_is_owed_and_netted_from_what_comes_next(lab):
    for name in ("a", "b", "c"):
        lab.made(name)
    lab.verify("a", "hypothesis")
    lab.spend_all("alice")
    done = lab.retract("a")
    assert (done.clawed, done.owed, lab.wallet("alice")) == (0, 10 * T, 0)
    assert earnings.find_debt(lab.tx, "alice") == 10 * T
    first = lab.verify("b", "evidence")
    assert (first.lines[0].netted, lab.wallet("alice"), earnings.find_debt(lab.tx, "alice")) == (3 * T, 0, 7 * T)
    second = lab.verify("c", "hypothesis")
    assert (second.lines[0].netted, lab.wallet("alice"), earnings.find_debt(lab.tx, "alice")) == (7 * T, 3 * T, 0)
    assert lab.supply() == SUPPLY + 13 * T
    # What repaid a debt was not earned either, once it is revoked.
    assert lab.retract("b").owed == 0
    assert (lab.wallet("alice"), lab.supply()) == (0, SUPPLY + 10 * T)


def test_what_is_held_is_not_taken_back_but_owed(lab):
    lab.made("a")
    lab.verify("a")
    hold = ledger.hold(
        lab.as_actor("alice"),
        debit=wallet_of("alice"),
        credit=wallet_of("operator"),
        amount=6 * T,
        seconds=60,
        reason="x",
    )
    done = lab.retract("a")
    assert (done.clawed, done.owed) == (4 * T, 6 * T)
    ledger.post(lab.as_actor("alice"), hold=hold.result.hold)
    assert lab.wallet("alice") == 0


def test_who_may_retract(lab):
    lab.made("w")
    lab.verify("w")
    for who in ("bob", "ghost"):
        with pytest.raises(earnings.NotTheProducer):
            lab.retract("w", who)
    with pytest.raises(earnings.UnknownOutput):
        lab.retract("nothing")
    with pytest.raises(NameInvalid):
        earnings.retract_output(lab.as_actor("alice"), output=work("w"), reason="")
    assert lab.retract("w", "operator").revoked == 10 * T


def test_a_kind_without_a_base_is_not_rewarded(lab):
    lab.enact(reward_base={"hypothesis": 0})
    lab.made("w")
    for kind in ("hypothesis", "gap"):
        with pytest.raises(earnings.NotRewarded):
            lab.verify("w", kind)


def test_the_nearest_are_paid_where_there_are_too_many_and_too_many_parents_are_refused(lab):
    lab.enact(royalty_payees_max=2, builds_on_max=2)
    for name in ("a", "b", "c"):
        lab.made(name, "carol")
    with pytest.raises(earnings.TooManyParents):
        lab.made("too many", "bob", on=("a", "b", "c"))
    lab.made("mid", "bob", on=("a", "b"))
    assert [
        each.output.entity_id
        for each in earnings.find_output(lab.tx, lab.made("leaf", "alice", on=("mid", "c")))[0].lineage
    ] == ["c", "mid"]


def test_what_an_actor_earned_is_told_by_period_and_kind(lab):
    lab.made("root", "carol")
    lab.made("leaf", "alice", on=("root",))
    lab.made("own", "carol")
    lab.verify("leaf", "hypothesis"), lab.verify("own", "gap"), lab.verify("root", "edge")
    lab.retract("root")
    (hypothesis,) = earnings.find_earned(lab.tx, "alice")
    assert hypothesis[1:] == ("hypothesis", 1, 8_500_000, 0, 1_500_000, 0, 0)
    assert [row[1:] for row in earnings.find_earned(lab.tx, "carol")] == [
        ("edge", 1, T, 0, 0, T, 0),
        ("gap", 1, 5 * T, 0, 0, 0, 0),
        ("hypothesis", 0, 0, 1_500_000, 0, 0, 0),
    ]


def test_the_accounts_of_earnings_are_the_houses(lab):
    lab.made("w")
    lab.verify("w")
    with pytest.raises(ledger.HouseAccount):
        ledger.transfer(
            lab.as_actor("operator"),
            legs=[ledger.Leg(ledger.issuance_of("token"), AccountKey("actor:alice", "wallet", "token"), T)],
            reason="mine",
        )
