"""Proofs as files: made from a database, checked from the file alone."""

from __future__ import annotations

import json
import re
from typing import Any

from scidex.core.db import Tx
from scidex.core.errors import Invalid
from scidex.core.merkle import inclusion_proof, leaf_hash, root, verify_inclusion
from scidex.exports import liabilities, store
from scidex.exports.events import Event, canonical, event_facts, event_from, events_of, tree_of
from scidex.exports.model import EventIdInvalid, NotOwed, ProofUnreadable, ProofWrong, UnknownEvent
from scidex.ledger import AccountKey, TransferKey, UnknownAccount, issuance_of

EVENT_FORMAT = "scidex inclusion 1"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, Invalid)


def event_key(text: str) -> TransferKey:
    """The movement that an event's id names. Refuses: EventIdInvalid.

    >>> event_key("17-0")
    TransferKey(number=17, leg=0)
    """
    found = re.fullmatch(r"(\d{1,18})-(\d{1,9})", text, re.ASCII)
    if found is None:
        raise EventIdInvalid(given=text[:40])
    return TransferKey(int(found[1]), int(found[2]))


def events_in(tx: Tx, height: int) -> list[Event]:
    """The events of a sealed block. Refuses: UnknownBlock, LedgerEmpty."""
    head = store.find_head(tx, height)
    return events_of(store.origin(tx).ledger, head, store.movements_in(tx, head.block))


def prove_event(tx: Tx, event: str) -> dict[str, Any]:
    """The proof, as JSON, that an event is in its sealed block.

    Refuses: EventIdInvalid, UnknownEvent, NotSealed, UnknownBlock, LedgerEmpty.
    """
    key = event_key(event)
    head = store.block_of(tx, key)
    ledger = store.origin(tx).ledger
    events = events_of(ledger, head, store.movements_in(tx, head.block))
    # A movement that another of its command leads is in the event of that one.
    index = max((each.log_index for each in events if (each.number, each.leg) <= key), default=None)
    if index is None or events[index].number != key.number:
        raise UnknownEvent(event=event)
    leaves = tree_of(tuple(events))
    return {
        "proof": EVENT_FORMAT,
        "ledger": ledger,
        "event": event_facts(events[index]),
        "path": [hashed.hex() for hashed in inclusion_proof(leaves, index)],
        "root": root(leaves).hex(),
    }


def prove_liability(tx: Tx, account: AccountKey) -> dict[str, Any]:
    """The proof, as JSON, that what is owed to an account is counted in all that is owed in its unit, now.

    Refuses: UnknownAccount, NotOwed, LiabilityNegative, SupplyDiffers, LedgerEmpty.
    """
    if account == issuance_of(account.unit):
        raise NotOwed(account=str(account), unit=account.unit)
    origin = store.origin(tx)
    balances = store.balances_of(tx, account.unit)
    tree = liabilities.build(origin.ledger, origin.number, account.unit, balances, store.supply_of(tx, account.unit))
    if account not in tree.places:
        raise UnknownAccount(account=str(account))
    return liabilities.prove(tree, account)


def check_proof(text: bytes, *, trusted: str | None = None) -> dict[str, Any]:
    """See that a proof holds, from its text alone: what it proves, for people.

    `trusted` is a root, or the head of a tree of liabilities, that the reader has from elsewhere; without it the proof
    can only be shown to hold together. Refuses: ProofUnreadable, ProofWrong.
    """
    try:
        said = json.loads(text)
        sort = said["proof"]
    except _UNREADABLE:
        raise ProofUnreadable(problem="it is not a JSON object that says so") from None
    if sort not in (EVENT_FORMAT, liabilities.FORMAT):
        raise ProofUnreadable(problem=f"it is neither {EVENT_FORMAT!r} nor {liabilities.FORMAT!r}")
    try:
        problem, proved = (_check_event if sort == EVENT_FORMAT else _check_liability)(said)
    except _UNREADABLE as unreadable:
        raise ProofUnreadable(problem=f"it cannot be read ({type(unreadable).__name__})") from None
    if problem is None and trusted is not None and trusted.lower() != (published := proved.get("root")):
        problem = f"its root is {published}, and not the one that was given"
    if problem is not None:
        raise ProofWrong(problem=problem)
    return proved


def _check_event(said: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    event = event_from(said["ledger"], said["event"])
    path = [bytes.fromhex(hashed) for hashed in said["path"]]
    # Whatever is written in another way than this program writes it is not what was hashed.
    written = {
        "proof": EVENT_FORMAT,
        "ledger": event.ledger.hex(),
        "event": event_facts(event),
        "path": [hashed.hex() for hashed in path],
        "root": bytes.fromhex(said["root"]).hex(),
    }
    proved = event_facts(event) | {"ledger": said["ledger"], "root": said["root"]}
    if json.dumps(written, sort_keys=True) != json.dumps(said, sort_keys=True):
        return "what it says of the event does not agree", proved
    if not verify_inclusion(
        leaf_hash(canonical(event)), event.log_index, event.size, path, bytes.fromhex(said["root"])
    ):
        return "the path does not lead from the event to the root", proved
    return None, proved


def _check_liability(said: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    problem = liabilities.check(said)
    names = ("ledger", "number", "account", "balance", "owed", "issued", "retired", "size")
    return problem, {name: said[name] for name in names} | {"root": said["head"]}
