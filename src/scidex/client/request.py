"""A request of the server before it is sent: what the generated operations make of their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic_core import to_json

T = TypeVar("T")

Amount = int | float | str | Decimal
"""Whole units: 12.5 or "12.5"; nothing is rounded."""


@dataclass(frozen=True)
class Request(Generic[T]):
    """What to ask; arguments that are None are left out, and the server takes its own default."""

    method: str
    path: str
    """With a {place} for each part of the address that is given."""
    answer: type[T]
    places: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    if_match: int | str | None = None
    """The version that a change is meant for."""
    key: str | None = None
    keyed: bool = False
    """Whether it changes something, once for each idempotency key."""

    @property
    def target(self) -> str:
        """The path with what was given in its places."""
        return self.path.format_map({name: quote(str(value), safe="") for name, value in self.places.items()})

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query, a pair for each value."""
        found = []
        for name, value in self.query.items():
            if value is not None:
                several = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
                found += [(name, _text(each)) for each in several]
        return found

    @property
    def content(self) -> bytes | None:
        """The body as JSON; none where nothing is said and nothing has to be."""
        if self.body is None:
            return None
        return to_json({name: value for name, value in self.body.items() if value is not None})

    @property
    def longest_wait_s(self) -> float:
        """How long the server may be asked to wait before it answers, in seconds."""
        return float((self.body or {}).get("wait_s") or self.query.get("wait_s") or 0)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)
