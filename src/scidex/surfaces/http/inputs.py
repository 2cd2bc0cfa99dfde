"""What requests are made of: text, amounts, prices, times, pages, and who asks under which key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from scidex.access import Principal
from scidex.core import journal
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.surfaces.http.problems import RequestInvalid
from scidex.surfaces.http.rights import scopes_of_route
from scidex.surfaces.http.who import PRINCIPAL, in_utf8
from scidex.views import Ask, Body, Deed, Done, Known, Text, Unread, without_reading

Answer = TypeVar("Answer")
Row = TypeVar("Row")
Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=1000, description="most items in the answer")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="items to leave out; the `next` of the page before")]
After = Annotated[Text | None, Query(description="the `next` of the page before")]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks."""

    economy: Economy
    principal: Principal
    known: Known

    @property
    def actor(self) -> str:
        """By name."""
        return self.principal.actor

    def read(self, work: Callable[[Tx], Answer]) -> Answer:
        """What `work` finds in a read-only transaction."""
        with self.economy.reading(actor=self.actor) as tx:
            return work(tx)

    async def look(self, work: Callable[[Tx], Answer]) -> Answer:
        """The same, without a transaction where nothing has to be read."""
        try:
            return work(without_reading())
        except Unread:
            return await run_in_threadpool(self.read, work)


@dataclass(frozen=True, slots=True)
class Caller(Reader):
    """Who asks for a change, and under which key."""

    key: str | None

    def change(self, work: Callable[[Tx, str | None], Done], body: Body | None) -> Response:
        """What `work` did in one transaction, under the key of the request.

        The body of a repeated answer is the first one to the byte; that it was repeated is said in a header.
        """
        key = self._key_with(body)
        return _answer(self.economy.run(lambda tx: work(tx, key), actor=self.actor))

    def do(self, deed: Deed) -> Response:
        """The same for a body that says itself what is done."""
        return self.change(deed.do, deed)

    def hold(self, work: Callable[[Economy, str | None], Done], body: Body | None) -> Response:
        """The same for what opens a transaction of its own kind."""
        return _answer(work(self.economy, self._key_with(body)))

    async def ask(self, ask: Ask) -> Response:
        """The same for what is asked for often: carried out together with whatever else is asked for now."""
        key = self._key_with(ask)
        command = await self.look(lambda tx: ask.command(tx, self.known))
        request = journal.Request(command, self.actor, key)
        # A client that leaves takes its command back, unless it is being carried out already.
        answer = await asyncio.wrap_future(self.economy.batcher.submit(request))
        if isinstance(answer, Refusal):
            raise answer
        return _answer(await self.look(lambda tx: ask.done(answer, tx, self.known)))

    def _key_with(self, body: Body | None) -> str | None:
        inside = body.idempotency_key if body else None
        if inside is not None and self.key is not None and inside != self.key:
            raise RequestInvalid(problem="the header Idempotency-Key and the body's idempotency_key differ")
        return self.key if inside is None else inside


def _answer(done: Done) -> Response:
    headers = {"Idempotency-Replayed": "true"} if done.repeated else None
    return Response(done.model_dump_json(exclude={"repeated"}), headers=headers, media_type="application/json")


async def _reader(
    request: Request,
    x_scidex_actor: Annotated[
        str | None,
        Header(description="who asks, by name; without it, whose the key is, or the actor of the server's settings"),
    ] = None,
) -> Reader:
    # The edge has found out who asks, before anything of the request was read; what they may ask for, the route says.
    principal: Principal = request.scope[PRINCIPAL]
    principal.require(*scopes_of_route(request.scope["route"]))
    return Reader(request.app.state.economy, principal, request.app.state.known)


async def _caller(
    reader: Annotated[Reader, Depends(_reader)],
    idempotency_key: Annotated[
        str | None,
        Header(description="the same key with the same request happens once and is answered the same each time"),
    ] = None,
) -> Caller:
    key = None if idempotency_key is None else in_utf8(idempotency_key, "Idempotency-Key")
    return Caller(reader.economy, reader.principal, reader.known, key)


AsReader = Annotated[Reader, Depends(_reader)]
AsCaller = Annotated[Caller, Depends(_caller)]
