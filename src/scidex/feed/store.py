"""The SQL of the feed: how far the journal is final, its rows a bounded page at a time, and webhooks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from scidex.core.db import Tx, columns
from scidex.core.journal import Entry
from scidex.core.seal import leaf_of
from scidex.feed.hooks import ATTEMPTS_KEPT, Attempt, Outcome, UnknownWebhook, Webhook
from scidex.feed.model import Position

WINDOW = 20_000
"""Most numbers that one page looks at, so that rare events cost many short reads instead of a long one."""
_MOST_ROWS = 500
_MOST_BYTES = 4_000_000
"""Receipts are read until they come to this; one alone may be larger."""


class Row(NamedTuple):
    """A journal row as far as events are made of it."""

    number: int
    at: datetime
    actor: str
    kind: str
    receipt: str


_MOMENT = """
SELECT pg_snapshot_xmin(seen)::text::bigint, pg_snapshot_xmax(seen)::text::bigint,
  coalesce(pg_sequence_last_value('journal_number'::regclass), 0)
FROM pg_current_snapshot() AS seen
"""


def moment(tx: Tx) -> tuple[int, int, int]:
    """The oldest transaction that runs, the next one that will, and the last journal number that was drawn."""
    oldest, following, last = tx.execute(_MOMENT).fetchone() or (0, 0, 0)
    return oldest, following, last


_PAGE = """
WITH page AS MATERIALIZED (
  SELECT number, at, actor, kind, receipt,
    sum(octet_length(receipt)) OVER (ORDER BY number) - octet_length(receipt) AS before
  FROM journal WHERE number > %s AND number <= %s AND kind = ANY(%s) ORDER BY number LIMIT %s
)
SELECT number, at, actor, kind, receipt, (SELECT count(*) FROM page) FROM page WHERE before < %s ORDER BY number
"""


def page_of(tx: Tx, after: int, final: int, kinds: Collection[str]) -> tuple[list[Row], int]:
    """Rows of these kinds above `after` and up to `final`, as many as a page holds, and up to where it has looked."""
    end = min(final, after + WINDOW)
    found = tx.execute(_PAGE, [after, end, list(kinds), _MOST_ROWS, _MOST_BYTES]).fetchall()
    rows = [Row(*row[:5]) for row in found]
    whole = not found or (len(found) == found[0][5] and len(found) < _MOST_ROWS)
    return rows, end if whole else rows[-1].number


_FIRST = "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY number LIMIT 1"


def ledger_id(tx: Tx) -> str:
    """The id of this ledger, as its exports have it: the leaf hash of its first journal row."""
    row = tx.execute(_FIRST).fetchone()
    return leaf_of(Entry(*row)).hex() if row else "empty"


_COLUMNS = """webhook, owner, url, topics, subject, private, secret, state, reason, number, line, delivered, attempts,
  failures, failing_since, next_at, created_at, delivered_at"""


def _webhook(row: tuple[Any, ...]) -> Webhook:
    name, owner, url, topics, subject, private, secret, state, reason, number, line, *rest = row
    return Webhook(
        name, owner, url, tuple(topics), subject, private, secret, state, reason, Position(number, line), *rest
    )


def insert_webhook(tx: Tx, hook: Webhook) -> None:
    """A new webhook."""
    tx.execute(
        f"INSERT INTO webhook ({_COLUMNS}) VALUES"
        " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(hook.webhook, hook.owner, hook.url, list(hook.topics), hook.subject, hook.private, hook.secret),
            *(hook.state, hook.reason, *hook.position, hook.delivered, hook.attempts, hook.failures),
            *(hook.failing_since, hook.next_at, hook.created_at, hook.delivered_at),
        ],
    )


def count_webhooks(tx: Tx, owner: str) -> int:
    """How many webhooks an actor has; nobody adds one at the same moment."""
    tx.execute("SELECT pg_advisory_xact_lock(hashtext('webhook'), hashtext(%s))", [owner])
    row = tx.execute("SELECT count(*) FROM webhook WHERE owner = %s AND state <> 'removed'", [owner]).fetchone()
    return int((row or (0,))[0])


def find_webhooks(tx: Tx, owner: str | None, after: str, limit: int) -> list[Webhook]:
    """Those of an actor, or all, without those that were removed."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM webhook WHERE state <> 'removed' AND (%s::text IS NULL OR owner = %s)"
        " AND webhook > %s ORDER BY webhook LIMIT %s",
        [owner, owner, after, limit],
    )
    return [_webhook(row) for row in rows]


def find_webhook(tx: Tx, webhook: str, owner: str | None) -> Webhook:
    """One of an actor's, or any. Refuses: UnknownWebhook."""
    row = tx.execute(
        f"SELECT {_COLUMNS} FROM webhook WHERE webhook = %s AND (%s::text IS NULL OR owner = %s)",
        [webhook, owner, owner],
    ).fetchone()
    if row is None:
        raise UnknownWebhook(webhook=webhook)
    return _webhook(row)


_RESTART = """
UPDATE webhook SET state = %s, reason = NULL, number = %s, line = %s, failures = 0, failing_since = NULL, next_at = %s,
  secret = %s, lease = NULL, leased_until = NULL
WHERE webhook = %s
"""


def restart_webhook(tx: Tx, hook: Webhook) -> None:
    """Write its state, position and secret; whoever delivers to it now stops."""
    tx.execute(_RESTART, [hook.state, *hook.position, tx.now, hook.secret, hook.webhook])


_CLAIM = f"""
UPDATE webhook SET lease = %s, leased_until = %s
WHERE webhook IN (
  SELECT webhook FROM webhook
  WHERE state = 'active' AND next_at <= %s AND (leased_until IS NULL OR leased_until <= %s)
    AND (number, line) < (%s, %s)
  ORDER BY next_at, webhook LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING {_COLUMNS}
"""


def claim_due(tx: Tx, *, lease: str, until: datetime, end: Position, limit: int) -> list[Webhook]:
    """Webhooks that are due and that nobody delivers to, now under this lease."""
    rows = tx.execute(_CLAIM, [lease, until, tx.now, tx.now, *end, limit])
    return [_webhook(row) for row in rows]


_MARK = """
UPDATE webhook SET number = %s, line = %s, delivered = delivered + %s, attempts = attempts + %s, failures = %s,
  failing_since = %s, next_at = %s, state = coalesce(%s, state), reason = %s,
  delivered_at = CASE WHEN %s > 0 THEN %s ELSE delivered_at END,
  lease = CASE WHEN %s THEN NULL ELSE lease END, leased_until = CASE WHEN %s THEN NULL ELSE leased_until END
WHERE webhook = %s AND lease = %s AND state = 'active' RETURNING 1
"""
_ATTEMPTS = """
INSERT INTO webhook_attempt (webhook, slot, attempt, at, event, status, ms, problem)
SELECT %s, mod(attempt, %s::bigint), attempt, at, event, status, ms, problem
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::integer[], %s::integer[], %s::text[])
  AS each (attempt, at, event, status, ms, problem)
ON CONFLICT (webhook, slot) DO UPDATE SET attempt = EXCLUDED.attempt, at = EXCLUDED.at, event = EXCLUDED.event,
  status = EXCLUDED.status, ms = EXCLUDED.ms, problem = EXCLUDED.problem
"""


def mark(tx: Tx, webhook: str, lease: str, outcome: Outcome, *, release: bool) -> bool:
    """Write where a delivery stands; whether the lease still held, without which nothing is written."""
    state = None if outcome.disabled is None else "disabled"
    written = tx.execute(
        _MARK,
        [
            *(*outcome.position, outcome.delivered, len(outcome.attempts), outcome.failures, outcome.failing_since),
            *(outcome.next_at, state, outcome.disabled, outcome.delivered, tx.now, release, release, webhook, lease),
        ],
    ).fetchone()
    if written is not None and outcome.attempts:
        latest = outcome.attempts[-ATTEMPTS_KEPT:]
        tx.execute(_ATTEMPTS, [webhook, ATTEMPTS_KEPT, *columns(latest)])
    return written is not None


def find_attempts(tx: Tx, webhook: str, limit: int) -> list[Attempt]:
    """The latest attempts, the latest first."""
    rows = tx.execute(
        "SELECT attempt, at, event, status, ms, problem FROM webhook_attempt WHERE webhook = %s"
        " ORDER BY attempt DESC LIMIT %s",
        [webhook, limit],
    )
    return [Attempt(*row) for row in rows]
