"""Exports and proofs at the doors: as a process with its exit code, and over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.surfaces.test_http import listening

from scidex.economy import Economy
from scidex.exports import check_proof
from scidex.surfaces.http import create_app


class Door:
    """The command line on an economy that is there."""

    def __init__(self, economy: Economy, folder: Path) -> None:
        self.economy, self.folder = economy, folder

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SCIDEX_")}
        env = {
            **kept,
            "SCIDEX_HOME": str(self.folder),
            "SCIDEX_DATABASE_URL": self.economy.conninfo,
            "PYTHONWARNINGS": "error",
        }
        command = [sys.executable, "-m", "scidex", *map(str, arguments)]
        return subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False
        )

    def ask(self, *arguments: str | Path) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def refused(self, *arguments: str | Path) -> tuple[int, str]:
        done = self.run(*arguments, "--json")
        return done.returncode, json.loads(done.stdout)["error"]["code"]


@pytest.fixture
def door(small_world: Economy, tmp_path: Path) -> Door:
    return Door(small_world, tmp_path)


@pytest.mark.parametrize("format", ["beancount", "parquet"])
def test_the_ledger_goes_out(door: Door, format: str) -> None:
    report = door.ask("export", "ledger", "--format", format, "--out", "out")
    assert set(report) == {"format", "folder", "ledger", "as_of", "rows", "seconds"}
    assert {path.name for path in (door.folder / "out").iterdir()} == {*report["rows"], f"manifest-{format}.json"}


def test_the_journal_goes_out_and_is_verified_without_a_database(door: Door) -> None:
    report = door.ask("export", "journal", "--out", "journal.jsonl")
    lines = (door.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert report["rows"] == {"journal.jsonl": len(lines)}
    found = door.ask("verify", "journal.jsonl")
    assert found["ok"] is True
    place = next(place for place, line in enumerate(lines) if b'"kind":"market.order"' in line)
    lines[place] = (
        lines[place].replace(b'"side":"buy"', b'"side":"sel"').replace(b'\\"side\\":\\"buy\\"', b'\\"side\\":\\"sel\\"')
    )
    (door.folder / "changed.jsonl").write_bytes(b"".join(lines))
    done = door.run("verify", "changed.jsonl", "--json")
    number = json.loads(lines[place])["number"]
    assert (done.returncode, json.loads(done.stdout)["first_wrong"]["row"]) == (1, f"journal {number}")
    told = door.run("verify", "changed.jsonl")
    assert (told.returncode, f"NOT OK: line {place + 1}, journal {number}" in told.stdout) == (1, True)


def test_one_changed_row_of_usage_in_bulk_is_told_at_the_command_line(door: Door) -> None:
    door.ask("export", "journal", "--out", "journal.jsonl")
    lines = (door.folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert door.ask("verify", "journal.jsonl")["usage_rows"] > 5
    place = next(place for place, line in enumerate(lines) if line.startswith(b'{"usage"') and b"\\tapi_calls" in line)
    lines[place] = lines[place].replace(b"\\tapi_calls", b"\\tcpu_seconds")
    (door.folder / "changed.jsonl").write_bytes(b"".join(lines))
    row = json.loads(lines[place])
    told = door.run("verify", "changed.jsonl")
    named = f"NOT OK: line {place + 1}, resource_usage {row['usage']} {row['row'].split()[0]}"
    assert (told.returncode, named in told.stdout) == (1, True)


def test_proofs_are_written_and_checked(door: Door) -> None:
    with door.economy.reading() as tx:
        number, leg = tx.execute(
            "SELECT number, leg FROM token_ledger ORDER BY number DESC, leg LIMIT 1"
        ).fetchone() or (0, 0)
    proof = door.ask("proof", "event", f"{number}-{leg}", "--out", "event.json")
    block = door.ask("proof", "block", str(proof["event"]["block"]))
    assert block["root"] == proof["root"]
    proved = door.ask("proof", "check", "event.json", "--root", block["root"])
    assert proved == json.loads(json.dumps(proof["event"] | {"ledger": proof["ledger"], "root": proof["root"]}))
    assert door.refused("proof", "check", "event.json", "--root", "00") == (5, "proof_wrong")
    owed = door.ask("proof", "liability", "actor:alice/wallet/token", "--out", "owed.json")
    assert door.ask("proof", "check", "owed.json")["root"] == owed["head"]
    shown = door.run("proof", "liability", "actor:alice/wallet/token").stdout
    assert "actor:alice/wallet/token" in shown
    (door.folder / "owed.json").write_text(
        (door.folder / "owed.json").read_text(encoding="utf-8").replace('"owed": "', '"owed": "1'), encoding="utf-8"
    )
    assert door.refused("proof", "check", "owed.json") == (5, "proof_wrong")


def test_the_command_line_refuses_with_the_words_of_the_house(door: Door) -> None:
    (door.folder / "file").write_text("{}", encoding="utf-8")
    assert door.refused("export", "ledger", "--format", "xml", "--out", "x") == (2, "format_unknown")
    assert door.refused("export", "journal", "--out", "file/journal") == (5, "out_unusable")
    assert door.refused("proof", "event", "999999-0") == (4, "unknown_event")
    assert door.refused("proof", "liability", "system/issuance/token") == (5, "not_owed")
    assert door.refused("verify", "file") == (2, "not_an_export")
    assert door.run("verify", "nothing").returncode == 2


@pytest.fixture
def client(small_world: Economy) -> Iterator[httpx.Client]:
    with listening(create_app(small_world)) as opened:
        yield opened


def test_blocks_events_and_proofs_over_http(client: httpx.Client) -> None:
    page = client.get("/api/proofs/blocks", params={"limit": 1}).json()
    (first,) = page["items"]
    assert page["next"] == first["block"] == 1
    second = client.get("/api/proofs/blocks", params={"offset": page["next"]}).json()["items"][0]
    assert second["previous"] == first["journal"]
    height = second["block"]
    block = client.get(f"/api/proofs/blocks/{height}").json()
    assert block.items() >= second.items()
    logs: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page = client.get(f"/api/proofs/blocks/{height}/events", params={"offset": offset, "limit": 7}).json()
        logs += page["items"]
        offset = page["next"]
    assert [log["index"] for log in logs] == list(range(block["events"]))
    for log in logs[:3]:
        proof = client.get(f"/api/proofs/events/{log['id']}")
        assert proof.json()["event"] == log
        assert check_proof(proof.content, trusted=block["root"])["id"] == log["id"]
    owed = client.get("/api/proofs/liabilities/actor:β%2Fα/wallet/token")
    assert check_proof(owed.content)["account"] == "actor:β/α/wallet/token"


def test_http_refuses_as_everywhere(client: httpx.Client) -> None:
    for path, status, code in (
        ("blocks/999999", 404, "unknown_block"),
        ("blocks/999999/events", 404, "unknown_block"),
        ("blocks/0", 400, "request_invalid"),
        ("events/one", 400, "event_id_invalid"),
        ("events/999999-0", 404, "unknown_event"),
        ("liabilities/actor:nobody/wallet/token", 404, "unknown_account"),
        ("liabilities/system/issuance/token", 409, "not_owed"),
        ("liabilities/nobody", 400, "account_name_invalid"),
    ):
        answer = client.get(f"/api/proofs/{path}")
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
