"""How long keys live and how often they may ask."""

from __future__ import annotations

from pydantic import BaseModel, Field


class DoorPolicy(BaseModel):
    """How long keys live and how often they may ask."""

    key_life_s: int = Field(default=7_776_000, ge=1, description="seconds that a key lives where nobody says how long")
    key_life_longest_s: int = Field(default=31_536_000, ge=1, description="longest life of a key, in seconds")
    key_overlap_longest_s: int = Field(
        default=604_800,
        ge=0,
        description="longest validity of the secret before, once a key is rotated, in seconds",
    )
    key_requests_per_minute: int = Field(
        default=6_000,
        ge=1,
        le=10_000_000,
        description="requests per minute of a key, per process, and the most that anybody but an operator may give one",
    )
