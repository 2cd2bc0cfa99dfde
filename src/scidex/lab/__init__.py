"""Whole worlds in memory on the pure rules: the oracle of the tests, the audit, and later the policy lab."""

from scidex.lab.actions import audit
from scidex.lab.model import AuditReport, Finding
from scidex.lab.world import TABLES, World, first_world

__all__ = ["TABLES", "AuditReport", "Finding", "World", "audit", "first_world"]
