"""Who stands behind a request at a door, and which families of verbs they may ask for there."""

from scidex.access.actions import authenticate
from scidex.access.model import (
    SCOPES,
    KeyRefused,
    Principal,
    ScopeMissing,
    Unauthenticated,
)

__all__ = [
    "SCOPES",
    "KeyRefused",
    "Principal",
    "ScopeMissing",
    "Unauthenticated",
    "authenticate",
]
