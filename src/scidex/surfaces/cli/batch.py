"""`scidex batch`."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from scidex.core.errors import Busy
from scidex.economy import Economy
from scidex.surfaces.cli import render
from scidex.surfaces.cli.calls import Call, acts
from scidex.views import CHUNK, LINES_MAX, Answered, Bulk, LineInvalid, UsageBulk, at_line, check_key, chunks, numbered

app = typer.Typer()
_READ = 2**20
LINE_MAX = 2**20
"""Most bytes of a line, as of any body over HTTP."""

File = Annotated[
    str, typer.Argument(metavar="FILE", help='JSON lines, a command each: {"do": "transfer", ...}; - reads stdin.')
]
AllOrNothing = Annotated[
    bool, typer.Option("--all-or-nothing", help=f"One transaction of at most {LINES_MAX} lines, or nothing of it.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where the receipts go, a line each; by default stdout.")
]
FileKey = Annotated[
    str | None,
    typer.Option("--key", metavar="PREFIX", help="Each line's key is this and its number; by default the file's hash."),
]
Again = Annotated[bool, typer.Option("--again", help="Do it again, though the same file has been carried out before.")]


@acts(app, "batch")
def batch(
    call: Call,
    file: File,
    all_or_nothing: AllOrNothing = False,
    out: Out = None,
    key: FileKey = None,
    again: Again = False,
) -> None:
    """Carry out a file of commands, a line each.

    Prints a receipt per line, and what became of them all. The same file does nothing twice, so run it again after
    whatever interrupted it; a file that was changed is another file, unless --key says that it is not. A line that is
    refused is refused alone. Exits with the code of the first refusal.
    """
    carry_out(call, file, Bulk, all_or_nothing=all_or_nothing, out=out, key=key, again=again)


@dataclass
class Tally:
    """What became of the lines so far."""

    done: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    first: Answered | None = None
    """The first line that was refused."""

    def add(self, answers: Iterable[Answered]) -> None:
        """Count these answers too."""
        for answer in answers:
            if answer.refusal is None:
                self.done += answer.status == "done"
                self.repeated += answer.status == "repeated"
            else:
                self.refused[answer.refusal.code] += 1
                self.first = self.first or answer


def carry_out(
    call: Call,
    file: str,
    sort: type[Bulk] | type[UsageBulk],
    *,
    all_or_nothing: bool = False,
    out: Path | None,
    key: str | None,
    again: bool,
) -> None:
    """Carry out the lines of a file and say what became of them."""
    if again and key is not None:
        raise typer.BadParameter("--again does without keys; give one of --again and --key.")
    tally = Tally()
    with ExitStack() as stack:
        source = stack.enter_context(_opened(file, hashed=key is None and not again))
        sink = stack.enter_context(_sink(out))
        economy = stack.enter_context(Economy.open(call.settings))
        bulk = sort(economy, call.actor, check_key(None if again else key or source.digest))
        given = numbered(stack.enter_context(_watched(source, quiet=out is None and sys.stdout.isatty())))
        whole = [list(islice(given, LINES_MAX + 1))] if all_or_nothing else None
        try:
            for chunk in whole or chunks(given, bulk.size):
                answers = bulk.carry_out_whole(chunk) if whole and isinstance(bulk, Bulk) else bulk.carry_out(chunk)
                tally.add(answers)
                sink("\n".join([answer.text for answer in answers]))
        except Busy:
            _summarise(tally, call, beside=out is None)
            render.note("the rest was not done; run the same again, which does nothing twice")
            raise
    _summarise(tally, call, beside=out is None)
    if tally.first is not None and tally.first.refusal is not None:
        if key is None and not again:
            render.note("mend refused lines in a file of their own: once changed, this one would be done anew whole")
        raise typer.Exit(tally.first.refusal.exit_code)


@dataclass(frozen=True)
class _Source:
    """A file that is open to be read from its start, how long it is, and its hash, as far as they are known."""

    file: IO[bytes]
    size: int | None
    digest: str | None


@contextmanager
def _opened(name: str, *, hashed: bool) -> Iterator[_Source]:
    with ExitStack() as stack:
        try:
            file = sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise typer.BadParameter(f"{name}: {error.strerror}.") from None
        regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
        size = os.fstat(file.fileno()).st_size if regular else None
        if not hashed:
            yield _Source(file, size, None)
            return
        # What comes through a pipe cannot be read twice: it is put aside first.
        kept = None if regular else stack.enter_context(tempfile.TemporaryFile())
        start, digest = file.tell() if regular else 0, hashlib.sha256()
        while block := file.read(_READ):
            digest.update(block)
            if kept is not None:
                kept.write(block)
        whole = kept or file
        size = whole.tell() if kept is not None else size
        whole.seek(start)
        yield _Source(whole, size, digest.hexdigest())


@contextmanager
def _sink(out: Path | None) -> Iterator[Callable[[str], None]]:
    if out is None:
        yield lambda text: render.lines(text)
        return
    with out.open("w", encoding="utf-8") as file:
        yield lambda text: print(text, file=file) if text else None


@contextmanager
def _watched(source: _Source, *, quiet: bool) -> Iterator[Iterator[bytes]]:
    """The lines, with a bar on the terminal that says how far they have been read."""
    console = render.console(stderr=True)
    columns = TextColumn("{task.fields[lines]} lines"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=source.size, lines=0)

        def lines() -> Iterator[bytes]:
            read = 0
            for number, line in enumerate(iter(lambda: source.file.readline(LINE_MAX + 1), b""), start=1):
                if len(line) > LINE_MAX:
                    raise at_line(LineInvalid(problem=f"it is longer than {LINE_MAX} bytes"), number)
                read += len(line)
                if number % CHUNK == 0:
                    bar.update(task, completed=read, lines=number)
                yield line

        yield lines()


def _summarise(tally: Tally, call: Call, *, beside: bool) -> None:
    """What became of the lines: beside the receipts on stderr, or alone on stdout; for programs the last line."""
    first = tally.first
    said = None if first is None else {"line": first.line, "message": str(first.refusal)}
    if call.json:
        counts = {"done": tally.done, "repeated": tally.repeated, "refused": dict(tally.refused)}
        render.line({"summary": {**counts, "first_refused": said}})
        return
    rows = [{"what": "done", "lines": tally.done}, {"what": "done before", "lines": tally.repeated}]
    rows += [{"what": f"refused: {code}", "lines": lines} for code, lines in tally.refused.most_common()]
    render.show_rows(rows, stderr=beside)
    if first is not None:
        render.note(f"line {first.line}: {render.printable(str(first.refusal))}")
