"""What hostile and careless agents, and odd items, do to the queue: others go on getting work."""

from __future__ import annotations

import pytest
from tests.work.conftest import Lab

from scidex import work
from scidex.core.errors import Invalid, Refusal
from scidex.core.journal import Receipt, Request
from scidex.policy import current, enact_policy
from scidex.senate import budgets
from scidex.work.board import Board
from scidex.work.store import ready_items


def ask(lab: Lab, board: Board, actor: str = "bob", **terms: object) -> Receipt | Refusal:
    (answer,) = work.perform_work(lab.tx, [Request(work.ClaimWork(**terms), actor)], board)
    return answer


def give_back(lab: Lab, board: Board, claimed: work.Claimed, actor: str = "bob") -> None:
    (answer,) = work.perform_work(lab.tx, [Request(work.ReturnWork(claimed.claim), actor)], board)
    assert isinstance(answer, Receipt)


@pytest.mark.parametrize("payload", ["[" * 8000 + "]" * 8000, "NaN", '{"a": -Infinity}', "\ufeff1", "1" * 15_000])
def test_what_is_no_json_is_refused(lab, payload):
    with pytest.raises(work.PayloadInvalid):
        lab.add(lab.project("h"), payload=payload)


@pytest.mark.parametrize("kind", ["a\0b", "\ud800", "", "x" * 1000])
def test_a_kind_that_is_no_name_harms_nobody_else_in_the_batch(lab, kind):
    item = lab.add(lab.project("h"))
    requests = [Request(work.ClaimWork((kind,)), "alice"), Request(work.ClaimWork(), "bob")]
    refused, claimed = work.perform_work(lab.tx, requests, Board())
    assert isinstance(refused, Invalid)
    assert claimed.result.item == item


def test_too_many_kinds_are_refused(lab):
    lab.add(lab.project("h"))
    with pytest.raises(work.TooManyKinds):
        lab.claim(kinds=[f"kind {n}" for n in range(51)])


def test_who_gives_an_item_back_gets_another_if_there_is_one(lab):
    h = lab.project("h")
    first, second = lab.add(h), lab.add(h)
    board = Board()
    got = []
    for _ in range(3):
        claimed = ask(lab, board).result
        got.append(claimed.item)
        give_back(lab, board, claimed)
    # After both were given back, the older one again.
    assert got == [first, second, first]
    assert ask(lab, board, "alice").result.item == first


@pytest.mark.parametrize("more", [True, False])
def test_what_was_used_is_not_hidden_by_giving_the_claim_back(lab, more):
    lab.add(lab.project("h"))
    claimed = lab.claim("bob")
    budgets.settle(lab.as_actor("bob"), reservation=claimed.reservation, events=[lab.used(90)], more=more)
    with pytest.raises(work.ClaimUsed):
        work.return_work(lab.as_actor("bob"), claim=claimed.claim)
    assert work.fail_work(lab.as_actor("bob"), claim=claimed.claim, reason="no").result.state == "failed"


def test_waiting_for_its_time_does_not_make_an_item_older(lab):
    h, other = lab.project("h"), lab.project("other")
    planned = lab.add(h, delay_s=30 * 86_400)
    waits = lab.add(other, actor="bob", delay_s=30 * 86_400, after=[planned])
    lab.pass_by(29 * 86_400)
    now = lab.add(h)
    lab.pass_by(86_400)
    claimed = lab.claim()
    assert (claimed.item, claimed.ageing) == (now, 1_000_000)
    second = lab.claim()
    assert (second.item, second.ageing) == (planned, 0)
    lab.finish(second)
    assert work.find_item(lab.tx, waits).since == lab.tx.now


def test_an_item_that_costs_more_dollars_than_there_are_does_not_stop_the_next(lab):
    h = lab.project("h", 0)
    lab.grant(h, llm_standard=1000, usd=1000)
    for _ in range(20):
        lab.add(h, usd=10**9)
    good = lab.add(h, usd=10)
    assert lab.claim().item == good


def test_an_item_whose_price_nobody_knows_does_not_stop_the_next(lab):
    h = lab.project("h", 0)
    lab.grant(h, llm_standard=1000, usd=1000)
    lab.add(h, model="gpt-4-unheard-of")
    good = lab.add(h, usd=10)
    assert ask(lab, Board()).result.item == good


def test_an_item_whose_model_the_policy_no_longer_knows_does_not_stop_the_next(lab):
    h = lab.project("h")
    lab.add(h, model="never-heard-of")
    good = lab.add(h)
    policy, _ = current(lab.tx)
    enact_policy(lab.as_actor("system"), policy=policy.model_copy(update={"unknown_model_tier": None}))
    lab.tx.cache.clear()
    assert ask(lab, Board()).result.item == good


def test_entities_whose_caps_are_reached_do_not_hide_those_behind_them(lab):
    capped = [lab.project(f"capped{n:02}", 10_000_000) for n in range(14)]
    for entity in capped:
        subject = f"{entity.entity_type}:{entity.entity_id}"
        budgets.set_limit(
            lab.as_actor("operator"), scope="entity", subject=subject, unit="llm_standard", window="day", cap=10
        )
        lab.add(entity)
    lab.pass_by(3 * 86_400)
    good = lab.add(lab.project("free"))
    board = Board()
    answers = [ask(lab, board) for _ in range(5)]
    assert [answer.result.item for answer in answers if isinstance(answer, Receipt)] == [good]


def test_items_that_wait_in_vain_do_not_hide_those_that_are_ready(lab):
    h = lab.project("h")
    root, gone = lab.add(h), lab.add(h)
    work.withdraw_work(lab.as_actor("alice"), item=gone, reason="moot")
    ready = {lab.add(h, after=[root]) for _ in range(6)}
    for _ in range(5):
        lab.add(h, actor="bob", after=[gone])
    claimed = lab.claim()
    assert claimed.item == root
    # As if more had waited for it than one command opens.
    command = work.FinishWork(claimed.claim)
    (answer,) = work.perform_work(lab.tx, [Request(command, "alice")])
    assert answer.result.opened == ()
    found = {each.item for _ in range(200) for each in ready_items(lab.tx, limit=4)}
    assert found == ready


def test_claims_of_one_batch_for_different_kinds_never_get_the_same_item(lab):
    h = lab.project("h")
    first, second = lab.add(h), lab.add(h)
    kinds = ((), ("read",), ("read", "write"))
    requests = [Request(work.ClaimWork(each), "bob") for each in kinds]
    one, two, three = work.perform_work(lab.tx, requests, Board())
    assert (one.result.item, two.result.item) == (first, second)
    assert isinstance(three, work.NoWork)
