"""Who stands behind a request at a door, and which families of verbs they may ask for there."""

from scidex.access.actions import authenticate, prepare
from scidex.access.model import KeyRefused, NotYourName, Principal, RateExceeded, ScopeMissing, Unauthenticated
from scidex.access.tokens import IssuerDown, IssuerInvalid, OidcMissing
from scidex.keys import PRESETS, SCOPES

__all__ = [
    "PRESETS",
    "SCOPES",
    "IssuerDown",
    "IssuerInvalid",
    "KeyRefused",
    "NotYourName",
    "OidcMissing",
    "Principal",
    "RateExceeded",
    "ScopeMissing",
    "Unauthenticated",
    "authenticate",
    "prepare",
]
