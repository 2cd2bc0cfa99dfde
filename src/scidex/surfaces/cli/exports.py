"""`scidex export`, `scidex verify`, `scidex proof`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from scidex import exports
from scidex.core.db import DatabaseReadOnly, Tx
from scidex.core.units import format_amount, unit_named
from scidex.economy import Economy
from scidex.lab import verify as verify_lines
from scidex.ledger import AccountKey
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, acts, answers
from scidex.surfaces.cli.words import Account

app, export, proof = typer.Typer(), typer.Typer(), typer.Typer()

ExistingFile = typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
ProofFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", dir_okay=False, help="Where the proof goes; --json prints it.")
]
FORMATS = ", ".join(exports.FORMATS)


@acts(export, "ledger")
def export_ledger(
    call: Call,
    format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=f"One of {FORMATS}.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Folder; made if need be.")],
) -> dict[str, Any]:
    """Write the whole ledger, as of one moment, with a manifest that says what every file and column is."""
    with _sealed(call) as tx, _telling("rows") as progress:
        return asdict(exports.export_ledger(tx, format=format, out=out, progress=progress))


@acts(export, "journal")
def export_journal(
    call: Call,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", dir_okay=False, help="JSON lines.")],
) -> dict[str, Any]:
    """Write the journal with all that it moved and the state that it leaves, for `scidex verify`."""
    with _sealed(call) as tx, _telling("journal rows") as progress:
        return asdict(exports.export_journal(tx, out=out, progress=progress))


@answers(app, "verify")
def verify(call: Call, file: Annotated[Path, ExistingFile]) -> None:
    """Check an exported journal, without a database.

    Exits with 1 if a row does not follow, and says which is the first. Every row is compared with its sealed hash
    and decided again: each price, posting and payout. `head` is the hash of the newest block: compare it with one
    that you know from elsewhere, such as that of `scidex audit --json`.
    """
    with file.open("rb") as lines, _telling("journal rows") as progress:
        report = verify_lines(lines, progress=progress)
    facts = asdict(report)
    if call.json:
        render.document(facts | {"first_wrong": report.first_wrong and report.first_wrong._asdict()})
    else:
        wrong = facts.pop("first_wrong")
        facts.pop("ok")
        said = "ok" if wrong is None else f"NOT OK: line {wrong[0]}, {wrong[1]}: {wrong[2]}"
        render.show({"verify": said} | facts)
    if not report.ok:
        raise typer.Exit(1)


@acts(proof, "event")
def event(
    call: Call,
    event: Annotated[str, typer.Argument(metavar="ID", help="Number and leg of a movement, such as 17-0.")],
    out: ProofFile = None,
) -> dict[str, Any]:
    """Prove that an event is in its sealed block."""
    with _sealed(call) as tx:
        return _given(call, exports.prove_event(tx, event), out)


@acts(proof, "liability")
def liability(call: Call, account: Account, out: ProofFile = None) -> dict[str, Any]:
    """Prove that what an account is owed is counted in all that is owed in its unit."""
    with _sealed(call) as tx:
        return _given(call, exports.prove_liability(tx, AccountKey.parse(account)), out)


@acts(proof, "block")
def block(
    call: Call, height: Annotated[int, typer.Argument(metavar="HEIGHT", min=1, help="Which block.")]
) -> dict[str, Any]:
    """Show a sealed block, with the root over its events that their proofs lead to."""
    with _sealed(call) as tx:
        head, events = exports.find_head(tx, height), exports.events_in(tx, height)
    return exports.block_facts(head, exports.leaves_of(events))


@answers(proof, "check")
def check(
    call: Call,
    file: Annotated[Path, ExistingFile],
    root: Annotated[
        str | None, typer.Option("--root", metavar="HEX", help="The root as you know it from elsewhere.")
    ] = None,
) -> dict[str, Any]:
    """See that a proof holds, from its file alone."""
    proved = exports.check_proof(file.read_bytes(), trusted=root)
    if root is None:
        render.note("the proof holds together; give the root that you know from elsewhere as --root to compare it")
    return proved if call.json else _readable(proved)


def _given(call: Call, made: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """The proof itself for programs, and what it proves for people."""
    text = json.dumps(made, indent=2) + "\n"
    if out is not None:
        out.write_text(text, encoding="utf-8")
    elif not call.json:
        render.note("this is what is proved; --out FILE writes the proof, for `scidex proof check FILE`")
    return made if call.json else _readable(exports.check_proof(text.encode()))


def _readable(proved: dict[str, Any]) -> dict[str, Any]:
    """What a proof proves, amounts in whole units."""
    if "balance" not in proved:
        names = ("id", "event", "block", "at", "actor", "from", "to", "units", "parts", "reason", "ledger", "root")
        return {name: proved[name] for name in names}
    unit = unit_named(AccountKey.parse(proved["account"]).unit)
    amounts = {name: format_amount(int(proved[name]), unit) for name in ("balance", "owed", "issued", "retired")}
    return {"unit": unit.name} | proved | amounts


@contextmanager
def _sealed(call: Call) -> Iterator[Tx]:
    """A look at the economy as it is when all that can be is sealed; a standby is looked at as it is."""
    with closing(Economy.open(call.settings)) as economy:
        with suppress(DatabaseReadOnly):
            economy.seal()
        with economy.reading(actor=call.actor) as tx:
            yield tx


@contextmanager
def _telling(what: str) -> Iterator[Callable[[int], None]]:
    """How far it is, where somebody looks."""
    columns = SpinnerColumn(), TextColumn("{task.completed} " + what)
    console = render.console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        yield lambda done: bar.update(task, completed=done)
