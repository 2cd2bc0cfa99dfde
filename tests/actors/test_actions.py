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


def named(town, name):
    return actors.find_actors_named(town.tx, [name])[0]


def test_an_actor_enters_agents_of_its_own_and_an_operator_anybodys(town):
    town.actor("alice", 0), town.actor("bob", 0)
    actors.register_actor(town.as_actor("alice"), name="alice-1", owner="alice", family="gpt")
    assert named(town, "alice-1")[-2:] == ("alice", "gpt")
    with pytest.raises(actors.UnknownActor):
        actors.register_actor(town.as_actor("alice"), name="x", owner="nobody")
    with pytest.raises(actors.RoleNeeded):
        actors.register_actor(town.as_actor("bob"), name="bob-1", owner="alice")
    actors.register_actor(town.as_actor("operator"), name="bob-1", owner="alice")
    assert named(town, "bob-1").owner == "alice"


def test_an_owner_and_a_family_stay_until_they_are_given_anew_by_an_operator(town):
    town.actor("alice", 0), town.actor("bob", 0)
    actors.register_actor(town.as_actor("alice"), name="bot", owner="alice", family="gpt")
    actors.register_actor(town.as_actor("alice"), name="bot")
    assert named(town, "bot")[-2:] == ("alice", "gpt")
    for change in ({"owner": "bob"}, {"owner": "bot"}, {"family": "claude"}):
        with pytest.raises(actors.RoleNeeded):
            actors.register_actor(town.as_actor("alice"), name="bot", **change)
    actors.register_actor(town.as_actor("operator"), name="bot", owner="bob", family="claude")
    assert named(town, "bot")[-2:] == ("bob", "claude")
    actors.register_actor(town.as_actor("operator"), name="bot", owner="bot")
    assert named(town, "bot").owner is None


def test_the_owner_of_an_owner_is_the_owner_and_nobody_owns_itself_in_a_circle(town):
    town.actor("alice", 0)
    actors.register_actor(town.as_actor("alice"), name="bot", owner="alice")
    actors.register_actor(town.as_actor("bot"), name="helper", owner="bot")
    assert named(town, "helper").owner == "alice"
    with pytest.raises(actors.OwnerCircle):
        actors.register_actor(town.as_actor("operator"), name="alice", owner="bot")
