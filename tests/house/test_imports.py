"""The import contracts of pyproject.toml hold, and they see what they are there to see."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT, SRC, Tree

PLANTED = {
    "ledger/rules.py": ("from scidex.exchange import markets", "scidex.ledger.rules -> scidex.exchange.markets"),
    "exchange/earnings/rules.py": (
        "from scidex.exchange.markets import lmsr",
        "scidex.exchange.earnings.rules -> scidex.exchange.markets.lmsr",
    ),
    "surfaces/cli/__init__.py": ("import scidex.surfaces.http", "scidex.surfaces.cli -> scidex.surfaces.http"),
    "core/names.py": ("from scidex.policy import Policy", "scidex.core.names -> scidex.policy"),
    "views/base.py": ("import psycopg", "scidex.views.base -> psycopg"),
    "lab/world.py": ("import fastapi", "scidex.lab.world -> fastapi"),
    "actors/store.py": ("import typer", "scidex.actors.store -> typer"),
    "planning/__init__.py": ("", "- scidex.planning"),
}
"""An import to append to each file, and how it is to be reported; the last is a slice without a place."""


def check_contracts(src: Path) -> tuple[int, str]:
    """Run the contracts over the package in `src`: exit code and report."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=src,
        env={**os.environ, "PYTHONPATH": str(src), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_point_down(house: Tree) -> None:
    code, report = check_contracts(SRC)
    assert code == 0, report
    analyzed = re.search(r"Analyzed (\d+) files", report)
    assert analyzed is not None, report
    # A folder without __init__.py is no package to the linter, and nothing in it would be looked at.
    folders = {module.path.parent for module in house.values()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_an_import_that_points_up_or_sideways_is_caught(tmp_path: Path) -> None:
    shutil.copytree(SRC / "scidex", tmp_path / "scidex", ignore=shutil.ignore_patterns("__pycache__", "http", "cli"))
    for package in ("surfaces", "surfaces/http", "surfaces/cli", "planning"):
        folder = tmp_path / "scidex" / package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    for file, (line, _) in PLANTED.items():
        with (tmp_path / "scidex" / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\n{line}\n")
    code, report = check_contracts(tmp_path)
    assert code == 1, report
    assert [wanted for _, wanted in PLANTED.values() if wanted not in report] == [], report
