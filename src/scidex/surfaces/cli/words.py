"""Arguments that several topics share, and how their text is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Annotated

import typer

from scidex.core.db import Tx
from scidex.core.units import Unit, parse_amount
from scidex.entities import EntityKey, find_entity
from scidex.exchange.markets import PRICE_DECIMALS

PRICE = Unit("price", PRICE_DECIMALS, "tokens per share, or a probability")

Artifact = Annotated[str, typer.Argument(metavar="ARTIFACT", help="Id of the artifact.")]
ArtifactType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Type of the artifact; needed where types share the id.")
]
Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="owner/purpose/unit, as actor:alice/wallet/token.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In whole units, such as 12.5.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="What for, as it stands in the ledger.")]


def artifact_of(tx: Tx, artifact: str, artifact_type: str | None) -> EntityKey:
    """The artifact that was meant. Refuses: UnknownEntity, EntityAmbiguous."""
    return find_entity(tx, entity_id=artifact, entity_type=artifact_type).key


def limit_price_of(text: str | None, side: str) -> int | None:
    """A limit in 10^-12; digits below that are dropped so that the limit is never wider than was asked.

    Refuses: AmountNotNumber, AmountNotFinite, AmountNegative, AmountTooFine, AmountTooLarge.

    >>> limit_price_of("0.33333333333333", "buy"), limit_price_of("0.33333333333333", "sell")
    (333333333333, 333333333334)
    """
    if text is None:
        return None
    exact: str | Decimal = text
    with suppress(InvalidOperation):
        if 0 <= Decimal(text) <= 1:
            part = Decimal(1).scaleb(-PRICE_DECIMALS)
            exact = Decimal(text).quantize(part, ROUND_CEILING if side == "sell" else ROUND_FLOOR)
    return parse_amount(exact, PRICE, field="limit_price", zero=True)


def prices_of(texts: Sequence[str] | None) -> list[int] | None:
    """Start prices in 10^-12, None if none were given. Refuses what `price_of` does."""
    return [parse_amount(text, PRICE, field="price", zero=True) for text in texts] if texts else None


def shares_of(text: str | None, field: str) -> int | None:
    """Shares or tokens in parts. Refuses what `parse_amount` does."""
    return None if text is None else parse_amount(text, field=field)


def time_of(text: str) -> datetime:
    """A moment as ISO 8601 writes it; one without a zone is in UTC, as every time that is shown.

    >>> time_of("2026-03-01 12:00").isoformat(), time_of("2026-03-01T12:00+02:00").isoformat()
    ('2026-03-01T12:00:00+00:00', '2026-03-01T10:00:00+00:00')
    """
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not a time; write one such as 2026-03-01T12:00Z.") from None


def cursor(*names: str) -> str:
    """The place in a list after these names."""
    return json.dumps(names, separators=(",", ":"))


def names_of(text: str | None) -> tuple[str, str]:
    """The two names in a cursor, empty ones at the start of a list.

    >>> names_of(cursor("hypothesis", "tau/amyloid")), names_of(None)
    (('hypothesis', 'tau/amyloid'), ('', ''))
    """
    if text is None:
        return "", ""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or [type(name) for name in names] != [str, str] or "\0" in "".join(names):
        raise typer.BadParameter(f"{text!r} is not the `next` of a page.")
    return names[0], names[1]
