"""One call through LiteLLM: what it may use, what it has used, and how that is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import structlog

from scidex.core.errors import Refusal
from scidex.entities import EntityKey
from scidex.integrations.doors import Door

log = structlog.get_logger("scidex.litellm")
SOURCE, ESTIMATE = "litellm", "litellm estimate"
_SECONDS = 600
_PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together_ai": "together",
    "vertex_ai": "google",
    "xai": "x-ai",
}
"""Providers by LiteLLM's name, and by that of the price book."""


class Call:
    """One call from its reservation to its end, which comes once, however the call ends."""

    def __init__(self, door: Door, litellm: Any, entity: EntityKey, work: str | None, asked: dict[str, Any]) -> None:
        """Reserve what the call may use. Refuses: what `reserve` refuses."""
        self._door = door
        self._litellm = litellm
        self._lock = threading.Lock()
        self._ended = False
        self._seen: list[str] = []
        self._chunks = 0
        self._usage: Any = None
        self.model = str(asked["model"])
        self._input = _count(litellm, asked)
        model, provider = _priced(litellm, self.model)
        self._called = {"model": model, "provider": provider}
        choices = int(asked.get("n") or 1)
        most = asked.get("max_completion_tokens") or asked.get("max_tokens")
        terms: dict[str, Any] = {"input_tokens": self._input}
        if "messages" not in asked:
            terms = {"llm_tokens": max(self._input, 1), "input_tokens": max(self._input, 1)}
        elif most is not None:
            terms["max_output_tokens"] = int(most) * choices
        found = door.reserve(
            artifact_type=entity.entity_type,
            artifact_id=entity.entity_id,
            work=work,
            seconds=_SECONDS,
            **self._called,
            **terms,
        )
        self.reservation = str(found.reservation)
        self.asked = dict(asked)
        if "messages" in asked and most is None and found.max_output_tokens is not None:
            # Nobody said how long the answer may become, and no longer than this was set aside.
            self.asked["max_tokens"] = max(1, found.max_output_tokens // choices)
        if asked.get("stream"):
            self.asked["stream_options"] = {**(asked.get("stream_options") or {}), "include_usage": True}

    def see(self, chunk: Any) -> None:
        """Note what a part of a stream brought."""
        self._chunks += 1
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self._usage = usage
        for choice in getattr(chunk, "choices", None) or ():
            delta = getattr(choice, "delta", None)
            self._seen += [str(text) for text in _texts(delta) if text]

    def answered(self, answer: Any) -> None:
        """Settle with what the answer says that it used; with nothing where it came from LiteLLM's cache."""
        if getattr(answer, "_hidden_params", {}).get("cache_hit"):
            self.end("from the cache", release=True)
            return
        self._usage = getattr(answer, "usage", None)
        self.end("answered")

    def failed(self, error: BaseException) -> None:
        """Let the reservation go, unless the call may be going on elsewhere: then its input is recorded, at least."""
        unknown = (self._litellm.Timeout, TimeoutError, asyncio.CancelledError, KeyboardInterrupt, SystemExit)
        self.end(type(error).__name__, release=not isinstance(error, unknown))

    def abandoned(self) -> None:
        """End a stream that nobody reads any more; not here, since this is called while it is taken apart."""
        if not self._ended:
            with suppress(RuntimeError):  # the interpreter ends; the reservation will expire
                threading.Thread(target=self.end, args=("abandoned",)).start()

    def end(self, how: str, *, release: bool = False) -> None:
        """Settle with the usage that was told, or else with what was seen and an estimate of the rest; once.

        What cannot be recorded is logged: the answer was paid for, and is not withheld.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
        key = f"litellm {self.reservation}"
        try:
            if release:
                self._door.release(self.reservation, key)
            else:
                used = self._used(how)
                self._door.settle(self.reservation, [used] if used["input_tokens"] + used["output_tokens"] else [], key)
        except Refusal as refusal:
            log.error("a call was not recorded", reservation=self.reservation, how=how, reason=str(refusal))

    async def aend(self, end: Callable[..., None], *given: Any) -> None:
        """The same without holding up the loop; a cancelled task ends its call all the same."""
        await asyncio.shield(asyncio.to_thread(end, *given))

    def _used(self, how: str) -> dict[str, Any]:
        used = {**self._called, "event": f"litellm {self.reservation}", "source": SOURCE}
        if self._usage is not None:
            return used | _tokens(self._usage)
        text = "".join(self._seen)
        output = self._litellm.token_counter(model=self.model, text=text) if text else 0
        told = {"estimated": ["input_tokens", "output_tokens"], "ended": how, "chunks": self._chunks}
        return used | {
            "input_tokens": self._input,
            "output_tokens": output,
            "source": ESTIMATE,
            "context": json.dumps(told),
        }


def _count(litellm: Any, asked: Mapping[str, Any]) -> int:
    """Input tokens by LiteLLM's tokenizer of the model, which for some providers is only near to theirs."""
    if "messages" in asked:
        return int(
            litellm.token_counter(
                model=asked["model"],
                messages=asked["messages"],
                tools=asked.get("tools"),
                tool_choice=asked.get("tool_choice"),
            )
        )
    given = asked.get("input") or ""
    texts = [given] if isinstance(given, str) else [str(each) for each in given]
    return sum(int(litellm.token_counter(model=asked["model"], text=text)) for text in texts)


def _priced(litellm: Any, model: str) -> tuple[str, str | None]:
    """Model and provider as the price book knows them; the whole name where it does not know the provider."""
    try:
        bare, provider, *_ = litellm.get_llm_provider(model)
    except litellm.BadRequestError:
        return model, None
    known = _PROVIDERS.get(provider)
    return (bare, known) if known is not None else (model, None)


def _texts(delta: Any) -> Iterator[Any]:
    """All that the model wrote in a part of a stream."""
    yield getattr(delta, "content", None)
    yield getattr(delta, "reasoning_content", None)
    for call in getattr(delta, "tool_calls", None) or ():
        function = getattr(call, "function", None)
        yield getattr(function, "name", None)
        yield getattr(function, "arguments", None)


def _tokens(usage: Any) -> dict[str, Any]:
    """Tokens as LiteLLM tells them: input with what was cached, output with reasoning."""
    details = getattr(usage, "prompt_tokens_details", None)
    read = getattr(details, "cached_tokens", None) or getattr(usage, "cache_read_input_tokens", None) or 0
    written = (
        getattr(details, "cache_creation_tokens", None) or getattr(usage, "cache_creation_input_tokens", None) or 0
    )
    given, returned = getattr(usage, "prompt_tokens", None) or 0, getattr(usage, "completion_tokens", None) or 0
    if read + written > given:
        given += read + written
    return {
        "input_tokens": given,
        "output_tokens": returned,
        "cached_tokens": read,
        "cache_write_tokens": written,
    }
