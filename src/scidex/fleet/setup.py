"""What an operator sets up before a fleet lives, and does for it while it does."""

from __future__ import annotations

from contextlib import suppress

from scidex.client import Client
from scidex.core.errors import Refusal
from scidex.fleet.deeds import add_work
from scidex.fleet.world import Traits, World

FOUNDER = "fleet-foundation"
ENDOWMENT, LIQUIDITY, BOUNTY = 500, 30, 40
"""Tokens: of each agent, the liquidity b of each market, and of the bounty on each gap."""
BUDGET_TOKENS = 100_000
"""LLM tokens that each artifact has to begin with; so many more are shared among all in each cycle."""
REVIEWED = 3
"""Every so many cycles all budgets are reviewed."""
KEY_LIFE_S, KEY_PER_MINUTE = 86_400, 6_000
"""How long an agent's key lives, in seconds, and how often it may ask in a minute."""
POOL, UNIT = "fleet", "llm_standard"


def new_tag(operator: Client) -> str:
    """A word before every name of a new world, made of a number of the journal, which is nobody else's."""
    return f"fleet{operator.post_actor(name=FOUNDER, sort='person').number}"


def found(operator: Client, world: World) -> None:
    """Make the world of the seed: artifacts with markets or bounties and budgets, and a pool to share."""
    funds = len(world.artifacts) * (LIQUIDITY + BOUNTY)
    operator.post_issue(account="actor:operator/wallet/token", amount=funds, reason="markets and bounties of a fleet")
    pool = f"pool:{POOL}/pool/{UNIT}"
    operator.post_issue(account=pool, amount=4 * BUDGET_TOKENS * len(world.artifacts), reason="compute of a fleet")
    operator.post_issue(account=f"pool:proposals/pool/{UNIT}", amount=1_000_000, reason="compute to be asked for")
    for each in world.artifacts:
        operator.post_entity(entity_type=each.kind, entity_id=each.name, title=each.title, domain=each.field)
        operator.put_budget(each.kind, each.name, pool=POOL, budgets={UNIT: BUDGET_TOKENS})
        add_work(operator, each)
        if each.kind == "hypothesis":
            operator.post_open(
                market=each.name,
                artifact_type=each.kind,
                artifact_id=each.name,
                question=each.title,
                liquidity=LIQUIDITY,
            )
        else:
            operator.post_bounty(
                artifact_type=each.kind, artifact_id=each.name, amount=BOUNTY, purpose="a result that can be used"
            )


def admit(operator: Client, who: Traits) -> str:
    """Register an agent, endow it, and issue its key, whose secret this is."""
    operator.post_actor(name=who.name, roles=["reviewer"] if who.reviewer else [], family=who.family)
    operator.post_issue(account=f"actor:{who.name}/wallet/token", amount=ENDOWMENT, reason="endowment")
    issued = operator.post_key(
        actor=who.name,
        preset="agent",
        scopes=["review"] if who.reviewer else [],
        label="a simulated agent",
        seconds=KEY_LIFE_S,
        per_minute=KEY_PER_MINUTE,
    )
    assert issued.secret is not None, "a new key is shown once"
    return issued.secret


def cycle(operator: Client, world: World, number: int) -> None:
    """Write down what the signals come to, share a part of the pool among all that claim of it, sometimes review it."""
    name = f"{world.tag}-{number}"
    for each in world.artifacts:
        with suppress(Refusal):  # nobody may have said anything of it
            operator.post_compute(artifact_type=each.kind, artifact_id=each.name)
    with suppress(Refusal):  # nothing may be claimed, or nothing be left
        operator.post_allocate(pool=POOL, unit=UNIT, cycle=name, amount=BUDGET_TOKENS)
    if number % REVIEWED == 0:
        operator.post_review(pool=POOL, cycle=name)


def close_some(operator: Client, world: World) -> list[str]:
    """End the trading of every third market, whose truth the agents then settle."""
    closed = [each.name for each in world.hypotheses[::3]]
    for market in closed:
        operator.post_close(market=market)
    return closed
