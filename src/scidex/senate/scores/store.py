"""The SQL of scores: signals, what they came to, and the ground that has been worked over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.senate.scores.components import Counted, Ground
from scidex.senate.scores.model import SCORES, SIGNALS, Score, ScoreSignal

_SIGNAL = "number, entity_type, entity_id, kind, value, weight, source, actor, at"
_SCORE = (
    "entity_type, entity_id, evidence_strength, novelty, strategic_alignment, community_interest, score, low, high,"
    " signals, newest, computed_at, policy_version"
)
_SCORES = (
    "%s::text[], %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::integer[], %s::integer[],"
    " %s::integer[], %s::integer[], %s::integer[], %s::bigint[], %s::timestamptz[], %s::integer[]"
)


def _score(row: Sequence[Any]) -> Score:
    return Score(EntityKey(row[0], row[1]), *row[2:])


def insert_signals(tx: Tx, rows: Mapping[int, ScoreSignal]) -> None:
    """New signals."""
    tx.execute(
        f"INSERT INTO score_signal ({_SIGNAL}) SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[],"
        " %s::integer[], %s::integer[], %s::text[], %s::text[], %s::timestamptz[])",
        columns((row.number, *row.entity, *row[2:]) for row in rows.values()),
    )


def scan_signals(tx: Tx) -> Iterator[tuple[int, ScoreSignal]]:
    """Every signal."""
    for row in tx.execute(f"SELECT {_SIGNAL} FROM score_signal"):
        yield row[0], ScoreSignal(row[0], EntityKey(row[1], row[2]), *row[3:])


def load_scores(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Score]]:
    """Scores by artifact, locked in key order."""
    rows = tx.each(
        f"SELECT {_SCORE} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN allocation_score USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id FOR NO KEY UPDATE OF allocation_score",
        columns(keys),
    )
    return ((score.entity, score) for score in map(_score, rows))


def insert_scores(tx: Tx, rows: Mapping[EntityKey, Score]) -> None:
    """First scores."""
    tx.execute(
        f"INSERT INTO allocation_score ({_SCORE}) SELECT * FROM unnest({_SCORES})",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def update_scores(tx: Tx, rows: Mapping[EntityKey, Score]) -> None:
    """Scores that are locked, computed anew."""
    tx.execute(
        "UPDATE allocation_score AS old SET evidence_strength = new.evidence_strength, novelty = new.novelty,"
        " strategic_alignment = new.strategic_alignment, community_interest = new.community_interest,"
        " score = new.score, low = new.low, high = new.high, signals = new.signals, newest = new.newest,"
        " computed_at = new.computed_at, policy_version = new.policy_version"
        f" FROM unnest({_SCORES}) AS new ({_SCORE})"
        " WHERE (old.entity_type, old.entity_id) = (new.entity_type, new.entity_id)",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def scan_scores(tx: Tx) -> Iterator[tuple[EntityKey, Score]]:
    """Every score."""
    for row in tx.execute(f"SELECT {_SCORE} FROM allocation_score"):
        score = _score(row)
        yield score.entity, score


def find_score(tx: Tx, entity: EntityKey) -> Score | None:
    """What was last written down for an artifact, or None where nothing was."""
    row = tx.execute(
        f"SELECT {_SCORE} FROM allocation_score WHERE (entity_type, entity_id) = (%s, %s)", list(entity)
    ).fetchone()
    return None if row is None else _score(row)


def rank_scores(tx: Tx, *, entity_type: str | None = None, offset: int = 0, limit: int = 100) -> list[Score]:
    """A page of scores, the highest first, unknown ones last."""
    rows = tx.execute(
        f"SELECT {_SCORE} FROM allocation_score WHERE (%s::text IS NULL OR entity_type = %s)"
        " ORDER BY score DESC NULLS LAST, entity_type, entity_id LIMIT %s OFFSET %s",
        [entity_type, entity_type, limit, offset],
    )
    return [_score(row) for row in rows]


def find_scores(tx: Tx) -> tuple[list[str], list[str], list[float | None]]:
    """Type, id and score (None is unknown) of every artifact that has signals, in columns, by type and id."""
    rows = tx.execute(
        "SELECT entity_type, entity_id, score / 1000000.0::float8 FROM allocation_score ORDER BY entity_type, entity_id"
    ).fetchall()
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def due_scores(tx: Tx, *, refresh_s: int, limit: int = 1000) -> list[EntityKey]:
    """Artifacts with signals that no score has counted, or whose score is older than that, by type and id."""
    rows = tx.execute(
        "SELECT entity_type, entity_id"
        " FROM (SELECT entity_type, entity_id, max(number) AS newest FROM score_signal GROUP BY 1, 2) AS signal"
        " LEFT JOIN allocation_score AS score USING (entity_type, entity_id)"
        " WHERE score.newest IS NULL OR score.newest < signal.newest OR computed_at <= %s"
        " ORDER BY entity_type, entity_id LIMIT %s",
        [tx.now - timedelta(seconds=refresh_s), limit],
    )
    return [EntityKey(*row) for row in rows]


# The newest of an owner on a source, of a kind. What an artifact's own side says of its interest is not asked.
_COUNTED = """
WITH person AS NOT MATERIALIZED (
  SELECT actor.name, coalesce(above.owner, actor.owner, actor.name) AS root, actor.family
  FROM actor LEFT JOIN actor AS above ON above.name = actor.owner
)
SELECT entity_type, entity_id, number, kind, value, weight, source, actor, owner, family, at
FROM (
  SELECT DISTINCT ON (entity_type, entity_id, kind, source, owner) *
  FROM (
    SELECT signal.*, coalesce(person.root, signal.actor) AS owner, person.family,
           side.root = person.root OR side.family = person.family AS own
    FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)
    JOIN score_signal AS signal USING (entity_type, entity_id)
    JOIN entity USING (entity_type, entity_id)
    LEFT JOIN person ON person.name = signal.actor
    LEFT JOIN person AS side ON side.name = entity.proposer
  ) AS known
  ORDER BY entity_type, entity_id, kind, source, owner, number DESC
) AS newest
WHERE weight > 0 AND (kind <> 'interest' OR own IS NOT TRUE)
ORDER BY entity_type, entity_id, number
"""
_COUNTS = """
SELECT entity_type, entity_id, count(*), max(number)
FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)
JOIN score_signal USING (entity_type, entity_id) GROUP BY 1, 2
"""
# What work has cost and gained, of these artifacts and of the others of their fields on the mean.
_GROUND = """
WITH asked AS MATERIALIZED (
  SELECT entity_type, entity_id, domain
  FROM unnest(%(types)s::text[], %(ids)s::text[]) AS given (entity_type, entity_id)
  JOIN entity USING (entity_type, entity_id)
), worked AS MATERIALIZED (
  SELECT entity_type, entity_id, entity.domain, coalesce(spent.tokens, 0) AS tokens,
         coalesce(edges_gained, 0) / 1000000.0 AS edges
  FROM entity
  LEFT JOIN (
    SELECT owner, sum(balance) AS tokens FROM ledger_account
    WHERE purpose = 'spent' AND unit LIKE 'llm!_%%' ESCAPE '!' GROUP BY owner
  ) AS spent ON spent.owner = 'entity:' || entity_type || ':' || entity_id
  LEFT JOIN knowledge_of_entity USING (entity_type, entity_id)
  WHERE entity.domain IN (SELECT domain FROM asked) OR (entity_type, entity_id) IN (
    SELECT entity_type, entity_id FROM asked
  )
), field AS (
  SELECT domain, count(*) AS members, sum(tokens) AS tokens, sum(edges) AS edges
  FROM worked WHERE domain IS NOT NULL GROUP BY domain
)
SELECT entity_type, entity_id, worked.tokens::float8, worked.edges::float8,
       coalesce((field.tokens - worked.tokens) / nullif(members - 1, 0), 0)::float8,
       coalesce((field.edges - worked.edges) / nullif(members - 1, 0), 0)::float8, worked.domain
FROM asked JOIN worked USING (entity_type, entity_id) LEFT JOIN field ON field.domain = worked.domain
"""


def read_signals(tx: Tx, entities: Collection[EntityKey]) -> dict[EntityKey, list[Counted]]:
    """The signals that count, by artifact, in the order in which they were recorded."""
    found: dict[EntityKey, list[Counted]] = defaultdict(list)
    for row in tx.execute(_COUNTED, columns(entities)):
        found[EntityKey(row[0], row[1])].append(Counted(*row[2:]))
    return found


def read_counts(tx: Tx, entities: Collection[EntityKey]) -> dict[EntityKey, tuple[int, int]]:
    """How many signals there are, and the number of the newest, by artifact that has any."""
    return {EntityKey(row[0], row[1]): (row[2], row[3]) for row in tx.execute(_COUNTS, columns(entities))}


def read_ground(tx: Tx, entities: Collection[EntityKey]) -> dict[EntityKey, Ground]:
    """What has been spent and gained there, by artifact that there is."""
    types, ids = [key.entity_type for key in entities], [key.entity_id for key in entities]
    rows = tx.execute(_GROUND, {"types": types, "ids": ids})
    return {EntityKey(row[0], row[1]): Ground(*row[2:]) for row in rows}


bind(SIGNALS, insert=insert_signals, scan=scan_signals)
bind(SCORES, load=load_scores, insert=insert_scores, update=update_scores, scan=scan_scores)
