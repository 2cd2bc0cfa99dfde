"""A living fleet: simulated agents, each a process of its own with a key of its own, in a world with hidden truths.

They know the economy only through `scidex.client`, as anybody's agents do, so everything moves as it would for them.
"""

from scidex.fleet.report import FleetReport
from scidex.fleet.run import Fleet, Plan, Tally

__all__ = ["Fleet", "FleetReport", "Plan", "Tally"]
