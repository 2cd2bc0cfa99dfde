"""What a simulated agent does: works, trades, takes bounties, reviews, proposes, votes, settles."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from scidex.client import Client
from scidex.fleet.world import FAMILIES, Artifact, Traits, World

if TYPE_CHECKING:
    from scidex.client.given import ReplicationGiven, UsedGiven

WORK_TOKENS = 2_000
"""LLM tokens of the standard tier that a piece of work takes at most."""
CLAIM_S = 60
"""How long a claim runs without a heartbeat, in seconds."""
RESULT = "result"
"""The type of entity that agents' outputs are registered as."""
_EVERYBODY = {
    "work": 40,
    "plan_work": 12,
    "spend": 4,
    "trade": 30,
    "rest_order": 5,
    "take_bounty": 6,
    "offer_bounty": 2,
    "propose": 2,
    "settle": 5,
}
_REVIEWERS = {"verify": 20, "judge": 8, "rate": 6, "vote": 8, "award": 6}


def add_work(client: Client, artifact: Artifact) -> None:
    """Put three pieces of work on an artifact into the queue, for who works in its field."""
    for _ in range(3):
        client.post_work_item(
            artifact_type=artifact.kind,
            artifact_id=artifact.name,
            kind=artifact.field,
            llm_standard=WORK_TOKENS,
            usd="0.05",
            payload={"look for": artifact.title},
        )


class Deeds:
    """Everything that one agent can do; each deed says in a word what came of it, or is refused."""

    def __init__(
        self,
        world: World,
        who: Traits,
        client: Client,
        chance: random.Random,
        wait: Callable[[float], object],
    ) -> None:
        self._world, self._who, self._client, self._chance, self._wait = world, who, client, chance, wait
        self._weights = {**_EVERYBODY, **(_REVIEWERS if who.reviewer else {})}
        self._own = [each for each in world.artifacts if each.field in who.fields]
        self._foreign = [each for each in world.artifacts if each.field not in who.fields]
        self._seen: str | None = None

    def choose(self) -> str:
        """What to do next, by chance."""
        (deed,) = self._chance.choices(list(self._weights), list(self._weights.values()))
        return deed

    def work(self) -> str:
        """Claim the next piece of work of one's fields, do it, and put down what was used, found and made."""
        claim = self._client.post_work_claim(kinds=self._who.fields, seconds=CLAIM_S, wait_s=1)
        artifact = self._world.named[claim.artifact_id]
        fate = self._chance.random()
        if fate < 0.03:
            self._client.post_work_return(claim.claim)
            return "given back"
        read, written = self._worked()
        used: UsedGiven = {
            "model": FAMILIES[self._who.family],
            "input_tokens": read,
            "output_tokens": written,
            "event": claim.claim,
        }
        if fate < 0.08:
            self._client.post_work_fail(claim.claim, reason="the source was not to be had", used=[used])
            return "failed"
        if fate < 0.18:
            self._client.post_work_heartbeat(claim.claim, seconds=CLAIM_S)
        found = self._world.found(self._who, artifact, read + written, self._chance)
        source = f"https://lab.example/{claim.claim}"
        self._client.post_work_finish(
            claim.claim,
            used=[used],
            edges=[
                {"subject": subject, "predicate": predicate, "object": target, "source": source}
                for subject, predicate, target in found
            ],
            outputs=[{"output_type": RESULT, "output_id": self._register(artifact)}] if fate > 0.7 else [],
        )
        return "found" if found else "found nothing"

    def plan_work(self) -> str:
        """Put work that seems to pay into the queue."""
        artifact = self._chance.choices(self._own, [each.yields for each in self._own])[0]
        add_work(self._client, artifact)
        return "planned"

    def spend(self) -> str:
        """Call a model without a piece of work: reserve, call, settle."""
        artifact, model = self._chance.choice(self._own), FAMILIES[self._who.family]
        reserved = self._client.post_reservation(
            artifact_type=artifact.kind, artifact_id=artifact.name, llm_standard=WORK_TOKENS, model=model, usd="0.05"
        )
        read, written = self._worked()
        used: UsedGiven = {"model": model, "input_tokens": read, "output_tokens": written}
        self._client.post_settle(reserved.reservation, used=[used])
        return "spent"

    def trade(self) -> str:
        """Buy where the price of a hypothesis is off by more than a little."""
        artifact = self._chance.choice([each for each in self._own if each.kind == "hypothesis"])
        believed = self._world.belief(self._who, artifact)
        market = self._client.get_price(artifact.name, artifact_type=artifact.kind)
        price = market.price
        if market.state != "open":
            return "closed by now"
        if abs(believed - price) < 0.03:
            return "content"
        side = "yes" if believed > price else "no"
        limit = believed if side == "yes" else 1 - believed
        spend = round(min(30.0, 60 * abs(believed - price)) * self._chance.uniform(0.5, 1), 6)
        self._client.post_order(
            artifact_type=artifact.kind,
            artifact_id=artifact.name,
            outcome=side,
            spend=spend,
            limit_price=round(limit, 6),
        )
        return "traded"

    def rest_order(self) -> str:
        """Offer to buy a little below what it is believed to be worth, for half a minute."""
        artifact = self._chance.choice([each for each in self._own if each.kind == "hypothesis"])
        believed = self._world.belief(self._who, artifact)
        side, worth = ("yes", believed) if self._chance.random() < believed else ("no", 1 - believed)
        self._client.post_limit(
            artifact_type=artifact.kind,
            artifact_id=artifact.name,
            outcome=side,
            shares=self._chance.randint(1, 10),
            limit_price=round(max(0.02, worth - 0.05), 3),
        )
        return "placed"

    def offer_bounty(self) -> str:
        """Pay others for progress on what seems worth it."""
        artifact = self._chance.choice([each for each in self._own if each.kind == "gap"])
        amount = self._chance.randint(5, 15)
        self._client.post_bounty(
            artifact_type=artifact.kind, artifact_id=artifact.name, amount=amount, purpose="a result that can be used"
        )
        return "offered"

    def take_bounty(self) -> str:
        """Claim an open bounty, make something, and submit it."""
        ours = {each.name for each in self._world.artifacts}
        found = [
            each
            for each in self._client.get_bounties(state="open", order="age", limit=100).items
            if each.artifact_id in ours and each.claimant is None and each.funder != self._who.name
        ]
        if not found:
            return "none open"
        bounty = self._chance.choice(found)
        self._client.post_bounty_claim(bounty.bounty, seconds=600)
        output = self._make(self._world.named[bounty.artifact_id])
        self._client.post_bounty_submit(bounty.bounty, output_id=output, output_type=RESULT, note="made for it")
        return "submitted"

    def award(self) -> str:
        """Judge what was submitted to a bounty of a field in which the agent has no stake."""
        foreign = {each.name for each in self._foreign}
        for bounty in self._client.get_bounties(state="open", order="age", limit=100).items:
            if bounty.artifact_id not in foreign or not bounty.waiting:
                continue
            for work in self._client.get_bounty_submissions(bounty.bounty):
                if work.judged_by is None and work.submitter != self._who.name:
                    if self._world.quality(self._who, work.submitter) < 0.25:
                        self._client.post_bounty_decline(
                            bounty.bounty, output_id=work.output_id, output_type=RESULT, reason="no controls"
                        )
                        return "declined"
                    self._client.post_bounty_award(bounty.bounty, output_id=work.output_id, output_type=RESULT)
                    return "awarded"
        return "nothing to judge"

    def verify(self) -> str:
        """Look through new outputs of others and verify the next, which mints its reward."""
        page = self._client.get_entities(entity_type=RESULT, after=self._seen, limit=50)
        for entity in page.items:
            output = self._client.get_output(RESULT, entity.entity_id)
            if output.rewards or output.producer == self._who.name or output.retracted_at is not None:
                continue
            quality = self._world.quality(self._who, output.producer)
            if quality < 0.1:
                self._client.post_output_retracted(
                    output_id=entity.entity_id, output_type=RESULT, reason="cannot be repeated"
                )
                return "retracted"
            self._client.post_output_verified(
                output_id=entity.entity_id, output_type=RESULT, kind="evidence", quality=quality, note="repeated"
            )
            return "verified"
        self._seen = str(page.next) if page.next is not None else None
        return "nothing new"

    def judge(self) -> str:
        """Judge a sample of the edges of an artifact, and retract what is wrong."""
        artifact = self._chance.choice(self._foreign)
        seed = f"{self._who.name} {self._chance.random()}"
        sample = self._client.get_sample(
            seed=seed, artifact_id=artifact.name, artifact_type=artifact.kind, limit=5
        ).items
        if not sample:
            return "nothing to judge"
        verdicts = [(each.edge, self._world.is_true(self._who, each.subject)) for each in sample]
        self._client.post_edges_judged(
            verdicts=[{"edge": edge, "right": right} for edge, right in verdicts], note="read the sources"
        )
        for edge in [edge for edge, right in verdicts if not right]:
            self._client.post_edge_retracted(edge=edge, reason="the source does not say so")
        return "judged"

    def rate(self) -> str:
        """Say as a reviewer what is known of an artifact, from which its score is made."""
        artifact = self._chance.choice(self._foreign)
        kind: Literal["paper", "goal", "interest"] = self._chance.choice(("paper", "goal", "interest"))
        worth = min(1.0, artifact.yields / 3) if artifact.kind == "gap" else 0.8 if artifact.holds else 0.4
        value = {"goal": 0.8, "interest": 1.0}.get(kind, round(worth, 3))
        source = {"goal": "mission", "paper": f"https://lab.example/{uuid4().hex[:8]}"}.get(kind)
        self._client.post_signal(
            artifact_type=artifact.kind, artifact_id=artifact.name, kind=kind, value=value, source=source
        )
        return "rated"

    def propose(self) -> str:
        """Ask for compute for a gap of one's own field."""
        artifact = self._chance.choice([each for each in self._own if each.kind == "gap"])
        self._client.post_proposal(
            artifact_type=artifact.kind,
            artifact_id=artifact.name,
            requested={"llm_standard": 20_000},
            justification="more of it can be found",
            expected=[{"measure": "edges", "amount": 20, "within_s": 86_400}],
            evidence=[{"sort": "gap", "reference": f"{artifact.kind}:{artifact.name}", "says": "it is still open"}],
        )
        return "proposed"

    def vote(self) -> str:
        """Vote on what waits for the agent's vote."""
        for line in self._client.get_proposals(state="open", reviewer=self._who.name, limit=50).items:
            shown = self._client.get_proposal(line.proposal)
            if any(vote.voter == self._who.name for vote in shown.votes):
                continue
            artifact = self._world.named.get(str(line.entity_id))
            good = artifact is not None and artifact.yields * self._chance.uniform(0.6, 1.4) > 0.6
            self._client.post_vote(
                line.proposal, choice="approve" if good else "reject", reason="worth it" if good else "little left"
            )
            return "approved" if good else "rejected"
        return "nothing to vote on"

    def settle(self) -> str:
        """See to a closed market in which the agent has no stake: propose, dispute, or decide how it ends."""
        foreign = {each.name: each for each in self._foreign}
        for market in self._client.get_markets(state="closed", limit=100).items:
            if market.artifact_id not in foreign:
                continue
            artifact = foreign[market.artifact_id]
            believed = "yes" if self._world.belief(self._who, artifact) > 0.5 else "no"
            stands = self._client.get_settlement(market.market)
            case = stands.cases[-1] if stands.cases else None
            if stands.state == "waiting":
                self._client.post_resolution(market=market.market, outcome=believed, evidence=[_replication(believed)])
                return "resolution proposed"
            if case is not None and stands.state == "proposed" and self._who.name != case.proposer:
                other = "no" if case.outcome == "yes" else "yes"
                if believed == other or not self._who.honest:
                    self._client.post_dispute(market=market.market, outcome=other, evidence=[_replication(other)])
                    return "disputed"
            if case is not None and stands.state == "disputed" and self._decides(case.proposer, case.disputer):
                # By now it has been looked at so often that a reviewer sees the truth.
                truth = "yes" if artifact.holds else "no"
                self._client.post_decision(market=market.market, outcome=truth, reason="replicated by three groups")
                return "decided"
        return "nothing to settle"

    def _decides(self, *parties: str | None) -> bool:
        return self._who.reviewer and self._who.name not in parties

    def _make(self, artifact: Artifact) -> str:
        """Make an output outside of a piece of work."""
        output = self._register(artifact)
        self._client.post_output(output_id=output, output_type=RESULT)
        return output

    def _register(self, artifact: Artifact) -> str:
        """Enter something new that was made about an artifact."""
        name = f"{artifact.name}-r{uuid4().hex[:10]}"
        self._client.post_entity(
            entity_type=RESULT, entity_id=name, title=f"On {artifact.title}", domain=artifact.field
        )
        return name

    def _worked(self) -> tuple[int, int]:
        """Some time, and the tokens read and written in it."""
        self._wait(self._chance.uniform(0.02, 0.2))
        return self._chance.randint(400, 1200), self._chance.randint(100, 600)


def _replication(outcome: str) -> ReplicationGiven:
    """Evidence that a hypothesis holds, or does not."""
    return {
        "sort": "replication",
        "reference": "https://lab.example/replication",
        "result": "confirmed" if outcome == "yes" else "refuted",
        "samples": 120,
        "metric": "effect size",
        "value": "0.4" if outcome == "yes" else "0.02",
    }
