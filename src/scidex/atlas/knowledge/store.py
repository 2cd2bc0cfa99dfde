"""The SQL of knowledge."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scidex.atlas.knowledge.model import (
    EDGES,
    GAINS,
    JUDGEMENTS,
    KNOWLEDGE,
    STATEMENTS,
    SUBMISSIONS,
    Edge,
    EdgeFound,
    EntityKnowledge,
    Gain,
    GainKey,
    Judged,
    Judgement,
    Statement,
    Submission,
    SubmissionKey,
    WorkGain,
)
from scidex.atlas.knowledge.refusals import UnknownEdge
from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey

_EDGE = "edge, subject, predicate, object, statement, number, at"
_EDGE_IN_JOIN = "knowledge_edge.edge, subject, predicate, object, statement, knowledge_edge.number, knowledge_edge.at"
_EDGES_NEW = "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[]"
_STATEMENT = "statement, edges, state, same_as, ended_at, ended_by, reason"
_STATEMENTS_NEW = "%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[]"
_SUBMISSION = "edge, owner, actor, entity_type, entity_id, work_item, source, confidence, number, line, at, role, parts"
_JUDGEMENT = "edge, is_right, reviewer, note, number, at"
_JUDGEMENTS_NEW = "%s::text[], %s::boolean[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[]"
_GAIN = (
    "kind, reference, said, entity_type, entity_id, actor, owner, work_item, amount, number, at, retracted_at,"
    " retracted_by, reason"
)
_KNOWLEDGE = (
    "entity_type, entity_id, edges_gained, submitted, retracted, judged_right, judged_wrong, papers, hypotheses,"
    " quality, updated_at"
)
_KNOWLEDGE_NEW = (
    "%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::bigint[], %s::timestamptz[]"
)


def _statement(row: Sequence[Any]) -> Statement:
    return Statement(row[0], tuple(row[1]), *row[2:])


def _submission(row: Sequence[Any]) -> Submission:
    return Submission._make((*row[:3], EntityKey(row[3], row[4]), *row[5:]))


def _gain(row: Sequence[Any]) -> Gain:
    return Gain._make((*row[:3], EntityKey(row[3], row[4]), *row[5:]))


def _knowledge(row: Sequence[Any]) -> EntityKnowledge:
    return EntityKnowledge(EntityKey(row[0], row[1]), *row[2:])


def load_edges(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Edge]]:
    """Edges by id, locked in order of their ids."""
    rows = tx.each(
        f"SELECT {_EDGE} FROM knowledge_edge WHERE edge = ANY(%s) ORDER BY edge FOR NO KEY UPDATE", [list(names)]
    )
    return ((row[0], Edge._make(row)) for row in rows)


def look_at_edges(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Edge]]:
    """The same, kept from being merged: shared, because the same edge may be submitted by many."""
    rows = tx.each(f"SELECT {_EDGE} FROM knowledge_edge WHERE edge = ANY(%s) ORDER BY edge FOR SHARE", [list(names)])
    return ((row[0], Edge._make(row)) for row in rows)


def insert_edges(tx: Tx, rows: Mapping[str, Edge]) -> None:
    """New edges, in order of their ids, so that two who submit the same ones never wait for each other in a circle."""
    tx.execute(
        f"INSERT INTO knowledge_edge ({_EDGE}) SELECT * FROM unnest({_EDGES_NEW}) ORDER BY 1",
        columns(sorted(rows.values())),
    )


def update_edges(tx: Tx, rows: Mapping[str, Edge]) -> None:
    """Edges that are counted in another statement."""
    tx.execute(
        "UPDATE knowledge_edge SET statement = new.statement FROM unnest(%s::text[], %s::text[])"
        " AS new (edge, statement) WHERE knowledge_edge.edge = new.edge",
        columns((row.edge, row.statement) for row in rows.values()),
    )


def scan_edges(tx: Tx) -> Iterator[tuple[str, Edge]]:
    """Every edge."""
    return ((row[0], Edge._make(row)) for row in tx.execute(f"SELECT {_EDGE} FROM knowledge_edge"))


def load_statements(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Statement]]:
    """Statements by id, locked in order of their ids."""
    rows = tx.each(
        f"SELECT {_STATEMENT} FROM knowledge_statement WHERE statement = ANY(%s::text[])"
        " ORDER BY statement FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _statement(row)) for row in rows)


def insert_statements(tx: Tx, rows: Mapping[str, Statement]) -> None:
    """New statements."""
    tx.execute(
        f"INSERT INTO knowledge_statement ({_STATEMENT})"
        " SELECT statement, edges::text[], state, same_as, ended_at, ended_by, reason"
        f" FROM unnest({_STATEMENTS_NEW}) AS new ({_STATEMENT}) ORDER BY statement",
        columns(rows.values()),
    )


def update_statements(tx: Tx, rows: Mapping[str, Statement]) -> None:
    """Statements as they stand now."""
    tx.execute(
        "UPDATE knowledge_statement SET edges = new.edges::text[], state = new.state, same_as = new.same_as,"
        " ended_at = new.ended_at, ended_by = new.ended_by, reason = new.reason"
        f" FROM unnest({_STATEMENTS_NEW}) AS new ({_STATEMENT})"
        " WHERE knowledge_statement.statement = new.statement",
        columns(rows.values()),
    )


def scan_statements(tx: Tx) -> Iterator[tuple[str, Statement]]:
    """Every statement."""
    return ((row[0], _statement(row)) for row in tx.execute(f"SELECT {_STATEMENT} FROM knowledge_statement"))


def load_submissions_of(tx: Tx, edges: Collection[str]) -> Iterator[tuple[SubmissionKey, Submission]]:
    """All submissions of edges, locked in key order; edges whose statement is locked get no other ones."""
    rows = tx.each(
        f"SELECT {_SUBMISSION} FROM knowledge_submission WHERE edge = ANY(%s::text[])"
        " ORDER BY edge, owner FOR NO KEY UPDATE",
        [list(edges)],
    )
    return ((found.key, found) for found in map(_submission, rows))


def insert_submissions(tx: Tx, rows: Mapping[SubmissionKey, Submission]) -> None:
    """New submissions: the primary key lets an owner submit an edge once."""
    tx.execute(
        f"INSERT INTO knowledge_submission ({_SUBMISSION})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::integer[], %s::bigint[], %s::integer[], %s::timestamptz[], %s::text[], %s::bigint[])",
        columns((*row[:3], *row.entity, *row[4:]) for row in rows.values()),
    )


def update_submissions(tx: Tx, rows: Mapping[SubmissionKey, Submission]) -> None:
    """What submissions are now, and their shares."""
    tx.execute(
        "UPDATE knowledge_submission SET role = new.role, parts = new.parts"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS new (edge, owner, role, parts)"
        " WHERE (knowledge_submission.edge, knowledge_submission.owner) = (new.edge, new.owner)",
        columns((row.edge, row.owner, row.role, row.parts) for row in rows.values()),
    )


def scan_submissions(tx: Tx) -> Iterator[tuple[SubmissionKey, Submission]]:
    """Every submission."""
    for row in tx.execute(f"SELECT {_SUBMISSION} FROM knowledge_submission"):
        found = _submission(row)
        yield found.key, found


def load_judgements(tx: Tx, edges: Collection[str]) -> Iterator[tuple[str, Judgement]]:
    """Judgements by edge, locked in order of the ids."""
    rows = tx.each(
        f"SELECT {_JUDGEMENT} FROM knowledge_judgement WHERE edge = ANY(%s) ORDER BY edge FOR NO KEY UPDATE",
        [list(edges)],
    )
    return ((row[0], Judgement._make(row)) for row in rows)


def insert_judgements(tx: Tx, rows: Mapping[str, Judgement]) -> None:
    """First judgements."""
    tx.execute(
        f"INSERT INTO knowledge_judgement ({_JUDGEMENT}) SELECT * FROM unnest({_JUDGEMENTS_NEW})",
        columns(rows.values()),
    )


def update_judgements(tx: Tx, rows: Mapping[str, Judgement]) -> None:
    """Later judgements."""
    tx.execute(
        "UPDATE knowledge_judgement SET is_right = new.is_right, reviewer = new.reviewer, note = new.note,"
        " number = new.number, at = new.at"
        f" FROM unnest({_JUDGEMENTS_NEW}) AS new ({_JUDGEMENT}) WHERE knowledge_judgement.edge = new.edge",
        columns(rows.values()),
    )


def scan_judgements(tx: Tx) -> Iterator[tuple[str, Judgement]]:
    """Every judgement that counts."""
    return ((row[0], Judgement._make(row)) for row in tx.execute(f"SELECT {_JUDGEMENT} FROM knowledge_judgement"))


def load_gains(tx: Tx, keys: Collection[GainKey]) -> Iterator[tuple[GainKey, Gain]]:
    """Gains by kind and reference, locked in key order."""
    rows = tx.each(
        f"SELECT {_GAIN} FROM unnest(%s::text[], %s::text[]) AS asked (kind, reference)"
        " JOIN knowledge_gain USING (kind, reference) ORDER BY kind, reference FOR NO KEY UPDATE OF knowledge_gain",
        columns(keys),
    )
    return ((GainKey(row[0], row[1]), _gain(row)) for row in rows)


def insert_gains(tx: Tx, rows: Mapping[GainKey, Gain]) -> None:
    """New gains: the primary key lets each count once."""
    tx.execute(
        f"INSERT INTO knowledge_gain ({_GAIN})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::integer[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])"
        " ORDER BY 1, 2",
        columns((*row[:3], *row.entity, *row[4:]) for row in rows.values()),
    )


def update_gains(tx: Tx, rows: Mapping[GainKey, Gain]) -> None:
    """Gains that were retracted."""
    tx.execute(
        "UPDATE knowledge_gain SET retracted_at = new.retracted_at, retracted_by = new.retracted_by,"
        " reason = new.reason"
        " FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])"
        " AS new (kind, reference, retracted_at, retracted_by, reason)"
        " WHERE (knowledge_gain.kind, knowledge_gain.reference) = (new.kind, new.reference)",
        columns((*row[:2], *row[-3:]) for row in rows.values()),
    )


def scan_gains(tx: Tx) -> Iterator[tuple[GainKey, Gain]]:
    """Every gain."""
    return ((GainKey(row[0], row[1]), _gain(row)) for row in tx.execute(f"SELECT {_GAIN} FROM knowledge_gain"))


def load_knowledge(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, EntityKnowledge]]:
    """What work on entities has brought, locked in key order."""
    rows = tx.each(
        f"SELECT {_KNOWLEDGE} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN knowledge_of_entity USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id FOR NO KEY UPDATE OF knowledge_of_entity",
        columns(keys),
    )
    return ((found.entity, found) for found in map(_knowledge, rows))


def insert_knowledge(tx: Tx, rows: Mapping[EntityKey, EntityKnowledge]) -> None:
    """Entities whose work has brought something for the first time."""
    tx.execute(
        f"INSERT INTO knowledge_of_entity ({_KNOWLEDGE}) SELECT * FROM unnest({_KNOWLEDGE_NEW}) ORDER BY 1, 2",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def update_knowledge(tx: Tx, rows: Mapping[EntityKey, EntityKnowledge]) -> None:
    """The figures of entities as they are now."""
    tx.execute(
        "UPDATE knowledge_of_entity SET edges_gained = new.edges_gained, submitted = new.submitted,"
        " retracted = new.retracted, judged_right = new.judged_right, judged_wrong = new.judged_wrong,"
        " papers = new.papers, hypotheses = new.hypotheses, quality = new.quality, updated_at = new.updated_at"
        f" FROM unnest({_KNOWLEDGE_NEW}) AS new ({_KNOWLEDGE})"
        " WHERE (knowledge_of_entity.entity_type, knowledge_of_entity.entity_id) = (new.entity_type, new.entity_id)",
        columns((*row.entity, *row[1:]) for row in rows.values()),
    )


def scan_knowledge(tx: Tx) -> Iterator[tuple[EntityKey, EntityKnowledge]]:
    """What work on each entity has brought."""
    for row in tx.execute(f"SELECT {_KNOWLEDGE} FROM knowledge_of_entity"):
        found = _knowledge(row)
        yield found.entity, found


def find_edge(tx: Tx, name: str) -> EdgeFound:
    """An edge with its statement, all who brought what it says, and its judgement. Refuses: UnknownEdge."""
    row = tx.execute(f"SELECT {_EDGE} FROM knowledge_edge WHERE edge = %s", [name]).fetchone()
    if row is None:
        raise UnknownEdge(edge=name)
    edge = Edge._make(row)
    (found,) = tx.execute(f"SELECT {_STATEMENT} FROM knowledge_statement WHERE statement = %s", [edge.statement])
    statement = _statement(found)
    submissions = tx.execute(
        f"SELECT {_SUBMISSION} FROM knowledge_submission WHERE edge = ANY(%s) ORDER BY number, line",
        [list(statement.edges)],
    )
    judged = tx.execute(f"SELECT {_JUDGEMENT} FROM knowledge_judgement WHERE edge = %s", [name]).fetchone()
    return EdgeFound(edge, statement, tuple(map(_submission, submissions)), Judgement._make(judged) if judged else None)


def find_members(tx: Tx, edge: str, *, own: bool) -> tuple[str, ...]:
    """The edges that are counted with this one, or those that it brought along itself when it was merged."""
    row = tx.execute(
        "SELECT edges FROM knowledge_statement JOIN knowledge_edge"
        " ON knowledge_statement.statement = CASE WHEN %s THEN edge ELSE knowledge_edge.statement END"
        " WHERE edge = %s",
        [own, edge],
    ).fetchone()
    return tuple(row[0]) if row else ()


def find_submissions(tx: Tx, entity: EntityKey, *, offset: int = 0, limit: int = 100) -> list[tuple[Edge, Submission]]:
    """A page of the edges that work on an entity brought, the latest first."""
    rows = tx.execute(
        f"SELECT {_EDGE_IN_JOIN}, owner, actor, work_item, source, confidence, own.number, line, own.at, role, parts"
        " FROM knowledge_submission AS own JOIN knowledge_edge USING (edge)"
        " WHERE (entity_type, entity_id) = (%s, %s) ORDER BY own.number DESC, line DESC LIMIT %s OFFSET %s",
        [*entity, limit, offset],
    )
    return [(Edge._make(row[:7]), Submission(row[0], row[7], row[8], entity, *row[9:])) for row in rows]


def find_gains_of(tx: Tx, entity: EntityKey, *, offset: int = 0, limit: int = 100) -> list[Gain]:
    """A page of what else work on an entity brought, the latest first."""
    found = tx.execute(
        f"SELECT {_GAIN} FROM knowledge_gain WHERE (entity_type, entity_id) = (%s, %s)"
        " ORDER BY number DESC, kind, reference LIMIT %s OFFSET %s",
        [*entity, limit, offset],
    )
    return list(map(_gain, found))


def find_knowledge(tx: Tx, entity: EntityKey) -> EntityKnowledge:
    """What work on an entity has brought, nothing where nobody has submitted anything."""
    row = tx.execute(
        f"SELECT {_KNOWLEDGE} FROM knowledge_of_entity WHERE (entity_type, entity_id) = (%s, %s)", entity
    ).fetchone()
    return _knowledge(row) if row else EntityKnowledge(entity)


def find_work_gains(tx: Tx, entity: EntityKey, *, offset: int = 0, limit: int = 100) -> list[WorkGain]:
    """A page of the pieces of work on an entity by the edges gained with each, the most first."""
    rows = tx.execute(
        "SELECT work_item, sum(parts)::bigint, count(*), count(*) FILTER (WHERE role IN ('retracted', 'withdrawn'))"
        " FROM knowledge_submission WHERE (entity_type, entity_id) = (%s, %s)"
        " GROUP BY work_item ORDER BY 2 DESC, work_item NULLS LAST LIMIT %s OFFSET %s",
        [*entity, limit, offset],
    )
    return [WorkGain._make(row) for row in rows]


def find_judged(tx: Tx, actor: str) -> Judged:
    """How many of the edges that an actor brought were judged right and wrong, whether they still count or not."""
    (row,) = tx.execute(
        "SELECT count(*) FILTER (WHERE is_right), count(*) FILTER (WHERE NOT is_right)"
        " FROM knowledge_submission JOIN knowledge_judgement USING (edge) WHERE knowledge_submission.actor = %s",
        [actor],
    )
    return Judged._make(row)


def find_about(tx: Tx, subject: str, *, offset: int = 0, limit: int = 100) -> list[Edge]:
    """A page of the edges with this subject, in small or capital letters, the latest first."""
    rows = tx.execute(
        f"SELECT {_EDGE} FROM knowledge_edge WHERE lower(subject) = lower(%s)"
        " ORDER BY number DESC, edge LIMIT %s OFFSET %s",
        [" ".join(subject.split()), limit, offset],
    )
    return list(map(Edge._make, rows))


def find_sample(tx: Tx, entity: EntityKey, *, seed: str, limit: int) -> list[Edge]:
    """Edges of an entity to judge, which count and nobody has judged: by chance, the same for the same seed."""
    rows = tx.execute(
        f"SELECT {_EDGE_IN_JOIN}"
        " FROM knowledge_submission AS own JOIN knowledge_edge USING (edge)"
        " WHERE (entity_type, entity_id) = (%s, %s) AND parts > 0"
        " AND NOT EXISTS (SELECT FROM knowledge_judgement WHERE knowledge_judgement.edge = own.edge)"
        " ORDER BY sha256(convert_to(%s || own.edge, 'UTF8')), own.edge LIMIT %s",
        [*entity, seed, limit],
    )
    return [Edge._make(row) for row in rows]


bind(EDGES, load=load_edges, look=look_at_edges, insert=insert_edges, update=update_edges, scan=scan_edges)
bind(STATEMENTS, load=load_statements, insert=insert_statements, update=update_statements, scan=scan_statements)
bind(
    SUBMISSIONS,
    load_groups=load_submissions_of,
    insert=insert_submissions,
    update=update_submissions,
    scan=scan_submissions,
)
bind(JUDGEMENTS, load=load_judgements, insert=insert_judgements, update=update_judgements, scan=scan_judgements)
bind(GAINS, load=load_gains, insert=insert_gains, update=update_gains, scan=scan_gains)
bind(KNOWLEDGE, load=load_knowledge, insert=insert_knowledge, update=update_knowledge, scan=scan_knowledge)
