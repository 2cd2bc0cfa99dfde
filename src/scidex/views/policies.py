"""The policy over time, from outside: its versions, what changed between them, and values as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field
from pydantic_core import from_json, to_json

from scidex.policy import Policy
from scidex.senate.proposals import json_of
from scidex.views.base import View
from scidex.views.proposals import ChangeView


class PolicyVersionView(View):
    """A version of the policy."""

    version: int
    enacted_at: datetime
    proposal: str | None = Field(description="which made it; null where the house did")


class PolicyInFull(View):
    """A version of the policy with every field."""

    version: int
    policy: Policy


class PolicyDiffView(View):
    """Fields that two versions of the policy have otherwise."""

    before: int
    after: int
    changes: list[ChangeView]


def changes_asked(given: Mapping[str, Any]) -> dict[str, str]:
    """Values of fields of the policy as JSON texts."""
    return {field: to_json(value).decode() for field, value in given.items()}


def changes_written(given: Mapping[str, str]) -> dict[str, str]:
    """The same of values as people write them: JSON, or else plain text.

    >>> changes_written({"proposal_quorum": "3", "proposal_default": "rejected"})
    {'proposal_quorum': '3', 'proposal_default': '"rejected"'}
    """
    return {field: text if _is_json(text) else to_json(text).decode() for field, text in given.items()}


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


def policy_version_view(found: tuple[int, datetime, str | None]) -> PolicyVersionView:
    """A version of the policy."""
    return PolicyVersionView(version=found[0], enacted_at=found[1], proposal=found[2])


def policy_diff_view(before: tuple[int, Policy], after: tuple[int, Policy]) -> PolicyDiffView:
    """What of the policy is otherwise in another version."""
    fields = ((name, json_of(before[1], name), json_of(after[1], name)) for name in Policy.model_fields)
    changed = [ChangeView(field=name, before=one, after=other) for name, one, other in fields if one != other]
    return PolicyDiffView(before=before[0], after=after[0], changes=changed)


def policy_in_full(found: tuple[int, Policy]) -> PolicyInFull:
    """A version with every field."""
    return PolicyInFull(version=found[0], policy=found[1])
