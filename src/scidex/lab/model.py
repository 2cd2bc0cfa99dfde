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
    """`ok` if nothing was found. Sums are of the balances of each unit, in parts; `findings_total` counts all."""

    ok: bool
    journal_rows: int
    sealed_rows: int
    blocks: int
    rows_compared: int
    ledger_sums: dict[str, int]
    checks: dict[str, bool]
    findings: tuple[Finding, ...]
    findings_total: int
    seconds: float
