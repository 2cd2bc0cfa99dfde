"""What the program was started with, before any command is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # The economy takes half a second to import, which `scidex --help` should not pay.
    from scidex.access import Principal
    from scidex.economy import Economy


class Serve(Protocol):
    """Answers HTTP on an economy until the process is told to stop."""

    def __call__(self, economy: Economy, *, host: str, port: int, on_ready: Callable[[str], None]) -> None: ...


class Speak(Protocol):
    """Answers MCP on stdin and stdout as a principal until the client leaves."""

    def __call__(self, economy: Economy, principal: Principal, shown: tuple[str, ...]) -> None: ...


@dataclass
class Start:
    """Options that stood before the subcommand, and the servers that this process can run."""

    serve: Serve
    speak: Speak
    json: bool = False
    actor: str | None = None
