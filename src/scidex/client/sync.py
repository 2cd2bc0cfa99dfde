"""The client that waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import httpx

from scidex.client.answers import Page
from scidex.client.calls import CUT, TIMEOUT_S, TRIES, URL, Call, Manner
from scidex.client.events import Following
from scidex.client.lines import COMMANDS, USAGE, LineAnswer, Part, parts_of
from scidex.client.methods import Methods
from scidex.client.request import Request
from scidex.client.retries import Retries
from scidex.client.sending import cursor_of, next_of

P = ParamSpec("P")
T = TypeVar("T")


class Client(Methods):
    """The economy of a server: every operation of its API is a method. Safe to use from several threads.

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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._manner = Manner(url, key, actor, timeout_s, Retries(tries))
        self._http = httpx.Client(**self._manner.settings, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def send(self, request: Request[T], /) -> T:
        """Ask, again if need be, and read the answer. Raises the refusal that it is, or ClientError."""
        call = Call(request, self._manner)
        while True:
            try:
                response = self._http.request(**call.sent)
            except CUT as error:
                time.sleep(call.wait_after_cut(error))
                continue
            wait = call.wait_after(response)
            if wait is None:
                return call.read(response)
            time.sleep(wait)

    def each(self, operation: Callable[P, Page[T]], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        """Every item of all pages of a method of this client: `client.each(client.get_markets, state="open")`."""
        cursor, ask = cursor_of(operation), operation
        given: Any = kwargs
        while True:
            page = ask(*args, **given)
            yield from page.items
            following = next_of(page)
            # A list that grows says where it will go on, even if there is nothing yet.
            if following is None or (not page.items and following == given.get(cursor)):
                return
            given = {**given, cursor: following}

    def batch(
        self, lines: Iterable[Mapping[str, Any]], *, all_or_nothing: bool = False, idempotency_key: str | None = None
    ) -> Iterator[LineAnswer]:
        """Carry out commands, each a mapping with what to `do` (`POST /api/batch`), and yield the answer to each.

        Nothing is sent before the first answer is asked for. With `all_or_nothing` the first refusal is raised and
        nothing happened.
        """
        return self._lines(parts_of(COMMANDS, lines, idempotency_key, self._manner, whole=all_or_nothing))

    def usage_batch(
        self, lines: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Iterator[LineAnswer]:
        """Report lines of usage, as many as there are (`POST /api/economics/usage/batch`); yields each answer."""
        return self._lines(parts_of(USAGE, lines, idempotency_key, self._manner, whole=False))

    def events(
        self, *, topics: str | None = None, subject: str | None = None, after: str | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Events as they happen, each a CloudEvent, behind the one with the id `after` or from now on.

        It ends when it is left. A connection that ends is followed by another, which repeats nothing and, where `after`
        is given or anything has been heard yet (the server speaks every 15 seconds), loses nothing.
        """
        following = Following(topics, subject, after, self._manner)
        while True:
            error: Exception | None = None
            try:
                with self._http.stream(**following.sent) as response:
                    if not response.is_success:
                        response.read()
                        wait = following.wait_after(response)
                        if wait is None:
                            following.check(response)
                        time.sleep(wait or 0)
                        continue
                    for line in response.iter_lines():
                        event = following.take(line)
                        if event is not None:
                            yield event
            except CUT as found:
                error = found
            time.sleep(following.wait_after_end(error))

    def _lines(self, parts: Iterator[Part]) -> Iterator[LineAnswer]:
        for part in parts:
            while not part.complete:
                yield from self._tried(part)

    def _tried(self, part: Part) -> Iterator[LineAnswer]:
        """What one try brings of the answers that are still wanted; waits where another has to follow."""
        error: Exception | None = None
        try:
            with self._http.stream(**part.sent) as response:
                if not response.is_success:
                    response.read()
                    wait = part.wait_after(response)
                    if wait is None:
                        part.check(response)
                    time.sleep(wait or 0)
                    return
                for text in response.iter_lines():
                    answer = part.answer(text)
                    if answer is not None:
                        yield answer
        except CUT as found:
            error = found
        if not part.complete:
            time.sleep(part.wait_after_cut(error))
