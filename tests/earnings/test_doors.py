"""Earnings over HTTP and on the command line: the whole way once, and refused where it should be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.surfaces.test_cli import Home, keys_of
from tests.surfaces.test_http import Town, listening, refused

from scidex import views
from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as economy:
        with listening(create_app(economy)) as client:
            opened = Town(client)
            opened.fund("actor:operator/wallet/token", 100_000)
            yield opened
        economy.seal()
        with economy.reading() as tx:
            report = audit(tx)
        assert report.ok, report.findings
    shutil.rmtree(home, ignore_errors=True)


def made(town: Town, by: str, *on: str) -> str:
    """Registered and recorded."""
    name = town.name("work")
    town.done("/api/entities", {"entity_type": "analysis", "entity_id": name, "title": "Work"}, by=by)
    built_on = [{"output_type": "analysis", "output_id": each} for each in on]
    told = town.done("/api/token/outputs", {"output_id": name, "builds_on": built_on}, by=by, key=f"record {name}")
    assert (told["producer"], [each["output_id"] for each in told["royalties_to"]]) == (by, list(on))
    return name


def test_output_is_recorded_verified_shared_and_revoked(town: Town) -> None:
    alice, carol, rita = town.actor(0), town.actor(0), town.actor(0, "reviewer")
    root = made(town, carol)
    leaf = made(town, alice, root)
    ask = {"output_id": leaf, "kind": "hypothesis", "quality": 0.5, "note": "replicated"}
    refused(town.post("/api/token/verify", ask, by=alice), 403, "role_needed")
    done = town.done("/api/token/verify", ask, by=rita, key="v1")
    assert [(each["payee"], each["depth"], each["amount"]) for each in done["shares"]] == [
        (alice, 0, 17),
        (carol, 1, 3),
    ]
    assert town.done("/api/token/verify", ask, by=rita, key="v1") == done
    refused(town.post("/api/token/verify", ask, by=rita), 409, "rewarded_before")
    mine = town.get("/api/token/earnings", actor=alice)
    assert (mine["earned"], mine["royalties_out"], mine["revoked"], mine["debt"]) == (17, 3, 0, 0)
    theirs = right_as(town, carol)
    assert (theirs["actor"], theirs["royalties_in"]) == (carol, 3)
    assert [(row["kind"], row["royalties_in"]) for row in theirs["by_kind"]] == [("hypothesis", 3)]
    assert [row["royalties_in"] for row in theirs["by_period"]] == [3]
    shown = town.get(f"/api/token/outputs/analysis/{leaf}")
    assert shown["rewards"][0]["quality"] == 0.5
    assert shown["builds_on"] == [{"output_type": "analysis", "output_id": root}]
    pay = {"debit": f"actor:{alice}/wallet/token", "credit": "actor:operator/wallet/token", "amount": 10}
    town.done("/api/ledger/transfer", {"legs": [pay], "reason": "spent"}, by=alice)
    fallen = town.done("/api/token/retract", {"output_id": leaf, "reason": "samples swapped"}, by=rita, key="r1")
    assert (fallen["revoked"], fallen["clawed"], fallen["owed"]) == (20, 10, 10)
    assert (
        town.done("/api/token/retract", {"output_id": leaf, "reason": "samples swapped"}, by=rita, key="r1") == fallen
    )
    assert (town.wallet(alice), town.wallet(carol)) == (0, 0)
    assert town.get("/api/token/earnings", actor=alice)["debt"] == 10
    again = town.done("/api/token/verify", {**ask, "output_id": made(town, alice), "quality": 1}, by=rita)
    assert again["shares"][0]["netted"] == 10
    assert town.wallet(alice) == 15
    (period,) = town.get("/api/token/emission")["items"]
    assert (period["minted"], period["revoked"], period["left"]) == (45, 20, period["budget"] - 45)
    assert period["budget"] == pytest.approx(0.02 * period["supply"])


def right_as(town: Town, actor: str) -> dict[str, object]:
    found: dict[str, object] = town.client.get("/api/token/earnings", headers={"X-Scidex-Actor": actor}).json()
    return found


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("verify", {"kind": "poem", "note": "n"}, 400, "unknown_kind"),
        ("verify", {"kind": "edge", "note": "n", "quality": 1.001}, 400, "quality_invalid"),
        ("verify", {"kind": "edge", "note": "n", "quality": 0.0001}, 400, "amount_too_fine"),
        ("verify", {"kind": "edge", "note": "n", "quality": "good"}, 400, "amount_not_number"),
        ("verify", {"kind": "edge", "note": "n", "quality": -0.5}, 400, "amount_negative"),
        ("verify", {"kind": "edge"}, 400, "request_invalid"),
        ("verify", {"kind": "edge", "note": "n", "output_id": "nothing"}, 404, "unknown_entity"),
        ("retract", {"reason": ""}, 400, "name_invalid"),
        ("outputs", {"builds_on": []}, 409, "output_known"),
        ("outputs", {"builds_on": [{"output_type": "analysis", "output_id": "x"}] * 2}, 400, "parent_repeated"),
        ("outputs", {"builds_on": ["x"]}, 400, "request_invalid"),
    ],
)
def test_what_cannot_be_done_says_why(
    town: Town, output: str, path: str, body: dict[str, object], status: int, code: str
) -> None:
    refused(town.post(f"/api/token/{path}", {"output_id": output, **body}), status, code)
    assert town.get(f"/api/token/outputs/analysis/{output}")["rewards"] == []


@pytest.fixture(scope="module")
def output(town: Town) -> str:
    return made(town, town.actor(0))


def test_what_is_not_there_is_not_found(town: Town) -> None:
    refused(town.client.get("/api/token/earnings", params={"actor": "nobody"}), 404, "unknown_actor")
    refused(town.client.get("/api/token/outputs/analysis/nothing"), 404, "unknown_output")


def test_an_actor_who_earned_nothing_is_told_so(town: Town) -> None:
    found = town.get("/api/token/earnings", actor=town.actor(0))
    assert (found["earned"], found["debt"], found["by_kind"], found["by_period"]) == (0, 0, [], [])


# On the command line


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    opened = Home(folder, server.acquire())
    for name in ("alice", "carol"):
        opened.ask("actors", "register", name)
    opened.ask("actors", "register", "rita", "--role", "reviewer")
    opened.ask("entities", "register", "gap", "root", "A gap", "--actor", "carol")
    opened.ask("entities", "register", "analysis", "leaf", "Work", "--actor", "alice")
    yield opened
    server.release()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_command_line_goes_the_same_way(home: Home) -> None:
    assert set(home.ask("earnings", "record", "root", "--actor", "carol")) == keys_of(views.RecordedDone)
    recorded = home.ask("earnings", "record", "leaf", "--on", "gap:root", "--actor", "alice")
    assert [each["output_id"] for each in recorded["royalties_to"]] == ["root"]
    verify = ("earnings", "verify", "leaf", "hypothesis", "--note", "checked", "--quality", "0.25", "--actor", "rita")
    done = home.ask(*verify, "--key", "v1")
    assert (set(done), done["amount"]) == (keys_of(views.VerifiedDone), 10)
    assert home.ask(*verify, "--key", "v1") == done | {"repeated": True}
    again = home.run(*verify)
    assert (again.code, "rewarded_before" in again.err) == (5, True)
    shown = home.ask("earnings", "show", "alice")
    assert (set(shown), shown["earned"], shown["royalties_out"]) == (keys_of(views.EarningsView), 8.5, 1.5)
    assert home.ask("earnings", "show", "--actor", "carol")["royalties_in"] == 1.5
    assert home.ask("earnings", "output", "leaf")["rewards"][0]["amount"] == 10
    (period,) = home.ask("earnings", "emission")["items"]
    assert (set(period), period["minted"]) == (keys_of(views.EmissionView), 10)
    told = home.run("earnings", "show", "alice")
    assert "earned (tokens)" in told.out
    assert home.run("earnings", "output", "leaf").code == home.run("earnings", "emission").code == 0
    fallen = home.ask("earnings", "retract", "leaf", "--reason", "wrong", "--actor", "alice")
    assert (set(fallen), fallen["clawed"]) == (keys_of(views.RetractedDone), 10)
    wrong = home.run("earnings", "record", "leaf", "--on", "root")
    assert (wrong.code, "TYPE:ID" in wrong.err) == (2, True)
