"""The SQL of settlements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.exchange.settlement.evidence import Evidence
from scidex.exchange.settlement.model import (
    CASES,
    PORTIONS,
    SETTLEMENTS,
    STAGES,
    Case,
    CaseKey,
    Portion,
    PortionKey,
    Settlement,
    Stage,
    StageKey,
)

_SETTLEMENT = "market, state, version, cases, staged, traded_until, due_at, appeal_until, bonds, withheld"
_CASE = (
    "market, number, replaces, proposer, ruling, outcome, evidence, bond, proposed_at, disputable_until, disputer,"
    " counter_ruling, counter_outcome, counter_evidence, disputed_at, decide_until, authority, decided_ruling,"
    " decided_outcome, reason, ended_at, how"
)
_STAGE = "market, stage, actor, evidence, recorded_at"
_PORTION = "market, party, due, paid, withheld"
_EVIDENCE: TypeAdapter[tuple[Evidence, ...]] = TypeAdapter(tuple[Evidence, ...])


def _json(evidence: tuple[Evidence, ...]) -> str:
    return _EVIDENCE.dump_json(evidence).decode()


def _evidence(found: Any) -> tuple[Evidence, ...]:
    return _EVIDENCE.validate_python(found)


def _case(row: Sequence[Any]) -> Case:
    return Case._make((*row[:6], _evidence(row[6]), *row[7:13], _evidence(row[13]), *row[14:]))


def _case_row(case: Case) -> tuple[Any, ...]:
    return (*case[:6], _json(case.evidence), *case[7:13], _json(case.counter_evidence), *case[14:])


def _stage(row: Sequence[Any]) -> Stage:
    return Stage._make((*row[:3], _evidence(row[3]), row[4]))


def load_settlements(tx: Tx, names: Collection[str]) -> Iterator[tuple[str, Settlement]]:
    """Settlements by market, locked in that order."""
    rows = tx.each(
        f"SELECT {_SETTLEMENT} FROM settlement WHERE market = ANY(%s) ORDER BY market FOR NO KEY UPDATE",
        [list(names)],
    )
    return ((row[0], Settlement(*row)) for row in rows)


def insert_settlements(tx: Tx, rows: Mapping[str, Settlement]) -> None:
    """New settlements."""
    tx.execute(
        f"INSERT INTO settlement ({_SETTLEMENT})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::integer[], %s::integer[], %s::boolean[],"
        " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[])",
        columns(rows.values()),
    )


def update_settlements(tx: Tx, rows: Mapping[str, Settlement]) -> None:
    """Where settlements that are locked stand now."""
    tx.execute(
        "UPDATE settlement SET state = new.state, version = new.version, cases = new.cases, staged = new.staged,"
        " traded_until = new.traded_until, due_at = new.due_at, appeal_until = new.appeal_until, bonds = new.bonds,"
        " withheld = new.withheld"
        " FROM unnest(%s::text[], %s::text[], %s::integer[], %s::integer[], %s::boolean[],"
        " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[])"
        f" AS new ({_SETTLEMENT}) WHERE settlement.market = new.market",
        columns(rows.values()),
    )


def scan_settlements(tx: Tx) -> Iterator[tuple[str, Settlement]]:
    """Every settlement."""
    for row in tx.execute(f"SELECT {_SETTLEMENT} FROM settlement"):
        yield row[0], Settlement(*row)


def load_cases(tx: Tx, keys: Collection[CaseKey]) -> Iterator[tuple[CaseKey, Case]]:
    """Cases by market and number, locked in that order."""
    rows = tx.each(
        f"SELECT {_CASE} FROM unnest(%s::text[], %s::integer[]) AS asked (market, number)"
        " JOIN settlement_case USING (market, number)"
        " ORDER BY market, number FOR NO KEY UPDATE OF settlement_case",
        columns(keys),
    )
    return ((CaseKey(*row[:2]), _case(row)) for row in rows)


def insert_cases(tx: Tx, rows: Mapping[CaseKey, Case]) -> None:
    """New cases."""
    tx.execute(
        f"INSERT INTO settlement_case ({_CASE})"
        " SELECT market, number, replaces, proposer, ruling, outcome, evidence::jsonb, bond, proposed_at,"
        " disputable_until, disputer, counter_ruling, counter_outcome, counter_evidence::jsonb, disputed_at,"
        " decide_until, authority, decided_ruling, decided_outcome, reason, ended_at, how"
        " FROM unnest(%s::text[], %s::integer[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],"
        f" %s::text[]) AS new ({_CASE})",
        columns(_case_row(row) for row in rows.values()),
    )


def update_cases(tx: Tx, rows: Mapping[CaseKey, Case]) -> None:
    """What a dispute, a decision and the end enter in cases that are locked."""
    tx.execute(
        "UPDATE settlement_case SET disputer = new.disputer, counter_ruling = new.counter_ruling,"
        " counter_outcome = new.counter_outcome, counter_evidence = new.counter_evidence::jsonb,"
        " disputed_at = new.disputed_at, decide_until = new.decide_until, authority = new.authority,"
        " decided_ruling = new.decided_ruling, decided_outcome = new.decided_outcome, reason = new.reason,"
        " ended_at = new.ended_at, how = new.how"
        " FROM unnest(%s::text[], %s::integer[], %s::text[], %s::text[], %s::text[], %s::text[],"
        " %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],"
        " %s::text[]) AS new (market, number, disputer, counter_ruling, counter_outcome, counter_evidence,"
        " disputed_at, decide_until, authority, decided_ruling, decided_outcome, reason, ended_at, how)"
        " WHERE (settlement_case.market, settlement_case.number) = (new.market, new.number)",
        columns((*row[:2], *_case_row(row)[10:]) for row in rows.values()),
    )


def scan_cases(tx: Tx) -> Iterator[tuple[CaseKey, Case]]:
    """Every case."""
    for row in tx.execute(f"SELECT {_CASE} FROM settlement_case"):
        yield CaseKey(*row[:2]), _case(row)


def load_stages_of(tx: Tx, markets: Collection[str]) -> list[tuple[StageKey, Stage]]:
    """Every stage of these markets, which are locked."""
    rows = tx.execute(f"SELECT {_STAGE} FROM settlement_stage WHERE market = ANY(%s)", [list(markets)])
    return [(StageKey(*row[:2]), _stage(row)) for row in rows]


def insert_stages(tx: Tx, rows: Mapping[StageKey, Stage]) -> None:
    """New stages."""
    tx.execute(
        f"INSERT INTO settlement_stage ({_STAGE})"
        " SELECT market, stage, actor, evidence::jsonb, recorded_at"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])"
        f" AS new ({_STAGE})",
        columns((*row[:3], _json(row.evidence), row.recorded_at) for row in rows.values()),
    )


def scan_stages(tx: Tx) -> Iterator[tuple[StageKey, Stage]]:
    """Every stage."""
    for row in tx.execute(f"SELECT {_STAGE} FROM settlement_stage"):
        yield StageKey(*row[:2]), _stage(row)


def load_portions_of(tx: Tx, markets: Collection[str]) -> list[tuple[PortionKey, Portion]]:
    """Every portion of these markets, which are locked."""
    rows = tx.execute(f"SELECT {_PORTION} FROM settlement_portion WHERE market = ANY(%s)", [list(markets)])
    return [(PortionKey(*row[:2]), Portion(*row)) for row in rows]


def insert_portions(tx: Tx, rows: Mapping[PortionKey, Portion]) -> None:
    """New portions."""
    tx.execute(
        f"INSERT INTO settlement_portion ({_PORTION})"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])",
        columns(rows.values()),
    )


def update_portions(tx: Tx, rows: Mapping[PortionKey, Portion]) -> None:
    """What the parties of markets that are locked are due, paid and kept back."""
    tx.execute(
        "UPDATE settlement_portion SET due = new.due, paid = new.paid, withheld = new.withheld"
        " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[])"
        f" AS new ({_PORTION})"
        " WHERE (settlement_portion.market, settlement_portion.party) = (new.market, new.party)",
        columns(rows.values()),
    )


def scan_portions(tx: Tx) -> Iterator[tuple[PortionKey, Portion]]:
    """Every portion."""
    for row in tx.execute(f"SELECT {_PORTION} FROM settlement_portion"):
        yield PortionKey(*row[:2]), Portion(*row)


def find_settlement(tx: Tx, market: str) -> Settlement | None:
    """The settlement of a market, None while nobody has begun one."""
    row = tx.execute(f"SELECT {_SETTLEMENT} FROM settlement WHERE market = %s", [market]).fetchone()
    return None if row is None else Settlement(*row)


def find_settlements(tx: Tx, *, state: str | None = None, after: str = "", limit: int = 100) -> list[Settlement]:
    """A page of settlements by market."""
    rows = tx.execute(
        f"SELECT {_SETTLEMENT} FROM settlement WHERE market > %s AND (%s::text IS NULL OR state = %s)"
        " ORDER BY market LIMIT %s",
        [after, state, state, limit],
    )
    return [Settlement(*row) for row in rows]


def find_cases(tx: Tx, market: str) -> list[Case]:
    """The cases of a market, the first one first."""
    rows = tx.execute(f"SELECT {_CASE} FROM settlement_case WHERE market = %s ORDER BY number", [market])
    return [_case(row) for row in rows]


def find_stages(tx: Tx, market: str) -> list[Stage]:
    """The stages that a market has reached, the first one first."""
    rows = tx.execute(f"SELECT {_STAGE} FROM settlement_stage WHERE market = %s ORDER BY recorded_at, stage", [market])
    return [_stage(row) for row in rows]


def find_portions(tx: Tx, market: str) -> list[Portion]:
    """What each party of a market is due and paid, the largest first."""
    rows = tx.execute(
        f"SELECT {_PORTION} FROM settlement_portion WHERE market = %s ORDER BY due DESC, paid DESC, party", [market]
    )
    return [Portion(*row) for row in rows]


def due_settlements(tx: Tx, *, deadline_s: int, limit: int = 100) -> list[str]:
    """Markets whose settlement has a step due by time alone: windows, decisions and appeals that are over, markets
    resolved directly under a proposal, and those that nobody resolved within `deadline_s` of the end of trading."""
    rows = tx.execute(
        "(SELECT market FROM settlement WHERE due_at <= %s ORDER BY due_at LIMIT %s)"
        " UNION (SELECT market FROM settlement JOIN market USING (market)"
        " WHERE settlement.version = 0 AND settlement.bonds > 0 AND market.state IN ('resolved', 'void') LIMIT %s)"
        " UNION (SELECT market FROM market WHERE state IN ('open', 'closed')"
        " AND coalesce(ended_at, closes_at) <= %s AND NOT EXISTS"
        " (SELECT FROM settlement WHERE settlement.market = market.market AND settlement.state <> 'waiting')"
        " ORDER BY coalesce(ended_at, closes_at) LIMIT %s) ORDER BY market LIMIT %s",
        [tx.now, limit, limit, tx.now - timedelta(seconds=deadline_s), limit, limit],
    )
    return [market for (market,) in rows]


bind(
    SETTLEMENTS,
    load=load_settlements,
    insert=insert_settlements,
    update=update_settlements,
    scan=scan_settlements,
)
bind(CASES, load=load_cases, insert=insert_cases, update=update_cases, scan=scan_cases)
bind(STAGES, load_groups=load_stages_of, insert=insert_stages, scan=scan_stages)
bind(
    PORTIONS,
    load_groups=load_portions_of,
    insert=insert_portions,
    update=update_portions,
    scan=scan_portions,
)
