"""The pages that list every setting and every policy field, made from their classes.

`python -m tests.house.pages` writes them, and the generated part of the Python client (`tests/house/client.py`); the tests hold them equal to what this makes, so they cannot drift.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from tests.house.access import access_page, routes_of
from tests.house.client import description, write_client
from tests.house.source import ROOT

from scidex.core.settings import Settings
from scidex.policy import Policy

COMPUTED = {"home": "`scidex` in the user's data folder"}
"""Defaults that differ from machine to machine, in words."""

SETTINGS_PAGE = """\
# Settings

What an operator sets from outside, as environment variables. Nothing needs to be set: without any, SciDEX starts its
own PostgreSQL in the user's data folder and listens on this machine alone. A value that cannot be used is refused at
the start (`setting_invalid`), and the message names the variable.

Everything that a person may argue about is no setting but [policy](policy.md).

"""
POLICY_PAGE = """\
# Policy

Every number of the economy that a person may argue about. The policy is data: typed, bounded, versioned; each decision
records the version it was made under, and `GET /api/policy` or `scidex policy show` says which is in force.
The defaults are version 1, enacted when a database is born. Fractions are exact decimals, never rounded doubles.

"""


def settings_page(settings: type[BaseModel] = Settings) -> str:
    """docs/settings.md: one row per variable."""
    rows = [
        (f"`SCIDEX_{name.upper()}`", _default(name, field), _takes(field), field.description or "")
        for name, field in settings.model_fields.items()
    ]
    return SETTINGS_PAGE + _table(("variable", "default", "takes", "meaning"), rows)


def policy_page(policy: type[BaseModel] = Policy) -> str:
    """docs/policy.md: one row per field."""
    rows = [
        (f"`{name}`", _default(name, field), _takes(field), field.description or "")
        for name, field in policy.model_fields.items()
    ]
    return POLICY_PAGE + _table(("field", "default", "bounds", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _default(name: str, field: FieldInfo) -> str:
    value: Any = field.default
    if field.default_factory is not None:
        return COMPUTED[name]
    if value is PydanticUndefined:
        return "must be given"
    if isinstance(value, dict):
        return ", ".join(f"`{key}` {found}" for key, found in value.items())
    if value is None:
        return "none"
    return f"`{json.dumps(value) if isinstance(value, bool) else value}`"


_SIGNS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _takes(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(field.annotation))
    bounds = [
        f"{words} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, words in _SIGNS.items()
        if hasattr(limit, sign)
    ]
    return ", ".join(bounds) or _kind(field)


def _kind(field: FieldInfo) -> str:
    annotation = str(field.annotation)
    kinds = {"Path": "a folder", "bool": "`true` or `false`", "dict": "a number for each", "str": "text"}
    return next((words for kind, words in kinds.items() if kind in annotation), "a number")


def check_page(model: type[BaseModel], page: str, variable: str) -> list[str]:
    """Every field has a meaning and its row on the page; `variable` says how the page writes a field's name."""
    offences = []
    for name, field in model.model_fields.items():
        if not field.description:
            offences.append(f"{model.__name__}.{name} does not say what it means")
        written = variable.format(name=name, NAME=name.upper())
        if f"| `{written}` |" not in page:
            offences.append(f"{model.__name__}.{name} is not on the page")
    return offences


def write_pages(docs: Path = ROOT / "docs") -> None:
    """Make every page anew."""
    (docs / "settings.md").write_text(settings_page(), encoding="utf-8")
    (docs / "policy.md").write_text(policy_page(), encoding="utf-8")
    (docs / "access.md").write_text(access_page(routes_of(description())), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
    write_client()
