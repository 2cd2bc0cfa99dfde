"""Migrations are numbered, can run again, and give the application no right to rewrite history."""

from __future__ import annotations

import re
from pathlib import Path

from tests.house.source import SRC

MIGRATIONS = SRC / "scidex/core/migrations"
NEVER_CHANGED = {
    "journal",
    "journal_block",
    "token_ledger",
    "market_trade",
    "resource_allocations",
    "resource_usage",
    "usage_event",
    "budget_event",
    "proposal_event",
    "score_signal",
    "policy",
}
MAY = {"SELECT", "INSERT", "UPDATE", "USAGE"}


def check_migrations(folder: Path) -> list[str]:
    """Every step in the folder, and the rights that all of them together give to scidex_app."""
    offences = []
    created: set[str] = set()
    rights: dict[str, set[str]] = {}
    paths = sorted(folder.glob("*.sql"))
    for number, path in enumerate(paths, start=1):
        if not path.name.startswith(f"{number:04d}_"):
            offences.append(f"{path.name}: should be number {number:04d}")
        sql = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        offences += [f"{path.name}: cannot run again: {statement}" for statement in _once_only(sql)]
        created |= set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", sql))
        for verbs, tables in re.findall(r"GRANT ([^;]+?) ON ([\w,\s]+) TO scidex_app", sql):
            for table in re.split(r",\s*", tables):
                rights.setdefault(table, set()).update(verb.split()[0] for verb in verbs.split(","))
    offences += [f"{table}: not granted to scidex_app" for table in sorted(created - rights.keys())]
    for table, verbs in sorted(rights.items()):
        if forbidden := verbs - (MAY - {"UPDATE"} if table in NEVER_CHANGED else MAY):
            offences.append(f"{table}: scidex_app may {', '.join(sorted(forbidden))}")
    offences += [f"{table}: there is no such table" for table in sorted(NEVER_CHANGED - created)]
    return offences


def _once_only(sql: str) -> list[str]:
    """Statements that fail the second time; a role has no IF NOT EXISTS and is made inside a check."""
    statements = re.findall(r"\b(?:CREATE|ADD|DROP) (?!ROLE|NOT NULL|DEFAULT)[A-Z][^\n(]*", sql)
    return [found.strip() for found in statements if not re.search(r"IF (NOT )?EXISTS|OR REPLACE", found)]


def test_migrations_keep_history_and_can_run_again() -> None:
    assert len(list(MIGRATIONS.glob("*.sql"))) >= 6
    assert check_migrations(MIGRATIONS) == []


def test_a_gap_a_bare_create_and_a_right_too_many_are_caught(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text(
        "".join(f"CREATE TABLE IF NOT EXISTS {table} (a int); -- note\n" for table in NEVER_CHANGED)
        + "GRANT SELECT, INSERT ON journal, journal_block, token_ledger, market_trade, resource_usage, usage_event, budget_event, proposal_event, score_signal TO scidex_app;\n"
        + "GRANT SELECT, INSERT, UPDATE (body) ON policy TO scidex_app;\n"
        + "GRANT SELECT, DELETE ON resource_allocations TO scidex_app;\n"
    )
    (tmp_path / "0003_three.sql").write_text(
        "CREATE TABLE bare (a int);\nCREATE UNIQUE INDEX bare_a ON bare (a);\nCREATE VIEW seen AS SELECT 1;\n"
        "CREATE OR REPLACE VIEW fine AS SELECT 1;\nCREATE TABLE IF NOT EXISTS hidden (a int);\n"
        "ALTER TABLE bare ADD COLUMN b int;\nALTER TABLE bare ADD COLUMN IF NOT EXISTS c int;\nDROP TABLE bare;\n"
    )
    assert check_migrations(tmp_path) == [
        "0003_three.sql: should be number 0002",
        "0003_three.sql: cannot run again: CREATE TABLE bare",
        "0003_three.sql: cannot run again: CREATE UNIQUE INDEX bare_a ON bare",
        "0003_three.sql: cannot run again: CREATE VIEW seen AS SELECT 1;",
        "0003_three.sql: cannot run again: ADD COLUMN b int;",
        "0003_three.sql: cannot run again: DROP TABLE bare;",
        "hidden: not granted to scidex_app",
        "policy: scidex_app may UPDATE",
        "resource_allocations: scidex_app may DELETE",
    ]
