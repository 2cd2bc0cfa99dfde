"""How fields of the policy become others: pure. Each value is held to the bounds of its field when it is proposed."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from scidex.policy import Policy
from scidex.senate.proposals.model import Change
from scidex.senate.proposals.refusals import PolicyChangeInvalid

_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_LONGEST = 20_000


def changes_of(policy: Policy, asked: tuple[tuple[str, str], ...]) -> tuple[Change, ...]:
    """The changes with what the fields are now, by field; values as JSON in the form in which the policy has them.

    Refuses: PolicyChangeInvalid.

    >>> changes_of(Policy(), (("proposal_quorum", "3"),))
    (Change(field='proposal_quorum', before='2', after='3'),)
    """
    names = [field for field, _ in asked]
    if not names:
        raise PolicyChangeInvalid(field="no field", problem="give at least one field and its value")
    if len(set(names)) < len(names):
        raise PolicyChangeInvalid(field=", ".join(sorted(map(str, names)))[:200], problem="a field is given twice")
    values = {field: _value(field, text) for field, text in asked}
    changed = _validated({**policy.model_dump(), **values})
    changes = tuple(Change(field, json_of(policy, field), json_of(changed, field)) for field in sorted(values))
    for change in changes:
        if change.before == change.after:
            raise PolicyChangeInvalid(field=change.field, problem=f"it is {change.before[:100]} already")
    return changes


def changed_policy(policy: Policy, changes: tuple[Change, ...]) -> Policy:
    """The policy with these changes. Refuses: PolicyChangeInvalid (where other fields have moved since, or bounds)."""
    values = {change.field: _value(change.field, change.after) for change in changes}
    return _validated({**policy.model_dump(), **values})


def overtaken_by(policy: Policy, changes: tuple[Change, ...]) -> str | None:
    """Which field has another value now than when its change was proposed, in words; None where none has.

    A change stands beside any change of other fields; the same field must be as it was.
    """
    for change in changes:
        now = json_of(policy, change.field)
        if now != change.before:
            return f"{change.field} is {now[:200]} now and was {change.before[:200]} when the change was proposed"
    return None


def json_of(policy: Policy, field: str) -> str:
    """The value of a field as JSON."""
    text = policy.model_dump_json(include={field})
    return text[len(field) + 4 : -1]


def _value(field: str, text: str) -> Any:
    if field not in Policy.model_fields:
        raise PolicyChangeInvalid(field=str(field)[:60], problem="there is no such field")
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise PolicyChangeInvalid(field=field, problem=f"give its value as JSON of at most {_LONGEST} characters")
    try:
        return _ANY.validate_json(text)
    except ValidationError:
        raise PolicyChangeInvalid(field=field, problem=f"{text[:60]!r} is not JSON") from None


def _validated(fields: dict[str, Any]) -> Policy:
    try:
        return Policy.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "together"
        raise PolicyChangeInvalid(field=field, problem=first["msg"]) from None
