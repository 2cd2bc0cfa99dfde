"""Whole worlds in memory on the pure rules: the oracle of the tests, the audit, and later the policy lab."""

from scidex.lab.actions import audit
from scidex.lab.model import AuditReport, Finding
from scidex.lab.rerun import Counted, JournalBroken, Rerun, Step, counted_by_intakes, rerun
from scidex.lab.verify import FORMAT, STATE_TABLES, NotAnExport, VerifyReport, Wrong, moved_of, plain, verify
from scidex.lab.world import TABLES, World, first_world

__all__ = [
    "FORMAT",
    "STATE_TABLES",
    "TABLES",
    "AuditReport",
    "Counted",
    "Finding",
    "JournalBroken",
    "NotAnExport",
    "Rerun",
    "Step",
    "VerifyReport",
    "World",
    "Wrong",
    "audit",
    "counted_by_intakes",
    "first_world",
    "moved_of",
    "plain",
    "rerun",
    "verify",
]
