"""The tool that takes many commands at once."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from scidex.surfaces.mcp.caller import Caller
from scidex.surfaces.mcp.tool import Tool
from scidex.views import CHUNK, LINES, Answered, Body, Bulk, Given, View, check_key, example

_LINE = {"do": "buy", "market": "tau-by-2027", "outcome": "yes", "spend": 12.5, "limit_price": 0.7}


class BatchBody(Body):
    """Commands, carried out in order."""

    model_config = example(lines=[_LINE, {"do": "cancel", "market": "tau-by-2027", "order": "o17"}])

    lines: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=CHUNK,
            description="each says what to `do` and takes what the tool of that command takes; scidex://lines has them",
        ),
    ]
    all_or_nothing: bool = Field(
        default=False, description="whether the first refusal denies all, and nothing happened"
    )


class LineView(View):
    """What became of a line."""

    line: int = Field(description="from 1")
    status: Literal["done", "repeated", "refused"]
    receipt: dict[str, Any] | None = None
    problem: dict[str, Any] | None = Field(default=None, description="code, status, detail and facts of a refusal")


class BatchView(View):
    """What became of each line."""

    lines: list[LineView]


def words() -> list[str]:
    """What a line may `do`."""
    return sorted(LINES.json_schema()["discriminator"]["mapping"])


async def _carry_out(caller: Caller, asked: BatchBody) -> BatchView:
    return await caller.in_thread(lambda: _carried_out(caller, asked))


def _carried_out(caller: Caller, asked: BatchBody) -> BatchView:
    key, may = check_key(asked.idempotency_key), caller.principal.require
    bulk = Bulk(caller.economy, caller.actor, key, caller.known, may=may)
    given = [Given(number, line) for number, line in enumerate(asked.lines, start=1)]
    answers: list[Answered] = (bulk.carry_out_whole if asked.all_or_nothing else bulk.carry_out)(given)
    return BatchView(lines=[LineView.model_validate(json.loads(each.text)) for each in answers])


BATCH = Tool(
    "batch",
    f"Carry out up to {CHUNK} commands in one call and one transaction, each refused alone: {', '.join(words())}.",
    (),  # each line needs its own
    BatchBody,
    BatchView,
    _carry_out,
    changes=True,
)
