"""What OpenTelemetry's exporters send: spans, of which calls to models are taken in as usage."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from scidex.integrations.otel import take_traces
from scidex.integrations.otlp import JSON, PROTOBUF
from scidex.surfaces.http.inputs import AsCaller
from scidex.surfaces.http.problems import TRACES, largest_body

router = APIRouter(tags=["usage"])
_BINARY = {"schema": {"type": "string", "format": "binary"}, "example": ""}
_ANSWER = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {"rejectedSpans": {"type": "string"}, "errorMessage": {"type": "string"}},
        }
    },
}
_TEXT = {"type": "object", "required": ["key", "value"], "properties": {"key": {"type": "string"}, "value": {}}}
_SPAN = {
    "type": "object",
    "required": ["traceId", "spanId"],
    "properties": {
        "traceId": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "spanId": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "name": {"type": "string"},
        "endTimeUnixNano": {"type": "string"},
        "attributes": {"type": "array", "items": _TEXT},
    },
}


def _told(attributes: dict[str, str | int]) -> list[dict[str, Any]]:
    """Attributes as OTLP's JSON writes them."""
    return [
        {"key": key, "value": {"intValue": str(told)} if isinstance(told, int) else {"stringValue": told}}
        for key, told in attributes.items()
    ]


EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": _told(
                    {"scidex.entity.type": "hypothesis", "scidex.entity.id": "tau-spreads-trans-synaptically"}
                )
            },
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "chat gpt-4o",
                            "attributes": _told(
                                {
                                    "gen_ai.operation.name": "chat",
                                    "gen_ai.provider.name": "openai",
                                    "gen_ai.request.model": "gpt-4o",
                                    "gen_ai.usage.input_tokens": 1180,
                                    "gen_ai.usage.output_tokens": 420,
                                }
                            ),
                        }
                    ]
                }
            ],
        }
    ]
}


def _array(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "array", "items": of}}}


_JSON = {"schema": _array("resourceSpans", _array("scopeSpans", _array("spans", _SPAN))), "example": EXAMPLE}


@router.post(
    TRACES,
    response_class=Response,
    responses={200: {"description": "Taken in", "content": {JSON: {"schema": _ANSWER}, PROTOBUF: _BINARY}}},
    openapi_extra={"requestBody": {"required": True, "content": {JSON: _JSON, PROTOBUF: _BINARY}}},
)
async def post_traces(request: Request, caller: AsCaller) -> Response:
    """Take in spans as OpenTelemetry's exporters send them (OTLP/HTTP): calls to models are charged, each once.

    A call is a span with `gen_ai.usage.*` of an inference; others are passed over. It is charged to the artifact of its
    attributes `scidex.entity.type` and `scidex.entity.id`, or against the reservation in `scidex.reservation.id`. What
    cannot be counted is told in `partialSuccess`. The same span sent again is not counted again.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    told = await run_in_threadpool(
        take_traces,
        caller.economy,
        actor=caller.actor,
        body=body,
        media_type=media_type,
        encoding=request.headers.get("content-encoding"),
        largest=largest_body(request.scope),
    )
    return Response(told, media_type=media_type)
