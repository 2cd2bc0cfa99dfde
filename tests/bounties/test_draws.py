"""What compute has cost leaves the bounties of its artifact, and what several put in goes back in proportion."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bounties.conftest import GAP
from tests.conftest import T

from scidex import ledger
from scidex.core.journal import Request, perform_one
from scidex.core.units import UNITS
from scidex.entities import EntityKey
from scidex.exchange import bounties
from scidex.exchange.resource_allocator import compute_resource_budget, spent_account
from scidex.policy import HOUSE, EnactPolicy, Policy

weights = st.lists(st.integers(0, 10**15), min_size=1, max_size=40)


@given(weights, st.data())
def test_shares_sum_to_the_total_exactly_and_are_within_a_part_of_the_proportion(weights, data):
    whole = sum(weights)
    total = data.draw(st.integers(0, whole)) if whole else 0
    shares = bounties.pro_rata(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        assert whole == 0 or abs(share - Fraction(total * weight, whole)) < 1


@given(weights)
def test_all_of_it_goes_back_as_it_was_put_in(weights):
    assert bounties.pro_rata(sum(weights), weights) == weights


@given(weights, st.integers(0, 2**50))
def test_a_larger_weight_never_gets_less(weights, total):
    shares = bounties.pro_rata(min(total, sum(weights)), weights)
    for (share, weight), (other, more) in itertools.permutations(zip(shares, weights, strict=True), 2):
        assert weight >= more or share <= other


def test_the_sinks_that_are_watched_are_those_that_the_allocator_pays_into():
    artifact = EntityKey("hypothesis", "h/1")
    assert bounties.spent_of(artifact) == tuple(spent_account(artifact, unit) for unit in bounties.COMPUTE)
    assert set(Policy().units_per_token) - {"token"} == set(bounties.COMPUTE)


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)), min_size=6, max_size=6),
    st.integers(0, 100).map(lambda n: n / 100),
)
def test_the_worth_of_what_was_spent_is_that_of_the_rates(parts, share):
    policy = Policy(bounty_draw_share=str(share))
    before = tuple((unit, first) for unit, (first, _) in zip(bounties.COMPUTE, parts, strict=True))
    spent = tuple((unit, first + more) for unit, (first, more) in zip(bounties.COMPUTE, parts, strict=True))
    exact = sum(
        Fraction(more, UNITS[unit].parts) / Fraction(policy.units_per_token[unit])
        for unit, (_, more) in zip(bounties.COMPUTE, parts, strict=True)
    )
    assert bounties.worth_of(spent, before, policy) == exact * Fraction(policy.bounty_draw_share) * T
    assert bounties.worth_of(spent, (), policy) == 0


def treasury(board):
    try:
        return ledger.find_account(board.tx, bounties.TREASURY).balance
    except ledger.UnknownAccount:
        return 0


def test_compute_spent_on_the_artifact_draws_on_what_remains(board):
    board.spend(5_000)  # before there was any bounty
    name = board.offer()
    assert board.draw() == []
    board.spend(700)  # worth 7 tokens
    board.spend(50_000, "cpu_seconds")  # 50 s, worth 5 tokens
    (drawn,) = board.draw()
    assert (drawn.worth, drawn.drawn) == (12 * T, ((name, 12 * T),))
    found = board.found(name)
    assert (found.amount, found.remaining, found.drawn, treasury(board)) == (30 * T, 18 * T, 12 * T, 12 * T)
    assert compute_resource_budget("g", "gap", tx=board.tx).bounty_tokens == 18
    assert board.draw() == []


def test_an_award_never_pays_what_compute_has_used_though_nobody_drew_it_yet(board):
    name = board.offer()
    work = board.worked(name)
    board.spend(1_000)
    with pytest.raises(bounties.AwardAboveRest, match="20 remain"):
        board.award(name, work, 20.5)
    assert board.award(name, work).awarded == 20 * T
    assert (board.wallet("bob"), treasury(board)) == (120 * T, 10 * T)


def test_a_refund_returns_what_compute_has_left(board):
    name = board.offer()
    board.spend(1_000)
    assert board.refund(name).returned == 20 * T
    assert (board.wallet("alice"), treasury(board)) == (90 * T, 10 * T)


def test_more_compute_than_the_bounties_have_takes_all_of_them_and_is_not_asked_of_the_next(board):
    name = board.offer()
    board.spend(9_000)  # worth 90
    (drawn,) = board.draw()
    assert (drawn.worth, drawn.drawn) == (90 * T, ((name, 30 * T),))
    work = board.worked(name)
    with pytest.raises(bounties.BountyEmpty):
        board.award(name, work)
    assert board.add(name, 4, "dora").remaining == 4 * T
    assert board.draw() == []
    assert board.award(name, work).awarded == 4 * T


def test_several_bounties_of_an_artifact_pay_in_proportion_once(board):
    names = [board.offer(amount=10 * T), board.offer("dora", amount=20 * T)]
    board.spend(1_000)
    (drawn,) = board.draw()
    assert drawn.drawn == ((names[0], 3_333_333), (names[1], 6_666_667))
    third = board.offer("carol", amount=30 * T)
    assert board.found(third).remaining == 30 * T
    board.refund(names[0])
    board.spend(1_000)
    (drawn,) = board.draw()
    assert dict(drawn.drawn).keys() == {names[1], third}
    assert sum(dict(drawn.drawn).values()) == 10 * T
    assert drawn.draw == 2


def test_anyone_may_draw_and_only_once(board):
    board.offer()
    board.spend(100)
    command = bounties.DrawBounties(GAP)
    assert perform_one(board.as_actor("bob"), Request(command, "bob")).result.worth == T
    with pytest.raises(bounties.NothingToDraw):
        perform_one(board.tx, Request(command, "bob"))
    with pytest.raises(bounties.NothingToDraw):
        perform_one(board.tx, Request(bounties.DrawBounties(EntityKey("gap", "unheard of")), "bob"))


@pytest.mark.parametrize(("share", "remaining"), [("0", 30 * T), ("0.25", 27_500_000), ("1", 20 * T)])
def test_the_policy_says_which_share_of_compute_bounties_pay(board, share, remaining):
    perform_one(board.as_actor(HOUSE), Request(EnactPolicy(Policy(bounty_draw_share=share)), HOUSE))
    board.tx.cache.clear()
    name = board.offer()
    board.spend(1_000)
    board.draw()
    assert board.found(name).remaining == remaining


def test_what_remains_goes_back_to_all_funders_in_proportion_to_the_part(board):
    name = board.offer(amount=10 * T)
    board.add(name, 10, "dora")
    board.add(name, 5, "carol")
    board.add(name, 5, "carol")
    assert [(row.funder, row.amount) for row in bounties.find_fundings(board.tx, name)] == [
        ("alice", 10 * T),
        ("carol", 10 * T),
        ("dora", 10 * T),
    ]
    board.award(name, board.worked(name), 19.999999)
    board.pass_by(1000)
    (expired,) = board.sweep()
    assert (expired.returned, expired.state) == (10_000_001, "expired")
    assert [board.wallet(who) for who in ("alice", "carol", "dora")] == [93_333_334, 93_333_334, 93_333_333]
    assert board.sweep() == []


def test_boards_and_bounties_have_their_bounds(board):
    policy = Policy(bounties_open_max=2, bounty_funders_max=2, bounty_submissions_max=1)
    perform_one(board.as_actor(HOUSE), Request(EnactPolicy(policy), HOUSE))
    board.tx.cache.clear()
    name, other = board.offer(amount=T), board.offer(amount=T)
    with pytest.raises(bounties.TooManyBounties):
        board.offer(amount=T)
    board.refund(other)
    board.offer(amount=T)
    board.add(name, 1, "dora")
    board.add(name, 1, "dora")
    with pytest.raises(bounties.TooManyFunders):
        board.add(name, 1, "carol")
    board.worked(name)
    with pytest.raises(bounties.TooManySubmissions):
        board.claim(name, "carol")
