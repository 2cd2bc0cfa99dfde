"""What an audit says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that is not as the journal says: where, and what."""

    check: str
    row: str
    problem: str


@dataclass(frozen=True)
class AuditReport:
    """`ok` if nothing was found. Sums are of the balances of each unit, in parts; `findings_total` counts all.

    `head` is the hash of the newest block: whoever keeps it elsewhere can tell later whether blocks were taken away.
    """

    ok: bool
    journal_rows: int
    sealed_rows: int
    blocks: int
    head: str | None
    rows_compared: int
    ledger_sums: dict[str, int]
    checks: dict[str, bool]
    findings: tuple[Finding, ...]
    findings_total: int
    seconds: float
