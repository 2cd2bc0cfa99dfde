"""Every number that a person may argue about: typed, bounded, versioned; each decision records its version."""

from scidex.policy.actions import enact_policy
from scidex.policy.model import (
    POLICIES,
    Context,
    EnactPolicy,
    Policy,
    PolicyByVoteOnly,
    PolicyEnacted,
    PolicyRow,
    PolicyUnreadable,
    UnknownPolicy,
)
from scidex.policy.rules import HOUSE, enact
from scidex.policy.store import current, find_policy, has_any

__all__ = [
    "HOUSE",
    "POLICIES",
    "Context",
    "EnactPolicy",
    "Policy",
    "PolicyByVoteOnly",
    "PolicyEnacted",
    "PolicyRow",
    "PolicyUnreadable",
    "UnknownPolicy",
    "current",
    "enact",
    "enact_policy",
    "find_policy",
    "has_any",
]
