"""The dashboard: pages for people, on the address that answers HTTP."""

from scidex.surfaces.dashboard.mounting import mount

__all__ = ["mount"]
