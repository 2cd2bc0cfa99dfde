"""The program: its topics, what it was started with, how it ends.

A topic's module is imported when a command of it runs, because the economy takes half a second to import and
`scidex --help` and the shell's completion should not. So the names and help lines of the topics stand here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from scidex import __version__
from scidex.surfaces.cli import failures, render
from scidex.surfaces.cli.start import Serve, Speak, Start


class Topic(NamedTuple):
    """A subcommand, or a group of them where `single` is false, and the module that declares it."""

    module: str
    help: str
    single: bool = False


TOPICS = {
    "up": Topic("system", "Serve the economy over HTTP until Ctrl-C.", single=True),
    "mcp": Topic("system", "Answer a language model's host on stdin and stdout (MCP), until it leaves.", single=True),
    "worker": Topic("system", "Do the periodic work in a process of its own, until Ctrl-C.", single=True),
    "demo": Topic("scenarios", "Let a small world live in a temporary home, and show what its capital decided.", True),
    "fleet": Topic("fleet", "Simulated agents as real processes over HTTP, in a world with hidden truths."),
    "replay": Topic("scenarios", "Trade a recorded world again, and compare with what was recorded.", True),
    "audit": Topic("system", "Check every invariant, and every table against the journal run again.", True),
    "markets": Topic("markets", "Markets on artifacts: quote, trade, settle."),
    "orders": Topic("orders", "Limit orders, the book and its depth, candles, orders in plain words."),
    "signals": Topic("portfolio", "What an artifact's market says in decisions, and what it would cost to fake.", True),
    "portfolio": Topic("portfolio", "What an actor holds, what it would bring, how it fared.", True),
    "leaderboard": Topic("portfolio", "Who brings prices nearer to the truth, by skill.", True),
    "settlement": Topic("settlement", "How markets end: proposed on evidence, disputed, decided, paid."),
    "bounties": Topic("bounties", "Tokens in escrow for progress on an artifact."),
    "earnings": Topic("earnings", "What verified output was rewarded with: record, verify, retract."),
    "knowledge": Topic("knowledge", "What was learned: edges that count once, confirmed, merged, retracted, judged."),
    "roi": Topic("knowledge", "What spending brought: edges per token, raw and as far as it can be believed."),
    "work": Topic("work", "The queue that agents pull from: add, claim with its budget, finish."),
    "budgets": Topic("budgets", "What capital claims, and how a pool is shared."),
    "reviews": Topic("reviews", "Every budget of a pool against scores, capital and returns: preview, enact, why."),
    "limits": Topic("reservations", "Caps that all must hold: of the fleet, an actor, a provider, an artifact."),
    "reserve": Topic("reservations", "Set resources of an artifact's budget aside: all of it, or nothing.", True),
    "settle": Topic(
        "reservations", "Record what a reservation was used for, nothing without options, and release the rest.", True
    ),
    "release": Topic("reservations", "Release a reservation of which nothing was used.", True),
    "extend": Topic("reservations", "Let a reservation run for so many seconds from now.", True),
    "reservations": Topic("reservations", "What is set aside for work that goes on."),
    "scores": Topic("scores", "How artifacts are rated, from which signals."),
    "proposals": Topic("proposals", "What is asked of pools and of the policy, and how reviewers decide."),
    "usage": Topic("usage", "What was used, its sums by the hour, what models cost."),
    "pipeline": Topic("insight", "From capital to knowledge: what flowed in a period, through which artifacts.", True),
    "pools": Topic("insight", "What pools have left, and what became of what they granted.", True),
    "attention": Topic("insight", "What needs a decision, the urgent first.", True),
    "webhooks": Topic("webhooks", "Addresses that are told of what happens, signed and in order."),
    "batch": Topic("batch", "Carry out a file of commands, a line each.", True),
    "ledger": Topic("ledger", "Accounts, transfers and holds."),
    "export": Topic("exports", "The ledger as files for other programs, and the journal to check anywhere."),
    "verify": Topic("exports", "Check an exported journal, without a database.", True),
    "proof": Topic("exports", "Proofs that an event is sealed, and that a balance is counted."),
    "actors": Topic("registry", "Who acts, and in which roles."),
    "keys": Topic("keys", "Keys of actors for HTTP: issue, list, rotate, revoke."),
    "entities": Topic("registry", "What is researched."),
    "policy": Topic("proposals", "The numbers in force, what they were, and how they change."),
    "db": Topic("db", "The database: where it is and where it stands."),
    "version": Topic("system", "Show the version.", True),
}


class Topics(TyperGroup):
    """Shows the topics without importing them, and imports the one that is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name, from its module."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, stub and load(name or ""), rest


def load(name: str) -> Any:
    """The subcommand or group of that name, ready to run."""
    topic = TOPICS[name]
    module = import_module(f"scidex.surfaces.cli.{topic.module}")
    if topic.single:
        return typer.main.get_group(module.app).commands[name]
    group = typer.main.get_group(getattr(module, name))
    group.name, group.help = name, topic.help
    return group


app = typer.Typer(
    cls=Topics,
    no_args_is_help=True,
    help="The economy of a fleet of research agents: markets price ideas, prices become claims on compute.",
    epilog="Amounts are in whole units, such as 12.5.",
)
for topic, found in TOPICS.items():
    app.add_typer(typer.Typer(), name=topic, help=found.help)


def _show_version(asked: bool) -> None:
    if asked:
        render.text(__version__)
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, as after any command.")] = False,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="NAME", help="Who asks; by default the actor of SCIDEX_ACTOR.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Keep what stands before the subcommand."""
    context.obj.json, context.obj.actor = json, actor


def main(serve: Serve, speak: Speak) -> None:
    """Carry out the command line of this process and end it; `scidex up` runs `serve`, `scidex mcp` runs `speak`."""
    failures.have_streams()
    arguments = sys.argv[1:]
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = "--json" in before
    failures.let_go_when_told()
    with failures.answered(json=json):
        _carry_out(arguments, Start(serve, speak), json=json)


def _carry_out(arguments: list[str], begun: Start, *, json: bool) -> None:
    try:
        for argument in arguments:
            _check_text(argument)
        code = typer.main.get_command(app).main(arguments, prog_name="scidex", obj=begun, standalone_mode=False)
    except typer.TyperException as error:
        # Only what says how it is to be shown is about the command line.
        if not hasattr(error, "show"):
            raise
        error.show()
        if json:
            failures.say_usage(error.format_message())
        sys.exit(error.exit_code)
    if code:
        sys.exit(code)


def _check_text(argument: str) -> None:
    try:
        argument.encode()
    except UnicodeEncodeError:
        # The database keeps UTF-8, and names that differ in bytes nobody can read are nobody's.
        raise typer.BadParameter(f"{render.printable(argument)!r} is not UTF-8 text.") from None
