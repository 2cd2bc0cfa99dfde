"""The economy for language models (MCP): tools, resources and a prompt, over stdio and over streamable HTTP."""

from scidex.surfaces.mcp.server import create_server, tools
from scidex.surfaces.mcp.stdio import speak
from scidex.surfaces.mcp.streamable import Endpoint

__all__ = ["Endpoint", "create_server", "speak", "tools"]
