"""A source tree as the checks of the house read it: modules with their syntax trees, imports and functions.

Every check is a function from such a tree to a list of offences, each `module:line: what is wrong`. So it runs on the
real tree, and on a small one with a planted offence that it must report.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

SLICES = (
    "scidex.policy",
    "scidex.actors",
    "scidex.keys",
    "scidex.entities",
    "scidex.ledger",
    "scidex.metering",
    "scidex.exchange.markets",
    "scidex.exchange.settlement",
    "scidex.exchange.bounties",
    "scidex.exchange.earnings",
    "scidex.exchange.signals",
    "scidex.exchange.portfolio",
    "scidex.exchange.resource_allocator",
    "scidex.atlas.knowledge",
    "scidex.atlas.roi",
    "scidex.senate.budgets",
    "scidex.senate.proposals",
    "scidex.senate.scores",
    "scidex.work",
    "scidex.lab",
    "scidex.exports",
    "scidex.access",
    "scidex.vitals",
    "scidex.adopt",
    "scidex.insight",
    "scidex.scenarios",
    "scidex.feed",
    "scidex.views",
    "scidex.surfaces.http",
    "scidex.surfaces.cli",
    "scidex.surfaces.mcp",
    "scidex.surfaces.dashboard",
)


class Import(NamedTuple):
    """`from module import name`, or `import module` where the name is None."""

    line: int
    module: str
    name: str | None


class Function(NamedTuple):
    """A function or method; those inside others belong to them."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A file of the tree."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @property
    def package(self) -> str:
        """The package that it is in, or is."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    def at(self, line: int, problem: str) -> str:
        """An offence in this file."""
        return f"{self.name}:{line}: {problem}"

    def imports(self) -> Iterator[Import]:
        """Every import, wherever in the file it stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, alias.name, None) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self.package.split(".")[: 1 - node.level or None] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from (Import(node.lineno, module, alias.name) for alias in node.names)

    def functions(self) -> Iterator[Function]:
        """Every function and method."""
        classes = [node for node in self.tree.body if isinstance(node, ast.ClassDef)]
        for prefix, body in [("", self.tree.body), *((f"{node.name}.", node.body) for node in classes)]:
            for node in body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield Function(prefix + node.name, node)


Tree = dict[str, Module]
"""Modules by their full name."""


def read_tree(src: Path) -> Tree:
    """Every Python file under `src`."""
    tree: Tree = {}
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        tree[name] = Module(name, path, text, ast.parse(text))
    return tree


def plant(src: Path, **files: str) -> Tree:
    """A small tree of these files, `ledger__rules` for scidex/ledger/rules.py and `ledger` for its front door."""
    for name, text in files.items():
        *folders, last = name.split("__")
        path = src.joinpath("scidex", *folders, f"{last}.py")
        if last in ("ledger", "markets", "policy"):
            path = src.joinpath("scidex", *folders, last, "__init__.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return read_tree(src)


def slice_of(module: str) -> str | None:
    """The slice that a module, or a name in it, belongs to."""
    return next((name for name in SLICES if f"{module}.".startswith(f"{name}.")), None)


def called_name(node: ast.AST) -> str | None:
    """The last word of what a call calls: `rules.move(...)` and `move(...)` are both `move`."""
    if not isinstance(node, ast.Call):
        return None
    return (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else (node.func.id if isinstance(node.func, ast.Name) else None)
    )


def exported(module: Module) -> list[str] | None:
    """The names in `__all__`, or None where there is none."""
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None
