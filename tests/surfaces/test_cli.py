"""The program as people and agents run it: a process with arguments, an exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from scidex import views
from scidex.core.embedded import EmbeddedServer
from scidex.lab import AuditReport

ALICE, OPERATOR = "actor:alice/wallet/token", "actor:operator/wallet/token"
LONG_NAME = "n" * 200
COMMAND = (sys.executable, "-m", "scidex")


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


class Home:
    """A home with its server running, so that each command finds it up."""

    def __init__(self, folder: Path, conninfo: str) -> None:
        self.folder, self.conninfo = folder, conninfo

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SCIDEX_")}
        return {**kept, "SCIDEX_HOME": str(self.folder), "PYTHONWARNINGS": "error", "NO_COLOR": "1", **more}

    def run(self, *arguments: str, **env: str) -> Said:
        done = subprocess.run(
            [*COMMAND, *arguments], env=self.env(**env), capture_output=True, text=True, timeout=60, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> Any:
        return self.run(*arguments, "--json").json

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.env()} | streams
        return subprocess.Popen([*COMMAND, *arguments], text=True, **streams)

    def sql(self, statement: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    def database(self, name: str) -> str:
        """The URL of a new database on the same server, where nothing has been migrated."""
        self.sql(f"CREATE DATABASE {name}")
        parts = {key: str(value) for key, value in conninfo_to_dict(self.conninfo).items()}
        return f"postgresql://{parts['user']}@/{name}?host={parts['host']}"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    server = EmbeddedServer(folder)
    try:
        yield Home(folder, server.acquire())
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def town(home: Home) -> Home:
    """Alice and a resolver, a market in which Alice holds a position, a bounty, a pool."""
    assert home.ask("actors", "register", "alice")["name"] == "alice"
    home.ask("ledger", "issue", OPERATOR, "1e3", "--reason", "treasury")
    home.ask("ledger", "issue", ALICE, "100")
    home.ask("entities", "register", "hypothesis", "tau", "Tau [bold]spreads[/bold]")
    home.ask("markets", "open", "m1", "--artifact", "tau", "--liquidity", "100")
    home.ask("markets", "buy", "m1", "yes", "--spend", "20", "--actor", "alice")
    return home


def keys_of(view: type[views.View]) -> set[str]:
    return set(view.model_fields)


def test_help_imports_neither_numpy_nor_the_database_nor_the_server(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scidex", "--help"],
        env=home.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "markets" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported & {"numpy", "fastapi", "uvicorn", "psycopg", "scidex.economy"}


def test_the_console_script_is_the_program() -> None:
    script = Path(sys.executable).with_name("scidex")
    done = subprocess.run([script, "version", "--json"], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == {"version", "python"}


def test_the_topics_in_the_help_are_those_that_their_modules_declare() -> None:
    from scidex.surfaces.cli.app import TOPICS, load

    for name, topic in TOPICS.items():
        assert load(name).name == name
        assert load(name).get_short_help_str(200).rstrip(".") in (topic.help.rstrip("."), load(name).help.rstrip("."))


def test_actors_and_entities_are_listed_page_by_page(town: Home) -> None:
    first = town.ask("actors", "list", "--limit", "1")
    assert [actor["name"] for actor in first["items"]] == ["alice"]
    assert set(first["items"][0]) == keys_of(views.ActorView)
    second = town.ask("actors", "list", "--after", first["next"])
    assert [actor["name"] for actor in second["items"]] == ["operator"]
    assert second["next"] is None
    (entity,) = town.ask("entities", "list", "--type", "hypothesis")["items"]
    assert set(entity) == keys_of(views.EntityView)


def test_a_market_is_quoted_traded_and_shown_under_stable_keys(town: Home) -> None:
    quoted = town.ask("markets", "quote", "m1", "no", "--shares", "12.5")
    assert set(quoted) == keys_of(views.Quote)
    bought = town.ask(
        "--actor", "alice", "markets", "buy", "m1", "no", "--shares", "2", "--limit-price", "0.99999999999999"
    )
    assert set(bought) == keys_of(views.OrderReceipt)
    assert bought["actor"] == "alice"
    sold = town.ask("markets", "sell", "m1", "yes", "--shares", "1", "--actor", "alice")
    assert sold["side"] == "sell"
    shown = town.ask("markets", "show", "m1")
    assert set(shown) == keys_of(views.MarketView)
    assert shown["trades"] == sold["trade"]
    last = town.ask("markets", "history", "m1", "--limit", "1")
    assert last["items"][0]["trade"] == last["next"] == sold["trade"]
    (position,) = town.ask("markets", "positions", "--owner", "alice")["items"]
    assert set(position) == keys_of(views.PositionView)


def test_a_market_is_closed_and_resolved_by_an_operator(town: Home) -> None:
    town.ask("entities", "register", "gap", "dose", "Dose response")
    opened = town.ask(
        "markets", "open", "m2", "--artifact", "dose", "--liquidity", "1", "--price", "0.25", "--price", "0.75"
    )
    assert opened["prices"] == {"yes": 0.25, "no": 0.75}
    assert set(town.ask("markets", "close", "m2")) == keys_of(views.ClosedReceipt)
    settled = town.ask("markets", "resolve", "m2", "yes")
    assert set(settled) == keys_of(views.SettledReceipt)
    assert [market["market"] for market in town.ask("markets", "list", "--state", "resolved")["items"]] == ["m2"]


def test_liquidity_comes_from_a_subsidy_and_is_planned(town: Home) -> None:
    town.ask("entities", "register", "gap", "rate", "Rate")
    opened = town.ask(
        "markets", "open", "m3", "--artifact", "rate", "--subsidy", "1", "--change", "2099-01-01T00:00Z=2"
    )
    assert 0.99 < opened["subsidy"] <= 1
    planned = town.ask("orders", "plan", "m3", "--change", "2099-02-01T00:00Z=3")
    assert set(planned) == keys_of(views.PlanReceipt)
    ended = town.ask("orders", "cancel-plan", "m3", planned["changes"][0]["change"])
    assert ended["change"]["state"] == "cancelled"
    assert [change["liquidity"] for change in town.ask("orders", "plans", "m3")["items"]] == [3, 2]


def test_the_ledger_moves_holds_and_remembers(town: Home) -> None:
    before = town.ask("ledger", "show", ALICE)
    moved = town.ask("ledger", "transfer", OPERATOR, ALICE, "0.000001", "--reason", "dust")
    assert set(moved) == keys_of(views.MovedReceipt)
    held = town.ask("ledger", "hold", OPERATOR, ALICE, "5", "--seconds", "60")
    assert held["state"] == "pending"
    posted = town.ask("ledger", "post", held["hold"], "--amount", "2")
    assert (posted["posted"], set(posted)) == (2, keys_of(views.HoldDone))
    voided = town.ask("ledger", "hold", OPERATOR, ALICE, "5")["hold"]
    town.ask("ledger", "void", voided)
    assert town.ask("ledger", "holds", "show", voided)["state"] == "voided"
    entries = town.ask("ledger", "entries", ALICE, "--limit", "2")
    assert [entry["amount"] for entry in entries["items"]] == [2, 0.000001]
    assert town.ask("ledger", "entries", ALICE, "--limit", "1", "--before", entries["next"])["items"]
    assert town.ask("ledger", "balance", ALICE, "--at", moved["at"])["balance"] == before["balance"] + 0.000001
    assert town.ask("ledger", "sums") == {"sums": {"token": 0}}


def test_a_bounty_is_offered_listed_and_refunded(town: Home) -> None:
    offered = town.ask("bounties", "offer", "tau", "30", "--purpose", "a protocol")
    assert set(offered) == keys_of(views.BountyDone)
    (listed,) = town.ask("bounties", "list", "--artifact", "tau", "--state", "open")["items"]
    assert (listed["remaining"], set(listed)) == (30, keys_of(views.BountyView))
    assert town.ask("bounties", "refund", offered["bounty"])["returned"] == 30
    assert town.ask("bounties", "show", offered["bounty"])["state"] == "refunded"


def test_a_pool_is_ranked_allocated_and_spent(town: Home) -> None:
    town.ask("ledger", "issue", "pool:main/pool/llm_standard", "500")
    town.ask("bounties", "offer", "tau", "10", "--purpose", "a protocol")
    ranked = town.ask("budgets", "rank")["items"]
    assert set(ranked[0]) == keys_of(views.BudgetView)
    # Capital counts the more the longer it stays, so a moment later it is a little more.
    assert town.ask("budgets", "show", "tau")["budget"] == pytest.approx(ranked[0]["budget"], abs=0.1)
    shared = town.ask("budgets", "allocate", "--amount", "100", "--floor", "0", "--key", "week 1")
    assert (shared["cycle"], set(shared)) == ("week 1", keys_of(views.AllocationReceipt))
    again = town.ask("budgets", "allocate", "--amount", "100", "--floor", "0", "--key", "week 1")
    assert again == shared | {"repeated": True}
    assert town.ask("budgets", "spend", "tau", "10")["remaining"] == shared["grants"][0]["grant"] - 10
    assert [row["sort"] for row in town.ask("budgets", "history", "tau")["items"]] == ["spending", "grant"]
    (cycle,) = town.ask("budgets", "cycles")["items"]
    assert set(cycle) == keys_of(views.CycleView)


def test_the_policy_in_force_is_shown(town: Home) -> None:
    assert set(town.ask("policy", "show")) == {"version", "policy"}
    assert "tokens of budget per token of capital at risk" in town.run("policy", "show").out


def test_people_get_tables_with_units_where_no_id_is_cut_and_nothing_is_markup(town: Home) -> None:
    town.ask("actors", "register", LONG_NAME, "--role", "resolver")
    assert LONG_NAME in town.run("actors", "list").out
    listed = town.run("entities", "list").out
    assert "Tau [bold]spreads[/bold]" in listed
    ranked = town.run("budgets", "rank").out.splitlines()[0]
    assert "demand (tokens)" in ranked
    assert "budget (tokens)" in ranked
    assert "balance (of the unit)" in town.run("ledger", "accounts").out
    assert "amount (tokens)" in town.run("ledger", "entries", ALICE).out


def test_a_dry_run_answers_and_changes_nothing(town: Home) -> None:
    before = town.ask("ledger", "show", ALICE)
    said = town.run("ledger", "transfer", OPERATOR, ALICE, "1", "--dry-run", "--json", "--key", "never")
    assert said.json["balances"][ALICE] == before["balance"] + 1
    assert "nothing was changed" in said.err
    assert town.ask("ledger", "show", ALICE) == before


@pytest.mark.parametrize(
    ("code", "family", "exit_code", "arguments"),
    [
        ("amount_not_positive", "Invalid", 2, ["bounties", "offer", "tau", "--", "-5"]),
        ("amount_not_positive", "Invalid", 2, ["markets", "buy", "m1", "yes", "--spend", "-5"]),
        ("role_needed", "Forbidden", 3, ["ledger", "issue", ALICE, "5", "--actor", "alice"]),
        ("reserved_name", "Forbidden", 3, ["ledger", "issue", ALICE, "5", "--actor", "system"]),
        ("unknown_market", "Missing", 4, ["markets", "show", "no-such"]),
        ("insufficient_funds", "Refused", 5, ["ledger", "transfer", ALICE, OPERATOR, "1000000"]),
    ],
)
def test_a_refusal_is_one_line_one_document_and_the_exit_code_of_its_family(
    town: Home, code: str, family: str, exit_code: int, arguments: list[str]
) -> None:
    said = town.run("--json", *arguments)
    error = json.loads(said.out)["error"]
    assert (said.code, error["code"], error["family"]) == (exit_code, code, family)
    assert said.err == f"scidex: {code}: {error['message']}\n"
    assert set(error) == {"code", "family", "message", "facts"}


def test_a_command_line_that_says_nothing_exits_2_and_says_so_to_programs_too(home: Home) -> None:
    said = home.run("markets", "show", "--json")
    assert (said.code, json.loads(said.out)["error"]["code"]) == (2, "usage")
    assert "Missing argument" in said.err
    assert home.run("ledger", "balance", ALICE, "--at", "yesterday").code == 2


def test_a_database_that_does_not_answer_is_busy_within_seconds(home: Home) -> None:
    said = home.run("actors", "list", SCIDEX_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert (said.code, said.out) == (6, "")
    assert said.err.startswith("scidex: database_down: ")
    assert said.err.count("\n") == 1


def test_a_wrong_setting_is_named(home: Home) -> None:
    said = home.run("version", SCIDEX_PORT="eighty")
    assert said.code == 2
    assert said.err.startswith("scidex: setting_invalid: SCIDEX_PORT is set to 'eighty'")


def test_a_home_that_is_a_file_or_read_only_is_unusable(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    # Nobody can write there, not even root.
    for folder in (file, Path("/proc/self/scidex") if os.geteuid() == 0 else Path("/scidex")):
        said = home.run("actors", "list", SCIDEX_HOME=str(folder))
        assert said.code == 5
        assert said.err.startswith("scidex: home_unusable: ")
        assert said.err.count("\n") == 1


def test_the_version_is_told_both_ways(town: Home) -> None:
    told = json.loads(town.run("version", "--json").out)["version"]
    assert town.run("--version").out.strip() == told


def test_a_bug_is_one_line_with_a_request_id_and_its_trace_is_for_the_debug_log(town: Home) -> None:
    market = json.loads(town.run("markets", "list", "--json").out)["items"][0]["market"]
    # A row that no command can have made, and that nothing checks before it is shown.
    town.sql(f"INSERT INTO market_trade VALUES ('{market}', 9999, now(), 'x', 'yes', 'buy', 1, 0, 1, '{{1}}')")
    try:
        said = town.run("markets", "history", market, "--json")
        debugged = town.run("markets", "history", market, SCIDEX_LOG_LEVEL="debug", SCIDEX_LOG_JSON="true")
    finally:
        town.sql("DELETE FROM market_trade WHERE trade = 9999")
    error = json.loads(said.out)["error"]
    assert (said.code, error["code"]) == (70, "internal_error")
    assert said.err.count("\n") == 1
    assert error["facts"]["request_id"] in said.err
    logged = [json.loads(line) for line in debugged.err.splitlines() if line.startswith("{")]
    assert any("Traceback" in entry.get("exception", "") for entry in logged)


def test_ctrl_c_ends_a_waiting_command_quietly(town: Home) -> None:
    with psycopg.connect(town.conninfo) as blocking, psycopg.connect(town.conninfo, autocommit=True) as watching:
        blocking.execute("SELECT FROM ledger_account WHERE owner = 'actor:alice' FOR UPDATE")
        patient = town.env() | {"SCIDEX_LOCK_TIMEOUT_MS": "200000"}  # a busy machine must not answer before we ask
        waiting = town.start("ledger", "transfer", OPERATOR, ALICE, "1", env=patient)
        while not watching.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            assert waiting.poll() is None, waiting.communicate()
            time.sleep(0.02)
        waiting.send_signal(signal.SIGINT)
        assert waiting.communicate(timeout=30) == ("", "")
    assert waiting.returncode == 130


def test_an_answer_that_cannot_be_written_leaves_no_trace(town: Home) -> None:
    with Path("/dev/full").open("w") as full:
        writing = town.start("entities", "list", "--json", stdout=full)
        _, err = writing.communicate(timeout=30)
    assert (writing.returncode, err.count("\n")) == (74, 1)
    assert err.startswith("scidex: system: No space left on device")
    reader, writer = os.pipe()
    os.close(reader)
    writing = town.start("entities", "list", stdout=writer)
    os.close(writer)
    assert (writing.communicate(timeout=30)[1], writing.returncode) == ("", 141)


def test_psql_gets_its_arguments_and_gives_its_exit_code(town: Home) -> None:
    said = town.run("db", "psql", "--", "-tAc", "SELECT current_user, count(*) FROM policy")
    assert (said.code, said.out) == (0, "postgres|1\n")
    assert town.run("db", "psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1", "-c", "nonsense").code == 1
    assert town.run("db", "psql", "-f", "/no/such/file").code == 1


def test_the_url_is_one_that_psql_takes(town: Home) -> None:
    said = town.run("db", "url")
    assert "stops" in said.err
    with psycopg.connect(said.out.strip()) as connection:
        assert connection.execute("SELECT count(*) FROM policy").fetchone() == (1,)


def test_a_given_database_is_described_and_migrated_only_when_asked(home: Home) -> None:
    url = {"SCIDEX_DATABASE_URL": home.database("given")}
    fresh = home.run("db", "status", "--json", **url).json
    assert (fresh["applied"], fresh["ready"], len(fresh["pending"])) == (0, False, fresh["needed"])
    said = home.run("actors", "list", **url)
    assert (said.code, said.err.split(": ")[1]) == (5, "schema_behind")
    assert len(home.run("db", "migrate", "--json", **url).json["ran"]) == fresh["needed"]
    home.run("db", "psql", "-c", "DROP TABLE bounty", **url)
    half = home.run("db", "status", "--json", **url).json
    assert (half["missing"], half["ready"]) == (["bounty"], False)
    home.run("db", "migrate", **url)
    assert home.run("db", "status", "--json", **url).json["ready"]
    assert home.run("actors", "list", "--json", **url).json["items"]


def test_an_audit_in_order_exits_0(town: Home) -> None:
    report = town.ask("audit")
    assert set(report) == set(AuditReport.__dataclass_fields__)
    assert (report["ok"], report["findings"]) == (True, [])
    assert "journal rows" in town.run("audit").out


@pytest.mark.parametrize(
    ("row", "table", "column", "tampered", "where"),
    [
        (
            "ledger_account actor:alice/wallet/token",
            "ledger_account",
            "balance",
            "balance + 1",
            "owner = 'actor:alice'",
        ),
        ("market_position m1 alice", "market_position", "shares", "'{1,2}'", "owner = 'alice'"),
        ("market m1", "market", "prices", "'{400000000000,600000000000}'", "market = 'm1'"),
        ("journal {number}", "journal", "receipt", "replace(receipt, 'm1', 'm9')", "kind = 'market.order'"),
        ("journal {number}", "journal", "actor", "'mallory'", "kind = 'market.order'"),
    ],
)
def test_an_audit_names_the_row_that_was_changed_by_hand_and_exits_1(
    town: Home, row: str, table: str, column: str, tampered: str, where: str
) -> None:
    def psql(statement: str) -> str:
        said = town.run("db", "psql", "-tAqc", statement)
        assert said.code == 0, said
        return said.out.strip()

    if table == "journal":
        number = psql(f"SELECT min(number) FROM journal WHERE {where}")
        where, row = f"number = {number}", row.format(number=number)
    original = psql(f"SELECT {column} FROM {table} WHERE {where}")
    psql(f"UPDATE {table} SET {column} = {tampered} WHERE {where}")
    try:
        said = town.run("audit", "--json")
    finally:
        psql(f"UPDATE {table} SET {column} = $x${original}$x$ WHERE {where}")
    report = json.loads(said.out)
    assert (said.code, report["ok"]) == (1, False)
    assert row in {finding["row"] for finding in report["findings"]}


def test_one_process_serves_a_home_until_it_is_told_to_stop(town: Home) -> None:
    serving = town.start("up", "--port", "0", "--json")
    try:
        assert serving.stdout is not None
        ready = json.loads(serving.stdout.readline())
        assert ready["pid"] == serving.pid
        with urlopen(f"{ready['url']}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
        second = town.run("up", "--port", "0")
        assert (second.code, second.err.split(": ")[1]) == (6, "home_in_use")
        assert str(serving.pid) in second.err
    finally:
        serving.send_signal(signal.SIGTERM)
        out, err = serving.communicate(timeout=30)
    assert (serving.returncode, out, err) == (0, "", "")


def test_the_demo_ranks_audits_and_leaves_nothing_behind(home: Home, tmp_path: Path) -> None:
    said = home.run("demo", "--json", TMPDIR=str(tmp_path))
    report = said.json
    assert report["audit"]["ok"]
    assert report["allocation"]["granted"] <= report["allocation"]["amount"]
    assert [set(budget) for budget in report["ranking"]] == [keys_of(views.BudgetView)] * len(report["ranking"])
    assert not list(tmp_path.iterdir())
    assert "trades" in said.err


def test_a_record_is_replayed_and_compared(home: Home, tmp_path: Path) -> None:
    url = {"SCIDEX_DATABASE_URL": home.database("replayed")}
    home.run("db", "migrate", **url)
    (tmp_path / "markets.csv").write_text("market,title,liquidity,resolution\nr1,Does it replicate?,100,yes\n")
    (tmp_path / "trades.csv").write_text(
        "market,trader,outcome,shares,cash,price_after,cash_verified\nr1,ann,yes,10,5.124948,0.524979,1\n"
    )
    report = home.run("replay", str(tmp_path), "--endowment", "50", "--json", **url).json
    assert (report["markets"], report["trades"], report["right_side"]) == (1, 1, 1)
    assert report["price_error_max"] < 1e-6
    assert set(report["ledger_sums"].values()) == {0}
    said = home.run("replay", str(tmp_path / "nowhere"), **url)
    assert (said.code, said.err.split(": ")[1]) == (4, "record_missing")
