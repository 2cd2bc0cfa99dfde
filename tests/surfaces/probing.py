"""How schemathesis is let loose on the application: what it sends, and which of its findings are none."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import CheckNode, Interaction
from tests.surfaces.access import Operation, World, operations

SEED = 6
ENDLESS = ("get_event_stream", "get_stream")
"""Streams, which do not end; tests/events reads them."""
LINE_BY_LINE = ("POST /api/batch", "POST /api/economics/usage/batch", "POST /v1/traces")
"""These answer 200 and say in the answer what of the body they could not take."""
WITH_HEADERS = ("post_entity", "get_entities")
"""Where the headers that every route reads alike are tried. Elsewhere they would hide the route: any other name than
the key's is refused before anything else is looked at."""
BETWEEN_FIELDS = (
    "give one of market and artifact_id",
    "artifact_type is given without artifact_id",
    "give amount, or input_tokens and output_tokens",
    "tier is of llm_tokens; give both, or neither",
    "give exactly one",
    # The description says "a number, or a string" of decimals, and leaves `sort` to its variants.
    "Input should be a valid decimal",
    "Unable to extract tag using discriminator",
    "the character NUL cannot be part of it",
)
"""What is asked of requests and cannot be said of one field alone, or not in JSON Schema."""


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """A text as it is; a value as one line."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.serializer("application/x-protobuf")
def protobuf(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Bytes as they are; hardly ever a message."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Wait for work no longer than it takes to look."""
    wait = case.body.get("wait_s") if isinstance(case.body, dict) else None
    if isinstance(wait, (int, float)) and 0 < wait <= 60:
        case.body["wait_s"] = 0


def named_in(world: World, operation: Operation) -> None:
    """Let the examples of an operation name things that there are."""
    path, body = world.prepared(operation)
    if body is not None:
        operation.facts["requestBody"]["content"]["application/json"]["example"] = body
    found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path), path)
    assert found is not None
    named = found.groupdict()
    named |= {name: it for name, it in (("account", "actor:bob/wallet/token"), ("event", "17-0")) if name in named}
    parameters = operation.facts.get("parameters", [])
    if operation.name not in WITH_HEADERS:
        parameters = [each for each in parameters if each["in"] != "header"]
    for each in parameters:
        if each["in"] == "path":
            each["example"] = named[each["name"]]
    operation.facts["parameters"] = parameters


class Probe:
    """Calls as one caller, what was answered, and what is wrong with it."""

    def __init__(self, app: FastAPI, description: dict[str, Any]) -> None:
        self.app, self.description = app, description
        self.statuses: Counter[int] = Counter()
        self.operations: set[str] = set()
        self.wrong: dict[tuple[str, ...], str] = {}

    @property
    def calls(self) -> int:
        return self.statuses.total()

    def run(self, names: list[str], headers: dict[str, str], *, coverage: bool, examples: int) -> None:
        """Call the named operations by their examples, by what the description bounds, and by that many inventions."""
        config = SchemathesisConfig.from_dict(
            {
                "seed": SEED,
                "headers": headers,
                "continue-on-failure": True,
                "generation": {"deterministic": True, "no-shrink": True, "database": "none"},
                "phases": {
                    "examples": {"enabled": True, "fill-missing": True},
                    "coverage": {"enabled": coverage},
                    "fuzzing": {"enabled": examples > 0, "generation": {"max-examples": max(examples, 1)}},
                    "stateful": {"enabled": False},
                },
                "checks": {
                    # Busy: nothing happened, try again. It is documented of every route.
                    "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
                    # A budget that is short refuses what is right in itself.
                    "positive_data_acceptance": {
                        "expected-statuses": ["2xx", "401", "402", "403", "404", "409", "429", "503"]
                    },
                },
            }
        )
        schema = schemathesis.openapi.from_dict(self.description, config=config)
        schema.app = self.app
        for event in from_schema(schema.include(operation_id=names)).execute():
            self._note(event)

    def _note(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            self.wrong[event.label, "error"] = repr(event.value)
        if not isinstance(event, events.ScenarioFinished):
            return
        recorder = event.recorder
        self.operations.add(recorder.label)
        for interaction in recorder.interactions.values():
            self.statuses[0 if interaction.response is None else interaction.response.status_code] += 1
        for case, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None and not _as_it_should(
                    recorder.label, check, recorder.interactions[case]
                ):
                    self._wrong(recorder.label, check, recorder.interactions[case])

    def _wrong(self, label: str, check: CheckNode, interaction: Interaction) -> None:
        assert check.failure_info is not None
        response = interaction.response
        status, text = ("none", "") if response is None else (str(response.status_code), response.text[:400])
        said = f"{check.failure_info.failure.message}\n{check.failure_info.code_sample[:600]}\n{text}"
        self.wrong.setdefault((label, check.name, status), said)


def _as_it_should(label: str, check: CheckNode, interaction: Interaction) -> bool:
    """Whether the answer is right, although the library cannot know."""
    if check.name == "negative_data_rejection":
        return label in LINE_BY_LINE
    if check.name != "positive_data_acceptance" or interaction.response is None:
        return False
    if interaction.response.status_code != 400:
        return False
    problem = json.loads(interaction.response.text)
    # Rules that have words of their own go beyond what a description of single fields can say.
    return problem["code"] != "request_invalid" or any(rule in problem["detail"] for rule in BETWEEN_FIELDS)


def described(world: World, client: Any) -> tuple[dict[str, Any], list[Operation]]:
    """The description, about things that there are, without what does not end."""
    description: dict[str, Any] = client.get("/openapi.json").json()
    found = [operation for operation in operations(description) if operation.name not in ENDLESS]
    for operation in found:
        named_in(world, operation)
    return description, found
