"""Batches: many commands, or many lines of usage, of which each is answered as it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal
from uuid import uuid4

import httpx
from pydantic_core import to_json

from scidex.client.answers import Answer, read_answer
from scidex.client.calls import Manner
from scidex.client.failures import AnswerUnreadable, Unanswered, raise_for, refusal_of
from scidex.core.errors import Refusal

COMMANDS, USAGE = "/api/batch", "/api/economics/usage/batch"
LINES = 10_000
"""Lines of one request; more are sent in several, one after the other."""


class LineAnswer(Answer):
    """What became of a line."""

    line: int
    """Its number, from 1."""
    status: Literal["done", "repeated", "refused"]
    receipt: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None

    @property
    def refusal(self) -> Refusal | None:
        """Why it was refused, of the class of its rule."""
        return None if self.problem is None else refusal_of(self.problem)


class Part:
    """Some of the lines on their way, in one request, which is sent again until each is answered.

    All tries carry the same key, from which the server gives each line its own, so that none is carried out twice.
    """

    def __init__(self, path: str, lines: list[Any], before: int, key: str, manner: Manner, *, whole: bool) -> None:
        self._before, self._count, self._key, self._retries = before, len(lines), key, manner.retries
        self._attempt, self._answered = 0, 0
        self._request_id = uuid4().hex
        self.sent: dict[str, Any] = {
            "method": "POST",
            "url": path,
            "params": {"all_or_nothing": "true"} if whole else None,
            "content": b"\n".join(to_json(line) for line in lines),
            "headers": {
                "X-Request-Id": self._request_id,
                "Idempotency-Key": key,
                "Content-Type": "application/x-ndjson",
            },
            "timeout": httpx.Timeout(manner.timeout_s, read=max(manner.timeout_s, 120)),
        }

    @property
    def complete(self) -> bool:
        """Whether every line is answered."""
        return self._answered >= self._count

    def answer(self, text: str) -> LineAnswer | None:
        """The answer in this line of the response; None if an earlier try had brought it."""
        if not text.strip():
            return None
        try:
            found = read_answer(LineAnswer, text.encode())
        except ValueError as error:
            raise AnswerUnreadable(f"the answer cannot be read: {error}", self._request_id, self._key) from error
        if found.line <= self._answered:
            return None
        self._answered, self._attempt = found.line, 0
        return found.model_copy(update={"line": self._before + found.line})

    def wait_after(self, response: httpx.Response) -> float | None:
        """Seconds to wait before the next try, or None if this is the answer."""
        self._attempt += 1
        return self._retries.after_answer(response, self._attempt, safe=True)

    def wait_after_cut(self, error: Exception | None) -> float:
        """Seconds to wait before the next try. Raises Unanswered where there is none."""
        self._attempt += 1
        wait = self._retries.after_cut(self._attempt, safe=True)
        if wait is None:
            why = str(error) if error else "the answer ended early"
            raise Unanswered(f"{self._answered} of {self._count} lines answered: {why}", self._request_id, self._key)
        return wait

    def check(self, response: httpx.Response) -> None:
        """Raise what an answer that is no list of lines says."""
        raise_for(response, self._request_id, self._key)


def parts_of(
    path: str, lines: Iterable[Mapping[str, Any]], key: str | None, manner: Manner, *, whole: bool
) -> Iterator[Part]:
    """The lines in requests that are not too long; `whole` keeps all of them in one."""
    rest, before, named = iter(lines), 0, key or uuid4().hex
    while some := list(rest if whole else islice(rest, LINES)):
        yield Part(path, some, before, f"{named} {before}", manner, whole=whole)
        before += len(some)
