"""SQL stands in the stores, written out: what is executed is made of constants, and values go in as parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import Module, Tree, called_name, plant

FOREIGN = ("scidex.adopt.store", "scidex.adopt.catalogue")
"""They look at tables of others and change them, whose schema and types are known when they are found, not before."""
_SQL = re.compile(
    r"\s*(SELECT\s|INSERT INTO|UPDATE \w+ SET|DELETE FROM|TRUNCATE |WITH \w+ AS|SET ROLE|LOCK TABLE"
    r"|(CREATE|ALTER|DROP|GRANT|REVOKE) [A-Z]+)"
)


def check_places(tree: Tree) -> list[str]:
    """No SQL outside the stores, core and the lab, which audits the tables from below."""
    return [
        module.at(node.lineno, f"has SQL of its own: {node.value.strip()[:30]}")
        for module in tree.values()
        if not _may_have_sql(module.name)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
    ]


def _may_have_sql(name: str) -> bool:
    return name.endswith(".store") or name in FOREIGN or name.startswith(("scidex.core.", "scidex.lab."))


def check_statements(tree: Tree) -> list[str]:
    """Outside core, which runs migrations and names roles, and adopt, every statement is made of constants alone."""
    return [
        module.at(node.lineno, "executes a statement that is not made of constants alone")
        for module in tree.values()
        if not module.name.startswith("scidex.core.") and module.name not in FOREIGN
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called_name(node) in ("execute", "executemany", "copy") and node.args
        if not _is_constant(node.args[0], set(_constants(module)))
    ]


def _constants(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            yield node.targets[0].id


def _is_constant(node: ast.expr, constants: set[str]) -> bool:
    if isinstance(node, ast.JoinedStr):
        return all(_is_constant(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _is_constant(node.value, constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_constant(node.left, constants) and _is_constant(node.right, constants)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in constants)


def test_sql_stands_in_the_stores(house: Tree) -> None:
    assert check_places(house) == []


def test_statements_are_made_of_constants(house: Tree) -> None:
    assert sum(module.text.count(".execute(") for module in house.values()) > 30
    assert check_statements(house) == []


def test_sql_in_a_rule_an_action_or_a_surface_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__actions='def find(tx):\n    return tx.execute(f"""\n    SELECT {1} FROM journal""")\n',
        surfaces__cli__app="WIPE = 'DELETE FROM journal'\n",
        ledger__store="FIND = 'SELECT 1'\n",
        views__base='"""Select what people see; create nothing."""\n',
    )
    assert check_places(tree) == [
        "scidex.ledger.actions:2: has SQL of its own: SELECT",
        "scidex.surfaces.cli.app:1: has SQL of its own: DELETE FROM journal",
    ]


def test_a_value_written_into_a_statement_is_caught(tmp_path: Path) -> None:
    tree = plant(
        tmp_path,
        ledger__store="""
            _COLUMNS = "owner, balance"
            def fine(tx, owner):
                return tx.execute(f"SELECT {_COLUMNS} FROM account" + " WHERE owner = %s", [owner])
            def by_f_string(tx, owner):
                return tx.execute(f"SELECT {_COLUMNS} FROM account WHERE owner = '{owner}'")
            def by_format(tx, owner):
                return tx.execute("SELECT 1 FROM account WHERE owner = '{}'".format(owner))
            def by_percent(tx, owner):
                return tx.execute("SELECT 1 FROM account WHERE owner = '%s'" % owner)
            def by_name(tx, query):
                return tx.execute(query)
            """,
    )
    assert check_statements(tree) == [
        f"scidex.ledger.store:{line}: executes a statement that is not made of constants alone"
        for line in (6, 8, 10, 12)
    ]
