"""Proposals from their making to their end, and every answer of no."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.conftest import T
from tests.proposals.conftest import EXPECTED, GAP, POOL, REVIEWERS, Senate

from scidex.actors import register_actor
from scidex.core.errors import Refusal
from scidex.entities import EntityKey
from scidex.exchange import markets
from scidex.exchange.resource_allocator import find_allocations
from scidex.ledger import issue
from scidex.policy import HOUSE, Policy, enact_policy
from scidex.senate import budgets, proposals

H = EntityKey("hypothesis", "m")
"""What a market m of a town is about."""


def refused(kind: type[Refusal], what: object) -> Refusal:
    with pytest.raises(kind) as caught:
        what()
    return caught.value


def test_a_grant_is_approved_and_paid_by_the_vote_that_decides(senate: Senate):
    made = senate.propose(100)
    assert (made.state, made.quorum, made.seats, made.needed) == ("open", 2, 3, 2)
    assert set(made.reviewers) == set(REVIEWERS)
    assert senate.vote(made.proposal, "rita").state == "open"
    paid = senate.vote(made.proposal, "rolf")
    assert (paid.state, paid.moved, paid.approve) == ("enacted", (("llm_standard", 100),), 2)
    assert (senate.pool(), senate.budget()) == (900, {"llm_standard": 100})
    row = budgets.find_budget(senate.tx, GAP)
    assert (row.pool, row.budgets, row.version) == ("proposals", (("llm_standard", 100),), 1)
    (allocated,) = find_allocations(senate.tx, artifact=GAP)
    assert (allocated.sort, allocated.amount, allocated.pool, allocated.note) == (
        "grant", 100, "proposals", f"proposal {made.proposal}",
    )  # fmt: skip
    assert senate.story(made.proposal) == ["opened", "voted", "voted", "approved", "enacted"]
    late = refused(proposals.ProposalStage, lambda: senate.vote(made.proposal, "rosa"))
    assert "is enacted and cannot be voted on" in str(late)


def test_a_second_grant_adds_to_the_first(senate: Senate):
    for tokens in (100, 50):
        made = senate.propose(tokens)
        for name in REVIEWERS[:2]:
            senate.vote(made.proposal, name)
    assert (senate.pool(), senate.budget()) == (850, {"llm_standard": 150})
    assert budgets.find_budget(senate.tx, GAP).budgets == (("llm_standard", 150),)


def test_a_vote_may_be_changed_until_it_is_decided_and_the_last_word_counts(senate: Senate):
    name = senate.propose().proposal
    senate.vote(name, "rita", "reject")
    assert senate.vote(name, "rita").reject == 0
    (vote,) = senate.show(name).votes
    assert (vote.voter, vote.choice) == ("rita", "approve")
    assert senate.vote(name, "rolf", "reject").state == "open"
    assert senate.vote(name, "rosa", "reject").state == "rejected"
    assert senate.pool() == 1000


def test_the_threshold_rises_with_the_share_of_the_pool(senate: Senate):
    made = senate.propose(400)
    assert (senate.show(made.proposal).share, senate.show(made.proposal).threshold) == (400_000, 700_000)
    assert made.needed == 3
    assert senate.vote(made.proposal, "rita").state == "open"
    assert senate.vote(made.proposal, "rolf").state == "open"
    assert senate.vote(made.proposal, "rosa").state == "enacted"


def test_what_cannot_pass_any_more_falls_at_once(senate: Senate):
    name = senate.propose(400).proposal
    senate.vote(name, "rita")
    assert senate.vote(name, "rolf", "reject").state == "rejected"


def test_a_pool_that_has_too_little_defers_and_pays_once_it_has_it(senate: Senate):
    made = senate.propose(1200)
    for name in REVIEWERS:
        last = senate.vote(made.proposal, name)
    assert (last.state, last.shortfall, last.moved) == ("deferred", (("llm_standard", 200),), ())
    assert "lacks 200 llm_standard" in last.note
    assert (senate.pool(), senate.budget()) == (1000, {})
    assert senate.sweep() == []
    senate.fund(200)
    (paid,) = senate.sweep()
    assert (paid.state, senate.pool(), senate.budget()) == ("enacted", 0, {"llm_standard": 1200})
    assert senate.sweep() == []


def test_a_deferred_grant_expires_where_its_pool_never_has_it(senate: Senate):
    made = senate.propose(1200)
    for name in REVIEWERS:
        senate.vote(made.proposal, name)
    senate.wait(1_209_600)
    assert [receipt.state for receipt in senate.sweep()] == ["expired"]


def test_two_that_wait_for_the_same_pool_are_paid_in_their_order_as_far_as_it_goes(senate: Senate):
    names = [senate.propose(1200, justification=f"number {n}").proposal for n in (1, 2)]
    for name in names:
        for reviewer in REVIEWERS:
            senate.vote(name, reviewer)
    senate.fund(300)
    assert [receipt.proposal for receipt in senate.sweep()] == names[:1]
    assert (senate.pool(), senate.show(names[1]).state) == (100, "deferred")


def test_nobody_votes_and_the_deadline_ends_it_by_default(senate: Senate):
    name = senate.propose().proposal
    assert senate.sweep() == []
    refused(proposals.ProposalNotDue, lambda: proposals.advance_proposal(senate.tx, proposal=name))
    senate.wait(259_200)
    refused(proposals.VotingOver, lambda: senate.vote(name, "rita"))
    (ended,) = senate.sweep()
    assert (ended.state, ended.note) == ("expired", "no quorum by its deadline")
    assert senate.show(name).ended_at == senate.tx.now
    assert senate.sweep() == []


def test_at_the_deadline_a_quorum_decides_without_the_others(senate: Senate):
    name = senate.propose(400).proposal
    senate.vote(name, "rita")
    senate.vote(name, "rolf")
    senate.wait(259_200)
    assert [receipt.state for receipt in senate.sweep()] == ["enacted"]


def test_put_off_by_vote_it_is_opened_again_with_new_votes(senate: Senate):
    name = senate.propose().proposal
    senate.vote(name, "rita", "defer")
    put_off = senate.vote(name, "rolf", "defer")
    assert (put_off.state, put_off.note) == ("deferred", "put off by vote; its proposer may open it again")
    refused(proposals.NotYourProposal, lambda: proposals.open_proposal(senate.as_actor("rosa"), proposal=name))
    again = proposals.open_proposal(senate.as_actor("pat"), proposal=name).result
    assert (again.state, again.approve, again.defer) == ("open", 0, 0)
    senate.vote(name, "rita")
    assert senate.vote(name, "rosa").state == "enacted"


def test_a_draft_waits_for_its_proposer(senate: Senate):
    made = senate.propose(draft=True)
    assert (made.state, made.reviewers) == ("draft", ())
    refused(proposals.ProposalStage, lambda: senate.vote(made.proposal, "rita"))
    assert proposals.open_proposal(senate.as_actor("pat"), proposal=made.proposal).result.state == "open"
    withdrawn = proposals.withdraw_proposal(senate.as_actor("pat"), proposal=made.proposal, reason="found another")
    assert withdrawn.result.state == "withdrawn"
    refused(
        proposals.ProposalStage,
        lambda: proposals.withdraw_proposal(senate.as_actor("pat"), proposal=made.proposal, reason="again"),
    )


def test_who_abstains_is_replaced_by_the_next_in_the_draw(senate: Senate):
    for number in range(4):
        senate.reviewer(f"r{number}")
    made = senate.propose()
    first, *others = made.reviewers
    successor = senate.show(made.proposal).alternates[0]
    left = senate.vote(made.proposal, first, "abstain")
    assert left.reviewers == (successor, *others)
    refused(proposals.NotAssigned, lambda: senate.vote(made.proposal, first))
    (vote,) = senate.show(made.proposal).votes
    assert (vote.choice, vote.counts) == ("abstain", False)


def test_the_draw_can_be_made_again_by_anybody(senate: Senate):
    names = [*REVIEWERS, *(senate.reviewer(f"r{number}") for number in range(9))]
    made = senate.show(senate.propose().proposal)
    assert made.seed == proposals.seed_of(made.proposal, int(made.proposal[1:]))
    order = proposals.drawn(names, made.seed)
    assert (made.reviewers, made.alternates) == (order[:3], order[3:11])
    seats = {senate.show(senate.propose(by="pat").proposal).reviewers for _ in range(10)}
    assert len(seats) > 5


def test_who_was_not_drawn_comments_and_does_not_vote(senate: Senate):
    for number in range(4):
        senate.reviewer(f"r{number}")
    made = senate.propose()
    outsider = next(f"r{n}" for n in range(4) if f"r{n}" not in made.reviewers)
    refused(proposals.NotAssigned, lambda: senate.vote(made.proposal, outsider))
    proposals.comment_on_proposal(senate.as_actor(outsider), proposal=made.proposal, text="see PMID:1")
    assert senate.story(made.proposal)[-1] == "comment"


def test_a_reviewer_with_a_stake_in_the_artifact_s_market_cannot_vote_nor_be_drawn(senate: Senate):
    market = senate.market("m")
    made = senate.propose(entity=H)
    holder, bidder, other = made.reviewers
    senate.buy(market, holder)
    problem = refused(proposals.ConflictOfInterest, lambda: senate.vote(made.proposal, holder))
    assert f"{holder} holds a position in market m" in str(problem)
    markets.place_limit_order(
        senate.rich(bidder), market=market, outcome="yes", side="buy", shares=5 * T, limit_price=10**11
    )
    problem = refused(proposals.ConflictOfInterest, lambda: senate.vote(made.proposal, bidder))
    assert f"{bidder} has a resting order in market m" in str(problem)
    few = refused(proposals.TooFewReviewers, lambda: senate.propose(entity=H))
    assert (few.facts["found"], few.facts["quorum"]) == (1, 2)
    senate.reviewer("maker")
    few = refused(proposals.TooFewReviewers, lambda: senate.propose(entity=H))
    assert few.facts["found"] == 1, "who funded the market is not drawn either"
    # With the next vote those who came by a stake lose their seats, and nobody is left to take them.
    assert senate.vote(made.proposal, other).reviewers == (other,)
    assert senate.story(made.proposal)[-2:] == ["left", "left"]


def test_an_account_of_the_same_owner_holds_for_all_of_them(senate: Senate):
    market = senate.market("m")
    senate.reviewer("desk", owner="rita")
    senate.buy(market, "desk")
    few = senate.propose(entity=H)
    assert set(few.reviewers) == {"rolf", "rosa"}


def test_a_vote_of_who_buys_before_the_end_counts_no_more(senate: Senate):
    market = senate.market("m")
    made = senate.propose(entity=H)
    first, second, third = made.reviewers
    senate.vote(made.proposal, first)
    senate.buy(market, first)
    assert senate.vote(made.proposal, second).approve == 1
    assert {vote.voter: vote.counts for vote in senate.show(made.proposal).votes} == {first: False, second: True}
    assert senate.vote(made.proposal, third).state == "enacted"


def test_the_proposer_and_the_own_lineage_do_not_judge(senate: Senate):
    senate.reviewer("mine", owner="pat")
    senate.reviewer("kin", family="opus")
    senate.reviewer("agent", family="opus")
    assert set(senate.propose().reviewers) <= {*REVIEWERS, "kin", "agent"}
    made = senate.propose(by="agent")
    assert not {"kin", "agent"} & set(made.reviewers)
    problem = refused(proposals.ConflictOfInterest, lambda: senate.vote(made.proposal, "kin"))
    assert "its model family opus made the proposal" in str(problem)
    refused(proposals.ConflictOfInterest, lambda: senate.vote(made.proposal, "agent"))
    owned = senate.propose()
    problem = refused(proposals.ConflictOfInterest, lambda: senate.vote(owned.proposal, "mine"))
    assert "pat made the proposal" in str(problem)


def test_the_draw_asks_all_reviewers_where_the_policy_says_so(senate: Senate):
    for number in range(4):
        senate.reviewer(f"r{number}")
    enact_policy(senate.as_actor(HOUSE), policy=Policy(proposal_all_vote=True, proposal_default="rejected"))
    made = senate.propose()
    assert made.seats == 7
    senate.wait(259_200)
    assert [receipt.state for receipt in senate.sweep()] == ["rejected"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"requested": {}}, "nothing_asked"),
        ({"requested": {"token": 5}}, "nothing_asked"),
        ({"requested": {"llm_standard": 0}}, "amount_not_positive"),
        ({"requested": {"llm_standard": 1.5}}, "amount_not_number"),
        ({"requested": {"llm_standard": 10**15}}, "amount_too_large"),
        ({"justification": ""}, "name_invalid"),
        ({"justification": "x" * 2001}, "name_invalid"),
        ({"expected": ()}, "expected_gain_invalid"),
        ({"expected": (EXPECTED[0]._replace(measure="fame"),)}, "expected_gain_invalid"),
        ({"expected": (EXPECTED[0]._replace(amount=-EXPECTED[0].amount),)}, "expected_gain_invalid"),
        ({"expected": (EXPECTED[0]._replace(within_s=0),)}, "expected_gain_invalid"),
        ({"entity": GAP._replace(entity_id="nowhere")}, "unknown_entity"),
        ({"by": "nobody"}, "unknown_actor"),
        ({"pool": " x"}, "name_invalid"),
        ({"evidence": (proposals.Paper("a friend", "x"),)}, "claim_invalid"),
        ({"evidence": (proposals.Paper("PMID:1", ""),)}, "name_invalid"),
        ({"evidence": ("rumour",)}, "claim_invalid"),
        ({"evidence": (proposals.GapProgress("gap:nowhere", "half of it"),)}, "claim_unknown"),
        ({"evidence": (proposals.GapProgress("trust me", "half of it"),)}, "claim_invalid"),
        ({"evidence": (proposals.Paper("PMID:1", "x"),) * 11}, "too_much_evidence"),
    ],
)
def test_what_cannot_be_proposed_is_refused_and_leaves_no_trace(senate: Senate, change: dict, refusal: str):
    with pytest.raises(Refusal) as caught:
        senate.propose(**change)
    assert caught.value.code == refusal
    assert proposals.find_proposals(senate.tx) == []


def test_references_to_entities_and_addresses_are_evidence(senate: Senate):
    made = senate.propose(
        evidence=(
            proposals.GapProgress("gap:g", "half of it"),
            proposals.BenchmarkResult("https://example.org/casp", "CASP", "GDT", Decimal("92.4")),
        )
    )
    assert len(senate.show(made.proposal).evidence) == 2


def test_papers_are_looked_up_where_somebody_can(senate: Senate):
    asked = []

    def lookup(references):
        asked.extend(references)
        return {reference: reference == "PMID:1" for reference in references if reference != "PMID:3"}

    proposals.look_papers_up_with(lookup)
    try:
        for reference in ("PMID:1", "PMID:3"):
            assert senate.propose(evidence=(proposals.Paper(reference, "x"),)).state == "open"
        problem = refused(proposals.PaperUnknown, lambda: senate.propose(evidence=(proposals.Paper("PMID:2", "x"),)))
    finally:
        proposals.look_papers_up_with(None)
    assert asked == ["PMID:1", "PMID:3", "PMID:2"]
    assert "PMID:2" in str(problem)


def test_a_grant_to_a_budget_of_another_pool_moves_between_the_two(senate: Senate):
    operator = senate.as_actor("operator")
    issue(operator, account=POOL._replace(owner="pool:other"), amount=100, reason="sleeve")
    budgets.set_budget(operator, entity=GAP, pool="other", budgets={"llm_standard": 10})
    before = senate.pool()
    proposal = senate.propose(100).proposal
    for reviewer in senate.show(proposal).reviewers:
        if senate.show(proposal).state == "open":
            senate.vote(proposal, reviewer)
    assert senate.show(proposal).state == "enacted" and before - senate.pool() == 100
    row = budgets.find_budget(senate.tx, GAP)
    assert row is not None and row.pool == "other", "what of it comes back goes to the pool that the budget is of"
    assert senate.budget() == {"llm_standard": 110}


def test_only_so_many_of_one_owner_are_voted_on(senate: Senate):
    enact_policy(senate.as_actor(HOUSE), policy=Policy(proposals_open_max=2))
    senate.actor("bot", 0)
    register_actor(senate.as_actor("operator"), name="bot", owner="pat")
    senate.propose()
    senate.propose(by="bot")
    refused(proposals.TooManyProposals, lambda: senate.propose())
    assert senate.propose(draft=True).state == "draft"


def test_the_same_key_is_one_proposal_and_one_vote(senate: Senate):
    made = senate.propose(key="k")
    assert senate.propose(key="k") == made
    tx = senate.as_actor("rita")
    vote = {"proposal": made.proposal, "choice": "approve", "reason": "yes", "key": "v"}
    first = proposals.vote_on_proposal(tx, **vote)
    again = proposals.vote_on_proposal(tx, **vote)
    assert (again.result, again.repeated) == (first.result, True)


def test_who_is_no_reviewer_does_not_vote(senate: Senate):
    name = senate.propose().proposal
    with pytest.raises(Refusal) as caught:
        senate.vote(name, "pat")
    assert caught.value.code == "role_needed"
    refused(proposals.ChoiceInvalid, lambda: senate.vote(name, "rita", "perhaps"))
    refused(proposals.UnknownProposal, lambda: senate.vote("p0", "rita"))
