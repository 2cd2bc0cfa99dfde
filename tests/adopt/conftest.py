"""Databases of an older SciDEX, made up, on PostgreSQL 18 of the wheel and on 15 of Debian."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from scidex.adopt import AdoptReport, adopt
from scidex.core.settings import Settings

BINARIES = Path("/usr/lib/postgresql/15/bin")
SETTINGS = Settings(home=Path("/nonexistent"))
LEGACY = """
CREATE TABLE resource_usage (
  id bigserial PRIMARY KEY,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  resource_type text NOT NULL,
  amount numeric,
  cost numeric(12, 6),
  model text,
  created_at timestamptz DEFAULT now(),
  metadata jsonb
);
CREATE INDEX resource_usage_entity ON resource_usage (entity_type, entity_id);
CREATE TABLE allocation_proposals (
  id serial PRIMARY KEY,
  proposer_id varchar(64),
  proposer_agent text,
  entity_type text,
  entity_id text,
  requested_tokens integer,
  justification text,
  status text DEFAULT 'pending',
  created_at timestamptz DEFAULT now()
);
"""
ROWS = """
INSERT INTO resource_usage (entity_type, entity_id, resource_type, amount, cost, model, created_at)
SELECT 'hypothesis', 'h' || mod(i, 100), 'llm_tokens', i, i / 1e5, 'gpt', '2026-01-01'::timestamptz + i * interval '1 s'
FROM generate_series(1, {rows}) AS i;
INSERT INTO allocation_proposals (proposer_id, proposer_agent, requested_tokens, entity_type, entity_id, justification)
SELECT CASE WHEN mod(i, 2) = 0 THEN 'p' || i END, 'agent' || i, i * 10, 'hypothesis', 'h' || mod(i, 100), 'because'
FROM generate_series(1, {rows} / 100) AS i;
"""


@pytest.fixture(scope="session")
def debian() -> Iterator[str]:
    """The superuser's connection string of a PostgreSQL 15."""
    if not (BINARIES / "postgres").exists():
        if "SCIDEX_TOOLS" in os.environ:
            pytest.fail(f"no PostgreSQL 15 in {BINARIES}; `make tools` installs it")
        pytest.skip("no PostgreSQL 15; `make tools` installs it")
    folder = Path(tempfile.mkdtemp(prefix="sx"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(program: str, *arguments: str) -> None:
        command = [BINARIES / program, "-D", folder / "data", *arguments]
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        # The server inherits what it is given, so its output goes to a file and not to a pipe that would stay open.
        with (folder / "output").open("a") as output:
            done = subprocess.run(command, cwd=folder, env=env, stdout=output, stderr=output, check=False, **user)
        assert done.returncode == 0, (folder / "output").read_text()

    try:
        run("initdb", "-U", "postgres", "--auth=trust", "--no-locale", "--encoding=UTF8")
        run("pg_ctl", "-o", f"-c listen_addresses='' -c unix_socket_directories={folder}", "-l", "log", "-w", "start")
        try:
            yield make_conninfo(host=str(folder), user="postgres", dbname="postgres")
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


class Legacy:
    """A database that this version did not make."""

    def __init__(self, url: str, *, virtual: bool) -> None:
        self.url = url
        self.virtual = virtual
        """Whether its server has columns that are computed when they are read."""

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """As a consumer of today; what waits for a lock for more than three seconds fails."""
        options = "-c lock_timeout=3s"
        return psycopg.connect(self.url, autocommit=True, prepare_threshold=None, options=options, **more)

    def run(self, script: str) -> None:
        with self.connect() as connection:
            connection.execute(script.encode())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def adopt(self, **more: Any) -> AdoptReport:
        return adopt(self.url, SETTINGS, **more)

    def catalogue(self) -> list[tuple[Any, ...]]:
        """Every column, trigger, function, file and right that is not PostgreSQL's own."""
        return self.ask(
            """
            SELECT c.oid::regclass::text, attname::text, format_type(atttypid, atttypmod), attgenerated::text,
                   attnotnull::text, attacl::text, relfilenode::text, pg_get_expr(adbin, adrelid)
            FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
            LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
            WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND attnum > 0
            UNION ALL
            SELECT tgname::text, pg_get_triggerdef(oid), tgenabled::text, xmin::text, '', '', '', '' FROM pg_trigger
            UNION ALL
            SELECT proname::text, prosrc, xmin::text, '', '', '', '', '' FROM pg_proc
            WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
            ORDER BY 1, 2
            """
        )


@pytest.fixture(params=["18", "15"])
def new_legacy(request: pytest.FixtureRequest) -> Iterator[Callable[..., Legacy]]:
    """Makes such databases, with these statements in them; they go when the test ends."""
    server = request.getfixturevalue({"18": "server", "15": "debian"}[request.param])
    made: list[str] = []

    def make(script: str = LEGACY, rows: int = 0) -> Legacy:
        name = f"legacy_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        made.append(name)
        legacy = Legacy(make_conninfo(server, dbname=name), virtual=request.param == "18")
        legacy.run(script)
        if rows:
            legacy.run(ROWS.format(rows=rows))
        return legacy

    yield make
    with psycopg.connect(server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
