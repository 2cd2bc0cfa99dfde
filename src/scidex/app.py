"""The composition root: which surfaces a process runs. Surfaces are strangers to each other; they meet here.

Each is imported by the process that runs it: FastAPI, NiceGUI and the SDK of MCP take half a second or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scidex.surfaces import cli

if TYPE_CHECKING:
    from scidex.access import Principal
    from scidex.economy import Economy


def serve(economy: Economy, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Answer HTTP, with MCP and the dashboard beside it, until told to stop; `on_ready` is told the address."""
    from scidex.surfaces import dashboard, http, mcp  # noqa: PLC0415

    beside = {"/mcp": mcp.Endpoint(economy)}
    http.serve(economy, host=host, port=port, on_ready=on_ready, beside=beside, pages=dashboard.mount)


def speak(economy: Economy, principal: Principal, shown: tuple[str, ...]) -> None:
    """Answer MCP on stdin and stdout as this principal until the client leaves."""
    from scidex.surfaces import mcp  # noqa: PLC0415

    mcp.speak(economy, principal, shown)


def main() -> None:
    """The program `scidex`."""
    cli.main(serve, speak)
