"""Every number that a person may argue about, typed; a change makes a new version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from pydantic import ConfigDict

from scidex.core.errors import Forbidden, Missing, Refused
from scidex.core.machine import Context as CoreContext
from scidex.core.machine import Table
from scidex.policy.admission import AdmissionPolicy
from scidex.policy.allocation import AllocationPolicy
from scidex.policy.attribution import AttributionPolicy
from scidex.policy.ballot import BallotPolicy
from scidex.policy.bounty import BountyPolicy
from scidex.policy.doors import DoorPolicy
from scidex.policy.labour import LabourPolicy
from scidex.policy.review import ReviewPolicy
from scidex.policy.reward import RewardPolicy
from scidex.policy.scoring import ScorePolicy
from scidex.policy.trading import MarketPolicy


class Policy(
    DoorPolicy,
    LabourPolicy,
    ScorePolicy,
    AttributionPolicy,
    BallotPolicy,
    ReviewPolicy,
    AdmissionPolicy,
    RewardPolicy,
    BountyPolicy,
    MarketPolicy,
    AllocationPolicy,
):
    """The constants of the economy. Fractions are decimals, so that no rule starts from a rounded double."""

    # Of several bases the last one's fields come first, on the page of the policy and in its rows.
    model_config = ConfigDict(frozen=True, extra="forbid")


Context: TypeAlias = CoreContext[Policy]
"""What comes in with a command, as every rule sees it."""


class PolicyRow(NamedTuple):
    """A version, which of its fields were written down (the rest are defaults), and since when it is in force."""

    policy: Policy
    written: tuple[str, ...]
    enacted_at: datetime


POLICIES: Table[int, PolicyRow] = Table("policy", rank=900)


@dataclass(frozen=True, slots=True)
class EnactPolicy:
    """Make this the policy of every later decision."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class PolicyEnacted:
    """The version under which decisions now record it."""

    version: int


class PolicyUnreadable(Refused):
    """Version {version} of the policy cannot be read from the database ({problem}); `scidex audit` shows what was
    changed there. Restore a backup."""


class UnknownPolicy(Missing):
    """There is no version {version} of the policy; `scidex policy history` shows those that there are."""


class PolicyByVoteOnly(Forbidden):
    """{actor} may not change the policy; propose it (`scidex policy propose`), and reviewers decide."""
