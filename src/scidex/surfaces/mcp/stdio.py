"""Over stdin and stdout: one client, one principal, until the client leaves."""

from __future__ import annotations

import anyio
from anyio.to_thread import current_default_thread_limiter
from mcp.server.stdio import stdio_server

from scidex.access import Principal
from scidex.economy import Economy
from scidex.surfaces.mcp.server import Asking, check_topics, create_server


def speak(economy: Economy, principal: Principal, shown: tuple[str, ...] = ()) -> None:
    """Answer on stdin and stdout as this principal until the client closes them; nothing else reaches stdout.

    Of the tools only those of the topics `shown` are listed, where it names any. Refuses: ToolsUnknown.
    """
    anyio.run(_speak, economy, principal, check_topics(shown))


async def _speak(economy: Economy, principal: Principal, shown: tuple[str, ...]) -> None:
    current_default_thread_limiter().total_tokens = economy.settings.pool_size
    server = create_server(economy, lambda request: Asking(principal, shown))
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())
