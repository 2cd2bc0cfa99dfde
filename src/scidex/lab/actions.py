"""What a caller can do in the lab: audit a live database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain

from scidex.core.db import Tx
from scidex.lab import audit as checks
from scidex.lab.model import AuditReport, Finding
from scidex.lab.world import World
from scidex.ledger import sums_by_unit

_COUNTS = """
SELECT (SELECT count(*) FROM journal),
       (SELECT coalesce(sum(length(leaves) / 32), 0)::bigint FROM journal_block),
       (SELECT count(*) FROM journal_block),
       (SELECT encode(hash, 'hex') FROM journal_block ORDER BY height DESC LIMIT 1)
"""


def audit(tx: Tx, *, most: int = 100, progress: Callable[[int], None] = lambda done: None) -> AuditReport:
    """Check every invariant, the hash chain, and every table against the journal run again in memory.

    Runs on one moment of the database (a repeatable read) and changes nothing; not in pipeline mode, which has no COPY.
    `progress` is told the number of journal rows done; the report lists at most `most` findings and counts all.
    """
    started = time.perf_counter()
    counts = tx.execute(_COUNTS).fetchone()
    assert counts is not None
    tables = checks.read_tables(tx)
    world = World()
    kept: list[Finding] = []
    failed: set[str] = set()
    total = 0
    for finding in _findings(tx, tables, world, progress):
        total += 1
        failed.add(finding.check)
        if len(kept) < most:
            kept.append(finding)
    return AuditReport(
        ok=total == 0,
        journal_rows=counts[0],
        sealed_rows=counts[1],
        blocks=counts[2],
        head=counts[3],
        rows_compared=sum(map(len, tables.values())),
        ledger_sums=sums_by_unit(tx),
        checks={check: check not in failed for check in checks.CHECKS},
        findings=tuple(kept),
        findings_total=total,
        seconds=round(time.perf_counter() - started, 3),
    )


def _findings(
    tx: Tx,
    tables: checks.Tables,
    world: World,
    progress: Callable[[int], None],
) -> Iterator[Finding]:
    return chain(
        checks.check_ledger(tx, tables),
        checks.check_holds(tables),
        checks.check_markets(tables),
        checks.check_liquidity(tables),
        checks.check_settlements(tables),
        checks.check_bounties(tables),
        checks.check_earnings(tables),
        checks.check_knowledge(tables),
        checks.check_proposals(tables),
        checks.check_scores(tables),
        checks.check_usage(tx),
        checks.check_decisions(tx, tables),
        checks.check_queue(tables),
        checks.check_sealed(tx),
        checks.replay_journal(tx, world, progress),
        checks.compare_tables(world, tables),
    )
