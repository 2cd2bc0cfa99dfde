"""The hidden truths of a fleet's world: the same for a seed, and seen the better the more skilled an agent is."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import pytest

from scidex.fleet.world import FIELDS, World


def test_a_seed_is_a_world() -> None:
    one, same, other = World(7, 20, "a"), World(7, 20, "a"), World(8, 20, "a")
    assert (one.artifacts, one.agents) == (same.artifacts, same.agents)
    assert [each.holds for each in one.hypotheses] != [each.holds for each in other.hypotheses]
    assert len({each.name for each in one.artifacts}) == len(one.artifacts) == 5 * len(FIELDS)
    assert {each.holds for each in one.hypotheses} == {True, False}


def test_skill_sees_the_truth() -> None:
    world = World(3, 40, "a")

    def right(skill: float) -> float:
        """The mean belief in what is true."""
        who = [replace(each, skill=skill) for each in world.agents]
        beliefs = [(world.belief(each, idea), idea.holds) for each in who for idea in world.hypotheses]
        return mean(belief if holds else 1 - belief for belief, holds in beliefs)

    assert 0.45 < right(0) < 0.55
    assert right(0.5) > 0.65
    assert right(1) > 0.9


def test_work_finds_what_is_there_and_who_is_not_honest_makes_some_up() -> None:
    world = World(3, 4, "a")
    gap = max((each for each in world.artifacts if each.kind == "gap"), key=lambda each: each.yields)
    honest = replace(world.agents[0], honest=True, skill=1.0)
    edges = [edge for n in range(200) for edge in world.found(honest, gap, 1000, world.chance(n))]
    assert len(edges) / 200 == pytest.approx(1.3 * gap.yields, rel=0.2)
    assert all(world.is_true(honest, subject) for subject, _, _ in edges)
    made_up = [edge for n in range(50) for edge in world.found(replace(honest, honest=False), gap, 0, world.chance(n))]
    assert len(made_up) == 50
    assert not any(world.is_true(honest, subject) for subject, _, _ in made_up)
    # Who has no skill is right about an edge as often as a coin.
    blind = [world.is_true(replace(honest, name=f"n{n}", skill=0.0), edges[0][0]) for n in range(400)]
    assert 0.4 < mean(blind) < 0.6


def test_everybody_reviews_only_where_nothing_is_at_stake() -> None:
    world = World(1, 20, "a")
    for who in world.agents:
        assert len(set(who.fields)) == 2
        assert [each for each in world.artifacts if each.field not in who.fields]
    assert sum(who.reviewer for who in world.agents) == 7
