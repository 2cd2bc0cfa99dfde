"""The SQL of proposals, and of what their electorate has at stake."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.senate.proposals.evidence import Evidence, Expected
from scidex.senate.proposals.model import (
    BALLOTS,
    PROPOSAL_EVENTS,
    PROPOSALS,
    Ballot,
    BallotKey,
    Change,
    Proposal,
    ProposalEvent,
    ProposalEventKey,
)
from scidex.senate.proposals.refusals import UnknownProposal

_PROPOSAL = (
    "id, sort, proposer_id, entity_type, entity_id, pool, units, amounts, requested_tokens, changes, justification,"
    " expected, evidence, state, created_at, opened_at, due_at, decided_at, ended_at, quorum, threshold, share, seed,"
    " reviewers, alternates, votes, short_units, short_amounts, note, policy_version"
)
_NEW = (
    "id, sort, proposer_id, entity_type, entity_id, pool, units::text[], amounts::bigint[], requested_tokens,"
    " changes::jsonb, justification, expected::jsonb, evidence::jsonb, state, created_at, opened_at, due_at,"
    " decided_at, ended_at, quorum, threshold, share, seed, reviewers::text[], alternates::text[], votes::jsonb,"
    " short_units::text[], short_amounts::bigint[], note, policy_version"
)
_ARRAYS = (
    "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
    " %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],"
    " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::integer[], %s::integer[], %s::integer[],"
    " %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[]"
)
_VOTE = "proposal, voter, choice, reason, cast_at, counts"
_VOTES = "%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::boolean[]"
_EVENT = "number, line, proposal, at, actor, event, note"
_EVIDENCE: TypeAdapter[tuple[Evidence, ...]] = TypeAdapter(tuple[Evidence, ...])
_ROWS: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])


def _rows(found: Sequence[Any]) -> str:
    """Named tuples as a JSON array of objects, for people who read the table."""
    return _ROWS.dump_json([each._asdict() for each in found]).decode()


def _vote(found: Mapping[str, Any]) -> Ballot:
    return Ballot(**{**found, "cast_at": datetime.fromisoformat(found["cast_at"])})


def _expected(found: Mapping[str, Any]) -> Expected:
    return Expected(found["measure"], Decimal(found["amount"]), found["within_s"])


def _proposal(row: Sequence[Any]) -> Proposal:
    return Proposal(
        proposal=row[0],
        sort=row[1],
        proposer=row[2],
        entity=EntityKey(row[3], row[4]),
        pool=row[5],
        requested=tuple(zip(row[6], row[7], strict=True)),
        changes=tuple(Change(**each) for each in row[9]),
        justification=row[10],
        expected=tuple(map(_expected, row[11])),
        evidence=_EVIDENCE.validate_python(row[12]),
        state=row[13],
        created_at=row[14],
        opened_at=row[15],
        due_at=row[16],
        decided_at=row[17],
        ended_at=row[18],
        quorum=row[19],
        threshold=row[20],
        share=row[21],
        seed=row[22],
        reviewers=tuple(row[23]),
        alternates=tuple(row[24]),
        votes=tuple(map(_vote, row[25])),
        shortfall=tuple(zip(row[26], row[27], strict=True)),
        note=row[28],
        policy_version=row[29],
    )


def _columns(rows: Mapping[str, Proposal]) -> list[str]:
    return columns(
        (
            row.proposal,
            row.sort,
            row.proposer,
            *row.entity,
            row.pool,
            tuple(unit for unit, _ in row.requested),
            tuple(amount for _, amount in row.requested),
            sum(amount for unit, amount in row.requested if unit.startswith("llm_")),
            _rows(row.changes),
            row.justification,
            _rows(row.expected),
            _EVIDENCE.dump_json(row.evidence).decode(),
            *row[10:16],
            *row[16:20],
            row.reviewers,
            row.alternates,
            _rows(row.votes),
            tuple(unit for unit, _ in row.shortfall),
            tuple(amount for _, amount in row.shortfall),
            row.note,
            row.policy_version,
        )
        for row in rows.values()
    )


def load_proposals(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Proposal]]:
    """Proposals by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_PROPOSAL} FROM allocation_proposals WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _proposal(row)) for row in rows)


def insert_proposals(tx: Tx, rows: Mapping[str, Proposal]) -> None:
    """New proposals."""
    tx.execute(
        f"INSERT INTO allocation_proposals ({_PROPOSAL}) SELECT {_NEW} FROM unnest({_ARRAYS}) AS new ({_PROPOSAL})",
        _columns(rows),
    )


def update_proposals(tx: Tx, rows: Mapping[str, Proposal]) -> None:
    """Where proposals that are locked stand: state, seats, votes, times."""
    tx.execute(
        "UPDATE allocation_proposals AS old SET changes = new.changes::jsonb, state = new.state,"
        " opened_at = new.opened_at, due_at = new.due_at, decided_at = new.decided_at, ended_at = new.ended_at,"
        " quorum = new.quorum, threshold = new.threshold, share = new.share, seed = new.seed,"
        " reviewers = new.reviewers::text[], alternates = new.alternates::text[], votes = new.votes::jsonb,"
        " short_units = new.short_units::text[], short_amounts = new.short_amounts::bigint[], note = new.note,"
        f" policy_version = new.policy_version FROM unnest({_ARRAYS}) AS new ({_PROPOSAL}) WHERE old.id = new.id",
        _columns(rows),
    )


def scan_proposals(tx: Tx) -> Iterator[tuple[str, Proposal]]:
    """Every proposal."""
    for row in tx.execute(f"SELECT {_PROPOSAL} FROM allocation_proposals"):
        yield row[0], _proposal(row)


def load_votes(tx: Tx, keys: Collection[BallotKey]) -> Iterator[tuple[BallotKey, Ballot]]:
    """Votes by proposal and voter, locked in key order."""
    rows = tx.each(
        f"SELECT {_VOTE} FROM unnest(%s::text[], %s::text[]) AS asked (proposal, voter)"
        " JOIN proposal_vote USING (proposal, voter) ORDER BY proposal, voter FOR NO KEY UPDATE OF proposal_vote",
        columns(keys),
    )
    return ((BallotKey(*row[:2]), Ballot._make(row)) for row in rows)


def insert_votes(tx: Tx, rows: Mapping[BallotKey, Ballot]) -> None:
    """First votes."""
    tx.execute(f"INSERT INTO proposal_vote ({_VOTE}) SELECT * FROM unnest({_VOTES})", columns(rows.values()))


def update_votes(tx: Tx, rows: Mapping[BallotKey, Ballot]) -> None:
    """Votes that were changed, or count no more."""
    tx.execute(
        "UPDATE proposal_vote AS old SET choice = new.choice, reason = new.reason, cast_at = new.cast_at,"
        f" counts = new.counts FROM unnest({_VOTES}) AS new ({_VOTE})"
        " WHERE (old.proposal, old.voter) = (new.proposal, new.voter)",
        columns(rows.values()),
    )


def scan_votes(tx: Tx) -> Iterator[tuple[BallotKey, Ballot]]:
    """Every vote."""
    for row in tx.execute(f"SELECT {_VOTE} FROM proposal_vote"):
        yield BallotKey(*row[:2]), Ballot._make(row)


def insert_events(tx: Tx, rows: Mapping[ProposalEventKey, ProposalEvent]) -> None:
    """New events."""
    tx.execute(
        f"INSERT INTO proposal_event ({_EVENT}) SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::text[],"
        " %s::timestamptz[], %s::text[], %s::text[], %s::text[])",
        columns(rows.values()),
    )


def scan_events(tx: Tx) -> Iterator[tuple[ProposalEventKey, ProposalEvent]]:
    """Every event."""
    for row in tx.execute(f"SELECT {_EVENT} FROM proposal_event"):
        yield ProposalEventKey(*row[:2]), ProposalEvent._make(row)


def find_proposal(tx: Tx, proposal: str) -> Proposal:
    """A proposal as it is now. Refuses: UnknownProposal."""
    row = tx.execute(f"SELECT {_PROPOSAL} FROM allocation_proposals WHERE id = %s", [proposal]).fetchone()
    if row is None:
        raise UnknownProposal(proposal=proposal)
    return _proposal(row)


def find_proposals(
    tx: Tx,
    *,
    sort: str | None = None,
    state: str | None = None,
    entity: EntityKey | None = None,
    reviewer: str | None = None,
    offset: int = 0,
    limit: int = 100,
) -> list[Proposal]:
    """A page of proposals, the newest first: of a sort, in a state, about an entity, with a seat for a reviewer."""
    key = entity or (None, None)
    rows = tx.execute(
        f"SELECT {_PROPOSAL} FROM allocation_proposals WHERE (%s::text IS NULL OR sort = %s)"
        " AND (%s::text IS NULL OR state = %s) AND (%s::text IS NULL OR (entity_type, entity_id) = (%s, %s))"
        " AND (%s::text IS NULL OR %s = ANY (reviewers))"
        " ORDER BY created_at DESC, substr(id, 2)::bigint DESC LIMIT %s OFFSET %s",
        [sort, sort, state, state, key[0], *key, reviewer, reviewer, limit, offset],
    )
    return [_proposal(row) for row in rows]


def find_events(tx: Tx, proposal: str, *, offset: int = 0, limit: int = 100) -> list[ProposalEvent]:
    """What happened to a proposal, the first step first. Refuses: UnknownProposal."""
    find_proposal(tx, proposal)
    rows = tx.execute(
        f"SELECT {_EVENT} FROM proposal_event WHERE proposal = %s ORDER BY number, line LIMIT %s OFFSET %s",
        [proposal, limit, offset],
    )
    return [ProposalEvent._make(row) for row in rows]


class Due(NamedTuple):
    """A proposal with a step that is due."""

    proposal: str
    sort: str


def due_proposals(tx: Tx, *, limit: int = 100) -> list[Due]:
    """Proposals whose time is over, and those whose pool has by now what it lacked; the oldest first."""
    rows = tx.execute(
        "SELECT id, sort FROM allocation_proposals AS proposal WHERE due_at <= %s"
        " OR (state = 'deferred' AND cardinality(short_units) > 0 AND NOT EXISTS ("
        "SELECT FROM unnest(units, amounts) AS asked (unit, amount) LEFT JOIN ledger_account AS account"
        " ON (account.owner, account.purpose, account.unit) = ('pool:' || proposal.pool, 'pool', asked.unit)"
        " WHERE coalesce(account.balance - account.held, 0) < asked.amount))"
        " ORDER BY created_at, substr(id, 2)::bigint LIMIT %s",
        [tx.now, limit],
    )
    return [Due._make(row) for row in rows]


def count_open(tx: Tx, proposer: str) -> int:
    """How many proposals of this actor, its owner and what else the owner owns are voted on now."""
    row = tx.execute(
        "SELECT count(*) FROM allocation_proposals AS proposal LEFT JOIN actor ON actor.name = proposal.proposer_id"
        " WHERE state = 'open' AND coalesce(actor.owner, proposal.proposer_id)"
        " = coalesce((SELECT owner FROM actor WHERE name = %s), %s)",
        [proposer, proposer],
    ).fetchone()
    assert row is not None
    return int(row[0])


# All accounts of an owner are one, and so are the agents of a model family. A market's funder gets what is left of it.
_ELECTORATE = """
WITH person AS NOT MATERIALIZED (
  SELECT actor.name, coalesce(above.owner, actor.owner, actor.name) AS root, actor.family, actor.roles
  FROM actor LEFT JOIN actor AS above ON above.name = actor.owner
), side AS MATERIALIZED (
  SELECT 'made the proposal' AS did, root, family FROM person WHERE name = %(proposer)s
  UNION ALL
  SELECT 'entered the artifact', person.root, person.family FROM entity JOIN person ON person.name = entity.proposer
  WHERE (entity.entity_type, entity.entity_id) = (%(entity_type)s, %(entity_id)s)
), of_artifact AS MATERIALIZED (
  SELECT market, funder FROM market
  WHERE (artifact_type, artifact_id) = (%(entity_type)s, %(entity_id)s) AND state IN ('open', 'closed')
), stake AS MATERIALIZED (
  SELECT person.root, 'holds a position in market ' || position.market AS has
  FROM of_artifact JOIN market_position AS position USING (market) JOIN person ON person.name = position.owner
  WHERE 0 < ANY (position.shares)
  UNION ALL
  SELECT person.root, 'has a resting order in market ' || resting.market
  FROM of_artifact JOIN market_order AS resting USING (market) JOIN person ON person.name = resting.owner
  WHERE resting.state = 'open'
  UNION ALL
  SELECT person.root, 'funded the market ' || of_artifact.market
  FROM of_artifact JOIN person ON of_artifact.funder = 'actor:' || person.name
)
SELECT person.name, coalesce(
  (SELECT min(person.root || ' ' || has) FROM stake WHERE stake.root = person.root),
  (SELECT min(person.root || ' ' || did) FROM side WHERE side.root = person.root),
  (SELECT min('its model family ' || person.family || ' ' || did) FROM side WHERE side.family = person.family)
)
FROM person WHERE CASE WHEN %(names)s::text[] IS NULL THEN 'reviewer' = ANY (person.roles)
                       ELSE person.name = ANY (%(names)s) END
ORDER BY person.name
"""


def find_electorate(
    tx: Tx, *, proposer: str, entity: EntityKey, names: Collection[str] | None = None
) -> list[tuple[str, str | None]]:
    """These actors, or all reviewers, by name, each with why it may not judge this, or None where it may."""
    given = None if names is None else list(names)
    facts = {"proposer": proposer, "entity_type": entity[0], "entity_id": entity[1], "names": given}
    return tx.execute(_ELECTORATE, facts).fetchall()


def find_policies(tx: Tx, *, before: int | None = None, limit: int = 100) -> list[tuple[int, datetime, str | None]]:
    """Versions of the policy, the newest first: number, since when, and the proposal that made it, if one did."""
    rows = tx.execute(
        "SELECT version, enacted_at, (SELECT proposal FROM proposal_event WHERE event = 'enacted'"
        " AND at = enacted_at AND note = 'version ' || version || ' of the policy' LIMIT 1)"
        " FROM policy WHERE version < %s ORDER BY version DESC LIMIT %s",
        [before or 2**31 - 1, limit],
    )
    return rows.fetchall()


bind(PROPOSALS, load=load_proposals, insert=insert_proposals, update=update_proposals, scan=scan_proposals)
bind(BALLOTS, load=load_votes, insert=insert_votes, update=update_votes, scan=scan_votes)
bind(PROPOSAL_EVENTS, insert=insert_events, scan=scan_events)
