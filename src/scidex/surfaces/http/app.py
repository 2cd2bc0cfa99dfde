"""The application: every route, the one form of refusals, and its description for programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, Protocol

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scidex.economy import Economy
from scidex.surfaces.http import (
    batch,
    bounties,
    budgets,
    earnings,
    events,
    exports,
    insight,
    keys,
    knowledge,
    ledger,
    markets,
    orders,
    portfolio,
    proposals,
    registry,
    reservations,
    reviews,
    scores,
    settlement,
    system,
    telemetry,
    usage,
    webhooks,
    work,
)
from scidex.surfaces.http.edge import Edge
from scidex.surfaces.http.metrics import Metrics
from scidex.surfaces.http.problems import Problem, add_handlers, described
from scidex.surfaces.http.rights import OPEN_PATHS, scopes_of
from scidex.surfaces.http.streams import Hub
from scidex.views import LINES, Known

DESCRIPTION = """\
The economy of a fleet of research agents: markets price ideas, prices become claims on compute, a finite pool is
shared exactly.

**Who asks.** `Authorization: Bearer scidex_...` with a key of the actor; each key is confined to scopes, which the
description of each route names. With SCIDEX_AUTH=loopback the server also believes the header `X-Scidex-Actor`, and
therefore listens on the loopback interface only; with SCIDEX_AUTH=keys that header must name the key's actor.

**Amounts** are whole units (12.5 tokens), as JSON numbers or as decimal strings, and never rounded. Prices lie
between 0 and 1. Times carry their zone and are answered in UTC.

**Trying again** is always safe with an `Idempotency-Key`: the same key with the same request happens once and is
answered the same to the byte, with the header `Idempotency-Replayed: true`; with another request it is refused
(`key_reused`).

**Two at once.** What people edit is answered with an `ETag`. A change that sends it back in `If-Match` happens only if
nobody was faster; else the answer is 412 `version_differs`.

**Refusals** are `application/problem+json`; `code` is the word to act upon. 400: mend the request. 401: another key.
403: another actor must ask, or a key with another scope. 404: it names what is not there. 409: ask again after a
change. 412: read again what was to be changed. 402: a budget is short, do not try again. 429: later, Retry-After says
when. 503: nothing happened, try again with the same key.
"""
TAGS = [
    {"name": "markets", "description": "prices, orders, positions, what decisions read, and how markets open and end"},
    {"name": "orders", "description": "limit orders, the book and its depth, candles, liquidity, plain words"},
    {
        "name": "bounties",
        "description": "tokens in escrow for progress on an artifact, claimed, worked for, awarded",
    },
    {"name": "earnings", "description": "rewards of verified output, royalties, periods of emission"},
    {"name": "knowledge", "description": "what work has brought, in shares that sum to it, and what that cost"},
    {"name": "budgets", "description": "what capital claims, how pools are shared, what is reserved, under which caps"},
    {
        "name": "senate",
        "description": "scores, what is asked of pools and of the policy, how reviewers decide, and reviews of budgets",
    },
    {"name": "insight", "description": "from capital to knowledge, what pools have left, what needs a decision"},
    {"name": "work", "description": "the queue that agents pull from: items, claims with their budget, results"},
    {"name": "usage", "description": "what was used, its sums by the hour, what models cost"},
    {"name": "ledger", "description": "accounts, transfers, holds, issue and retirement"},
    {"name": "proofs", "description": "sealed blocks, transfer events, and proofs that anybody can check alone"},
    {"name": "events", "description": "what happens, as it happens, and from any position again"},
    {"name": "batches", "description": "many commands in one request, a line each"},
    {"name": "registry", "description": "who acts and what is researched"},
    {"name": "keys", "description": "what actors prove with who they are: issued, listed, rotated, revoked"},
    {"name": "system", "description": "health, version, policy"},
]
REFUSALS = {
    400: "Invalid: the request can never be right as it stands",
    402: "Refused: the budget is short; do not try again",
    403: "Forbidden: the actor may not do this",
    404: "Missing: what the request names does not exist",
    409: "Refused: the state does not allow it now",
    413: "Invalid: the body is too large",
    503: "Busy: nothing happened, try again with the same key",
}
OF_KEYS = {
    401: "Forbidden: a key is needed, or the one that was sent is not accepted",
    429: "Busy: the key asks too often; try again after Retry-After",
}


class Beside(Protocol):
    """Another surface's application, which answers at an address of this server while it is running."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Entered before the first request and left after the last."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


ROUTED = (
    markets,
    orders,
    portfolio,
    settlement,
    bounties,
    earnings,
    knowledge,
    budgets,
    reservations,
    work,
    proposals,
    reviews,
    scores,
    usage,
    telemetry,
    insight,
    ledger,
    exports,
    events,
    webhooks,
    batch,
    registry,
    keys,
    system,
)
"""The modules of routes, in the order of the description."""


def create_app(economy: Economy, beside: Mapping[str, Beside] | None = None) -> FastAPI:
    """The application over an open economy, which the caller closes; `beside` has other applications by their path."""
    others = beside or {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # A request beyond the connections then waits in this queue, which nobody leaves with a refusal.
        current_default_thread_limiter().total_tokens = economy.settings.pool_size
        async with AsyncExitStack() as running:
            for other in others.values():
                await running.enter_async_context(other.running())
            yield

    app = FastAPI(
        title="SciDEX",
        version=version("scidex"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        responses={status: described(meaning) for status, meaning in REFUSALS.items()},
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
        # Their pages run scripts of a third party, on an address whose requests are believed.
        docs_url=None,
        redoc_url=None,
    )
    app.state.economy, app.state.known = economy, Known()
    app.state.events = Hub(economy)
    app.state.metrics = Metrics(economy, app.state.events)
    add_handlers(app)
    app.add_middleware(Edge)
    for topic in ROUTED:
        app.include_router(topic.router)
    app.router.routes += [Route(path, other, include_in_schema=False) for path, other in others.items()]
    app.openapi = _description_of(app)  # type: ignore[method-assign]
    return app


def _description_of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """FastAPI's own description of the routes, with what it cannot know put right."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                tags=app.openapi_tags,
                routes=app.routes,
            )
            _mend(found, needs_key=app.state.economy.settings.auth == "keys")
            app.openapi_schema = found
        return app.openapi_schema

    return describe


def _mend(description: dict[str, Any], *, needs_key: bool) -> None:
    schemas = description["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    schemas.update(batch.schemas_of(LINES))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for schema in schemas.values():
        # Receipts say this in a header, so that a repeated answer is the first one to the byte.
        if schema.get("properties", {}).pop("repeated", None):
            schema["required"].remove("repeated")
    description["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "a key, `scidex_...`, or a token of the issuer"}
    }
    for address, path in description["paths"].items():
        for method, operation in path.items():
            operation["responses"].pop("422", None)
            _secure(operation, address, method, needs_key=needs_key)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "example" not in content:
                    content["example"] = _example_of(content["schema"], schemas)


def _secure(operation: dict[str, Any], address: str, method: str, *, needs_key: bool) -> None:
    """Say of which scopes a key needs one, and which refusals can only be of those who are asked, or of changes."""
    responses = operation["responses"]
    if method == "get":
        # A body that is not read is not too large, and what changes nothing needs no budget.
        for status in ("402", "413"):
            responses.pop(status, None)
    if address in OPEN_PATHS:
        operation["security"] = []
        responses.pop("403", None)
        return
    scopes = scopes_of(operation["operationId"], (method.upper(),))
    keyed: list[dict[str, list[str]]] = [{"key": [scope]} for scope in scopes] or [{"key": []}]
    operation["security"] = keyed if needs_key else [*keyed, {}]
    responses |= {str(status): described(meaning) for status, meaning in OF_KEYS.items()}
    operation["responses"] = dict(sorted(responses.items()))


def _example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    # An optional body is "this or null".
    reference = next(choice["$ref"] for choice in schema.get("anyOf", [schema]) if "$ref" in choice)
    return schemas[reference.rsplit("/", 1)[-1]]["examples"][0]
