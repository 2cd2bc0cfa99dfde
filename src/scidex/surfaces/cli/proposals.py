"""`scidex proposals`, and of `scidex policy` what is decided by vote."""

from __future__ import annotations

import shlex
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from scidex import views
from scidex.core.db import Tx
from scidex.policy import find_policy
from scidex.senate.proposals import (
    MEASURES,
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
from scidex.surfaces.cli.calls import Before, Key, Limit, Offset, changes, reads
from scidex.surfaces.cli.registry import policy
from scidex.surfaces.cli.words import ArtifactType, artifact_of

proposals = typer.Typer()

EVIDENCE_HELP = (
    "A sort and its facts, in quotes, repeatable. paper: reference (a PMID), shows. market: market, since, until,"
    " change, outcome. knowledge: entity_type, entity_id, edges. benchmark: reference, benchmark, metric, value. gap:"
    " reference, says. A reference is type:id of an entity, a PMID, a DOI or an address:"
    " 'paper reference=PMID:31978945 shows=\"the same protein\"'."
)
_PIECE: TypeAdapter[Evidence] = TypeAdapter(Evidence)

ProposalName = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Id of the proposal.")]
Wanted = Annotated[list[str], typer.Argument(metavar="UNIT=AMOUNT...", help="As llm_standard=200000 cpu_seconds=60.")]
ArtifactName = Annotated[str, typer.Argument(metavar="ARTIFACT", help="Id of the artifact.")]
Pool = Annotated[
    str | None, typer.Option("--pool", metavar="POOL", help="Which to ask; by default that of the policy.")
]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The justification, for everybody to read.")]
Said = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for everybody to read.")]
Proofs = Annotated[list[str] | None, typer.Option("--evidence", metavar="EVIDENCE", help=EVIDENCE_HELP)]
Draft = Annotated[bool, typer.Option("--draft", help="Let it wait for `scidex proposals open`.")]


def evidence_of(text: str) -> Evidence:
    """A piece of evidence as the command line writes it: its sort, then fact=value.

    >>> evidence_of("paper reference=PMID:1 shows='tau spreads'")
    Paper(reference='PMID:1', shows='tau spreads', sort='paper')
    """
    try:
        sort, *facts = shlex.split(text)
        return _PIECE.validate_python({**dict(fact.split("=", 1) for fact in facts), "sort": sort})
    except ValidationError as error:
        raise typer.BadParameter(f"{views.explained(error.errors(include_url=False))}.") from None
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a sort followed by fact=value.") from None


def expected_of(text: str) -> Expected:
    """An expected gain as MEASURE=AMOUNT/SECONDS.

    >>> expected_of("edges=40/86400")
    Expected(measure='edges', amount=Decimal('40'), within_s=86400)
    """
    measure, _, rest = text.partition("=")
    amount, _, seconds = rest.partition("/")
    try:
        return Expected(measure, Decimal(amount), int(seconds))
    except (InvalidOperation, ValueError):
        raise typer.BadParameter(f"{text!r} is not MEASURE=AMOUNT/SECONDS.") from None


def _asked(texts: list[str]) -> dict[str, str]:
    return dict(each.partition("=")[::2] for each in texts)


@reads(proposals, "list")
def list_proposals(
    tx: Tx,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="draft, open, approved, deferred, enacted, ...")
    ] = None,
    sort: Annotated[str | None, typer.Option("--sort", metavar="SORT", help="grant or policy.")] = None,
    artifact: Annotated[str | None, typer.Option("--artifact", metavar="ARTIFACT", help="Only for this one.")] = None,
    artifact_type: ArtifactType = None,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", metavar="NAME", help="Only those in which this actor has a seat.")
    ] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> views.Page[views.proposals.ProposalLine]:
    """Proposals, the newest first."""
    entity = None if artifact is None else artifact_of(tx, artifact, artifact_type)
    found = find_proposals(tx, state=state, sort=sort, entity=entity, reviewer=reviewer, offset=offset, limit=limit + 1)
    kind = views.Page[views.proposals.ProposalLine]
    return views.page(kind, found, limit, views.proposals.proposal_line, lambda last: offset + limit)


@reads(proposals, "show")
def show(tx: Tx, proposal: ProposalName) -> views.proposals.ProposalView:
    """A proposal with its evidence, its reviewers and votes, and what happens next."""
    return views.proposals.proposal_view(find_proposal(tx, proposal))


@reads(proposals, "events")
def events(
    tx: Tx, proposal: ProposalName, offset: Offset = 0, limit: Limit = 100
) -> views.Page[views.proposals.ProposalEventView]:
    """Steps, votes and comments, the first first."""
    found = find_events(tx, proposal, offset=offset, limit=limit + 1)
    kind = views.Page[views.proposals.ProposalEventView]
    return views.page(kind, found, limit, views.proposals.proposal_event_view, lambda last: offset + limit)


@reads(proposals, "preview")
def show_preview(
    tx: Tx, artifact: ArtifactName, requested: Wanted, artifact_type: ArtifactType = None, pool: Pool = None
) -> views.proposals.PreviewView:
    """Who would gain and who would lose by a grant, and how many would have to agree."""
    entity = artifact_of(tx, artifact, artifact_type)
    asked = views.proposals.requested_of(_asked(requested))
    return views.proposals.preview_view(preview(tx, entity=entity, requested=asked, pool=pool))


@changes(proposals, "propose")
def make(
    tx: Tx,
    artifact: ArtifactName,
    requested: Wanted,
    why: Why,
    expect: Annotated[
        list[str],
        typer.Option(
            "--expect", metavar="MEASURE=AMOUNT/SECONDS", help=f"Of {', '.join(MEASURES)}; repeatable: edges=40/86400."
        ),
    ],
    evidence: Proofs = None,
    artifact_type: ArtifactType = None,
    pool: Pool = None,
    draft: Draft = False,
    key: Key = None,
) -> views.proposals.ProposalDone:
    """Ask a pool for a grant to an artifact; reviewers are drawn and decide, and with the deciding vote it is paid."""
    receipt = propose(
        tx,
        entity=artifact_of(tx, artifact, artifact_type),
        requested=views.proposals.requested_of(_asked(requested)),
        pool=pool,
        justification=why,
        expected=[expected_of(text) for text in expect],
        evidence=[evidence_of(text) for text in evidence or ()],
        draft=draft,
        key=key,
    )
    return views.proposals.proposal_done(receipt)


@changes(proposals, "open")
def put_to_the_vote(tx: Tx, proposal: ProposalName, key: Key = None) -> views.proposals.ProposalDone:
    """Put a draft, or what was put off by vote, to the vote."""
    return views.proposals.proposal_done(open_proposal(tx, proposal=proposal, key=key))


@changes(proposals, "vote")
def vote(
    tx: Tx,
    proposal: ProposalName,
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="approve, reject, defer or abstain.")],
    reason: Said,
    key: Key = None,
) -> views.proposals.ProposalDone:
    """Vote, or change one's vote, as a reviewer who has a seat."""
    return views.proposals.proposal_done(vote_on_proposal(tx, proposal=proposal, choice=choice, reason=reason, key=key))


@changes(proposals, "comment")
def comment(
    tx: Tx,
    proposal: ProposalName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="For everybody to read.")],
    key: Key = None,
) -> views.proposals.ProposalDone:
    """Say something about a proposal."""
    return views.proposals.proposal_done(comment_on_proposal(tx, proposal=proposal, text=text, key=key))


@changes(proposals, "withdraw")
def withdraw(tx: Tx, proposal: ProposalName, reason: Said, key: Key = None) -> views.proposals.ProposalDone:
    """Take one's proposal back before it is decided."""
    return views.proposals.proposal_done(withdraw_proposal(tx, proposal=proposal, reason=reason, key=key))


@changes(policy, "propose")
def change_policy(
    tx: Tx,
    fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="As proposal_quorum=3; JSON or text.")],
    why: Why,
    evidence: Proofs = None,
    draft: Draft = False,
    key: Key = None,
) -> views.proposals.ProposalDone:
    """Ask that fields of the policy change; enacted after a vote and a notice."""
    receipt = propose_policy(
        tx,
        changes=views.policies.changes_written(_asked(fields)),
        justification=why,
        evidence=[evidence_of(text) for text in evidence or ()],
        draft=draft,
        key=key,
    )
    return views.proposals.proposal_done(receipt)


@reads(policy, "history")
def history(tx: Tx, before: Before = None, limit: Limit = 100) -> views.Page[views.policies.PolicyVersionView]:
    """Versions of the policy, the newest first, and which proposals made them."""
    found = find_policies(tx, before=before, limit=limit + 1)
    kind = views.Page[views.policies.PolicyVersionView]
    return views.page(kind, found, limit, views.policies.policy_version_view, lambda last: last[0])


@reads(policy, "diff")
def diff(
    tx: Tx,
    before: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The older version.")],
    after: Annotated[
        int | None, typer.Argument(metavar="VERSION", min=1, help="The newer one; by default the one in force.")
    ] = None,
) -> views.policies.PolicyDiffView:
    """What a version of the policy has otherwise than another."""
    return views.policies.policy_diff_view(find_policy(tx, before), find_policy(tx, after))
