"""Gathering: fair, bounded, and nobody fails by another's fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.economy import Batcher, Overloaded
from scidex.economy.batcher import Stopping
from scidex.ledger import InsufficientFunds, Issue, Leg, Transfer, wallet_of
from scidex.policy import HOUSE

WAIT_S = 20


class Slow:
    """Carries out nothing until it is let; remembers what each batch held."""

    def __init__(self, poison: object = None) -> None:
        self.go, self.begun, self.batches, self.poison = Event(), Event(), [], poison

    def __call__(self, requests):
        self.batches.append([(request.actor, request.command) for request in requests])
        self.begun.set()
        assert self.go.wait(WAIT_S)
        if any(request.command == self.poison for request in requests):
            raise AssertionError("a bug")
        return [f"{request.actor} {request.command}" for request in requests]


def line_up(batcher, slow, *requests):
    """Occupy the only writer with a first command, then put these in line."""
    first = batcher.submit(Request("first", "a"))
    assert slow.begun.wait(WAIT_S)
    return [first, *(batcher.submit(Request(command, actor)) for actor, command in requests)]


def test_each_actor_has_a_turn_in_every_batch():
    slow = Slow()
    batcher = Batcher(slow, size=4, writers=1)
    answers = line_up(batcher, slow, *[("greedy", n) for n in range(6)], ("modest", 0), ("humble", 0))
    slow.go.set()
    assert [answer.result(WAIT_S) for answer in answers[-2:]] == ["modest 0", "humble 0"]
    batcher.stop()
    assert slow.batches[1] == [("greedy", 0), ("modest", 0), ("humble", 0), ("greedy", 1)]
    assert slow.batches[2] == [("greedy", 2), ("greedy", 3), ("greedy", 4), ("greedy", 5)]


def test_what_waits_is_bounded_and_the_rest_is_told_at_once():
    slow = Slow()
    batcher = Batcher(slow, waiting_max=2, writers=1)
    line_up(batcher, slow, ("b", 1), ("b", 2))
    with pytest.raises(Overloaded) as refused:
        batcher.submit(Request(3, "b"))
    assert refused.value.status == 503
    slow.go.set()
    batcher.stop()


def test_what_waited_too_long_is_answered_busy_and_not_carried_out():
    slow = Slow()
    batcher = Batcher(slow, writers=1, longest_wait_s=-1)
    late = batcher.submit(Request(1, "b"))
    assert isinstance(late.result(WAIT_S), Overloaded)
    batcher.stop()
    assert slow.batches == []


def test_a_bug_fails_its_own_command_only():
    slow = Slow(poison="poison")
    batcher = Batcher(slow, writers=1)
    slow.go.set()
    answers = line_up(batcher, slow, ("b", 1), ("b", "poison"), ("c", 2), ("d", 3))
    assert isinstance(answers[2].exception(WAIT_S), AssertionError)
    assert [answers[n].result(WAIT_S) for n in (0, 1, 3, 4)] == ["a first", "b 1", "c 2", "d 3"]
    batcher.stop()


def test_who_gave_up_before_its_turn_is_not_carried_out():
    slow = Slow()
    batcher = Batcher(slow, writers=1)
    _, given_up = line_up(batcher, slow, ("b", 1))
    assert given_up.cancel()
    slow.go.set()
    batcher.stop()
    assert slow.batches == [[("a", "first")]]


def test_a_stop_answers_all_that_waits_and_takes_nothing_more():
    slow = Slow()
    batcher = Batcher(slow, writers=1)
    answers = line_up(batcher, slow, ("b", 1))
    slow.go.set()
    batcher.stop()
    assert [answer.result(0) for answer in answers] == ["a first", "b 1"]
    with pytest.raises(Stopping):
        batcher.submit(Request(1, "b"))


def test_a_thousand_callers_are_answered_each_its_own(economy):
    economy.perform_all([Request(Issue(wallet_of("operator"), 1000, "x"), "operator")])
    economy.perform_all([Request(Issue(wallet_of("bob"), 1, "x"), HOUSE)])

    def pay(n: int) -> Receipt | Refusal:
        command = Transfer((Leg(wallet_of("operator"), wallet_of("bob"), 2),), "pay")
        try:
            return economy.batcher.perform(Request(command, "operator", f"pay {n % 800}"))
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(pay, range(1000)))
    paid = {answer.number for answer in answers if isinstance(answer, Receipt)}
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(paid) == 500  # 1,000 parts, 2 each, though 200 asked twice
    assert all(isinstance(refusal, InsufficientFunds) for refusal in refused)
