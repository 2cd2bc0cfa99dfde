"""Databases of an older SciDEX get what they lack, and their programs notice nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from tests.adopt.conftest import LEGACY, Legacy

from scidex.adopt import AdoptReport, RowsLocked, TableLocked
from scidex.core.db import Contended

ROWS = int(os.environ.get("SCIDEX_ADOPT_ROWS", "100000"))
NewLegacy = Callable[..., Legacy]
ADDED = {
    ("resource_usage", "amount_used"),
    ("resource_usage", "timestamp"),
    ("allocation_proposals", "requested_amount"),
    ("allocation_proposals", "proposer"),
    ("allocation_proposals", "votes"),
}
BUDGETS = {
    "entity_type", "entity_id", "token_budget", "cpu_budget", "storage_budget_gb", "api_call_budget", "priority_score",
    "market_weight", "roi_score",
}  # fmt: skip


def see_whole(legacy: Legacy, report: AdoptReport) -> None:
    """All that is required is there, no row of it is null, and a second adoption finds nothing to do."""
    assert report.complete
    columns = {
        (table, column)
        for table, column in legacy.ask("SELECT table_name, column_name FROM information_schema.columns")
    }
    assert ADDED | {("resource_budgets", column) for column in BUDGETS} <= columns
    (usage,) = legacy.ask(
        "SELECT count(*) FILTER (WHERE amount_used IS NULL), count(*) FILTER (WHERE timestamp IS NULL) FROM resource_usage"
    )
    (proposals,) = legacy.ask(
        "SELECT count(*) FILTER (WHERE requested_amount IS NULL), count(*) FILTER (WHERE proposer IS NULL),"
        " count(*) FILTER (WHERE votes IS NULL) FROM allocation_proposals"
    )
    assert (usage, proposals) == ((0, 0), (0, 0, 0))
    for each in report.columns:
        if (each.table, each.column) in ADDED:
            assert each.nulls_after == 0, each
    before = legacy.catalogue()
    second = legacy.adopt()
    assert (second.changed, second.steps, second.complete) == (False, [], True)
    assert legacy.catalogue() == before


def test_an_empty_one_gets_its_columns_and_its_table(new_legacy: NewLegacy) -> None:
    legacy = new_legacy()
    report = legacy.adopt()
    assert report.filled == {}
    see_whole(legacy, report)
    # What an older program writes, by position and by name.
    legacy.run("INSERT INTO resource_usage VALUES (1, 'hypothesis', 'tau', 'llm_tokens', 5, 0.1, 'gpt', '2026-02-01')")
    legacy.run("INSERT INTO allocation_proposals (proposer_agent, requested_tokens) VALUES ('skeptic', 700)")
    assert legacy.ask("SELECT amount_used, timestamp = created_at FROM resource_usage") == [(5, True)]
    written = legacy.ask("SELECT requested_amount, proposer, votes FROM allocation_proposals")
    assert written == [(700, "skeptic", [])]
    # What follows its source goes on following it.
    legacy.run("UPDATE resource_usage SET amount = 6; UPDATE allocation_proposals SET proposer_id = 'p1'")
    assert legacy.ask("SELECT amount_used FROM resource_usage") == [(6,)]
    assert legacy.ask("SELECT proposer FROM allocation_proposals") == [("p1",)]
    legacy.run("INSERT INTO resource_budgets (entity_type, entity_id, token_budget) VALUES ('hypothesis', 'tau', 100)")
    with pytest.raises(psycopg.errors.CheckViolation):
        legacy.run("UPDATE resource_budgets SET market_weight = 1.5")


class Consumers:
    """Programs of before that write and read all the while; any of their statements waits for a lock for three seconds
    at most, or fails."""

    def __init__(self, legacy: Legacy) -> None:
        self.legacy = legacy
        self.ended = threading.Event()
        self.failures: list[BaseException] = []
        self.longest: dict[str, float] = {}
        self.done: dict[str, int] = {}
        self.threads = [
            threading.Thread(target=self._work, args=(work,)) for work in (self.write, self.change, self.read)
        ]

    def __enter__(self) -> Consumers:
        for thread in self.threads:
            thread.start()
        # All of them are at it before the adoption begins.
        while not self.failures and len(self.done) < len(self.threads):
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _work(self, work: Callable[[psycopg.Connection[Any]], None]) -> None:
        try:
            with self.legacy.connect() as connection:
                while not self.ended.is_set():
                    began = time.perf_counter()
                    work(connection)
                    name = work.__name__
                    self.longest[name] = max(self.longest.get(name, 0), time.perf_counter() - began)
                    self.done[name] = self.done.get(name, 0) + 1
        except BaseException as failure:  # noqa: BLE001 - told to the test, which raises it
            self.failures.append(failure)

    def write(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("INSERT INTO resource_usage VALUES (DEFAULT, 'gap', 'g', 'cpu_seconds', 3, 0, NULL, now())")
        connection.execute("INSERT INTO allocation_proposals (proposer_agent, requested_tokens) VALUES ('late', 1)")

    def change(self, connection: psycopg.Connection[Any]) -> None:
        # Several rows in no order within one transaction: whoever waited for rows could meet it in a deadlock.
        with connection.transaction():
            for _ in range(3):
                connection.execute(
                    "UPDATE resource_usage SET amount = amount + 1, cost = 0"
                    " WHERE id = (SELECT 1 + floor(random() * %s)::bigint)",
                    [ROWS],
                )

    def read(self, connection: psycopg.Connection[Any]) -> None:
        for query, width in (("resource_usage", 9), ("allocation_proposals", 9)):
            rows = connection.execute(f"SELECT * FROM {query} ORDER BY id LIMIT 1000".encode()).fetchall()
            assert all(len(row) >= width for row in rows)
            assert rows[0][1] == {"resource_usage": "hypothesis", "allocation_proposals": None}[query]


def test_a_large_one_is_adopted_under_its_programs_and_not_rewritten(
    new_legacy: NewLegacy, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = "ALTER TABLE resource_usage ADD COLUMN shard integer DEFAULT 7, ADD COLUMN note text"
    legacy = new_legacy(f"{LEGACY}; {extra}", rows=ROWS)
    files = legacy.ask("SELECT pg_relation_filenode('resource_usage'), pg_relation_filenode('allocation_proposals')")
    with Consumers(legacy) as consumers:
        report = legacy.adopt(patience_s=100)
    assert not consumers.failures
    assert min(consumers.done.values()) > 0
    see_whole(legacy, report)
    assert files == legacy.ask(
        "SELECT pg_relation_filenode('resource_usage'), pg_relation_filenode('allocation_proposals')"
    )
    assert legacy.ask("SELECT count(*) FROM resource_usage WHERE amount_used <> amount OR timestamp <> created_at") == [
        (0,)
    ]
    assert legacy.ask(
        "SELECT count(*) FROM allocation_proposals WHERE requested_amount <> requested_tokens"
        " OR proposer <> coalesce(proposer_id, proposer_agent)"
    ) == [(0,)]
    if not legacy.virtual:
        # All but those that their own programs wrote anew meanwhile.
        assert report.filled["resource_usage"] > ROWS * 0.9
    if "SCIDEX_ADOPT_ROWS" in os.environ:
        with capsys.disabled():
            longest = {name: round(seconds * 1000) for name, seconds in consumers.longest.items()}
            print(  # noqa: T201 - asked for
                f"\n{report.server_version}: {ROWS} rows in {report.seconds} s, {report.waits} waits, longest ms {longest},"
                f" done {consumers.done}"
            )


HALF = """
ALTER TABLE resource_usage ADD COLUMN amount_used numeric;
UPDATE resource_usage SET amount_used = amount WHERE id % 3 = 0;
UPDATE resource_usage SET amount_used = 0.5 WHERE id = 1;
ALTER TABLE allocation_proposals
  ADD COLUMN proposer text GENERATED ALWAYS AS (coalesce(proposer_id, proposer_agent)) STORED,
  ADD COLUMN votes jsonb;
UPDATE allocation_proposals SET votes = '[{"voter": "ann"}]' WHERE id = 1;
CREATE TABLE resource_budgets (entity_type text, entity_id text, token_budget integer, extra text);
INSERT INTO resource_budgets VALUES ('hypothesis', 'tau', 5, 'kept');
"""


def test_a_half_adopted_one_keeps_what_is_there_and_gets_the_rest(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=1000)
    legacy.run(HALF)
    report = legacy.adopt()
    see_whole(legacy, report)
    by_name = {(each.table, each.column): each for each in report.columns}
    amount_used = by_name["resource_usage", "amount_used"]
    assert (amount_used.before, amount_used.after) == ("plain", "kept")
    assert (amount_used.nulls_before, amount_used.nulls_after, amount_used.differing) == (666, 0, 1)
    assert by_name["allocation_proposals", "votes"].nulls_before == 9
    assert by_name["allocation_proposals", "proposer"].after == "stored"
    assert legacy.ask("SELECT amount_used FROM resource_usage WHERE id IN (1, 2) ORDER BY id") == [(0.5,), (2,)]
    assert legacy.ask("SELECT votes FROM allocation_proposals WHERE id < 3 ORDER BY id") == [
        ([{"voter": "ann"}],),
        ([],),
    ]
    assert legacy.ask("SELECT * FROM resource_budgets")[0][:4] == ("hypothesis", "tau", 5, "kept")
    told = "resource_usage.amount_used is another than amount in 1 rows, and stays so"
    assert legacy.adopt().notes == [told]
    # A value of one's own stays, what followed goes on following; a vote that is not given is none.
    legacy.run("UPDATE resource_usage SET amount = 9 WHERE id <= 2; INSERT INTO allocation_proposals DEFAULT VALUES")
    assert legacy.ask("SELECT amount_used FROM resource_usage WHERE id IN (1, 2) ORDER BY id") == [(0.5,), (9,)]
    assert legacy.ask("SELECT votes FROM allocation_proposals ORDER BY id DESC LIMIT 1") == [([],)]


def test_a_default_of_a_column_that_was_there_is_pointed_out(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=10)
    legacy.run("ALTER TABLE resource_usage ADD COLUMN amount_used numeric DEFAULT 0")
    report = legacy.adopt()
    notes = [note for note in report.notes if "amount_used" in note and "COPY" not in note]
    assert notes == [
        "resource_usage.amount_used is another than amount in 10 rows, and stays so",
        "resource_usage.amount_used has the default 0, which older programs then write instead of amount; drop it",
    ]


def test_one_that_stopped_half_way_goes_on_from_there(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=20_000)
    legacy.run(HALF)

    class Stop(Exception):
        pass

    filled = 0

    def stop(table: str, rows: int) -> None:
        nonlocal filled
        filled = rows
        raise Stop

    with pytest.raises(Stop):
        legacy.adopt(progress=stop)
    report = legacy.adopt()
    assert filled > 0
    # On 15 the timestamp is to be filled in every row, on 18 only what is missing of amount_used.
    assert filled + report.filled["resource_usage"] == (13_333 if legacy.virtual else 20_000)
    see_whole(legacy, report)


def test_a_dry_run_tells_everything_and_changes_nothing(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=1000)
    before = legacy.catalogue()
    dry = legacy.adopt(dry_run=True)
    assert legacy.catalogue() == before
    assert (dry.dry_run, dry.changed, dry.complete) == (True, False, False)
    done = legacy.adopt()
    assert done.steps == dry.steps
    assert done.notes == dry.notes
    assert any("COPY allocation_proposals FROM" in note for note in done.notes)
    assert any("COPY resource_usage FROM" in note for note in done.notes) is not legacy.virtual


def test_a_copy_without_a_list_of_columns_still_works_where_columns_are_computed(new_legacy: NewLegacy) -> None:
    legacy = new_legacy()
    legacy.adopt()
    with legacy.connect() as connection, connection.cursor() as cursor:

        def copy(columns: str) -> None:
            with cursor.copy(f"COPY resource_usage {columns} FROM STDIN".encode()) as rows:
                rows.write("7\te\ti\tllm\t3\t\\N\t\\N\t2026-01-01\t\\N\n")

        if legacy.virtual:
            copy("")
        else:
            with pytest.raises(psycopg.errors.BadCopyFileFormat):
                copy("")
            copy("(id, entity_type, entity_id, resource_type, amount, cost, model, created_at, metadata)")
    assert legacy.ask("SELECT amount_used FROM resource_usage") == [(3,)]


def test_what_was_prepared_goes_on_but_for_a_star(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    star = "PREPARE star AS SELECT * FROM resource_usage WHERE id = 1"
    with legacy.connect() as before:
        before.execute(
            f"PREPARE by_name AS SELECT id, amount FROM resource_usage WHERE id = 1; {star};"
            "PREPARE by_position AS INSERT INTO resource_usage VALUES (DEFAULT, 'gap', 'g', 'cpu_seconds', 3)".encode()
        )
        before.execute("EXECUTE by_name; EXECUTE by_position; EXECUTE star")
        assert "a session that has prepared SELECT * of resource_usage" in str(legacy.adopt().notes)
        before.execute("EXECUTE by_name; EXECUTE by_position")
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="cached plan must not change result type"):
            before.execute("EXECUTE star")
        before.execute(f"DEALLOCATE star; {star}".encode())
        assert len(before.execute("EXECUTE star").fetchall()) == 1


def test_a_table_that_is_locked_away_is_waited_for_no_longer_than_told(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    with legacy.connect() as busy:
        busy.execute("BEGIN; LOCK TABLE resource_usage")
        with pytest.raises(Contended):
            legacy.adopt(patience_s=0.2)
        busy.execute("ROLLBACK")
    assert legacy.adopt().complete


def test_whoever_uses_the_table_is_not_pushed_aside_but_named(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=100)
    before = legacy.catalogue()
    with legacy.connect(application_name="night report") as busy:
        busy.execute("BEGIN; SELECT count(*) FROM resource_usage")
        with pytest.raises(TableLocked, match=rf"process {busy.info.backend_pid} \(\w+, night report\) is idle in"):
            legacy.adopt(patience_s=0.3)
        assert legacy.catalogue() == before
        # While we wait, others go on: nobody stands behind us for longer than we ask.
        waiting = threading.Thread(target=legacy.adopt)
        waiting.start()
        for _ in range(30):
            legacy.ask("SELECT * FROM resource_usage LIMIT 1")
            time.sleep(0.02)
        busy.execute("COMMIT")
        waiting.join()
    see_whole(legacy, legacy.adopt())


def test_a_row_that_is_held_is_filled_later(new_legacy: NewLegacy) -> None:
    legacy = new_legacy(rows=1000)
    legacy.run(HALF)
    legacy.adopt()
    legacy.run(
        "ALTER TABLE resource_usage DISABLE TRIGGER USER; UPDATE resource_usage SET amount_used = NULL WHERE id < 4;"
        "ALTER TABLE resource_usage ENABLE TRIGGER USER"
    )
    with legacy.connect() as busy:
        busy.execute("BEGIN; SELECT FROM resource_usage WHERE id = 2 FOR UPDATE")
        with pytest.raises(RowsLocked, match="1 rows of resource_usage"):
            legacy.adopt(patience_s=0.3)
        assert legacy.ask("SELECT id FROM resource_usage WHERE amount_used IS NULL") == [(2,)]
        busy.execute("ROLLBACK")
    report = legacy.adopt()
    assert report.filled == {"resource_usage": 1}
    see_whole(legacy, report)
