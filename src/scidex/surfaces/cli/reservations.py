"""`scidex reserve`, `settle`, `release`, `extend`, `reservations`, `limits`."""

from __future__ import annotations

from typing import Annotated

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.core.units import parse_amount, unit_named
from scidex.policy import current
from scidex.senate.budgets import (
    SECONDS,
    find_limits,
    find_reservation,
    find_reservations,
    override_limit,
    set_limit,
)
from scidex.surfaces.cli.calls import Key, Limit, Offset, asked, changes, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of

app, reservations, limits = typer.Typer(), typer.Typer(), typer.Typer()

Name = Annotated[str, typer.Argument(metavar="RESERVATION", help="Id of the reservation.")]
Seconds = Annotated[int, typer.Option("--seconds", metavar="SECONDS", help="How long at most.")]
Scope = Annotated[str, typer.Argument(metavar="SCOPE", help="fleet, actor, provider or entity.")]
Subject = Annotated[
    str, typer.Option("--subject", metavar="NAME", help="Which actor or provider, or which artifact as TYPE:ID.")
]
CapUnit = Annotated[str, typer.Option("--unit", metavar="UNIT", help="usd, llm_standard, api_calls, ...")]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="As gpt-4o, or openai/gpt-4o.")]
Provider = Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="As openai, or pubmed.")]


def _amount(name: str, text: str) -> object:
    return typer.Option(f"--{name.replace('_', '-')}", metavar="AMOUNT", help=text)


@changes(app, "reserve")
def reserve(
    tx: Tx,
    artifact: Artifact,
    llm_tokens: Annotated[str | None, _amount("llm_tokens", "LLM tokens, of --tier or of the model's.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="reasoning, standard or batch.")] = None,
    cpu_seconds: Annotated[str | None, _amount("cpu_seconds", "CPU seconds.")] = None,
    storage_gb_hours: Annotated[str | None, _amount("storage_gb_hours", "GB-hours of storage.")] = None,
    api_calls: Annotated[str | None, _amount("api_calls", "Calls to the provider.")] = None,
    model: Model = None,
    provider: Provider = None,
    input_tokens: Annotated[str | None, _amount("input_tokens", "What the call of the model is given.")] = None,
    max_output_tokens: Annotated[str | None, _amount("max_output_tokens", "The most that it may answer.")] = None,
    usd: Annotated[str | None, _amount("usd", "The most that it can cost; by default from the price book.")] = None,
    work: Annotated[str | None, typer.Option("--work", metavar="TEXT", help="Which piece of work.")] = None,
    seconds: Seconds = SECONDS,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> views.ReservedReceipt:
    """Set resources of an artifact's budget aside: all of it, or nothing."""
    return asked(
        tx,
        views.ReserveBody,
        key,
        views.ReservedReceipt,
        artifact_id=artifact,
        artifact_type=artifact_type,
        llm_tokens=llm_tokens,
        tier=tier,
        cpu_seconds=cpu_seconds,
        storage_gb_hours=storage_gb_hours,
        api_calls=api_calls,
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
        usd=usd,
        work=work,
        seconds=seconds,
    )


@changes(app, "settle")
def settle(
    tx: Tx,
    reservation: Name,
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="By default what was reserved.")] = None,
    amount: Annotated[str | None, _amount("amount", "How much was used; by default input and output.")] = None,
    model: Model = None,
    provider: Provider = None,
    input_tokens: Annotated[str | None, _amount("input_tokens", "Tokens in, with those from a cache.")] = None,
    output_tokens: Annotated[str | None, _amount("output_tokens", "Tokens out, with the reasoning.")] = None,
    cached_tokens: Annotated[str | None, _amount("cached_tokens", "Of the input, from a cache.")] = None,
    usd: Annotated[str | None, _amount("usd", "What it cost; by default from the price book.")] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="ID", help="Your own id: it counts once.")] = None,
    more: Annotated[bool, typer.Option("--more", help="More is to come: the rest stays set aside.")] = False,
    key: Key = None,
) -> views.ChargedReceipt:
    """Record what a reservation was used for, nothing without options, and release the rest."""
    used = {
        "unit": unit,
        "amount": amount,
        "model": model,
        "provider": provider,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "cached_tokens": cached_tokens,
        "usd": usd,
        "event": event,
    }
    given = {name: value for name, value in used.items() if value is not None}
    events = [{**given, "source": "cli"}] if given else []
    return asked(tx, views.SettleTerms, key, views.ChargedReceipt, reservation=reservation, used=events, more=more)


@changes(app, "release")
def release(tx: Tx, reservation: Name, key: Key = None) -> views.ReservationDone:
    """Release a reservation of which nothing was used."""
    return asked(tx, views.ReleaseTerms, key, views.ReservationDone, reservation=reservation)


@changes(app, "extend")
def extend(tx: Tx, reservation: Name, seconds: Seconds = SECONDS, key: Key = None) -> views.ReservationDone:
    """Let a reservation run for so many seconds from now."""
    return asked(tx, views.ExtendTerms, key, views.ReservationDone, reservation=reservation, seconds=seconds)


@reads(reservations, "list")
def list_reservations(
    tx: Tx,
    artifact: Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only of this one.")] = None,
    artifact_type: ArtifactType = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only of this actor.")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> views.Page[views.ReservationView]:
    """The reservations that are open, oldest first."""
    entity = None if artifact is None else artifact_of(tx, artifact, artifact_type)
    found = find_reservations(tx, entity=entity, actor=owner, offset=offset, limit=limit + 1)
    kind = views.Page[views.ReservationView]
    return views.page(kind, found, limit, views.reservation_view, lambda last: offset + limit)


@reads(reservations, "show")
def show_reservation(tx: Tx, reservation: Name) -> views.ReservationView:
    """A reservation as it is now."""
    return views.reservation_view(find_reservation(tx, reservation))


@reads(limits, "list")
def list_limits(
    tx: Tx,
    scope: Annotated[str | None, typer.Option("--scope", metavar="SCOPE", help="Only fleet, actor, ...")] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="NAME", help="Only of this one.")] = None,
) -> views.Page[views.LimitView]:
    """The caps that all must hold, and how far each is used."""
    found = find_limits(tx, current(tx)[0], scope=scope, subject=subject)
    return views.Page[views.LimitView](items=[views.limit_view(each) for each in found])


@changes(limits, "set")
def set_(
    tx: Tx,
    scope: Scope,
    cap: Annotated[str | None, typer.Argument(metavar="[CAP]", help="By default the policy's, or none.")] = None,
    subject: Subject = "",
    unit: CapUnit = "usd",
    window: Annotated[str, typer.Option("--window", metavar="WINDOW", help="second, day or total.")] = "day",
    key: Key = None,
) -> views.LimitReceipt:
    """Cap what is used of a unit within a window; for operators."""
    parts = None if cap is None else parse_amount(cap, unit_named(unit), field="cap", zero=True)
    receipt = set_limit(tx, scope=scope, subject=subject, unit=unit, window=window, cap=parts, key=key)
    return views.limit_receipt(receipt)


@changes(limits, "override")
def override(
    tx: Tx,
    scope: Scope,
    cap: Annotated[str, typer.Argument(metavar="CAP", help="In whole units, until midnight UTC.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, as it is recorded.")],
    subject: Subject = "",
    unit: CapUnit = "usd",
    key: Key = None,
) -> views.LimitReceipt:
    """Put another cap in the place of a daily one until midnight UTC; for operators."""
    parts = parse_amount(cap, unit_named(unit), field="cap", zero=True)
    receipt = override_limit(tx, scope=scope, subject=subject, unit=unit, cap=parts, reason=reason, key=key)
    return views.limit_receipt(receipt)
