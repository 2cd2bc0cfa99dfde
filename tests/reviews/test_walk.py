"""A random walk of commands and reviews of two pools: the dry run is what is enacted, the audit and the export agree."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import FakeClock
from tests.reviews.test_actions import sound

from scidex import ledger
from scidex.actors import register_actor
from scidex.atlas.knowledge import NewEdge, submit_knowledge
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.entities import EntityKey, register_entity
from scidex.exchange.markets import open_market, place_order
from scidex.exchange.resource_allocator import allocate_pool
from scidex.exports import export_journal
from scidex.lab import verify
from scidex.ledger import AccountKey
from scidex.metering import UsageEvent
from scidex.policy import HOUSE, Policy, current, enact_policy
from scidex.senate import budgets

UNITS = ("llm_reasoning", "llm_standard", "cpu_seconds", "usd")
POOLS = ("main", "second")
KEYS = [EntityKey(("gap", "hypothesis")[place % 2], f"a{place}") for place in range(12)]
SHARES = ("0", "0.1", "0.5", "1")


def begin(tx: Tx) -> None:
    register_actor(tx, name="alice")
    ledger.issue(tx, account=ledger.wallet_of("alice"), amount=10**10, reason="to trade with")
    for key in KEYS:
        register_entity(tx, entity_type=key.entity_type, entity_id=key.entity_id, title="an artifact")
    for pool in POOLS:
        for unit, amount in zip(UNITS[:3], (10**4, 10**6, 10**12), strict=True):
            ledger.issue(tx, account=AccountKey(f"pool:{pool}", "pool", unit), amount=amount, reason="cycle")


def open_markets(tx: Tx) -> None:
    for key in KEYS[:4]:
        open_market(tx, market=key.entity_id, artifact=key, question="does it hold?", subsidy=10**8)


def step(rng: random.Random, name: str) -> tuple[str, Callable[[Tx], object]]:
    """Who does what."""
    key, unit, pool, amount = rng.choice(KEYS), rng.choice(UNITS), rng.choice(POOLS), rng.choice([1, 90, 7_000])
    share, score = rng.choice(SHARES), rng.choice([None, rng.random(), 1.0])
    edges = [NewEdge(name, "binds", f"o{place}", "PMID:1") for place in range(rng.randint(1, 9))]

    def reserve(tx: Tx) -> None:
        held = budgets.reserve(tx, entity=key, amounts={"llm_standard": amount}, usd=0).result.reservation
        if rng.random() < 0.7:
            event = UsageEvent("llm_standard", rng.choice([amount, 2 * amount]), usd=0)
            budgets.settle(tx, reservation=held, events=[event])

    def change(tx: Tx) -> None:
        terms = {"review_step_share": rng.choice(SHARES[1:]), "review_floor_share": share, "review_dwell_s": 86_400}
        rates = {each: rng.choice([1, 100]) for each in rng.sample(UNITS, 3)}
        enact_policy(
            tx, policy=Policy.model_validate({**current(tx)[0].model_dump(), **terms, "units_per_token": rates})
        )

    return rng.choice([
        ("operator", lambda tx: budgets.set_budget(tx, entity=key, pool=pool, budgets={unit: amount}, priority_score=score)),
        ("operator", lambda tx: budgets.set_budget(tx, entity=key, pool=pool, budgets={}, priority_score=score)),
        ("operator", lambda tx: allocate_pool(tx, pool=pool, unit=unit, cycle=name, amount=amount)),
        ("alice", lambda tx: budgets.charge(tx, entity=key, events=[UsageEvent("llm_standard", amount, usd=0)])),
        ("alice", reserve),
        ("alice", lambda tx: place_order(tx, market=rng.choice(KEYS[:4]).entity_id, outcome="yes", spend=10**7)),
        ("alice", lambda tx: submit_knowledge(tx, entity=key, edges=edges)),
        (HOUSE, change),
    ])  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_reviews_among_everything_else_keep_the_books(
    economy: Economy, clock: FakeClock, tmp_path: Path, seed: int
) -> None:
    rng, outcomes = random.Random(seed), Counter[str]()
    economy.run(begin, actor="operator")
    economy.run(open_markets, actor="alice")
    for place in range(90):
        actor, work = step(rng, f"s{place}")
        try:
            economy.run(work, actor=actor)
            outcomes["done"] += 1
        except Refusal:
            outcomes["refused"] += 1
        if place % 5 == 4:
            pool, sort = rng.choice(POOLS), rng.choice(("daily", "weekly"))
            shown = economy.preview_review(pool=pool, cycle=f"r{place}", sort=sort)
            done = economy.review(
                pool=pool, cycle=f"r{place}", sort=sort, seed=shown.command.seed, actor="operator"
            ).result
            assert (done.digest, done.units) == (shown.command.digest, shown.command.units)
            outcomes["moved"] += done.changed > 0
            clock.pass_by(rng.choice([60, 86_400, 8 * 86_400]))
            economy.tend()
            economy.expire_due()
    assert min(outcomes[each] for each in ("done", "moved")) > 3, outcomes
    sound(economy)
    with economy.reading() as tx:
        export_journal(tx, out=tmp_path / "journal")
    with (tmp_path / "journal").open("rb") as lines:
        report = verify(lines)
    assert report.ok, report.first_wrong
