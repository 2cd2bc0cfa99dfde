"""Proofs hold, can be checked from the file alone, and fail after one changed bit anywhere."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.core.merkle import inclusion_proof, leaf_hash, root, verify_inclusion
from scidex.economy import Economy
from scidex.exports import (
    EventIdInvalid,
    LiabilityNegative,
    NotOwed,
    NotSealed,
    ProofUnreadable,
    ProofWrong,
    SupplyDiffers,
    UnknownBlock,
    UnknownEvent,
    check_proof,
    events_in,
    find_heads,
    leaves_of,
    liabilities,
    prove_event,
    prove_liability,
)
from scidex.exports.events import canonical
from scidex.ledger import AccountKey, Issue, UnknownAccount, find_accounts, issuance_of, wallet_of


def written(proof: dict[str, object]) -> bytes:
    return json.dumps(proof, separators=(",", ":"), ensure_ascii=False).encode()


def changed(text: bytes) -> Iterator[bytes]:
    """Every text that differs in one bit."""
    for place in range(len(text)):
        for bit in range(8):
            yield text[:place] + bytes([text[place] ^ 1 << bit]) + text[place + 1 :]


def movements(economy: Economy) -> list[str]:
    with economy.reading() as tx:
        return [f"{number}-{leg}" for number, leg in tx.execute("SELECT number, leg FROM token_ledger ORDER BY 1, 2")]


def test_every_movement_is_proved_in_its_block(random_world: Economy) -> None:
    found = movements(random_world)
    chosen = random.Random(1).sample(found, 60)
    with random_world.reading() as tx:
        roots = {head.block.height: root(leaves_of(events_in(tx, head.block.height))).hex() for head in find_heads(tx)}
        assert len(roots) > 2
        for each in (found[0], *chosen, found[-1]):
            proof = prove_event(tx, each)
            proved = check_proof(written(proof), trusted=roots[proof["event"]["block"]])
            assert proved["id"].partition("-")[0] == each.partition("-")[0]


def test_a_movement_within_a_batch_is_proved_by_its_event(random_world: Economy) -> None:
    with random_world.reading() as tx:
        (first, size) = next(
            (each.name, len(each.units))
            for head in find_heads(tx)
            for each in events_in(tx, head.block.height)
            if len(each.units) > 1
        )
        number, leg = first.split("-")
        last = f"{number}-{int(leg) + size - 1}"
        assert prove_event(tx, last) == prove_event(tx, first)
        with pytest.raises(UnknownEvent):
            prove_event(tx, f"{number}-{10**6}")


def test_one_changed_bit_in_event_path_or_root_is_refused(random_world: Economy) -> None:
    """Every bit of the bytes that are hashed, of every hash of the path and of the root."""
    with random_world.reading() as tx:
        height = max(find_heads(tx), key=lambda head: head.rows).block.height
        events = events_in(tx, height)
    leaves = leaves_of(events)
    head, size = root(leaves), len(leaves)
    event = events[size // 3]
    path = inclusion_proof(leaves, event.log_index)
    assert len(path) >= 5
    assert verify_inclusion(leaf_hash(canonical(event)), event.log_index, size, path, head)
    for each in changed(canonical(event)):
        assert not verify_inclusion(leaf_hash(each), event.log_index, size, path, head)
    for place, hashed in enumerate(path):
        for each in changed(hashed):
            other = [*path[:place], each, *path[place + 1 :]]
            assert not verify_inclusion(leaves[event.log_index], event.log_index, size, other, head)
    for each in changed(head):
        assert not verify_inclusion(leaves[event.log_index], event.log_index, size, path, each)


def refused(text: bytes, **trusted: str) -> bool:
    try:
        check_proof(text, **trusted)
    except (ProofWrong, ProofUnreadable):
        return True
    return False


def test_one_changed_bit_anywhere_in_the_file_of_a_proof_is_refused(random_world: Economy) -> None:
    with random_world.reading() as tx:
        text = written(prove_event(tx, random.Random(2).choice(movements(random_world))))
    assert not refused(text)
    assert [each for each in changed(text) if not refused(each)] == []


def test_one_changed_bit_anywhere_in_a_proof_of_a_liability_is_refused(random_world: Economy) -> None:
    with random_world.reading() as tx:
        text = written(prove_liability(tx, wallet_of("β/α")))
    assert not refused(text)
    assert [each for each in changed(text) if not refused(each)] == []


def test_a_proof_written_in_another_way_or_of_another_root_is_refused(random_world: Economy) -> None:
    with random_world.reading() as tx:
        proof = prove_event(tx, movements(random_world)[0])
        owed = prove_liability(tx, wallet_of("alice"))
    assert check_proof(written(proof), trusted=proof["root"])["root"] == proof["root"]
    for other in (
        proof | {"more": 1},
        proof | {"root": proof["root"].upper()},
        proof | {"event": proof["event"] | {"block": float(proof["event"]["block"])}},
        proof | {"event": proof["event"] | {"index": True}},
        proof | {"event": proof["event"] | {"parts": ["-1"]}},
        proof | {"event": proof["event"] | {"units": []}},
        proof | {"event": proof["event"] | {"at": "2026-01-01T00:00:00"}},
        proof | {"path": [*proof["path"], proof["root"]]},
        proof | {"proof": "scidex inclusion 2"},
        owed | {"balance": "-1"},
        owed | {"size": True},
        owed | {"account": "nobody"},
        [proof],
        {},
    ):
        assert refused(written(other)), other  # type: ignore[arg-type]
    assert refused(written(proof), trusted="00" * 32)
    for text in (b"", b"[" * 100_000, b"\xff", b"1", b'"proof"', b'{"proof": {}}'):
        assert refused(text), text[:20]


def test_what_cannot_be_proved_says_why(economy: Economy) -> None:
    economy.seal()
    economy.perform_all([Request(Issue(wallet_of("operator"), 5, "x"), "operator")])
    (event,) = movements(economy)
    with economy.reading() as tx, pytest.raises(NotSealed):
        prove_event(tx, event)
    economy.seal()
    with economy.reading() as tx:
        assert prove_event(tx, event)["event"]["parts"] == ["5"]
        for text, why in (
            ("", EventIdInvalid),
            ("1", EventIdInvalid),
            ("٣-0", EventIdInvalid),
            ("999-0", UnknownEvent),
        ):
            with pytest.raises(why):
                prove_event(tx, text)
        with pytest.raises(UnknownBlock):
            events_in(tx, 99)
        with pytest.raises(NotOwed):
            prove_liability(tx, issuance_of("token"))
        for stranger in (wallet_of("nobody"), wallet_of("operator", "usd")):
            with pytest.raises(UnknownAccount):
                prove_liability(tx, stranger)


def test_every_owner_finds_what_it_is_owed_under_one_head(lived: Economy) -> None:
    with lived.reading() as tx:
        accounts = [each for each in find_accounts(tx, unit="token", limit=10**6) if each.key != issuance_of("token")]
        issued = -sum(
            each.balance for each in find_accounts(tx, unit="token", limit=10**6) if each.key == issuance_of("token")
        )
        heads = set()
        for account in accounts[:: max(1, len(accounts) // 40)]:
            proof = prove_liability(tx, account.key)
            proved = check_proof(written(proof))
            assert (proved["account"], int(proved["balance"])) == (str(account.key), account.balance)
            assert int(proved["owed"]) == int(proved["issued"]) - int(proved["retired"]) == issued
            heads.add(proved["root"])
    assert len(heads) == 1


LEDGER = "ab" * 32


def tree(balances: dict[str, int], supply: tuple[int, int]) -> liabilities.Tree:
    owed = [(AccountKey.parse(name), balance) for name, balance in balances.items()]
    return liabilities.build(LEDGER, 7, "token", owed, supply)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_trees_of_every_size_prove_every_leaf(size: int) -> None:
    balances = {f"actor:{n}/wallet/token": n * 10**6 for n in range(size)}
    total = sum(balances.values())
    found = tree(balances, (total + 5, 5))
    assert found.root.total == total
    for account in found.places:
        assert liabilities.check(liabilities.prove(found, account)) is None
    # Equal balances have leaves of their own, and the order is not that of the names.
    assert len({each.hash for each in found.levels[0]}) == size
    assert size < 20 or list(found.places) != sorted(found.places)


def test_nothing_below_zero_and_no_other_sum_gets_into_a_tree() -> None:
    with pytest.raises(LiabilityNegative):
        tree({"actor:a/wallet/token": -1, "actor:b/wallet/token": 2}, (1, 0))
    with pytest.raises(SupplyDiffers):
        tree({"actor:a/wallet/token": 2}, (1, 0))
    assert tree({}, (0, 0)).root.total == 0


def test_a_tree_that_moves_a_debt_into_a_sum_is_caught_by_the_owner_beside_it() -> None:
    """The published attack: an inner node that claims less than its children sum to."""
    found = tree({f"actor:{n}/wallet/token": 10 for n in range(4)}, (40, 0))
    account = found.levels and next(iter(found.places))
    proof = liabilities.prove(found, account)
    less = json.loads(json.dumps(proof))
    less["path"][-1]["sum"] = "10"
    less["owed"] = less["issued"] = "30"
    assert refused(written(less))
    below = json.loads(json.dumps(proof))
    below["path"][-1]["sum"] = "-10"
    assert refused(written(below))


def test_refusals_of_proofs_are_the_houses(random_world: Economy) -> None:
    with pytest.raises(Refusal) as refusal:
        check_proof(b"{}")
    assert refusal.value.code == "proof_unreadable"
