"""What a tool is: its arguments, what it answers, who may call it, and how it is listed."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import mcp_types as types
from pydantic import BaseModel, ConfigDict, Field, create_model

from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.names import check_name
from scidex.surfaces.mcp.caller import Caller
from scidex.views import Ask, Deed, Text, facts_of

Work = TypeVar("Work", bound=Callable[..., BaseModel])
KEY = "the same key with the same arguments happens once and is answered the same each time; choose one per intention"
Limit = Annotated[int, Field(ge=1, le=200, description="most items in the answer")]
Offset = Annotated[int, Field(ge=0, le=2**31, description="items to leave out; the `next` of the page before")]
After = Annotated[Text | None, Field(description="the `next` of the page before")]
ArtifactId = Annotated[Text, Field(description="an artifact's id")]
ArtifactType = Annotated[Text | None, Field(description="needed where several artifacts have this id")]
ActorName = Annotated[Text | None, Field(description="whose; your own if left out")]


_VALUES = ("examples", "enum", "default", "const", "required")
"""Keys of a schema under which there are values, not schemas."""
DENIAL = {
    "code": "of a denial: the word to act upon",
    "family": "of a denial: Invalid, Forbidden, Missing, Refused or Busy",
    "detail": "of a denial: what is wrong and what to do",
}
"""What stands in an answer that is a denial, besides its facts."""


def whose(tx: Tx, actor: str | None) -> str:
    """The actor that is meant: the one who asks, unless another is named. Refuses: NameInvalid."""
    return tx.actor if actor is None else check_name(actor, "actor")


def allowed(answer: BaseModel) -> dict[str, Any]:
    """ALLOW with the receipt of what was done, or with what was found."""
    return {"decision": "ALLOW", "answer": answer.model_dump(mode="json", by_alias=True)}


def denied(refusal: Refusal) -> dict[str, Any]:
    """DENY with why not and what to do, which is a result that a model can act on; nothing has changed."""
    return {
        "decision": "DENY",
        "code": refusal.code,
        "family": refusal.family,
        "detail": str(refusal),
        "facts": facts_of(refusal),
    }


@dataclass(frozen=True)
class Tool:
    """One verb, which only looks unless it `changes` something; a caller needs one of `scopes`, if there are any."""

    name: str
    description: str
    scopes: tuple[str, ...]
    arguments: type[BaseModel]
    answer: type[BaseModel]
    carry_out: Callable[[Caller, Any], Awaitable[BaseModel]]
    changes: bool = False
    destructive: bool = False

    def listed(self) -> types.Tool:
        """As `tools/list` shows it."""
        return types.Tool(
            name=self.name,
            description=self.description,
            input_schema=_schema_of(self.arguments, keyed=self.changes),
            output_schema=_answer_schema(self.answer),
            annotations=types.ToolAnnotations(
                read_only_hint=not self.changes,
                destructive_hint=self.destructive,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )


class Topic:
    """Tools of one topic, in the order in which they are listed."""

    def __init__(self) -> None:
        self.tools: list[Tool] = []

    def asks(
        self, name: str, ask: type[Ask | Deed], scopes: str, description: str, *, destructive: bool = False
    ) -> None:
        """A tool that carries out a body which other doors take too; `destructive` if it takes something back."""

        async def carry_out(caller: Caller, given: Any) -> BaseModel:
            return await caller.change(given)

        answer = get_type_hints(ask.do if issubclass(ask, Deed) else ask.done)["return"]
        self.tools.append(Tool(name, description, tuple(scopes.split()), ask, answer, carry_out, True, destructive))

    def finds(
        self, name: str, *, given: type[BaseModel] | None = None, example: dict[str, Any] | None = None
    ) -> Callable[[Work], Work]:
        """A tool that looks: a function of a read-only transaction, by whose docstring it is described.

        What follows the transaction are its arguments, or it takes all of them as `given`.
        """

        def declare(work: Work) -> Work:
            hints = get_type_hints(work, include_extras=True)
            arguments = given or _arguments_of(name, work, hints, example or {})

            async def carry_out(caller: Caller, asked: Any) -> BaseModel:
                def look(tx: Tx) -> BaseModel:
                    return work(tx, asked) if given else work(tx, **dict(asked))

                return await caller.read(look)

            described = " ".join((work.__doc__ or "").split())
            self.tools.append(Tool(name, described, ("read",), arguments, hints["return"], carry_out))
            return work

        return declare


def _arguments_of(
    name: str, work: Callable[..., Any], hints: dict[str, Any], example: dict[str, Any]
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
        for parameter in list(inspect.signature(work).parameters.values())[1:]
    }
    settings = ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})
    return create_model(name, __config__=settings, **fields)


def _answer_schema(answer: type[BaseModel]) -> dict[str, Any]:
    schema = _mapped(answer.model_json_schema(mode="serialization"), _without_titles)
    definitions = schema.pop("$defs", {})
    found: dict[str, Any] = {
        "type": "object",
        "required": ["decision"],
        "properties": {
            "decision": {"type": "string", "enum": ["ALLOW", "DENY"]},
            "answer": schema,
            **{name: {"type": "string", "description": said} for name, said in DENIAL.items()},
            "facts": {"type": "object", "description": "of a denial: the same for programs"},
        },
    }
    return {**found, "$defs": definitions} if definitions else found


def _schema_of(arguments: type[BaseModel], *, keyed: bool) -> dict[str, Any]:
    schema = _mapped(arguments.model_json_schema(), _without_nulls, _without_titles)
    schema.pop("description", None)
    # An object is an object, also where it has no arguments at all.
    properties = schema.setdefault("properties", {})
    for shown in [schema, *schema.get("$defs", {}).values()]:
        shown.get("properties", {}).pop("idempotency_key", None)
    if keyed:
        properties["idempotency_key"] = {"type": "string", "description": KEY}
    return schema


def _without_nulls(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema of arguments without null, which is what those that may be left out are by default."""
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(choices) == 1 and len(schema["anyOf"]) == 2 and schema.get("default", ...) is None:
        schema = {**choices[0], **{key: schema[key] for key in schema if key not in ("anyOf", "default")}}
    return {key: value for key, value in schema.items() if not (key == "default" and value is None)}


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema without pydantic's titles, which repeat the names."""
    return {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}


def _mapped(schema: dict[str, Any], *changes: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The same schema, each schema inside it changed too: what a model reads costs it, and these tell it nothing."""
    for change in changes:
        schema = change(schema)
    return {key: value if key in _VALUES else _inside(value, *changes) for key, value in schema.items()}


def _inside(value: Any, *changes: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        return _mapped(value, *changes)
    return [_inside(each, *changes) for each in value] if isinstance(value, list) else value
