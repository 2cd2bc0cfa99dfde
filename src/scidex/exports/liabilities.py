"""Proof of what is owed: a Merkle sum tree over the balances of a unit, in which every owner can check its own leaf.

leaf  SHA-256(0x00 || nonce || SHA-256(account) || balance)
node  SHA-256(0x01 || left sum || left hash || right sum || right hash), its sum is that of both
head  SHA-256 over version, ledger, unit, journal number, size, issued, retired, root sum and root hash

Numbers are words of 32 bytes, so none is below zero. Both sums of the children are hashed: a tree that hashed only
what they come to together could hide a debt behind a credit. The nonce makes every leaf its account's own and the order
of the leaves without meaning. It is made from the moment and the account: every reader of the ledger gets the same
tree, and it keeps no secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scidex.core.merkle import turns
from scidex.core.units import MAX_AMOUNT, format_amount, unit_named
from scidex.exports.model import LiabilityNegative, SupplyDiffers
from scidex.ledger import AccountKey

FORMAT = "scidex liability 1"


class Sum(NamedTuple):
    """A node of the tree: what is owed below it, in parts, and its hash."""

    total: int
    hash: bytes


class Tree(NamedTuple):
    """The tree of a unit at a moment: `number` is the newest journal row; `levels` from the leaves to the root."""

    ledger: str
    unit: str
    number: int
    issued: int
    retired: int
    accounts: dict[AccountKey, int]
    levels: list[list[Sum]]
    places: dict[AccountKey, int]

    @property
    def root(self) -> Sum:
        """Its top; of an empty tree nothing is owed."""
        return self.levels[-1][0] if self.places else Sum(0, hashlib.sha256(b"").digest())


def build(
    ledger: str, number: int, unit: str, balances: Sequence[tuple[AccountKey, int]], supply: tuple[int, int]
) -> Tree:
    """The tree over these balances, in the order of their nonces. Refuses: LiabilityNegative, SupplyDiffers."""
    for account, balance in balances:
        if balance < 0:
            known = unit_named(unit)
            raise LiabilityNegative(account=str(account), short=format_amount(-balance, known), unit=unit)
    issued, retired = supply
    owed = sum(balance for _, balance in balances)
    if owed != issued - retired:
        raise SupplyDiffers(unit=unit, owed=owed, supply=issued - retired)
    ordered = sorted((nonce_of(ledger, number, account), account, balance) for account, balance in balances)
    level = [leaf(nonce, account, balance) for nonce, account, balance in ordered]
    levels = [level]
    while len(level) > 1:
        pairs = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
        levels.append(level)
    places = {account: place for place, (_, account, _) in enumerate(ordered)}
    return Tree(ledger, unit, number, issued, retired, dict(balances), levels, places)


def nonce_of(ledger: str, number: int, account: AccountKey) -> bytes:
    """What makes a leaf its account's own, and of this tree."""
    return hashlib.sha256(b"scidex nonce\0" + bytes.fromhex(ledger) + _word(number) + str(account).encode()).digest()


def leaf(nonce: bytes, account: AccountKey, balance: int) -> Sum:
    """An account's leaf."""
    named = hashlib.sha256(str(account).encode()).digest()
    return Sum(balance, hashlib.sha256(b"\x00" + nonce + named + _word(balance)).digest())


def node(left: Sum, right: Sum) -> Sum:
    """The node over two others."""
    hashed = hashlib.sha256(b"\x01" + _word(left.total) + left.hash + _word(right.total) + right.hash).digest()
    return Sum(left.total + right.total, hashed)


def head_of(ledger: str, unit: str, number: int, size: int, supply: tuple[int, int], root: Sum) -> bytes:
    """What is published of a tree: one hash that fixes all of it."""
    words = [number, size, *supply, root.total]
    named = hashlib.sha256(unit.encode()).digest()
    return hashlib.sha256(
        FORMAT.encode().ljust(32, b"\0") + bytes.fromhex(ledger) + named + b"".join(map(_word, words)) + root.hash
    ).digest()


def prove(tree: Tree, account: AccountKey) -> dict[str, Any]:
    """The proof that the tree counts what is owed to an account, as JSON; amounts are parts, as text."""
    place = tree.places[account]
    path = []
    at = place
    for level in tree.levels[:-1]:
        if at ^ 1 < len(level):
            path.append(level[at ^ 1])
        at //= 2
    supply, size = (tree.issued, tree.retired), len(tree.places)
    nonce = nonce_of(tree.ledger, tree.number, account)
    head = head_of(tree.ledger, tree.unit, tree.number, size, supply, tree.root)
    balance = tree.accounts[account]
    return _facts(tree.ledger, tree.number, account, balance, nonce, place, size, path, tree.root, supply, head)


def check(said: Mapping[str, Any]) -> str | None:
    """What is wrong with a proof, or None.

    Raises ValueError, KeyError, TypeError, AttributeError or a refusal on what is no proof.
    """
    account = AccountKey.parse(said["account"])
    path = [Sum(_amount(each["sum"]), bytes.fromhex(each["hash"])) for each in said["path"]]
    balance, owed, issued, retired = (_amount(said[name]) for name in ("balance", "owed", "issued", "retired"))
    ledger, number, index, size = bytes.fromhex(said["ledger"]).hex(), said["number"], said["index"], said["size"]
    if not all(type(each) is int for each in (number, index, size)):
        raise TypeError("a whole number")
    if owed != issued - retired:
        return "what is owed is not what was issued and not retired"
    if not 0 <= index < size or len(steps := turns(index, size)) != len(path):
        return "the path does not lead from this place to the root"
    nonce = nonce_of(ledger, number, account)
    found = leaf(nonce, account, balance)
    for partner, left in zip(path, steps, strict=True):
        found = node(partner, found) if left else node(found, partner)
    if found.total != owed:
        return "the sums along the path do not add up to what is owed"
    head = head_of(ledger, account.unit, number, size, (issued, retired), found)
    # Whatever is written in another way than this program writes it is not what was hashed.
    written = _facts(ledger, number, account, balance, nonce, index, size, path, found, (issued, retired), head)
    same = json.dumps(written, sort_keys=True) == json.dumps(said, sort_keys=True)
    return None if same else "the path does not lead from this leaf to the root"


def _facts(
    ledger: str,
    number: int,
    account: AccountKey,
    balance: int,
    nonce: bytes,
    index: int,
    size: int,
    path: Sequence[Sum],
    root: Sum,
    supply: tuple[int, int],
    head: bytes,
) -> dict[str, Any]:
    return {
        "proof": FORMAT,
        "ledger": ledger,
        "number": number,
        "account": str(account),
        "balance": str(balance),
        "nonce": nonce.hex(),
        "index": index,
        "size": size,
        "path": [{"sum": str(each.total), "hash": each.hash.hex()} for each in path],
        "owed": str(root.total),
        "issued": str(supply[0]),
        "retired": str(supply[1]),
        "root": root.hash.hex(),
        "head": head.hex(),
    }


def _amount(text: str) -> int:
    parts = int(text)
    if str(parts) != text or not 0 <= parts <= MAX_AMOUNT * 1_000_000:
        raise ValueError("an amount")
    return parts


def _word(value: int) -> bytes:
    return value.to_bytes(32)
