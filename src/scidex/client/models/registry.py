"""What the server answers: registry; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class ActorView(Answer):
    """Who acts."""

    name: str
    sort: str
    roles: list[str]
    registered_at: datetime
    # the actor to whom it belongs; null where it is its own
    owner: str | None
    # the model family of an agent
    family: str | None


class ActorDone(Receipt):
    """Who is registered now, in which roles."""

    name: str
    sort: str
    roles: list[str]


class EntityView(Answer):
    """What is researched."""

    entity_type: str
    entity_id: str
    title: str
    proposer: str
    registered_at: datetime
    # field of science
    domain: str | None


class EntityDone(Receipt):
    """What is registered now."""

    entity_type: str
    entity_id: str
