"""Worlds that run through the public actions: recorded ones traded again, and a small made-up one."""

from scidex.scenarios.demo import DemoClock, DemoReport, run_demo
from scidex.scenarios.recorded import Record, RecordMissing, RecordUnreadable, RowMalformed, read_record
from scidex.scenarios.replay import (
    BATCH,
    CalibrationBin,
    EndowmentTooSmall,
    PrefixTaken,
    ReplayReport,
    TradeImpossible,
    replay,
)

__all__ = [
    "BATCH",
    "CalibrationBin",
    "DemoClock",
    "DemoReport",
    "EndowmentTooSmall",
    "PrefixTaken",
    "Record",
    "RecordMissing",
    "RecordUnreadable",
    "ReplayReport",
    "RowMalformed",
    "TradeImpossible",
    "read_record",
    "replay",
    "run_demo",
]
