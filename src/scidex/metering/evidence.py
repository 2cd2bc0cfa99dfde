"""What rows of usage that came in bulk come to, beside what the journal tells of them: pure, a row at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from scidex.entities import EntityKey
from scidex.metering.model import EventKey, EventRow, HourKey, IntakeCharge, IntakeUsage

NULL = "\\N"
ROW_FIELDS = (
    "line", "created_at", "amount", "event", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens",
    "usd", "entity_type", "entity_id", "actor", "unit", "model", "provider", "work_item", "context", "source",
    "price_source", "resource", "tier",
)  # fmt: skip
"""What the text of a row has, parted by tabs, as PostgreSQL's COPY writes it: this is what is fingerprinted."""
_UNIT = ROW_FIELDS.index("unit")
INTAKES = TypeAdapter(IntakeUsage)
"""Reads the command of an intake back from the journal."""


def add_parts(sums: dict[tuple[str, ...], list[int]], key: tuple[str, ...], parts: Sequence[int]) -> None:
    """Add amount, dollars and what is without a price to the sums under a key."""
    sums[key] = [old + new for old, new in zip(sums.get(key, (0, 0, 0)), parts, strict=True)]


def charges_of(sums: Mapping[tuple[str, ...], Sequence[int]]) -> tuple[IntakeCharge, ...]:
    """The sums by entity, actor and unit as the command has them."""
    return tuple(IntakeCharge._make((*key, *sums[key])) for key in sorted(sums))


@dataclass(slots=True)
class IntakeRows:
    """What the rows of an intake come to that are there now: how many, their fingerprint and their sums."""

    rows: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    sums: dict[tuple[str, ...], list[int]] = field(default_factory=dict)

    def add(self, number: int, row: bytes) -> tuple[EventKey, EventRow] | None:
        """Add the next row, as `render` wrote it, of the intake under that journal number; what it counts, if it has an
        id."""
        self.rows += 1
        self.digest.update(row)
        _, _, amount, event, *_, usd, kind, name, actor, unit = row.decode().split("\t")[: _UNIT + 1]
        kind, name, actor = map(_text, (kind, name, actor))
        parts = int(amount)
        add_parts(self.sums, (kind, name, actor, unit), (parts, 0, parts) if usd == NULL else (parts, int(usd), 0))
        if event == NULL:
            return None
        return EventKey(actor, _text(event), unit), EventRow(number, parts, EntityKey(kind, name))

    def so_far(self) -> str:
        """The fingerprint up to the last row that was added: its first 16 digits, which name a row that was changed."""
        return str(self.digest.hexdigest()[:16])

    def against(self, command: IntakeUsage) -> Iterator[str]:
        """Where the rows are not those that the journal tells of."""
        if self.digest.hexdigest() != command.digest:
            yield "its rows of usage are not those that it has the fingerprint of"
        if self.rows != command.rows:
            yield f"it tells of {command.rows} rows of usage and there are {self.rows}"
        if charges_of(self.sums) != command.charges:
            yield "its rows of usage do not sum to what it charged"


def _text(field: str) -> str:
    # Names hold no tab and no newline, so the backslash is all that COPY escapes.
    return field.replace("\\\\", "\\")


def hour_problem(key: HourKey, names: Sequence[str], kept: Sequence[Any], found: Sequence[Any]) -> str:
    """What is wrong with a sum by the hour: as it is kept, and as its rows make it."""
    at = f"usage_hour {key.hour.isoformat()} {' '.join(key[1:])}"
    if kept[0] is None:
        return f"{at}: is missing; its rows sum to {found[0]}"
    if found[0] is None:
        return f"{at}: says {kept[0]} and has no rows"
    wrong = [f"{name} is {a}, its rows make {b}" for name, a, b in zip(names, kept, found, strict=True) if a != b]
    return f"{at}: {'; '.join(wrong)}"
