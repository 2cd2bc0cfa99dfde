"""`scidex usage`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.entities import EntityKey
from scidex.metering import find_usage, usage_by_hour, usage_totals
from scidex.policy import current
from scidex.senate.budgets import observe_stored
from scidex.surfaces.cli.batch import Again, FileKey, Out, carry_out
from scidex.surfaces.cli.calls import Call, Key, Limit, acts, asked, changes, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of, time_of
from scidex.views import UsageBulk

usage = typer.Typer()

OfArtifact = Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only of this one.")]
Owner = Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only by this actor.")]
OfModel = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Only of this model.")]
OfUnit = Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="Only in this unit.")]
Since = Annotated[
    datetime | None, typer.Option("--since", metavar="TIME", parser=time_of, help="From then on: 2026-03-01T12:00Z")
]
Until = Annotated[datetime | None, typer.Option("--until", metavar="TIME", parser=time_of, help="Before that time.")]
Tokens = Annotated[int, typer.Option(min=0, max=10**9, metavar="TOKENS")]


def _amount(name: str, text: str) -> object:
    return typer.Option(f"--{name.replace('_', '-')}", metavar="AMOUNT", help=text)


def _entity(tx: Tx, artifact: str | None, artifact_type: str | None) -> EntityKey | None:
    return None if artifact is None else artifact_of(tx, artifact, artifact_type)


@changes(usage, "record")
def record(
    tx: Tx,
    artifact: Artifact,
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="By default the model's tier.")] = None,
    amount: Annotated[str | None, _amount("amount", "How much; by default input and output tokens.")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="As gpt-4o.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="As openai.")] = None,
    input_tokens: Annotated[str | None, _amount("input_tokens", "Tokens in, with those from a cache.")] = None,
    output_tokens: Annotated[str | None, _amount("output_tokens", "Tokens out, with the reasoning.")] = None,
    cached_tokens: Annotated[str | None, _amount("cached_tokens", "Of the input, from a cache.")] = None,
    usd: Annotated[str | None, _amount("usd", "What it cost; by default from the price book.")] = None,
    used_at: Annotated[
        datetime | None, typer.Option("--at", metavar="TIME", parser=time_of, help="When; by default now.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="ID", help="Your own id: it counts once.")] = None,
    work: Annotated[str | None, typer.Option("--work", metavar="TEXT", help="Which piece of work.")] = None,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.ChargedReceipt:
    """Record usage that nobody reserved; the budget pays whether or not it can."""
    return asked(
        tx,
        views.UsageBody,
        key,
        views.ChargedReceipt,
        artifact_id=artifact,
        artifact_type=artifact_type,
        unit=unit,
        amount=amount,
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        usd=usd,
        used_at=used_at,
        event=event,
        work=work,
        source="cli",
    )


@acts(usage, "load")
def load(
    call: Call,
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, a use each; - reads stdin.")],
    out: Out = None,
    key: FileKey = None,
    again: Again = False,
) -> None:
    """Take in a file of usage, a line each, in bulk.

    Prints a receipt per line, and what became of them all. Lines with an event id of your own count once, however often
    and in whatever file they come. A line that cannot be taken is refused alone. Exits with the code of the first.
    """
    carry_out(call, file, UsageBulk, out=out, key=key, again=again)


@changes(usage, "stored")
def stored(
    tx: Tx,
    artifact: Artifact,
    store: Annotated[str, typer.Argument(metavar="STORE", help="Where: a bucket, a folder, a database.")],
    size: Annotated[int | None, typer.Argument(metavar="[BYTES]", help="By default as before.")] = None,
    at: Annotated[
        datetime | None, typer.Option("--at", metavar="TIME", parser=time_of, help="When; by default now.")
    ] = None,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.ChargedReceipt:
    """Note how much an artifact stores, and charge the GB-hours since the last time."""
    entity = artifact_of(tx, artifact, artifact_type)
    return views.charged_receipt(observe_stored(tx, entity=entity, store=store, size=size, at=at, key=key))


@reads(usage, "list")
def list_usage(
    tx: Tx,
    artifact: OfArtifact = None,
    artifact_type: ArtifactType = None,
    owner: Owner = None,
    model: OfModel = None,
    unit: OfUnit = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[
        str | None, typer.Option("--before", metavar="NEXT", help="The `next` of the page before.")
    ] = None,
    limit: Limit = 100,
) -> views.Page[views.UsageView]:
    """Rows of usage, the latest first."""
    found = find_usage(
        tx,
        entity=_entity(tx, artifact, artifact_type),
        actor=owner,
        model=model,
        unit=unit,
        since=since,
        until=until,
        before=views.place_of(before),
        limit=limit + 1,
    )
    return views.page(views.Page[views.UsageView], found, limit, views.usage_view, views.usage_place)


@reads(usage, "hours")
def hours(
    tx: Tx,
    artifact: OfArtifact = None,
    artifact_type: ArtifactType = None,
    owner: Owner = None,
    model: OfModel = None,
    unit: OfUnit = None,
    since: Since = None,
    until: Until = None,
    after: Annotated[str | None, typer.Option("--after", metavar="NEXT", help="The `next` of the page before.")] = None,
    limit: Limit = 100,
) -> views.Page[views.UsageHourView]:
    """Sums by the hour, the earliest first."""
    found = usage_by_hour(
        tx,
        entity=_entity(tx, artifact, artifact_type),
        actor=owner,
        model=model,
        unit=unit,
        since=since,
        until=until,
        after=views.hour_of(after),
        limit=limit + 1,
    )
    return views.page(views.Page[views.UsageHourView], found, limit, views.usage_hour_view, views.hour_place)


@reads(usage, "totals")
def totals(
    tx: Tx,
    by: Annotated[str, typer.Option("--by", metavar="WHAT", help="unit, model, provider, actor or entity.")] = "unit",
    artifact: OfArtifact = None,
    artifact_type: ArtifactType = None,
    owner: Owner = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
) -> views.Page[views.UsageTotalView]:
    """Sums of whole hours, the dearest first."""
    if by not in ("unit", "model", "provider", "actor", "entity"):
        raise typer.BadParameter(f"{by!r} is not one of unit, model, provider, actor and entity.")
    found = usage_totals(
        tx, by=by, entity=_entity(tx, artifact, artifact_type), actor=owner, since=since, until=until, limit=limit
    )
    return views.Page[views.UsageTotalView](items=[views.usage_total_view(row) for row in found])


@reads(usage, "price")
def price(
    tx: Tx,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As gpt-4o, or openai/gpt-4o.")],
    provider: Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="As openai.")] = None,
    at: Annotated[
        datetime | None, typer.Option("--at", metavar="TIME", parser=time_of, help="The day of use; default now.")
    ] = None,
    input_tokens: Tokens = 1000,
    output_tokens: Tokens = 1000,
    cached_tokens: Tokens = 0,
) -> views.ModelView:
    """In which tier a model is, and what a call of so many tokens costs on a day."""
    policy, version = current(tx)
    return views.model_view(
        model,
        provider,
        policy,
        version,
        at=at or tx.now,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=min(cached_tokens, input_tokens),
    )
