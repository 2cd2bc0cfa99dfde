"""`scidex demo`, `scidex replay`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scidex import views
from scidex.core.units import format_amount, parse_amount, unit_named
from scidex.economy import Economy
from scidex.scenarios import BATCH, DemoClock, DemoReport, ReplayReport, run_demo
from scidex.scenarios import replay as replay_record
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, answers
from scidex.surfaces.cli.system import summary_of

app = typer.Typer()


@answers(app, "demo")
def demo(
    call: Call,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the temporary home there to look around in.")] = False,
) -> None:
    """Let a small world live in a temporary home, and show what its capital decided."""
    with temporary_home(keep=keep) as home:
        settings = call.settings.model_copy(update={"home": home, "database_url": None, "actor": "operator"})
        clock = DemoClock()
        with Economy.open(settings, clock=clock) as economy:
            report = run_demo(economy, pass_by=clock.pass_by, progress=render.note)
    allocation = views.allocation_receipt(report.allocation)
    ranking = [views.budget_view(budget, place) for place, budget in enumerate(report.ranking, start=1)]
    if call.json:
        facts = {name: value for name, value in vars(report).items() if name not in ("ranking", "allocation", "audit")}
        home_kept = str(home) if keep else None
        render.document(
            facts | {"ranking": ranking, "allocation": allocation, "audit": asdict(report.audit), "home": home_kept}
        )
    else:
        _show_demo(report, ranking, allocation, home if keep else None)
    if not report.audit.ok:
        raise typer.Exit(1)


@answers(app, "replay")
def replay(
    call: Call,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of markets.csv and trades.csv.")],
    endowment: Annotated[
        str | None, typer.Option("--endowment", metavar="TOKENS", help="Of each trader; by default what it needs.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Before every name, where the names are taken.")
    ] = None,
) -> dict[str, Any]:
    """Trade a recorded world again, resolve its markets, and compare with what was recorded."""
    parts = None if endowment is None else parse_amount(endowment, field="endowment")
    console = render.console(stderr=True)
    columns = TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        Economy.open(call.settings) as economy,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("", total=None)

        def tell(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)
            # Where no bar can be drawn, a line at every quarter.
            if not console.is_terminal and (done == of or done * 4 // of > (done - BATCH) * 4 // of):
                render.note(f"replay: {done} of {of}")

        report = replay_record(
            economy,
            folder,
            endowment=parts,
            prefix=prefix,
            progress=tell,
        )
    if report.prefix and prefix is None:
        render.note(f"the names of this record belong to something else here; this replay's begin with {report.prefix}")
    return asdict(report) if call.json else _readable(report)


def _readable(report: ReplayReport) -> dict[str, Any]:
    """The report for people: what was right first, errors in powers of ten, the calibration as a table."""
    facts = asdict(report)
    bins = facts.pop("calibration")
    errors = {name: f"{facts.pop(name):.2g}" for name in list(facts) if name.endswith("error_max")}
    facts["right_side"] = f"{report.right_side} of {report.markets}"
    facts["brier"] = round(report.brier, 4)
    render.show_rows(
        {
            "final price": f"{each['low']:.1f} to {each['high']:.1f}",
            "markets": each["count"],
            "mean price": round(each["mean_price"], 3),
            "share that came true": round(each["share_yes"], 3),
        }
        for each in bins
    )
    render.text("")
    return errors | facts


@contextmanager
def temporary_home(*, keep: bool) -> Iterator[Path]:
    """A home whose path is short enough for a socket, gone at the end unless it is kept."""
    home = Path(tempfile.mkdtemp(prefix="scidex-"))
    try:
        yield home
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _show_demo(
    report: DemoReport, ranking: list[views.BudgetView], allocation: views.AllocationReceipt, home: Path | None
) -> None:
    refused = ", ".join(f"{count} {code}" for code, count in report.refused.items()) or "none"
    grants = {(grant.artifact_type, grant.artifact_id): grant for grant in allocation.grants}
    unit = unit_named(allocation.unit)
    render.text(
        f"{report.agents} agents made {report.trades} trades on {report.artifacts} artifacts (refused: {refused}).",
        f"{report.bounties} bounties were offered. Then the pool {allocation.pool} was shared:"
        f" of {allocation.amount:,.0f} {unit.name} {allocation.granted:,.0f} were granted.",
        f"Market {report.settled_market} was resolved {report.settled_outcome}; its maker made"
        f" {report.maker_result:+.6f} tokens.",
        "",
    )
    render.show_ranking(ranking, grants, unit.name)
    sums = {name: format_amount(total, unit_named(name)) for name, total in report.audit.ledger_sums.items()}
    render.show({"sum of balances": sums} | summary_of(report.audit))
    where = f"SCIDEX_HOME={home} " if home else ""
    kept = "look around in it" if home else "run it again with --keep and look around"
    render.text("", f"Next: {kept}, with `{where}scidex budgets rank`; `scidex up` serves your own economy.")
