"""The policy changes by proposal and vote, after its notice, on whatever the other fields are by then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.proposals.conftest import Senate

from scidex.policy import HOUSE, Policy, current, enact_policy
from scidex.senate import proposals

NOTICE_S = 86_400


@pytest.fixture
def chamber(senate: Senate) -> Senate:
    """With five reviewers, which is what a change of the policy asks for."""
    for name in ("ruth", "raul"):
        senate.reviewer(name)
    return senate


def propose(senate: Senate, by: str = "pat", **changes: str) -> proposals.ProposalReceipt:
    tx = senate.as_actor(by)
    return proposals.propose_policy(tx, changes=changes, justification="it has proved too strict").result


def approved(senate: Senate, **changes: str) -> str:
    made = propose(senate, **changes)
    for name in made.reviewers[: made.needed]:
        last = senate.vote(made.proposal, name)
    assert last.state == "approved"
    return made.proposal


def test_a_change_is_voted_on_by_more_and_enacted_after_its_notice(chamber: Senate):
    made = propose(chamber, proposal_quorum="3", demand_weight="0.2")
    assert (made.sort, made.seats, made.quorum, made.needed) == ("policy", 5, 3, 4)
    for name in made.reviewers[:4]:
        last = chamber.vote(made.proposal, name)
    assert (last.state, last.due_at) == ("approved", chamber.tx.now + timedelta(seconds=NOTICE_S))
    before = current(chamber.tx)
    assert chamber.sweep() == []
    chamber.wait(NOTICE_S)
    (enacted,) = chamber.sweep()
    policy, version = current(chamber.tx)
    assert (enacted.state, enacted.enacted_version, version) == ("enacted", before[1] + 1, before[1] + 1)
    assert policy.model_dump() == before[0].model_dump() | {"proposal_quorum": 3, "demand_weight": policy.demand_weight}
    assert str(policy.demand_weight) == "0.2"
    assert chamber.propose().quorum == 3
    assert chamber.sweep() == []
    ((newest, _, proposal), *_) = proposals.find_policies(chamber.tx)
    assert (newest, proposal) == (version, made.proposal)


def test_changes_of_other_fields_meanwhile_stay(chamber: Senate):
    first, second = approved(chamber, proposal_quorum="3"), approved(chamber, demand_weight="0.2")
    chamber.wait(NOTICE_S)
    assert [receipt.proposal for receipt in chamber.sweep()] == [first, second]
    policy, version = current(chamber.tx)
    assert (policy.proposal_quorum, str(policy.demand_weight), version) == (3, "0.2", 3)


def test_a_change_of_the_same_field_meanwhile_defers_until_it_is_opened_on_the_new_value(chamber: Senate):
    name = approved(chamber, proposal_quorum="3")
    enact_policy(chamber.as_actor(HOUSE), policy=Policy(proposal_quorum=4, proposal_reviewers=5))
    chamber.wait(NOTICE_S)
    (deferred,) = chamber.sweep()
    assert deferred.state == "deferred"
    assert "proposal_quorum is 4 now and was 2 when the change was proposed" in deferred.note
    proposals.open_proposal(chamber.as_actor("pat"), proposal=name)
    assert chamber.show(name).changes == (proposals.Change("proposal_quorum", "4", "3"),)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, "give at least one field"),
        ({"no_such_field": "1"}, "there is no such field"),
        ({"proposal_quorum": "0"}, "greater than or equal to 1"),
        ({"proposal_quorum": "2"}, "it is 2 already"),
        ({"proposal_quorum": "two"}, "is not JSON"),
        ({"proposal_quorum": '3, "demand_weight": 9'}, "is not JSON"),
        ({"proposal_quorum": '"two"'}, "valid integer"),
        ({"demand_weight": "11"}, "less than or equal to 10"),
        ({"proposal_default": '"approved"'}, "'expired' or 'rejected'"),
        ({"units_per_token": '{"token": -1, "x": "y"}'}, "valid decimal"),
    ],
)
def test_what_the_bounds_do_not_allow_is_not_even_proposed(chamber: Senate, changes: dict, problem: str):
    with pytest.raises(proposals.PolicyChangeInvalid, match=problem):
        propose(chamber, **changes)


def test_too_few_reviewers_cannot_change_the_policy(senate: Senate):
    propose(senate, proposal_quorum="3")
    with pytest.raises(proposals.TooFewReviewers, match="2 reviewers"):
        propose(senate, by="rita", proposal_quorum="3")


def test_values_are_kept_as_the_policy_writes_them():
    changes = proposals.changes_of(Policy(), (("demand_weight", "0.25"), ("unknown_model_tier", "null")))
    assert changes == (
        proposals.Change("demand_weight", '"0.1"', '"0.25"'),
        proposals.Change("unknown_model_tier", '"standard"', "null"),
    )
