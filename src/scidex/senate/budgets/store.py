"""The SQL of budgets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.policy import Policy
from scidex.senate.budgets.limits import FLEET_USD, receipt_of, rolled, window_start
from scidex.senate.budgets.model import (
    ACTOR,
    BUDGET_EVENTS,
    BUDGETS,
    DAY,
    ENTITY,
    LIMITS,
    RESERVATIONS,
    Budget,
    BudgetEvent,
    BudgetEventKey,
    BudgetLine,
    Limit,
    LimitKey,
    LimitSet,
    Reservation,
)
from scidex.senate.budgets.refusals import UnknownReservation

_RESERVATION = (
    "reservation, entity_type, entity_id, actor, units, amounts, usd, counted, model, provider, work_item,"
    " max_output_tokens, estimated, state, late, placed_at, expires_at, ended_at, used_units, used_amounts, used_usd"
)
_LIMIT = "scope, subject, unit, window_sort, cap, used, held, window_started_at, warned, override_cap"
_BUDGET_UNITS = ("llm_reasoning", "llm_standard", "llm_batch", "cpu_seconds", "storage_gb_hours", "api_calls", "usd")
_BUDGET = (
    "entity_type, entity_id, pool, llm_reasoning_budget, llm_standard_budget, llm_batch_budget, cpu_parts,"
    " storage_parts, api_call_budget, usd_parts, storage_hours, priority_score, market_weight, roi_score, cycle,"
    " updated_at, version, used_at, noticed_at"
)
_BUDGET_ARRAYS = (
    "%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::bigint[], %s::integer[], %s::float8[], %s::float8[], %s::float8[], %s::text[],"
    " %s::timestamptz[], %s::integer[], %s::timestamptz[], %s::timestamptz[]"
)
_LIMIT_ARRAYS = (
    "%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],"
    " %s::boolean[], %s::bigint[]"
)
_EVENT = "number, line, at, sort, scope, subject, unit, amount, cap, note"


def _reservation(row: Sequence[Any]) -> Reservation:
    entity, actor = EntityKey(row[1], row[2]), row[3]
    subjects = {ACTOR: actor, ENTITY: f"{row[1]}:{row[2]}"}
    counted = []
    for text in row[7]:
        scope, _, unit = text.partition(" ")
        counted.append(LimitKey(scope, subjects.get(scope, ""), unit))
    amounts, used = tuple(zip(row[4], row[5], strict=True)), tuple(zip(row[18], row[19], strict=True))
    return Reservation._make((row[0], entity, actor, amounts, row[6], tuple(counted), *row[8:18], used, row[20]))


def load_reservations(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Reservation]]:
    """Reservations by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_RESERVATION} FROM budget_reservation WHERE reservation = ANY(%s)"
        " ORDER BY reservation FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _reservation(row)) for row in rows)


def insert_reservations(tx: Tx, rows: Mapping[str, Reservation]) -> None:
    """New reservations, some of which may have ended since."""
    tx.execute(
        f"INSERT INTO budget_reservation ({_RESERVATION})"
        " SELECT reservation, entity_type, entity_id, actor, units::text[], amounts::bigint[], usd, counted::text[],"
        " model, provider, work_item, max_output_tokens, estimated, state, late, placed_at, expires_at, ended_at,"
        " used_units::text[], used_amounts::bigint[], used_usd"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],"
        " %s::text[], %s::text[], %s::text[], %s::bigint[], %s::boolean[], %s::text[], %s::boolean[],"
        " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::bigint[])"
        f" AS new ({_RESERVATION})",
        columns(
            (
                row.reservation,
                *row.entity,
                row.actor,
                tuple(unit for unit, _ in row.amounts),
                tuple(amount for _, amount in row.amounts),
                row.usd,
                tuple(f"{key.scope} {key.unit}" for key in row.counted),
                *row[6:16],
                tuple(unit for unit, _ in row.used),
                tuple(amount for _, amount in row.used),
                row.used_usd,
            )
            for row in rows.values()
        ),
    )


def update_reservations(tx: Tx, rows: Mapping[str, Reservation]) -> None:
    """Reservations that are locked: how long they run, how they ended, what was used."""
    tx.execute(
        "UPDATE budget_reservation SET state = new.state, late = new.late, expires_at = new.expires_at,"
        " ended_at = new.ended_at, used_units = new.used_units::text[], used_amounts = new.used_amounts::bigint[],"
        " used_usd = new.used_usd"
        " FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::timestamptz[], %s::timestamptz[], %s::text[],"
        " %s::text[], %s::bigint[])"
        " AS new (reservation, state, late, expires_at, ended_at, used_units, used_amounts, used_usd)"
        " WHERE budget_reservation.reservation = new.reservation",
        columns(
            (
                row.reservation,
                row.state,
                row.late,
                row.expires_at,
                row.ended_at,
                tuple(unit for unit, _ in row.used),
                tuple(amount for _, amount in row.used),
                row.used_usd,
            )
            for row in rows.values()
        ),
    )


def scan_reservations(tx: Tx) -> Iterator[tuple[str, Reservation]]:
    """Every reservation."""
    for row in tx.execute(f"SELECT {_RESERVATION} FROM budget_reservation"):
        yield row[0], _reservation(row)


def load_limits(tx: Tx, keys: Collection[LimitKey]) -> Iterator[tuple[LimitKey, Limit]]:
    """Limits by key, locked in key order."""
    rows = tx.each(
        f"SELECT {_LIMIT} FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (scope, subject, unit)"
        " JOIN budget_limit USING (scope, subject, unit)"
        " ORDER BY scope, subject, unit FOR NO KEY UPDATE OF budget_limit",
        columns(keys),
    )
    return ((limit.key, limit) for limit in map(Limit._make, rows))


def load_limits_alone(tx: Tx, keys: Collection[LimitKey]) -> Iterator[tuple[LimitKey, Limit]]:
    """The same, with the whole table to oneself: nobody decides meanwhile that one of them is not there.

    Whoever reserves finds most limits missing and locks none of those, so a new one waits for all of them to end.
    """
    tx.execute("LOCK TABLE budget_limit IN EXCLUSIVE MODE")
    return load_limits(tx, keys)


def insert_limits(tx: Tx, rows: Mapping[LimitKey, Limit]) -> None:
    """New limits."""
    tx.execute(
        f"INSERT INTO budget_limit ({_LIMIT}) SELECT * FROM unnest({_LIMIT_ARRAYS})",
        columns(rows.values()),
    )


def update_limits(tx: Tx, rows: Mapping[LimitKey, Limit]) -> None:
    """Limits that are locked."""
    tx.execute(
        "UPDATE budget_limit SET window_sort = new.window_sort, cap = new.cap, used = new.used, held = new.held,"
        " window_started_at = new.window_started_at, warned = new.warned, override_cap = new.override_cap"
        f" FROM unnest({_LIMIT_ARRAYS}) AS new ({_LIMIT})"
        " WHERE (budget_limit.scope, budget_limit.subject, budget_limit.unit) = (new.scope, new.subject, new.unit)",
        columns(rows.values()),
    )


def scan_limits(tx: Tx) -> Iterator[tuple[LimitKey, Limit]]:
    """Every limit that was ever counted in or set."""
    for row in tx.execute(f"SELECT {_LIMIT} FROM budget_limit"):
        limit = Limit._make(row)
        yield limit.key, limit


def _budget(row: Sequence[Any]) -> Budget:
    set_parts = zip(_BUDGET_UNITS, row[3:10], strict=True)
    budgets = tuple(sorted((unit, parts) for unit, parts in set_parts if parts is not None))
    return Budget(EntityKey(row[0], row[1]), row[2], budgets, *row[10:])


def _budget_columns(rows: Mapping[EntityKey, Budget]) -> list[str]:
    with_parts = ((row, dict(row.budgets)) for row in rows.values())
    return columns((*row.entity, row.pool, *map(parts.get, _BUDGET_UNITS), *row[3:]) for row, parts in with_parts)


def load_budgets(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Budget]]:
    """Budget rows by artifact, locked in key order."""
    rows = tx.each(
        f"SELECT {_BUDGET} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN resource_budgets USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id FOR NO KEY UPDATE OF resource_budgets",
        columns(keys),
    )
    return ((budget.entity, budget) for budget in map(_budget, rows))


def insert_budgets(tx: Tx, rows: Mapping[EntityKey, Budget]) -> None:
    """New budget rows."""
    tx.execute(
        f"INSERT INTO resource_budgets ({_BUDGET}) SELECT * FROM unnest({_BUDGET_ARRAYS})",
        _budget_columns(rows),
    )


def update_budgets(tx: Tx, rows: Mapping[EntityKey, Budget]) -> None:
    """Budget rows that are locked."""
    tx.execute(
        "UPDATE resource_budgets SET pool = new.pool, llm_reasoning_budget = new.llm_reasoning_budget,"
        " llm_standard_budget = new.llm_standard_budget, llm_batch_budget = new.llm_batch_budget,"
        " cpu_parts = new.cpu_parts, storage_parts = new.storage_parts, api_call_budget = new.api_call_budget,"
        " usd_parts = new.usd_parts, storage_hours = new.storage_hours, priority_score = new.priority_score,"
        " market_weight = new.market_weight, roi_score = new.roi_score, cycle = new.cycle,"
        " updated_at = new.updated_at, version = new.version, used_at = new.used_at, noticed_at = new.noticed_at"
        f" FROM unnest({_BUDGET_ARRAYS}) AS new ({_BUDGET})"
        " WHERE (resource_budgets.entity_type, resource_budgets.entity_id) = (new.entity_type, new.entity_id)",
        _budget_columns(rows),
    )


def scan_budgets(tx: Tx) -> Iterator[tuple[EntityKey, Budget]]:
    """Every budget row."""
    for row in tx.execute(f"SELECT {_BUDGET} FROM resource_budgets"):
        budget = _budget(row)
        yield budget.entity, budget


def insert_events(tx: Tx, rows: Mapping[BudgetEventKey, BudgetEvent]) -> None:
    """New events."""
    tx.execute(
        f"INSERT INTO budget_event ({_EVENT})"
        " SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::bigint[], %s::bigint[], %s::text[])",
        columns(rows.values()),
    )


def scan_events(tx: Tx) -> Iterator[tuple[BudgetEventKey, BudgetEvent]]:
    """Every event."""
    for event in map(BudgetEvent._make, tx.execute(f"SELECT {_EVENT} FROM budget_event")):
        yield BudgetEventKey(*event[:2]), event


def find_reservation(tx: Tx, reservation: str) -> Reservation:
    """A reservation as it is now. Refuses: UnknownReservation."""
    row = tx.execute(f"SELECT {_RESERVATION} FROM budget_reservation WHERE reservation = %s", [reservation]).fetchone()
    if row is None:
        raise UnknownReservation(reservation=reservation)
    return _reservation(row)


def find_reservations(
    tx: Tx, *, entity: EntityKey | None = None, actor: str | None = None, offset: int = 0, limit: int = 100
) -> list[Reservation]:
    """A page of the open reservations, of an artifact or an actor if given, the oldest first."""
    key = entity or (None, None)
    rows = tx.execute(
        f"SELECT {_RESERVATION} FROM budget_reservation WHERE state = 'open'"
        " AND (%s::text IS NULL OR (entity_type, entity_id) = (%s, %s)) AND (%s::text IS NULL OR actor = %s)"
        " ORDER BY placed_at, reservation LIMIT %s OFFSET %s",
        [key[0], *key, actor, actor, limit, offset],
    )
    return [_reservation(row) for row in rows]


def due_reservations(tx: Tx, *, limit: int = 1000) -> list[str]:
    """Open reservations whose time is over, oldest first."""
    rows = tx.execute(
        "SELECT reservation FROM budget_reservation WHERE state = 'open' AND expires_at <= %s"
        " ORDER BY expires_at LIMIT %s",
        [tx.now, limit],
    )
    return [reservation for (reservation,) in rows]


def calls_of(tx: Tx, reservations: Collection[str]) -> dict[str, tuple[str | None, str | None]]:
    """Model and provider of these reservations, which never change."""
    rows = tx.execute(
        "SELECT reservation, model, provider FROM budget_reservation WHERE reservation = ANY(%s)", [list(reservations)]
    )
    return {name: (model, provider) for name, model, provider in rows}


def budget_of(tx: Tx, entity: EntityKey) -> list[BudgetLine]:
    """An artifact's budget unit by unit, in parts, as its accounts have it now."""
    rows = tx.execute(
        "SELECT unit, sum(balance)::bigint, sum(held)::bigint, coalesce(sum(balance) FILTER (WHERE purpose = 'spent'),"
        " 0)::bigint, coalesce(sum(balance - held) FILTER (WHERE purpose = 'budget'), 0)::bigint"
        " FROM ledger_account WHERE owner = %s AND purpose IN ('budget', 'spent') GROUP BY unit ORDER BY unit",
        [f"entity:{entity.entity_type}:{entity.entity_id}"],
    )
    return [BudgetLine._make(row) for row in rows]


def find_budget(tx: Tx, entity: EntityKey) -> Budget | None:
    """What operators set for an artifact, or None where nobody did and nothing was ever reserved."""
    row = tx.execute(
        f"SELECT {_BUDGET} FROM resource_budgets WHERE (entity_type, entity_id) = (%s, %s)", list(entity)
    ).fetchone()
    return _budget(row) if row is not None else None


def find_budgets(
    tx: Tx, *, entity_type: str | None = None, after: EntityKey = EntityKey("", ""), limit: int = 100
) -> list[Budget]:
    """A page of what operators set, by type and id."""
    rows = tx.execute(
        f"SELECT {_BUDGET} FROM resource_budgets WHERE (entity_type, entity_id) > (%s, %s)"
        " AND (%s::text IS NULL OR entity_type = %s) ORDER BY entity_type, entity_id LIMIT %s",
        [*after, entity_type, entity_type, limit],
    )
    return [_budget(row) for row in rows]


def find_limits(
    tx: Tx, policy: Policy, *, scope: str | None = None, subject: str | None = None, limit: int = 1000
) -> list[LimitSet]:
    """The caps as they stand now, that of the fleet in dollars among them though nothing was counted in it yet."""
    rows = tx.execute(
        f"SELECT {_LIMIT} FROM budget_limit WHERE (%s::text IS NULL OR scope = %s)"
        " AND (%s::text IS NULL OR subject = %s) ORDER BY scope, subject, unit LIMIT %s",
        [scope, scope, subject, subject, limit],
    )
    found = [Limit._make(row) for row in rows]
    if scope in (None, "fleet") and not subject and all(each.key != FLEET_USD for each in found):
        found.append(Limit(*FLEET_USD, DAY, None, 0, 0, window_start(DAY, tx.now)))
    return [receipt_of(rolled(each, tx.now, policy), policy) for each in found]


def find_budget_events(
    tx: Tx, *, sort: str | None = None, before: int | None = None, limit: int = 100
) -> list[BudgetEvent]:
    """A page of events, newest first."""
    rows = tx.execute(
        f"SELECT {_EVENT} FROM budget_event WHERE (%s::text IS NULL OR sort = %s) AND number < %s"
        " ORDER BY number DESC, line LIMIT %s",
        [sort, sort, before or 2**62, limit],
    )
    return [BudgetEvent._make(row) for row in rows]


class Idle(NamedTuple):
    """An idle grant: the units it has left, the pool that it came from and when, as far as allocations say."""

    entity: EntityKey
    units: tuple[str, ...]
    pool: str | None
    granted_at: datetime | None


_IDLE = """
SELECT entity_type, entity_id, units, coalesce(budget.pool, from_pool), granted_at
FROM (SELECT owner, array_agg(unit ORDER BY unit) AS units,
             split_part(owner, ':', 2) AS entity_type, substr(owner, length(split_part(owner, ':', 2)) + 9) AS entity_id
      FROM ledger_account
      WHERE purpose = 'budget' AND owner LIKE 'entity:%%' AND unit = ANY(%s) AND balance > held
        AND (NOT %s OR owner = ANY(ARRAY(SELECT 'entity:' || entity_type || ':' || entity_id
                                         FROM resource_budgets WHERE noticed_at <= %s)))
      GROUP BY owner) AS granted
LEFT JOIN resource_budgets AS budget USING (entity_type, entity_id)
LEFT JOIN LATERAL (
  SELECT created_at AS granted_at, resource_allocations.pool AS from_pool FROM resource_allocations
  WHERE (artifact_type, artifact_id) = (entity_type, entity_id) AND sort = 'grant' AND amount > 0
  ORDER BY number DESC LIMIT 1
) AS allocation ON true
WHERE CASE WHEN %s THEN noticed_at <= %s
           ELSE noticed_at IS NULL AND greatest(granted_at, used_at, updated_at) <= %s END
ORDER BY entity_type, entity_id LIMIT %s
"""


def find_idle(tx: Tx, policy: Policy, *, noticed: bool, limit: int = 1000) -> list[Idle]:
    """Grants that are idle and have no notice yet, which looks at all budgets; or whose notice has run out."""
    since = tx.now - timedelta(seconds=policy.idle_notice_s if noticed else policy.idle_after_s)
    rows = tx.execute(_IDLE, [list(_BUDGET_UNITS), noticed, since, noticed, since, since, limit])
    return [Idle(EntityKey(row[0], row[1]), tuple(row[2]), row[3], row[4]) for row in rows]


bind(
    RESERVATIONS, load=load_reservations, insert=insert_reservations, update=update_reservations, scan=scan_reservations
)
bind(
    LIMITS,
    load=load_limits,
    load_groups=load_limits_alone,
    insert=insert_limits,
    update=update_limits,
    scan=scan_limits,
)
bind(BUDGETS, load=load_budgets, insert=insert_budgets, update=update_budgets, scan=scan_budgets)
bind(BUDGET_EVENTS, insert=insert_events, scan=scan_events)
