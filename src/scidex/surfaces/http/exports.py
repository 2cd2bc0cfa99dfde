"""Sealed blocks, transfer events, and proofs that anybody can check alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import Field

from scidex.core.db import Tx
from scidex.exports import (
    block_facts,
    event_facts,
    events_in,
    find_head,
    find_heads,
    leaves_of,
    prove_event,
    prove_liability,
)
from scidex.ledger import AccountKey
from scidex.surfaces.http.inputs import AsReader, Limit, Offset
from scidex.views import Page, Text, View, page

router = APIRouter(prefix="/api/proofs", tags=["proofs"])

Height = Annotated[int, InPath(ge=1, le=2**62, description="the block's number, from 1")]


class HeadView(View):
    """A sealed block of the journal."""

    block: int
    rows: int = Field(description="journal rows in it")
    journal_root: str = Field(description="Merkle root over the journal rows (RFC 9162)")
    previous: str = Field(description="hash of the block below")
    journal: str = Field(description="hash of this block, which the next one points to")
    sealed_at: datetime


class BlockView(HeadView):
    """The same with what its events come to."""

    events: int = Field(description="transfer events in it")
    root: str = Field(description="Merkle root over the events, which their proofs lead to (RFC 9162)")


class EventView(View):
    """One transfer as an ERC-20 or ERC-1155 log, and in our words."""

    id: str = Field(description="journal number and leg of its first movement")
    event: str = Field(description="Transfer, TransferSingle or TransferBatch")
    block: int
    index: int = Field(description="its place among the events of the block")
    size: int = Field(description="how many events the block has")
    journal: str = Field(description="hash of the block")
    at: str = Field(description="UTC, microseconds")
    actor: str
    from_: str = Field(alias="from", description="owner/purpose that paid; system/issuance is the zero address")
    to: str = Field(description="owner/purpose that was paid")
    units: list[str]
    parts: list[str] = Field(description="amounts in our smallest parts")
    values: list[str] = Field(description="the same with 18 decimals")
    reason: str
    address: str = Field(description="what stands for the asset's contract")
    topics: list[str]
    data: str


class EventProof(View):
    """That an event is in its block: `scidex proof check` verifies it offline."""

    proof: str
    ledger: str = Field(description="hash of the first journal row")
    event: EventView
    path: list[str] = Field(description="hashes from the event up to the root")
    root: str


class SumView(View):
    """A node beside the path."""

    sum: str
    hash: str


class LiabilityProof(View):
    """That a balance is counted in all that is owed: `scidex proof check` verifies it offline. Amounts are in parts."""

    proof: str
    ledger: str = Field(description="hash of the first journal row")
    number: int = Field(description="the newest journal row that is counted")
    account: str
    balance: str
    nonce: str
    index: int
    size: int = Field(description="how many accounts are counted")
    path: list[SumView]
    owed: str = Field(description="what is owed to all accounts: what was issued and not retired")
    issued: str
    retired: str
    root: str
    head: str = Field(description="one hash that fixes all of it, the same for every owner of that moment")


@router.get("/blocks")
def get_blocks(reader: AsReader, offset: Offset = 0, limit: Limit = 100) -> Page[HeadView]:
    """Sealed blocks, the oldest first."""

    def work(tx: Tx) -> Page[HeadView]:
        # Blocks are numbered from 1 without gaps, so the number of those left out is that of the last of them.
        found = find_heads(tx, after=offset, limit=limit + 1)
        return page(
            Page[HeadView],
            found,
            limit,
            lambda head: HeadView(**_head(block_facts(head, []))),
            lambda head: head.block.height,
        )

    return reader.read(work)


@router.get("/blocks/{height}")
def get_block(height: Height, reader: AsReader) -> BlockView:
    """A sealed block with the root over its events."""
    return reader.read(
        lambda tx: BlockView(**block_facts(find_head(tx, height), leaves_of(events_in(tx, height)))),
    )


@router.get("/blocks/{height}/events")
def get_block_events(height: Height, reader: AsReader, offset: Offset = 0, limit: Limit = 100) -> Page[EventView]:
    """The transfer events of a block, in order."""

    def work(tx: Tx) -> Page[EventView]:
        found = events_in(tx, height)[offset : offset + limit + 1]
        return page(
            Page[EventView],
            found,
            limit,
            lambda event: EventView.model_validate(event_facts(event)),
            lambda event: event.log_index + 1,
        )

    return reader.read(work)


@router.get("/events/{event}")
def get_event_proof(event: Text, reader: AsReader) -> EventProof:
    """The proof that an event is in its sealed block."""
    return reader.read(lambda tx: EventProof.model_validate(prove_event(tx, event)))


@router.get("/liabilities/{account:path}")
def get_liability_proof(account: Text, reader: AsReader) -> LiabilityProof:
    """The proof that what an account is owed is counted in all that is owed in its unit."""
    return reader.read(lambda tx: LiabilityProof.model_validate(prove_liability(tx, AccountKey.parse(account))))


def _head(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in HeadView.model_fields}
