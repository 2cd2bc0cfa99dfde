"""The ledger for the rest of the world: text journals, tables, transfer events, proofs, a journal to check offline.

All is made from the movements, the journal and the journal run again, so a new kind of command needs nothing here.
"""

from scidex.exports import liabilities
from scidex.exports.actions import FORMATS, block_facts, export_journal, export_ledger
from scidex.exports.events import event_facts, leaves_of
from scidex.exports.model import (
    BooksDiffer,
    EventIdInvalid,
    ExportReport,
    FormatUnknown,
    LedgerEmpty,
    LiabilityNegative,
    NotOwed,
    NotSealed,
    OutUnusable,
    ParquetMissing,
    ProofUnreadable,
    ProofWrong,
    SupplyDiffers,
    UnknownBlock,
    UnknownEvent,
)
from scidex.exports.proofs import check_proof, events_in, prove_event, prove_liability
from scidex.exports.store import find_head, find_heads

__all__ = [
    "FORMATS",
    "BooksDiffer",
    "EventIdInvalid",
    "ExportReport",
    "FormatUnknown",
    "LedgerEmpty",
    "LiabilityNegative",
    "NotOwed",
    "NotSealed",
    "OutUnusable",
    "ParquetMissing",
    "ProofUnreadable",
    "ProofWrong",
    "SupplyDiffers",
    "UnknownBlock",
    "UnknownEvent",
    "block_facts",
    "check_proof",
    "event_facts",
    "events_in",
    "export_journal",
    "export_ledger",
    "find_head",
    "find_heads",
    "leaves_of",
    "liabilities",
    "prove_event",
    "prove_liability",
]
