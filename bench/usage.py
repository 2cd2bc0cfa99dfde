"""Usage rows taken in per second, beside a raw COPY of the same rows into the same keys, in one run."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg

from bench.server import started
from scidex.core.db import Tx
from scidex.metering import UsageLine, prepare_intake, write_intake

ROWS = 200_000
CHUNK = 10_000
NOW = datetime(2026, 1, 20, tzinfo=UTC)
MODELS = (("claude-sonnet-4-5", "anthropic"), ("gpt-4o", "openai"), ("gemini-2.5-flash", "google"))
RAW = (
    "COPY resource_usage (number, line, recorded_at, created_at, entity_type, entity_id, actor, resource, unit, tier,"
    " amount, model, provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens, usd, price_source,"
    " source, event) FROM STDIN"
)


def made(seed: int) -> list[UsageLine]:
    """Two hours' calls of 64 agents, each at work on one of 200 hypotheses, that a collector delivers at once."""
    draw = random.Random(seed)
    lines = []
    for place in range(ROWS):
        agent = draw.randrange(64)
        model, provider = MODELS[agent % 3]
        given, returned = draw.randrange(100, 5000), draw.randrange(10, 1000)
        moment = NOW - timedelta(microseconds=draw.randrange(7_200_000_000))
        lines.append(
            UsageLine(
                "hypothesis", f"h{agent * 3 + place * 4 // ROWS % 200}", f"agent-{agent}", "llm_standard",
                given + returned, moment, f"{draw.getrandbits(128):032x}", model, provider, given, returned,
                given // 2, 0, source="otel",
            )
        )  # fmt: skip
    return lines


def take_in(connection: psycopg.Connection, lines: list[UsageLine], number: int) -> None:
    """The product's way: checked, priced, counted once, summed, fingerprinted, written."""
    tx = Tx(connection, "collector", NOW)
    for start in range(0, len(lines), CHUNK):
        with connection.transaction():
            prepared = prepare_intake(tx, lines[start : start + CHUNK])
            assert not prepared.refused
            write_intake(tx, number=number + start, prepared=prepared)


def copy_in(connection: psycopg.Connection, lines: list[UsageLine], number: int) -> float:
    """Nothing but the rows and their ids, as text that was made before; seconds."""
    chunks = []
    for start in range(0, len(lines), CHUNK):
        rows, ids = [], []
        for place, line in enumerate(lines[start : start + CHUNK]):
            fields = (
                number + start, place, NOW.isoformat(), line.used_at.isoformat(), line.entity_type, line.entity_id,
                line.actor, "llm_tokens", line.unit, "standard", line.amount, line.model, line.provider,
                line.input_tokens, line.output_tokens, line.cached_tokens, line.cache_write_tokens, 1234,
                "genai-prices 0.2.3", line.source, line.event,
            )  # fmt: skip
            rows.append("\t".join(map(str, fields)))
            ids.append(f"{line.event}\t{number + start}")
        chunks.append(("\n".join(rows) + "\n", "\n".join(ids) + "\n"))
    began = time.perf_counter()
    for rows_text, ids_text in chunks:
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(RAW) as copy:
                copy.write(rows_text)
            with cursor.copy("COPY usage_event (event, number) FROM STDIN") as copy:
                copy.write(ids_text)
    return time.perf_counter() - began


def timed(work: Callable[[], None]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Prints one JSON document; best of three, each way in turn."""
    ours, raw = [], []
    with started() as server:
        url = server.make_database("usage")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET timezone = 'UTC'")
            connection.execute("SET ROLE scidex_app")
            take_in(connection, made(0)[:CHUNK], 1)
            for turn in (1, 2, 3):
                number = turn * 10_000_000
                raw.append(copy_in(connection, made(turn), number))
                lines = made(turn + 100)
                ours.append(timed(partial(take_in, connection, lines, number + 5_000_000)))
    report = {
        "rows": ROWS,
        "rows_per_transaction": CHUNK,
        "intake_rows_per_s": round(ROWS / min(ours)),
        "raw_copy_rows_per_s": round(ROWS / min(raw)),
        "ratio": round(min(raw) / min(ours), 3),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
