"""Who asks, as a door found out, and the families of verbs that a key may be confined to."""

from __future__ import annotations

from dataclasses import dataclass

from scidex.core.errors import Forbidden

SCOPES = {
    "read": "look at everything that is open to look at",
    "trade": "orders, quotes, liquidity of one's markets",
    "work": "claim work, learn, record outputs, submit to bounties",
    "spend": "reserve and settle resources, record usage",
    "fund": "move one's own value: transfers, holds, bounties, markets of one's own",
    "review": "judge: ballots, verifications, awards, disputes, audits of knowledge",
    "operate": "what operators, issuers and resolvers do; their roles are still needed",
    "keys": "issue, rotate and revoke keys",
}
"""What a key may be confined to, a word per family of verbs. Roles are seen to by the rules all the same."""


class Unauthenticated(Forbidden):
    """This server answers to keys only; send `Authorization: Bearer scidex_...` (`scidex keys issue` makes one)."""

    status = 401


class KeyRefused(Forbidden):
    """The key or token is not accepted here: {problem}. Take another one (`scidex keys issue`)."""

    status = 401


class ScopeMissing(Forbidden):
    """The key {key} of {actor} has no scope {scope}; ask with another key, or issue one that has it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `key` is None where nobody had to prove it, `scopes` None where they may ask for everything."""

    actor: str
    key: str | None = None
    scopes: frozenset[str] | None = None

    def require(self, scope: str) -> None:
        """Pass if they may ask for this family of verbs here. Refuses: ScopeMissing."""
        assert scope in SCOPES, scope
        if self.scopes is not None and scope not in self.scopes:
            raise ScopeMissing(key=self.key, actor=self.actor, scope=scope)
