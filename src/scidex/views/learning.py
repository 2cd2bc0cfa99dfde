"""What is asked of the Atlas all the time: to take what work has brought, and judgements of it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from scidex.atlas.knowledge import AuditEdges, NewEdge, NewGain, SubmitKnowledge, Verdict
from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.core.units import Unit, parse_amount
from scidex.views.asks import Amount, Ask, Body, Text, artifact_of, example
from scidex.views.knowledge import CONFIDENCE, AuditedDone, LearnedDone, audited_done, learned_done
from scidex.views.known import Known

_COUNT = Unit("gain", 0, "a paper, or a hypothesis that was improved")
_EDGE = {"subject": "APOE4", "predicate": "raises", "object": "risk of Alzheimer's disease", "source": "PMID:8346443"}
_ARTIFACT = {"artifact_type": "hypothesis", "artifact_id": "tau-spreads-trans-synaptically"}


class EdgeBody(Body):
    """An edge, with where it was found."""

    model_config = example(**_EDGE, confidence=0.95)

    subject: Text
    predicate: Text
    object: Text
    source: Text = Field(description="a PMID, a DOI, an address")
    confidence: Amount | None = Field(default=None, description="from 0 to 1, at most three decimals")

    def edge(self) -> NewEdge:
        """In thousandths. Refuses what `parse_amount` does."""
        sure = self.confidence
        if sure is not None:
            sure = parse_amount(sure, CONFIDENCE, field="confidence", zero=True)
        return NewEdge(self.subject, self.predicate, self.object, self.source, sure)


class GainBody(Body):
    """A gain that is no edge."""

    model_config = example(kind="paper", reference="doi:10.1126/science.8346443")

    kind: Text = Field(description="paper, hypothesis (that was improved) or quality (of an artifact, that rose)")
    reference: Text = Field(description="what it can be looked up by; the same one counts once")
    amount: Amount | None = Field(default=None, description="of quality how much it rose, on a scale from 0 to 1")

    def gain(self) -> NewGain:
        """In thousandths. Refuses what `parse_amount` does."""
        if self.amount is None:
            return NewGain(self.kind, self.reference)
        # Quality is measured, papers and hypotheses are counted.
        unit = CONFIDENCE if self.kind == "quality" else _COUNT
        return NewGain(self.kind, self.reference, parse_amount(self.amount, unit, zero=True))


class LearnBody(Ask):
    """What work on an artifact has brought: edges, and other gains."""

    model_config = example(**_ARTIFACT, work_item="literature sweep 7", edges=[_EDGE])

    artifact_id: Text
    artifact_type: Text | None = Field(default=None, description="needed where several artifacts have this id")
    edges: list[EdgeBody] = []
    gains: list[GainBody] = []
    work_item: Text | None = Field(default=None, description="which piece of work brought it")

    def command(self, tx: Tx, known: Known) -> SubmitKnowledge:
        """Refuses: UnknownEntity, EntityAmbiguous and what `parse_amount` refuses."""
        entity = artifact_of(tx, self.artifact_id, self.artifact_type)
        found = tuple(each.edge() for each in self.edges)
        return SubmitKnowledge(entity, found, tuple(each.gain() for each in self.gains), self.work_item)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> LearnedDone:
        """What became of each line."""
        return learned_done(receipt)


class VerdictBody(Body):
    """That an edge is right, or wrong."""

    edge: Text
    right: bool


class AuditBody(Ask):
    """A judged sample of edges."""

    model_config = example(
        verdicts=[{"edge": "e0dee694aed26d323b0d8b861c343f2554c1aefc", "right": True}], note="read both"
    )

    verdicts: list[VerdictBody]
    note: Text = Field(description="how it was judged")

    def command(self, tx: Tx, known: Known) -> AuditEdges:
        """The verdicts as they are."""
        return AuditEdges(tuple(Verdict(each.edge, each.right) for each in self.verdicts), self.note)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> AuditedDone:
        """How many were right and wrong."""
        return audited_done(receipt)
