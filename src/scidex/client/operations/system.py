"""Requests of the server: system; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.models.system import HealthView, PolicyView, VersionView
from scidex.client.request import Request


def get_health() -> Request[HealthView]:
    """Whether the process runs, the database answers and its tables are those of this version; no key is needed."""
    return Request("GET", "/health", HealthView)


def get_version() -> Request[VersionView]:
    """Which version answers here."""
    return Request("GET", "/version", VersionView)


def get_policy() -> Request[PolicyView]:
    """Every constant of the economy that is in force."""
    return Request("GET", "/api/policy", PolicyView)
