"""Arguments that several topics share, and how their text is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import EntityKey, find_entity
from scidex.exchange.liquidity import PlannedChange
from scidex.views import PRICE

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


def prices_of(texts: Sequence[str] | None) -> list[int] | None:
    """Start prices in 10^-12, None if none were given. Refuses what `price_of` does."""
    return [parse_amount(text, PRICE, field="price", zero=True) for text in texts] if texts else None


def shares_of(text: str | None, field: str) -> int | None:
    """Shares or tokens in parts. Refuses what `parse_amount` does."""
    return None if text is None else parse_amount(text, field=field)


def change_of(text: str) -> PlannedChange:
    """A planned change of liquidity as TIME=TOKENS. Refuses what `parse_amount` does.

    >>> change_of("2026-03-01T12:00Z=2.5").liquidity
    2500000
    """
    at, _, tokens = text.rpartition("=")
    return PlannedChange(time_of(at), parse_amount(tokens, field="liquidity"))


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
