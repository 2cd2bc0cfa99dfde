"""Tools for the Senate: proposals, votes, policy, scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.senate.proposals import find_events, find_proposal, find_proposals, preview
from scidex.senate.scores import explain_score, rank_scores
from scidex.surfaces.mcp.tool import ArtifactId, ArtifactType, Limit, Offset, Topic
from scidex.views import Amount, Page, Text, page, proposals, scores, senate_deeds

SENATE = Topic()
_PROPOSAL = {"proposal": "p17"}
_ARTIFACT = {"artifact_id": "human-blood-brain-organoid"}
State = Literal["draft", "open", "approved", "rejected", "deferred", "expired", "withdrawn", "enacted"]


@SENATE.finds("proposal_find", example={"state": "open"})
def proposal_find(
    tx: Tx,
    state: State | None = None,
    sort: Literal["grant", "policy"] | None = None,
    reviewer: Annotated[Text | None, Field(description="only those in which this actor has a seat")] = None,
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[proposals.ProposalLine]:
    """List proposals, the newest first: what is asked of pools and of the policy."""
    found = find_proposals(tx, state=state, sort=sort, reviewer=reviewer, offset=offset, limit=limit + 1)
    return page(Page[proposals.ProposalLine], found, limit, proposals.proposal_line, lambda row: offset + limit)


@SENATE.finds("proposal_show", example=_PROPOSAL)
def proposal_show(tx: Tx, proposal: Text) -> proposals.ProposalView:
    """A proposal with its evidence, its reviewers and votes, and what happens next: read it before you vote."""
    return proposals.proposal_view(find_proposal(tx, proposal))


@SENATE.finds("proposal_events", example=_PROPOSAL)
def proposal_events(tx: Tx, proposal: Text, offset: Offset = 0, limit: Limit = 20) -> Page[proposals.ProposalEventView]:
    """A proposal's steps, votes and comments, the first first."""
    found = find_events(tx, proposal, offset=offset, limit=limit + 1)
    kind = Page[proposals.ProposalEventView]
    return page(kind, found, limit, proposals.proposal_event_view, lambda row: offset + limit)


@SENATE.finds("proposal_preview", example={**_ARTIFACT, "requested": {"llm_standard": 200_000}})
def proposal_preview(
    tx: Tx,
    artifact_id: ArtifactId,
    requested: Annotated[dict[Text, Amount], Field(description="whole units by unit")],
    artifact_type: ArtifactType = None,
    pool: Annotated[Text | None, Field(description="by default that of the policy")] = None,
) -> proposals.PreviewView:
    """Who would gain and who would lose by a grant, and how many would have to agree, before it is proposed."""
    entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
    found = preview(tx, entity=entity, requested=proposals.requested_of(requested), pool=pool, proposer=tx.actor)
    return proposals.preview_view(found)


SENATE.asks(
    "proposal_create",
    senate_deeds.ProposalBody,
    "work",
    "Ask a pool for a grant to an artifact, on evidence and with what you expect of it; drawn reviewers decide.",
)
SENATE.asks(
    "proposal_open", senate_deeds.OpenTerms, "work", "Put a draft of yours, or what was put off by vote, to the vote."
)
SENATE.asks(
    "proposal_vote",
    senate_deeds.BallotTerms,
    "review",
    "Vote on a proposal in which you have a seat, with your reason, or change your vote.",
)
SENATE.asks(
    "proposal_comment", senate_deeds.CommentTerms, "work", "Say something about a proposal, for everybody to read."
)
SENATE.asks(
    "proposal_withdraw",
    senate_deeds.WithdrawTerms,
    "work",
    "Withdraw a proposal of yours before it is decided.",
    destructive=True,
)
SENATE.asks(
    "policy_propose",
    senate_deeds.PolicyBody,
    "work",
    "Ask that numbers of the policy change; it is enacted after a vote and a notice. Read scidex://policy first.",
)
SENATE.asks(
    "score_signal",
    senate_deeds.SignalBody,
    "review",
    "As a reviewer, record evidence on an artifact or how it serves a goal; or, as anybody, how it interests you.",
)
SENATE.asks(
    "score_compute", senate_deeds.ComputeBody, "operate", "Write down what the signals of an artifact come to now."
)


@SENATE.finds("score_explain", example={"artifact_type": "gap", **_ARTIFACT})
def score_explain(tx: Tx, artifact_id: ArtifactId, artifact_type: ArtifactType = None) -> scores.ExplanationView:
    """An artifact's score down to its signals: what each counts, why, from whom, and what is not known."""
    return scores.explanation_view(explain_score(tx, entity_id=artifact_id, entity_type=artifact_type), tx.now)


@SENATE.finds("score_ranking", example={"artifact_type": "gap"})
def score_ranking(
    tx: Tx,
    artifact_type: Annotated[Text | None, Field(description="only of this type")] = None,
    offset: Offset = 0,
    limit: Limit = 20,
) -> Page[scores.ScoreView]:
    """Artifacts by their scores as last written down, the highest first, unknown ones last."""
    found = rank_scores(tx, entity_type=artifact_type, offset=offset, limit=limit + 1)
    return page(Page[scores.ScoreView], found, limit, scores.score_view, lambda row: offset + limit)
