"""Every answer of no over HTTP: one form (problem+json, RFC 9457), one place that makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Scope

from scidex.core.errors import Busy, Forbidden, Invalid, Missing, Refusal, Refused
from scidex.views import explained, facts_of

MEDIA_TYPE = "application/problem+json"
MAX_BODY_BYTES = 2**20
TRACES = "/v1/traces"
BATCHES = ("/api/batch", "/api/economics/usage/batch", TRACES)
MAX_BATCH_BYTES = 2**26
REFUSAL = "scidex.refusal"
"""Where a request keeps the code of its refusal, for whoever counts and logs it."""
MAX_BATCHES = 8
"""Batches that may be under way at once, each of which may be in memory whole."""


class RequestInvalid(Invalid):
    """The request cannot be understood: {problem}. Mend it; /openapi.json says what each route takes."""


class BodyTooLarge(Invalid):
    """The body is larger than {largest} bytes; send less at once."""

    status = 413


class BatchesBusy(Busy):
    """{batches} batches are under way already; nothing happened, try again in a second with the same key."""


class RouteUnknown(Missing):
    """There is no route {path}; /openapi.json lists those that there are."""


class MethodNotAllowed(Invalid):
    """The route {path} does not take {method}; /openapi.json says what it takes."""

    status = 405


class OriginForeign(Forbidden):
    """A page from {origin} may not act here; only pages of this server's own address may."""


class AddressNotLoopback(Refused):
    """The server would listen on {host}, which other machines can reach, and believes whoever names an actor; set
    SCIDEX_AUTH=keys, or listen on 127.0.0.1."""


class AddressTaken(Refused):
    """The server cannot listen on {host} port {port}: {reason}. Choose another port, or 0 for any free one."""


class Problem(BaseModel):
    """Why a request was refused, and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/insufficient_funds",
                    "title": "Refused",
                    "status": 409,
                    "code": "insufficient_funds",
                    "detail": "actor:alice/wallet/token has 3 token to spend and 12.5 is needed; add 9.5, or ask for"
                    " less.",
                    "instance": "/api/market/order",
                    "facts": {"account": "actor:alice/wallet/token", "unit": "token", "short": "9.5"},
                }
            ]
        }
    )

    type: str = Field(description="/problems/ and the code")
    title: str = Field(description="the family: Invalid, Forbidden, Missing, Refused, Busy or Internal")
    status: int
    code: str = Field(description="the word for this refusal at every door")
    detail: str = Field(description="what is wrong and what to do, for people")
    instance: str = Field(description="the path of the request")
    facts: dict[str, Any] = Field(description="the same for programs")


def largest_body(scope: Scope) -> int:
    """The most bytes that the body of this request may have."""
    return MAX_BATCH_BYTES if scope["path"] in BATCHES else MAX_BODY_BYTES


def refusal_response(scope: Scope, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as problem+json, with the header that tells a client whether to try again."""
    scope[REFUSAL] = refusal.code
    advice = _advice(refusal)
    return _response(
        Problem(
            type=f"/problems/{refusal.code}",
            title=refusal.family,
            status=refusal.status,
            code=refusal.code,
            detail=str(refusal),
            instance=_instance(scope),
            facts=facts_of(refusal),
        ),
        {**advice, **(headers or {})},
    )


def _advice(refusal: Refusal) -> dict[str, str]:
    match refusal.status:
        case 401:
            error = ', error="invalid_token"' if refusal.code == "key_refused" else ""
            return {"WWW-Authenticate": f'Bearer realm="scidex"{error}'}
        case 402:
            return {"x-should-retry": "false"}
        case 429:
            return {"Retry-After": str(refusal.facts["retry_after_s"])}
        case 503:
            return {"Retry-After": "1"}
    return {}


def internal_response(scope: Scope, request_id: str) -> Response:
    """A bug as problem+json; what it was stands in the log under the request's id and nowhere else."""
    return _response(
        Problem(
            type="/problems/internal_error",
            title="Internal",
            status=500,
            code="internal_error",
            detail=f"The server failed on this request. Try again with the same key; if it stays so, report request"
            f" {request_id}, which the server's log explains.",
            instance=_instance(scope),
            facts={"request_id": request_id},
        ),
        {},
    )


def described(meaning: str) -> dict[str, Any]:
    """A refusal in the description of a route."""
    return {"description": meaning, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def add_handlers(app: FastAPI) -> None:
    """Answer every refusal, of the house or of the framework, in the one form."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refusal_response(request.scope, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = [_unparsed(found) for found in error.errors()]
    return refusal_response(request.scope, RequestInvalid(problem=explained(wrong)))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = _allowed(request) if error.status_code == 405 else ""
    return refusal_response(request.scope, _named(request, error), {"Allow": allowed} if allowed else error.headers)


def _allowed(request: Request) -> str:
    """What an address takes; the framework names only the methods of the first of its routes."""
    found = set()
    for template, methods in request.app.openapi()["paths"].items():
        if compile_path(template)[0].fullmatch(request.scope["path"]):
            found |= {method.upper() for method in methods}
    return ", ".join(sorted(found))


def _named(request: Request, error: HTTPException) -> Refusal:
    path = _instance(request.scope)
    match error.status_code:
        case 404:
            return RouteUnknown(path=path)
        case 405:
            return MethodNotAllowed(path=path, method=request.method)
        case 413:
            return BodyTooLarge(largest=largest_body(request.scope))
    # What the framework says here in all cases is that the body could not be parsed, not why.
    return RequestInvalid(problem="the body is nested too deeply, or has a number of thousands of digits")


def _unparsed(found: Mapping[str, Any]) -> Mapping[str, Any]:
    if found["type"] != "json_invalid":
        return found
    return {"loc": (), "msg": f"the body is not JSON, at character {found['loc'][-1]}: {found['ctx']['error']}"}


def _response(problem: Problem, headers: Mapping[str, str]) -> Response:
    # Escaped to ASCII, so that text which no encoding holds (half a surrogate pair) still makes an answer.
    return Response(json.dumps(problem.model_dump()), problem.status, headers, MEDIA_TYPE)


def _instance(scope: Scope) -> str:
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])
