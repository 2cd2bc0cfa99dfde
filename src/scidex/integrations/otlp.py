"""OTLP/HTTP on the wire: requests in protobuf or JSON, compressed or not, as spans; the answer in the same encoding."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from scidex.core.errors import Invalid
from scidex.integrations.extras import need
from scidex.integrations.spans import Span

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_SERVICE = "opentelemetry.proto.collector.trace.v1.trace_service_pb2"


class TracesInvalid(Invalid):
    """The request is no OTLP export of traces: {problem}. Send {known}, in gzip or not, as OpenTelemetry's exporters
    do."""


class TracesTooLarge(Invalid):
    """The spans are more than {largest} bytes; export fewer at once (max_export_batch_size of the span processor)."""

    status = 413


def unpacked(body: bytes, encoding: str | None, largest: int) -> bytes:
    """The body without its compression, as far as it is not too large. Refuses: TracesInvalid, TracesTooLarge."""
    if encoding in (None, "", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise _invalid(f"its Content-Encoding is {encoding[:40]!r}")
    unpacking = zlib.decompressobj(wbits=47)
    try:
        found = unpacking.decompress(body, largest + 1)
    except zlib.error as error:
        raise _invalid(f"it is not in {encoding}: {error}") from None
    if len(found) > largest:
        raise TracesTooLarge(largest=largest)
    if not unpacking.eof or unpacking.unused_data:
        raise _invalid(f"its {encoding} is cut off, or followed by something else")
    return found


def read_spans(body: bytes, media_type: str) -> list[Span]:
    """The spans of a request. Refuses: TracesInvalid, ExtraMissing (protobuf alone)."""
    if media_type == PROTOBUF:
        return list(_from_protobuf(body))
    if media_type != JSON:
        raise _invalid(f"its Content-Type is {media_type[:60]!r}")
    try:
        return list(_from_json(from_json(body)))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _invalid(f"its JSON does not fit: {str(error)[:200]}") from None


def answer(media_type: str, rejected: int, why: str) -> bytes:
    """An ExportTraceServiceResponse in the encoding of its request. Refuses: ExtraMissing (protobuf alone)."""
    if media_type == PROTOBUF:
        response = _service().ExportTraceServiceResponse()
        if rejected:
            response.partial_success.rejected_spans = rejected
            response.partial_success.error_message = why
        return bytes(response.SerializeToString())
    # As protobuf's JSON writes them, numbers of 64 bits are text.
    partial = {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": why}} if rejected else {}
    return json.dumps(partial).encode()


def _invalid(problem: str) -> TracesInvalid:
    return TracesInvalid(problem=problem, known=f"{PROTOBUF} or {JSON}")


def _service() -> Any:
    return need(_SERVICE, extra="otel", what="OTLP in protobuf")


def _from_protobuf(body: bytes) -> Iterator[Span]:
    request = _service().ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except Exception as error:
        # The library's own class is known only where it is installed.
        if type(error).__name__ != "DecodeError":
            raise
        raise _invalid("its protobuf cannot be parsed") from None
    for each in request.resource_spans:
        resource = {one.key: _value(one.value) for one in each.resource.attributes}
        for scope in each.scope_spans:
            for span in scope.spans:
                attributes = {one.key: _value(one.value) for one in span.attributes}
                ids = span.trace_id.hex(), span.span_id.hex()
                yield Span(*ids, span.name, span.end_time_unix_nano, attributes, resource)


def _value(given: Any) -> Any:
    """A value of an attribute; what is made of several is told as text."""
    which = given.WhichOneof("value")
    if which is None:
        return None
    found = getattr(given, which)
    if which == "array_value":
        return [_value(one) for one in found.values]
    return str(found) if which in ("kvlist_value", "bytes_value") else found


def _from_json(request: Any) -> Iterator[Span]:
    for each in _list(request, "resourceSpans"):
        resource = _attributes(each.get("resource") or {})
        for scope in _list(each, "scopeSpans"):
            for span in _list(scope, "spans"):
                # Ids are in hexadecimal here, unlike other bytes in protobuf's JSON.
                ids = str(span.get("traceId", "")).lower(), str(span.get("spanId", "")).lower()
                ended = int(span.get("endTimeUnixNano") or 0)
                if not 0 <= ended < 2**64:
                    raise ValueError(f"endTimeUnixNano is {str(ended)[:40]}")
                yield Span(*ids, str(span.get("name", "")), ended, _attributes(span), resource)


def _list(found: Mapping[str, Any], name: str) -> list[Any]:
    inside = found.get(name) or []
    if not isinstance(inside, list):
        raise TypeError(f"{name} is no array")
    return inside


def _attributes(found: Mapping[str, Any]) -> dict[str, Any]:
    return {str(one["key"]): _json_value(one.get("value") or {}) for one in _list(found, "attributes") if "key" in one}


def _json_value(given: Mapping[str, Any]) -> Any:
    if "intValue" in given:
        return int(given["intValue"])
    if "arrayValue" in given:
        return [_json_value(one) for one in _list(given["arrayValue"] or {}, "values")]
    for which in ("stringValue", "boolValue", "doubleValue"):
        if which in given:
            return given[which]
    return json.dumps(given)[:1000] if given else None
