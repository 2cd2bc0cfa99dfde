"""Libraries that only some installations have."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from scidex.core.errors import Refused


class ExtraMissing(Refused):
    """{what} needs the library {library}, which is not installed; install scidex[{extra}]."""


def need(module: str, *, extra: str, what: str) -> Any:
    """A module of an extra. Refuses: ExtraMissing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or module.partition(".")[0] != missing.name.partition(".")[0]:
            raise
        raise ExtraMissing(what=what, library=missing.name, extra=extra) from None
