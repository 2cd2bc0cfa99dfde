"""What all answers share, and how they are read."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter

T = TypeVar("T")
Item = TypeVar("Item")


class Answer(BaseModel):
    """A part of an answer. What a newer server says besides is left out."""

    # Built when it is first read: nobody waits for hundreds of answers that are never asked for.
    model_config = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, populate_by_name=True, protected_namespaces=()
    )


class Page(Answer, Generic[Item]):
    """A part of a list; `Client.each` goes through all of them."""

    items: list[Item]
    next: str | int | None = None


class Receipt(Answer):
    """What every accepted command answers besides its own facts."""

    number: int
    """The command's number in the journal."""
    at: datetime
    """When it happened, UTC."""
    actor: str
    """Who asked for it."""
    repeated: bool = False
    """Whether the idempotency key had been used and this is the first answer again."""


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read_answer(kind: type[T], content: bytes, *, repeated: bool = False) -> T:
    """The answer in a body of JSON, or the text itself where text is asked for; ValueError if it is none."""
    if kind is str:
        return cast("T", content.decode())
    found = _reader(cast("Any", kind)).validate_json(content)
    if repeated and isinstance(found, Receipt):
        found = found.model_copy(update={"repeated": True})
    return cast("T", found)
