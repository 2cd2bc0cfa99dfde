"""The only wiring: a database, the rules, transactions around actions, and batches of what callers ask at once."""

from scidex.economy.batcher import Batcher, Overloaded
from scidex.economy.economy import Economy, IntakeReport
from scidex.economy.keeper import Keeper
from scidex.economy.spend import Spend

__all__ = ["Batcher", "Economy", "IntakeReport", "Keeper", "Overloaded", "Spend"]
