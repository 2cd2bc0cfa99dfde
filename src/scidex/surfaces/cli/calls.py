"""What every command shares: its options, the economy it opens, the answer it prints.

A topic's module declares a command as a function of a transaction that returns a view:

    @reads(app, "show")
    def show(tx: Tx, market: MarketName) -> MarketView: ...

`reads` runs it in a read-only transaction, `changes` in one that is committed (or rolled back with --dry-run),
`answers` without any, `acts` without any and as an actor. Each adds --json and what else goes with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError

from scidex import views
from scidex.actors import ReservedName
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.names import check_name
from scidex.core.settings import Settings, load_settings
from scidex.economy import Economy
from scidex.policy import HOUSE
from scidex.surfaces.cli import logs, render
from scidex.surfaces.cli.start import Start
from scidex.work import perform_work

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Actor = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", help="Who asks; by default the actor of SCIDEX_ACTOR.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Answer as if it had been done, and do nothing.")]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Do it at most once: the same key gives the first answer.")
]
After = Annotated[str | None, typer.Option("--after", metavar="NEXT", help="The `next` of the page before.")]
Before = Annotated[int | None, typer.Option("--before", metavar="NEXT", min=1, help="The `next` of the page before.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most rows to show.")]
Offset = Annotated[int, typer.Option("--offset", min=0, help="Rows to skip.")]
Work = Callable[..., Any]
Item = TypeVar("Item")
Row = TypeVar("Row")
Done = TypeVar("Done", bound=views.Done)


@dataclass(frozen=True)
class Call:
    """One command being carried out."""

    start: Start
    settings: Settings
    json: bool
    actor: str
    dry_run: bool = False


def answers(app: typer.Typer, name: str, **more: Any) -> Callable[[Work], Work]:
    """A command that needs no transaction: a function of the call that returns what to print, or None."""
    return lambda work: _declare(app, name, work, {"json": Json}, work, more)


def acts(app: typer.Typer, name: str, **more: Any) -> Callable[[Work], Work]:
    """A command that opens transactions of its own: a function of the call that returns what to print, or None."""
    return lambda work: _declare(app, name, work, {"json": Json, "actor": Actor}, work, more)


def reads(app: typer.Typer, name: str) -> Callable[[Work], Work]:
    """A command that looks: a function of a read-only transaction that returns a view."""

    def declare(work: Work) -> Work:
        def carry_out(call: Call, **given: Any) -> Any:
            with looked_at(call) as economy, economy.reading(actor=call.actor) as tx:
                return work(tx, **given)

        return _declare(app, name, work, {"json": Json, "actor": Actor}, carry_out, {})

    return declare


def changes(app: typer.Typer, name: str) -> Callable[[Work], Work]:
    """A command that changes something: a function of a transaction that returns a view."""

    def declare(work: Work) -> Work:
        def carry_out(call: Call, **given: Any) -> Any:
            # Nobody else may be there to seal what this changes, so the economy does when it is left.
            with Economy.open(call.settings) as economy:
                done = economy.run(lambda tx: work(tx, **given), actor=call.actor, dry_run=call.dry_run)
            if call.dry_run:
                render.note("dry run: nothing was changed")
            return done

        return _declare(app, name, work, {"json": Json, "actor": Actor, "dry_run": DryRun}, carry_out, {})

    return declare


def asked(tx: Tx, sort: type[views.Ask], key: str | None, answer: type[Done], **given: Any) -> Done:
    """What was asked for on the command line, carried out; options that were left out are left out."""
    try:
        ask = sort(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise typer.BadParameter(f"{views.explained(error.errors(include_url=False))}.") from None
    known = views.Known()
    (found,) = perform_work(tx, [Request(ask.command(tx, known), tx.actor, key)])
    if isinstance(found, Refusal):
        raise found
    done = ask.done(found, tx, known)
    assert isinstance(done, answer)
    return done


@contextmanager
def looked_at(call: Call) -> Iterator[Economy]:
    """The economy opened to look, which seals nothing: an audit must see what it finds, a standby takes no writes."""
    with closing(Economy.open(call.settings)) as economy:
        yield economy


def actor_of(*given: str | None) -> str:
    """Who asks: the first that is given. Refuses: NameInvalid, ReservedName."""
    actor = check_name(next(name for name in given if name is not None), "actor")
    if actor == HOUSE:
        raise ReservedName(name=actor)
    return actor


def _is_amount(annotation: Any) -> bool:
    return any(getattr(each, "metavar", None) == "AMOUNT" for each in getattr(annotation, "__metadata__", ()))


def _declare(
    app: typer.Typer, name: str, work: Work, shared: dict[str, Any], carry_out: Work, more: dict[str, Any]
) -> Work:
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

    def command(**given: Any) -> None:
        start: Start = given.pop("context").obj
        settings = load_settings()
        logs.configure(settings)
        call = Call(
            start,
            settings,
            json=given.pop("json") or start.json,
            actor=actor_of(given.pop("actor", None), start.actor, settings.actor),
            dry_run=given.pop("dry_run", False),
        )
        answer = carry_out(call, **given)
        if answer is None:
            return
        if call.json:
            render.document(answer.view if isinstance(answer, render.InUnit) else answer)
        else:
            render.show(answer)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        *(
            inspect.Parameter(
                option,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if option == "actor" else False,
                annotation=annotation,
            )
            for option, annotation in shared.items()
        ),
    ]
    # Typer reads the command line's shape from here, so a command's own arguments and the shared ones become one list.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = work.__doc__
    if any(_is_amount(parameter.annotation) for parameter in own):
        # So that -5 in the place of an amount is an amount, which is refused by name, and not an unknown option.
        more = {"context_settings": {"ignore_unknown_options": True}, **more}
    app.command(name, **more)(command)
    return work
