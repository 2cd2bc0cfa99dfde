"""The SQL of bounties."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.bounties.model import (
    BOARDS,
    BOUNTIES,
    FUNDINGS,
    LISTINGS,
    PAYMENTS,
    SUBMISSIONS,
    Board,
    Bounty,
    Funding,
    FundingKey,
    Payment,
    PaymentKey,
    Submission,
    SubmissionKey,
)
from scidex.exchange.bounties.refusals import UnknownBounty

_LISTING = "bounty, artifact_type, artifact_id"
_BOARD = "artifact_type, artifact_id, open, units, spent, draws"
_BOUNTY = (
    "bounty, artifact_type, artifact_id, funder, amount, remaining, state, offered_at, expires_at, ended_at, purpose,"
    " counted_at, due_at, drawn, awarded, returned, waiting, claimant, claimed_at, lease_until"
)
_FUNDING = "bounty, funder, amount, funded_at"
_SUBMISSION = "bounty, output_type, output_id, actor, note, submitted_at, state, awarded, judged_by, judged_at"
_PAYMENT = "bounty, sort, subject, number, at, paid_to, amount"


def _bounty(row: Sequence[Any]) -> Bounty:
    return Bounty(row[0], EntityKey(row[1], row[2]), *row[3:])


def _board(row: Sequence[Any]) -> Board:
    return Board(EntityKey(row[0], row[1]), tuple(row[2]), tuple(zip(row[3], row[4], strict=True)), row[5])


def _submission(row: Sequence[Any]) -> Submission:
    return Submission(row[0], EntityKey(row[1], row[2]), *row[3:])


def load_listings(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, EntityKey]]:
    """Which artifacts bounties are on. That never changes, so to have read it is as good as to have locked it."""
    rows = tx.each(f"SELECT {_LISTING} FROM bounty_listing WHERE bounty = ANY(%s)", [list(names)])
    return ((row[0], EntityKey(row[1], row[2])) for row in rows)


def insert_listings(tx: Tx, rows: Mapping[str, EntityKey]) -> None:
    """New bounties by artifact."""
    tx.execute(
        f"INSERT INTO bounty_listing ({_LISTING}) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])",
        columns((bounty, *artifact) for bounty, artifact in rows.items()),
    )


def scan_listings(tx: Tx) -> Iterator[tuple[str, EntityKey]]:
    """Every bounty's artifact."""
    for row in tx.execute(f"SELECT {_LISTING} FROM bounty_listing"):
        yield row[0], EntityKey(row[1], row[2])


def load_boards(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Board]]:
    """Boards by artifact, locked in key order."""
    rows = tx.each(
        f"SELECT {_BOARD} FROM unnest(%s::text[], %s::text[]) AS asked (artifact_type, artifact_id)"
        " JOIN bounty_board USING (artifact_type, artifact_id)"
        " ORDER BY artifact_type, artifact_id FOR NO KEY UPDATE OF bounty_board",
        columns(keys),
    )
    return ((board.artifact, board) for board in map(_board, rows))


def _columns_of_boards(rows: Mapping[EntityKey, Board]) -> list[str]:
    return columns(
        (
            *row.artifact,
            row.open,
            tuple(unit for unit, _ in row.spent),
            tuple(parts for _, parts in row.spent),
            row.draws,
        )
        for row in rows.values()
    )


def insert_boards(tx: Tx, rows: Mapping[EntityKey, Board]) -> None:
    """Boards of artifacts that have their first bounty."""
    tx.execute(
        f"INSERT INTO bounty_board ({_BOARD})"
        " SELECT artifact_type, artifact_id, open::text[], units::text[], spent::bigint[], draws"
        f" FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[]) AS new ({_BOARD})",
        _columns_of_boards(rows),
    )


def update_boards(tx: Tx, rows: Mapping[EntityKey, Board]) -> None:
    """Which bounties of boards that are locked are open, and how far compute was drawn."""
    tx.execute(
        "UPDATE bounty_board SET open = new.open::text[], units = new.units::text[], spent = new.spent::bigint[],"
        " draws = new.draws"
        f" FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::integer[]) AS new ({_BOARD})"
        " WHERE (bounty_board.artifact_type, bounty_board.artifact_id) = (new.artifact_type, new.artifact_id)",
        _columns_of_boards(rows),
    )


def scan_boards(tx: Tx) -> Iterator[tuple[EntityKey, Board]]:
    """Every board."""
    for row in tx.execute(f"SELECT {_BOARD} FROM bounty_board"):
        yield EntityKey(row[0], row[1]), _board(row)


def load_bounties(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Bounty]]:
    """Bounties by id, locked in id order."""
    rows = tx.each(
        f"SELECT {_BOUNTY} FROM bounty WHERE bounty = ANY(%s) ORDER BY bounty FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], _bounty(row)) for row in rows)


def insert_bounties(tx: Tx, rows: Mapping[str, Bounty]) -> None:
    """New bounties."""
    tx.execute(
        f"INSERT INTO bounty ({_BOUNTY})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
        " %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[],"
        " %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::text[], %s::timestamptz[],"
        " %s::timestamptz[])",
        columns((row.bounty, *row.artifact, *row[2:]) for row in rows.values()),
    )


def update_bounties(tx: Tx, rows: Mapping[str, Bounty]) -> None:
    """Where bounties that are locked stand: what remains, who works for them, how they ended."""
    tx.execute(
        "UPDATE bounty SET amount = new.amount, remaining = new.remaining, state = new.state, ended_at = new.ended_at,"
        " counted_at = new.counted_at, due_at = new.due_at, drawn = new.drawn, awarded = new.awarded,"
        " returned = new.returned, waiting = new.waiting, claimant = new.claimant, claimed_at = new.claimed_at,"
        " lease_until = new.lease_until"
        " FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[],"
        " %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::text[], %s::timestamptz[],"
        " %s::timestamptz[])"
        " AS new (bounty, amount, remaining, state, ended_at, counted_at, due_at, drawn, awarded, returned, waiting,"
        " claimant, claimed_at, lease_until) WHERE bounty.bounty = new.bounty",
        columns((row.bounty, row.amount, row.remaining, row.state, row.ended_at, *row[10:]) for row in rows.values()),
    )


def scan_bounties(tx: Tx) -> Iterator[tuple[str, Bounty]]:
    """Every bounty."""
    for row in tx.execute(f"SELECT {_BOUNTY} FROM bounty"):
        yield row[0], _bounty(row)


def load_fundings(tx: Tx, names: Collection[str]) -> Iterator[tuple[FundingKey, Funding]]:
    """All funders of bounties, locked in key order; a bounty that is locked gets no other ones."""
    rows = tx.each(
        f"SELECT {_FUNDING} FROM bounty_funding WHERE bounty = ANY(%s) ORDER BY bounty, funder FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((FundingKey(row[0], row[1]), Funding._make(row)) for row in rows)


def insert_fundings(tx: Tx, rows: Mapping[FundingKey, Funding]) -> None:
    """First tokens of funders."""
    tx.execute(
        f"INSERT INTO bounty_funding ({_FUNDING})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::timestamptz[])",
        columns(rows.values()),
    )


def update_fundings(tx: Tx, rows: Mapping[FundingKey, Funding]) -> None:
    """More tokens of the same funders."""
    tx.execute(
        "UPDATE bounty_funding SET amount = new.amount"
        " FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS new (bounty, funder, amount)"
        " WHERE (bounty_funding.bounty, bounty_funding.funder) = (new.bounty, new.funder)",
        columns(row[:3] for row in rows.values()),
    )


def scan_fundings(tx: Tx) -> Iterator[tuple[FundingKey, Funding]]:
    """What everybody put into every bounty."""
    for row in tx.execute(f"SELECT {_FUNDING} FROM bounty_funding"):
        yield FundingKey(row[0], row[1]), Funding._make(row)


def load_submissions(tx: Tx, names: Collection[str]) -> Iterator[tuple[SubmissionKey, Submission]]:
    """All work submitted to bounties, locked in key order."""
    rows = tx.each(
        f"SELECT {_SUBMISSION} FROM bounty_submission WHERE bounty = ANY(%s)"
        " ORDER BY bounty, output_type, output_id FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((SubmissionKey(work.bounty, work.output), work) for work in map(_submission, rows))


def insert_submissions(tx: Tx, rows: Mapping[SubmissionKey, Submission]) -> None:
    """New work."""
    tx.execute(
        f"INSERT INTO bounty_submission ({_SUBMISSION})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],"
        " %s::text[], %s::bigint[], %s::text[], %s::timestamptz[])",
        columns((row.bounty, *row.output, *row[2:]) for row in rows.values()),
    )


def update_submissions(tx: Tx, rows: Mapping[SubmissionKey, Submission]) -> None:
    """How work was judged."""
    tx.execute(
        "UPDATE bounty_submission SET state = new.state, awarded = new.awarded, judged_by = new.judged_by,"
        " judged_at = new.judged_at"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::timestamptz[])"
        " AS new (bounty, output_type, output_id, state, awarded, judged_by, judged_at)"
        " WHERE (bounty_submission.bounty, bounty_submission.output_type, bounty_submission.output_id)"
        " = (new.bounty, new.output_type, new.output_id)",
        columns((row.bounty, *row.output, *row[5:]) for row in rows.values()),
    )


def scan_submissions(tx: Tx) -> Iterator[tuple[SubmissionKey, Submission]]:
    """All work submitted to any bounty."""
    for row in tx.execute(f"SELECT {_SUBMISSION} FROM bounty_submission"):
        work = _submission(row)
        yield SubmissionKey(work.bounty, work.output), work


def insert_payments(tx: Tx, rows: Mapping[PaymentKey, Payment]) -> None:
    """What leaves escrow: the primary key lets each award, refund and draw happen once."""
    tx.execute(
        f"INSERT INTO bounty_payment ({_PAYMENT})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::text[],"
        " %s::bigint[])",
        columns(rows.values()),
    )


def scan_payments(tx: Tx) -> Iterator[tuple[PaymentKey, Payment]]:
    """Everything that ever left escrow."""
    for row in tx.execute(f"SELECT {_PAYMENT} FROM bounty_payment"):
        yield PaymentKey(*row[:3]), Payment._make(row)


def find_bounty(tx: Tx, bounty: str) -> Bounty:
    """A bounty as it is now. Refuses: UnknownBounty."""
    row = tx.execute(f"SELECT {_BOUNTY} FROM bounty WHERE bounty = %s", [bounty]).fetchone()
    if row is None:
        raise UnknownBounty(bounty=bounty)
    return _bounty(row)


def find_bounties(
    tx: Tx,
    *,
    artifact: EntityKey | None = None,
    state: str | None = None,
    order: str = "amount",
    offset: int = 0,
    limit: int = 100,
) -> list[Bounty]:
    """A page of bounties: by `amount` the largest remainder first, by `age` the oldest, by `expiry` the soonest over.

    Ties go to the older and then to the lower number, so the order is the same each time.
    """
    key = artifact or (None, None)
    rows = tx.execute(
        f"SELECT {_BOUNTY} FROM bounty WHERE (%s::text IS NULL OR (artifact_type, artifact_id) = (%s, %s))"
        " AND (%s::text IS NULL OR state = %s)"
        " ORDER BY CASE %s WHEN 'age' THEN extract(epoch FROM offered_at)"
        " WHEN 'expiry' THEN extract(epoch FROM expires_at) ELSE -remaining END,"
        " offered_at, substr(bounty, 2)::bigint LIMIT %s OFFSET %s",
        [key[0], *key, state, state, order, limit, offset],
    )
    return [_bounty(row) for row in rows]


def find_fundings(tx: Tx, bounty: str) -> list[Funding]:
    """Who has put how much into a bounty, the first first. Refuses: UnknownBounty."""
    find_bounty(tx, bounty)
    rows = tx.execute(f"SELECT {_FUNDING} FROM bounty_funding WHERE bounty = %s ORDER BY funded_at, funder", [bounty])
    return [Funding._make(row) for row in rows]


def find_submissions(tx: Tx, bounty: str) -> list[Submission]:
    """What was submitted to a bounty, the first first. Refuses: UnknownBounty."""
    find_bounty(tx, bounty)
    rows = tx.execute(
        f"SELECT {_SUBMISSION} FROM bounty_submission WHERE bounty = %s ORDER BY submitted_at, output_type, output_id",
        [bounty],
    )
    return [_submission(row) for row in rows]


def find_payments(tx: Tx, bounty: str, *, offset: int = 0, limit: int = 100) -> list[Payment]:
    """A page of what left a bounty's escrow, the latest first. Refuses: UnknownBounty."""
    find_bounty(tx, bounty)
    rows = tx.execute(
        f"SELECT {_PAYMENT} FROM bounty_payment WHERE bounty = %s ORDER BY number DESC, sort, subject"
        " LIMIT %s OFFSET %s",
        [bounty, limit, offset],
    )
    return [Payment._make(row) for row in rows]


def counting_bounties(tx: Tx, *, artifact_type: str | None = None) -> list[str]:
    """The open bounties that count in budgets now, by id."""
    rows = tx.execute(
        "SELECT bounty FROM bounty WHERE state = 'open' AND expires_at > %s"
        " AND (%s::text IS NULL OR artifact_type = %s) ORDER BY bounty",
        [tx.now, artifact_type, artifact_type],
    )
    return [bounty for (bounty,) in rows]


def due_bounties(tx: Tx, *, limit: int = 1000) -> list[str]:
    """Open bounties whose time is over, oldest first."""
    rows = tx.execute(
        "SELECT bounty FROM bounty WHERE state = 'open' AND due_at <= %s ORDER BY due_at, bounty LIMIT %s",
        [tx.now, limit],
    )
    return [bounty for (bounty,) in rows]


def drawable_artifacts(tx: Tx, *, limit: int = 1000) -> list[EntityKey]:
    """Artifacts with open bounties that have spent compute since their last draw, in key order."""
    rows = tx.execute(
        "SELECT artifact_type, artifact_id FROM bounty_board AS board WHERE cardinality(open) > 0 AND EXISTS ("
        "SELECT FROM unnest(units, spent) AS seen (unit, parts) JOIN ledger_account AS account"
        " ON (account.owner, account.purpose, account.unit)"
        " = ('entity:' || board.artifact_type || ':' || board.artifact_id, 'spent', seen.unit)"
        " WHERE account.balance > seen.parts) ORDER BY artifact_type, artifact_id LIMIT %s",
        [limit],
    )
    return [EntityKey(*row) for row in rows]


bind(LISTINGS, load=load_listings, insert=insert_listings, scan=scan_listings)
bind(BOARDS, load=load_boards, insert=insert_boards, update=update_boards, scan=scan_boards)
bind(BOUNTIES, load=load_bounties, insert=insert_bounties, update=update_bounties, scan=scan_bounties)
bind(FUNDINGS, load_groups=load_fundings, insert=insert_fundings, update=update_fundings, scan=scan_fundings)
bind(
    SUBMISSIONS,
    load_groups=load_submissions,
    insert=insert_submissions,
    update=update_submissions,
    scan=scan_submissions,
)
bind(PAYMENTS, insert=insert_payments, scan=scan_payments)
