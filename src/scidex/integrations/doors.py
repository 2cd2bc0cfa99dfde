"""One economy from here or from afar, in the same words: an `Economy` in this process, or a `Client` of a server."""

from __future__ import annotations

import time
from typing import Any, Protocol

from scidex.client import Client
from scidex.core.errors import Busy
from scidex.core.journal import Request
from scidex.core.units import UNITS, to_number
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.senate.budgets import observe_stored
from scidex.views import Ask, Known, ReleaseTerms, ReserveBody, SettleTerms, UsageBody

_PATIENCE = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to record what was used while the economy does not answer, in seconds."""


class Door(Protocol):
    """What a meter asks of an economy: fields and answers are those of the HTTP API."""

    def reserve(self, **terms: Any) -> Any:
        """Set aside what a piece of work may use: `ReserveBody`."""

    def settle(self, reservation: str, used: list[dict[str, Any]], key: str) -> Any:
        """Say what a reservation was used for: `SettleBody`."""

    def release(self, reservation: str, key: str) -> Any:
        """Let a reservation go of which nothing was used."""

    def use(self, key: str | None = None, **used: Any) -> Any:
        """Record what nobody reserved: `UsageBody`."""

    def store(self, entity: EntityKey, store: str, size: int | None) -> dict[str, float]:
        """Note how many bytes a store holds, and charge what has accrued; that, by unit."""


class _Here:
    """The economy of this process, as one actor."""

    def __init__(self, economy: Economy, actor: str) -> None:
        self._economy = economy
        self._actor = actor
        self._known = Known()

    def reserve(self, **terms: Any) -> Any:
        return self._ask(ReserveBody(**terms), None)

    def settle(self, reservation: str, used: list[dict[str, Any]], key: str) -> Any:
        return self._patiently(SettleTerms.model_validate({"reservation": reservation, "used": used}), key)

    def release(self, reservation: str, key: str) -> Any:
        return self._patiently(ReleaseTerms(reservation=reservation), key)

    def use(self, key: str | None = None, **used: Any) -> Any:
        return self._patiently(UsageBody(**used), key)

    def store(self, entity: EntityKey, store: str, size: int | None) -> dict[str, float]:
        receipt = self._economy.run(
            lambda tx: observe_stored(tx, entity=entity, store=store, size=size), actor=self._actor
        )
        return {unit: to_number(parts, UNITS[unit]) for unit, parts in receipt.result.used}

    def _ask(self, ask: Ask, key: str | None) -> Any:
        with self._economy.reading(actor=self._actor) as tx:
            command = ask.command(tx, self._known)
        receipt = self._economy.batcher.perform(Request(command, self._actor, key))
        with self._economy.reading(actor=self._actor) as tx:
            return ask.done(receipt, tx, self._known)

    def _patiently(self, ask: Ask, key: str | None) -> Any:
        """What was used must not be lost because the database was away for a moment."""
        for pause in _PATIENCE:
            try:
                return self._ask(ask, key)
            except Busy:
                time.sleep(pause)
        return self._ask(ask, key)


class _Afar:
    """The economy of a server, as whom the client asks; it asks again by itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def reserve(self, **terms: Any) -> Any:
        return self._client.post_reservation(**terms)

    def settle(self, reservation: str, used: list[dict[str, Any]], key: str) -> Any:
        given: Any = used
        return self._client.post_settle(reservation, used=given, idempotency_key=key)

    def release(self, reservation: str, key: str) -> Any:
        return self._client.post_release(reservation, idempotency_key=key)

    def use(self, key: str | None = None, **used: Any) -> Any:
        return self._client.post_usage(**used, idempotency_key=key)

    def store(self, entity: EntityKey, store: str, size: int | None) -> dict[str, float]:
        done = self._client.post_stored(
            artifact_type=entity.entity_type, artifact_id=entity.entity_id, store=store, size=size
        )
        return dict(done.used)


def door_of(economy: Economy | Client, actor: str | None = None) -> Door:
    """The door to an economy; `actor` is who asks of one in this process, by default that of its settings."""
    return _Here(economy, actor or economy.settings.actor) if isinstance(economy, Economy) else _Afar(economy)
