"""LiteLLM within a budget: every call is reserved before it is made and settled after, streams at their end.

::

    meter = Meter(economy, ("hypothesis", "h1"), actor="alice")    # or Meter(Client(url, key=...), ...)
    answer = meter.completion(model="gpt-4o", messages=messages)
    with meter.installed():                                        # or for all code that calls litellm.completion
        agent.run()

A call that the budget has no room for is not made. What a call did not say of its tokens, because it was broken off, is
counted with LiteLLM's tokenizer and recorded under the source `litellm estimate`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from scidex.client import Client
from scidex.core.errors import Refusal
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.integrations.doors import door_of
from scidex.integrations.extras import need
from scidex.integrations.litellm_call import Call


class Meter:
    """Makes calls through LiteLLM for an artifact, within its budget.

    A call may name another artifact or a piece of work in its `metadata`, by the names that spans have:
    `scidex.entity.type`, `scidex.entity.id`, `scidex.work.id`.
    """

    def __init__(
        self,
        economy: Economy | Client,
        entity: EntityKey | tuple[str, str],
        *,
        actor: str | None = None,
        work: str | None = None,
    ) -> None:
        """Refuses: ExtraMissing."""
        self._litellm = need("litellm", extra="litellm", what="the meter of LiteLLM")
        self._door = door_of(economy, actor)
        self._entity = EntityKey(*entity)
        self._work = work
        names = ("completion", "acompletion", "embedding", "aembedding")
        self._originals: dict[str, Any] = {name: getattr(self._litellm, name) for name in names}

    def completion(self, *args: Any, **kwargs: Any) -> Any:
        """`litellm.completion` within the budget.

        Raises litellm's APIError with the status of the refusal (402 where a budget is short) and the refusal as its
        `refusal`, before anything is sent.
        """
        return self._made("completion", args, kwargs)

    def embedding(self, *args: Any, **kwargs: Any) -> Any:
        """`litellm.embedding` within the budget; raises as `completion` does."""
        return self._made("embedding", args, kwargs)

    async def acompletion(self, *args: Any, **kwargs: Any) -> Any:
        """`litellm.acompletion` within the budget; raises as `completion` does."""
        return await self._amade("acompletion", args, kwargs)

    async def aembedding(self, *args: Any, **kwargs: Any) -> Any:
        """`litellm.aembedding` within the budget; raises as `completion` does."""
        return await self._amade("aembedding", args, kwargs)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """For so long every call of `litellm.completion` and its kin goes through this meter, those of a Router too.

        A name that was imported out of litellm before is not reached.
        """
        before = {name: getattr(self._litellm, name) for name in self._originals}
        for name in before:
            setattr(self._litellm, name, getattr(self, name))
        try:
            yield
        finally:
            for name, function in before.items():
                setattr(self._litellm, name, function)

    def begin(self, asked: Mapping[str, Any]) -> Call:
        """Reserve a call with these arguments. Raises APIError as `completion` does."""
        said = {**(asked.get("metadata") or {})}
        kind, name = said.get("scidex.entity.type"), said.get("scidex.entity.id")
        entity = EntityKey(str(kind or self._entity.entity_type), str(name)) if name else self._entity
        work = said.get("scidex.work.id", self._work)
        try:
            return Call(self._door, self._litellm, entity, work, dict(asked))
        except Refusal as refusal:
            raise self._error(refusal, str(asked.get("model"))) from refusal

    def _error(self, refusal: Refusal, model: str) -> Exception:
        """Neither LiteLLM nor OpenAI's client asks again after 402."""
        error: Exception = self._litellm.exceptions.APIError(
            status_code=refusal.status, message=str(refusal), llm_provider="scidex", model=model
        )
        error.refusal = refusal  # type: ignore[attr-defined]
        return error

    def _asked(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        parameters = inspect.signature(self._originals[name]).parameters
        return {**dict(zip(parameters, args, strict=False)), **kwargs}

    def _made(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = self.begin(self._asked(name, args, kwargs))
        try:
            answer = self._originals[name](**call.asked)
        except BaseException as error:
            call.failed(error)
            raise
        if call.asked.get("stream"):
            return Stream(answer, call)
        call.answered(answer)
        return answer

    async def _amade(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = await self._abegin(self._asked(name, args, kwargs))
        try:
            answer = await self._originals[name](**call.asked)
        except BaseException as error:
            await call.aend(call.failed, error)
            raise
        if call.asked.get("stream"):
            return AsyncStream(answer, call)
        await call.aend(call.answered, answer)
        return answer

    async def _abegin(self, asked: dict[str, Any]) -> Call:
        beginning = asyncio.ensure_future(asyncio.to_thread(self.begin, asked))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            # The thread goes on and reserves all the same, and nobody would ever end what it holds.
            await asyncio.shield(_let_go(beginning))
            raise


class Stream:
    """A stream that is settled when it ends, or is broken off."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._inner)
        except StopIteration:
            self._call.end("read to its end")
            raise
        except BaseException as error:
            self._call.end(type(error).__name__)
            raise
        self._call.see(chunk)
        return chunk

    def close(self) -> None:
        """Read no further, and settle."""
        self._call.end("closed")
        if hasattr(self._inner, "close"):
            self._inner.close()

    def __del__(self) -> None:
        self._call.abandoned()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class AsyncStream:
    """The same to be awaited."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._inner.__anext__()
        except StopAsyncIteration:
            await self._call.aend(self._call.end, "read to its end")
            raise
        except BaseException as error:
            await self._call.aend(self._call.end, type(error).__name__)
            raise
        self._call.see(chunk)
        return chunk

    async def aclose(self) -> None:
        """Read no further, and settle."""
        await self._call.aend(self._call.end, "closed")
        if hasattr(self._inner, "aclose"):
            await self._inner.aclose()

    def __del__(self) -> None:
        self._call.abandoned()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def _let_go(beginning: asyncio.Future[Call]) -> None:
    with suppress(Exception):  # whatever kept it from reserving, nothing is held
        call = await beginning
        await call.aend(partial(call.end, "cancelled", release=True))
