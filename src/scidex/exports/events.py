"""Movements as the transfer events of ERC-20 and ERC-1155, exact, with one Merkle root per sealed block.

A holder is an account without its unit; its address is the last 20 bytes of SHA-256 over the ledger's id and its name.
The issuance account of every unit is the zero address, so what is minted comes from there and what is burned goes
there. Tokens are an ERC-20 asset, every other unit is an id of one ERC-1155 asset; all have 18 decimals. Movements of a
command that follow each other between the same two holders in several other units are one `TransferBatch`. A hold moves
nothing and is no event: what an address has is its whole balance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from scidex.core.clock import microseconds
from scidex.core.merkle import leaf_hash
from scidex.core.units import TOKEN, UNITS, unit_named
from scidex.exports.store import Head, Movement
from scidex.ledger import AccountKey, issuance_of

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""Keccak-256 of `Transfer(address,address,uint256)` (ERC-20)."""
TRANSFER_SINGLE = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
"""Keccak-256 of `TransferSingle(address,address,address,uint256,uint256)` (ERC-1155)."""
TRANSFER_BATCH = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
"""Keccak-256 of `TransferBatch(address,address,address,uint256[],uint256[])` (ERC-1155)."""
NAMES = {TRANSFER: "Transfer", TRANSFER_SINGLE: "TransferSingle", TRANSFER_BATCH: "TransferBatch"}
DECIMALS = 18
ZERO = bytes(20)
_VERSION = b"scidex event 1"


class Event(NamedTuple):
    """One or several movements of a command between two holders; `log_index` of `size` in its block.

    `ledger` and `journal` are the hashes of the ledger's first row and of the block; `amounts` are in parts.
    """

    ledger: bytes
    block: int
    journal: bytes
    log_index: int
    size: int
    number: int
    leg: int
    at: datetime
    actor: str
    debit: str
    credit: str
    units: tuple[str, ...]
    amounts: tuple[int, ...]
    reason: str

    @property
    def name(self) -> str:
        """Journal number and first leg."""
        return f"{self.number}-{self.leg}"


def holder(account: AccountKey) -> str:
    """The account without its unit."""
    return f"{account.owner}/{account.purpose}"


_ISSUANCE = holder(issuance_of(TOKEN.name))


@lru_cache(maxsize=65_536)
def address(ledger: bytes, name: str) -> bytes:
    """The 20 bytes that a holder (owner/purpose), or what stands for an asset, is known by."""
    if name == _ISSUANCE:
        return ZERO
    return hashlib.sha256(b"scidex address\0" + ledger + b"\0" + name.encode()).digest()[12:]


def operator(ledger: bytes, actor: str) -> bytes:
    """The address of who asked for the movement."""
    return address(ledger, f"actor:{actor}")


@lru_cache
def asset_id(unit: str) -> int:
    """The ERC-1155 id of a unit: SHA-256 of its name."""
    return int.from_bytes(hashlib.sha256(b"scidex asset\0" + unit.encode()).digest())


def value_of(unit: str, parts: int) -> int:
    """Parts as an integer of 18 decimals: token parts by 10^12.

    >>> value_of("token", 1), value_of("cpu_seconds", 1500)
    (1000000000000, 1500000000000000000)
    """
    return int(parts * 10 ** (DECIMALS - unit_named(unit).decimals))


def events_of(ledger: str, head: Head, movements: Sequence[Movement]) -> list[Event]:
    """The events of a block, in order of number and leg."""
    runs: list[list[Movement]] = []
    for movement in movements:
        if runs and _joins(runs[-1], movement):
            runs[-1].append(movement)
        else:
            runs.append([movement])
    return [
        Event(
            bytes.fromhex(ledger),
            head.block.height,
            head.block.hash,
            index,
            len(runs),
            run[0].row.number,
            run[0].row.leg,
            run[0].row.at,
            run[0].actor,
            holder(run[0].row.debit),
            holder(run[0].row.credit),
            tuple(each.row.debit.unit for each in run),
            tuple(each.row.amount for each in run),
            run[0].row.reason,
        )
        for index, run in enumerate(runs)
    ]


def _joins(run: list[Movement], movement: Movement) -> bool:
    first, new = run[0].row, movement.row
    return (
        first.number == new.number
        and first.reason == new.reason
        and TOKEN.name not in (first.debit.unit, new.debit.unit)
        and new.debit.unit not in {each.row.debit.unit for each in run}
        and (holder(first.debit), holder(first.credit)) == (holder(new.debit), holder(new.credit))
    )


def topics_of(event: Event) -> list[bytes]:
    """The log's topics: the signature, then who and between whom."""
    ends = [_word(address(event.ledger, event.debit)), _word(address(event.ledger, event.credit))]
    if event.units == (TOKEN.name,):
        return [bytes.fromhex(TRANSFER), *ends]
    signature = TRANSFER_SINGLE if len(event.units) == 1 else TRANSFER_BATCH
    return [bytes.fromhex(signature), _word(operator(event.ledger, event.actor)), *ends]


def data_of(event: Event) -> bytes:
    """The log's data, ABI-encoded: a value; an id and a value; or the ids and the values."""
    values = [value_of(unit, parts) for unit, parts in zip(event.units, event.amounts, strict=True)]
    if event.units == (TOKEN.name,):
        return _word(values[0])
    ids = [asset_id(unit) for unit in event.units]
    if len(ids) == 1:
        return _word(ids[0]) + _word(values[0])
    words = [64, 64 + 32 * (len(ids) + 1), len(ids), *ids, len(values), *values]
    return b"".join(map(_word, words))


def emitter_of(event: Event) -> bytes:
    """The address that stands for the asset's contract."""
    return address(event.ledger, "asset:token" if event.units == (TOKEN.name,) else "assets")


def canonical(event: Event) -> bytes:
    """The bytes that are hashed: words of 32 bytes, numbers big-endian, then the data; every fact of an event is in.

    version | ledger | block | hash of the block | index | size | number | leg | microseconds | operator | emitter |
    SHA-256 of actor, debit, credit and reason, each after its length in 8 bytes | how many topics | the topics |
    bytes of data | data
    """
    texts = b"".join(
        len(text.encode()).to_bytes(8) + text.encode()
        for text in (event.actor, event.debit, event.credit, event.reason)
    )
    topics, data = topics_of(event), data_of(event)
    words: list[int | bytes] = [
        _VERSION.ljust(32, b"\0"),
        event.ledger,
        event.block,
        event.journal,
        event.log_index,
        event.size,
        event.number,
        event.leg,
        microseconds(event.at),
        operator(event.ledger, event.actor),
        emitter_of(event),
        hashlib.sha256(texts).digest(),
        len(topics),
        *topics,
        len(data),
    ]
    return b"".join(map(_word, words)) + data


def leaves_of(events: Iterable[Event]) -> list[bytes]:
    """The leaf hashes of a block's events."""
    return [leaf_hash(canonical(event)) for event in events]


@lru_cache(maxsize=2)
def tree_of(events: tuple[Event, ...]) -> tuple[bytes, ...]:
    """The same, kept for who asks for proofs of one block after the other."""
    return tuple(leaves_of(events))


def event_facts(event: Event) -> dict[str, Any]:
    """An event as JSON: whole numbers of parts and of 18 decimals as text, hashes and addresses in hexadecimal."""
    topics = topics_of(event)
    return {
        "id": event.name,
        "event": NAMES[topics[0].hex()],
        "block": event.block,
        "index": event.log_index,
        "size": event.size,
        "journal": event.journal.hex(),
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": event.actor,
        "from": event.debit,
        "to": event.credit,
        "units": list(event.units),
        "parts": [str(parts) for parts in event.amounts],
        "values": [str(value_of(unit, parts)) for unit, parts in zip(event.units, event.amounts, strict=True)],
        "reason": event.reason,
        "address": _hex(emitter_of(event)),
        "topics": [_hex(topic) for topic in topics],
        "data": _hex(data_of(event)),
    }


def event_from(ledger: str, facts: Mapping[str, Any]) -> Event:
    """The event that these facts tell of; whoever reads them compares `event_facts` of it with what was given.

    Raises ValueError, KeyError, TypeError or AttributeError on what is no event.
    """
    number, leg = map(int, facts["id"].split("-"))
    units = tuple(facts["units"])
    if not units or not set(units) <= UNITS.keys() or len(units) != len(facts["parts"]):
        raise ValueError("the units")
    if not all(type(facts[name]) is int for name in ("block", "index", "size")):
        raise TypeError("a whole number")
    return Event(
        bytes.fromhex(ledger),
        facts["block"],
        bytes.fromhex(facts["journal"]),
        facts["index"],
        facts["size"],
        number,
        leg,
        datetime.fromisoformat(facts["at"]).astimezone(UTC),
        facts["actor"],
        facts["from"],
        facts["to"],
        units,
        tuple(map(int, facts["parts"])),
        facts["reason"],
    )


def assets() -> list[dict[str, Any]]:
    """Every asset with how its amounts are written, for the manifest of an export."""
    return [
        {
            "unit": unit.name,
            "standard": "ERC-20" if unit == TOKEN else "ERC-1155",
            "id": None if unit == TOKEN else str(asset_id(unit.name)),
            "decimals": DECIMALS,
            "parts": unit.decimals,
            "value_of_a_part": str(value_of(unit.name, 1)),
            "what": unit.what,
        }
        for unit in UNITS.values()
    ]


def _word(value: int | bytes) -> bytes:
    return value.to_bytes(32) if isinstance(value, int) else value.rjust(32, b"\0")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
