"""`scidex db adopt` as people and programs run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields

import psycopg
from psycopg.conninfo import conninfo_to_dict
from tests.adopt.conftest import Legacy

from scidex.adopt import AdoptReport, ColumnReport

NewLegacy = Callable[..., Legacy]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SCIDEX_")}
    return subprocess.run(
        [sys.executable, "-m", "scidex", "db", "adopt", *arguments],
        env={**kept, "SCIDEX_HOME": "/nonexistent", "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_people_read_what_is_missing_and_then_that_nothing_is(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    dry = run(legacy.url, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "to be done:" in dry.stdout
    assert "add allocation_proposals.votes jsonb, NOT NULL with a default: []" in dry.stdout
    assert "dry run: nothing was changed" in dry.stderr
    done = run(legacy.url)
    assert "done:" in done.stdout
    again = run(SCIDEX_DATABASE_URL=legacy.url)
    assert "nothing is missing" in again.stdout


def test_programs_read_one_document_with_the_same_keys_each_time(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    for changed in (True, False):
        done = run(legacy.url, "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found.keys() == {field.name for field in fields(AdoptReport)}
        assert found["columns"][0].keys() == {field.name for field in fields(ColumnReport)}
        assert (found["changed"], found["complete"]) == (changed, True)


def test_a_refusal_has_its_word_and_its_exit_code(new_legacy: NewLegacy) -> None:
    legacy = new_legacy("CREATE SCHEMA old; CREATE TABLE old.resource_usage (amount integer, created_at date)")
    legacy.run("INSERT INTO old.resource_usage VALUES (NULL, '2026-01-01')")
    refused = run(legacy.url, "--json")
    assert refused.returncode == 5
    error = json.loads(refused.stdout)["error"]
    assert (error["code"], error["family"], error["facts"]["rows"]) == ("source_null", "Refused", 1)
    assert run(legacy.url, "--schema", "public").returncode == 4
    with psycopg.connect(legacy.url) as busy:
        busy.execute("LOCK TABLE old.resource_usage IN SHARE MODE")
        locked = run(legacy.url, "--if-null", "amount_used=0", "--patience", "0.2", "--json")
        assert locked.returncode == 6, locked
        assert str(busy.info.backend_pid) in json.loads(locked.stdout)["error"]["message"]
    host = conninfo_to_dict(legacy.url)["host"]
    as_url = f"postgresql://postgres@/{conninfo_to_dict(legacy.url)['dbname']}?host={host}"
    assert run(as_url, "--if-null", "amount_used=0").returncode == 0
