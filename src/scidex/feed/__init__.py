"""What happens, told to whoever listens: events out of the journal after their commit, in its order."""

from scidex.feed.catalogue import TELLERS, UNTOLD
from scidex.feed.delivery import Deliverer
from scidex.feed.feed import Feed, Horizon
from scidex.feed.hooks import (
    Attempt,
    TooManyWebhooks,
    UnknownWebhook,
    Webhook,
    WebhookRemoved,
    WebhooksOfOthers,
    WebhookUrlInvalid,
)
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
from scidex.feed.shown import AttemptView, WebhookMade, WebhookView, attempt_view, webhook_made, webhook_view
from scidex.feed.webhooks import (
    add_webhook,
    enable_webhook,
    get_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
    replay_webhook,
)

__all__ = [
    "LAST_LINE",
    "TELLERS",
    "TOPICS",
    "UNTOLD",
    "Attempt",
    "AttemptView",
    "Deliverer",
    "Event",
    "Feed",
    "FeedBehind",
    "FeedPage",
    "Horizon",
    "Position",
    "PositionInvalid",
    "TooManyWebhooks",
    "TopicUnknown",
    "UnknownWebhook",
    "Wanted",
    "Webhook",
    "WebhookMade",
    "WebhookRemoved",
    "WebhookUrlInvalid",
    "WebhookView",
    "WebhooksOfOthers",
    "add_webhook",
    "attempt_view",
    "enable_webhook",
    "get_webhook",
    "list_deliveries",
    "list_webhooks",
    "position_of",
    "remove_webhook",
    "replay_webhook",
    "wanted_of",
    "webhook_made",
    "webhook_view",
]
