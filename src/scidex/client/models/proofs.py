"""What the server answers: proofs; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.client.answers import Answer


class HeadView(Answer):
    """A sealed block of the journal."""

    block: int
    # journal rows in it
    rows: int
    # Merkle root over the journal rows (RFC 9162)
    journal_root: str
    # hash of the block below
    previous: str
    # hash of this block, which the next one points to
    journal: str
    sealed_at: datetime


class BlockView(Answer):
    """The same with what its events come to."""

    block: int
    # journal rows in it
    rows: int
    # Merkle root over the journal rows (RFC 9162)
    journal_root: str
    # hash of the block below
    previous: str
    # hash of this block, which the next one points to
    journal: str
    sealed_at: datetime
    # transfer events in it
    events: int
    # Merkle root over the events, which their proofs lead to (RFC 9162)
    root: str


class EventView(Answer):
    """One transfer as an ERC-20 or ERC-1155 log, and in our words."""

    # journal number and leg of its first movement
    id: str
    # Transfer, TransferSingle or TransferBatch
    event: str
    block: int
    # its place among the events of the block
    index: int
    # how many events the block has
    size: int
    # hash of the block
    journal: str
    # UTC, microseconds
    at: str
    actor: str
    # owner/purpose that paid; system/issuance is the zero address
    from_: str = Field(alias="from")
    # owner/purpose that was paid
    to: str
    units: list[str]
    # amounts in our smallest parts
    parts: list[str]
    # the same with 18 decimals
    values: list[str]
    reason: str
    # what stands for the asset's contract
    address: str
    topics: list[str]
    data: str


class EventProof(Answer):
    """That an event is in its block: `scidex proof check` verifies it offline."""

    proof: str
    # hash of the first journal row
    ledger: str
    event: EventView
    # hashes from the event up to the root
    path: list[str]
    root: str


class SumView(Answer):
    """A node beside the path."""

    sum: str
    hash: str


class LiabilityProof(Answer):
    """That a balance is counted in all that is owed: `scidex proof check` verifies it offline. Amounts are in
    parts.
    """

    proof: str
    # hash of the first journal row
    ledger: str
    # the newest journal row that is counted
    number: int
    account: str
    balance: str
    nonce: str
    index: int
    # how many accounts are counted
    size: int
    path: list[SumView]
    # what is owed to all accounts: what was issued and not retired
    owed: str
    issued: str
    retired: str
    root: str
    # one hash that fixes all of it, the same for every owner of that moment
    head: str
