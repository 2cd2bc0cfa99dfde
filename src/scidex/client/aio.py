"""The client that is awaited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import anyio
import httpx

from scidex.client.answers import Page
from scidex.client.async_methods import AsyncMethods
from scidex.client.calls import CUT, TIMEOUT_S, TRIES, URL, Call, Manner
from scidex.client.events import Following
from scidex.client.lines import COMMANDS, USAGE, LineAnswer, Part, parts_of
from scidex.client.request import Request
from scidex.client.retries import Retries
from scidex.client.sending import cursor_of, next_of

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient(AsyncMethods):
    """The economy of a server: every operation of its API is a method to be awaited.

    For one event loop; otherwise as `Client`.


    `key` is an API key; `actor` names who asks, for a server that believes that. A change gets an idempotency key if
    none is given, so a lost answer is asked for again and nothing happens twice: at most `tries` times in all, each of
    at most `timeout_s` seconds. What the server refuses is raised as the refusal that it is.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        key: str | None = None,
        actor: str | None = None,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._manner = Manner(url, key, actor, timeout_s, Retries(tries))
        self._http = httpx.AsyncClient(**self._manner.settings, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def send(self, request: Request[T], /) -> T:
        """Ask, again if need be, and read the answer. Raises the refusal that it is, or ClientError."""
        call = Call(request, self._manner)
        while True:
            try:
                response = await self._http.request(**call.sent)
            except CUT as error:
                await anyio.sleep(call.wait_after_cut(error))
                continue
            wait = call.wait_after(response)
            if wait is None:
                return call.read(response)
            await anyio.sleep(wait)

    async def each(
        self, operation: Callable[P, Coroutine[Any, Any, Page[T]]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[T]:
        """Every item of all pages of a method of this client: `client.each(client.get_markets, state="open")`."""
        cursor, ask = cursor_of(operation), operation
        given: Any = kwargs
        while True:
            page = await ask(*args, **given)
            for item in page.items:
                yield item
            following = next_of(page)
            # A list that grows says where it will go on, even if there is nothing yet.
            if following is None or (not page.items and following == given.get(cursor)):
                return
            given = {**given, cursor: following}

    def batch(
        self, lines: Iterable[Mapping[str, Any]], *, all_or_nothing: bool = False, idempotency_key: str | None = None
    ) -> AsyncIterator[LineAnswer]:
        """Carry out commands, each a mapping with what to `do` (`POST /api/batch`), and yield the answer to each.

        Nothing is sent before the first answer is asked for. With `all_or_nothing` the first refusal is raised and
        nothing happened.
        """
        return self._lines(parts_of(COMMANDS, lines, idempotency_key, self._manner, whole=all_or_nothing))

    def usage_batch(
        self, lines: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> AsyncIterator[LineAnswer]:
        """Report lines of usage, as many as there are (`POST /api/economics/usage/batch`); yields each answer."""
        return self._lines(parts_of(USAGE, lines, idempotency_key, self._manner, whole=False))

    async def events(
        self, *, topics: str | None = None, subject: str | None = None, after: str | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Events as they happen, each a CloudEvent, behind the one with the id `after` or from now on.

        It ends when it is left. A connection that ends is followed by another, which repeats nothing and, where `after`
        is given or anything has been heard yet (the server speaks every 15 seconds), loses nothing.
        """
        following = Following(topics, subject, after, self._manner)
        while True:
            error: Exception | None = None
            try:
                async with self._http.stream(**following.sent) as response:
                    if not response.is_success:
                        await response.aread()
                        wait = following.wait_after(response)
                        if wait is None:
                            following.check(response)
                        await anyio.sleep(wait or 0)
                        continue
                    async for line in response.aiter_lines():
                        event = following.take(line)
                        if event is not None:
                            yield event
            except CUT as found:
                error = found
            await anyio.sleep(following.wait_after_end(error))

    async def _lines(self, parts: Iterator[Part]) -> AsyncIterator[LineAnswer]:
        for part in parts:
            while not part.complete:
                async for answer in self._tried(part):
                    yield answer

    async def _tried(self, part: Part) -> AsyncIterator[LineAnswer]:
        """What one try brings of the answers that are still wanted; waits where another has to follow."""
        error: Exception | None = None
        try:
            async with self._http.stream(**part.sent) as response:
                if not response.is_success:
                    await response.aread()
                    wait = part.wait_after(response)
                    if wait is None:
                        part.check(response)
                    await anyio.sleep(wait or 0)
                    return
                async for text in response.aiter_lines():
                    answer = part.answer(text)
                    if answer is not None:
                        yield answer
        except CUT as found:
            error = found
        if not part.complete:
            await anyio.sleep(part.wait_after_cut(error))
