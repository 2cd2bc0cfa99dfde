"""The SQL of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from scidex.core.db import Tx, columns
from scidex.core.journal import bind, bind_policy
from scidex.policy.model import POLICIES, Policy, PolicyRow, PolicyUnreadable, UnknownPolicy


def insert_policies(tx: Tx, rows: Mapping[int, PolicyRow]) -> None:
    """New versions."""
    # What this transaction has read is not in force any more.
    tx.cache.pop("policy", None)
    tx.execute(
        "INSERT INTO policy (version, body, enacted_at)"
        " SELECT * FROM unnest(%s::int[], %s::jsonb[], %s::timestamptz[])",
        columns((version, row.policy.model_dump_json(), row.enacted_at) for version, row in rows.items()),
    )


def scan_policies(tx: Tx) -> Iterator[tuple[int, Any]]:
    """Every version, in order; one that cannot be read comes as the database has it, so that an audit can name it."""
    for version, body, enacted_at in tx.execute("SELECT version, body, enacted_at FROM policy ORDER BY version"):
        try:
            policy = Policy.model_validate(body)
        except ValidationError:
            yield version, body
        else:
            yield version, PolicyRow(policy, tuple(sorted(policy.model_fields_set)), enacted_at)


def ask_current(tx: Tx) -> Callable[[], tuple[Policy, int]]:
    """Ask for the policy in force and its version, version 0 before any; what is returned fetches the answer.

    Refuses, then: PolicyUnreadable.
    """
    if "policy" not in tx.cache:
        asked = tx.execute("SELECT version, body::text FROM policy ORDER BY version DESC LIMIT 1")

    def fetch() -> tuple[Policy, int]:
        if "policy" not in tx.cache:
            version, body = asked.fetchone() or (0, "{}")
            tx.cache["policy"] = (_policy_of(version, body), version)
        found: tuple[Policy, int] = tx.cache["policy"]
        return found

    return fetch


@lru_cache(maxsize=16)
def _policy_of(version: int, body: str) -> Policy:
    try:
        return Policy.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise PolicyUnreadable(version=version, problem=problem) from None


def current(tx: Tx) -> tuple[Policy, int]:
    """The policy in force and its version; before any was enacted, the defaults as version 0.

    Refuses: PolicyUnreadable.
    """
    return ask_current(tx)()


def find_policy(tx: Tx, version: int | None = None) -> tuple[int, Policy]:
    """A version of the policy with its number, by default that in force. Refuses: UnknownPolicy, PolicyUnreadable."""
    if version is None:
        policy, newest = current(tx)
        return newest, policy
    row = tx.execute("SELECT version, body::text FROM policy WHERE version = %s", [version]).fetchone()
    if row is None:
        raise UnknownPolicy(version=version)
    return row[0], _policy_of(*row)


def has_any(tx: Tx) -> bool:
    """Whether a policy was ever enacted, readable or not."""
    return tx.execute("SELECT FROM policy LIMIT 1").fetchone() is not None


bind(POLICIES, insert=insert_policies, scan=scan_policies)
bind_policy(ask_current)
