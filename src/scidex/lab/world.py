"""A whole economy in memory, on the same rules that run over PostgreSQL: for tests, for trying policies, for audits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scidex import work
from scidex.actors import ACTORS
from scidex.atlas import knowledge
from scidex.core.errors import Refusal
from scidex.core.journal import BINDINGS, Entry, KeyReused, Receipt
from scidex.core.machine import Context, State, Table, decide, kind_named, kind_of
from scidex.entities import ENTITIES
from scidex.exchange import bounties, earnings, liquidity, markets, resource_allocator, settlement
from scidex.keys import KEYS
from scidex.ledger import ACCOUNTS, HOLDS, TRANSFERS
from scidex.metering import EVENTS, STORES, USAGE
from scidex.policy import HOUSE, POLICIES, EnactPolicy, Policy
from scidex.senate import budgets, proposals, reviews, scores

TABLES: tuple[Table[Any, Any], ...] = (
    work.CLAIMS,
    work.ITEMS,
    work.ARMS,
    scores.SIGNALS,
    scores.SCORES,
    proposals.PROPOSALS,
    proposals.BALLOTS,
    proposals.PROPOSAL_EVENTS,
    resource_allocator.CYCLES,
    resource_allocator.ALLOCATIONS,
    reviews.REVIEWS,
    bounties.LISTINGS,
    bounties.BOARDS,
    bounties.BOUNTIES,
    bounties.FUNDINGS,
    bounties.SUBMISSIONS,
    bounties.PAYMENTS,
    markets.LISTINGS,
    markets.MARKETS,
    markets.ORDERS,
    markets.POSITIONS,
    markets.TRADES,
    liquidity.CHANGES,
    knowledge.EDGES,
    knowledge.STATEMENTS,
    knowledge.SUBMISSIONS,
    knowledge.JUDGEMENTS,
    knowledge.GAINS,
    knowledge.KNOWLEDGE,
    earnings.OUTPUTS,
    earnings.STANDINGS,
    earnings.MINTS,
    earnings.LINES,
    earnings.EMISSION,
    earnings.PERIODS,
    settlement.SETTLEMENTS,
    settlement.CASES,
    settlement.STAGES,
    settlement.PORTIONS,
    HOLDS,
    budgets.RESERVATIONS,
    ENTITIES,
    budgets.BUDGETS,
    STORES,
    KEYS,
    budgets.LIMITS,
    ACTORS,
    ACCOUNTS,
    TRANSFERS,
    EVENTS,
    USAGE,
    budgets.BUDGET_EVENTS,
    earnings.DEBTS,
    POLICIES,
)
"""Every table that the journal projects to."""


class World:
    """State of the whole economy; `apply` is its only way to change."""

    def __init__(self) -> None:
        assert set(TABLES) == set(BINDINGS), "every table of the state is in the world"
        self.state = State(complete=True)
        self.number = 0
        self._newest = 0
        self._keys: dict[tuple[str, str], tuple[str, Receipt[Any]]] = {}

    def policy(self, version: int) -> Policy:
        """The policy of that version; 0 is before any was enacted."""
        row = self.state.get(POLICIES, version)
        return row.policy if row else Policy()

    def newest_policy(self) -> int:
        """The version in force."""
        return self._newest

    def apply(
        self,
        command: object,
        *,
        actor: str,
        now: datetime,
        key: str | None = None,
        number: int | None = None,
        policy_version: int | None = None,
    ) -> Receipt[Any]:
        """Decide a command; `number` and `policy_version` are given when a recorded one is run again.

        Refuses: what the command's rule refuses, and KeyReused; the world is then as it was.
        """
        kind = kind_of(command)
        if key is not None and (first := self._keys.get((actor, key))):
            if first[0] != kind.name + kind.encode(command):
                raise KeyReused(key=key, number=first[1].number)
            found = first[1]
            return Receipt(found.number, found.at, found.kind, found.actor, found.result, repeated=True)
        number = self.number + 1 if number is None else number
        version = self.newest_policy() if policy_version is None else policy_version
        context = Context(actor, now, self.policy(version), version, number)
        result = decide(self.state, kind, command, context)
        if number > self.number:
            self.number = number
        if POLICIES in kind.touches:
            self._newest = max(self.state.rows(POLICIES))
        receipt = Receipt(number, now, kind.name, actor, result)
        if key is not None:
            self._keys[actor, key] = (kind.name + kind.encode(command), receipt)
        return receipt

    def replay(self, entry: Entry) -> str | None:
        """Run a journal row again: how its receipt differs from what follows, or None."""
        try:
            kind = kind_named(entry.kind)
            command = kind.commands.validate_json(entry.command)
        except (Refusal, ValueError) as problem:
            return f"cannot be read: {str(problem).splitlines()[0]}"
        if entry.policy != 0 and self.state.get(POLICIES, entry.policy) is None:
            return f"names version {entry.policy} of the policy, which nobody enacted"
        try:
            receipt = self.apply(
                command,
                actor=entry.actor,
                now=entry.at,
                number=entry.number,
                policy_version=entry.policy,
            )
        except Refusal as refusal:
            return f"{entry.kind} is refused when it is run again: {refusal.code}"
        except Exception as bug:  # noqa: BLE001 - a tampered row may break any assumption, and the audit must go on
            return f"{entry.kind} cannot be run again: {type(bug).__name__} {bug}"
        if kind.encode_result(receipt.result) != entry.receipt:
            return "its receipt is not what follows from the command"
        return None


def first_world(now: datetime) -> World:
    """A world with the default policy in force and nobody in it."""
    world = World()
    world.apply(EnactPolicy(Policy()), actor=HOUSE, now=now)
    return world
