"""A function fits on a screen and a module in a head."""

from __future__ import annotations

from pathlib import Path

from tests.house.source import Tree, plant

MOST_FUNCTION_LINES = 60
MOST_MODULE_LINES = 400


def check_sizes(tree: Tree) -> list[str]:
    """Functions, docstring included, have at most 60 lines, modules at most 400."""
    offences = []
    for module in tree.values():
        if (lines := len(module.text.splitlines())) > MOST_MODULE_LINES:
            offences.append(module.at(1, f"has {lines} lines"))
        for function in module.functions():
            lines = (function.node.end_lineno or 0) - function.node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                offences.append(module.at(function.node.lineno, f"{function.name} has {lines} lines"))
    return offences


def test_functions_and_modules_are_short(house: Tree) -> None:
    assert check_sizes(house) == []


def test_a_long_function_and_a_long_module_are_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__rules="class A:\n    async def long(self):\n" + "        pass\n" * 60,
        ledger__model="def short():\n" + "    pass\n" * 59 + "#\n" * 341,
        ledger__store="#\n" * 400,
    )
    assert check_sizes(tree) == ["scidex.ledger.model:1: has 401 lines", "scidex.ledger.rules:2: A.long has 61 lines"]
