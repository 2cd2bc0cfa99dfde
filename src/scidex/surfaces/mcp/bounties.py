"""Tools for bounties, for outputs and what they earn."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entity
from scidex.exchange.bounties import find_bounties, find_bounty, find_submissions
from scidex.surfaces.mcp.tool import ActorName, ArtifactType, Limit, Offset, Topic, whose
from scidex.views import (
    AddTerms,
    AwardTerms,
    BountyBody,
    BountyView,
    ClaimTerms,
    EarningsView,
    OutputView,
    Page,
    RecordBody,
    RetractBody,
    SubmitTerms,
    Text,
    VerifyBody,
    View,
    WorkView,
    bounty_view,
    deeds,
    earnings_view,
    output_view,
    page,
    work_view,
)

BOUNTIES = Topic()
_BOUNTY = {"bounty": "b17"}


class SubmissionsView(View):
    """What was submitted to a bounty and how that was judged."""

    submissions: list[WorkView]


@BOUNTIES.finds("bounty_find", example={"state": "open"})
def bounty_find(
    tx: Tx,
    artifact_id: Annotated[Text | None, Field(description="only on this artifact")] = None,
    artifact_type: ArtifactType = None,
    state: Literal["open", "awarded", "refunded", "expired"] | None = None,
    order: Annotated[
        Literal["amount", "age", "expiry"],
        Field(description="the largest remainder first, the oldest, or the one that is over soonest"),
    ] = "amount",
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[BountyView]:
    """List bounties, tokens in escrow for progress on an artifact: what is left to earn, the largest first."""
    artifact = None
    if artifact_id is not None:
        artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = find_bounties(tx, artifact=artifact, state=state, order=order, offset=offset, limit=limit + 1)
    return page(Page[BountyView], found, limit, bounty_view, lambda row: offset + limit)


@BOUNTIES.finds("bounty_show", example=_BOUNTY)
def bounty_show(tx: Tx, bounty: Text) -> BountyView:
    """A bounty: what is asked, what remains of it, who has claimed it."""
    return bounty_view(find_bounty(tx, bounty))


@BOUNTIES.finds("bounty_submissions", example=_BOUNTY)
def bounty_submissions(tx: Tx, bounty: Text) -> SubmissionsView:
    """What was submitted to a bounty and how that was judged, the first first."""
    return SubmissionsView(submissions=[work_view(row) for row in find_submissions(tx, bounty)])


BOUNTIES.asks("bounty_offer", BountyBody, "fund", "Put tokens of your wallet in escrow for progress on an artifact.")
BOUNTIES.asks("bounty_add", AddTerms, "fund", "Put more tokens into a bounty, whoever offered it.")
BOUNTIES.asks(
    "bounty_claim", ClaimTerms, "work", "Take a bounty on for a while, or renew your claim; it lapses by itself."
)
BOUNTIES.asks("bounty_release", deeds.LetGoTerms, "work", "Let your claim to a bounty go before it lapses.")
BOUNTIES.asks(
    "bounty_submit",
    SubmitTerms,
    "work",
    "Put forward what you made for a bounty, as a registered entity, under a claim.",
)
BOUNTIES.asks(
    "bounty_award",
    AwardTerms,
    "fund review",
    "Pay for work that was submitted; for the poster, or a reviewer without a stake.",
)
BOUNTIES.asks("bounty_decline", deeds.DeclineTerms, "fund review", "Judge submitted work not to be what was asked for.")
BOUNTIES.asks(
    "bounty_refund",
    deeds.RefundTerms,
    "fund",
    "End a bounty that you posted: what remains goes back to its funders in proportion.",
    destructive=True,
)
BOUNTIES.asks(
    "output_record",
    RecordBody,
    "work",
    "Say that a registered entity is something you made, and what it builds on; that never changes afterwards.",
)
BOUNTIES.asks(
    "output_verify",
    VerifyBody,
    "review",
    "Verify an output of another, which mints its reward; for reviewers without a stake in it.",
)
BOUNTIES.asks(
    "output_retract",
    RetractBody,
    "work review",
    "Take an output back: its rewards are revoked; for its producer or a reviewer.",
    destructive=True,
)


@BOUNTIES.finds("output_show", example={"output_type": "analysis", "output_id": "organoid-protocol-v1"})
def output_show(tx: Tx, output_type: Text, output_id: Text) -> OutputView:
    """An output, what it builds on, and what it was rewarded with."""
    return output_view(tx, EntityKey(output_type, output_id))


@BOUNTIES.finds("output_earnings", example={})
def output_earnings(tx: Tx, actor: ActorName = None) -> EarningsView:
    """What an actor earned by verified output: by kind, by period, royalties in and out, revoked, owed."""
    return earnings_view(tx, whose(tx, actor))
