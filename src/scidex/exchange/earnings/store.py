"""The SQL of earnings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.entities import EntityKey
from scidex.exchange.earnings.model import (
    DEBTS,
    EMISSION,
    LINES,
    MINTS,
    OUTPUTS,
    PERIODS,
    STANDINGS,
    Ancestor,
    Debt,
    Earned,
    Line,
    LineKey,
    Mint,
    MintKey,
    Output,
    Period,
    PeriodKey,
    Standing,
    UnknownOutput,
)

_OUTPUT = (
    "entity_type, entity_id, producer, owner, builds_on_types, builds_on_ids, lineage_types, lineage_ids,"
    " lineage_producers, lineage_owners, lineage_depths, recorded_by, recorded_at"
)
_STANDING = "entity_type, entity_id, retracted_at, retracted_by, reason"
_MINT = "entity_type, entity_id, kind, number, at, producer, reviewer, quality, amount, period, note, revoked_at"
_LINE = "entity_type, entity_id, kind, line, payee, source_type, source_id, depth, amount, netted, clawed, owed"
_PERIOD = "unit, starts_at, ends_at, supply, budget, minted, revoked, policy_version"
_PERIODS_NEW = (
    "%s::text[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::integer[]"
)


def _output(row: Sequence[Any]) -> Output:
    builds_on = tuple(EntityKey(*each) for each in zip(row[4], row[5], strict=True))
    lineage = tuple(
        Ancestor(EntityKey(sort, name), producer, owner, depth)
        for sort, name, producer, owner, depth in zip(*row[6:11], strict=True)
    )
    return Output(EntityKey(row[0], row[1]), row[2], row[3], builds_on, lineage, row[11], row[12])


def _standing(row: Sequence[Any]) -> Standing:
    return Standing(EntityKey(row[0], row[1]), *row[2:])


def _mint(row: Sequence[Any]) -> Mint:
    return Mint(EntityKey(row[0], row[1]), *row[2:])


def _line(row: Sequence[Any]) -> Line:
    return Line._make((EntityKey(row[0], row[1]), *row[2:5], EntityKey(row[5], row[6]), *row[7:]))


def load_outputs(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Output]]:
    """Outputs by entity. They never change, so to have read one is as good as to have locked it."""
    rows = tx.each(
        f"SELECT {_OUTPUT} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN earning_output USING (entity_type, entity_id)",
        columns(keys),
    )
    return ((output.output, output) for output in map(_output, rows))


def insert_outputs(tx: Tx, rows: Mapping[EntityKey, Output]) -> None:
    """New outputs."""
    tx.execute(
        f"INSERT INTO earning_output ({_OUTPUT})"
        " SELECT entity_type, entity_id, producer, owner, builds_on_types::text[], builds_on_ids::text[],"
        " lineage_types::text[], lineage_ids::text[], lineage_producers::text[], lineage_owners::text[],"
        " lineage_depths::integer[], recorded_by, recorded_at"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],"
        f" %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[]) AS new ({_OUTPUT})",
        columns(
            (
                *row.output,
                row.producer,
                row.owner,
                tuple(each.entity_type for each in row.builds_on),
                tuple(each.entity_id for each in row.builds_on),
                tuple(each.output.entity_type for each in row.lineage),
                tuple(each.output.entity_id for each in row.lineage),
                tuple(each.producer for each in row.lineage),
                tuple(each.owner for each in row.lineage),
                tuple(each.depth for each in row.lineage),
                row.recorded_by,
                row.recorded_at,
            )
            for row in rows.values()
        ),
    )


def scan_outputs(tx: Tx) -> Iterator[tuple[EntityKey, Output]]:
    """Every output."""
    for row in tx.execute(f"SELECT {_OUTPUT} FROM earning_output"):
        yield EntityKey(row[0], row[1]), _output(row)


def load_standings(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Standing]]:
    """Whether outputs stand, locked in key order."""
    rows = tx.each(
        f"SELECT {_STANDING} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN earning_standing USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id FOR NO KEY UPDATE OF earning_standing",
        columns(keys),
    )
    return ((standing.output, standing) for standing in map(_standing, rows))


def look_at_standings(tx: Tx, keys: Collection[EntityKey]) -> Iterator[tuple[EntityKey, Standing]]:
    """The same, kept from changing: shared, because what much builds on is looked at by much."""
    rows = tx.each(
        f"SELECT {_STANDING} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN earning_standing USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id FOR SHARE OF earning_standing",
        columns(keys),
    )
    return ((standing.output, standing) for standing in map(_standing, rows))


def insert_standings(tx: Tx, rows: Mapping[EntityKey, Standing]) -> None:
    """Outputs that stand from now on."""
    tx.execute(
        f"INSERT INTO earning_standing ({_STANDING})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])",
        columns((*row.output, *row[1:]) for row in rows.values()),
    )


def update_standings(tx: Tx, rows: Mapping[EntityKey, Standing]) -> None:
    """Outputs that were retracted."""
    tx.execute(
        "UPDATE earning_standing SET retracted_at = new.retracted_at, retracted_by = new.retracted_by,"
        " reason = new.reason"
        f" FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[]) AS new ({_STANDING})"
        " WHERE (earning_standing.entity_type, earning_standing.entity_id) = (new.entity_type, new.entity_id)",
        columns((*row.output, *row[1:]) for row in rows.values()),
    )


def scan_standings(tx: Tx) -> Iterator[tuple[EntityKey, Standing]]:
    """Whether each output stands."""
    for row in tx.execute(f"SELECT {_STANDING} FROM earning_standing"):
        yield EntityKey(row[0], row[1]), _standing(row)


def load_mints(tx: Tx, keys: Collection[MintKey]) -> Iterator[tuple[MintKey, Mint]]:
    """Rewards by output and kind, locked in key order."""
    rows = tx.each(
        f"SELECT {_MINT} FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (entity_type, entity_id, kind)"
        " JOIN earning_mint USING (entity_type, entity_id, kind)"
        " ORDER BY entity_type, entity_id, kind FOR NO KEY UPDATE OF earning_mint",
        columns((*key.output, key.kind) for key in keys),
    )
    return ((MintKey(mint.output, mint.kind), mint) for mint in map(_mint, rows))


def load_mints_of(tx: Tx, outputs: Collection[EntityKey]) -> Iterator[tuple[MintKey, Mint]]:
    """All rewards of outputs, locked in key order; an output whose standing is locked gets no other ones."""
    rows = tx.each(
        f"SELECT {_MINT} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN earning_mint USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id, kind FOR NO KEY UPDATE OF earning_mint",
        columns(outputs),
    )
    return ((MintKey(mint.output, mint.kind), mint) for mint in map(_mint, rows))


def insert_mints(tx: Tx, rows: Mapping[MintKey, Mint]) -> None:
    """New rewards: the primary key lets each happen once."""
    tx.execute(
        f"INSERT INTO earning_mint ({_MINT})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::text[],"
        " %s::text[], %s::integer[], %s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[])",
        columns((*row.output, *row[1:]) for row in rows.values()),
    )


def update_mints(tx: Tx, rows: Mapping[MintKey, Mint]) -> None:
    """Rewards that were revoked."""
    tx.execute(
        "UPDATE earning_mint SET revoked_at = new.revoked_at"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[])"
        " AS new (entity_type, entity_id, kind, revoked_at)"
        " WHERE (earning_mint.entity_type, earning_mint.entity_id, earning_mint.kind)"
        " = (new.entity_type, new.entity_id, new.kind)",
        columns((*row.output, row.kind, row.revoked_at) for row in rows.values()),
    )


def scan_mints(tx: Tx) -> Iterator[tuple[MintKey, Mint]]:
    """Every reward."""
    for row in tx.execute(f"SELECT {_MINT} FROM earning_mint"):
        mint = _mint(row)
        yield MintKey(mint.output, mint.kind), mint


def load_lines_of(tx: Tx, outputs: Collection[EntityKey]) -> Iterator[tuple[LineKey, Line]]:
    """Who got what of the rewards of outputs, locked in key order."""
    rows = tx.each(
        f"SELECT {_LINE} FROM unnest(%s::text[], %s::text[]) AS asked (entity_type, entity_id)"
        " JOIN earning_line USING (entity_type, entity_id)"
        " ORDER BY entity_type, entity_id, kind, line FOR NO KEY UPDATE OF earning_line",
        columns(outputs),
    )
    return ((LineKey(line.output, line.kind, line.line), line) for line in map(_line, rows))


def insert_lines(tx: Tx, rows: Mapping[LineKey, Line]) -> None:
    """New shares of rewards."""
    tx.execute(
        f"INSERT INTO earning_line ({_LINE})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[],"
        " %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])",
        columns((*row.output, *row[1:4], *row.source, *row[5:]) for row in rows.values()),
    )


def update_lines(tx: Tx, rows: Mapping[LineKey, Line]) -> None:
    """What of shares was revoked."""
    tx.execute(
        "UPDATE earning_line SET clawed = new.clawed, owed = new.owed"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::bigint[], %s::bigint[])"
        " AS new (entity_type, entity_id, kind, line, clawed, owed)"
        " WHERE (earning_line.entity_type, earning_line.entity_id, earning_line.kind, earning_line.line)"
        " = (new.entity_type, new.entity_id, new.kind, new.line)",
        columns((*row.output, row.kind, row.line, row.clawed, row.owed) for row in rows.values()),
    )


def scan_lines(tx: Tx) -> Iterator[tuple[LineKey, Line]]:
    """Every share of every reward."""
    for row in tx.execute(f"SELECT {_LINE} FROM earning_line"):
        line = _line(row)
        yield LineKey(line.output, line.kind, line.line), line


def load_emission(tx: Tx, units: Collection[str]) -> Iterator[tuple[str, Period]]:
    """The periods under way, locked in order of their units."""
    rows = tx.each(
        f"SELECT {_PERIOD} FROM emission WHERE unit = ANY(%s) ORDER BY unit FOR NO KEY UPDATE", [list(units)]
    )
    return ((row[0], Period._make(row)) for row in rows)


def insert_emission(tx: Tx, rows: Mapping[str, Period]) -> None:
    """The first periods."""
    tx.execute(f"INSERT INTO emission ({_PERIOD}) SELECT * FROM unnest({_PERIODS_NEW})", columns(rows.values()))


def update_emission(tx: Tx, rows: Mapping[str, Period]) -> None:
    """What periods under way have minted and revoked, or the periods after them."""
    tx.execute(
        "UPDATE emission SET starts_at = new.starts_at, ends_at = new.ends_at, supply = new.supply,"
        " budget = new.budget, minted = new.minted, revoked = new.revoked, policy_version = new.policy_version"
        f" FROM unnest({_PERIODS_NEW}) AS new ({_PERIOD}) WHERE emission.unit = new.unit",
        columns(rows.values()),
    )


def scan_emission(tx: Tx) -> Iterator[tuple[str, Period]]:
    """Every period under way."""
    for row in tx.execute(f"SELECT {_PERIOD} FROM emission"):
        yield row[0], Period._make(row)


def insert_periods(tx: Tx, rows: Mapping[PeriodKey, Period]) -> None:
    """Periods that are over."""
    tx.execute(f"INSERT INTO emission_period ({_PERIOD}) SELECT * FROM unnest({_PERIODS_NEW})", columns(rows.values()))


def scan_periods(tx: Tx) -> Iterator[tuple[PeriodKey, Period]]:
    """Every period that is over."""
    for row in tx.execute(f"SELECT {_PERIOD} FROM emission_period"):
        yield PeriodKey(row[0], row[1]), Period._make(row)


def load_debts(tx: Tx, actors: Collection[str]) -> Iterator[tuple[str, Debt]]:
    """Debts by actor, locked in order of their names."""
    rows = tx.each(
        "SELECT actor, amount FROM earning_debt WHERE actor = ANY(%s) ORDER BY actor FOR NO KEY UPDATE",
        [list(actors)],
    )
    return ((row[0], Debt._make(row)) for row in rows)


def insert_debts(tx: Tx, rows: Mapping[str, Debt]) -> None:
    """First debts."""
    tx.execute(
        "INSERT INTO earning_debt (actor, amount) SELECT * FROM unnest(%s::text[], %s::bigint[])",
        columns(rows.values()),
    )


def update_debts(tx: Tx, rows: Mapping[str, Debt]) -> None:
    """Debts as they stand now."""
    tx.execute(
        "UPDATE earning_debt SET amount = new.amount FROM unnest(%s::text[], %s::bigint[]) AS new (actor, amount)"
        " WHERE earning_debt.actor = new.actor",
        columns(rows.values()),
    )


def scan_debts(tx: Tx) -> Iterator[tuple[str, Debt]]:
    """Every debt."""
    for row in tx.execute("SELECT actor, amount FROM earning_debt"):
        yield row[0], Debt._make(row)


def find_output(tx: Tx, output: EntityKey) -> tuple[Output, Standing]:
    """An output and whether it stands. Refuses: UnknownOutput."""
    found = dict(load_outputs(tx, [output]))
    if output not in found:
        raise UnknownOutput(output=str(output))
    (row,) = tx.execute(f"SELECT {_STANDING} FROM earning_standing WHERE (entity_type, entity_id) = (%s, %s)", output)
    return found[output], _standing(row)


def find_rewards(tx: Tx, output: EntityKey) -> list[tuple[Mint, list[Line]]]:
    """The rewards of an output, the first first, with the shares of each."""
    mints = tx.execute(
        f"SELECT {_MINT} FROM earning_mint WHERE (entity_type, entity_id) = (%s, %s) ORDER BY number", output
    ).fetchall()
    lines = tx.execute(
        f"SELECT {_LINE} FROM earning_line WHERE (entity_type, entity_id) = (%s, %s) ORDER BY kind, line", output
    ).fetchall()
    found = list(map(_line, lines))
    return [(mint, [line for line in found if line.kind == mint.kind]) for mint in map(_mint, mints)]


def find_earned(tx: Tx, actor: str) -> list[Earned]:
    """What an actor earned, by period, the latest first, and kind."""
    rows = tx.execute(
        "SELECT mint.period, kind, count(*) FILTER (WHERE payee = %(actor)s AND depth = 0),"
        " coalesce(sum(line.amount) FILTER (WHERE payee = %(actor)s AND depth = 0), 0)::bigint,"
        " coalesce(sum(line.amount) FILTER (WHERE payee = %(actor)s AND depth > 0), 0)::bigint,"
        " coalesce(sum(line.amount) FILTER (WHERE producer = %(actor)s AND depth > 0), 0)::bigint,"
        " coalesce(sum(clawed + owed) FILTER (WHERE payee = %(actor)s), 0)::bigint,"
        " coalesce(sum(netted) FILTER (WHERE payee = %(actor)s), 0)::bigint"
        " FROM earning_mint AS mint JOIN earning_line AS line USING (entity_type, entity_id, kind)"
        " WHERE payee = %(actor)s OR producer = %(actor)s GROUP BY period, kind ORDER BY period DESC, kind",
        {"actor": actor},
    )
    return [Earned._make(row) for row in rows]


def find_debt(tx: Tx, actor: str) -> int:
    """What an actor owes of revoked rewards, in token parts."""
    row = tx.execute("SELECT amount FROM earning_debt WHERE actor = %s", [actor]).fetchone()
    return int(row[0]) if row else 0


def find_periods(tx: Tx, *, offset: int = 0, limit: int = 100) -> list[Period]:
    """A page of periods of emission, the latest first."""
    rows = tx.execute(
        f"SELECT {_PERIOD} FROM emission UNION ALL SELECT {_PERIOD} FROM emission_period"
        " ORDER BY starts_at DESC, unit LIMIT %s OFFSET %s",
        [limit, offset],
    )
    return [Period._make(row) for row in rows]


bind(OUTPUTS, load=load_outputs, insert=insert_outputs, scan=scan_outputs)
bind(
    STANDINGS,
    load=load_standings,
    look=look_at_standings,
    insert=insert_standings,
    update=update_standings,
    scan=scan_standings,
)
bind(MINTS, load=load_mints, load_groups=load_mints_of, insert=insert_mints, update=update_mints, scan=scan_mints)
bind(LINES, load_groups=load_lines_of, insert=insert_lines, update=update_lines, scan=scan_lines)
bind(EMISSION, load=load_emission, insert=insert_emission, update=update_emission, scan=scan_emission)
bind(PERIODS, insert=insert_periods, scan=scan_periods)
bind(DEBTS, load=load_debts, insert=insert_debts, update=update_debts, scan=scan_debts)
