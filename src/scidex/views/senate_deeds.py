"""What is asked of the Senate: grants, policy, votes, and what was found about artifacts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.senate.proposals import (
    Evidence,
    Expected,
    comment_on_proposal,
    open_proposal,
    propose,
    propose_policy,
    vote_on_proposal,
    withdraw_proposal,
)
from scidex.senate.scores import compute_scores, record_signal
from scidex.views.asks import Amount, Body, Deed, Seconds, Text, example
from scidex.views.policies import changes_asked
from scidex.views.proposals import ProposalDone, proposal_done, requested_of
from scidex.views.scores import ScoresDone, SignalDone, scores_done, share_of, signal_done

_PAPER = {"sort": "paper", "reference": "PMID:31978945", "shows": "the same protein in another tissue"}
_MOVE = {
    "sort": "market",
    "market": "tau-by-2027",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-02-01T00:00:00Z",
    "change": "0.2",
}
Proofs = Annotated[list[Evidence], Field(description="paper, market, knowledge, benchmark or gap")]


class ExpectedBody(Body):
    """What is expected of the grant."""

    model_config = example(measure="edges", amount="40", within_s=1_209_600)

    measure: Text = Field(description="edges, papers, hypotheses, confidence, benchmark or gap")
    amount: Decimal
    within_s: Seconds

    def gain(self) -> Expected:
        """As the rules have it."""
        return Expected(self.measure, self.amount, self.within_s)


class ProposalBody(Deed):
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

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `find_entity`, `requested_of` and `propose` do."""
        receipt = propose(
            tx,
            entity=find_entity(tx, entity_id=self.artifact_id, entity_type=self.artifact_type).key,
            requested=requested_of(self.requested),
            pool=self.pool,
            justification=self.justification,
            expected=[each.gain() for each in self.expected],
            evidence=self.evidence,
            draft=self.draft,
            key=key,
        )
        return proposal_done(receipt)


class PolicyBody(Deed):
    """Which fields of the policy are to have which values."""

    model_config = example(changes={"proposal_quorum": 3}, justification="two have proved too few")

    changes: dict[Text, Any] = Field(description="values by field, as GET /api/policy writes them")
    justification: Text
    evidence: Proofs = []
    draft: bool = False

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `changes_asked` and `propose_policy` do."""
        receipt = propose_policy(
            tx,
            changes=changes_asked(self.changes),
            justification=self.justification,
            evidence=self.evidence,
            draft=self.draft,
            key=key,
        )
        return proposal_done(receipt)


class BallotBody(Body):
    """How one votes, and why."""

    model_config = example(choice="approve", reason="the paper holds and the sum is modest")

    choice: Literal["approve", "reject", "defer", "abstain"]
    reason: Text


class BallotTerms(BallotBody, Deed):
    """On which proposal one votes, how, and why."""

    model_config = example(proposal="p17", choice="approve", reason="the paper holds and the sum is modest")

    proposal: Text

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `vote_on_proposal` does."""
        return proposal_done(
            vote_on_proposal(tx, proposal=self.proposal, choice=self.choice, reason=self.reason, key=key)
        )


class CommentBody(Body):
    """What one has to say."""

    model_config = example(text="see also PMID:31978945")

    text: Text


class CommentTerms(CommentBody, Deed):
    """On which proposal one has something to say, and what."""

    model_config = example(proposal="p17", text="see also PMID:31978945")

    proposal: Text

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `comment_on_proposal` does."""
        return proposal_done(comment_on_proposal(tx, proposal=self.proposal, text=self.text, key=key))


class WithdrawBody(Body):
    """Why."""

    model_config = example(reason="another group has done it")

    reason: Text


class WithdrawTerms(WithdrawBody, Deed):
    """Which proposal is withdrawn, and why."""

    model_config = example(proposal="p17", reason="another group has done it")

    proposal: Text

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `withdraw_proposal` does."""
        return proposal_done(withdraw_proposal(tx, proposal=self.proposal, reason=self.reason, key=key))


class ProposalKeyBody(Body):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="open-p17")


class OpenTerms(ProposalKeyBody, Deed):
    """Which proposal is put to the vote."""

    model_config = example(proposal="p17")

    proposal: Text

    def do(self, tx: Tx, key: str | None) -> ProposalDone:
        """Refuses what `open_proposal` does."""
        return proposal_done(open_proposal(tx, proposal=self.proposal, key=key))


class SignalBody(Deed):
    """What was found about an artifact."""

    model_config = example(
        artifact_id="human-blood-brain-organoid", kind="paper", value=0.9, source="PMID:31978945", weight=1
    )

    artifact_id: Text
    artifact_type: Text | None = None
    kind: Literal["paper", "debate", "replication", "kg_link", "goal", "interest"]
    value: Amount = Field(description="from 0 (refutes, does not serve, does not interest) to 1")
    weight: Amount = Field(default=1, description="from 0, which takes an earlier signal back, to 1")
    source: Text = Field(default="", description="the reference of evidence, or the name of a goal; none for interest")

    def do(self, tx: Tx, key: str | None) -> SignalDone:
        """Refuses what `find_entity`, `share_of` and `record_signal` do."""
        receipt = record_signal(
            tx,
            entity=find_entity(tx, entity_id=self.artifact_id, entity_type=self.artifact_type).key,
            kind=self.kind,
            value=share_of(self.value, "value"),
            weight=share_of(self.weight, "weight"),
            source=self.source,
            key=key,
        )
        return signal_done(receipt)


class ComputeBody(Deed):
    """Of which artifact."""

    model_config = example(artifact_id="human-blood-brain-organoid")

    artifact_id: Text
    artifact_type: Text | None = None

    def do(self, tx: Tx, key: str | None) -> ScoresDone:
        """Refuses what `find_entity` and `compute_scores` do."""
        entity = find_entity(tx, entity_id=self.artifact_id, entity_type=self.artifact_type).key
        return scores_done(compute_scores(tx, entities=[entity], key=key))
