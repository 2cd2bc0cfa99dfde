"""Spans that the OpenTelemetry SDK's exporter sends arrive as usage, once."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from opentelemetry import baggage, context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from tests.conftest import DAWN
from tests.integrations.conftest import GAP, line, rows

from scidex import lab, work
from scidex.core.journal import Request
from scidex.economy import Economy
from scidex.entities import RegisterEntity
from scidex.integrations import otel
from scidex.integrations.extras import ExtraMissing
from scidex.integrations.otlp import TracesTooLarge, unpacked
from scidex.integrations.spans import Span as Sent
from scidex.integrations.spans import SpanInvalid, call_of
from scidex.metering import UsageEvent, find_usage
from scidex.senate import budgets
from scidex.surfaces.http import telemetry

AT = int(DAWN.timestamp()) * 10**9
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.output_tokens": 200,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "gen_ai.input.messages": "what was said is nobody's business",
}
OWNED = {"scidex.entity.type": "gap", "scidex.entity.id": "g"}


class Kept(OTLPSpanExporter):
    """The SDK's exporter, which remembers how each export ended."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.results: list[SpanExportResult] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.results.append(super().export(spans))
        return self.results[-1]


@contextmanager
def tracing(url: str, actor: str = "alice", resource: dict[str, str] | None = None, **options: Any) -> Iterator[Any]:
    """A tracer of the SDK that exports each span to the server, and its exporter."""
    exporter = Kept(f"{url}/v1/traces", headers={"X-Scidex-Actor": actor}, timeout=20, **options)
    provider = TracerProvider(resource=Resource(OWNED if resource is None else resource))
    provider.add_span_processor(Baggage())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("agent"), exporter
    provider.shutdown()


class Baggage(SpanProcessor):
    """Copies baggage to spans, as opentelemetry-processor-baggage does."""

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        for name, value in baggage.get_all(parent_context).items():
            span.set_attribute(name, str(value))


def call(tracer: Any, **more: Any) -> None:
    span = tracer.start_span("chat gpt-4o", start_time=AT - 10**9, attributes={**CHAT, **more})
    span.end(end_time=AT)


@contextmanager
def faulty(client: httpx.Client, faults: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A server before the server that answers 503, or hangs up once the request was carried out; what it has done."""
    done: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fault = faults.pop(0) if faults else "pass"
            done.append(fault)
            if fault == "busy":
                self.send_response(503)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            answer = client.post(self.path, content=body, headers=headers)
            assert answer.status_code == 200, answer.text
            if fault == "cut":
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", done
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_span_of_the_sdk_is_usage_of_its_artifact(office: Economy, door: httpx.Client) -> None:
    with tracing(str(door.base_url)) as (tracer, exporter):
        call(tracer, **{"scidex.work.id": "w7"})
        tracer.start_span("invoke_agent", attributes={**CHAT, "gen_ai.operation.name": "invoke_agent"}).end()
        tracer.start_span("GET /", attributes={"http.request.method": "GET"}).end()
    assert exporter.results == [SpanExportResult.SUCCESS] * 3
    (row,) = rows(office)
    assert (row.unit, row.amount, row.input_tokens, row.output_tokens, row.cached_tokens) == (
        "llm_standard",
        1200,
        1000,
        200,
        600,
    )
    assert (row.actor, row.model, row.provider, row.work, row.used_at, row.source) == (
        "alice",
        "gpt-4o-2024-08-06",
        "openai",
        "w7",
        DAWN,
        "otel",
    )
    # 400 at 2.50, 600 cached at 1.25 and 200 at 10 dollars a million.
    assert row.usd == 3_750
    told = json.loads(row.context or "")
    assert told["gen_ai.usage.reasoning.output_tokens"] == 50
    assert "gen_ai.input.messages" not in told
    assert line(office) == (0, 1200, 48_800)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_retries_of_the_exporter_count_once(office: Economy, door: httpx.Client, compression: Compression) -> None:
    with faulty(door, ["busy", "cut"]) as (url, done), tracing(url, compression=compression) as (tracer, exporter):
        call(tracer)
    assert done == ["busy", "cut", "pass"]
    assert exporter.results == [SpanExportResult.SUCCESS]
    assert line(office) == (0, 1200, 48_800)


def span(number: int = 1, **attributes: Any) -> dict[str, Any]:
    """A span as OTLP's JSON has it, with numbers as other programs write them; None leaves an attribute out."""

    def value(given: Any) -> dict[str, Any]:
        if isinstance(given, float):
            return {"doubleValue": given}
        return {"intValue": str(given)} if isinstance(given, int) else {"stringValue": given}

    said = {**CHAT, **OWNED, **attributes}
    return {
        "traceId": f"{number:032X}",
        "spanId": f"{number:016x}",
        "name": "chat",
        "endTimeUnixNano": str(AT),
        "attributes": [{"key": name, "value": value(given)} for name, given in said.items() if given is not None],
    }


def post(door: httpx.Client, *spans: dict[str, Any], actor: str = "alice") -> httpx.Response:
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    return door.post("/v1/traces", json=body, headers={"X-Scidex-Actor": actor})


def refused(answer: httpx.Response) -> str:
    """Why the only span was not counted."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    return answer.json()["partialSuccess"]["errorMessage"]


def reserve(economy: Economy, tokens: int = 5000) -> str:
    with economy.reading(actor="alice") as tx:
        command = budgets.to_reserve(tx, entity=GAP, amounts={"llm_standard": tokens}, usd=1_000_000)
    return economy.perform_all([Request(command, "alice")])[0].result.reservation


def settle(economy: Economy, reservation: str, *events: UsageEvent) -> None:
    economy.perform_all([Request(budgets.Settle(reservation, events), "alice")])


def test_a_busy_server_is_asked_again(office: Economy, door: httpx.Client) -> None:
    held = reserve(office)
    office.batcher.stop()
    answer = post(door, span(**{"scidex.reservation.id": held}))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_baggage_and_an_operator_say_whose_a_span_is(office: Economy, door: httpx.Client) -> None:
    whose = {**OWNED, "scidex.actor": "bob"}
    with tracing(str(door.base_url), actor="operator", resource={}) as (tracer, exporter):
        parent = context.get_current()
        for name, value in whose.items():
            parent = baggage.set_baggage(name, value, parent)
        token = context.attach(parent)
        call(tracer)
        context.detach(token)
    assert exporter.results == [SpanExportResult.SUCCESS]
    (row,) = rows(office)
    assert row.actor == "bob"
    # The agent's own exporter sends the same span.
    ids = str(row.event).removeprefix("otel ").split("/")
    again = {**span(**whose), "traceId": ids[0], "spanId": ids[1]}
    assert post(door, again, actor="bob").json() == {}
    assert len(rows(office)) == 1
    assert "bob and alice reports it" in refused(post(door, span(2, **whose)))


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ({}, (1000, 200, 600, None)),
        ({"gen_ai.usage.input_tokens": 1000.0, "gen_ai.usage.output_tokens": "200"}, (1000, 200, 600, None)),
        (
            {
                "gen_ai.usage.input_tokens": None,
                "gen_ai.usage.prompt_tokens": 70,
                "gen_ai.usage.output_tokens": None,
                "gen_ai.usage.completion_tokens": 60,
                "gen_ai.usage.cache_read.input_tokens": 10,
                "gen_ai.usage.cache_creation.input_tokens": 20,
            },
            (70, 60, 10, 20),
        ),
        ({"gen_ai.usage.cache_write.input_tokens": 100}, (1000, 200, 600, 100)),
        # Who reports less input than was cached counts it apart, and the same with reasoning.
        ({"gen_ai.usage.input_tokens": 30}, (630, 200, 600, None)),
        ({"gen_ai.usage.reasoning.output_tokens": 500}, (1000, 700, 600, None)),
        (
            {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.usage.output_tokens": None,
                "gen_ai.usage.reasoning.output_tokens": None,
            },
            (1000, 0, 600, None),
        ),
        ({"gen_ai.operation.name": None}, (1000, 200, 600, None)),
        ({"gen_ai.operation.name": "execute_tool"}, None),
        ({"gen_ai.usage.input_tokens": None, "gen_ai.usage.output_tokens": None}, None),
        (
            {
                "gen_ai.usage.input_tokens": 0,
                "gen_ai.usage.output_tokens": 0,
                "gen_ai.usage.cache_read.input_tokens": 0,
                "gen_ai.usage.reasoning.output_tokens": 0,
            },
            None,
        ),
    ],
)
def test_tokens_are_read_by_the_names_of_today_and_before(said: dict[str, Any], tokens: Any) -> None:
    found = call_of(Sent("1" * 32, "2" * 16, "chat", AT, {**CHAT, **said}, {}))
    read = found and (found.input_tokens, found.output_tokens, found.cached_tokens, found.cache_write_tokens)
    assert read == tokens


@pytest.mark.parametrize("given", ["many", -1, 0.5, True, float("nan"), 10**15, "9" * 40, [1]])
def test_tokens_that_are_no_number_are_refused(given: object) -> None:
    said = {**CHAT, "gen_ai.usage.output_tokens": given}
    with pytest.raises(SpanInvalid, match="not a whole number of tokens"):
        call_of(Sent("1" * 32, "2" * 16, "chat", AT, said, {}))


def test_context_is_bounded() -> None:
    said = {**CHAT, **{f"gen_ai.request.x{n}": "y" * 300 for n in range(50)}}
    found = call_of(Sent("1" * 32, "2" * 16, "ch\nat", AT, said, {}))
    assert found is not None
    assert len(found.context) <= 1000
    assert json.loads(found.context)["gen_ai.provider.name"] == "openai"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"scidex.entity.id": None}, "names no artifact"),
        ({"scidex.entity.id": "nowhere"}, "nowhere"),
        ({"scidex.reservation.id": "r99"}, "r99"),
        ({"gen_ai.usage.input_tokens": "many"}, "'many'"),
        ({"gen_ai.response.model": "two\nlines"}, "model"),
        ({"scidex.entity.id": "nul\0"}, "scidex.entity.id"),
        ({"scidex.reservation.id": "nul\0"}, "scidex.reservation.id"),
        ({"scidex.work.id": ""}, "scidex.work.id"),
        ({"scidex.actor": "x" * 201}, "scidex.actor"),
    ],
)
def test_a_span_that_cannot_be_counted_is_told_and_the_others_count(
    office: Economy, door: httpx.Client, said: dict[str, Any], why: str
) -> None:
    assert why in refused(post(door, span(1, **said), span(2)))
    assert line(office) == (0, 1200, 48_800)


def test_a_span_without_an_id_is_refused(door: httpx.Client) -> None:
    assert "not all 0" in refused(post(door, span(0)))
    assert "hexadecimal" in refused(post(door, {**span(), "traceId": "ab"}))


def test_a_refusal_is_told_in_protobuf_as_well(office: Economy, door: httpx.Client) -> None:
    sent: list[bytes] = []
    with tracing(str(door.base_url), resource={}) as (tracer, exporter):
        exporter._client.export, send = (lambda body: sent.append(body) or send(body)), exporter._client.export
        call(tracer)
    headers = {"X-Scidex-Actor": "alice", "Content-Type": "application/x-protobuf"}
    answer = door.post("/v1/traces", content=sent[0], headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert told.rejected_spans == 1
    assert "scidex.entity.type" in told.error_message


def test_spans_use_a_reservation_and_leave_the_rest_set_aside(office: Economy, door: httpx.Client) -> None:
    held = reserve(office)
    named = {"scidex.reservation.id": held, "scidex.entity.id": None}
    for _ in range(2):
        assert post(door, span(1, **named), span(2, **named)).json() == {}
    assert line(office) == (2600, 2400, 45_000)
    settle(office, held)
    # A span that comes after is charged all the same, and one that comes again is known.
    assert post(door, span(2, **named), span(3, **named)).json() == {}
    assert line(office) == (0, 3600, 46_400)
    assert [row.reservation for row in rows(office)] == [held, held, None]
    with office.reading() as tx:
        report = lab.audit(tx)
    assert report.ok, report.findings


def test_what_a_settlement_counted_itself_is_not_counted_again(office: Economy, door: httpx.Client) -> None:
    held = reserve(office)
    named = {"scidex.reservation.id": held}
    assert post(door, span(1, **named)).json() == {}
    settle(office, held, UsageEvent("llm_standard", 700, DAWN, "mine"))
    assert "settled with llm_standard of its own" in refused(post(door, span(1, **named), span(2, **named)))
    # Of another tier it said nothing.
    assert post(door, span(3, **named, **{"gen_ai.response.model": "o3"})).json() == {}
    assert (line(office)[1], line(office, "llm_reasoning")[1]) == (1900, 1200)


@pytest.mark.parametrize("by", ["item", "claim"])
def test_spans_of_claimed_work_use_its_reservation(office: Economy, door: httpx.Client, by: str) -> None:
    terms: Any = {"entity": GAP, "kind": "read", "payload": "{}", "amounts": {"llm_standard": 3000}, "usd": 10**6}
    office.run(lambda tx: work.add_work(tx, **terms), actor="operator")
    claimed = office.run(lambda tx: work.claim_work(tx), actor="alice").result
    named = {"scidex.work.id": claimed.item if by == "item" else claimed.claim}
    assert line(office) == (3000, 0, 47_000)
    assert post(door, span(1, **named)).json() == {}
    assert line(office) == (1800, 1200, 47_000)
    # Somebody else's work of that name is a name alone.
    assert post(door, span(2, **named), actor="bob").json() == {}
    assert line(office) == (1800, 2400, 45_800)
    office.run(lambda tx: work.finish_work(tx, claim=claimed.claim), actor="alice")
    assert post(door, span(1, **named), span(3, **named)).json() == {}
    assert line(office) == (0, 3600, 46_400)
    assert [row.actor for row in rows(office)] == ["alice", "bob", "alice"]


@pytest.mark.parametrize("reserved", [True, False])
def test_many_who_send_the_same_spans_at_once_count_each_once(
    office: Economy, door: httpx.Client, reserved: bool
) -> None:
    named = {"scidex.reservation.id": reserve(office, 40_000)} if reserved else {}
    spans = [span(number, **named) for number in range(1, 21)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(door, *spans), range(8)))
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 8
    assert line(office)[1] == 20 * 1200


@pytest.mark.parametrize("how", ["voided", "expired"])
def test_what_was_used_after_all_is_charged(office: Economy, door: httpx.Client, clock: Any, how: str) -> None:
    held = reserve(office)
    if how == "voided":
        office.perform_all([Request(budgets.VoidReservation(held), "alice")])
    else:
        clock.pass_by(601)
        office.perform_all([Request(budgets.ExpireReservation(held), "alice")])
    assert post(door, span(1, **{"scidex.reservation.id": held})).json() == {}
    assert line(office) == (0, 1200, 48_800)
    with office.reading() as tx:
        assert budgets.find_reservation(tx, held).state == how


def test_a_reservation_that_ends_meanwhile_is_read_again(office: Economy) -> None:
    held = reserve(office)
    said = {**CHAT, "scidex.reservation.id": held}
    sent = Sent("1" * 32, "2" * 16, "chat", AT, said, {})
    with office.reading(actor="alice") as tx:
        stale = list(otel._Reader(tx, "alice").read([sent], []))
    settle(office, held)
    problems: list[Any] = []
    otel._use(office, "alice", held, stale, problems)
    assert (problems, line(office)) == ([], (0, 1200, 48_800))


def test_of_another_s_reservation_nothing_is_used(office: Economy, door: httpx.Client) -> None:
    held = reserve(office)
    assert "bob may not change" in refused(post(door, span(1, **{"scidex.reservation.id": held}), actor="bob"))
    settle(office, held)
    assert "of alice and bob reports" in refused(post(door, span(1, **{"scidex.reservation.id": held}), actor="bob"))
    assert line(office) == (0, 0, 50_000)


@pytest.mark.parametrize(
    ("headers", "content", "status", "why"),
    [
        ({"Content-Type": "application/x-protobuf"}, b"\xff\xff", 400, "cannot be parsed"),
        ({"Content-Type": "application/json"}, b"{", 400, "JSON does not fit"),
        ({"Content-Type": "application/json"}, b"[]", 400, "JSON does not fit"),
        ({"Content-Type": "application/json"}, b'{"resourceSpans": [{"x": "\\ud800"}]}', 400, "JSON does not fit"),
        ({"Content-Type": "application/json"}, b"null", 400, "JSON does not fit"),
        ({"Content-Type": "application/json"}, b"[" * 5000, 400, "JSON does not fit"),
        ({"Content-Type": "application/json"}, b'{"resourceSpans": [null]}', 400, "JSON does not fit"),
        (
            {"Content-Type": "application/json"},
            b'{"resourceSpans": [{"resource": {"attributes": [5]}}]}',
            400,
            "not fit",
        ),
        ({"Content-Type": "application/json"}, b'{"resourceSpans": {"a": 1}}', 400, "no array"),
        ({"Content-Type": "text/plain"}, b"", 400, "Content-Type"),
        ({"Content-Type": "application/json", "Content-Encoding": "br"}, b"", 400, "'br'"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}", 400, "not in gzip"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, gzip.compress(b"{}")[:-9], 400, "cut off"),
        ({"Content-Type": "application/json", "X-Scidex-Actor": "nobody"}, b"{}", 404, "nobody"),
    ],
)
def test_what_is_no_export_is_refused(
    office: Economy, door: httpx.Client, headers: dict[str, str], content: bytes, status: int, why: str
) -> None:
    answer = door.post("/v1/traces", content=content, headers={"X-Scidex-Actor": "alice", **headers})
    assert answer.status_code == status, answer.text
    assert why in answer.json()["detail"]


def test_a_bomb_is_not_unpacked() -> None:
    packed = gzip.compress(b" " * 10_000_000)
    with pytest.raises(TracesTooLarge):
        unpacked(packed, "gzip", 1_000_000)
    assert unpacked(gzip.compress(b"{}"), "gzip", 2) == b"{}"


def test_without_the_extra_protobuf_is_refused_and_json_is_not(
    office: Economy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.trace.v1.trace_service_pb2", None)
    given = {"actor": "alice", "encoding": None, "largest": 100}
    with pytest.raises(ExtraMissing, match=r"install scidex\[otel\]"):
        otel.take_traces(office, body=b"", media_type="application/x-protobuf", **given)
    assert otel.take_traces(office, body=b"{}", media_type="application/json", **given) == b"{}"


def test_the_example_of_the_description_is_taken_in(office: Economy, door: httpx.Client) -> None:
    office.perform_all([Request(RegisterEntity("hypothesis", "tau-spreads-trans-synaptically", "t"), "operator")])
    answer = door.post("/v1/traces", json=telemetry.EXAMPLE, headers={"X-Scidex-Actor": "alice"})
    assert (answer.status_code, answer.json()) == (200, {})
    with office.reading() as tx:
        assert [row.amount for row in find_usage(tx)] == [1600]
