"""The composition root: which surfaces a process runs. Surfaces are strangers to each other; they meet here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scidex.surfaces import cli

if TYPE_CHECKING:
    from scidex.economy import Economy


def serve(economy: Economy, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Answer HTTP on this economy until the process is told to stop; `on_ready` is told the address."""
    # FastAPI and uvicorn take half a second to import, which only the process that serves should pay.
    from scidex.surfaces import http  # noqa: PLC0415

    http.serve(economy, host=host, port=port, on_ready=on_ready)


def main() -> None:
    """The program `scidex`."""
    cli.main(serve)
