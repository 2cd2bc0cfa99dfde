"""Requests of the server: proofs; made by `python -m tests.house.pages`."""

from __future__ import annotations

from scidex.client.answers import Page
from scidex.client.models.proofs import BlockView, EventProof, EventView, HeadView, LiabilityProof
from scidex.client.request import Request


def get_blocks(*, offset: int | None = None, limit: int | None = None) -> Request[Page[HeadView]]:
    """Sealed blocks, the oldest first."""
    return Request("GET", "/api/proofs/blocks", Page[HeadView], query={"offset": offset, "limit": limit})


def get_block(height: int) -> Request[BlockView]:
    """A sealed block with the root over its events."""
    return Request("GET", "/api/proofs/blocks/{height}", BlockView, places={"height": height})


def get_block_events(height: int, *, offset: int | None = None, limit: int | None = None) -> Request[Page[EventView]]:
    """The transfer events of a block, in order."""
    return Request(
        "GET",
        "/api/proofs/blocks/{height}/events",
        Page[EventView],
        places={"height": height},
        query={"offset": offset, "limit": limit},
    )


def get_event_proof(event: str) -> Request[EventProof]:
    """The proof that an event is in its sealed block."""
    return Request("GET", "/api/proofs/events/{event}", EventProof, places={"event": event})


def get_liability_proof(account: str) -> Request[LiabilityProof]:
    """The proof that what an account is owed is counted in all that is owed in its unit."""
    return Request("GET", "/api/proofs/liabilities/{account}", LiabilityProof, places={"account": account})
