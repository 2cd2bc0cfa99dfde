"""`scidex up`, `scidex audit`, `scidex version`."""

from __future__ import annotations

import os
import platform
from contextlib import nullcontext, suppress
from dataclasses import asdict
from importlib.metadata import version as version_of
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from scidex.access import Principal, authenticate
from scidex.core.embedded import exclusive
from scidex.economy import Economy, Keeper, run_worker
from scidex.entities import find_entities
from scidex.feed import Deliverer
from scidex.lab import AuditReport
from scidex.lab import audit as audit_all
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, acts, answers, looked_at
from scidex.surfaces.cli.failures import Stopped

app = typer.Typer()


@answers(app, "up")
def up(
    call: Call,
    host: Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="By default SCIDEX_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = None,
) -> None:
    """Serve the economy over HTTP until Ctrl-C or SIGTERM."""
    settings, new = call.settings, False

    def ready(url: str) -> None:
        if call.json:
            render.line({"url": url, "pid": os.getpid()})
        else:
            render.text(f"SciDEX serves at {url}", f"stop it with Ctrl-C, or: kill {os.getpid()}")
            if new:
                render.text(f"new here? `scidex fleet run --url {url}` lets simulated agents live in it for 3 minutes")

    # A database that was given may be served by many processes; a home's own is served by one.
    alone = nullcontext() if settings.database_url else exclusive(settings.home, "up")
    # To be told to stop is how this command ends well.
    with suppress(KeyboardInterrupt, Stopped), alone, Economy.open(settings) as economy:
        with economy.reading() as tx:
            new = not find_entities(tx, limit=1)
        call.start.serve(
            economy,
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
            on_ready=ready,
        )


@acts(app, "mcp")
def mcp(
    call: Call,
    tools: Annotated[
        str,
        typer.Option("--tools", metavar="TOPICS", help="List only these: market,budget for market_*, budget_*."),
    ] = "",
) -> None:
    """Answer a language model's host on stdin and stdout (MCP), as the actor of SCIDEX_KEY or of --actor."""
    settings = call.settings
    shown = tuple(topic for topic in tools.split(",") if topic)
    with suppress(KeyboardInterrupt, Stopped), Economy.open(settings) as economy:
        principal = Principal(call.actor)
        if settings.key is not None:
            asked = None if call.actor == settings.actor else call.actor
            authorization = f"Bearer {settings.key.get_secret_value()}"
            principal = authenticate(economy, authorization=authorization, actor=asked)
        keeper = Keeper(economy)
        try:
            if settings.keeper and settings.database_url is None:
                # In a home of one's own nobody else may be there to expire and to seal.
                keeper.start()
            call.start.speak(economy, principal, shown)
        finally:
            keeper.stop()


@answers(app, "worker")
def worker(call: Call) -> None:
    """Expire, settle, seal, tend, review, deliver webhooks, until Ctrl-C or SIGTERM; any number of workers may run."""

    def ready() -> None:
        if call.json:
            render.line({"pid": os.getpid()})
        else:
            render.text("SciDEX works", f"stop it with Ctrl-C, or: kill {os.getpid()}")

    with suppress(KeyboardInterrupt, Stopped), Economy.open(call.settings) as economy:
        deliverer = Deliverer(economy)
        deliverer.start()
        try:
            run_worker(economy, ready)
        finally:
            deliverer.stop()


@answers(app, "audit")
def audit(
    call: Call,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="Most findings to list.")] = 100,
) -> None:
    """Check every invariant, and every table against the journal run again; exit 1 if anything is found."""
    columns = SpinnerColumn(), TextColumn("{task.completed} journal rows run again")
    console = render.console(stderr=True)
    with (
        looked_at(call) as economy,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("")
        with economy.reading() as tx:
            report = audit_all(tx, most=most, progress=lambda done: bar.update(task, completed=done))
    if call.json:
        render.document(asdict(report))
    else:
        show_audit(report)
    if not report.ok:
        raise typer.Exit(1)


def show_audit(report: AuditReport) -> None:
    """What was checked and what was found, with the row of each finding."""
    render.show(summary_of(report))
    if report.findings:
        render.show_rows([asdict(finding) for finding in report.findings])
    hidden = report.findings_total - len(report.findings)
    if hidden:
        render.note(f"{hidden} more findings: ask with --most {report.findings_total}")


def summary_of(report: AuditReport) -> dict[str, Any]:
    """An audit in a few lines."""
    failed = [check for check, passed in report.checks.items() if not passed]
    return {
        "audit": "ok" if report.ok else f"NOT OK: {', '.join(failed)}",
        "checks": list(report.checks),
        "journal rows": f"{report.journal_rows}, {report.sealed_rows} of them sealed in {report.blocks} blocks",
        "rows compared": report.rows_compared,
        "ledger sums, in parts": report.ledger_sums,
        "findings": report.findings_total,
        "seconds": report.seconds,
    }


@answers(app, "version")
def version(call: Call) -> dict[str, Any]:
    """Show the version."""
    return {"version": version_of("scidex"), "python": platform.python_version()}
