"""A bounty is claimed, worked for, judged and awarded, and nobody judges or pays himself."""

from __future__ import annotations

import psycopg
import pytest
from tests.bounties.conftest import GAP
from tests.conftest import T

from scidex import ledger
from scidex.actors import UnknownActor, register_actor
from scidex.core.units import AmountNotPositive
from scidex.entities import EntityKey, UnknownEntity
from scidex.exchange import bounties, markets
from scidex.ledger import DurationInvalid, wallet_of
from scidex.policy import Policy

POLICY = Policy()


def test_work_is_submitted_under_a_claim_and_awarded_whole(board):
    name = board.offer()
    claimed = board.claim(name)
    assert (claimed.claimant, claimed.lease_until) == ("bob", board.found(name).lease_until)
    work = board.submit(name, board.made("w"))
    assert (work.state, work.actor, board.found(name).waiting, board.found(name).claimant) == (
        "waiting",
        "bob",
        1,
        None,
    )
    done = board.award(name, EntityKey("analysis", "w"))
    assert (done.state, done.awarded, done.remaining) == ("awarded", 30 * T, 0)
    ended = board.found(name)
    assert (ended.state, ended.remaining, ended.awarded, ended.waiting) == ("awarded", 0, 30 * T, 0)
    assert (board.wallet("alice"), board.wallet("bob")) == (70 * T, 130 * T)
    assert [(row.sort, row.subject, row.amount) for row in bounties.find_payments(board.tx, name)] == [
        ("award", "analysis:w", 30 * T)
    ]


def test_parts_are_awarded_to_several_each_once_and_the_rest_goes_back(board):
    name = board.offer()
    first, second = board.worked(name, "w1"), board.worked(name, "w2", "carol")
    assert board.award(name, first, 12).remaining == 18 * T
    with pytest.raises(bounties.WorkJudged, match="awarded"):
        board.award(name, first, 1)
    with pytest.raises(bounties.AwardAboveRest):
        board.award(name, second, 18.000001)
    assert board.award(name, second, 10.5).remaining == 7_500_000
    board.pass_by(1000)
    (expired,) = board.sweep()
    assert (expired.returned, expired.state) == (7_500_000, "expired")
    assert [board.wallet(who) for who in ("alice", "bob", "carol")] == [77_500_000, 112 * T, 110_500_000]


def test_one_claims_at_a_time_and_a_lease_lapses_by_itself(board):
    name = board.offer()
    board.claim(name, "bob", 100)
    with pytest.raises(bounties.BountyClaimed, match="bob"):
        board.claim(name, "carol")
    board.pass_by(99)
    with pytest.raises(bounties.BountyClaimed):
        board.claim(name, "carol")
    board.pass_by(1)
    with pytest.raises(bounties.NotYourClaim):
        board.submit(name, board.made("late"))
    assert board.claim(name, "carol").claimant == "carol"
    with pytest.raises(bounties.NotYourClaim):
        bounties.release_claim(board.as_actor("bob"), bounty=name)


def test_a_lease_is_renewed_as_long_as_the_policy_lets_a_claim_last(board):
    name = board.offer(seconds=POLICY.bounty_claim_longest_s * 2)
    longest = POLICY.bounty_lease_longest_s
    begun = board.tx.now
    for _ in range(POLICY.bounty_claim_longest_s // longest + 1):
        until = board.claim(name, "bob", longest).lease_until
        board.pass_by((until - board.tx.now).total_seconds() - 1)
    assert (until - begun).total_seconds() == POLICY.bounty_claim_longest_s
    assert board.claim(name, "bob", longest).lease_until == until
    board.pass_by(1)
    with pytest.raises(bounties.ClaimTooSoon):
        board.claim(name, "bob")


def test_who_let_a_claim_lapse_waits_and_who_submitted_does_not(board):
    name = board.offer(seconds=10 * POLICY.bounty_reclaim_after_s)
    board.claim(name, "bob", 10)
    bounties.release_claim(board.tx, bounty=name)
    with pytest.raises(bounties.ClaimTooSoon):
        board.claim(name, "bob")
    board.pass_by(POLICY.bounty_reclaim_after_s)
    work = board.worked(name)
    board.decline(name, work)
    assert board.claim(name, "bob").claimant == "bob"


def test_a_lease_ends_with_the_life_of_the_bounty(board):
    name = board.offer(seconds=50)
    assert board.claim(name, "bob", 1000).lease_until == board.found(name).expires_at
    board.pass_by(50)
    with pytest.raises(bounties.BountyPast):
        board.claim(name, "carol")


def test_work_that_waits_for_judgement_keeps_the_bounty_for_the_review(board):
    name = board.offer(seconds=100)
    work = board.worked(name)
    board.pass_by(POLICY.bounty_review_s + 99)
    assert board.sweep() == []
    assert board.award(name, work, 5).due_at == board.found(name).expires_at
    (expired,) = board.sweep()
    assert expired.returned == 25 * T


def test_a_poster_who_never_judges_gets_the_rest_back_only_after_the_review(board):
    name = board.offer(seconds=100)
    work = board.worked(name)
    with pytest.raises(bounties.WorkUnderWay, match="1 submitted"):
        board.refund(name)
    board.pass_by(POLICY.bounty_review_s + 100)
    with pytest.raises(bounties.BountyPast):
        board.award(name, work)
    (expired,) = board.sweep()
    assert (expired.returned, board.sweep(), board.wallet("alice")) == (30 * T, [], 100 * T)


def test_a_poster_may_not_refund_under_somebodys_claim_but_an_operator_may(board):
    name = board.offer()
    board.claim(name)
    with pytest.raises(bounties.WorkUnderWay, match="claimed until"):
        board.refund(name)
    assert board.refund(name, "operator").returned == 30 * T


def test_a_reviewer_without_a_stake_judges_and_nobody_judges_his_own(board):
    name = board.offer()
    work = board.worked(name)
    with pytest.raises(bounties.OwnAward):
        board.award(name, work, actor="bob")
    with pytest.raises(bounties.NotTheJudge, match="reviewer"):
        board.award(name, work, actor="carol")
    with pytest.raises(bounties.NotTheJudge):
        board.decline(name, work, actor="nobody")
    assert board.award(name, work, 1, actor="rita").awarded == T


@pytest.mark.parametrize("stake", ["funds", "claims", "submits"])
def test_a_reviewer_with_a_stake_does_not_judge(board, stake):
    name = board.offer()
    work = board.worked(name)
    ledger.issue(board.as_actor("operator"), account=ledger.wallet_of("rita"), amount=T, reason="pay")
    if stake == "funds":
        board.add(name, 1, "rita")
    elif stake == "claims":
        board.claim(name, "rita")
    else:
        board.worked(name, "w2", "rita")
    for judge in (board.award, board.decline):
        with pytest.raises(bounties.StakeInBounty):
            judge(name, work, actor="rita")


def test_a_reviewer_may_not_judge_a_rival_and_an_operator_with_work_in_it_neither(board):
    register_actor(board.as_actor("operator"), name="rita", sort="person", roles=["reviewer"])
    name = board.offer()
    mine, rival = board.worked(name, "w1", "rita"), board.worked(name, "w2", "bob")
    with pytest.raises(bounties.OwnAward):
        board.award(name, mine, actor="rita")
    with pytest.raises(bounties.StakeInBounty):
        board.decline(name, rival, actor="rita")


def test_funders_neither_claim_nor_win_and_workers_do_not_fund(board):
    name = board.offer()
    board.add(name, 5, "dora")
    for funder in ("alice", "dora"):
        with pytest.raises(bounties.StakeInBounty):
            board.claim(name, funder)
    board.claim(name, "bob")
    with pytest.raises(bounties.StakeInBounty, match="a claim"):
        board.add(name, 1, "bob")
    board.submit(name, board.made("w"))
    with pytest.raises(bounties.StakeInBounty, match="work submitted"):
        board.add(name, 1, "bob")


def test_only_what_one_made_and_registered_oneself_is_submitted_once(board):
    name = board.offer()
    others = board.made("others", "carol")
    board.claim(name)
    with pytest.raises(bounties.NotYourWork, match="carol"):
        board.submit(name, others)
    with pytest.raises(UnknownEntity):
        board.submit(name, EntityKey("analysis", "nothing"))
    work = board.made("w")
    board.submit(name, work)
    board.claim(name)
    with pytest.raises(bounties.SubmittedBefore):
        board.submit(name, work)
    with pytest.raises(bounties.NotYourClaim):
        board.submit(name, others, "carol")


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        (lambda board, name: board.claim("b0"), bounties.UnknownBounty),
        (lambda board, name: board.claim(name, seconds=0), DurationInvalid),
        (lambda board, name: board.claim(name, seconds=POLICY.bounty_lease_longest_s + 1), DurationInvalid),
        (lambda board, name: board.claim(name, "ghost"), UnknownActor),
        (lambda board, name: board.award(name, GAP), bounties.UnknownWork),
        (lambda board, name: board.award("b0", GAP), bounties.UnknownBounty),
        (lambda board, name: board.award(name, board.worked(name), 0), AmountNotPositive),
        (lambda board, name: board.add("b0", 1, "bob"), bounties.UnknownBounty),
        (lambda board, name: board.add(name, 0, "bob"), AmountNotPositive),
        (lambda board, name: board.add(name, 101, "bob"), ledger.InsufficientFunds),
        (lambda board, name: board.submit("b0", GAP), bounties.UnknownBounty),
    ],
)
def test_what_is_refused_changes_nothing(board, act, refusal):
    name = board.offer()
    with pytest.raises(refusal):
        act(board, name)
    assert (board.found(name).remaining, board.wallet("alice"), board.wallet("bob")) == (30 * T, 70 * T, 100 * T)


def test_nothing_is_done_with_a_bounty_that_has_ended(board):
    name = board.offer()
    work = board.worked(name)
    board.award(name, work)
    for act in (
        lambda: board.claim(name, "carol"),
        lambda: board.add(name, 1, "dora"),
        lambda: board.award(name, work),
        lambda: board.decline(name, work),
        lambda: board.refund(name),
        lambda: bounties.release_claim(board.as_actor("bob"), bounty=name),
    ):
        with pytest.raises(bounties.BountyEnded, match="awarded"):
            act()


@pytest.mark.parametrize("sort", ["award", "refund", "draw"])
def test_the_database_too_lets_each_step_happen_once(board, sort):
    name = board.offer()
    insert = "INSERT INTO bounty_payment VALUES (%s, %s, 'x', 1, now(), 'bob', 1)"
    board.tx.execute(insert, [name, sort])
    with pytest.raises(psycopg.errors.UniqueViolation):
        board.tx.execute(insert, [name, sort])


@pytest.mark.parametrize("interest", ["a position", "a resting order", "its maker"])
def test_a_reviewer_judges_no_bounty_on_what_he_has_bet_on(board, interest):
    bounty = board.offer()
    work = board.worked(bounty)
    register_actor(board.as_actor("operator"), name="rita", sort="person", roles=["reviewer", "resolver"])
    register_actor(board.tx, name="maker")
    for name in ("rita", "maker"):
        ledger.issue(board.tx, account=wallet_of(name), amount=1000 * T, reason="x")
    maker = "rita" if interest == "its maker" else "maker"
    markets.open_market(board.as_actor(maker), market="m", artifact=GAP, question="?", liquidity=100 * T)
    if interest == "a position":
        markets.place_order(board.as_actor("rita"), market="m", outcome="yes", spend=T)
    if interest == "a resting order":
        terms = {"shares": T, "limit_price": 10**12 // 5}
        markets.place_limit_order(board.as_actor("rita"), market="m", outcome="yes", **terms)
    for judge in (board.award, board.decline):
        with pytest.raises(bounties.StakeInMarket, match=f"{interest} in m"):
            judge(bounty, work, actor="rita")
    if interest == "a resting order":
        (order,) = markets.find_orders(board.tx, owner="rita")
        markets.cancel_order(board.as_actor("rita"), market="m", order=order.order)
    elif interest == "a position":
        shares = markets.find_position(board.tx, markets.find_market(board.tx, "m"), "rita").shares[0]
        markets.place_order(board.as_actor("rita"), market="m", outcome="yes", side="sell", shares=shares)
    else:
        markets.void_market(board.as_actor("operator"), market="m")
    assert board.award(bounty, work, actor="rita").awarded == 30 * T


def test_a_poster_may_judge_whatever_he_holds(board):
    bounty = board.offer()
    work = board.worked(bounty)
    register_actor(board.as_actor("operator"), name="maker")
    ledger.issue(board.tx, account=wallet_of("maker"), amount=1000 * T, reason="x")
    markets.open_market(board.as_actor("maker"), market="m", artifact=GAP, question="?", liquidity=100 * T)
    markets.place_order(board.as_actor("alice"), market="m", outcome="yes", spend=T)
    assert board.award(bounty, work, actor="alice").awarded == 30 * T
