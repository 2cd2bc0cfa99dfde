"""How a policy becomes the policy."""

from __future__ import annotations

from scidex.core.machine import State
from scidex.policy.model import POLICIES, Context, EnactPolicy, PolicyByVoteOnly, PolicyEnacted, PolicyRow

HOUSE = "system"
"""The actor name under which the house itself acts; no person or agent can take it."""


def enact(state: State, command: EnactPolicy, context: Context) -> PolicyEnacted:
    """The next version takes effect. Refuses: PolicyByVoteOnly."""
    # Until the Senate's ballots decide, only the house enacts: it does so once, when a database is born.
    if context.actor != HOUSE:
        raise PolicyByVoteOnly(actor=context.actor)
    version = context.policy_version + 1
    written = tuple(sorted(command.policy.model_fields_set))
    state.put(POLICIES, version, PolicyRow(command.policy, written, context.now))
    return PolicyEnacted(version)
