"""Many commands in one request, a line each, answered line by line while the next ones are carried out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from scidex.core.errors import Busy
from scidex.surfaces.http.inputs import AsCaller
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import (
    LINES,
    LINES_MAX,
    USAGE_LINES,
    Answered,
    Bulk,
    Carrier,
    Given,
    TooManyLines,
    UsageBulk,
    check_key,
    chunks,
    numbered,
    refused,
)

router = APIRouter(tags=["batches"])
LINES_TYPE = "application/x-ndjson"
AllOrNothing = Annotated[
    bool, Query(description="one transaction: the first refusal is the answer, names its line, and nothing happened")
]


def described(model: TypeAdapter[Any]) -> dict[str, Any]:
    """How OpenAPI shows a body of lines: its models are entered by `schemas_of`."""
    schema = model.json_schema(ref_template="#/components/schemas/{model}")
    shown = (schema if "examples" in schema else next(iter(schema["$defs"].values())))["examples"][0]
    schema = {name: value for name, value in schema.items() if name not in ("$defs", "discriminator")}
    array = {"schema": {"type": "array", "minItems": 1, "items": schema}, "example": [shown]}
    text = {"schema": {"type": "string", "description": "one such object per line"}, "example": json.dumps(shown)}
    return {"requestBody": {"required": True, "content": {"application/json": array, LINES_TYPE: text}}}


def schemas_of(model: TypeAdapter[Any]) -> dict[str, Any]:
    """The schemas that such a body refers to, by name."""
    found: dict[str, Any] = model.json_schema(ref_template="#/components/schemas/{model}").get("$defs", {})
    return found


@router.post("/api/batch", response_class=StreamingResponse, openapi_extra=described(LINES))
async def post_batch(request: Request, caller: AsCaller, all_or_nothing: AllOrNothing = False) -> Response:
    """Carry out a command per line, in order: JSON lines (application/x-ndjson), or a JSON array of commands.

    Each line says what to `do`, and what the route of that command takes. The answer, in JSON lines too, has a line for
    each: `{"line": 1, "status": "done", "receipt": {...}}`, `"repeated"` in place of `"done"` if its key had been used
    for the same command before, or `{"line": 2, "status": "refused", "problem": {"code", "status", "detail", ...}}`. A
    line that is refused is refused alone. A thousand lines are one transaction, and are answered as it is done. An
    answer that ends early says nothing of the lines that it leaves out: send the same again.

    A line without an `idempotency_key` of its own gets the header Idempotency-Key, `#` and its number. So the same body
    sent again under the same key does nothing twice, and tries again what was refused. Without the header such lines
    happen each time.
    """
    bulk = Bulk(caller.economy, caller.actor, check_key(caller.key), caller.known, may=caller.principal.require)
    given = await _read(request)
    if all_or_nothing:
        answers = await run_in_threadpool(bulk.carry_out_whole, given)
        return Response(_text(answers), media_type=LINES_TYPE)
    return await _answered(bulk, given)


@router.post("/api/economics/usage/batch", response_class=StreamingResponse, openapi_extra=described(USAGE_LINES))
async def post_usage_batch(request: Request, caller: AsCaller) -> Response:
    """Take in usage that nobody reserved, a line each: JSON lines (application/x-ndjson), or a JSON array.

    The answer has a line for each, as that of `/api/batch`; the receipt is the `number` and `line` of the row of usage,
    and `"repeated"` also says that its `event` had been counted before. Give every line an `event` id of your own, and
    it counts once however often it is sent, in whatever batch. Five thousand lines are one transaction. With the header
    Idempotency-Key the same lines sent again under the same key are not taken in twice; if they differ, those of the
    transaction are refused (`key_reused`). Lines of other actors are for operators to report.
    """
    return await _answered(UsageBulk(caller.economy, caller.actor, check_key(caller.key)), await _read(request))


async def _read(request: Request) -> list[Given]:
    return await run_in_threadpool(_given, await request.body())


async def _answered(bulk: Carrier, given: list[Given]) -> Response:
    rest = chunks(given, bulk.size)
    # If not even these can be carried out, the answer is a problem, as for any other request.
    first = await run_in_threadpool(bulk.carry_out, next(rest))
    return StreamingResponse(_answers(bulk, first, rest), media_type=LINES_TYPE)


async def _answers(bulk: Carrier, first: list[Answered], rest: Iterator[list[Given]]) -> AsyncIterator[str]:
    yield _text(first)
    for chunk in rest:
        try:
            answers = await run_in_threadpool(bulk.carry_out, chunk)
        except Busy as busy:
            # Whoever comes next would wait as long for nothing.
            for left in (chunk, *rest):
                yield _text(refused(each.line, busy) for each in left)
            return
        yield _text(answers)


def _given(body: bytes) -> list[Given]:
    if body.lstrip()[:1] == b"[":
        try:
            given = [Given(number, each) for number, each in enumerate(from_json(body), start=1)]
        except ValueError as error:
            raise RequestInvalid(problem=f"the body is not JSON: {error}") from None
    else:
        if body.count(b"\n") > 2 * LINES_MAX:
            raise TooManyLines(most=LINES_MAX)
        given = list(numbered(body.split(b"\n")))
    if len(given) > LINES_MAX:
        raise TooManyLines(most=LINES_MAX)
    if not given:
        raise RequestInvalid(problem="the body holds no command")
    return given


def _text(answers: Iterable[Answered]) -> str:
    return "".join([f"{answer.text}\n" for answer in answers])
