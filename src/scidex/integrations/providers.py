"""An httpx transport that counts requests to literature services as calls of their provider, and keeps to its rate.

::

    client = httpx.Client(transport=MeteredTransport(economy, ("hypothesis", "h1"), actor="alice"))
    client.get("https://eutils.ncbi.nlm.nih.gov/entrez/eutils/esearch.fcgi", params={"db": "pubmed", "term": "tau"})

The rate is that of the policy, and the whole fleet's together: a call is reserved before it is sent, out of the
artifact's budget of api_calls, and a second that is full is waited out. Hosts that are no provider's pass as they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from scidex.client import Client
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.integrations.doors import door_of
from scidex.senate.budgets import ProviderRateReached

HOSTS = {
    "eutils.ncbi.nlm.nih.gov": "pubmed",
    "api.semanticscholar.org": "semantic_scholar",
    "api.openalex.org": "openalex",
    "api.crossref.org": "crossref",
}
"""Providers by the host that answers for them."""
_SECONDS = 600
_LONGEST_PAUSE_S = 1.0
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
"""Failures after which the provider has heard nothing."""


class _Gate:
    """Reserves each request before it is sent, and settles it after."""

    def __init__(
        self, economy: Economy | Client, entity: EntityKey | tuple[str, str], actor: str | None, work: str | None,
        hosts: Mapping[str, str], longest_wait_s: float,
    ) -> None:  # fmt: skip
        self._door = door_of(economy, actor)
        self._entity = EntityKey(*entity)
        self._work = work
        self._hosts = hosts
        self.longest_wait_s = longest_wait_s

    def provider_of(self, request: httpx.Request) -> str | None:
        """Whose request it is, or None if nobody counts it."""
        return self._hosts.get(request.url.host.lower())

    def enter(self, provider: str) -> str:
        """The reservation of one call. Refuses: ProviderRateReached (for now), and what `reserve` refuses."""
        found = self._door.reserve(
            artifact_type=self._entity.entity_type,
            artifact_id=self._entity.entity_id,
            provider=provider,
            api_calls=1,
            work=self._work,
            seconds=_SECONDS,
        )
        return str(found.reservation)

    def leave(self, reservation: str, request: httpx.Request, told: str) -> None:
        """Settle the call, which was sent; `told` is what came of it."""
        event = f"httpx {reservation}"
        context = f"{request.method} {request.url.path[:200]} {told}"
        context = "".join(letter if letter.isprintable() else "?" for letter in context)
        used = {"unit": "api_calls", "amount": 1, "event": event, "context": context, "source": "httpx"}
        self._door.settle(reservation, [used], event)

    def forget(self, reservation: str) -> None:
        """Let go of a call that was not sent."""
        self._door.release(reservation, f"httpx {reservation}")

    def ended(self, reservation: str, request: httpx.Request, error: BaseException) -> None:
        """Settle or let go of a call without an answer."""
        if isinstance(error, _UNSENT):
            self.forget(reservation)
        else:
            self.leave(reservation, request, type(error).__name__)

    def pause(self, full: ProviderRateReached, waited_s: float) -> float:
        """Seconds until the next attempt. Refuses: ProviderRateReached, once the longest wait is over."""
        free_at = datetime.fromisoformat(str(full.facts["free_at"]))
        ahead = (free_at - datetime.now(UTC)).total_seconds()
        # Clocks differ, and no second is longer than one.
        wait = min(max(ahead, 0.01), _LONGEST_PAUSE_S)
        if waited_s + wait > self.longest_wait_s:
            raise full
        return wait


class MeteredTransport(httpx.BaseTransport):
    """Counts and paces what goes through `inner`, by default httpx's own transport.

    A request may wait for `longest_wait_s` seconds in all for its turn; then, or at once if that is 0, it is refused
    with ProviderRateReached, whose `free_at` says when to try again. Every attempt is a call, also one that follows a
    redirect. `hosts` says which hosts count, as calls of which provider.
    """

    def __init__(
        self,
        economy: Economy | Client,
        entity: EntityKey | tuple[str, str],
        *,
        actor: str | None = None,
        work: str | None = None,
        inner: httpx.BaseTransport | None = None,
        hosts: Mapping[str, str] = HOSTS,
        longest_wait_s: float = 30.0,
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        self._gate = _Gate(economy, entity, actor, work, hosts, longest_wait_s)
        self._inner = inner or httpx.HTTPTransport()
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once it may be sent. Refuses: ProviderRateReached, and what `reserve` refuses."""
        provider = self._gate.provider_of(request)
        if provider is None:
            return self._inner.handle_request(request)
        reservation = self._admitted(provider)
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            self._gate.ended(reservation, request, error)
            raise
        self._gate.leave(reservation, request, str(response.status_code))
        return response

    def close(self) -> None:
        """Let the connections go."""
        self._inner.close()

    def _admitted(self, provider: str) -> str:
        waited = 0.0
        while True:
            try:
                return self._gate.enter(provider)
            except ProviderRateReached as full:
                pause = self._gate.pause(full, waited)
            self._sleep(pause)
            waited += pause


class AsyncMeteredTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`."""

    def __init__(
        self,
        economy: Economy | Client,
        entity: EntityKey | tuple[str, str],
        *,
        actor: str | None = None,
        work: str | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
        hosts: Mapping[str, str] = HOSTS,
        longest_wait_s: float = 30.0,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._gate = _Gate(economy, entity, actor, work, hosts, longest_wait_s)
        self._inner = inner or httpx.AsyncHTTPTransport()
        self._sleep = sleep

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request once it may be sent. Refuses: ProviderRateReached, and what `reserve` refuses."""
        provider = self._gate.provider_of(request)
        if provider is None:
            return await self._inner.handle_async_request(request)
        reservation = await self._admitted(provider)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            await self._aside(partial(self._gate.ended, reservation, request, error))
            raise
        try:
            await self._aside(partial(self._gate.leave, reservation, request, str(response.status_code)))
        except BaseException:
            await response.aclose()
            raise
        return response

    async def aclose(self) -> None:
        """Let the connections go."""
        await self._inner.aclose()

    async def _aside(self, work: Callable[[], None]) -> None:
        # A cancelled task records its call all the same: it was sent.
        await asyncio.shield(asyncio.to_thread(work))

    async def _admitted(self, provider: str) -> str:
        waited = 0.0
        while True:
            entering = asyncio.ensure_future(asyncio.to_thread(self._gate.enter, provider))
            try:
                return await asyncio.shield(entering)
            except asyncio.CancelledError:
                # The thread goes on and reserves all the same, and nobody would ever end what it holds.
                await asyncio.shield(self._let_go(entering))
                raise
            except ProviderRateReached as full:
                pause = self._gate.pause(full, waited)
            await self._sleep(pause)
            waited += pause

    async def _let_go(self, entering: asyncio.Future[str]) -> None:
        with suppress(Refusal):
            reservation = await entering
            await asyncio.to_thread(self._gate.forget, reservation)
