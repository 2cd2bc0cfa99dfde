"""Tools for the queue of work: add, claim with its budget reserved, finish."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.surfaces.mcp.caller import Caller
from scidex.surfaces.mcp.tool import ActorName, ArtifactType, Limit, Tool, Topic, whose
from scidex.views import Done, Page, Text, page, tasks
from scidex.views import work as views
from scidex.work import find_claim, find_claims, find_item, find_items

WORK = Topic()
State = Literal["waiting", "open", "claimed", "finished", "dead", "withdrawn"]
ClaimState = Literal["held", "finished", "failed", "returned", "expired", "late"]


async def _nobody_left() -> bool:
    # A call whose caller leaves is cancelled, and with it the wait.
    return False


async def _claim(caller: Caller, asked: tasks.ClaimWorkBody) -> Done:
    return await caller.economy.waker.patiently_async(lambda: caller.change(asked), asked.wait_s, _nobody_left)


WORK.tools.append(
    Tool(
        "work_claim",
        "Take the next piece of work with its budget reserved, or DENY no_work; do what payload says, then finish it.",
        ("work",),
        tasks.ClaimWorkBody,
        views.ClaimedReceipt,
        _claim,
        changes=True,
    )
)
WORK.asks(
    "work_heartbeat",
    tasks.HeartbeatTerms,
    "work",
    "Hold a claim of yours and its reservation for so many seconds from now; before its expires_at.",
)
WORK.asks(
    "work_finish",
    tasks.FinishTerms,
    "work",
    "End a claim with its result: what was used is charged, edges and other gains are counted, outputs recorded.",
)
WORK.asks(
    "work_fail",
    tasks.FailTerms,
    "work",
    "End a claim without a result: say why and what was used all the same; the item is tried again later.",
)
WORK.asks("work_return", tasks.ReturnTerms, "work", "Give a claim back of which nothing was used; another may take it.")
WORK.asks(
    "work_add",
    tasks.AddWorkBody,
    "work",
    "Put a piece of work on an artifact into the queue, with the most that it may take of the artifact's budget.",
)
WORK.asks(
    "work_withdraw",
    tasks.WithdrawWorkTerms,
    "work",
    "Take an item of yours that nobody works on out of the queue.",
    destructive=True,
)


@WORK.finds("work_items", example={"state": "open"})
def work_items(
    tx: Tx,
    state: State | None = None,
    kind: Annotated[Text | None, Field(description="only of this sort")] = None,
    artifact_id: Annotated[Text | None, Field(description="only on this artifact")] = None,
    artifact_type: ArtifactType = None,
    after: Annotated[int, Field(ge=0, le=2**62, description="the `next` of the page before")] = 0,
    limit: Limit = 20,
) -> Page[views.WorkItemView]:
    """List the queue of work, the oldest first."""
    entity = None
    if artifact_id is not None:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = find_items(tx, state=state, entity=entity, kind=kind, after=after, limit=limit + 1)
    return page(Page[views.WorkItemView], found, limit, views.work_item_view, lambda row: int(row.item[1:]))


@WORK.finds("work_item", example={"item": "w12"})
def work_item(tx: Tx, item: Text) -> views.WorkItemView:
    """A piece of work as it is now."""
    return views.work_item_view(find_item(tx, item))


@WORK.finds("work_claims", example={"state": "held"})
def work_claims(
    tx: Tx,
    actor: ActorName = None,
    state: ClaimState | None = None,
    before: Annotated[int | None, Field(ge=1, le=2**62, description="the `next` of the page before")] = None,
    limit: Limit = 20,
) -> Page[views.WorkClaimView]:
    """An actor's claims, the newest first: until when each is held, and why it was chosen."""
    found = find_claims(tx, actor=whose(tx, actor), state=state, before=before, limit=limit + 1)
    return page(Page[views.WorkClaimView], found, limit, views.work_claim_view, lambda row: int(row.claim[1:]))


@WORK.finds("work_show_claim", example={"claim": "c17"})
def work_show_claim(tx: Tx, claim: Text) -> views.WorkClaimView:
    """A claim as it is now."""
    return views.work_claim_view(find_claim(tx, claim))
