"""The real source tree, read once."""

from __future__ import annotations

import pytest
from tests.house.source import SRC, Tree, read_tree


@pytest.fixture(scope="session")
def house() -> Tree:
    """Every module of the package."""
    tree = read_tree(SRC)
    assert len(tree) > 50, "the checks look in a folder that is gone"
    return tree
