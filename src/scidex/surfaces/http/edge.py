"""What happens to every request around its route: an id, limits, an answer to every failure, a line in the log."""

from __future__ import annotations

import ipaddress
import re
import time
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scidex.core.errors import Refusal
from scidex.surfaces.http.problems import (
    BATCHES,
    MAX_BATCHES,
    REFUSAL,
    BatchesBusy,
    OriginForeign,
    internal_response,
    largest_body,
    refusal_response,
)
from scidex.surfaces.http.who import PRINCIPAL, identify, note_asker

log = structlog.get_logger("scidex.http")
_SANE_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_SCRAPED = ("/health", "/metrics")
"""Asked for every few seconds by machines: their lines are for debugging."""


class Edge:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._batches = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever is raised inside becomes an answer, not a broken connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        status = 0
        began = time.perf_counter()

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                marked = MutableHeaders(scope=message)
                marked["X-Request-Id"] = request_id
                # A balance that some cache remembers is a wrong balance.
                marked.setdefault("Cache-Control", "no-store")
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id, **_trace(headers))
        try:
            await self._admitted(scope, headers, receive, send_marked)
        except Exception:
            if status:
                raise
            log.exception("request failed", request_id=request_id, method=scope["method"], path=scope["path"])
            await internal_response(scope, request_id)(scope, receive, send_marked)
        finally:
            _note(scope, status, time.perf_counter() - began)
            structlog.contextvars.unbind_contextvars("request_id", "actor", "key_id", "trace_id", "parent_id")

    async def _admitted(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        try:
            if _foreign(scope, headers):
                raise OriginForeign(origin=headers["origin"][:100])
            principal = await identify(scope, headers)
            if principal is not None:
                note_asker(principal)
                scope[PRINCIPAL] = principal
            batch = scope["path"] in BATCHES
            if batch and self._batches >= MAX_BATCHES:
                raise BatchesBusy(batches=self._batches)
        except Refusal as refusal:
            await refusal_response(scope, refusal)(scope, receive, send)
            return
        self._batches += batch
        try:
            await self._app(scope, _limited(headers, receive, largest_body(scope)), send)
        finally:
            self._batches -= batch


def _trace(headers: Headers) -> dict[str, str]:
    """The trace that the caller says this request belongs to (W3C traceparent), if it is well formed."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return {} if found is None else {"trace_id": found[1], "parent_id": found[2]}


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Count an answered request, and write its line; nothing of its query, its headers or its body."""
    route, refusal = getattr(scope.get("route"), "path", "unmatched"), scope.get(REFUSAL)
    scope["app"].state.metrics.note_request(route, scope["method"], status, seconds, refusal)
    write = log.debug if scope["path"] in _SCRAPED else log.info
    facts = {} if refusal is None else {"code": refusal}
    write(
        "request",
        method=scope["method"][:20],
        path=scope["path"][:200],
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        **facts,
    )


def _limited(headers: Headers, receive: Receive, largest: int) -> Receive:
    """The same body, as far as it is not too large."""
    declared, seen = headers.get("content-length", ""), 0
    declared_bytes = int(declared[:20]) if declared.isdecimal() else 0

    async def limited() -> Message:
        nonlocal seen
        message: Message = {} if declared_bytes > largest else await receive()
        seen += len(message.get("body", b""))
        if max(seen, declared_bytes) > largest:
            raise HTTPException(413)
        return message

    return limited


def _foreign(scope: Scope, headers: Headers) -> bool:
    """Whether a page of some other site asks for a change.

    Who can reach the loopback interface is believed, and a browser can: it sends what any page tells it to, but names
    the page's origin. An origin that is a name other than localhost may have been pointed here by its owner.
    """
    origin = headers.get("origin")
    if origin is None or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return False
    try:
        page = urlsplit(origin)
        host = page.hostname or ""
        if host != "localhost":
            ipaddress.ip_address(host)
    except ValueError:
        return True
    return page.netloc != headers.get("host")
