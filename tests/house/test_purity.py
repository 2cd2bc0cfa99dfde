"""The rules are pure: same state, command and context, same result, on any machine and in any year."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import SLICES, Import, Module, Tree, called_name, plant, slice_of

PURE_FILES = {
    "model",
    "rules",
    "lmsr",
    "fills",
    "exact",
    "maker",
    "book",
    "resting",
    "trading",
    "allocation",
    "ballot",
    "bounty",
    "doors",
    "review",
    "planning",
    "effects",
    "reward",
    "refusals",
    "admission",
    "limits",
    "depth",
    "grants",
    "tiers",
    "intake",
    "draws",
    "evidence",
    "standing",
    "payouts",
    "attribution",
    "curation",
    "ballots",
    "changes",
    "outcomes",
    "scoring",
    "components",
    "labour",
    "items",
    "choosing",
}
PURE_CORE = {f"scidex.core.{name}" for name in ("errors", "machine", "names", "units", "versions")} | {
    "scidex.exchange.bounties.work"
}
"""By their full names: others are called the same."""
PURE_NAMES = {("scidex.core.clock", "microseconds")}
PURE_LIBRARIES = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fnmatch",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "math",
    "numpy",
    "operator",
    "pydantic",
    "re",
    "scipy",
    "typing",
    "unicodedata",
}
"""What pure modules may import besides each other: nothing that reads a clock, a disk, a network or a die."""
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__", "now", "utcnow", "today"}


def check_purity(tree: Tree) -> list[str]:
    """Pure modules import only pure things, call nothing that looks outside, and keep no global state."""
    return sorted(offence for module in tree.values() if _is_pure(module.name) for offence in _impurities(tree, module))


def _is_pure(name: str) -> bool:
    in_slice = slice_of(name) is not None and name not in SLICES
    return name in PURE_CORE or (in_slice and name.rpartition(".")[2] in PURE_FILES)


def _impurities(tree: Tree, module: Module) -> Iterator[str]:
    for found in module.imports():
        if not _may_import(tree, found):
            yield module.at(found.line, f"imports {'.'.join(filter(None, found[1:]))}, which is not pure")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and called_name(node) in IMPURE_CALLS:
            yield module.at(node.lineno, f"calls {called_name(node)}")
        if isinstance(node, ast.Global):
            yield module.at(node.lineno, f"changes the global {', '.join(node.names)}")


def _may_import(tree: Tree, found: Import) -> bool:
    if not found.module.startswith("scidex"):
        return found.module.split(".")[0] in PURE_LIBRARIES and "random" not in found.module
    if found.name is None:
        return _is_pure(found.module)
    if _is_pure(found.module) or _is_pure(f"{found.module}.{found.name}") or found[1:] in PURE_NAMES:
        return True
    # Through a front door come the names of all five files, and only those of the pure ones may come in here.
    door = tree.get(found.module)
    return door is not None and any(_is_pure(behind.module) for behind in door.imports() if behind.name == found.name)


def test_rules_are_pure(house: Tree) -> None:
    assert sum(_is_pure(name) for name in house) > 15
    assert check_purity(house) == []


def test_an_impure_import_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger="from scidex.ledger.store import find_account\nfrom scidex.ledger.model import Account\n",
        ledger__store="import psycopg\n",
        ledger__model="import os\nfrom numpy.random import default_rng\n",
        ledger__rules="from scidex.ledger import store\nfrom scidex.core.clock import system_clock\n",
        exchange__markets__lmsr="def price():\n    import time\n",
        exchange__markets__rules="from scidex.ledger import Account, find_account\nimport scidex.ledger\n",
        core__clock="",
        core__machine="import logging, threading\n",
        core__db="import psycopg, random\n",
    )
    assert check_purity(tree) == [
        "scidex.core.machine:1: imports logging, which is not pure",
        "scidex.core.machine:1: imports threading, which is not pure",
        "scidex.exchange.markets.lmsr:2: imports time, which is not pure",
        "scidex.exchange.markets.rules:1: imports scidex.ledger.find_account, which is not pure",
        "scidex.exchange.markets.rules:2: imports scidex.ledger, which is not pure",
        "scidex.ledger.model:1: imports os, which is not pure",
        "scidex.ledger.model:2: imports numpy.random.default_rng, which is not pure",
        "scidex.ledger.rules:1: imports scidex.ledger.store, which is not pure",
        "scidex.ledger.rules:2: imports scidex.core.clock.system_clock, which is not pure",
    ]


def test_an_impure_call_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__rules="""
            from datetime import datetime, date
            def decide(context):
                global seen
                seen = context.now, datetime.now(), date.today()
                print(open("/dev/null"))
            """,
        ledger__actions="print(open('/dev/null'))\n",
    )
    assert check_purity(tree) == [
        "scidex.ledger.rules:4: changes the global seen",
        "scidex.ledger.rules:5: calls now",
        "scidex.ledger.rules:5: calls today",
        "scidex.ledger.rules:6: calls open",
        "scidex.ledger.rules:6: calls print",
    ]
