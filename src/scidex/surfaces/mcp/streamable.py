"""Over streamable HTTP: each request stands by itself, as the principal that the server it is mounted in found out."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from scidex.access import Principal
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.surfaces.mcp.server import Asking, check_topics, create_server
from scidex.views import facts_of

PRINCIPAL = "scidex.principal"
"""Where the scope of a request has its principal; who mounts this sees to it, to origins and to sizes."""
_TOPICS = "scidex.topics"
_INVALID = -32600


class Endpoint:
    """An ASGI application for one address, which answers while `running`."""

    def __init__(self, economy: Economy) -> None:
        # No sessions and no streams: what a call needs travels in it.
        self._manager = StreamableHTTPSessionManager(
            create_server(economy, _asking), json_response=True, stateless=True
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Serve within this context, once."""
        return self._manager.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; `?tools=market,budget` lists only the tools of these topics."""
        if scope["method"] != "POST":
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        given = QueryParams(scope["query_string"]).get("tools", "")
        try:
            scope[_TOPICS] = check_topics([topic for topic in given.split(",") if topic])
        except Refusal as refusal:
            data = {"code": refusal.code, "family": refusal.family, "facts": facts_of(refusal)}
            error = {"code": _INVALID, "message": str(refusal), "data": data}
            await JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, refusal.status)(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


def _asking(request: Any) -> Asking:
    principal: Principal = request.scope[PRINCIPAL]
    return Asking(principal, request.scope[_TOPICS])
