"""`scidex fleet run`: simulated agents as processes of their own, over HTTP."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from scidex.economy import Economy
from scidex.fleet import Fleet, FleetReport, Plan, Tally
from scidex.lab import AuditReport, audit
from scidex.surfaces.cli import logs, render
from scidex.surfaces.cli.calls import Call, answers
from scidex.surfaces.cli.scenarios import temporary_home

fleet = typer.Typer(no_args_is_help=True)
MOST_AGENTS = 200


@answers(fleet, "run")
def run(
    call: Call,
    agents: Annotated[int, typer.Option("--agents", metavar="N", min=1, max=MOST_AGENTS)] = 20,
    minutes: Annotated[float, typer.Option("--minutes", metavar="N", min=0.05, help="How long they live.")] = 3,
    deeds: Annotated[
        int | None, typer.Option("--deeds", metavar="N", min=1, help="Until each has done so much, instead.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the hidden truths and of the agents.")] = 7,
    pause: Annotated[
        float, typer.Option("--pause", metavar="SECONDS", min=0, help="Mean pause between two deeds of an agent.")
    ] = 1.0,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="A server that runs, instead of one in a temporary home."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", envvar="SCIDEX_KEY", help="The operator's, where that server wants keys."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the temporary home there to look around in.")] = False,
) -> None:
    """Let simulated agents live in a world with hidden truths: each a process that works, trades, reviews over HTTP."""
    seconds = None if deeds else 60 * minutes
    plan = Plan(url=url or "", key=key, agents=agents, seed=seed, seconds=seconds, deeds=deeds, pause_s=pause)
    if url is not None:
        with _shown() as show:
            report = Fleet(plan, show).run()
        assert report is not None, "nobody else stops it"
        _tell(call, report, f"The server at {url} holds what they did; `scidex audit` there checks it.")
        return
    if call.settings.log_level == "info":
        # A line for each of thousands of requests is for who asks for it.
        logs.configure(call.settings.model_copy(update={"log_level": "warning"}))
    with temporary_home(keep=keep) as home:
        settings = call.settings.model_copy(
            update={"home": home, "database_url": None, "actor": "operator", "auth": "loopback"}
        )
        with Economy.open(settings) as economy, _shown() as show:
            report = _beside_a_server(call, economy, plan, show)
            economy.seal()
            with economy.reading() as tx:
                found = audit(tx)
        kept = f"The home {home} was kept: SCIDEX_HOME={home} scidex budgets rank" if keep else ""
        _tell(call, replace(report, audit=_brief(found)), kept)
    if not found.ok:
        raise typer.Exit(1)


@dataclass
class _Beside:
    """What the fleet beside the server came to: a report, or why there is none."""

    report: FleetReport | None = None
    error: BaseException | None = None


def _beside_a_server(call: Call, economy: Economy, plan: Plan, show: Callable[[Tally], None]) -> FleetReport:
    """Serve in this process, which is told to stop when the fleet is done: whatever ends it ends all of it."""
    beside, living = _Beside(), Fleet(plan, show)

    def live(url: str) -> None:
        try:
            beside.report = living.run(url)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            beside.error = error
        finally:
            if not living.stop.is_set():
                os.kill(os.getpid(), signal.SIGTERM)

    threads: list[threading.Thread] = []

    def ready(url: str) -> None:
        threads.append(threading.Thread(target=live, args=(url,)))
        threads[0].start()

    try:
        call.start.serve(economy, host="127.0.0.1", port=0, on_ready=ready)
    finally:
        living.stop.set()
        for thread in threads:
            thread.join()
    if beside.report is None:
        raise beside.error or KeyboardInterrupt
    return beside.report


@contextmanager
def _shown() -> Iterator[Callable[[Tally], None]]:
    """What is told while a fleet lives: a table that grows on a terminal, a line at every quarter elsewhere."""
    console = render.console(stderr=True)
    if not console.is_terminal:
        quarters = 0

        def tell(tally: Tally) -> None:
            nonlocal quarters
            if tally.share * 4 >= quarters + 1:
                quarters = int(tally.share * 4)
                refused = sum(tally.refused.values())
                render.note(f"fleet: {min(tally.share, 1):.0%} over, {tally.deeds} deeds, {refused} of them refused")

        yield tell
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield lambda tally: live.update(_table(tally))


def _table(tally: Tally) -> Table:
    table = Table(
        "deed", "done", title=f"fleet: {min(tally.share, 1):.0%} over, {tally.deeds} deeds", title_justify="left"
    )
    for deed, count in tally.done.most_common(16):
        table.add_row(deed, str(count))
    for code, count in tally.refused.most_common(6):
        table.add_row(f"refused: {code}", str(count), style="yellow")
    return table


def _brief(report: AuditReport) -> dict[str, Any]:
    """The audit in a few facts."""
    facts = asdict(report)
    return {
        name: facts[name] for name in ("ok", "journal_rows", "rows_compared", "blocks", "findings_total", "seconds")
    }


def _tell(call: Call, report: FleetReport, where: str) -> None:
    if call.json:
        render.document(asdict(report))
        return
    render.show_rows(
        {"market": name, "price before": before, "price after": after}
        for name, (before, after) in report.prices.items()
    )
    render.text("")
    refused = ", ".join(f"{count} {code}" for code, count in sorted(report.refused.items(), key=lambda each: -each[1]))
    best = ", ".join(f"{name} {earned:g} (skill {skill})" for name, earned, skill in report.best)
    facts = {
        "agents": f"{report.agents} processes, {report.lost} lost, seed {report.seed}",
        "deeds": f"{report.deeds} in {report.seconds} s, {report.failed} without an answer",
        "refused": refused or "none",
        "trades": f"{report.trades}; {report.prices_moved} of {report.markets} prices moved",
        "prices on the side of the truth": report.right_side,
        "budgets": f"{report.budgets_moved} moved; {report.spent:,.0f} tokens spent",
        "learned": f"{report.edges:g} edges; {report.returns_known} returns known",
        "earned": f"{report.earned:g} tokens by {report.earners} agents: {best or 'nobody'}",
        "bounties awarded": report.bounties_awarded,
        "proposals": _counts(report.proposals),
        "settlements": _counts(report.settlements),
    }
    if report.audit is not None:
        facts["audit"] = (
            f"{'ok' if report.audit['ok'] else 'NOT OK'}, {report.audit['journal_rows']} journal rows run again"
        )
    render.show(facts)
    if where:
        render.text("", where)


def _counts(found: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in found.items()) or "none"
