"""`scidex work`: the queue that agents pull from."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from scidex import views
from scidex.core.db import Tx
from scidex.surfaces.cli.calls import Before, Key, Limit, asked, changes, reads
from scidex.surfaces.cli.words import Artifact, ArtifactType, artifact_of
from scidex.views import tasks
from scidex.views import work as found
from scidex.work import ATTEMPTS, SECONDS, find_claim, find_claims, find_item, find_items

work = typer.Typer()
Item = Annotated[str, typer.Argument(metavar="ITEM", help="Id of the item, as w12.")]
Claim = Annotated[str, typer.Argument(metavar="CLAIM", help="Id of the claim, as c17.")]
IfVersion = Annotated[
    str | None, typer.Option("--if-version", metavar="VERSION", help="Only if it still has this one, as show has it.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, as it is recorded.")]
Seconds = Annotated[int, typer.Option("--seconds", metavar="SECONDS", help="How long it is held.")]
Tokens = Annotated[
    str | None, typer.Option("--tokens", metavar="AMOUNT", help="LLM tokens used, of the tier that is reserved.")
]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="As gpt-4o, or openai/gpt-4o.")]
State = Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")]
Payload = Annotated[str, typer.Option("--payload", metavar="JSON", help="What who does it needs to know.")]


def _amount(name: str, text: str) -> object:
    return typer.Option(f"--{name}", metavar="AMOUNT", help=text)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:80]!r} is not JSON; write an object such as '{{\"pmid\": 1}}'.") from None


def _used(tokens: str | None, model: str | None) -> list[dict[str, Any]]:
    given = {"amount": tokens, "source": "cli"} | ({} if model is None else {"model": model})
    return [] if tokens is None else [given]


@changes(work, "add")
def add(
    tx: Tx,
    artifact: Artifact,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="What sort of work it is.")],
    payload: Payload = "{}",
    llm_tokens: Annotated[str | None, _amount("llm-tokens", "LLM tokens, of --tier or of the model's.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="reasoning, standard or batch.")] = None,
    cpu_seconds: Annotated[str | None, _amount("cpu-seconds", "CPU seconds.")] = None,
    api_calls: Annotated[str | None, _amount("api-calls", "Calls to the provider.")] = None,
    model: Model = None,
    provider: Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="As openai.")] = None,
    input_tokens: Annotated[str | None, _amount("input-tokens", "What the call of the model is given.")] = None,
    max_output_tokens: Annotated[str | None, _amount("max-output-tokens", "The most that it may answer.")] = None,
    usd: Annotated[str | None, _amount("usd", "The most that it can cost.")] = None,
    after: Annotated[
        list[str] | None, typer.Option("--after", metavar="ITEM", help="Only once it is finished.")
    ] = None,
    attempts: Annotated[int, typer.Option("--attempts", help="How often it is tried.")] = ATTEMPTS,
    artifact_type: ArtifactType = None,
    key: Key = None,
) -> found.WorkItemDone:
    """Put a piece of work on an artifact into the queue, with the most that it may take."""
    return asked(
        tx,
        tasks.AddWorkBody,
        key,
        found.WorkItemDone,
        artifact_id=artifact,
        artifact_type=artifact_type,
        kind=kind,
        payload=_object(payload),
        llm_tokens=llm_tokens,
        tier=tier,
        cpu_seconds=cpu_seconds,
        api_calls=api_calls,
        model=model,
        provider=provider,
        input_tokens=input_tokens,
        max_output_tokens=max_output_tokens,
        usd=usd,
        after=after,
        attempts=attempts,
    )


@reads(work, "list")
def list_items(
    tx: Tx,
    state: State = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only of this sort.")] = None,
    artifact: Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only on this one.")] = None,
    artifact_type: ArtifactType = None,
    after: Annotated[int, typer.Option("--after", min=0, metavar="NEXT", help="The `next` of the page before.")] = 0,
    limit: Limit = 100,
) -> views.Page[found.WorkItemView]:
    """The queue, the oldest first."""
    entity = None if artifact is None else artifact_of(tx, artifact, artifact_type)
    rows = find_items(tx, state=state, entity=entity, kind=kind, after=after, limit=limit + 1)
    return views.page(views.Page[found.WorkItemView], rows, limit, found.work_item_view, lambda row: int(row.item[1:]))


@reads(work, "show")
def show_item(tx: Tx, item: Item) -> found.WorkItemView:
    """An item as it is now."""
    return found.work_item_view(find_item(tx, item))


@changes(work, "claim")
def claim(
    tx: Tx,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only of this sort, or these.")
    ] = None,
    seconds: Seconds = SECONDS,
    key: Key = None,
) -> found.ClaimedReceipt:
    """Take the next piece of work, with its budget reserved."""
    return asked(tx, tasks.ClaimWorkBody, key, found.ClaimedReceipt, kinds=kind, seconds=seconds)


@reads(work, "claims")
def list_claims(
    tx: Tx,
    holder: Annotated[str | None, typer.Option("--holder", metavar="NAME", help="Only of this actor.")] = None,
    item: Annotated[str | None, typer.Option("--item", metavar="ITEM", help="Only to this item.")] = None,
    state: State = None,
    before: Before = None,
    limit: Limit = 100,
) -> views.Page[found.WorkClaimView]:
    """Claims, the newest first."""
    rows = find_claims(tx, actor=holder, item=item, state=state, before=before, limit=limit + 1)
    return views.page(
        views.Page[found.WorkClaimView], rows, limit, found.work_claim_view, lambda row: int(row.claim[1:])
    )


@reads(work, "why")
def show_claim(tx: Tx, claim: Claim) -> found.WorkClaimView:
    """A claim as it is now, with every term by which its item was chosen."""
    return found.work_claim_view(find_claim(tx, claim))


@changes(work, "heartbeat")
def heartbeat(tx: Tx, claim: Claim, seconds: Seconds = SECONDS, key: Key = None) -> found.WorkClaimDone:
    """Hold a claim and its reservation for so many seconds from now."""
    return asked(tx, tasks.HeartbeatTerms, key, found.WorkClaimDone, claim=claim, seconds=seconds)


@changes(work, "finish")
def finish(
    tx: Tx,
    claim: Claim,
    tokens: Tokens = None,
    model: Model = None,
    edge: Annotated[
        list[str] | None,
        typer.Option("--edge", metavar="JSON", help='{"subject":..., "predicate":..., "object":..., "source":...}'),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What is remembered of it.")] = None,
    key: Key = None,
) -> found.FinishedReceipt:
    """End a claim with its result: what was used and what was found."""
    edges = [_object(text) for text in edge or ()]
    used = _used(tokens, model)
    return asked(tx, tasks.FinishTerms, key, found.FinishedReceipt, claim=claim, used=used, edges=edges, note=note)


@changes(work, "fail")
def fail(
    tx: Tx, claim: Claim, reason: Reason, tokens: Tokens = None, model: Model = None, key: Key = None
) -> found.FinishedReceipt:
    """End a claim without a result; what was used is charged all the same."""
    used = _used(tokens, model)
    return asked(tx, tasks.FailTerms, key, found.FinishedReceipt, claim=claim, reason=reason, used=used)


@changes(work, "return")
def give_back(tx: Tx, claim: Claim, key: Key = None) -> found.WorkClaimDone:
    """Give a claim back of which nothing was used."""
    return asked(tx, tasks.ReturnTerms, key, found.WorkClaimDone, claim=claim)


@changes(work, "withdraw")
def withdraw(tx: Tx, item: Item, reason: Reason, if_version: IfVersion = None, key: Key = None) -> found.WorkItemDone:
    """Take an item that nobody works on out of the queue."""
    return asked(tx, tasks.WithdrawWorkTerms, key, found.WorkItemDone, item=item, reason=reason, version=if_version)


@changes(work, "revive")
def revive(tx: Tx, item: Item, if_version: IfVersion = None, key: Key = None) -> found.WorkItemDone:
    """Let a dead letter be tried again; for operators."""
    return asked(tx, tasks.ReviveTerms, key, found.WorkItemDone, item=item, version=if_version)
