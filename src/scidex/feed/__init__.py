"""What happens, told to whoever listens: events out of the journal after their commit, in its order."""

from scidex.feed.catalogue import TELLERS, UNTOLD
from scidex.feed.feed import Feed, Horizon
from scidex.feed.model import (
    LAST_LINE,
    TOPICS,
    Event,
    FeedBehind,
    FeedPage,
    Position,
    PositionInvalid,
    TopicUnknown,
    Wanted,
    position_of,
    wanted_of,
)

__all__ = [
    "LAST_LINE",
    "TELLERS",
    "TOPICS",
    "UNTOLD",
    "Event",
    "Feed",
    "FeedBehind",
    "FeedPage",
    "Horizon",
    "Position",
    "PositionInvalid",
    "TopicUnknown",
    "Wanted",
    "position_of",
    "wanted_of",
]
