"""The SQL of metering."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.metering.evidence import INTAKES, ROW_FIELDS, IntakeRows, hour_problem
from scidex.metering.model import (
    EVENTS,
    STORES,
    USAGE,
    EventKey,
    EventRow,
    HourKey,
    HourRow,
    IntakeUsage,
    Partition,
    StoreKey,
    StoreRow,
    UsageKey,
    UsagePlace,
    UsageRow,
    UsageTotal,
)

_COLUMNS = (
    "number, line, recorded_at, entity_type, entity_id, actor, reservation, unit, amount, created_at, event, model,"
    " provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens, usd, price_source, work_item, context,"
    " source, resource, tier"
)
_HOUR = "hour, entity_type, entity_id, actor, unit, model, provider"
_SUMS = "amount, calls, input_tokens, output_tokens, cached_tokens, usd, usd_unknown"
_ADD_HOURS = (
    " ON CONFLICT (hour, entity_type, entity_id, actor, unit, model, provider) DO UPDATE SET"
    " amount = usage_hour.amount + excluded.amount, calls = usage_hour.calls + excluded.calls,"
    " input_tokens = usage_hour.input_tokens + excluded.input_tokens,"
    " output_tokens = usage_hour.output_tokens + excluded.output_tokens,"
    " cached_tokens = usage_hour.cached_tokens + excluded.cached_tokens,"
    " usd = usage_hour.usd + excluded.usd, usd_unknown = usage_hour.usd_unknown + excluded.usd_unknown"
)
_HOURS_OF = (
    " date_trunc('hour', created_at, 'UTC') AS hour, entity_type, entity_id, actor, unit,"
    " coalesce(model, '') AS model, coalesce(provider, '') AS provider, sum(amount)::bigint AS amount,"
    " count(*) AS calls, coalesce(sum(input_tokens), 0)::bigint AS input_tokens,"
    " coalesce(sum(output_tokens), 0)::bigint AS output_tokens,"
    " coalesce(sum(cached_tokens), 0)::bigint AS cached_tokens, coalesce(sum(usd), 0) AS usd,"
    " count(*) FILTER (WHERE usd IS NULL) AS usd_unknown"
)


def open_months(tx: Tx, moments: Collection[datetime]) -> None:
    """See that the months of these moments, of which there are some, have their partitions."""
    ends = {_month_of(min(moments)), _month_of(max(moments))}
    months = sorted(ends if len(ends) == 1 else set(map(_month_of, moments)))
    tx.execute("SELECT usage_partition(at) FROM unnest(%s::timestamptz[]) AS at", columns([(at,) for at in months]))


def _month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def insert_usage(tx: Tx, rows: Mapping[UsageKey, UsageRow]) -> None:
    """New rows, and what they add to the sums by the hour: in the order of their keys, and whoever adds to the same
    sums has locked the same accounts before, so nobody waits here in a circle."""
    open_months(tx, [row.used_at for row in rows.values()])
    tx.execute(
        f"WITH given AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::timestamptz[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],"
        f" %s::text[], %s::text[], %s::text[], %s::text[]) AS given ({_COLUMNS})),"
        f" added AS (INSERT INTO resource_usage ({_COLUMNS}) SELECT * FROM given)"
        " INSERT INTO usage_hour"
        f" SELECT {_HOURS_OF} FROM given GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7"
        f" {_ADD_HOURS}",
        columns([(*row[:3], *row.entity, *row[4:]) for row in rows.values()]),
    )


def scan_usage(tx: Tx) -> Iterator[tuple[UsageKey, UsageRow]]:
    """Every row that a command of its own recorded; those of intakes stand beside the journal (`check_intakes`)."""
    for row in tx.execute(
        f"SELECT {_COLUMNS} FROM resource_usage"
        " WHERE number NOT IN (SELECT number FROM journal WHERE kind = 'usage.intake')"
    ):
        usage = _usage(row)
        yield UsageKey(usage.number, usage.line), usage


def _usage(row: Sequence[Any]) -> UsageRow:
    return UsageRow._make((*row[:3], EntityKey(row[3], row[4]), *row[5:]))


_EVENT = "actor, event, unit, number, amount, entity_type, entity_id"


def load_events(tx: Tx, keys: Collection[EventKey]) -> Iterator[tuple[EventKey, EventRow]]:
    """Which of these ids have counted. Nothing is locked: of two that count one at once the later one is done again."""
    asked = "unnest(%s::text[], %s::text[], %s::text[]) AS asked (actor, event, unit)"
    return map(
        _event, tx.each(f"SELECT {_EVENT} FROM {asked} JOIN usage_event USING (actor, event, unit)", columns(keys))
    )


def _event(row: Sequence[Any]) -> tuple[EventKey, EventRow]:
    return EventKey._make(row[:3]), EventRow(row[3], row[4], EntityKey(row[5], row[6]))


def insert_events(tx: Tx, rows: Mapping[EventKey, EventRow]) -> None:
    """Ids that count now."""
    tx.execute(
        f"INSERT INTO usage_event ({_EVENT}) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[],"
        " %s::bigint[], %s::text[], %s::text[])",
        columns([(*key, row.number, row.amount, *row.entity) for key, row in sorted(rows.items())]),
    )


def scan_events(tx: Tx) -> Iterator[tuple[EventKey, EventRow]]:
    """Every id that has counted."""
    yield from map(_event, tx.execute(f"SELECT {_EVENT} FROM usage_event"))


def load_stores(tx: Tx, keys: Collection[StoreKey]) -> Iterator[tuple[StoreKey, StoreRow]]:
    """What is stored, locked in key order."""
    rows = tx.each(
        "SELECT entity_type, entity_id, store, size, since, remainder"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (entity_type, entity_id, store)"
        " JOIN storage_size USING (entity_type, entity_id, store)"
        " ORDER BY entity_type, entity_id, store FOR NO KEY UPDATE OF storage_size",
        columns(keys),
    )
    return ((StoreKey(*row[:3]), StoreRow._make(row)) for row in rows)


def insert_stores(tx: Tx, rows: Mapping[StoreKey, StoreRow]) -> None:
    """Stores observed for the first time."""
    tx.execute(
        "INSERT INTO storage_size (entity_type, entity_id, store, size, since, remainder)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::bigint[])",
        columns(rows.values()),
    )


def update_stores(tx: Tx, rows: Mapping[StoreKey, StoreRow]) -> None:
    """New sizes of stores that are locked."""
    tx.execute(
        "UPDATE storage_size SET size = new.size, since = new.since, remainder = new.remainder"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::bigint[])"
        " AS new (entity_type, entity_id, store, size, since, remainder)"
        " WHERE (storage_size.entity_type, storage_size.entity_id, storage_size.store)"
        " = (new.entity_type, new.entity_id, new.store)",
        columns(rows.values()),
    )


def scan_stores(tx: Tx) -> Iterator[tuple[StoreKey, StoreRow]]:
    """Every store."""
    for row in tx.execute("SELECT entity_type, entity_id, store, size, since, remainder FROM storage_size"):
        yield StoreKey(*row[:3]), StoreRow._make(row)


def add_hours(tx: Tx, rows: Collection[HourRow]) -> None:
    """Add to the sums by the hour, in the order of their keys."""
    tx.execute(
        f"INSERT INTO usage_hour ({_HOUR}, {_SUMS}) SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::bigint[])"
        f" AS new ({_HOUR}, {_SUMS}) ORDER BY {_HOUR} {_ADD_HOURS}",
        columns(rows),
    )


_CANONICAL = ", ".join(ROW_FIELDS)
_COPY_ROWS = f"COPY resource_usage ({_CANONICAL}, number, recorded_at) FROM STDIN"


def copy_rows(tx: Tx, number: int, text: str) -> None:
    """Write the rows of an intake; `text` has their columns but for journal number and time of record."""
    ending = f"\t{number}\t{tx.now.isoformat()}\n"
    with tx.connection.cursor() as cursor, cursor.copy(_COPY_ROWS) as copy:
        copy.write(text.replace("\n", ending))


_COPY_EVENTS = "COPY usage_event (actor, event, unit, amount, entity_type, entity_id, number) FROM STDIN"


def copy_events(tx: Tx, number: int, text: str) -> None:
    """Write the ids that an intake counts; `text` has all but their journal number."""
    with tx.connection.cursor() as cursor, cursor.copy(_COPY_EVENTS) as copy:
        copy.write(text.replace("\n", f"\t{number}\n"))


_FIND = (
    f"SELECT {_COLUMNS} FROM resource_usage WHERE (created_at, number, line) < (%(at)s, %(number)s, %(line)s)"
    " AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)"
    " AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)"
    " AND (%(actor)s::text IS NULL OR actor = %(actor)s) AND (%(unit)s::text IS NULL OR unit = %(unit)s)"
)
_NEWEST = " ORDER BY created_at DESC, number DESC, line DESC LIMIT %(limit)s"
_LAST = (datetime(9999, 12, 31, tzinfo=UTC), 2**62, 0)


def find_usage(
    tx: Tx,
    *,
    entity: EntityKey | None = None,
    actor: str | None = None,
    model: str | None = None,
    unit: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: UsagePlace | None = None,
    limit: int = 100,
) -> list[UsageRow]:
    """A page of usage, the latest first; used from `since` until before `until`."""
    at, number, line = before or _LAST
    asked = {
        "at": at, "number": number, "line": line, "since": since, "until": until, "actor": actor, "unit": unit,
        "type": entity and entity.entity_type, "id": entity and entity.entity_id, "model": model, "limit": limit,
    }  # fmt: skip
    if entity is not None:
        rows = tx.execute(
            f"{_FIND} AND entity_type = %(type)s AND entity_id = %(id)s"
            f" AND (%(model)s::text IS NULL OR model = %(model)s) {_NEWEST}",
            asked,
        )
    elif model is not None:
        rows = tx.execute(f"{_FIND} AND model = %(model)s {_NEWEST}", asked)
    else:
        rows = tx.execute(f"{_FIND} {_NEWEST}", asked)
    return [_usage(row) for row in rows]


def usage_by_hour(
    tx: Tx,
    *,
    entity: EntityKey | None = None,
    actor: str | None = None,
    model: str | None = None,
    unit: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: HourKey | None = None,
    limit: int = 1000,
) -> list[HourRow]:
    """A page of sums by the hour, the earliest first; hours that start from `since` until before `until`."""
    key = entity or (None, None)
    rows = tx.execute(
        f"SELECT {_HOUR}, {_SUMS} FROM usage_hour WHERE (%s::timestamptz IS NULL OR ({_HOUR}) > (%s, %s, %s, %s, %s,"
        " %s, %s)) AND (%s::text IS NULL OR (entity_type = %s AND entity_id = %s))"
        " AND (%s::text IS NULL OR actor = %s) AND (%s::text IS NULL OR model = %s)"
        " AND (%s::text IS NULL OR unit = %s) AND (%s::timestamptz IS NULL OR hour >= %s)"
        f" AND (%s::timestamptz IS NULL OR hour < %s) ORDER BY {_HOUR} LIMIT %s",
        [
            after and after.hour, *(after or (None,) * 7), key[0], *key, actor, actor, model, model, unit, unit,
            since, since, until, until, limit,
        ],
    )  # fmt: skip
    return [HourRow._make((*row[:12], int(row[12]), row[13])) for row in rows]


def usage_totals(
    tx: Tx,
    *,
    by: str = "unit",
    entity: EntityKey | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 1000,
) -> list[UsageTotal]:
    """The sums of whole hours per unit and, with `by`, per model, provider, actor or entity; the dearest first."""
    assert by in ("unit", "model", "provider", "actor", "entity"), by
    key = entity or (None, None)
    rows = tx.execute(
        "SELECT CASE %s WHEN 'model' THEN model WHEN 'provider' THEN provider WHEN 'actor' THEN actor"
        " WHEN 'entity' THEN entity_type || ':' || entity_id ELSE unit END AS name, unit, sum(amount), sum(calls),"
        " sum(input_tokens), sum(output_tokens), sum(cached_tokens), sum(usd), sum(usd_unknown) FROM usage_hour"
        " WHERE (%s::text IS NULL OR (entity_type = %s AND entity_id = %s)) AND (%s::text IS NULL OR actor = %s)"
        " AND (%s::timestamptz IS NULL OR hour >= %s) AND (%s::timestamptz IS NULL OR hour < %s)"
        " GROUP BY 1, 2 ORDER BY sum(usd) DESC, sum(amount) DESC, 1, 2 LIMIT %s",
        [by, key[0], *key, actor, actor, since, since, until, until, limit],
    )
    # Sums of sums may be more than a bigint holds.
    return [UsageTotal._make((*row[:2], *map(int, row[2:]))) for row in rows]


def calls_needed(tx: Tx, model: str, *, unit: str, calls: int, quantile: Decimal) -> dict[str, tuple[int, int]]:
    """Output tokens, and tokens in all, with which that share of each actor's calls would have got by, of so many of a
    model's latest calls."""
    rows = tx.execute(
        "SELECT actor, percentile_disc(%s) WITHIN GROUP (ORDER BY coalesce(output_tokens, amount)),"
        " percentile_disc(%s) WITHIN GROUP (ORDER BY amount)"
        " FROM (SELECT actor, output_tokens, amount FROM resource_usage WHERE model = %s AND unit = %s"
        " ORDER BY created_at DESC LIMIT %s) AS latest GROUP BY actor",
        [float(quantile), float(quantile), model, unit, calls],
    )
    return {actor: (output, total) for actor, output, total in rows}


def find_partitions(tx: Tx) -> list[Partition]:
    """Every month that there is, the earliest first."""
    rows = tx.execute(
        "SELECT opens, (opens AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC', greatest(reltuples, 0),"
        " pg_total_relation_size(part) FROM (SELECT to_timestamp(right(relname, 7) || ' +00', 'YYYY_MM TZH') AS opens,"
        " reltuples::bigint AS reltuples, pg_class.oid AS part FROM pg_inherits"
        " JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'resource_usage'::regclass) AS month"
        " ORDER BY opens"
    )
    return [Partition._make(row) for row in rows]


_COMPARED = (
    f"SELECT {_HOUR}, kept.amount, kept.calls, kept.input_tokens, kept.output_tokens, kept.cached_tokens, kept.usd,"
    " kept.usd_unknown, found.amount, found.calls, found.input_tokens, found.output_tokens, found.cached_tokens,"
    f" found.usd, found.usd_unknown FROM usage_hour AS kept FULL JOIN (SELECT {_HOURS_OF} FROM resource_usage"
    f" GROUP BY 1, 2, 3, 4, 5, 6, 7) AS found USING ({_HOUR})"
    " WHERE (kept.amount, kept.calls, kept.input_tokens, kept.output_tokens, kept.cached_tokens, kept.usd,"
    " kept.usd_unknown) IS DISTINCT FROM (found.amount, found.calls, found.input_tokens, found.output_tokens,"
    " found.cached_tokens, found.usd, found.usd_unknown)"
    f" ORDER BY {_HOUR}"
)


def check_rollups(tx: Tx) -> Iterator[str]:
    """Every sum by the hour that is not the sum of its rows."""
    for row in tx.execute(_COMPARED):
        key, kept, found = HourKey._make(row[:7]), row[7:14], row[14:]
        yield hour_problem(key, _SUMS.split(", "), kept, found)


_OF_INTAKES = "SELECT number FROM journal WHERE kind = 'usage.intake'"
_EVIDENCE = (
    "COPY (SELECT number, line, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
    f" {_CANONICAL.removeprefix('line, created_at, ')} FROM resource_usage WHERE number IN ({_OF_INTAKES})"
    " ORDER BY number, line) TO STDOUT"
)
_MISCOUNTED = (
    "SELECT coalesce(found.number, kept.number), actor, event, unit, kept.number, kept.amount, found.number,"
    " found.amount"
    f" FROM (SELECT {_EVENT} FROM resource_usage WHERE number IN ({_OF_INTAKES}) AND event IS NOT NULL) AS found"
    f" FULL JOIN (SELECT {_EVENT} FROM usage_event WHERE number IN ({_OF_INTAKES})) AS kept"
    " USING (actor, event, unit)"
    " WHERE (kept.number, kept.amount, kept.entity_type, kept.entity_id)"
    " IS DISTINCT FROM (found.number, found.amount, found.entity_type, found.entity_id) ORDER BY 1, 2, 3, 4"
)


def intake_rows(tx: Tx) -> Iterator[tuple[int, bytes]]:
    """Every row that came in bulk with its journal number, as text in the order of `ROW_FIELDS`, by number and line.

    Needs a transaction outside pipeline mode.
    """
    with tx.connection.cursor() as cursor, cursor.copy(_EVIDENCE) as copy:
        for row in copy:
            number, _, text = bytes(row).partition(b"\t")
            yield int(number), text


def check_intakes(tx: Tx) -> Iterator[str]:
    """Every intake whose rows are not those that the journal has the fingerprint and the sums of.

    Needs a transaction outside pipeline mode.
    """
    evidence: defaultdict[int, IntakeRows] = defaultdict(IntakeRows)
    for number, row in intake_rows(tx):
        evidence[number].add(number, row)
    for number, command in tx.execute(
        "SELECT number, command FROM journal WHERE kind = 'usage.intake' ORDER BY number"
    ).fetchall():
        for problem in evidence[number].against(INTAKES.validate_json(command)):
            yield f"journal {number}: {problem}"
    for number, actor, event, unit, kept, counted, found, amount in tx.execute(_MISCOUNTED):
        problem = f"counted {counted} {unit} under {kept} and its row has {amount} under {found}"
        yield f"journal {number}: the event {event!r} of {actor} {problem}"


def find_intake(tx: Tx, number: int) -> IntakeUsage:
    """The command of an intake."""
    (command,) = tx.execute("SELECT command FROM journal WHERE number = %s", [number]).fetchone() or ("",)
    return INTAKES.validate_json(command)


def intake_events(tx: Tx) -> Iterator[tuple[EventKey, EventRow]]:
    """Every id that an intake counted, with what it counted; a replay of the journal must know them."""
    yield from map(_event, tx.execute(f"SELECT {_EVENT} FROM usage_event WHERE number IN ({_OF_INTAKES})"))


bind(EVENTS, load=load_events, insert=insert_events, scan=scan_events)
bind(STORES, load=load_stores, insert=insert_stores, update=update_stores, scan=scan_stores)
bind(USAGE, insert=insert_usage, scan=scan_usage)
