"""Many commands at once, over HTTP and on the command line: a line each, each answered by its number."""

from __future__ import annotations

import json
import os
import pty
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.surfaces.test_cli import Home
from tests.surfaces.test_http import Town, listening, refused, right

from scidex.core.db import DatabaseDown
from scidex.core.embedded import EmbeddedServer
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.lab import audit
from scidex.surfaces.http import create_app
from scidex.surfaces.http.problems import MAX_BATCHES
from scidex.views import CHUNK, LINES, LINES_MAX, Bulk


@pytest.fixture(scope="module")
def economy() -> Iterator[Economy]:
    home = Path(tempfile.mkdtemp(prefix="sx"))
    with Economy.open(Settings(home=home)) as opened:
        yield opened
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def town(economy: Economy) -> Iterator[Town]:
    with listening(create_app(economy)) as client:
        yield Town(client)


def wallet(actor: str) -> str:
    return f"actor:{actor}/wallet/token"


def pay(debit: str, credit: str, amount: float = 1, **more: Any) -> dict[str, Any]:
    leg = {"debit": wallet(debit), "credit": wallet(credit), "amount": amount}
    return {"do": "transfer", "legs": [leg], "reason": "r", **more}


def text_of(lines: list[Any]) -> str:
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)


def send(
    town: Town, lines: list[Any], *, by: str = "operator", key: str | None = None, query: str = ""
) -> httpx.Response:
    headers = {"X-Scidex-Actor": by, "Content-Type": "application/x-ndjson"}
    headers |= {"Idempotency-Key": key} if key else {}
    return town.client.post(f"/api/batch{query}", content=text_of(lines), headers=headers)


def answers_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


# Over HTTP


def test_every_line_is_answered_in_order_as_its_own_route_answers_it(town: Town) -> None:
    market, alice, bob = town.market(), town.actor(), town.actor()
    lines = [
        pay(alice, bob, 5),
        {"do": "buy", "market": market, "outcome": "yes", "spend": 10},
        {"do": "buy", "artifact_id": market, "outcome": "yes", "spend": "2.5", "limit_price": 0.9},
        {"do": "sell", "market": market, "outcome": "yes", "shares": 1},
        {"do": "hold", "debit": wallet(alice), "credit": wallet(bob), "amount": 3, "seconds": 60, "reason": "r"},
    ]
    answers = answers_of(send(town, lines, by=alice))
    assert [(answer["line"], answer["status"]) for answer in answers] == [(n, "done") for n in range(1, 6)]
    moved, first, second, sold, held = (answer["receipt"] for answer in answers)
    assert moved["balances"] == {wallet(alice): 95, wallet(bob): 105}
    assert [each["trade"] for each in (first, second, sold)] == [1, 2, 3]
    assert [each["side"] for each in (first, second, sold)] == ["buy", "buy", "sell"]
    assert first["number"] < second["number"] < sold["number"]
    ends = [{"do": "post", "hold": held["hold"], "amount": 1}, {"do": "void", "hold": held["hold"]}]
    posted, ended = answers_of(send(town, ends, by=alice))
    assert (posted["receipt"]["posted"], posted["receipt"]["state"]) == (1, "posted")
    assert ended["problem"]["code"] == "hold_ended"


def test_the_book_is_a_matter_of_lines_too(town: Town) -> None:
    market, alice = town.market(), town.actor()
    limit = {"do": "limit", "outcome": "yes", "shares": 50, "limit_price": 0.3}
    lines = [
        {**limit, "market": market},
        {**limit, "artifact_id": market, "expires_at": "2099-01-01T00:00:00Z"},
        {**limit, "market": market, "limit_price": 2},
        {**limit, "market": "nowhere"},
        {"do": "liquidity", "market": market, "liquidity": 200},
    ]
    first, second, *others = answers_of(send(town, lines, by=alice))
    told = [answer["problem"]["code"] for answer in others]
    assert told == ["limit_price_invalid", "unknown_market", "not_your_market"]
    for answer in (first, second):
        assert (answer["receipt"]["escrow"], answer["receipt"]["shares"]) == (15, 50)
    assert town.wallet(alice) == 70
    town.fund(wallet("operator"), 100)
    (wider,) = answers_of(send(town, lines[-1:]))
    assert wider["receipt"]["liquidity"] == 200 and wider["receipt"]["prices"] == {"yes": 0.5, "no": 0.5}
    ends = [
        {"do": "cancel", "market": market, "order": answer["receipt"]["order"]} for answer in (first, second, first)
    ]
    *gone, twice = answers_of(send(town, ends, by=alice, key="ends"))
    assert [answer["receipt"]["returned"] for answer in gone] == [15, 15]
    assert twice["problem"]["code"] == "order_not_open"
    assert town.wallet(alice) == 100


def test_bounties_and_earnings_are_a_matter_of_lines_too(town: Town) -> None:
    gap, poster, friend, worker = town.artifact(kind="gap"), town.actor(), town.actor(), town.actor(0)
    rita = town.actor(0, "reviewer")
    work = town.name("work")
    town.done("/api/entities", {"entity_type": "analysis", "entity_id": work, "title": "Work"}, by=worker)

    def one(by: str, do: str, **more: Any) -> dict[str, Any]:
        (answer,) = answers_of(send(town, [{"do": do, **more}], by=by))
        return answer.get("receipt") or answer["problem"]

    offered = one(poster, "offer", artifact_type="gap", artifact_id=gap, amount=40, purpose="a protocol")
    bounty = offered["bounty"]
    assert one(friend, "add", bounty=bounty, amount="2.5")["remaining"] == 42.5
    assert one(worker, "claim", bounty=bounty)["claimant"] == worker
    assert one(worker, "submit", bounty=bounty, output_id=work, note="n")["state"] == "waiting"
    assert one(friend, "award", bounty=bounty, output_id=work)["code"] == "not_the_judge"
    assert one(poster, "award", bounty=bounty, output_id=work, amount=30)["awarded"] == 30
    assert town.wallet(worker) == 30
    assert one(worker, "offer", artifact_id="nothing", amount=1, purpose="p")["code"] == "unknown_entity"

    assert one(worker, "record", output_id=work)["producer"] == worker
    verified = one(rita, "verify", output_type="analysis", output_id=work, kind="evidence", quality=0.5, note="n")
    assert verified["amount"] > 0
    assert one(rita, "verify", output_id=work, kind="evidence", quality=2, note="n")["code"] == "quality_invalid"
    assert one(worker, "retract", output_id=work, reason="swapped")["revoked"] == verified["amount"]


def test_one_bad_line_is_named_by_number_and_the_others_go_through(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    lines = [
        pay(alice, bob),
        '{"do": "transfer"',
        pay(alice, bob, resaon="r"),
        pay(alice, bob, 1000),
        pay(alice, bob, -1),
        {"do": "fly"},
        "",
        pay(bob, alice),
        pay(alice, bob, actor=bob),
        pay(alice, bob, actor=alice),
        {"do": "buy", "market": "nowhere", "outcome": "yes", "spend": 1},
        {"do": "void", "hold": "h0"},
        "[" * 10_000,
        '"\\ud800"',
        pay(alice, bob),
    ]
    answers = answers_of(send(town, lines, by=alice))
    told = {answer["line"]: answer.get("problem", {}).get("code", answer["status"]) for answer in answers}
    assert told == {
        1: "done",
        2: "line_invalid",
        3: "line_invalid",
        4: "insufficient_funds",
        5: "amount_not_positive",
        6: "line_invalid",
        8: "not_your_account",
        9: "actor_differs",
        10: "done",
        11: "unknown_market",
        12: "unknown_hold",
        13: "line_invalid",
        14: "line_invalid",
        15: "done",
    }
    problem = answers[3]["problem"]
    assert set(problem) == {"code", "status", "detail", "facts"}
    assert (problem["status"], problem["facts"]["short"]) == (409, "901")
    assert "resaon" in answers[2]["problem"]["detail"]
    assert town.wallet(alice) == 97


def test_all_or_nothing_does_nothing_if_one_line_is_refused_and_names_it(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    short = send(town, [pay(alice, bob), "", pay(alice, bob, 1000)], by=alice, query="?all_or_nothing=true")
    problem = refused(short, 409, "insufficient_funds")
    assert problem["facts"]["line"] == 3
    assert problem["detail"].startswith("Line 3: ")
    broken = send(town, [pay(alice, bob), "{"], by=alice, query="?all_or_nothing=true")
    assert refused(broken, 400, "line_invalid")["facts"]["line"] == 2
    assert town.wallet(alice) == 100
    some = answers_of(send(town, [pay(alice, bob, 0.01)] * (CHUNK + 1), by=alice, query="?all_or_nothing=true"))
    assert len({answer["receipt"]["at"] for answer in some}) == 1
    assert town.wallet(alice) == 89.99


def test_the_same_upload_twice_does_nothing_twice_and_tries_again_what_was_refused(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    lines = [pay(alice, bob), pay(alice, bob, 150), pay(alice, bob, idempotency_key="mine")]
    first = answers_of(send(town, lines, by=alice, key="upload 1"))
    assert [answer["status"] for answer in first] == ["done", "refused", "done"]
    town.fund(wallet(alice), 100)
    second = answers_of(send(town, lines, by=alice, key="upload 1"))
    assert [answer["status"] for answer in second] == ["repeated", "done", "repeated"]
    assert [answer["receipt"] for answer in second[::2]] == [answer["receipt"] for answer in first[::2]]
    third = answers_of(send(town, lines, by=alice, key="upload 1"))
    assert [answer["status"] for answer in third] == ["repeated"] * 3
    assert town.wallet(alice) == 48
    other = answers_of(send(town, [pay(alice, bob, 2)], by=alice, key="upload 1"))
    assert other[0]["problem"]["code"] == "key_reused"
    again = answers_of(send(town, [lines[0]], by=alice))
    assert again[0]["status"] == "done"
    refused(send(town, lines, by=alice, key="k" * 195), 400, "name_invalid")


def test_an_array_is_taken_as_well(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    lines = json.dumps([pay(alice, bob, 0.1), pay(alice, bob, "0.2"), 7], indent=1)
    answers = answers_of(town.client.post("/api/batch", content=lines, headers={"X-Scidex-Actor": alice}))
    assert [answer["status"] for answer in answers] == ["done", "done", "refused"]
    assert town.wallet(alice) == 99.7
    for broken in ("[", "[" * 100_000, "", "\n\n", "[]"):
        refused(town.client.post("/api/batch", content=broken), 400, "request_invalid")


def test_a_body_over_the_limit_is_refused_before_anything_happens(town: Town) -> None:
    alice, bob = town.actor(), town.actor()
    line = json.dumps(pay(alice, bob)).encode() + b"\n"
    large = line + b" " * 2**26
    refused(send(town, [large.decode()], by=alice), 413, "body_too_large")
    parts = (large[at : at + 2**20] for at in range(0, len(large), 2**20))
    refused(town.client.post("/api/batch", content=parts, headers={"X-Scidex-Actor": alice}), 413, "body_too_large")
    many = town.client.post("/api/batch", content=b"{}\n" * (LINES_MAX + 1))
    assert refused(many, 413, "too_many_lines")["facts"] == {"most": LINES_MAX}
    assert town.wallet(alice) == 100
    beyond_others = line * (2**20 // len(line) + 1)
    assert len(beyond_others) > 2**20
    assert len(answers_of(town.client.post("/api/batch", content=beyond_others))) == beyond_others.count(b"\n")


def test_answers_arrive_while_the_next_lines_are_carried_out(town: Town, economy: Economy) -> None:
    alice, bob = town.actor(), town.actor()
    lines = [pay(alice, bob, 0.01)] * CHUNK + [pay(bob, alice, 0.01)]
    with psycopg.connect(economy.conninfo) as blocking:
        blocking.execute("SELECT FROM actor WHERE name = %s FOR UPDATE", [alice])
        with town.client.stream(
            "POST", "/api/batch", content=text_of(lines), headers={"X-Scidex-Actor": alice}
        ) as response:
            told = response.iter_lines()
            # The last line needs alice's row, because the account is not hers; the first thousand do not.
            assert [json.loads(next(told))["line"] for _ in range(CHUNK)] == list(range(1, CHUNK + 1))
            blocking.rollback()
            assert json.loads(next(told))["problem"]["code"] == "not_your_account"


def test_where_the_database_goes_in_the_middle_the_rest_is_refused_without_waiting_for_each(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = town.actor(), town.actor()
    carry_out = Bulk.carry_out
    asked: list[int] = []

    def stops(bulk: Bulk, given: Any) -> Any:
        asked.append(len(given))
        if len(asked) > 1:
            raise DatabaseDown(reason="gone")
        return carry_out(bulk, given)

    monkeypatch.setattr(Bulk, "carry_out", stops)
    answers = answers_of(send(town, [pay(alice, bob, 0.01)] * (3 * CHUNK), by=alice))
    assert asked == [CHUNK, CHUNK]
    assert [answer["line"] for answer in answers] == list(range(1, 3 * CHUNK + 1))
    assert {answer["status"] for answer in answers[:CHUNK]} == {"done"}
    assert {answer["problem"]["code"] for answer in answers[CHUNK:]} == {"database_down"}
    refused(send(town, [pay(alice, bob)], by=alice), 503, "database_down")


def test_only_so_many_batches_are_taken_at_once(town: Town, economy: Economy) -> None:
    alice, bob = town.actor(), town.actor()
    line = pay(alice, bob)
    with psycopg.connect(economy.conninfo) as blocking, ThreadPoolExecutor(MAX_BATCHES + 4) as pool:
        blocking.execute("SELECT FROM ledger_account WHERE owner = %s FOR UPDATE", [f"actor:{alice}"])
        sent = [pool.submit(send, town, [line], by=alice) for _ in range(MAX_BATCHES + 4)]
        wait_until(lambda: sum(each.done() for each in sent) >= 4)
        blocking.rollback()
        codes = [each.result().status_code for each in sent]
    assert sorted(codes) == [200] * MAX_BATCHES + [503] * 4
    assert town.wallet(alice) == 100 - MAX_BATCHES


def wait_until(so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_orders_that_come_at_the_same_time_become_few_transactions(town: Town, economy: Economy) -> None:
    market, alice = town.market(), town.actor()
    order = {"market": market, "outcome": "yes", "spend": 0.5}
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with (
        psycopg.connect(economy.conninfo) as blocking,
        # In a transaction the list of sessions stays as it was first read: one that began later would not be seen.
        psycopg.connect(economy.conninfo, autocommit=True) as watching,
        ThreadPoolExecutor(50) as pool,
    ):
        blocking.execute("SELECT FROM market WHERE market = %s FOR UPDATE", [market])
        sent = []
        # One for each writer, who then have their hands full while the others come.
        for writers in range(1, economy.settings.batch_writers + 1):
            sent.append(pool.submit(town.post, "/api/market/order", order, by=alice))
            wait_until(lambda writers=writers: len(watching.execute(waiting).fetchall()) == writers)
        rest = 50 - len(sent)
        sent += [pool.submit(town.post, "/api/market/order", order, by=alice) for _ in range(rest)]
        wait_until(lambda: economy.batcher._waiting == rest)
        blocking.rollback()
        receipts = [right(each.result()) for each in sent]
    assert sorted(receipt["trade"] for receipt in receipts) == list(range(1, 51))
    assert len({receipt["at"] for receipt in receipts}) <= 2 * economy.settings.batch_writers
    with economy.reading() as tx:
        assert audit(tx).ok


def test_a_client_that_leaves_takes_back_what_was_not_begun(town: Town, economy: Economy) -> None:
    alice, bob = town.actor(), town.actor()
    body = {name: value for name, value in pay(alice, bob).items() if name != "do"}
    with psycopg.connect(economy.conninfo) as blocking:
        blocking.execute("SELECT FROM ledger_account WHERE owner = %s FOR UPDATE", [f"actor:{alice}"])
        with httpx.Client(base_url=town.client.base_url, timeout=0.5) as leaving, pytest.raises(httpx.ReadTimeout):
            leaving.post("/api/ledger/transfer", json=body, headers={"X-Scidex-Actor": alice, "Idempotency-Key": "k"})
        blocking.rollback()
    # Whether or not it was done for nobody to hear, with its key it is done once.
    again = town.done("/api/ledger/transfer", body, by=alice, key="k")
    assert again["balances"][wallet(alice)] == 99
    assert town.wallet(alice) == 99


def test_the_description_shows_every_line_that_there_is(town: Town) -> None:
    described = town.get("/openapi.json")
    content = described["paths"]["/api/batch"]["post"]["requestBody"]["content"]
    named = [each["$ref"].rpartition("/")[2] for each in content["application/json"]["schema"]["items"]["oneOf"]]
    assert len(named) == 25
    for name in named:
        (shown,) = described["components"]["schemas"][name]["examples"]
        assert LINES.validate_python(shown).do == shown["do"]


# On the command line


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    opened = Home(folder, server.acquire())
    for actor in ("alice", "bob"):
        opened.ask("actors", "register", actor)
    opened.ask("ledger", "issue", wallet("alice"), "100000")
    yield opened
    server.release()
    shutil.rmtree(folder, ignore_errors=True)


def written(folder: Path, lines: list[Any]) -> str:
    file = folder / "commands.jsonl"
    file.write_text(text_of(lines), encoding="utf-8")
    return str(file)


def balance(home: Home) -> float:
    found: float = home.ask("ledger", "show", wallet("alice"))["balance"]
    return found


def test_a_file_is_carried_out_once_with_a_receipt_per_line(home: Home, tmp_path: Path) -> None:
    file, out = written(tmp_path, [pay("alice", "bob", 0.5)] * (2 * CHUNK + 1)), tmp_path / "receipts.jsonl"
    before = balance(home)
    said = home.run("--actor", "alice", "batch", file, "--out", str(out))
    assert (said.code, said.err) == (0, ""), said
    receipts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [receipt["line"] for receipt in receipts] == list(range(1, 2 * CHUNK + 2))
    assert {receipt["status"] for receipt in receipts} == {"done"}
    assert balance(home) == before - (2 * CHUNK + 1) / 2
    again = home.run("--actor", "alice", "batch", file, "--json")
    lines = again.out.splitlines()
    assert json.loads(lines[0]) == {**receipts[0], "status": "repeated"}
    assert json.loads(lines[-1])["summary"] == {"done": 0, "repeated": 2001, "refused": {}, "first_refused": None}
    assert balance(home) == before - (2 * CHUNK + 1) / 2


def test_the_same_file_is_done_anew_if_that_is_asked_for(home: Home, tmp_path: Path) -> None:
    file = written(tmp_path, [pay("alice", "bob", 3)])
    before = balance(home)
    for arguments in ([], ["--again"], ["--again"], ["--key", "other"], ["--key", "other"]):
        assert home.run("--actor", "alice", "batch", file, *arguments).code == 0
    assert balance(home) == before - 12
    assert home.run("batch", file, "--again", "--key", "x").code == 2


def test_refused_lines_are_counted_by_code_and_the_first_is_named(home: Home, tmp_path: Path) -> None:
    lines = [pay("alice", "bob", 1.5), pay("alice", "bob", 10**7), "{}", pay("alice", "bob", 10**7)]
    said = home.run("--actor", "alice", "batch", written(tmp_path, lines))
    assert said.code == 5
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [each["status"] for each in told] == ["done", "refused", "refused", "refused"]
    assert "insufficient_funds" in said.err
    assert "line 2: " in said.err
    before = balance(home)
    whole = home.run("--actor", "alice", "--json", "batch", written(tmp_path, lines), "--all-or-nothing")
    error = json.loads(whole.out)["error"]
    assert (whole.code, error["code"], error["facts"]["line"]) == (2, "line_invalid", 3)
    assert balance(home) == before


def test_a_pipe_is_read_as_a_file_is(home: Home, tmp_path: Path) -> None:
    file = Path(written(tmp_path, [pay("alice", "bob", 7)]))
    before = balance(home)
    for _ in range(2):
        piped = home.start("--actor", "alice", "batch", "-", stdin=-1)
        out, err = piped.communicate(file.read_text())
        assert (piped.returncode, json.loads(out)["line"]) == (0, 1), err
    assert home.run("--actor", "alice", "batch", str(file)).code == 0
    assert balance(home) == before - 7


def test_a_long_file_says_how_far_it_is(home: Home, tmp_path: Path) -> None:
    file = written(tmp_path, [pay("alice", "bob", 0.01)] * (2 * CHUNK))
    terminal, stderr = pty.openpty()
    running = home.start("--actor", "alice", "batch", file, "--out", str(tmp_path / "out"), stderr=stderr)
    os.close(stderr)
    shown = b""
    with suppress(OSError):  # which is how a terminal says that nobody is at its other end
        while read := os.read(terminal, 2**16):
            shown += read
    out, _ = running.communicate(timeout=30)
    os.close(terminal)
    assert (running.returncode, out.split()) == (0, ["what", "lines", "done", "2000", "done", "before", "0"])
    assert f"{2 * CHUNK} lines".encode() in shown


def test_a_file_that_is_not_there_or_has_no_lines_is_said_to_be(home: Home, tmp_path: Path) -> None:
    assert home.run("batch", str(tmp_path / "nothing")).code == 2
    endless = tmp_path / "endless"
    endless.write_bytes(b"x" * (2**20 + 1))
    said = home.run("batch", str(endless))
    assert (said.code, said.err.split(": ")[1]) == (2, "line_invalid")
