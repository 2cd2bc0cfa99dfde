"""What a span of OpenTelemetry says of a call to a model, by the GenAI conventions of today and those before them.

Input tokens include those read from and written to a cache, output tokens include reasoning, as here. Where a part is
larger than the whole, its reporter counts it apart, and it is added: tokens are never counted twice and none is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from scidex.core.errors import Invalid
from scidex.core.names import check_name

INFERENCE = ("chat", "generate_content", "text_completion", "embeddings")
"""Operations whose tokens count. Those of agents and workflows repeat what their calls have used."""
_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_CACHE_READ = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
_CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
_REASONING = ("gen_ai.usage.reasoning.output_tokens",)
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
_PROVIDERS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
}
"""Providers whose name in the conventions is not that of the price book."""
_CONTENT = ("messages", "instructions", "prompt", "completion", "definitions", "documents", "arguments", "result")
"""What attributes end with that hold what was said: it is none of a ledger's business."""
_CONTEXT_LONGEST = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SpanInvalid(Invalid):
    """The span cannot be counted: {problem}; mend who makes the spans, or report what was used otherwise."""


class Span(NamedTuple):
    """A span as it was exported; ids in hexadecimal, the end in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    name: str
    ended_ns: int
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]


class Call(NamedTuple):
    """A call to a model, as its span tells it; what the span does not say is None."""

    event: str
    used_at: datetime | None
    model: str | None
    provider: str | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int | None
    cache_write_tokens: int | None
    actor: str | None
    entity_type: str | None
    entity_id: str | None
    reservation: str | None
    work: str | None
    context: str


def call_of(span: Span) -> Call | None:
    """The call that a span is of, or None if it is of something else, or used nothing.

    Refuses: SpanInvalid, NameInvalid.
    """
    said = span.attributes
    operation = said.get("gen_ai.operation.name")
    if operation is not None and operation not in INFERENCE:
        return None
    given, returned = _tokens(said, _INPUT), _tokens(said, _OUTPUT)
    if given is None and returned is None:
        return None
    read, written = _tokens(said, _CACHE_READ), _tokens(said, _CACHE_WRITE)
    cached, reasoning = (read or 0) + (written or 0), _tokens(said, _REASONING) or 0
    whole = (given or 0) if cached <= (given or 0) else (given or 0) + cached
    out = (returned or 0) if reasoning <= (returned or 0) else (returned or 0) + reasoning
    if not whole + out:
        return None
    provider = _first(said, _PROVIDER)
    return Call(
        event_of(span),
        _EPOCH + timedelta(microseconds=span.ended_ns // 1000) if span.ended_ns else None,
        _first(said, ("gen_ai.response.model", "gen_ai.request.model")),
        None if provider is None else _PROVIDERS.get(provider, provider),
        whole,
        out,
        read,
        written,
        _own(span, "scidex.actor"),
        _own(span, "scidex.entity.type"),
        _own(span, "scidex.entity.id"),
        _own(span, "scidex.reservation.id"),
        _own(span, "scidex.work.id"),
        context_of(span),
    )


def event_of(span: Span) -> str:
    """The id under which a span counts once. Refuses: SpanInvalid."""
    for id_, digits in ((span.trace_id, 32), (span.span_id, 16)):
        if len(id_) != digits or not set(id_) <= set("0123456789abcdef") or set(id_) == {"0"}:
            raise SpanInvalid(problem=f"{id_[:40]!r} is no id of {digits} hexadecimal digits that are not all 0")
    return f"otel {span.trace_id}/{span.span_id}"


def context_of(span: Span) -> str:
    """What the span says of the call beside its tokens, as JSON of at most 1000 characters, without what was said."""
    kept = [f'"span": {json.dumps(span.name[:100])}']
    left = _CONTEXT_LONGEST - len(kept[0]) - 2
    for name in sorted(span.attributes):
        value = span.attributes[name]
        if not name.startswith(("gen_ai.", "error.", "server.")) or name.endswith(_CONTENT):
            continue
        told = f"{json.dumps(name)}: {json.dumps(value[:100] if isinstance(value, str) else value)}"
        if len(told) + 2 <= left:
            kept.append(told)
            left -= len(told) + 2
    return f"{{{', '.join(kept)}}}"


def _own(span: Span, name: str) -> str | None:
    """An attribute of ours, of the span or else of its process; an operation's baggage is copied to its spans."""
    found = span.attributes.get(name, span.resource.get(name))
    return None if found is None else check_name(str(found), name)


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((str(said[name]) for name in names if said.get(name) not in (None, "")), None)


def _tokens(said: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """The first of these that is there, as a whole number; some report it as text, or as a double."""
    name = next((name for name in names if said.get(name) is not None), None)
    if name is None:
        return None
    given = said[name]
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= 15:
        given = int(given)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if type(given) is not int or not 0 <= given < 10**15:
        raise SpanInvalid(problem=f"{name} is {str(given)[:40]!r}, not a whole number of tokens")
    return given
