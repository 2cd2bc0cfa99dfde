"""What is asked of pools and of the policy, and how reviewers decide."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.policy import find_policy
from scidex.senate.proposals import (
    find_events,
    find_policies,
    find_proposal,
    find_proposals,
    preview,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import Page, Text, page, policies, proposals, senate_deeds

router = APIRouter(prefix="/api/senate", tags=["senate"])

Version = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.post("/proposals", response_model=proposals.ProposalDone)
def post_proposal(body: senate_deeds.ProposalBody, caller: AsCaller) -> Response:
    """Ask a pool for a grant to an artifact; reviewers are drawn and decide, and with the deciding vote it is paid."""
    return caller.do(body)


@router.get("/proposals")
def get_proposals(
    reader: AsReader,
    state: Literal["draft", "open", "approved", "rejected", "deferred", "expired", "withdrawn", "enacted"]
    | None = None,
    sort: Literal["grant", "policy"] | None = None,
    artifact_id: Text | None = None,
    artifact_type: Text | None = None,
    reviewer: Annotated[Text | None, Query(description="only those in which this actor has a seat")] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Page[proposals.ProposalLine]:
    """Proposals, the newest first."""

    def work(tx: Tx) -> Page[proposals.ProposalLine]:
        entity = None
        if artifact_id is not None:
            entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        elif artifact_type is not None:
            raise RequestInvalid(problem="artifact_type is given without artifact_id")
        found = find_proposals(
            tx, state=state, sort=sort, entity=entity, reviewer=reviewer, offset=offset, limit=limit + 1
        )
        return page(Page[proposals.ProposalLine], found, limit, proposals.proposal_line, lambda row: offset + limit)

    return reader.read(work)


@router.get("/proposals/{proposal}")
def get_proposal(proposal: Text, reader: AsReader) -> proposals.ProposalView:
    """A proposal with its evidence, its reviewers and votes, and what happens next."""
    return reader.read(lambda tx: proposals.proposal_view(find_proposal(tx, proposal)))


@router.get("/proposals/{proposal}/events")
def get_proposal_events(
    proposal: Text, reader: AsReader, offset: Offset = 0, limit: Limit = 100
) -> Page[proposals.ProposalEventView]:
    """Its steps, votes and comments, the first first."""

    def work(tx: Tx) -> Page[proposals.ProposalEventView]:
        found = find_events(tx, proposal, offset=offset, limit=limit + 1)
        kind = Page[proposals.ProposalEventView]
        return page(kind, found, limit, proposals.proposal_event_view, lambda row: offset + limit)

    return reader.read(work)


@router.get("/proposals/{proposal}/preview")
def get_proposal_preview(proposal: Text, reader: AsReader) -> proposals.PreviewView:
    """Who would gain and who would lose by it now."""

    def work(tx: Tx) -> proposals.PreviewView:
        found = find_proposal(tx, proposal)
        shown = preview(
            tx, entity=found.entity, requested=dict(found.requested), pool=found.pool, proposer=found.proposer
        )
        return proposals.preview_view(shown)

    return reader.read(work)


@router.get("/preview")
def get_preview(
    reader: AsReader,
    artifact_id: Text,
    requested: Annotated[list[Text], Query(description="unit=amount, repeatable: llm_standard=200000")],
    artifact_type: Text | None = None,
    pool: Text | None = None,
) -> proposals.PreviewView:
    """Who would gain and who would lose, and how many would have to agree, before anything is proposed."""

    def work(tx: Tx) -> proposals.PreviewView:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        asked = dict(each.partition("=")[::2] for each in requested)
        shown = preview(tx, entity=entity, requested=proposals.requested_of(asked), pool=pool, proposer=reader.actor)
        return proposals.preview_view(shown)

    return reader.read(work)


@router.post("/proposals/{proposal}/open", response_model=proposals.ProposalDone)
def post_proposal_open(proposal: Text, caller: AsCaller, body: senate_deeds.ProposalKeyBody | None = None) -> Response:
    """Put a draft, or what was put off by vote, to the vote; for its proposer."""
    return caller.do(senate_deeds.OpenTerms(proposal=proposal, **dict(body or {})))


@router.post("/proposals/{proposal}/vote", response_model=proposals.ProposalDone)
def post_vote(proposal: Text, body: senate_deeds.BallotBody, caller: AsCaller) -> Response:
    """Vote, or change one's vote; for reviewers who have a seat. Who abstains leaves it to the next of the draw."""
    return caller.do(senate_deeds.BallotTerms(proposal=proposal, **dict(body)))


@router.post("/proposals/{proposal}/comment", response_model=proposals.ProposalDone)
def post_comment(proposal: Text, body: senate_deeds.CommentBody, caller: AsCaller) -> Response:
    """Say something about a proposal, for everybody to read."""
    return caller.do(senate_deeds.CommentTerms(proposal=proposal, **dict(body)))


@router.post("/proposals/{proposal}/withdraw", response_model=proposals.ProposalDone)
def post_withdrawal(proposal: Text, body: senate_deeds.WithdrawBody, caller: AsCaller) -> Response:
    """Take a proposal back before it is decided; for its proposer."""
    return caller.do(senate_deeds.WithdrawTerms(proposal=proposal, **dict(body)))


@router.post("/policy/proposals", response_model=proposals.ProposalDone)
def post_policy_proposal(body: senate_deeds.PolicyBody, caller: AsCaller) -> Response:
    """Ask that fields of the policy change; each value is held to its bounds, and enacted after a vote and a notice."""
    return caller.do(body)


@router.get("/policy")
def get_policy_in_force(
    reader: AsReader, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None
) -> policies.PolicyInFull:
    """Every field of a version of the policy, by default of the one in force."""
    return reader.read(lambda tx: policies.policy_in_full(find_policy(tx, version)))


@router.get("/policy/history")
def get_policy_history(
    reader: AsReader, before: Version | None = None, limit: Limit = 100
) -> Page[policies.PolicyVersionView]:
    """Versions of the policy, the newest first, and which proposals made them."""

    def work(tx: Tx) -> Page[policies.PolicyVersionView]:
        found = find_policies(tx, before=before, limit=limit + 1)
        kind = Page[policies.PolicyVersionView]
        return page(kind, found, limit, policies.policy_version_view, lambda row: row[0])

    return reader.read(work)


@router.get("/policy/diff")
def get_policy_diff(reader: AsReader, before: Version, after: Version | None = None) -> policies.PolicyDiffView:
    """What a version of the policy has otherwise than another, by default than the one in force."""

    def work(tx: Tx) -> policies.PolicyDiffView:
        return policies.policy_diff_view(find_policy(tx, before), find_policy(tx, after))

    return reader.read(work)
