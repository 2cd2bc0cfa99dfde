"""What every view shares."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from scidex.core.journal import Receipt
from scidex.core.units import TOKEN, to_number

Item = TypeVar("Item")


class View(BaseModel):
    """A thing as programs see it: its keys are stable."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[Item]):
    """A part of a list; `next` is what to pass as `after` (or `offset`) for the following part, null at the end."""

    items: list[Item]
    next: str | int | None = Field(default=None, description="pass it on to get the following page; null at the end")


class Done(View):
    """What every accepted command answers besides its own facts."""

    number: int = Field(description="the command's number in the journal")
    at: datetime = Field(description="when it happened, UTC")
    actor: str = Field(description="who asked for it")
    repeated: bool = Field(description="true if the idempotency key had been used and this is the first answer again")


def tokens(parts: int) -> float:
    """Token parts as tokens."""
    return to_number(parts, TOKEN)


def done(receipt: Receipt[Any]) -> dict[str, Any]:
    return {
        "number": receipt.number,
        "at": receipt.at,
        "actor": receipt.actor,
        "repeated": receipt.repeated,
    }
