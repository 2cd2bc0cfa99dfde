"""Who calls tools, and how what they ask for is carried out: reads in a thread, changes with whatever else is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio.to_thread

from scidex.access import Principal
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.views import Ask, Deed, Done, Known, Unread, without_reading

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal at an economy."""

    economy: Economy
    principal: Principal
    known: Known

    @property
    def actor(self) -> str:
        """Who asks."""
        return self.principal.actor

    async def read(self, work: Callable[[Tx], Answer]) -> Answer:
        """What `work` finds in a read-only transaction."""

        def look() -> Answer:
            with self.economy.reading(actor=self.actor) as tx:
                return work(tx)

        return await anyio.to_thread.run_sync(look)

    async def change(self, body: Ask | Deed) -> Done:
        """Carry out a body: together with whatever else is asked for now, or in a transaction of its own.

        Refuses what the body's command or action refuses, and Overloaded, Stopping.
        """
        if isinstance(body, Deed):
            return await self.in_thread(lambda: self._do(body))
        command = await self._look(lambda tx: body.command(tx, self.known))
        request = Request(command, self.actor, body.idempotency_key)
        # A caller that leaves takes its command back, unless it is being carried out already.
        answer = await asyncio.wrap_future(self.economy.batcher.submit(request))
        if isinstance(answer, Refusal):
            raise answer
        return await self._look(lambda tx: body.done(answer, tx, self.known))

    async def in_thread(self, work: Callable[[], Answer]) -> Answer:
        """What opens a transaction of its own."""
        return await anyio.to_thread.run_sync(work)

    def _do(self, deed: Deed) -> Done:
        return self.economy.run(lambda tx: deed.do(tx, deed.idempotency_key), actor=self.actor)

    async def _look(self, work: Callable[[Tx], Answer]) -> Answer:
        """The same as `read`, without a transaction where nothing has to be read."""
        try:
            return work(without_reading())
        except Unread:
            return await self.read(work)
