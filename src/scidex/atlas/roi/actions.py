"""What a caller can read; nothing is changed here."""

from __future__ import annotations

import numpy as np

from scidex.atlas.roi.model import Spent
from scidex.atlas.roi.store import find_spent
from scidex.core.db import Tx
from scidex.core.units import LLM_BATCH, LLM_REASONING, LLM_STANDARD

LLM_UNITS = (LLM_REASONING.name, LLM_STANDARD.name, LLM_BATCH.name)
"""Whose amounts together are `tokens_spent`."""


def find_tokens_spent(tx: Tx) -> Spent:
    """What every entity that has spent LLM tokens has spent, all tiers together."""
    rows = find_spent(tx, LLM_UNITS)
    types, ids, tokens = zip(*rows, strict=True) if rows else ((), (), ())
    return Spent(list(types), list(ids), np.array(tokens, dtype=np.int64))
