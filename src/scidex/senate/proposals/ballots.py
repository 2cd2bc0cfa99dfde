"""Who votes and what their votes come to: pure, and open to anybody who wants to recompute it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from scidex.senate.budgets import Amounts
from scidex.senate.proposals.model import (
    APPROVE,
    APPROVED,
    DEFER,
    DEFERRED,
    REJECT,
    REJECTED,
    SHARE_ONE,
    Ballot,
    Proposal,
    Stage,
)


def seed_of(proposal: str, number: int) -> str:
    """The seed of a draw: SHA-256 of `proposal:number`, the journal number of the command that opens it.

    >>> seed_of("p7", 7)[:16]
    '57c775db935c704c'
    """
    return hashlib.sha256(f"{proposal}:{number}".encode()).hexdigest()


def drawn(candidates: Iterable[str], seed: str) -> tuple[str, ...]:
    """The candidates in the order of SHA-256 of `seed:name`: the first have a seat, the others follow them.

    >>> drawn(["ann", "bob", "cem"], "x") == drawn(["cem", "bob", "ann"], "x")
    True
    """
    return tuple(sorted(set(candidates), key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()))


def share_asked(requested: Amounts, available: Mapping[str, int]) -> int:
    """What a request takes of its pool, in 10^-6: the largest share over its units, rounded up, at most all of it.

    >>> share_asked((("api_calls", 1), ("llm_standard", 250)), {"api_calls": 100, "llm_standard": 1000})
    250000
    """
    shares = [
        SHARE_ONE if amount >= available.get(unit, 0) else -(-amount * SHARE_ONE // available[unit])
        for unit, amount in requested
    ]
    return max(shares, default=0)


def threshold_for(share: int, least: Decimal) -> int:
    """The share of votes that must approve, in 10^-6, rounded up: `t + (1 - t) * s`, from t for a trifle to all votes
    for the whole pool.

    >>> threshold_for(0, Decimal("0.5")), threshold_for(250_000, Decimal("0.5")), threshold_for(10**6, Decimal("0.5"))
    (500000, 625000, 1000000)
    """
    exact = Fraction(least) + (1 - Fraction(least)) * Fraction(share, SHARE_ONE)
    return -(-exact.numerator * SHARE_ONE // exact.denominator)


def needed_of(threshold: int, votes: int) -> int:
    """How many of so many votes must approve; at least one.

    >>> needed_of(500_000, 3), needed_of(500_000, 2), needed_of(666_667, 3), needed_of(10**6, 3)
    (2, 1, 3, 3)
    """
    return max(1, -(-threshold * votes // SHARE_ONE))


def count(votes: Sequence[Ballot], choice: str) -> int:
    """Votes of this choice that count."""
    return sum(vote.counts and vote.choice == choice for vote in votes)


def verdict_of(proposal: Proposal, *, final: bool) -> Stage | None:
    """What the votes have decided, or None while they have not.

    Before the deadline it is decided as soon as the votes that are still out cannot change it; at the deadline
    (`final`) those that were cast decide, if they are a quorum. Who defers counts against approval; a proposal that
    falls is put off where more votes say so than reject it.
    """
    approve, reject, defer = (count(proposal.votes, choice) for choice in (APPROVE, REJECT, DEFER))
    cast = approve + reject + defer
    if cast < proposal.quorum:
        return None
    seats = len(proposal.reviewers)
    needed = needed_of(proposal.threshold, cast if final else seats)
    if approve >= needed:
        return APPROVED
    if not final and approve + seats - cast >= needed:
        return None
    return DEFERRED if defer > reject else REJECTED


def with_vote(proposal: Proposal, ballot: Ballot) -> Proposal:
    """With this vote in place of the voter's former one, votes in the order of the voters' names."""
    others = [vote for vote in proposal.votes if vote.voter != ballot.voter]
    return proposal._replace(votes=tuple(sorted([*others, ballot], key=lambda vote: vote.voter)))


def without_seat(proposal: Proposal, name: str, barred: Iterable[str]) -> tuple[Proposal, str | None]:
    """The reviewer leaves the seat, and the next alternate who is not barred takes it, if there is one.

    A vote of who has left does not count any more.
    """
    left = {name, *barred}
    waiting = [other for other in proposal.alternates if other not in left]
    successor = waiting[0] if waiting else None
    seats = [successor if other == name else other for other in proposal.reviewers]
    votes = tuple(vote._replace(counts=False) if vote.voter == name else vote for vote in proposal.votes)
    return (
        proposal._replace(
            reviewers=tuple(other for other in seats if other is not None), alternates=tuple(waiting[1:]), votes=votes
        ),
        successor,
    )
