"""Which scope of a key each route needs: once, here. What is not in the table and looks needs `read`.

Any one of the scopes named will do. Roles are not here: the rules see to them, whoever asks and however.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute

OPEN_PATHS = frozenset({"/health", "/openapi.json"})
"""What answers without a key wherever keys are needed."""
_BY_SCOPES: dict[str, tuple[str, ...]] = {
    "read": ("post_quote",),
    "trade": (
        *("post_order", "post_limit", "post_cancel", "post_words"),
        *("post_liquidity", "post_plan", "post_cancel_plan"),
        *("post_resolution", "post_dispute", "post_advance"),
    ),
    "work": (
        *("post_bounty_claim", "post_bounty_release", "post_bounty_submit"),
        *("post_work_item", "post_work_withdraw", "post_work_claim"),
        *("post_work_heartbeat", "post_work_finish", "post_work_fail", "post_work_return"),
        *("post_entity", "post_output", "post_edges"),
        *("post_proposal", "post_proposal_open", "post_comment", "post_withdrawal", "post_policy_proposal"),
    ),
    "spend": (
        *("post_reservation", "post_settle", "post_release", "post_extend"),
        *("post_usage", "post_usage_batch", "post_stored", "post_traces"),
    ),
    "fund": (
        *("post_transfer", "post_hold", "post_hold_post", "post_hold_void"),
        *("post_bounty", "post_bounty_add", "post_refund", "post_open"),
    ),
    "review": (
        *("post_output_verified", "post_edges_judged", "post_edge_reinstated", "post_edges_merged", "post_edge_split"),
        *("post_vote", "post_signal", "post_decision", "post_staged", "post_stage", "post_resolve"),
    ),
    "operate": (
        *("post_allocate", "post_spending", "post_issue", "post_retire", "put_budget", "put_limit", "post_override"),
        *("post_review", "post_compute", "post_work_revive"),
    ),
    "keys": ("post_actor", "get_keys", "post_key", "post_key_rotated", "post_key_revoked"),
    # Those who made something may take it back, and reviewers may take it from them.
    "work review": ("post_output_retracted", "post_edge_retracted", "post_gain_retracted"),
    "fund review": ("post_bounty_award", "post_bounty_decline", "post_close", "post_void"),
    # Where one's events go is arranged by whoever arranges one's keys.
    "keys operate": ("post_webhook", "post_webhook_enable", "post_webhook_replay", "delete_webhook"),
    # Each line needs its own.
    "": ("post_batch",),
}
SCOPES_OF_ROUTES = {name: tuple(scopes.split()) for scopes, names in _BY_SCOPES.items() for name in names}


def scopes_of(name: str, methods: Iterable[str]) -> tuple[str, ...]:
    """The scopes of which the route of that name needs one; none at all is needed where there are none.

    A change that the table does not know needs `operate`, so that what is forgotten is closed.
    """
    if name in SCOPES_OF_ROUTES:
        return SCOPES_OF_ROUTES[name]
    return ("read",) if "GET" in set(methods) else ("operate",)


def scopes_of_route(route: BaseRoute | Any) -> tuple[str, ...]:
    """The same of a route that was matched."""
    return scopes_of(getattr(route, "name", ""), getattr(route, "methods", None) or ())
