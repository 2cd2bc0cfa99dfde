"""What votes come to: decided early only where the votes that are out cannot change it."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import DAWN

from scidex.entities import EntityKey
from scidex.senate.proposals import (
    STAGES,
    TRANSITIONS,
    Ballot,
    Proposal,
    drawn,
    needed_of,
    share_asked,
    threshold_for,
    verdict_of,
)

NAMES = tuple("abcdefg")
CHOICES = ("approve", "reject", "defer")


def proposal(seats: int, choices: tuple[str, ...], quorum: int, threshold: int) -> Proposal:
    votes = tuple(Ballot("p1", name, choice, "so", DAWN) for name, choice in zip(NAMES, choices, strict=False))
    return Proposal(
        "p1", "grant", "pat", EntityKey("gap", "g"), "main", (("llm_standard", 1),), (), "why", (), (), "open", DAWN,
        quorum=quorum, threshold=threshold, reviewers=NAMES[:seats], votes=votes,
    )  # fmt: skip


@st.composite
def ballots(draw):
    seats = draw(st.integers(1, 6))
    cast = draw(st.integers(0, seats))
    choices = tuple(draw(st.lists(st.sampled_from(CHOICES), min_size=cast, max_size=cast)))
    return seats, choices, draw(st.integers(1, seats)), draw(st.integers(1, 10**6))


@given(ballots())
def test_an_early_approval_stands_and_an_early_fall_cannot_be_saved_however_the_others_vote(given_ballots):
    seats, choices, quorum, threshold = given_ballots
    early = verdict_of(proposal(seats, choices, quorum, threshold), final=False)
    if early is None:
        return
    assert len(choices) >= quorum
    for rest in product(CHOICES, repeat=seats - len(choices)):
        late = verdict_of(proposal(seats, choices + rest, quorum, threshold), final=True)
        assert (late == "approved") == (early == "approved")


@given(ballots())
def test_all_votes_cast_decide_at_once_and_as_at_the_deadline(given_ballots):
    seats, choices, _, threshold = given_ballots
    whole = proposal(len(choices) or 1, choices, 1, threshold)
    if choices:
        assert verdict_of(whole, final=False) == verdict_of(whole, final=True) is not None
    short = proposal(seats, choices, seats + 1, threshold)
    assert verdict_of(short, final=True) is None


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.decimals("0.01", 1, places=3))
def test_a_larger_share_never_needs_fewer_votes(one, other, least):
    low, high = sorted((one, other))
    assert least * 10**6 <= threshold_for(low, least) <= threshold_for(high, least) <= 10**6
    for votes in range(1, 9):
        assert 1 <= needed_of(threshold_for(low, least), votes) <= needed_of(threshold_for(high, least), votes) <= votes


def test_all_of_a_pool_needs_every_vote_and_so_does_a_pool_that_has_nothing():
    assert share_asked((("llm_standard", 5),), {}) == share_asked((("llm_standard", 5),), {"llm_standard": 5}) == 10**6
    assert threshold_for(10**6, Decimal("0.5")) == 10**6


def test_each_reviewer_is_drawn_about_as_often_as_any_other():
    names = [f"r{number}" for number in range(10)]
    seats = [name for draw in range(3000) for name in drawn(names, f"seed {draw}")[:3]]
    assert all(abs(seats.count(name) - 900) < 100 for name in names)


def test_the_table_of_transitions_is_of_the_stages_and_every_stage_is_reached():
    assert set(TRANSITIONS) == set(STAGES)
    assert set().union(*TRANSITIONS.values()) == set(STAGES) - {"draft"}
