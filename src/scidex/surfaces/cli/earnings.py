"""`scidex earnings`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.entities import EntityKey
from scidex.exchange.earnings import find_periods, record_output, retract_output, verify_output
from scidex.surfaces.cli.calls import Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.render import InUnit
from scidex.surfaces.cli.words import Reason, artifact_of

earnings = typer.Typer()

Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="Id of the entity that is the output.")]
OutputType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Type of the entity; needed where types share the id.")
]
TOKENS = "token"


def _built_on(text: str) -> EntityKey:
    sort, colon, name = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is not TYPE:ID; write one such as analysis:organoid-protocol-v1.")
    return EntityKey(sort, name)


@reads(earnings, "show")
def show(
    tx: Tx,
    name: Annotated[str | None, typer.Argument(metavar="[ACTOR]", help="By default who asks.")] = None,
) -> InUnit:
    """What an actor earned: by kind, by period, royalties in and out, revoked, owed."""
    return InUnit(views.earnings_view(tx, tx.actor if name is None else check_name(name, "actor")), TOKENS)


@reads(earnings, "output")
def output(tx: Tx, name: Output, output_type: OutputType = None) -> InUnit:
    """An output, what it builds on, and what it was rewarded with."""
    return InUnit(views.output_view(tx, artifact_of(tx, name, output_type)), TOKENS)


@reads(earnings, "emission")
def emission(tx: Tx, offset: Offset = 0, limit: Limit = 100) -> InUnit:
    """Periods of emission, the latest first: how much they may mint and have minted."""
    found = find_periods(tx, offset=offset, limit=limit + 1)
    shown = views.page(views.Page[views.EmissionView], found, limit, views.emission_view, lambda last: offset + limit)
    return InUnit(shown, TOKENS)


@changes(earnings, "record")
def record(
    tx: Tx,
    name: Output,
    on: Annotated[
        list[str] | None, typer.Option("--on", metavar="TYPE:ID", help="A recorded output that it builds on; repeat.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="Who stands behind the producer; for operators.")
    ] = None,
    output_type: OutputType = None,
    key: Key = None,
) -> views.RecordedDone:
    """Say that a registered entity is an output, and what it builds on, which never changes."""
    built_on = [_built_on(text) for text in on or ()]
    made = artifact_of(tx, name, output_type)
    return views.recorded_done(record_output(tx, output=made, builds_on=built_on, owner=owner, key=key))


@changes(earnings, "verify")
def verify(
    tx: Tx,
    name: Output,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="debate, hypothesis, evidence, edge, gap, ...")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was checked, and how.")],
    quality: Annotated[str, typer.Option("--quality", metavar="QUALITY", help="From 0 to 1.")] = "0",
    output_type: OutputType = None,
    key: Key = None,
) -> InUnit:
    """Verify an output and mint its reward; for reviewers without a stake in it."""
    made = artifact_of(tx, name, output_type)
    receipt = verify_output(tx, output=made, kind=kind, note=note, quality=views.quality_of(quality), key=key)
    return InUnit(views.verified_done(receipt), TOKENS)


@changes(earnings, "retract")
def retract(tx: Tx, name: Output, reason: Reason, output_type: OutputType = None, key: Key = None) -> InUnit:
    """Retract an output and revoke its rewards; for its producer or a reviewer."""
    made = artifact_of(tx, name, output_type)
    return InUnit(views.retracted_done(retract_output(tx, output=made, reason=reason, key=key)), TOKENS)
