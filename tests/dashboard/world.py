"""A small world to look at: capital of every sort, resources spent with and without edges, something that waits."""

from __future__ import annotations

from scidex.actors import register_actor
from scidex.atlas.knowledge import NewEdge, submit_knowledge
from scidex.core.db import Tx
from scidex.core.units import TOKEN
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.exchange.bounties import offer_bounty
from scidex.exchange.markets import open_market, place_order
from scidex.ledger import AccountKey, issue, wallet_of
from scidex.metering import UsageEvent
from scidex.senate.budgets import charge, reserve, set_budget

T = TOKEN.parts
IDEAS = {
    "tau-spreads": "Tau pathology spreads along synapses",
    "sleep-clears": "Slow-wave sleep drives amyloid clearance",
    "butyrate-als": "Gut butyrate slows motor neuron loss",
    "<b>odd</b> & co": 'A title with <script>alert("x")</script> in it',
}
TAU = EntityKey("hypothesis", "tau-spreads")


def settle_in(economy: Economy) -> None:
    """Register, fund, open, trade, grant, spend and learn."""

    def found(tx: Tx) -> None:
        for name, roles in (("alice", ()), ("bob", ()), ("maker", ()), ("rita", ("reviewer",))):
            register_actor(tx, name=name, sort="person", roles=roles)
            issue(tx, account=wallet_of(name), amount=1000 * T, reason="endowment")
        for unit, parts in (("llm_standard", 50_000), ("llm_reasoning", 4_000), ("cpu_seconds", 900_000)):
            issue(tx, account=AccountKey("pool:main", "pool", unit), amount=parts, reason="the cycle's budget")
        for name, title in IDEAS.items():
            register_entity(tx, entity_type="hypothesis", entity_id=name, title=title)

    def make(tx: Tx) -> None:
        for number, (name, title) in enumerate(IDEAS.items()):
            key = EntityKey("hypothesis", name)
            open_market(tx, market=f"m{number}", artifact=key, question=title, liquidity=(40 + 20 * number) * T)

    def grant(tx: Tx) -> None:
        set_budget(tx, entity=TAU, pool="main", budgets={"llm_standard": 20_000, "cpu_seconds": 300_000})
        other = EntityKey("hypothesis", "sleep-clears")
        set_budget(tx, entity=other, pool="main", budgets={"llm_standard": 6_000, "llm_reasoning": 900})

    economy.run(found, actor="operator")
    economy.run(make, actor="maker")
    economy.run(grant, actor="operator")
    for actor, market, outcome, spend in (
        ("alice", "m0", "yes", 25),
        ("bob", "m1", "no", 12),
        ("alice", "m3", "yes", 8),
    ):
        economy.run(lambda tx: place_order(tx, market=market, outcome=outcome, spend=spend * T), actor=actor)  # noqa: B023
    economy.run(
        lambda tx: offer_bounty(tx, artifact=TAU, amount=40 * T, seconds=864_000, purpose="replicate it"), actor="bob"
    )
    economy.run(_work, actor="alice")


def _work(tx: Tx) -> None:
    other = EntityKey("hypothesis", "sleep-clears")
    charge(tx, entity=TAU, events=[UsageEvent("llm_standard", 4_200, tx.now, usd=310_000, model="m-large")])
    charge(tx, entity=TAU, events=[UsageEvent("cpu_seconds", 64_000, tx.now, usd=0)])
    charge(tx, entity=other, events=[UsageEvent("llm_standard", 1_900, tx.now, usd=90_000)])
    charge(tx, entity=other, events=[UsageEvent("llm_reasoning", 1_000, tx.now, usd=0)])
    reserve(tx, entity=TAU, amounts={"llm_standard": 1_500}, seconds=3_600, usd=500_000)
    edges = [NewEdge("tau", "spreads along", target, "PMID:31978945", None) for target in ("synapse", "axon", "tract")]
    submit_knowledge(tx, entity=TAU, edges=edges)
