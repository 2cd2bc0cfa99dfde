"""Who asks over HTTP: found out from the headers, before anything else of a request is read."""

from __future__ import annotations

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import Scope

from scidex.access import KeyRefused, Principal, authenticate
from scidex.surfaces.http.problems import RequestInvalid
from scidex.surfaces.http.rights import OPEN_PATHS

PRINCIPAL = "scidex.principal"
"""Where the scope of a request has its principal."""


async def identify(scope: Scope, headers: Headers) -> Principal | None:
    """Who asks; nobody where nobody needs to be known. Refuses: RequestInvalid and what `authenticate` refuses."""
    if scope["path"] in OPEN_PATHS or _is_own_door(scope):
        return None
    keys, names = headers.getlist("authorization"), headers.getlist("x-scidex-actor")
    if len(keys) > 1:
        raise KeyRefused(problem="the header Authorization was sent more than once")
    if len(names) > 1:
        raise RequestInvalid(problem="the header X-Scidex-Actor was sent more than once")
    economy = scope["app"].state.economy
    actor = in_utf8(names[0], "X-Scidex-Actor") if names else None
    if not keys:
        return authenticate(economy, authorization=None, actor=actor)
    return await run_in_threadpool(authenticate, economy, authorization=keys[0], actor=actor)


def _is_own_door(scope: Scope) -> bool:
    """Whether the path belongs to pages, which find out by themselves who looks."""
    is_page = getattr(scope["app"].state, "is_page", None)
    return is_page is not None and is_page(scope["path"])


def note_asker(principal: Principal) -> None:
    """From here on every log line of the request says who asks, and by which key."""
    facts = {} if principal.key is None else {"key_id": principal.key}
    structlog.contextvars.bind_contextvars(actor=principal.actor, **facts)


def in_utf8(given: str, header: str) -> str:
    """A header's text. HTTP hands headers over as bytes in Latin-1; names are in UTF-8 everywhere."""
    try:
        return given.encode("latin-1").decode()
    except UnicodeError:
        raise RequestInvalid(problem=f"the header {header} is not in UTF-8") from None
