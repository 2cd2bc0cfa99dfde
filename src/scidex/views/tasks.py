"""What is asked of the queue of work: to add, to claim, to go on, to finish, to fail, to give back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from scidex.core.db import Tx
from scidex.core.journal import Receipt
from scidex.entities import EntityKey
from scidex.metering import RESOURCE_OF, UsageEvent
from scidex.senate.budgets import find_reservation
from scidex.views.asks import Ask, Body, Seconds, Text, artifact_of, example
from scidex.views.known import Known
from scidex.views.learning import EdgeBody, GainBody
from scidex.views.spending import NeedsBody, UsedBody, tokens_of, usd_of
from scidex.views.work import (
    ClaimedReceipt,
    FinishedReceipt,
    WorkClaimDone,
    WorkItemDone,
    claimed_receipt,
    finished_receipt,
    work_claim_done,
    work_item_done,
)
from scidex.work import (
    ATTEMPTS,
    SECONDS,
    AddWork,
    ClaimWork,
    FailWork,
    FinishWork,
    HeartbeatWork,
    NewOutput,
    ReturnWork,
    ReviveWork,
    WithdrawWork,
    find_claim,
    to_add,
    to_fail,
    to_finish,
)

WAIT_MOST_S = 30
_OF_VERSION: Any = Field(default=None, description="only if the item still has this version, as you have read it")
_USED = [{"model": "gpt-4o", "input_tokens": 1180, "output_tokens": 420, "event": "call-71"}]
_EDGE = {"subject": "APOE4", "predicate": "raises", "object": "risk of Alzheimer's disease", "source": "PMID:8346443"}


class AddWorkBody(NeedsBody):
    """A piece of work on an artifact, and the most that it may take of its budget."""

    model_config = example(
        artifact_id="tau-spreads-trans-synaptically",
        artifact_type="hypothesis",
        kind="literature-sweep",
        payload={"question": "does tau spread against the axon?"},
        model="gpt-4o",
        input_tokens=1200,
        max_output_tokens=800,
    )

    kind: Text = Field(description="what sort of work it is, so that agents can ask for what they can do")
    payload: dict[str, Any] = Field(default={}, description="whatever who does it needs to know")
    after: list[Text] = Field(default=[], description="items that must be finished before")
    attempts: int = Field(default=ATTEMPTS, strict=True, description="how often it is tried before it is a dead letter")
    delay_s: int = Field(default=0, strict=True, description="seconds before it is given to anybody")

    def command(self, tx: Tx, known: Known) -> AddWork:
        """Refuses: UnknownEntity, EntityAmbiguous, UnknownTier, UnknownModel and what `parse_amount` refuses."""
        return to_add(
            tx,
            entity=artifact_of(tx, self.artifact_id, self.artifact_type),
            kind=self.kind,
            payload=json.dumps(self.payload, separators=(",", ":")),
            amounts=self.amounts(tx),
            usd=usd_of(self.usd),
            model=self.model,
            provider=self.provider,
            input_tokens=tokens_of(self.input_tokens, "input_tokens"),
            max_output_tokens=tokens_of(self.max_output_tokens, "max_output_tokens"),
            after=self.after,
            attempts=self.attempts,
            delay_s=self.delay_s,
        )

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkItemDone:
        """Where the item stands."""
        return work_item_done(receipt)


class ClaimWorkBody(Ask):
    """What sort of work is asked for, and for how long."""

    model_config = example(kinds=["literature-sweep"], seconds=600, wait_s=20)

    kinds: list[Text] = Field(default=[], max_length=50, description="only of these; of any if the list is empty")
    seconds: Seconds = Field(default=SECONDS, description="how long the claim and its reservation run")
    wait_s: float = Field(default=0, ge=0, le=WAIT_MOST_S, description="how long to wait if there is no work now")

    def command(self, tx: Tx, known: Known) -> ClaimWork:
        """The command, whose item is chosen when it is carried out."""
        return ClaimWork(tuple(self.kinds), self.seconds)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> ClaimedReceipt:
        """What was claimed."""
        return claimed_receipt(receipt)


class HeartbeatBody(Ask):
    """How much longer a claim is held, from now."""

    model_config = example(seconds=600)

    seconds: Seconds = SECONDS


class HeartbeatTerms(HeartbeatBody):
    """Which claim goes on, and for how long from now."""

    model_config = example(claim="c17", seconds=600)

    claim: Text

    def command(self, tx: Tx, known: Known) -> HeartbeatWork:
        """The command."""
        return HeartbeatWork(self.claim, self.seconds)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkClaimDone:
        """Where the claim stands."""
        return work_claim_done(receipt)


class NewOutputBody(Body):
    """A registered artifact that the work has produced."""

    model_config = example(output_type="analysis", output_id="tau-review-1")

    output_type: Text
    output_id: Text
    builds_on: list[tuple[Text, Text]] = Field(default=[], description="type and id of outputs that it builds on")

    def output(self) -> NewOutput:
        """The output with what it builds on."""
        return NewOutput(
            EntityKey(self.output_type, self.output_id), tuple(EntityKey(*each) for each in self.builds_on)
        )


class FinishBody(Ask):
    """What a piece of work took, found and made."""

    model_config = example(used=_USED, edges=[_EDGE], note="two reviews agree")

    used: list[UsedBody] = []
    edges: list[EdgeBody] = []
    gains: list[GainBody] = []
    outputs: list[NewOutputBody] = Field(default=[], max_length=100)
    note: Text | None = None


class FinishTerms(FinishBody):
    """Which claim is finished, and with what."""

    model_config = example(claim="c17", used=_USED, edges=[_EDGE])

    claim: Text

    def command(self, tx: Tx, known: Known) -> FinishWork:
        """Refuses: UnknownWorkClaim, UnknownResource, UnknownModel and what `parse_amount` refuses."""
        return to_finish(
            tx,
            claim=self.claim,
            events=_events(tx, self.claim, self.used),
            edges=[each.edge() for each in self.edges],
            gains=[each.gain() for each in self.gains],
            outputs=[each.output() for each in self.outputs],
            note=self.note,
        )

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> FinishedReceipt:
        """What became of it."""
        return finished_receipt(receipt)


class FailBody(Ask):
    """Why a piece of work brought no result, and what it took all the same."""

    model_config = example(reason="the model was down", used=[])

    reason: Text
    used: list[UsedBody] = []


class FailTerms(FailBody):
    """Which claim has failed, and why."""

    model_config = example(claim="c17", reason="the model was down")

    claim: Text

    def command(self, tx: Tx, known: Known) -> FailWork:
        """Refuses: UnknownWorkClaim, UnknownResource, UnknownModel and what `parse_amount` refuses."""
        return to_fail(tx, claim=self.claim, reason=self.reason, events=_events(tx, self.claim, self.used))

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> FinishedReceipt:
        """What became of it."""
        return finished_receipt(receipt)


class ReturnBody(Ask):
    """Nothing but, if the header cannot be set, the key."""

    model_config = example(idempotency_key="return-c17")


class ReturnTerms(ReturnBody):
    """Which claim is given back."""

    model_config = example(claim="c17")

    claim: Text

    def command(self, tx: Tx, known: Known) -> ReturnWork:
        """The command."""
        return ReturnWork(self.claim)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkClaimDone:
        """Where the claim stands."""
        return work_claim_done(receipt)


class WithdrawWorkBody(Ask):
    """Why an item is taken out of the queue."""

    model_config = example(reason="answered elsewhere")

    reason: Text


class WithdrawWorkTerms(WithdrawWorkBody):
    """Which item is taken out of the queue, and why."""

    model_config = example(item="w12", reason="answered elsewhere")

    item: Text
    version: Text | None = _OF_VERSION

    def command(self, tx: Tx, known: Known) -> WithdrawWork:
        """The command."""
        return WithdrawWork(self.item, self.reason, self.version)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkItemDone:
        """Where the item stands."""
        return work_item_done(receipt)


class ReviveTerms(Ask):
    """Which dead letter is tried again."""

    model_config = example(item="w12")

    item: Text
    version: Text | None = _OF_VERSION

    def command(self, tx: Tx, known: Known) -> ReviveWork:
        """The command."""
        return ReviveWork(self.item, self.version)

    def done(self, receipt: Receipt[Any], tx: Tx, known: Known) -> WorkItemDone:
        """Where the item stands."""
        return work_item_done(receipt)


def _events(tx: Tx, claim: str, used: Sequence[UsedBody]) -> list[UsageEvent]:
    """In parts; what names neither unit nor model is of the tier that is reserved, if that is one."""
    unit = None
    if any(each.unit is None and each.model is None for each in used):
        reserved = find_reservation(tx, find_claim(tx, claim).reservation).amounts
        tiers = [each for each, _ in reserved if RESOURCE_OF.get(each, ("", None))[1] is not None]
        unit = tiers[0] if len(tiers) == 1 else None
    return [each.usage(tx, unit) for each in used]
