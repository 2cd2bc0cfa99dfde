"""The queue of work: what agents add, claim with its budget, and finish."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit
from scidex.surfaces.http.versions import KNOWN, MATCHED, IfMatchWord, IfNoneMatch, tagged, version_in
from scidex.views import Page, Text, page, tasks
from scidex.views import work as views
from scidex.work import find_claim, find_claims, find_item, find_items

router = APIRouter(prefix="/api/work", tags=["work"])
Claim = Annotated[Text, Path(description="a claim's id")]
Item = Annotated[Text, Path(description="an item's id")]
State = Literal["waiting", "open", "claimed", "finished", "dead", "withdrawn"]
ClaimState = Literal["held", "finished", "failed", "returned", "expired", "late"]


@router.post("/items", response_model=views.WorkItemDone)
async def post_work_item(body: tasks.AddWorkBody, caller: AsCaller) -> Response:
    """Put a piece of work on an artifact into the queue, with the most that it may take of its budget."""
    return await caller.ask(body)


@router.get("/items")
def get_work_items(
    reader: AsReader,
    state: State | None = None,
    kind: Annotated[Text | None, Query(description="only of this sort")] = None,
    artifact_id: Annotated[Text | None, Query(description="only on this artifact")] = None,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="the `next` of the page before")] = 0,
    limit: Limit = 100,
) -> Page[views.WorkItemView]:
    """The queue, the oldest first."""

    def work(tx: Tx) -> Page[views.WorkItemView]:
        entity = None
        if artifact_id is not None:
            entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        found = find_items(tx, state=state, entity=entity, kind=kind, after=after, limit=limit + 1)
        return page(Page[views.WorkItemView], found, limit, views.work_item_view, lambda row: int(row.item[1:]))

    return reader.read(work)


@router.get("/items/{item}", response_model=views.WorkItemView, responses=KNOWN)
def get_work_item(item: Item, reader: AsReader, if_none_match: IfNoneMatch = None) -> Response:
    """An item as it is now."""
    found = reader.read(lambda tx: views.work_item_view(find_item(tx, item)))
    return tagged(found, found.version, if_none_match)


@router.post("/items/{item}/withdraw", response_model=views.WorkItemDone, responses=MATCHED)
async def post_work_withdraw(
    item: Item, body: tasks.WithdrawWorkBody, caller: AsCaller, if_match: IfMatchWord = None
) -> Response:
    """Take an item that nobody works on out of the queue; for its proposer or an operator."""
    return await caller.ask(tasks.WithdrawWorkTerms(item=item, version=version_in(if_match), **dict(body)))


@router.post("/items/{item}/revive", response_model=views.WorkItemDone, responses=MATCHED)
async def post_work_revive(
    item: Item, caller: AsCaller, body: tasks.ReturnBody | None = None, if_match: IfMatchWord = None
) -> Response:
    """Let a dead letter be tried again, with all its attempts; for operators."""
    return await caller.ask(tasks.ReviveTerms(item=item, version=version_in(if_match), **dict(body or {})))


@router.post("/claim", response_model=views.ClaimedReceipt)
async def post_work_claim(request: Request, caller: AsCaller, body: tasks.ClaimWorkBody | None = None) -> Response:
    """Take the next piece of work, with its budget reserved, for as long as the claim runs.

    Where there is none now the answer is 409 `no_work`, after `wait_s` seconds in which there was none either. Every
    term of the choice is in the answer.
    """
    terms = body or tasks.ClaimWorkBody()
    waker = caller.economy.waker
    return await waker.patiently_async(lambda: caller.ask(terms), terms.wait_s, request.is_disconnected)


@router.get("/claims")
def get_work_claims(
    reader: AsReader,
    actor: Annotated[Text | None, Query(description="only of this actor")] = None,
    item: Annotated[Text | None, Query(description="only to this item")] = None,
    state: ClaimState | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")] = None,
    limit: Limit = 100,
) -> Page[views.WorkClaimView]:
    """Claims, the newest first, with why each was chosen."""

    def work(tx: Tx) -> Page[views.WorkClaimView]:
        found = find_claims(tx, actor=actor, item=item, state=state, before=before, limit=limit + 1)
        return page(Page[views.WorkClaimView], found, limit, views.work_claim_view, lambda row: int(row.claim[1:]))

    return reader.read(work)


@router.get("/claims/{claim}")
def get_work_claim(claim: Claim, reader: AsReader) -> views.WorkClaimView:
    """A claim as it is now."""
    return reader.read(lambda tx: views.work_claim_view(find_claim(tx, claim)))


@router.post("/claims/{claim}/heartbeat", response_model=views.WorkClaimDone)
async def post_work_heartbeat(claim: Claim, caller: AsCaller, body: tasks.HeartbeatBody | None = None) -> Response:
    """Hold a claim and its reservation for so many seconds from now; for who holds it."""
    return await caller.ask(tasks.HeartbeatTerms(claim=claim, **dict(body or {})))


@router.post("/claims/{claim}/finish", response_model=views.FinishedReceipt)
async def post_work_finish(claim: Claim, caller: AsCaller, body: tasks.FinishBody | None = None) -> Response:
    """End a claim with its result: what was used is charged, what was found is counted, all of it or nothing.

    A claim whose lease is over may be finished as well, once; its item is finished by it unless it is somebody else's
    by then (`late`).
    """
    return await caller.ask(tasks.FinishTerms(claim=claim, **dict(body or {})))


@router.post("/claims/{claim}/fail", response_model=views.FinishedReceipt)
async def post_work_fail(claim: Claim, body: tasks.FailBody, caller: AsCaller) -> Response:
    """End a claim without a result; what was used is charged all the same, and the item is tried again later."""
    return await caller.ask(tasks.FailTerms(claim=claim, **dict(body)))


@router.post("/claims/{claim}/return", response_model=views.WorkClaimDone)
async def post_work_return(claim: Claim, caller: AsCaller, body: tasks.ReturnBody | None = None) -> Response:
    """Give a claim back of which nothing was used: it counts as no attempt."""
    return await caller.ask(tasks.ReturnTerms(claim=claim, **dict(body or {})))
