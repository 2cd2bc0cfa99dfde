"""The doors agree: every public action is to be reached by all of them, or it is written down why not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping

import pytest
from tests.surfaces import doors
from tests.surfaces.doors import DOORS, WITHOUT, Doors

import scidex
from scidex.client import AsyncClient, Client
from scidex.economy import Economy
from scidex.surfaces.cli.app import TOPICS, load
from scidex.surfaces.http import create_app
from scidex.surfaces.http.rights import scopes_of
from scidex.surfaces.mcp import tools

KINDS = ("http", "cli", "mcp")
IN_PYTHON = {"post_batch": "batch", "post_usage_batch": "usage_batch"}
"""Methods of the client that have a name of their own, because they stream."""


def public_actions() -> set[str]:
    """Every function of an `actions.py` that its slice's front door offers, and every method of an economy."""
    found = set()
    for module in pkgutil.walk_packages(scidex.__path__, "scidex."):
        if module.name.rpartition(".")[2] == "actions":
            name = module.name.removesuffix(".actions")
            slice_ = importlib.import_module(name)
            found |= {
                f"{name.removeprefix('scidex.')}.{offered}"
                for offered in slice_.__all__
                if inspect.isfunction(function := getattr(slice_, offered)) and function.__module__ == module.name
            }
    methods = {name for name, found in vars(Economy).items() if inspect.isfunction(found) or name == "open"}
    return found | {f"economy.Economy.{name}" for name in methods if not name.startswith("_")}


def check_actions(actions: set[str], table: Mapping[str, Doors], without: Mapping[str, Iterable[str]]) -> list[str]:
    """Every action has each of its doors or a reason why it lacks it."""
    lacking: dict[str, set[str]] = {}
    for reason, names in without.items():
        said = reason.partition(":")[0]
        for name in names:
            lacking.setdefault(name, set()).update(KINDS if said == "all" else said.lower().split(", "))
    problems = [f"{name} has no doors, and no reason why not" for name in sorted(actions - set(table) - set(lacking))]
    problems += [f"{name} is no action" for name in sorted((set(table) | set(lacking)) - actions)]
    for name in sorted(actions & (set(table) | set(lacking))):
        for kind, door in zip(KINDS, table.get(name, Doors(None, None, None)), strict=True):
            if (door is None) != (kind in lacking.get(name, ())):
                problems.append(
                    f"{name}: {kind} is {'not there without a reason' if door is None else 'there, and a reason'}"
                )
    return problems


def check_doors(
    table: Mapping[str, Doors], there: Mapping[str, set[str]], changing: Mapping[str, set[str]]
) -> list[str]:
    """Every door that the table names is there, and every door that changes something is in the table."""
    problems = []
    for place, kind in enumerate(KINDS):
        named = {doors[place] for doors in table.values() if doors[place]} | set(doors.ASIDE[kind])
        problems += [f"{kind}: {name} is not there" for name in sorted(named - there[kind])]
        problems += [f"{kind}: {name} changes something and is no action's" for name in sorted(changing[kind] - named)]
    return problems


@pytest.fixture(scope="module")
def operations(shared: Economy) -> dict[str, str]:
    """Operations of HTTP with their methods."""
    paths = create_app(shared).openapi()["paths"].values()
    return {operation["operationId"]: method for path in paths for method, operation in path.items()}


@pytest.fixture(scope="module")
def commands() -> dict[str, bool]:
    """Commands with whether they change something: those can be tried dry."""
    found = {}
    for topic in TOPICS:
        loaded = load(topic)
        for name, command in getattr(loaded, "commands", {"": loaded}).items():
            found[f"{topic} {name}".strip()] = any("--dry-run" in parameter.opts for parameter in command.params)
    return found


def test_every_action_has_its_doors_or_a_reason_why_not():
    assert check_actions(public_actions(), DOORS, WITHOUT) == []


def test_every_door_is_there_and_every_change_is_an_actions(operations: dict[str, str], commands: dict[str, bool]):
    there = {"http": set(operations), "cli": set(commands), "mcp": set(tools())}
    changing = {
        "http": {name for name, method in operations.items() if method != "get"},
        "cli": {name for name, changes in commands.items() if changes},
        "mcp": {name for name, tool in tools().items() if tool.changes},
    }
    assert check_doors(DOORS, there, changing) == []


def test_python_has_every_operation():
    for operation in {found.http for found in DOORS.values() if found.http}:
        for client in (Client, AsyncClient):
            assert callable(getattr(client, IN_PYTHON.get(operation, operation))), operation


def test_a_key_opens_the_same_doors_over_http_and_mcp(operations: dict[str, str]):
    for found in DOORS.values():
        if found.http and found.mcp:
            wanted = scopes_of(found.http, {operations[found.http].upper()})
            assert tools()[found.mcp].scopes == wanted, found


def test_what_is_missing_is_found():
    """A new action, a reason that is none, a door that is gone, and one that nobody wrote down."""
    actions = {"a.one", "a.two", "a.three"}
    table = {"a.one": Doors("post_one", "one", None), "a.two": Doors("post_two", "two", "two_do")}
    assert check_actions(actions, table, {"MCP: so": {"a.one"}}) == ["a.three has no doors, and no reason why not"]
    assert check_actions(actions, table, {"all: so": {"a.three"}}) == ["a.one: mcp is not there without a reason"]
    assert check_actions(actions - {"a.three"}, table, {"MCP: so": {"a.one", "a.two", "a.gone"}}) == [
        "a.gone is no action",
        "a.two: mcp is there, and a reason",
    ]
    there = {"http": {"post_one", "new", *doors.ASIDE["http"]}, "cli": {"one", "two", *doors.ASIDE["cli"]}}
    there["mcp"] = {"two_do", *doors.ASIDE["mcp"]}
    changing = {"http": {"new"}, "cli": set(), "mcp": set()}
    assert check_doors(table, there, changing) == [
        "http: post_two is not there",
        "http: new changes something and is no action's",
    ]
