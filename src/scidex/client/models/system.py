"""What the server answers: system; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.answers import Answer
from scidex.client.models.senate_2 import Policy


class HealthView(Answer):
    """The process runs and its database answers; where it does not, the answer is a problem (503)."""

    # ok
    status: str
    policy_version: int


class VersionView(Answer):
    """What answers here."""

    version: str
    python: str


class PolicyView(Answer):
    """The policy in force."""

    # every decision records it
    version: int
    policy: Policy
