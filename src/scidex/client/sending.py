"""How an operation becomes a method of a client that sends it, with the operation's own arguments and answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from scidex.client.answers import Page
from scidex.client.request import Request

P = ParamSpec("P")
T = TypeVar("T")
_CURSORS = ("after", "before", "offset")


class Sender(Protocol):
    """Sends a request and waits for its answer."""

    def send(self, request: Request[T], /) -> T: ...


class AsyncSender(Protocol):
    """Sends a request, to be awaited."""

    async def send(self, request: Request[T], /) -> T: ...


def method(operation: Callable[P, Request[T]]) -> Callable[Concatenate[Sender, P], T]:
    """The operation as a method of `Client`."""

    @wraps(operation)
    def call(self: Sender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(operation(*args, **kwargs))

    _describe(call, operation)
    return call


def async_method(operation: Callable[P, Request[T]]) -> Callable[Concatenate[AsyncSender, P], Coroutine[Any, Any, T]]:
    """The operation as a method of `AsyncClient`."""

    @wraps(operation)
    async def call(self: AsyncSender, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(operation(*args, **kwargs))

    _describe(call, operation)
    return call


def _describe(call: Any, operation: Callable[..., Any]) -> None:
    """Let `help` show the arguments of the operation, after `self`."""
    shown = inspect.signature(operation)
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    call.__signature__ = shown.replace(parameters=[itself, *shown.parameters.values()])


def cursor_of(operation: Callable[..., Any]) -> str:
    """The argument by which an operation that answers pages is told where to go on."""
    found = inspect.signature(operation).parameters
    cursor = next((name for name in _CURSORS if name in found), None)
    if cursor is None:
        raise TypeError(f"{getattr(operation, '__name__', operation)} does not answer page by page")
    return cursor


def next_of(page: Page[Any]) -> str | int | None:
    """Where the following page begins, none at the end."""
    return page.next
