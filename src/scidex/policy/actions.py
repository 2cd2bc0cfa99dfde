"""What a caller can do with the policy."""

from __future__ import annotations

from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, declare
from scidex.policy.model import POLICIES, EnactPolicy, Policy, PolicyEnacted
from scidex.policy.rules import enact

ENACT = declare(Kind("policy.enact", EnactPolicy, PolicyEnacted, enact, {POLICIES: lambda command, actor, state: ()}))


def enact_policy(tx: Tx, *, policy: Policy, key: str | None = None) -> Receipt[PolicyEnacted]:
    """Put a new version in force. Refuses: PolicyByVoteOnly, KeyReused."""
    return perform_one(tx, Request(EnactPolicy(policy), tx.actor, key))
