"""The only wiring: a database, the rules, transactions around actions, and batches of what callers ask at once."""

from scidex.economy.batcher import Batcher, Overloaded
from scidex.economy.economy import Economy, IntakeReport
from scidex.economy.keeper import ChoreRecord, Keeper
from scidex.economy.spend import Spend
from scidex.economy.worker import run_worker

__all__ = ["Batcher", "ChoreRecord", "Economy", "IntakeReport", "Keeper", "Overloaded", "Spend", "run_worker"]
