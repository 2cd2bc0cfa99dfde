"""What a command answers when it is refused, told to stop, or broken: one line, one exit code, one JSON document.

    2, 3, 4, 5, 6   refused: Invalid, Forbidden, Missing, Refused, Busy; also 2 for a command line that says nothing
    70              a bug; the trace goes to the log where SCIDEX_LOG_LEVEL is debug
    74              the system would not read or write something: a full disk under the answer, for example
    129, 130, 143   told to stop by a closed terminal, Ctrl-C, SIGTERM
    141             whoever read the answer, such as `head`, has left

With --json the document {"error": {"code", "family", "message", "facts"}} is on stdout; the line is on stderr with it
and without.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from scidex.core.errors import Refusal
from scidex.surfaces.cli import render

BUG = 70
SYSTEM = 74
INTERRUPTED = 128 + signal.SIGINT
READER_LEFT = 128 + signal.SIGPIPE


class Stopped(SystemExit):
    """A signal asked the process to end; everything is let go on the way out."""


@contextmanager
def answered(*, json: bool) -> Iterator[None]:
    """Turns whatever the block raises into its line, its document and its exit code."""
    try:
        yield
        sys.stdout.flush()
    except Refusal as refusal:
        _fail(refusal.code, refusal.family, str(refusal), refusal.facts, refusal.exit_code, json=json)
    except KeyboardInterrupt:
        _leave(INTERRUPTED)
    except (BrokenPipeError, render.ReaderLeft):
        _leave(READER_LEFT)
    except OSError as error:
        problem = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        _fail("system", "Busy", f"{problem}; mend that, then ask again with the same --key.", {}, SYSTEM, json=json)
    except Exception as error:  # noqa: BLE001 - the last place where a bug can become one line
        _bug(error, json=json)


def say_usage(message: str) -> None:
    """Tell a program that its command line says nothing; people are told by Typer."""
    render.document(_problem("usage", "Invalid", message, {}))


def have_streams() -> None:
    """Open what the caller closed, or the next file, which may be a lock or a socket, would be taken for stdout."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest free number is this one, because those below it are open by now.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
            assert getattr(sys, name).fileno() == number
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its number instead of a failure.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def let_go_when_told() -> None:
    """Make SIGTERM and SIGHUP leave through every `finally`, so that an embedded server is never left behind."""

    def stop(number: int, frame: object) -> NoReturn:
        raise Stopped(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        # One that is ignored stays so: that is what nohup is for.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


def _problem(code: str, family: str, message: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "family": family, "message": message, "facts": facts}}


def _fail(code: str, family: str, message: str, facts: dict[str, Any], exit_code: int, *, json: bool) -> NoReturn:
    line = render.printable(" ".join(message.split()))
    # Neither may be writable, for the very reason that they name.
    with suppress(OSError):
        render.note(f"scidex: {code}: {line}")
    if json:
        with suppress(OSError):
            render.document(_problem(code, family, line, facts))
    _leave(exit_code)


def _bug(error: Exception, *, json: bool) -> NoReturn:
    import structlog  # noqa: PLC0415 - a tenth of a second, which only a failure should pay

    request = uuid.uuid4().hex[:12]
    if structlog.is_configured():
        structlog.get_logger("scidex").debug("command failed", request_id=request, exc_info=error)
    message = (
        f"SciDEX broke ({type(error).__name__}, request {request}). Ask again with the same --key;"
        " if it stays so, report the trace that SCIDEX_LOG_LEVEL=debug shows."
    )
    _fail("internal_error", "Internal", message, {"request_id": request}, BUG, json=json)


def _leave(exit_code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # What is left in the buffer cannot be written, and the interpreter would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(exit_code)
