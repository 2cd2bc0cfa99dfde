"""The SQL of policies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from scidex.core.db import Tx
from scidex.core.journal import bind
from scidex.policy.model import POLICIES, Policy


def load_policies(tx: Tx, versions: Collection[int]) -> list[tuple[int, Policy]]:
    """Policies by version, locked."""
    rows = tx.execute(
        "SELECT version, body FROM policy WHERE version = ANY(%s) ORDER BY version FOR NO KEY UPDATE",
        [list(versions)],
    )
    return [(version, Policy.model_validate(body)) for version, body in rows]


def insert_policies(tx: Tx, rows: Mapping[int, Policy]) -> None:
    """New versions."""
    tx.execute(
        "INSERT INTO policy (version, body, enacted_at) SELECT version, body, %s"
        " FROM unnest(%s::int[], %s::jsonb[]) AS new (version, body)",
        [tx.now, list(rows), [policy.model_dump_json() for policy in rows.values()]],
    )


def scan_policies(tx: Tx) -> Iterator[tuple[int, Policy]]:
    """Every version, in order."""
    for version, body in tx.execute("SELECT version, body FROM policy ORDER BY version"):
        yield version, Policy.model_validate(body)


def current(tx: Tx) -> tuple[Policy, int]:
    """The policy in force and its version; before any was enacted, the defaults as version 0."""
    if "policy" not in tx.cache:
        row = tx.execute("SELECT version, body FROM policy ORDER BY version DESC LIMIT 1").fetchone()
        tx.cache["policy"] = (Policy.model_validate(row[1]), row[0]) if row else (Policy(), 0)
    found: tuple[Policy, int] = tx.cache["policy"]
    return found


bind(POLICIES, load=load_policies, insert=insert_policies, scan=scan_policies)
