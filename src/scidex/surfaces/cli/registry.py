"""`scidex actors`, `scidex entities`, `scidex policy`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scidex import views
from scidex.actors import find_actors, register_actor
from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entities, register_entity
from scidex.policy import current
from scidex.surfaces.cli.calls import After, Key, Limit, changes, reads
from scidex.surfaces.cli.words import ArtifactType

actors, entities, policy = typer.Typer(), typer.Typer(), typer.Typer()


@changes(actors, "register")
def register(
    tx: Tx,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called from now on.")],
    sort: Annotated[str, typer.Option("--sort", metavar="SORT", help="agent, person or service.")] = "agent",
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="operator, issuer, resolver, reviewer, auditor; repeatable."),
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="To whom it belongs; its own name: to itself.")
    ] = None,
    family: Annotated[str | None, typer.Option("--family", metavar="NAME", help="Model family of an agent.")] = None,
    key: Key = None,
) -> views.ActorDone:
    """Enter an actor, or give one that is there these roles instead of those it has."""
    receipt = register_actor(tx, name=name, sort=sort, roles=role or (), owner=owner, family=family, key=key)
    return views.actor_done(receipt)


@reads(actors, "list")
def list_actors(tx: Tx, after: After = None, limit: Limit = 100) -> views.Page[views.ActorView]:
    """Actors by name."""
    found = find_actors(tx, after=after or "", limit=limit + 1)
    return views.page(views.Page[views.ActorView], found, limit, views.actor_view, lambda last: last.name)


@changes(entities, "register")
def register_artifact(
    tx: Tx,
    entity_type: Annotated[str, typer.Argument(metavar="TYPE", help="hypothesis, gap, analysis, ...")],
    entity_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, unique within the type.")],
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What people call it.")],
    domain: Annotated[str | None, typer.Option("--domain", metavar="FIELD", help="Field of science.")] = None,
    key: Key = None,
) -> views.EntityDone:
    """Enter a thing under research, by type and id."""
    receipt = register_entity(tx, entity_type=entity_type, entity_id=entity_id, title=title, domain=domain, key=key)
    return views.entity_done(receipt)


@reads(entities, "list")
def list_entities(
    tx: Tx,
    artifact_type: ArtifactType = None,
    after: After = None,
    limit: Limit = 100,
) -> views.Page[views.EntityView]:
    """Entities by type and id."""
    key = EntityKey(*views.names_of(after, 2))
    found = find_entities(tx, entity_type=artifact_type, after=key, limit=limit + 1)
    return views.page(
        views.Page[views.EntityView], found, limit, views.entity_view, lambda last: views.cursor(*last.key)
    )


@reads(policy, "show")
def show_policy(tx: Tx) -> dict[str, Any]:
    """Every number in force, and under which version decisions record them."""
    found, version = current(tx)
    return {"version": version, "policy": found}
