"""Who asks, as a door found out, and the families of verbs that a key may be confined to."""

from __future__ import annotations

from dataclasses import dataclass

from scidex.core.errors import Busy, Forbidden
from scidex.keys import SCOPES


class Unauthenticated(Forbidden):
    """This server answers to keys only; send `Authorization: Bearer scidex_...` (`scidex keys issue` makes one)."""

    status = 401


class KeyRefused(Forbidden):
    """The key or token is not accepted here: {problem}. Take another one (`scidex keys issue`)."""

    status = 401


class NotYourName(Forbidden):
    """The key is of {actor} and the request says that {given!r} asks; leave the name out, or use its key."""


class ScopeMissing(Forbidden):
    """The key {key} of {actor} has not the scope {scope}; ask with another key, or issue one that has it."""


class RateExceeded(Busy):
    """The key {key} may ask {per_minute} times a minute; nothing happened, try again in {retry_after_s} s."""

    status = 429


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `key` is None where nobody had to prove it, `scopes` None where they may ask for everything."""

    actor: str
    key: str | None = None
    scopes: frozenset[str] | None = None

    def require(self, *scopes: str) -> None:
        """Pass if they may ask for one of these families of verbs here. Refuses: ScopeMissing."""
        assert set(scopes) <= SCOPES.keys(), scopes
        if self.scopes is not None and scopes and self.scopes.isdisjoint(scopes):
            raise ScopeMissing(key=self.key, actor=self.actor, scope=" or ".join(scopes))
