"""Usage in bulk, beside a raw COPY of the same rows into the same keys."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from bench.budgets import artifact
from bench.measure import Bench
from bench.server import settings_for
from bench.worlds import actor
from scidex.economy import Economy
from scidex.metering import UsageLine

ROWS = 50_000
CHUNK = 10_000
MODELS = (("claude-sonnet-4-5", "anthropic"), ("gpt-4o", "openai"), ("gemini-2.5-flash", "google"))
COPY_ROWS = (
    "COPY resource_usage (number, line, recorded_at, created_at, entity_type, entity_id, actor, resource, unit, tier,"
    " amount, model, provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens, usd, price_source,"
    " source, event) FROM STDIN"
)
COPY_EVENTS = "COPY usage_event (actor, event, unit, amount, entity_type, entity_id, number) FROM STDIN"
_numbers = itertools.count(10**12, 10**6)


def made(rows: int) -> list[UsageLine]:
    """Two hours' calls of 64 agents, each at work on one of 200 artifacts, that a collector delivers at once."""
    draw, now = random.Random(time.time_ns()), datetime.now(UTC)
    lines = []
    for place in range(rows):
        agent = draw.randrange(64)
        model, provider = MODELS[agent % 3]
        given, returned = draw.randrange(100, 5000), draw.randrange(10, 1000)
        moment = now - timedelta(microseconds=draw.randrange(7_200_000_000))
        entity = artifact((agent * 3 + place * 4 // rows) % 200)
        lines.append(
            UsageLine(
                *entity, actor(agent), "llm_standard", given + returned, moment, f"{draw.getrandbits(128):032x}",
                model, provider, given, returned, given // 2, 0, source="otel",
            )
        )  # fmt: skip
    return lines


def ready(bench: Bench) -> None:
    """With the partition of the month in which the usage is, which COPY cannot make."""
    if not bench.usage_ready:
        _take_in(bench, made(1000))
        bench.usage_ready = True


def taken_in(bench: Bench) -> Mapping[str, float]:
    """Rows per second through `Economy.intake`: checked, priced, counted once, charged, summed and written."""
    return {"rate": ROWS / _take_in(bench, made(ROWS))}


def copied(bench: Bench) -> Mapping[str, float]:
    """Rows per second by COPY alone, of text that was made before."""
    lines = made(ROWS)
    chunks = [_texts(lines[start : start + CHUNK], next(_numbers)) for start in range(0, ROWS, CHUNK)]
    with psycopg.connect(bench.funded, autocommit=True) as connection:
        connection.execute("SET ROLE scidex_app")
        began = time.perf_counter()
        for rows, events in chunks:
            with connection.transaction(), connection.cursor() as cursor:
                with cursor.copy(COPY_ROWS) as copy:
                    copy.write(rows)
                with cursor.copy(COPY_EVENTS) as copy:
                    copy.write(events)
        return {"rate": ROWS / (time.perf_counter() - began)}


def _take_in(bench: Bench, lines: Sequence[UsageLine]) -> float:
    with Economy.open(settings_for(bench.funded)) as economy:
        began = time.perf_counter()
        report = economy.intake(lines, actor="operator")
        taken = time.perf_counter() - began
    for _, refusal in report.refused:
        raise refusal
    return taken


def _texts(lines: Sequence[UsageLine], number: int) -> tuple[str, str]:
    """The rows and the ids of a chunk, as COPY reads them."""
    now = datetime.now(UTC).isoformat()
    rows = []
    for place, line in enumerate(lines):
        assert line.used_at is not None
        fields = (
            number, place, now, line.used_at.isoformat(), line.entity_type, line.entity_id, line.actor, "llm_tokens",
            line.unit, "standard", line.amount, line.model, line.provider, line.input_tokens, line.output_tokens,
            line.cached_tokens, line.cache_write_tokens, 1234, "a price book", line.source, line.event,
        )  # fmt: skip
        rows.append("\t".join(map(str, fields)) + "\n")
    events = [
        (line.actor, line.event, line.unit, line.amount, line.entity_type, line.entity_id, number) for line in lines
    ]
    return "".join(rows), "".join("\t".join(map(str, event)) + "\n" for event in events)
