"""`scidex db`: as the owner of the database, also where it is not migrated yet."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

import typer
from psycopg.conninfo import conninfo_to_dict
from rich.progress import Progress, SpinnerColumn, TextColumn

from scidex.adopt import PATIENCE_S, AdoptReport
from scidex.adopt import adopt as adopt_
from scidex.core.db import check_server, connect_as_owner
from scidex.core.embedded import EmbeddedServer
from scidex.core.migrations import migrate, schema_status
from scidex.core.settings import Settings, load_settings
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, DryRun, answers

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


@answers(db, "adopt")
def adopt(
    call: Call,
    database: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="An older SciDEX; by default the database of SciDEX.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="NAME", help="Where its tables are, if several schemas have some.")
    ] = None,
    if_null: Annotated[
        list[str] | None,
        typer.Option("--if-null", metavar="COLUMN=VALUE", help="What stands in a new column where its source is null."),
    ] = None,
    patience: Annotated[
        float, typer.Option("--patience", metavar="SECONDS", min=0, help="How long to wait for a gap in others' work.")
    ] = PATIENCE_S,
    rehearse: DryRun = False,
) -> None:
    """Give an older SciDEX the columns and the table that it lacks, while its programs go on.

    Shows what is missing, adds it and nothing else, and shows it again; a second time there is nothing to do. No
    table is rewritten, and nobody waits for longer than a moment.
    """
    settings = call.settings
    with reached(settings if database is None else settings.model_copy(update={"database_url": database})) as url:
        columns = SpinnerColumn(), TextColumn("{task.completed} rows of {task.description} filled")
        console = render.console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("")
            report = adopt_(
                url,
                settings,
                schema=schema,
                if_null=if_null or (),
                patience_s=patience,
                dry_run=rehearse,
                progress=lambda table, rows: bar.update(task, description=table, completed=rows),
            )
    _show_adoption(call, report)


def _show_adoption(call: Call, report: AdoptReport) -> None:
    if call.json:
        render.document(report)
        return
    facts = asdict(report)
    columns, steps, notes = (facts.pop(name) for name in ("columns", "steps", "notes"))
    render.show_rows(columns)
    render.text("")
    done = "to be done:" if report.dry_run else "done:"
    render.text(*(["nothing is missing"] if not steps else [done, *(f"  {step}" for step in steps)]))
    if notes:
        render.text("to know:", *(f"  {note}" for note in notes))
    render.show_fields(facts, {})
    if report.dry_run:
        render.note("dry run: nothing was changed")


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
