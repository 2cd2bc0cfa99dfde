"""The SQL of work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.senate.budgets import Amounts
from scidex.work.model import ARMS, CLAIMS, ITEMS, Ready, Terms, WorkArm, WorkClaim, WorkItem
from scidex.work.refusals import UnknownItem, UnknownWorkClaim

_ITEM = (
    "item, entity_type, entity_id, kind, payload, units, amounts, usd, model, provider, max_output_tokens, proposer,"
    " after, attempts_max, added_at, state, attempts, since, not_before, claim, ended_at, reason"
)
_CLAIM = (
    "claim, item, entity_type, entity_id, actor, reservation, claimed_at, pulls, total, mean, bonus, ucb, budget_rank,"
    " rivals, first, draw, score, ageing, sleeve, propensity, expires_at, state, ended_at, reward, note"
)
_ARM = "entity_type, entity_id, pulls, rewards, open"
_ARM_ARRAYS = "%s::text[], %s::text[], %s::integer[], %s::bigint[], %s::integer[]"


def _item(row: Sequence[Any]) -> WorkItem:
    amounts = tuple(zip(row[5], row[6], strict=True))
    return WorkItem._make(
        (row[0], EntityKey(row[1], row[2]), *row[3:5], amounts, *row[7:12], tuple(row[12]), *row[13:])
    )


def _claim(row: Sequence[Any]) -> WorkClaim:
    return WorkClaim._make((*row[:2], EntityKey(row[2], row[3]), *row[4:7], Terms._make(row[7:16]), *row[16:]))


def load_items(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, WorkItem]]:
    """Items by id, locked in id order."""
    rows = tx.each(f"SELECT {_ITEM} FROM work_item WHERE item = ANY(%s) ORDER BY item FOR NO KEY UPDATE", [list(names)])
    return ((row[0], _item(row)) for row in rows)


def look_at_items(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, WorkItem]]:
    """Items by id, kept from changing."""
    rows = tx.each(f"SELECT {_ITEM} FROM work_item WHERE item = ANY(%s) ORDER BY item FOR SHARE", [list(names)])
    return ((row[0], _item(row)) for row in rows)


def insert_items(tx: Tx, rows: Mapping[str, WorkItem]) -> None:
    """New items, some of which may have been claimed since."""
    tx.execute(
        f"INSERT INTO work_item ({_ITEM})"
        " SELECT item, entity_type, entity_id, kind, payload, units::text[], amounts::bigint[], usd, model, provider,"
        " max_output_tokens, proposer, after::text[], attempts_max, added_at, state, attempts, since, not_before,"
        " claim, ended_at, reason"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
        " %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::integer[], %s::timestamptz[], %s::text[],"
        " %s::integer[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[])"
        f" AS new ({_ITEM})",
        columns(
            (
                row.item,
                *row.entity,
                *row[2:4],
                tuple(unit for unit, _ in row.amounts),
                tuple(amount for _, amount in row.amounts),
                *row[5:],
            )
            for row in rows.values()
        ),
    )


def update_items(tx: Tx, rows: Mapping[str, WorkItem]) -> None:
    """Items that are locked: where they stand."""
    tx.execute(
        "UPDATE work_item SET state = new.state, attempts = new.attempts, since = new.since,"
        " not_before = new.not_before, claim = new.claim, ended_at = new.ended_at, reason = new.reason"
        " FROM unnest(%s::text[], %s::text[], %s::integer[], %s::timestamptz[], %s::timestamptz[], %s::text[],"
        " %s::timestamptz[], %s::text[]) AS new (item, state, attempts, since, not_before, claim, ended_at, reason)"
        " WHERE work_item.item = new.item",
        columns((row.item, *row[13:]) for row in rows.values()),
    )


def scan_items(tx: Tx) -> Iterator[tuple[str, WorkItem]]:
    """Every item."""
    for row in tx.execute(f"SELECT {_ITEM} FROM work_item"):
        yield row[0], _item(row)


def load_claims(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, WorkClaim]]:
    """Claims by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_CLAIM} FROM work_claim WHERE claim = ANY(%s) ORDER BY claim FOR NO KEY UPDATE", [list(names)]
    )
    return ((row[0], _claim(row)) for row in rows)


def insert_claims(tx: Tx, rows: Mapping[str, WorkClaim]) -> None:
    """New claims, some of which may have ended since."""
    tx.execute(
        f"INSERT INTO work_claim ({_CLAIM}) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::timestamptz[], %s::integer[], %s::integer[], %s::integer[], %s::bigint[],"
        " %s::integer[], %s::integer[], %s::integer[], %s::boolean[], %s::bigint[], %s::integer[], %s::bigint[],"
        " %s::text[], %s::integer[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::integer[], %s::text[])",
        columns((*row[:2], *row.entity, *row[3:6], *row.terms, *row[7:]) for row in rows.values()),
    )


def update_claims(tx: Tx, rows: Mapping[str, WorkClaim]) -> None:
    """Claims that are locked: how long they run, how they ended."""
    tx.execute(
        "UPDATE work_claim SET expires_at = new.expires_at, state = new.state, ended_at = new.ended_at,"
        " reward = new.reward, note = new.note"
        " FROM unnest(%s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::integer[], %s::text[])"
        " AS new (claim, expires_at, state, ended_at, reward, note) WHERE work_claim.claim = new.claim",
        columns((row.claim, *row[11:]) for row in rows.values()),
    )


def scan_claims(tx: Tx) -> Iterator[tuple[str, WorkClaim]]:
    """Every claim."""
    for row in tx.execute(f"SELECT {_CLAIM} FROM work_claim"):
        yield row[0], _claim(row)


def load_arms(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, WorkArm]]:
    """What is known of work on entities, locked in key order."""
    rows = tx.each(
        f"SELECT {_ARM} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN work_arm USING (entity_type, entity_id) ORDER BY entity_type, entity_id FOR NO KEY UPDATE OF work_arm",
        columns(keys),
    )
    return ((arm.entity, arm) for arm in map(_arm, rows))


def _arm(row: Sequence[Any]) -> WorkArm:
    return WorkArm(EntityKey(row[0], row[1]), *row[2:])


def insert_arms(tx: Tx, rows: Mapping[EntityKey, WorkArm]) -> None:
    """Entities that have work for the first time."""
    tx.execute(
        f"INSERT INTO work_arm ({_ARM}) SELECT * FROM unnest({_ARM_ARRAYS})",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def update_arms(tx: Tx, rows: Mapping[EntityKey, WorkArm]) -> None:
    """What is known of work on entities that are locked."""
    tx.execute(
        "UPDATE work_arm SET pulls = new.pulls, rewards = new.rewards, open = new.open"
        f" FROM unnest({_ARM_ARRAYS}) AS new ({_ARM})"
        " WHERE (work_arm.entity_type, work_arm.entity_id) = (new.entity_type, new.entity_id)",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def scan_arms(tx: Tx) -> Iterator[tuple[EntityKey, WorkArm]]:
    """What is known of work on every entity."""
    for arm in map(_arm, tx.execute(f"SELECT {_ARM} FROM work_arm")):
        yield arm.entity, arm


class Heading(NamedTuple):
    """An entity with work that its budget can hold: what is known of it, since when the first such item waits, and
    what it was granted, spent or not, in parts by unit."""

    entity: EntityKey
    pulls: int
    rewards: int
    since: datetime
    granted: Amounts


class Candidate(NamedTuple):
    """An open item that may be claimed; `available` is what its budget has of each amount, in parts."""

    item: str
    entity: EntityKey
    since: datetime
    amounts: Amounts
    available: tuple[int, ...]
    model: str | None
    provider: str | None
    max_output_tokens: int | None


WINDOW = 100
"""How many of an entity's oldest open items are looked at for those that its budget can hold."""
_HEADS = """
  SELECT * FROM (
    SELECT item, since, number, units, amounts, usd, model, provider, max_output_tokens FROM work_item
    WHERE (work_item.entity_type, work_item.entity_id) = (arm.entity_type, arm.entity_id)
      AND state = 'open' AND since <= %(now)s AND not_before <= %(now)s
    ORDER BY since, number LIMIT %(window)s
  ) AS oldest
"""
_HEADS_OF_KINDS = """
  SELECT of_kind.* FROM unnest(%(kinds)s::text[]) AS asked (kind), LATERAL (
    SELECT item, since, number, units, amounts, usd, model, provider, max_output_tokens FROM work_item
    WHERE (work_item.entity_type, work_item.entity_id, work_item.kind) = (arm.entity_type, arm.entity_id, asked.kind)
      AND state = 'open' AND since <= %(now)s AND not_before <= %(now)s
    ORDER BY since, number LIMIT %(window)s
  ) AS of_kind
"""
_AVAILABLE = """
  SELECT array_agg(coalesce(balance - held, 0) ORDER BY place) AS available,
         bool_and(coalesce(balance - held, 0) >= amount) AS fits
  FROM unnest(heads.units, heads.amounts) WITH ORDINALITY AS need (unit, amount, place)
  LEFT JOIN ledger_account ON (owner, purpose, ledger_account.unit)
    = ('entity:' || arm.entity_type || ':' || arm.entity_id, 'budget', need.unit)
"""
# Dollars bind only where there is a budget in dollars.
_DOLLARS = """
  (usd IS NULL OR NOT EXISTS (
    SELECT FROM ledger_account WHERE (owner, purpose, ledger_account.unit)
      = ('entity:' || arm.entity_type || ':' || arm.entity_id, 'budget', 'usd') AND balance - held < usd
  ))
"""
_FITTING = " AS heads, LATERAL (" + _AVAILABLE + ") AS budget WHERE fits AND " + _DOLLARS + " ORDER BY since, number"
_HEADING = "SELECT entity_type, entity_id, pulls, rewards, since FROM work_arm AS arm, LATERAL (SELECT since FROM"
_WITH_WORK = " LIMIT 1) AS head WHERE arm.open > 0"
_HEADINGS = _HEADING + "(" + _HEADS + ")" + _FITTING + _WITH_WORK
_HEADINGS_OF_KINDS = _HEADING + "(" + _HEADS_OF_KINDS + ")" + _FITTING + _WITH_WORK
_GRANTED = """
SELECT owner, unit, sum(balance)::bigint FROM ledger_account
WHERE owner = ANY(%s) AND purpose IN ('budget', 'spent') GROUP BY owner, unit
"""
_CANDIDATE = """
SELECT item, entity_type, entity_id, since, units, amounts, available, model, provider, max_output_tokens
FROM unnest(%(types)s::text[], %(ids)s::text[]) AS arm (entity_type, entity_id), LATERAL (SELECT * FROM
"""
_EACH = " LIMIT %(each)s) AS found"
_CANDIDATES = _CANDIDATE + "(" + _HEADS + ")" + _FITTING + _EACH
_CANDIDATES_OF_KINDS = _CANDIDATE + "(" + _HEADS_OF_KINDS + ")" + _FITTING + _EACH
_LOCK = """ -- state || '', so that no index of open items offers itself: with old statistics it looks as good.
SELECT item FROM unnest(%s::text[]) WITH ORDINALITY AS asked (item, place) JOIN work_item USING (item)
WHERE state || '' = 'open' AND not_before <= %s ORDER BY place LIMIT %s FOR NO KEY UPDATE OF work_item SKIP LOCKED
"""
_READY = """
SELECT item, after FROM (
  (SELECT item, after FROM work_item WHERE state = 'waiting' ORDER BY number DESC LIMIT %(limit)s)
  UNION
  (SELECT item, after FROM work_item WHERE state = 'waiting' AND number >= (
     SELECT min(number) + floor(random() * (max(number) - min(number) + 1))::bigint FROM work_item
     WHERE state = 'waiting'
   ) ORDER BY number LIMIT %(limit)s)
) AS line
WHERE NOT EXISTS (SELECT FROM work_item AS before WHERE before.item = ANY(line.after) AND state <> 'finished')
"""


def find_headings(tx: Tx, kinds: Collection[str]) -> list[Heading]:
    """Every entity with an open item, of these kinds if any are named, that its budget can hold."""
    asked = {"now": tx.now, "window": WINDOW, "kinds": list(kinds)}
    found = tx.execute(_HEADINGS_OF_KINDS, asked) if kinds else tx.execute(_HEADINGS, asked)
    rows = found.fetchall()
    owners = [f"entity:{row[0]}:{row[1]}" for row in rows]
    granted: dict[str, list[tuple[str, int]]] = {}
    for owner, unit, amount in tx.execute(_GRANTED, [owners]) if owners else ():
        granted.setdefault(owner, []).append((unit, amount))
    return [
        Heading(EntityKey(row[0], row[1]), row[2], row[3], row[4], tuple(granted.get(owner, ())))
        for row, owner in zip(rows, owners, strict=True)
    ]


def find_candidates(tx: Tx, entities: Collection[EntityKey], kinds: Collection[str], *, each: int) -> list[Candidate]:
    """The first open items of each of these entities, of these kinds if any are named, that its budget can hold."""
    asked = {
        "types": [entity.entity_type for entity in entities],
        "ids": [entity.entity_id for entity in entities],
        "now": tx.now,
        "window": max(WINDOW, each),
        "each": each,
        "kinds": list(kinds),
    }
    rows = tx.execute(_CANDIDATES_OF_KINDS, asked) if kinds else tx.execute(_CANDIDATES, asked)
    return [
        Candidate(row[0], EntityKey(row[1], row[2]), row[3], tuple(zip(row[4], row[5], strict=True)), *row[6:])
        for row in rows
    ]


def lock_items(tx: Tx, names: Sequence[str], *, most: int) -> set[str]:
    """The first of these items that are still open and that nobody else is about to have: locked, and never waited
    for."""
    return {item for (item,) in tx.execute(_LOCK, [list(names), tx.now, most])}


def waiting_for(tx: Tx, claim: str, *, limit: int = 1000) -> tuple[Ready, ...]:
    """Items that wait for that of a claim, among others."""
    rows = tx.execute(
        "SELECT waiting.item, after FROM work_claim, work_item AS waiting"
        " WHERE work_claim.claim = %s AND waiting.state = 'waiting' AND after @> ARRAY[work_claim.item]"
        " ORDER BY waiting.number LIMIT %s",
        [claim, limit],
    )
    return tuple(Ready(item, tuple(after)) for item, after in rows)


def ready_items(tx: Tx, *, limit: int = 1000) -> list[Ready]:
    """Of the newest items that wait, and of as many from anywhere on, those that wait for nothing any more."""
    return [Ready(item, tuple(after)) for item, after in tx.execute(_READY, {"limit": limit})]


def reservation_of(tx: Tx, claim: str) -> str | None:
    """The reservation of a claim, which never changes; None where there is no such claim."""
    row = tx.execute("SELECT reservation FROM work_claim WHERE claim = %s", [claim]).fetchone()
    return None if row is None else row[0]


def after_of(tx: Tx, item: str) -> tuple[str, ...]:
    """What an item waits for, which never changes; nothing where there is no such item."""
    row = tx.execute("SELECT after FROM work_item WHERE item = %s", [item]).fetchone()
    return () if row is None else tuple(row[0])


def due_claims(tx: Tx, *, limit: int = 1000) -> list[str]:
    """Claims whose lease is over, oldest first."""
    rows = tx.execute(
        "SELECT claim FROM work_claim WHERE state = 'held' AND expires_at <= %s ORDER BY expires_at LIMIT %s",
        [tx.now, limit],
    )
    return [claim for (claim,) in rows]


def wake(tx: Tx) -> None:
    """Tell whoever waits for work, once this is committed, that there may be some."""
    tx.execute("SELECT pg_notify('scidex_work', '')")


def find_item(tx: Tx, item: str) -> WorkItem:
    """An item as it is now. Refuses: UnknownItem."""
    row = tx.execute(f"SELECT {_ITEM} FROM work_item WHERE item = %s", [item]).fetchone()
    if row is None:
        raise UnknownItem(item=item)
    return _item(row)


def find_items(
    tx: Tx,
    *,
    state: str | None = None,
    entity: EntityKey | None = None,
    kind: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[WorkItem]:
    """A page of items, the oldest first, of this state, entity and kind if given; `after` is the number of the last
    one of the page before."""
    key = entity or (None, None)
    rows = tx.execute(
        f"SELECT {_ITEM} FROM work_item WHERE number > %s AND (%s::text IS NULL OR state = %s)"
        " AND (%s::text IS NULL OR (entity_type, entity_id) = (%s, %s)) AND (%s::text IS NULL OR kind = %s)"
        " ORDER BY number LIMIT %s",
        [after, state, state, key[0], *key, kind, kind, limit],
    )
    return [_item(row) for row in rows]


def find_claim(tx: Tx, claim: str) -> WorkClaim:
    """A claim as it is now. Refuses: UnknownWorkClaim."""
    row = tx.execute(f"SELECT {_CLAIM} FROM work_claim WHERE claim = %s", [claim]).fetchone()
    if row is None:
        raise UnknownWorkClaim(claim=claim)
    return _claim(row)


def find_claims(
    tx: Tx,
    *,
    actor: str | None = None,
    item: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[WorkClaim]:
    """A page of claims, the newest first, of this actor, item and state if given; `before` is the number of the last
    one of the page before."""
    rows = tx.execute(
        f"SELECT {_CLAIM} FROM work_claim WHERE number < %s AND (%s::text IS NULL OR actor = %s)"
        " AND (%s::text IS NULL OR item = %s) AND (%s::text IS NULL OR state = %s) ORDER BY number DESC LIMIT %s",
        [before or 2**62, actor, actor, item, item, state, state, limit],
    )
    return [_claim(row) for row in rows]


def count_items(tx: Tx) -> dict[str, int]:
    """How many items are in each state."""
    return dict(tx.execute("SELECT state, count(*) FROM work_item GROUP BY state").fetchall())


bind(ITEMS, load=load_items, look=look_at_items, insert=insert_items, update=update_items, scan=scan_items)
bind(CLAIMS, load=load_claims, insert=insert_claims, update=update_claims, scan=scan_claims)
bind(ARMS, load=load_arms, insert=insert_arms, update=update_arms, scan=scan_arms)
