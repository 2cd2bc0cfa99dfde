"""The benchmark is no part of the package, so it is found from the root of the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
