"""The SQL of reviews."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.senate.reviews.effects import Effects
from scidex.senate.reviews.model import (
    REVIEWS,
    Decision,
    NoDecision,
    Review,
    ReviewKey,
    UnitReview,
    UnknownReview,
)
from scidex.senate.reviews.planning import UNKNOWN

_REVIEW = "pool, cycle, sort, number, at, policy_version, seed, propensity, artifacts, changed, units::text, digest"
_UNITS = TypeAdapter(tuple[UnitReview, ...])


def _review(row: Sequence[Any]) -> Review:
    return Review._make((*row[:10], _UNITS.validate_json(row[10]), row[11]))


def load_reviews(tx: Tx, keys: Collection[ReviewKey]) -> Iterator[tuple[ReviewKey, Review]]:
    """Reviews by pool and cycle; they never change once they are there."""
    rows = tx.each(
        f"SELECT {_REVIEW} FROM unnest(%s::text[], %s::text[]) AS asked (pool, cycle) JOIN review USING (pool, cycle)",
        columns(keys),
    )
    return ((review.key, review) for review in map(_review, rows))


def insert_reviews(tx: Tx, rows: Mapping[ReviewKey, Review]) -> None:
    """New reviews."""
    tx.execute(
        "INSERT INTO review (pool, cycle, sort, number, at, policy_version, seed, propensity, artifacts, changed,"
        " units, digest) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[],"
        " %s::integer[], %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::jsonb[], %s::text[])",
        columns((*row[:10], _UNITS.dump_json(row.units).decode(), row.digest) for row in rows.values()),
    )


def scan_reviews(tx: Tx) -> Iterator[tuple[ReviewKey, Review]]:
    """Every review."""
    for row in tx.execute(f"SELECT {_REVIEW} FROM review"):
        review = _review(row)
        yield review.key, review


def find_review(tx: Tx, *, pool: str, cycle: str) -> Review:
    """The review of a pool in a cycle. Refuses: UnknownReview."""
    row = tx.execute(f"SELECT {_REVIEW} FROM review WHERE (pool, cycle) = (%s, %s)", [pool, cycle]).fetchone()
    if row is None:
        raise UnknownReview(pool=pool, cycle=cycle)
    return _review(row)


def find_reviews(
    tx: Tx, *, pool: str | None = None, sort: str | None = None, before: int | None = None, limit: int = 100
) -> list[Review]:
    """A page of reviews, newest first."""
    rows = tx.execute(
        f"SELECT {_REVIEW} FROM review WHERE (%s::text IS NULL OR pool = %s) AND (%s::text IS NULL OR sort = %s)"
        " AND number < %s ORDER BY number DESC LIMIT %s",
        [pool, pool, sort, sort, before or 2**62, limit],
    )
    return list(map(_review, rows))


_ROW = (
    "line, entity_type, entity_id, score, market_weight, weight_before, capital, credit, edges, tokens, low, strong,"
    " low_reviews_before, old, held, spent, voted, spent_total, direction, moved_at, merit, market, eligible, drawn,"
    " capped, cut, low_reviews, boost, target, least, most, new, binding"
)
_COPY_IN = f"COPY review_decision ({_ROW}, number) FROM STDIN"
_COPY_OUT = f"COPY (SELECT {_ROW} FROM review_decision WHERE number = %s ORDER BY line) TO STDOUT"


def copy_decisions(tx: Tx, number: int, text: str) -> None:
    """Write the decisions of a review; `text` has their columns but for the journal number.

    Needs a transaction outside pipeline mode.
    """
    with tx.connection.cursor() as cursor, cursor.copy(_COPY_IN) as copy:
        copy.write(text.replace("\n", f"\t{number}\n"))


def read_decisions(tx: Tx, number: int) -> str:
    """The decisions of a review as they were written; needs a transaction outside pipeline mode."""
    with tx.connection.cursor() as cursor, cursor.copy(_COPY_OUT, [number]) as copy:
        return b"".join(map(bytes, copy)).decode()


def _decision(row: Sequence[Any]) -> Decision:
    return Decision._make(tuple(part) if isinstance(part, list) else part for part in row)


def find_decisions(tx: Tx, *, number: int, after: int = -1, changed: bool = False, limit: int = 100) -> list[Decision]:
    """A page of the decisions of a review, in the order of type and id; only those that changed a budget, if asked."""
    rows = tx.execute(
        f"SELECT number, {_ROW} FROM review_decision WHERE number = %s AND line > %s AND (NOT %s OR old <> new)"
        " ORDER BY line LIMIT %s",
        [number, after, changed, limit],
    )
    return list(map(_decision, rows))


def find_decisions_on(
    tx: Tx, *, entity: EntityKey, before: int | None = None, limit: int = 100
) -> list[tuple[Review, Decision]]:
    """A page of the decisions on an artifact with their reviews, newest first."""
    rows = tx.execute(
        f"SELECT number, {_ROW} FROM review_decision WHERE (entity_type, entity_id) = (%s, %s) AND number < %s"
        " ORDER BY number DESC LIMIT %s",
        [*entity, before or 2**62, limit],
    )
    decisions = list(map(_decision, rows))
    numbers = [decision.number for decision in decisions]
    found = map(_review, tx.execute(f"SELECT {_REVIEW} FROM review WHERE number = ANY(%s)", [numbers]))
    of = {review.number: review for review in found}
    return [(of[decision.number], decision) for decision in decisions]


def find_last_decision(tx: Tx, *, entity: EntityKey) -> tuple[Review, Decision]:
    """The latest decision on an artifact. Refuses: NoDecision."""
    found = find_decisions_on(tx, entity=entity, limit=1)
    if not found:
        raise NoDecision(entity_type=entity.entity_type, entity_id=entity.entity_id)
    return found[0]


def lock_budgets(tx: Tx, pool: str) -> None:
    """Keep the budget rows of a pool's artifacts, and those of no pool, as they are until the end."""
    tx.execute(
        "SELECT count(*) FROM (SELECT FROM resource_budgets WHERE pool IS NULL OR pool = %s"
        " ORDER BY entity_type, entity_id FOR NO KEY UPDATE) AS locked",
        [pool],
    )


def lock_accounts(tx: Tx, pool: str, units: Sequence[str]) -> None:
    """Keep every artifact's budget and the pool's accounts in these units as they are until the end."""
    tx.execute(
        "SELECT count(*) FROM (SELECT FROM ledger_account WHERE unit = ANY(%s)"
        " AND (purpose = 'budget' AND owner LIKE 'entity:%%' OR (owner, purpose) = (%s, 'pool'))"
        " ORDER BY owner, purpose, unit FOR NO KEY UPDATE) AS locked",
        [list(units), f"pool:{pool}"],
    )


def find_units(tx: Tx, pool: str, units: Sequence[str]) -> list[tuple[str, int, int]]:
    """The units among these that a pool has an account in, what is in it and what it can spend of that, in parts."""
    return tx.execute(
        "SELECT unit, balance, balance - held FROM ledger_account"
        " WHERE (owner, purpose) = (%s, 'pool') AND unit = ANY(%s) ORDER BY unit",
        [f"pool:{pool}", list(units)],
    ).fetchall()


def read_participants(tx: Tx, pool: str) -> list[tuple[Any, ...]]:
    """Type, id, score, market weight, return, version and edges (10^-6), in columns, of every artifact whose budget is
    of this pool or of none, by type and id."""
    rows = tx.execute(
        "SELECT entity_type, entity_id, priority_score, market_weight, roi_score, budget.version,"
        " coalesce(edges_gained, 0)"
        " FROM entity LEFT JOIN resource_budgets AS budget USING (entity_type, entity_id)"
        " LEFT JOIN knowledge_of_entity USING (entity_type, entity_id)"
        " WHERE budget.pool IS NULL OR budget.pool = %s ORDER BY entity_type, entity_id",
        [pool],
    ).fetchall()
    return list(zip(*rows, strict=True)) or [()] * 7


def read_balances(tx: Tx, units: Sequence[str]) -> list[tuple[Any, ...]]:
    """Owner, purpose, unit, balance and held, in columns, of every artifact's budgets and sinks in these units."""
    rows = tx.execute(
        "SELECT owner, purpose, unit, balance, held FROM ledger_account"
        " WHERE unit = ANY(%s) AND purpose IN ('budget', 'spent') AND owner LIKE 'entity:%%'",
        [list(units)],
    ).fetchall()
    return list(zip(*rows, strict=True)) or [()] * 5


def read_outcomes(tx: Tx, number: int, *, weekly: bool) -> list[tuple[Any, ...]]:
    """Type, id, market weight at the last weekly review (10^-6, or UNKNOWN) and how many of these in a row have found a
    low return, in columns, as a review of this sort left them."""
    rows = tx.execute(
        "SELECT entity_type, entity_id, coalesce(CASE WHEN %s THEN market_weight ELSE weight_before END, %s),"
        " low_reviews FROM review_decision WHERE number = %s ORDER BY line",
        [weekly, UNKNOWN, number],
    ).fetchall()
    return list(zip(*rows, strict=True)) or [()] * 4


def read_moves(tx: Tx, number: int, unit: int, at: int) -> list[tuple[Any, ...]]:
    """How each budget of a unit, counted from 1, was last moved by a review (1 up, -1 down, 0 never), when, in seconds
    since 1970 (`at` by this one), and what it had ever spent, in columns."""
    rows = tx.execute(
        "SELECT CASE WHEN new[%(unit)s] > old[%(unit)s] THEN 1 WHEN new[%(unit)s] < old[%(unit)s] THEN -1"
        " ELSE direction[%(unit)s] END, CASE WHEN new[%(unit)s] <> old[%(unit)s] THEN %(at)s"
        " ELSE moved_at[%(unit)s] END, spent_total[%(unit)s]"
        " FROM review_decision WHERE number = %(number)s ORDER BY line",
        {"unit": unit, "at": at, "number": number},
    ).fetchall()
    return list(zip(*rows, strict=True)) or [()] * 3


def find_returned(tx: Tx, since: int) -> list[tuple[str, str, int]]:
    """Artifact (type:id), unit and parts of the idle grants that went back after this journal number."""
    return tx.execute(
        "SELECT subject, unit, sum(amount)::bigint FROM budget_event"
        " WHERE sort = 'returned' AND scope = 'entity' AND number > %s GROUP BY subject, unit",
        [since],
    ).fetchall()


_TRANSFERS = (
    "COPY token_ledger (number, leg, at, debit_owner, debit_purpose, credit_owner, credit_purpose, unit, amount,"
    " debit_balance, credit_balance, reason) FROM STDIN"
)
_FRESH = "COPY ledger_account (owner, purpose, unit, balance, held) FROM STDIN"
_GRANTED = (
    "llm_reasoning_budget, llm_standard_budget, llm_batch_budget, cpu_parts, storage_parts, api_call_budget, usd_parts"
)
GRANTED_UNITS = ("llm_reasoning", "llm_standard", "llm_batch", "cpu_seconds", "storage_gb_hours", "api_calls", "usd")
"""Their units, in the order in which a row of effects has them."""


def write_effects(tx: Tx, review: Review, effects: Effects, *, storage_hours: int) -> None:
    """Write what a review changes; needs a transaction outside pipeline mode.

    What is no longer as the review has read it, because it came to be after the locks were taken, is not written over:
    the transaction is repeated.
    """
    with tx.connection.cursor() as cursor:
        with cursor.copy(_TRANSFERS) as copy:
            copy.write(effects.transfers)
        with cursor.copy(_FRESH) as copy:
            copy.write(effects.fresh)
    _write_balances(tx, effects.balances)
    _write_rows(tx, review, effects.rows, storage_hours)


def _write_balances(tx: Tx, text: str) -> None:
    tx.execute(
        "CREATE TEMP TABLE review_balance (owner text, purpose text, unit text, balance bigint,"
        " before bigint, held bigint) ON COMMIT DROP"
    )
    with tx.connection.cursor() as cursor, cursor.copy("COPY review_balance FROM STDIN") as copy:
        copy.write(text)
    tx.execute("ANALYZE review_balance")
    found = tx.execute(
        "UPDATE ledger_account AS kept SET balance = made.balance FROM review_balance AS made"
        " WHERE (kept.owner, kept.purpose, kept.unit) = (made.owner, made.purpose, made.unit)"
        " AND (kept.balance, kept.held) = (made.before, made.held)"
    )
    tx.require_written(found.rowcount, text.count("\n"))


def _write_rows(tx: Tx, review: Review, text: str, storage_hours: int) -> None:
    tx.execute(
        "CREATE TEMP TABLE review_budget (entity_type text, entity_id text, version integer, market_weight float8,"
        " roi_score float8, moved boolean, raised boolean, llm_reasoning_budget bigint, llm_standard_budget bigint,"
        " llm_batch_budget bigint, cpu_parts bigint, storage_parts bigint, api_call_budget bigint,"
        " usd_parts bigint) ON COMMIT DROP"
    )
    with tx.connection.cursor() as cursor, cursor.copy("COPY review_budget FROM STDIN") as copy:
        copy.write(text)
    tx.execute("ANALYZE review_budget")
    found = tx.execute(
        "UPDATE resource_budgets AS kept SET pool = CASE WHEN moved THEN %(pool)s ELSE kept.pool END,"
        " llm_reasoning_budget = coalesce(made.llm_reasoning_budget, kept.llm_reasoning_budget),"
        " llm_standard_budget = coalesce(made.llm_standard_budget, kept.llm_standard_budget),"
        " llm_batch_budget = coalesce(made.llm_batch_budget, kept.llm_batch_budget),"
        " cpu_parts = coalesce(made.cpu_parts, kept.cpu_parts),"
        " storage_parts = coalesce(made.storage_parts, kept.storage_parts),"
        " api_call_budget = coalesce(made.api_call_budget, kept.api_call_budget),"
        " usd_parts = coalesce(made.usd_parts, kept.usd_parts),"
        " market_weight = made.market_weight, roi_score = made.roi_score,"
        " cycle = CASE WHEN moved THEN %(cycle)s ELSE kept.cycle END,"
        " updated_at = CASE WHEN moved THEN %(at)s ELSE kept.updated_at END, version = kept.version + 1,"
        " noticed_at = CASE WHEN raised THEN NULL ELSE kept.noticed_at END"
        " FROM review_budget AS made WHERE made.version >= 0"
        " AND (kept.entity_type, kept.entity_id, kept.version) = (made.entity_type, made.entity_id, made.version)",
        {"pool": review.pool, "cycle": review.cycle, "at": review.at},
    )
    added = tx.execute(
        f"INSERT INTO resource_budgets (entity_type, entity_id, pool, {_GRANTED}, storage_hours, market_weight,"
        " roi_score, cycle, updated_at, version, used_at)"
        f" SELECT entity_type, entity_id, CASE WHEN moved THEN %(pool)s END, {_GRANTED}, %(hours)s, market_weight,"
        " roi_score, CASE WHEN moved THEN %(cycle)s END, %(at)s, 1, %(at)s FROM review_budget WHERE version < 0",
        {"pool": review.pool, "cycle": review.cycle, "at": review.at, "hours": storage_hours},
    )
    tx.require_written(found.rowcount + added.rowcount, text.count("\n"))


def find_voted(tx: Tx, since: datetime, units: Sequence[str]) -> list[tuple[str, str, str, int]]:
    """Type, id, unit and parts of what proposals have granted since then."""
    return tx.execute(
        "SELECT entity_type, entity_id, unit, sum(amount)::bigint"
        " FROM allocation_proposals, unnest(units, amounts) AS asked (unit, amount)"
        " WHERE state = 'enacted' AND ended_at > %s AND unit = ANY(%s) GROUP BY entity_type, entity_id, unit",
        [since, list(units)],
    ).fetchall()


def find_commands(tx: Tx) -> list[tuple[int, str]]:
    """Number and command of every review in the journal."""
    return tx.execute("SELECT number, command FROM journal WHERE kind = 'review.enact' ORDER BY number").fetchall()


def find_head(tx: Tx) -> bytes:
    """The hash of the newest sealed block: nobody could know it long before."""
    row = tx.execute("SELECT hash FROM journal_block ORDER BY height DESC LIMIT 1").fetchone()
    return bytes(row[0]) if row is not None else b""


bind(REVIEWS, load=load_reviews, insert=insert_reviews, scan=scan_reviews)
