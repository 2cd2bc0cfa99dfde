"""The SQL of returns: it reads the ledger, and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scidex.core.db import Tx

# The owner of a sink is entity:type:id, and a type has no colon.
_SPENT = """
SELECT split_part(owner, ':', 2), substr(owner, length(split_part(owner, ':', 2)) + 9), sum(balance)::bigint
FROM ledger_account
WHERE purpose = 'spent' AND owner LIKE 'entity:%%' AND unit = ANY(%s) AND balance > 0
GROUP BY owner
ORDER BY 1, 2
"""


def find_spent(tx: Tx, units: Sequence[str]) -> list[tuple[Any, ...]]:
    """What each entity has spent of these units together, in parts."""
    return tx.execute(_SPENT, [list(units)]).fetchall()
