"""The words of the feed: positions, events, what somebody wants of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from scidex.core.errors import Busy, Invalid

TOPICS = {
    "prices": "the prices of a market after whatever moved them",
    "trades": "orders that traded, rest, were cancelled or ran out",
    "grants": "budgets set, pools shared, idle grants noticed and returned",
    "claims": "work that was claimed, and how that ended",
    "decisions": "proposals, reviews, versions of the policy",
    "settlements": "markets closed, resolved or void, and every step on the way",
    "bounties": "bounties offered, claimed, worked for, paid, given back",
    "earnings": "outputs recorded, rewarded, retracted",
    "knowledge": "what was learned, merged, retracted, judged",
}
"""What may be listened to, a word each."""
LAST_LINE = 2**31 - 1
_POSITION = re.compile(r"(\d{1,18})(?:-(\d{1,9}))?")


class TopicUnknown(Invalid):
    """There is no topic {topic!r}; choose among {known}."""


class PositionInvalid(Invalid):
    """The position {given!r} is none; give the id of an event, such as 812-0, or a number of the journal."""


class FeedBehind(Busy):
    """A long transaction keeps the feed from knowing what is final; nothing happened, try again in a second."""


class Position(NamedTuple):
    """A place in the feed: after this line of this journal row. A whole row is behind its last line."""

    number: int
    line: int = LAST_LINE

    def __str__(self) -> str:
        return str(self.number) if self.line == LAST_LINE else f"{self.number}-{self.line}"


def position_of(given: str) -> Position:
    """The position that a text names. Refuses: PositionInvalid.

    >>> position_of("812-0"), str(position_of("812"))
    (Position(number=812, line=0), '812')
    """
    found = _POSITION.fullmatch(given)
    if found is None:
        raise PositionInvalid(given=given[:40])
    return Position(int(found[1]), LAST_LINE if found[2] is None else int(found[2]))


class Event(NamedTuple):
    """Something that has happened: a line of a journal row, as the world is told of it."""

    position: Position
    at: datetime
    topic: str
    type: str
    subject: str
    data: dict[str, Any]


class Wanted(NamedTuple):
    """Which events somebody wants: those of these topics, and of one subject unless that is None."""

    topics: frozenset[str]
    subject: str | None = None

    def has(self, event: Event) -> bool:
        """Whether this is one of them."""
        return event.topic in self.topics and self.subject in (None, event.subject)


def wanted_of(topics: str | None, subject: str | None = None) -> Wanted:
    """What somebody asked for, topics parted by commas; all of them where none is named. Refuses: TopicUnknown."""
    named = [topic.strip() for topic in (topics or "").split(",") if topic.strip()] or list(TOPICS)
    for topic in named:
        if topic not in TOPICS:
            raise TopicUnknown(topic=topic[:40], known=", ".join(TOPICS))
    return Wanted(frozenset(named), subject or None)


class FeedPage(NamedTuple):
    """Events in their order, and the position up to which everything has been looked at."""

    events: list[Event]
    position: Position
    more: bool
    """Whether there may be more already."""
