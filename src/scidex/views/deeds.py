"""What is asked one at a time of the registry, of bounties, of the Atlas and of stores."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scidex.actors import register_actor
from scidex.atlas.knowledge import merge_edges, reinstate_edge, retract_edge, retract_gain, split_edge
from scidex.core.db import Tx
from scidex.entities import register_entity
from scidex.exchange.bounties import decline_work, refund_bounty, release_claim
from scidex.senate.budgets import observe_stored
from scidex.views.asks import Body, Deed, Text, When, artifact_of, example
from scidex.views.bounties import BountyDone, ClaimDone, WorkDone, bounty_done, claim_done, work_done
from scidex.views.dealings import OutputBody
from scidex.views.knowledge import GainRetractedDone, RecountedDone, gain_retracted_done, recounted_done
from scidex.views.registry import ActorDone, EntityDone, actor_done, entity_done
from scidex.views.reservations import ChargedReceipt, charged_receipt

_EDGE = "e0dee694aed26d323b0d8b861c343f2554c1aefc"
_WORK = {"output_type": "analysis", "output_id": "organoid-protocol-v1"}


class ActorBody(Deed):
    """Who acts, and in which roles; roles are an operator's to give."""

    model_config = example(name="agent-7", sort="agent", roles=[])

    name: Text
    sort: Text = Field(default="agent", json_schema_extra={"enum": ["agent", "person", "service"]})
    roles: list[Text] = Field(default=[], description="operator, issuer, resolver, reviewer, auditor")
    owner: Text | None = Field(
        default=None, description="the actor to whom it belongs; for actors that are there, left as it is if left out"
    )
    family: Text | None = Field(default=None, description="model family of an agent; left as it is if left out")

    def do(self, tx: Tx, key: str | None) -> ActorDone:
        """Refuses what `register_actor` does."""
        receipt = register_actor(
            tx, name=self.name, sort=self.sort, roles=self.roles, owner=self.owner, family=self.family, key=key
        )
        return actor_done(receipt)


class EntityBody(Deed):
    """A thing under research."""

    model_config = example(
        entity_type="hypothesis",
        entity_id="tau-spreads-trans-synaptically",
        title="Tau pathology spreads along synapses",
    )

    entity_type: Text
    entity_id: Text
    title: Text
    domain: Text | None = Field(default=None, description="field of science, which portfolios are sorted by")

    def do(self, tx: Tx, key: str | None) -> EntityDone:
        """Refuses what `register_entity` does."""
        receipt = register_entity(
            tx, entity_type=self.entity_type, entity_id=self.entity_id, title=self.title, domain=self.domain, key=key
        )
        return entity_done(receipt)


class DeclineBody(OutputBody):
    """Why which work is not what was asked for."""

    model_config = example(**_WORK, reason="no controls")

    reason: Text


class DeclineTerms(DeclineBody, Deed):
    """Of which bounty which work is not what was asked for, and why."""

    model_config = example(bounty="b17", **_WORK, reason="no controls")

    bounty: Text

    def do(self, tx: Tx, key: str | None) -> WorkDone:
        """Refuses what `decline_work` does."""
        return work_done(decline_work(tx, bounty=self.bounty, output=self.output(tx), reason=self.reason, key=key))


class BountyKeyBody(Body):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="refund-b17")


class LetGoTerms(BountyKeyBody, Deed):
    """The claim to which bounty is let go."""

    model_config = example(bounty="b17")

    bounty: Text

    def do(self, tx: Tx, key: str | None) -> ClaimDone:
        """Refuses what `release_claim` does."""
        return claim_done(release_claim(tx, bounty=self.bounty, key=key))


class RefundTerms(BountyKeyBody, Deed):
    """Which bounty is given back."""

    model_config = example(bounty="b17")

    bounty: Text

    def do(self, tx: Tx, key: str | None) -> BountyDone:
        """Refuses what `refund_bounty` does."""
        return bounty_done(refund_bounty(tx, bounty=self.bounty, key=key))


class EdgeReasonBody(Deed):
    """Which edge, and why."""

    model_config = example(edge=_EDGE, reason="the paper was withdrawn")

    edge: Text
    reason: Text

    def do(self, tx: Tx, key: str | None) -> RecountedDone:
        """Let it count no more. Refuses what `retract_edge` does."""
        return recounted_done(retract_edge(tx, edge=self.edge, reason=self.reason, key=key))


class ReinstateTerms(EdgeReasonBody):
    """Which edge stands again, and why."""

    model_config = example(edge=_EDGE, reason="the withdrawal was a mistake")

    def do(self, tx: Tx, key: str | None) -> RecountedDone:
        """Refuses what `reinstate_edge` does."""
        return recounted_done(reinstate_edge(tx, edge=self.edge, reason=self.reason, key=key))


class MergeBody(Deed):
    """Which edge says the same as which other one."""

    model_config = example(edge=_EDGE, same_as="4f6f0c4b1c5f3ad0f7c8c1f2b6d6a1b7c2e9d3f0", note="a synonym")

    edge: Text
    same_as: Text = Field(description="the edge as part of which it is counted")
    note: Text

    def do(self, tx: Tx, key: str | None) -> RecountedDone:
        """Refuses what `merge_edges` does."""
        return recounted_done(merge_edges(tx, edge=self.edge, same_as=self.same_as, note=self.note, key=key))


class SplitBody(Deed):
    """Which edge is counted by itself again, and why."""

    model_config = example(edge=_EDGE, note="another isoform")

    edge: Text
    note: Text

    def do(self, tx: Tx, key: str | None) -> RecountedDone:
        """Refuses what `split_edge` does."""
        return recounted_done(split_edge(tx, edge=self.edge, note=self.note, key=key))


class GainReasonBody(Deed):
    """Which gain, and why."""

    model_config = example(kind="paper", reference="doi:10.1126/science.8346443", reason="it is not by this work")

    kind: Text
    reference: Text
    reason: Text

    def do(self, tx: Tx, key: str | None) -> GainRetractedDone:
        """Refuses what `retract_gain` does."""
        receipt = retract_gain(tx, kind=self.kind, reference=self.reference, reason=self.reason, key=key)
        return gain_retracted_done(receipt)


class StoredBody(Deed):
    """How much an artifact stores somewhere, from when on."""

    model_config = example(
        artifact_id="tau-spreads-trans-synaptically",
        artifact_type="hypothesis",
        store="s3://sweeps",
        size=12_500_000_000,
    )

    artifact_id: Text
    artifact_type: Text | None = None
    store: Text = Field(description="where: a bucket, a folder, a database")
    size: Annotated[int, Field(strict=True)] | None = Field(
        default=None, description="bytes; the same as before if left out"
    )
    at: When | None = Field(default=None, description="when it was observed; now if left out")

    def do(self, tx: Tx, key: str | None) -> ChargedReceipt:
        """Refuses what `artifact_of` and `observe_stored` do."""
        entity = artifact_of(tx, self.artifact_id, self.artifact_type)
        return charged_receipt(observe_stored(tx, entity=entity, store=self.store, size=self.size, at=self.at, key=key))
