"""Who may register whom."""

from __future__ import annotations

import pytest

from scidex import actors
from scidex.core.names import NameInvalid


def test_anyone_may_enter_an_agent_and_only_an_operator_gives_roles(town):
    actors.register_actor(town.as_actor("stranger"), name="stranger")
    with pytest.raises(actors.RoleNeeded):
        actors.register_actor(town.tx, name="stranger", roles=["issuer"])
    actors.register_actor(town.as_actor("operator"), name="stranger", roles=["issuer"])
    (found,) = actors.find_actors_named(town.tx, ["stranger"])
    assert found.roles == ("issuer",)


def test_nobody_but_an_operator_changes_an_actor_that_is_there(town):
    actors.register_actor(town.as_actor("operator"), name="bot", sort="service", roles=["resolver"])
    for change in ({"sort": "agent", "roles": ["resolver"]}, {"sort": "service", "roles": []}):
        with pytest.raises(actors.UnknownActor):
            actors.register_actor(town.as_actor("stranger"), name="bot", **change)
    assert actors.register_actor(town.as_actor("operator"), name="bot", sort="person").result.roles == ()


def test_an_operator_cannot_leave_the_house_without_one(town):
    with pytest.raises(actors.OperatorStays):
        actors.register_actor(town.as_actor("operator"), name="operator", sort="person")


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"name": "system"}, actors.ReservedName),
        ({"name": ""}, NameInvalid),
        ({"name": "a\tb"}, NameInvalid),
        ({"name": "x", "sort": "cat"}, actors.UnknownSort),
        ({"name": "x", "roles": ["king"]}, actors.UnknownRole),
    ],
)
def test_what_registration_refuses(town, given, refusal):
    with pytest.raises(refusal):
        actors.register_actor(town.as_actor("operator"), **given)


def test_actors_are_listed_by_name_in_pages(town):
    for name in ("c", "a", "b"):
        actors.register_actor(town.as_actor("operator"), name=name)
    assert [actor.name for actor in actors.find_actors(town.tx, limit=2)] == ["a", "b"]
    assert [actor.name for actor in actors.find_actors(town.tx, after="b")] == ["c", "operator"]
