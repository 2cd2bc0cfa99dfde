"""What is given within requests, as mappings; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.operations.budgets_2 import UsedGiven
from scidex.client.operations.earnings import BuiltOnGiven
from scidex.client.operations.knowledge import EdgeGiven, GainGiven
from scidex.client.operations.knowledge_2 import VerdictGiven
from scidex.client.operations.ledger import LegGiven
from scidex.client.operations.markets import ChangeTermsGiven
from scidex.client.operations.markets_2 import BenchmarkGiven, ExternalVerdictGiven, PanelGiven, ReplicationGiven
from scidex.client.operations.senate import (
    BenchmarkResultGiven,
    ExpectedGiven,
    GapProgressGiven,
    KnowledgeYieldGiven,
    MarketMoveGiven,
    PaperGiven,
)
from scidex.client.operations.work import NewOutputGiven

__all__ = [
    "BenchmarkGiven",
    "BenchmarkResultGiven",
    "BuiltOnGiven",
    "ChangeTermsGiven",
    "EdgeGiven",
    "ExpectedGiven",
    "ExternalVerdictGiven",
    "GainGiven",
    "GapProgressGiven",
    "KnowledgeYieldGiven",
    "LegGiven",
    "MarketMoveGiven",
    "NewOutputGiven",
    "PanelGiven",
    "PaperGiven",
    "ReplicationGiven",
    "UsedGiven",
    "VerdictGiven",
]
