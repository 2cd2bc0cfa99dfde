"""Work is claimed with its budget, done or given back, and never held twice."""

from __future__ import annotations

import json

import pytest

from scidex import work
from scidex.atlas import knowledge
from scidex.atlas.knowledge import NewEdge, NewGain
from scidex.core.journal import Request
from scidex.entities import EntityKey, UnknownEntity, register_entity
from scidex.exchange import earnings
from scidex.exchange.resource_allocator import BudgetExhausted
from scidex.ledger import DurationInvalid
from scidex.senate import budgets
from scidex.senate.budgets import TierDiffers, VectorInvalid

EDGE = NewEdge("APOE4", "raises", "risk of AD", "PMID:1")


def test_a_claim_reserves_the_budget_and_finishing_settles_it(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    claimed = lab.claim("bob", seconds=60)
    assert (claimed.item, claimed.kind, json.loads(claimed.payload)) == (item, "read", {"of": "h1"})
    assert (claimed.amounts, claimed.remaining, claimed.attempt) == (
        (("llm_standard", 100),),
        (("llm_standard", 900),),
        1,
    )
    assert lab.line(entity=h1) == (1000, 100, 0, 900)
    with pytest.raises(work.NoWork):
        lab.claim("alice")
    done = lab.finish(claimed, lab.used(70), actor="bob", edges=[EDGE], gains=[NewGain("paper", "doi:1")], note="ok")
    assert (done.state, done.item_state, done.charged.used) == ("finished", "finished", (("llm_standard", 70),))
    # One edge and a paper worth one: 2 / (2 + 5).
    assert (done.reward, done.remaining) == (285_714, (("llm_standard", 930),))
    assert lab.line(entity=h1) == (1000, 0, 70, 930)
    found = work.find_claim(lab.tx, claimed.claim)
    assert (found.state, found.reward, found.note) == ("finished", 285_714, "ok")
    with pytest.raises(work.ClaimOver):
        lab.finish(claimed, actor="bob")


def test_the_same_key_gives_the_same_claim(lab):
    h1 = lab.project("h1")
    lab.add(h1), lab.add(h1)
    first = work.claim_work(lab.as_actor("bob"), key="k")
    again = work.claim_work(lab.as_actor("bob"), key="k")
    assert (again.repeated, again.result) == (True, first.result)
    assert lab.line(entity=h1) == (1000, 100, 0, 900)


def test_only_the_holder_or_an_operator_ends_a_claim(lab):
    lab.add(lab.project("h1"))
    claimed = lab.claim("bob")
    for attempt in (
        lambda tx: work.finish_work(tx, claim=claimed.claim),
        lambda tx: work.fail_work(tx, claim=claimed.claim, reason="no"),
        lambda tx: work.return_work(tx, claim=claimed.claim),
        lambda tx: work.heartbeat_work(tx, claim=claimed.claim),
    ):
        with pytest.raises(work.NotYourClaimOfWork):
            attempt(lab.as_actor("alice"))
    assert lab.finish(claimed, actor="operator").state == "finished"
    with pytest.raises(work.UnknownWorkClaim):
        work.return_work(lab.as_actor("bob"), claim="c999999")


def test_what_is_given_back_is_as_it_was(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    claimed = lab.claim("bob")
    back = work.return_work(lab.as_actor("bob"), claim=claimed.claim).result
    assert (back.state, back.item_state, back.remaining) == ("returned", "open", (("llm_standard", 1000),))
    again = lab.claim("alice")
    assert (again.item, again.attempt) == (item, 1)


def test_a_failure_is_tried_again_after_a_pause_that_doubles_then_it_is_a_dead_letter(lab):
    h1 = lab.project("h1")
    item = lab.add(h1, attempts=2)
    failed = work.fail_work(lab.as_actor("alice"), claim=lab.claim().claim, reason="model down", events=[lab.used(10)])
    assert (failed.result.state, failed.result.item_state, failed.result.reward) == ("failed", "open", 0)
    assert (failed.result.retry_at - lab.tx.now).total_seconds() == 60
    with pytest.raises(work.NoWork):
        lab.claim()
    lab.pass_by(60)
    again = lab.claim()
    assert (again.item, again.attempt) == (item, 2)
    dead = work.fail_work(lab.as_actor("alice"), claim=again.claim, reason="still down").result
    assert (dead.item_state, lab.state(item), lab.line(entity=h1)) == ("dead", "dead", (1000, 0, 10, 990))
    other = lab.add(h1)
    with pytest.raises(work.ItemNotDead):
        work.revive_work(lab.as_actor("operator"), item=other)
    assert work.revive_work(lab.as_actor("operator"), item=item).result.state == "open"
    assert {lab.claim().item, lab.claim().item} == {item, other}


def test_a_lease_that_runs_out_gives_the_budget_back_and_the_item_to_others(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    claimed = lab.claim("bob", seconds=60)
    lab.pass_by(30)
    held = work.heartbeat_work(lab.as_actor("bob"), claim=claimed.claim, seconds=60).result
    assert (held.expires_at - lab.tx.now).total_seconds() == 60
    lab.pass_by(59)
    assert lab.sweep() == 0
    lab.pass_by(1)
    assert lab.sweep() == 1
    assert (lab.state(item), lab.line(entity=h1)) == ("open", (1000, 0, 0, 1000))
    with pytest.raises(work.ClaimOver):
        work.heartbeat_work(lab.as_actor("bob"), claim=claimed.claim)
    lab.pass_by(60)
    assert lab.claim("alice").item == item


def test_a_late_finish_counts_while_nobody_else_has_the_item(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    claimed = lab.claim("bob", seconds=60)
    lab.pass_by(60), lab.sweep()
    late = lab.finish(claimed, lab.used(120), actor="bob", edges=[EDGE])
    assert (late.state, late.item_state, lab.state(item)) == ("finished", "finished", "finished")
    assert (late.charged.late, late.reward, lab.line(entity=h1)) == (True, 166_666, (1000, 0, 120, 880))
    lab.pass_by(60)
    with pytest.raises(work.NoWork):
        lab.claim("alice")


def test_a_late_finish_that_comes_after_somebody_else_leaves_the_item_to_him(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    slow = lab.claim("bob", seconds=60)
    lab.pass_by(120), lab.sweep(), lab.pass_by(60)
    quick = lab.claim("alice")
    late = lab.finish(slow, lab.used(50), actor="bob", edges=[EDGE])
    assert (late.state, late.item_state, late.reward, late.edges[0].outcome) == ("late", "claimed", None, "first")
    assert lab.line(entity=h1) == (1000, 100, 50, 850)
    assert lab.finish(quick).item_state == "finished"
    with pytest.raises(work.ClaimOver):
        lab.finish(slow, actor="bob")
    assert lab.state(item) == "finished"


def test_usage_counts_also_where_the_reservation_was_ended_by_itself(lab):
    h1 = lab.project("h1")
    lab.add(h1)
    claimed = lab.claim("bob")
    budgets.void_reservation(lab.as_actor("bob"), reservation=claimed.reservation)
    done = lab.finish(claimed, lab.used(40), actor="bob")
    assert (done.item_state, done.charged.used, lab.line(entity=h1)) == (
        "finished",
        (("llm_standard", 40),),
        (1000, 0, 40, 960),
    )


def test_an_overrun_is_a_debt_and_then_there_is_no_work(lab):
    h1 = lab.project("h1", 150)
    lab.add(h1), lab.add(h1)
    done = lab.finish(lab.claim(), lab.used(200))
    assert (done.charged.debts, done.remaining) == ((("llm_standard", 50),), (("llm_standard", -50),))
    with pytest.raises(work.NoWork):
        lab.claim()
    lab.grant(h1, llm_standard=400)
    assert lab.claim().remaining == (("llm_standard", 100),)


def test_items_wait_for_others(lab):
    h1 = lab.project("h1")
    first, second = lab.add(h1), lab.add(h1, kind="write")
    last = lab.add(h1, kind="write", after=(first, second))
    assert lab.state(last) == "waiting"
    claims = [lab.claim(), lab.claim()]
    with pytest.raises(work.NoWork):
        lab.claim()
    assert lab.finish(claims[0]).opened == ()
    assert lab.finish(claims[1]).opened == (last,)
    assert lab.claim().item == last
    assert lab.state(lab.add(h1, after=(first,))) == "open"
    with pytest.raises(work.UnknownItem):
        lab.add(h1, after=("w999999",))


def test_an_item_whose_waiting_ended_unnoticed_is_opened_by_the_keeper(lab):
    h1 = lab.project("h1")
    first = lab.add(h1)
    claimed = lab.claim()
    command = work.to_finish(lab.tx, claim=claimed.claim)
    last = lab.add(h1, after=(first,))
    work.perform_work(lab.as_actor("alice"), [work_request(command)])
    assert lab.state(last) == "waiting"
    with pytest.raises(work.ItemNotWaiting):
        work.open_work(lab.tx, item=first)
    assert lab.sweep() == 1
    assert lab.state(last) == "open"


def work_request(command, actor="alice"):
    return Request(command, actor)


def test_kinds_select(lab):
    h1 = lab.project("h1")
    lab.add(h1), lab.add(h1, kind="write")
    assert lab.claim(kinds=("write", "paint")).kind == "write"
    with pytest.raises(work.NoWork, match="of the kinds write"):
        lab.claim(kinds=("write",))


def test_an_item_too_large_for_the_budget_does_not_stand_in_the_way(lab):
    h1, h2 = lab.project("h1", 150), lab.project("h2", 0)
    lab.add(h1, amounts={"llm_standard": 200}), lab.add(h2)
    small = lab.add(h1, amounts={"llm_standard": 150})
    assert lab.claim().item == small
    with pytest.raises(work.NoWork):
        lab.claim()


def test_a_cap_on_one_entity_leads_to_another_and_one_on_the_actor_is_told(lab):
    h1, h2 = lab.project("h1", 5000), lab.project("h2", 1000)
    lab.add(h1), lab.add(h2), lab.add(h1), lab.add(h2)
    budgets.set_limit(
        lab.as_actor("operator"), scope="entity", subject="hypothesis:h1", unit="llm_standard", window="total", cap=50
    )
    assert (lab.claim("bob").entity, lab.claim("bob").entity) == (h2, h2)
    budgets.set_limit(
        lab.as_actor("operator"), scope="actor", subject="alice", unit="llm_standard", window="total", cap=50
    )
    lab.add(h2)
    with pytest.raises(budgets.LimitReached):
        lab.claim("alice")


def test_an_output_is_recorded_with_the_result_and_nobody_mints_for_himself(lab):
    h1 = lab.project("h1")
    lab.add(h1)
    claimed = lab.claim("bob")
    paper = EntityKey("paper", "p1")
    register_entity(lab.as_actor("bob"), entity_type="paper", entity_id="p1", title="On h1")
    done = lab.finish(claimed, actor="bob", outputs=[work.NewOutput(paper)])
    assert done.outputs == (paper,)
    assert earnings.find_output(lab.tx, paper)[0].producer == "bob"


def test_a_bad_line_refuses_the_whole_result(lab):
    h1 = lab.project("h1")
    lab.add(h1)
    claimed = lab.claim("bob")
    with pytest.raises(knowledge.GainKindUnknown):
        lab.finish(claimed, lab.used(10), actor="bob", edges=[EDGE], gains=[NewGain("fame", "x")])
    assert lab.line(entity=h1) == (1000, 100, 0, 900)
    assert lab.finish(claimed, lab.used(10), actor="bob", edges=[EDGE]).edges[0].outcome == "first"


def test_only_its_proposer_or_an_operator_withdraws_what_nobody_works_on(lab):
    h1 = lab.project("h1")
    first, second = lab.add(h1), lab.add(h1)
    with pytest.raises(work.NotYourItem):
        work.withdraw_work(lab.as_actor("bob"), item=first, reason="mine")
    assert work.withdraw_work(lab.as_actor("alice"), item=first, reason="moot").result.state == "withdrawn"
    assert lab.claim().item == second
    with pytest.raises(work.ItemBusy):
        work.withdraw_work(lab.as_actor("alice"), item=second, reason="moot")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"payload": "{"}, work.PayloadInvalid),
        ({"payload": '"' + "x" * 16_000 + '"'}, work.PayloadInvalid),
        ({"attempts": 0}, work.AttemptsInvalid),
        ({"delay_s": -1}, DurationInvalid),
        ({"after": ("w1", "w1")}, work.TooManyBefore),
        ({"amounts": {}}, VectorInvalid),
        ({"amounts": {"token": 5}}, VectorInvalid),
        ({"model": "gpt-4o", "amounts": {"llm_batch": 5}}, TierDiffers),
    ],
)
def test_what_adding_refuses(lab, change, refusal):
    h1 = lab.project("h1")
    with pytest.raises(refusal):
        lab.add(h1, **change)


def test_work_is_on_a_registered_entity(lab):
    with pytest.raises(UnknownEntity):
        lab.add(EntityKey("gap", "unheard of"))


def test_a_claim_that_the_budget_cannot_hold_any_more_is_refused_whole(lab):
    h1 = lab.project("h1")
    item = lab.add(h1)
    terms = work.Terms(0, 0, 0, 0, 0, 500_000, 1, True, 0)
    budgets.reserve(lab.as_actor("bob"), entity=h1, amounts={"llm_standard": 950})
    (answer,) = work.perform_work(lab.tx, [work_request(work.ClaimWork((), 60, work.Choice(item, terms)))])
    assert isinstance(answer, BudgetExhausted)
    assert lab.state(item) == "open"
