"""Worlds that run through the public actions: recorded ones traded again, and a small made-up one."""

from scidex.scenarios.replay import CalibrationBin, ReplayReport, replay

__all__ = ["CalibrationBin", "ReplayReport", "replay"]
