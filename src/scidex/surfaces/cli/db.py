"""`scidex db`: as the owner of the database, also where it is not migrated yet."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import typer
from psycopg.conninfo import conninfo_to_dict

from scidex.core.db import check_server, connect_as_owner
from scidex.core.embedded import EmbeddedServer
from scidex.core.migrations import migrate, schema_status
from scidex.core.settings import Settings, load_settings
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, answers

db = typer.Typer()


@answers(db, "status")
def status(call: Call) -> dict[str, Any]:
    """Where the database is, and which migrations it has and needs."""
    settings = call.settings
    with reached(settings) as conninfo:
        with connect_as_owner(conninfo, settings) as connection:
            server = connection.info.parameter_status("server_version")
        found = schema_status(conninfo, settings)
    return {
        "database": _sort(settings),
        "server_version": server,
        **asdict(found),
        "ready": not found.pending and not found.missing,
        "home": None if settings.database_url else str(settings.home),
    }


@answers(db, "migrate")
def migrate_(call: Call) -> dict[str, Any]:
    """Bring the database to this version."""
    settings = call.settings
    with reached(settings) as conninfo:
        check_server(conninfo, settings)
        ran = migrate(conninfo, settings)
        applied = schema_status(conninfo, settings).applied
    return {"database": _sort(settings), "ran": ran, "applied": applied}


@answers(db, "url")
def url(call: Call) -> dict[str, Any] | None:
    """Print the URL of the database, as its owner."""
    with reached(call.settings) as conninfo:
        found = call.settings.database_url or url_of(conninfo)
    if not call.settings.database_url:
        render.note("the embedded server stops when its last user ends; while `scidex up` runs, it stays")
    if call.json:
        return {"database": _sort(call.settings), "url": found}
    render.text(found)
    return None


@db.command("psql", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Run psql on the database, as its owner; what follows is psql's, after -- if it looks like ours."""
    settings = load_settings()
    with reached(settings) as conninfo:
        # Ctrl-C is for psql, which ends a query with it and not itself; a handler, unlike SIG_IGN, is not inherited.
        before = signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            code = subprocess.run([EmbeddedServer.binary("psql"), conninfo, *context.args], check=False).returncode
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code if code >= 0 else 128 - code)


@contextmanager
def reached(settings: Settings) -> Iterator[str]:
    """How to connect to the database as its owner; an embedded server runs at least as long as the block."""
    if settings.database_url:
        yield settings.database_url
        return
    with EmbeddedServer(settings.home) as conninfo:
        yield conninfo


def url_of(conninfo: str) -> str:
    """A connection string as a URL.

    >>> url_of("host=/tmp/a/run port=5432 user=postgres dbname=scidex")
    'postgresql://postgres@/scidex?host=%2Ftmp%2Fa%2Frun&port=5432'
    """
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
    user, database = parts.pop("user", ""), parts.pop("dbname", "")
    rest = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"postgresql://{quote(user)}@/{quote(database)}?{rest}"


def _sort(settings: Settings) -> str:
    return "given" if settings.database_url else "embedded"
