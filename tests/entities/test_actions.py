"""What is researched is known by type and id."""

from __future__ import annotations

import pytest

from scidex import entities
from scidex.core.names import NameInvalid
from scidex.entities import EntityKey


def test_an_entity_is_entered_once_with_who_proposed_it(town):
    town.as_actor("alice")
    entities.register_entity(town.tx, entity_type="gap", entity_id="g", title="A gap")
    found = entities.find_entity(town.tx, entity_id="g")
    assert (found.key, found.proposer, found.registered_at) == (EntityKey("gap", "g"), "alice", town.tx.now)
    with pytest.raises(entities.EntityExists, match="by alice"):
        entities.register_entity(town.tx, entity_type="gap", entity_id="g", title="Again")


@pytest.mark.parametrize("wrong", [{"entity_type": ""}, {"entity_id": " x"}, {"title": "x" * 1001}])
def test_an_entity_needs_names(town, wrong):
    with pytest.raises(NameInvalid):
        entities.register_entity(town.tx, **{"entity_type": "gap", "entity_id": "g", "title": "t", **wrong})


def test_entities_are_listed_by_type_and_id_in_pages(town):
    for kind, name in (("gap", "b"), ("gap", "a"), ("analysis", "z")):
        town.artifact(name, kind)
    first = entities.find_entities(town.tx, limit=2)
    assert [entity.key for entity in first] == [("analysis", "z"), ("gap", "a")]
    assert [entity.key for entity in entities.find_entities(town.tx, after=first[-1].key)] == [("gap", "b")]
    assert len(entities.find_entities(town.tx, entity_type="gap")) == 2
