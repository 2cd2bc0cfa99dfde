"""What requests are made of: text, amounts, prices, times, pages, and who asks under which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Query, Request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SkipValidation,
    StringConstraints,
    WithJsonSchema,
)
from starlette.responses import Response

from scidex.actors import ReservedName
from scidex.core.db import Tx
from scidex.core.names import check_name
from scidex.economy import Economy
from scidex.policy import HOUSE
from scidex.surfaces.http.problems import RequestInvalid
from scidex.views import Done

Answer = TypeVar("Answer")
Row = TypeVar("Row")
Item = TypeVar("Item")


def _without_nul(text: str) -> str:
    # The one character that JSON carries and PostgreSQL does not.
    if "\0" in text:
        raise ValueError("the character NUL cannot be part of it")
    return text


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_without_nul)]
Amount = Annotated[
    # Not for pydantic to check: what is wrong with an amount has one word at every door, and `parse_amount` says it.
    SkipValidation[str | int | float],
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
    Field(description="whole units, as a number or as a decimal string: 12.5 or `12.5`; nothing is rounded"),
]
When = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Seconds = Annotated[int, Field(strict=True, description="whole seconds")]
Limit = Annotated[int, Query(ge=1, le=1000, description="most items in the answer")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="items to leave out; the `next` of the page before")]
After = Annotated[Text | None, Query(description="the `next` of the page before")]


class Body(BaseModel):
    """What a change is asked for with. A key that is not known is refused: a misspelt limit is not a limit."""

    model_config = ConfigDict(extra="forbid")

    idempotency_key: Text | None = Field(
        default=None, description="the same as the header Idempotency-Key, for clients that cannot set headers"
    )


def example(**fields: Any) -> ConfigDict:
    """The settings of a body, with its example for the documentation."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [fields]})


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks."""

    economy: Economy
    actor: str

    def read(self, work: Callable[[Tx], Answer]) -> Answer:
        """What `work` finds in a read-only transaction."""
        with self.economy.reading(actor=self.actor) as tx:
            return work(tx)


@dataclass(frozen=True, slots=True)
class Caller(Reader):
    """Who asks for a change, and under which key."""

    key: str | None

    def change(self, work: Callable[[Tx, str | None], Done], body: Body | None) -> Response:
        """What `work` did in one transaction, under the key of the request.

        The body of a repeated answer is the first one to the byte; that it was repeated is said in a header.
        """
        key = self._key_with(body)
        done = self.economy.run(lambda tx: work(tx, key), actor=self.actor)
        headers = {"Idempotency-Replayed": "true"} if done.repeated else None
        return Response(done.model_dump_json(exclude={"repeated"}), headers=headers, media_type="application/json")

    def _key_with(self, body: Body | None) -> str | None:
        inside = body.idempotency_key if body else None
        if inside is not None and self.key is not None and inside != self.key:
            raise RequestInvalid(problem="the header Idempotency-Key and the body's idempotency_key differ")
        return self.key if inside is None else inside


def _utf8(given: str, header: str) -> str:
    # HTTP hands headers over as bytes in Latin-1; names are in UTF-8 everywhere.
    try:
        return given.encode("latin-1").decode()
    except UnicodeError:
        raise RequestInvalid(problem=f"the header {header} is not in UTF-8") from None


async def _reader(
    request: Request,
    x_scidex_actor: Annotated[
        str | None, Header(description="who asks, by name; without it, the actor of the server's settings")
    ] = None,
) -> Reader:
    economy: Economy = request.app.state.economy
    given = economy.settings.actor if x_scidex_actor is None else _utf8(x_scidex_actor, "X-Scidex-Actor")
    actor = check_name(given, "actor")
    if actor == HOUSE:
        raise ReservedName(name=actor)
    return Reader(economy, actor)


async def _caller(
    reader: Annotated[Reader, Depends(_reader)],
    idempotency_key: Annotated[
        str | None,
        Header(description="the same key with the same request happens once and is answered the same each time"),
    ] = None,
) -> Caller:
    key = None if idempotency_key is None else _utf8(idempotency_key, "Idempotency-Key")
    return Caller(reader.economy, reader.actor, key)


AsReader = Annotated[Reader, Depends(_reader)]
AsCaller = Annotated[Caller, Depends(_caller)]
