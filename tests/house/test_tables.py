"""The world, the bindings and the migrations speak of the same tables."""

from __future__ import annotations

from typing import Any

from scidex.core.journal import BINDINGS
from scidex.core.machine import Table
from scidex.core.migrations import all_migrations
from scidex.lab import TABLES

# The journal is what the state is made from; the sums by the hour are compared with the rows of usage; what reviews
# decided stands beside the journal, under its fingerprint; when a key was last used, and who is told of what, are no
# commands.
NOT_OF_THE_STATE = {
    *("journal", "journal_block", "usage_hour", "review_decision"),
    *("access_key_use", "webhook", "webhook_attempt"),
}


def check_tables(tables: tuple[Table[Any, Any], ...], bound: set[Table[Any, Any]], created: set[str]) -> list[str]:
    """Ranks differ, so that batches lock in one order; every table is bound and created, and none beside them."""
    offences = []
    ranks: dict[int, str] = {}
    for table in tables:
        if table.rank in ranks:
            offences.append(f"{table.name} has the rank {table.rank} of {ranks[table.rank]}")
        ranks[table.rank] = table.name
        if table not in bound:
            offences.append(f"{table.name} has no binding")
        if table.name not in created:
            offences.append(f"{table.name} is created by no migration")
    known = {table.name for table in tables} | NOT_OF_THE_STATE
    offences += [f"{table.name} is bound and not in the world" for table in bound - set(tables)]
    return offences + [f"{name} is created and not in the world" for name in sorted(created - known)]


def _created() -> set[str]:
    return {name for step in all_migrations() for name in step.tables}


def test_the_world_holds_every_table_that_is_bound_and_created() -> None:
    assert check_tables(TABLES, set(BINDINGS), _created()) == []


def test_a_table_without_rank_binding_or_migration_is_caught() -> None:
    ghost: Table[str, str] = Table("ghost", rank=TABLES[0].rank)
    assert check_tables((*TABLES, ghost), set(BINDINGS), _created() | {"forgotten"}) == [
        f"ghost has the rank {ghost.rank} of {TABLES[0].name}",
        "ghost has no binding",
        "ghost is created by no migration",
        "forgotten is created and not in the world",
    ]
    assert check_tables(TABLES[1:], set(BINDINGS), _created()) == [
        f"{TABLES[0].name} is bound and not in the world",
        f"{TABLES[0].name} is created and not in the world",
    ]
