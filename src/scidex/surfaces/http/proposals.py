"""What is asked of pools and of the policy, and how reviewers decide."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.policy import find_policy
from scidex.senate.proposals import (
    Evidence,
    Expected,
    comment_on_proposal,
    find_events,
    find_policies,
    find_proposal,
    find_proposals,
    open_proposal,
    preview,
    propose,
    propose_policy,
    vote_on_proposal,
    withdraw_proposal,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit, Offset
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import Amount, Body, Page, Seconds, Text, example, page, policies, proposals

router = APIRouter(prefix="/api/senate", tags=["senate"])

_PAPER = {"sort": "paper", "reference": "PMID:31978945", "shows": "the same protein in another tissue"}
_MOVE = {
    "sort": "market",
    "market": "tau-by-2027",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-02-01T00:00:00Z",
    "change": "0.2",
}
Proofs = Annotated[list[Evidence], Field(description="paper, market, knowledge, benchmark or gap")]
Version = Annotated[int, Query(ge=1, le=2**31 - 1)]


class ExpectedBody(Body):
    """What is expected of the grant."""

    model_config = example(measure="edges", amount="40", within_s=1_209_600)

    measure: Text = Field(description="edges, papers, hypotheses, confidence, benchmark or gap")
    amount: Decimal
    within_s: Seconds

    def gain(self) -> Expected:
        """As the rules have it."""
        return Expected(self.measure, self.amount, self.within_s)


class ProposalBody(Body):
    """What is asked, for what, on which evidence, and what is expected of it."""

    model_config = example(
        artifact_id="human-blood-brain-organoid",
        requested={"llm_standard": 200_000, "cpu_seconds": 3600},
        justification="two of the three missing steps have a protocol now",
        expected=[{"measure": "edges", "amount": "40", "within_s": 1_209_600}],
        evidence=[_PAPER, _MOVE],
    )

    artifact_id: Text
    artifact_type: Text | None = None
    requested: dict[Text, Amount] = Field(description="whole units by unit")
    pool: Text | None = Field(default=None, description="by default that of the policy")
    justification: Text
    expected: list[ExpectedBody]
    evidence: Proofs = []
    draft: bool = Field(default=False, description="whether it waits for its proposer to open it")


class PolicyBody(Body):
    """Which fields of the policy are to have which values."""

    model_config = example(changes={"proposal_quorum": 3}, justification="two have proved too few")

    changes: dict[Text, Any] = Field(description="values by field, as GET /api/policy writes them")
    justification: Text
    evidence: Proofs = []
    draft: bool = False


class BallotBody(Body):
    """How one votes, and why."""

    model_config = example(choice="approve", reason="the paper holds and the sum is modest")

    choice: Literal["approve", "reject", "defer", "abstain"]
    reason: Text


class CommentBody(Body):
    """What one has to say."""

    model_config = example(text="see also PMID:31978945")

    text: Text


class WithdrawBody(Body):
    """Why."""

    model_config = example(reason="another group has done it")

    reason: Text


class ProposalKeyBody(Body):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="open-p17")


@router.post("/proposals", response_model=proposals.ProposalDone)
def post_proposal(body: ProposalBody, caller: AsCaller) -> Response:
    """Ask a pool for a grant to an artifact; reviewers are drawn and decide, and with the deciding vote it is paid."""

    def work(tx: Tx, key: str | None) -> proposals.ProposalDone:
        receipt = propose(
            tx,
            entity=find_entity(tx, entity_id=body.artifact_id, entity_type=body.artifact_type).key,
            requested=proposals.requested_of(body.requested),
            pool=body.pool,
            justification=body.justification,
            expected=[each.gain() for each in body.expected],
            evidence=body.evidence,
            draft=body.draft,
            key=key,
        )
        return proposals.proposal_done(receipt)

    return caller.change(work, body)


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
def post_proposal_open(proposal: Text, caller: AsCaller, body: ProposalKeyBody | None = None) -> Response:
    """Put a draft, or what was put off by vote, to the vote; for its proposer."""
    return caller.change(lambda tx, key: proposals.proposal_done(open_proposal(tx, proposal=proposal, key=key)), body)


@router.post("/proposals/{proposal}/vote", response_model=proposals.ProposalDone)
def post_vote(proposal: Text, body: BallotBody, caller: AsCaller) -> Response:
    """Vote, or change one's vote; for reviewers who have a seat. Who abstains leaves it to the next of the draw."""

    def work(tx: Tx, key: str | None) -> proposals.ProposalDone:
        receipt = vote_on_proposal(tx, proposal=proposal, choice=body.choice, reason=body.reason, key=key)
        return proposals.proposal_done(receipt)

    return caller.change(work, body)


@router.post("/proposals/{proposal}/comment", response_model=proposals.ProposalDone)
def post_comment(proposal: Text, body: CommentBody, caller: AsCaller) -> Response:
    """Say something about a proposal, for everybody to read."""

    def work(tx: Tx, key: str | None) -> proposals.ProposalDone:
        return proposals.proposal_done(comment_on_proposal(tx, proposal=proposal, text=body.text, key=key))

    return caller.change(work, body)


@router.post("/proposals/{proposal}/withdraw", response_model=proposals.ProposalDone)
def post_withdrawal(proposal: Text, body: WithdrawBody, caller: AsCaller) -> Response:
    """Take a proposal back before it is decided; for its proposer."""

    def work(tx: Tx, key: str | None) -> proposals.ProposalDone:
        return proposals.proposal_done(withdraw_proposal(tx, proposal=proposal, reason=body.reason, key=key))

    return caller.change(work, body)


@router.post("/policy/proposals", response_model=proposals.ProposalDone)
def post_policy_proposal(body: PolicyBody, caller: AsCaller) -> Response:
    """Ask that fields of the policy change; each value is held to its bounds, and enacted after a vote and a notice."""

    def work(tx: Tx, key: str | None) -> proposals.ProposalDone:
        receipt = propose_policy(
            tx,
            changes=policies.changes_asked(body.changes),
            justification=body.justification,
            evidence=body.evidence,
            draft=body.draft,
            key=key,
        )
        return proposals.proposal_done(receipt)

    return caller.change(work, body)


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
