"""Blocks over the journal, with golden vectors so that the encoding can never drift."""

from __future__ import annotations

from datetime import UTC, datetime

from scidex.core.journal import Entry, Request
from scidex.core.merkle import leaf_hash, root
from scidex.core.seal import Block, check_chain, hash_of, leaf_of
from scidex.ledger import Issue, wallet_of

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def test_the_leaf_of_a_journal_row_is_fixed_for_ever():
    entry = Entry(7, AT, "älice", None, "market.order", 1, '{"market":"m"}', '{"trade":1}')
    text = r'[7,1767323045678901,"älice",null,"market.order",1,"{\"market\":\"m\"}","{\"trade\":1}"]'
    assert leaf_of(entry) == leaf_hash(text.encode())
    assert leaf_of(entry).hex() == "c38508c841759b36366556464abfe7e17b20047182bbaab4594ff689d65a2e66"


def test_the_hash_of_a_block_is_fixed_for_ever():
    block = Block(2, 10, 20, 5, 9, bytes(64), b"\x01" * 32, b"\x02" * 32, AT, b"")
    assert hash_of(block).hex() == "77813e1506ccdb66876a0581431de6e3c206ba2fa8db0b64f2fb12a5d4a6f7c3"


def test_the_merkle_root_is_that_of_rfc_9162():
    # The test vectors of Certificate Transparency: seven inputs and the heads over the first n of them.
    inputs = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58))]
    heads = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    }
    leaves = [leaf_hash(data) for data in inputs]
    assert {n: root(leaves[:n]).hex() for n in heads} == heads


def issue(economy, times=1):
    economy.perform_all([Request(Issue(wallet_of("operator"), 1, "x"), "operator") for _ in range(times)])


def test_every_row_is_sealed_once_and_blocks_follow_each_other(economy):
    issue(economy, 3)
    first = economy.seal()
    issue(economy, 2)
    assert (economy.seal(), economy.seal()) == (2, 0)
    with economy.reading() as tx:
        assert list(check_chain(tx)) == []
        counted = tx.execute("SELECT (SELECT count(*) FROM journal)::int").fetchone()[0]
        # The template's own two rows may have been sealed by then or not.
        assert first + 2 <= counted <= first + 4


def test_a_transaction_that_is_still_open_holds_the_seal_back_and_nothing_is_lost(economy):
    economy.seal()

    def slow(tx):
        from scidex.core.journal import perform

        perform(tx, [Request(Issue(wallet_of("operator"), 5, "slow"), "operator")])
        # Another row with a higher number commits first; sealing it now would shut this one out.
        with economy.database._writers.connection() as other:
            other.execute(
                "INSERT INTO journal (number, at, actor, kind, policy, command, receipt)"
                " VALUES (nextval('journal_number'), now(), 'x', 'k', 1, '{}', '{}')"
            )
            other.commit()
        assert economy.seal() == 0

    economy.run(slow)
    assert economy.seal() == 2


def test_a_transaction_larger_than_a_block_is_a_block_of_its_own(economy):
    from scidex.core.seal import seal

    economy.seal()
    issue(economy, 20)
    issue(economy, 2)
    assert [economy.run(lambda tx: seal(tx, at_most=8), actor="system") for _ in range(3)] == [20, 2, 0]


def test_a_long_backlog_becomes_blocks_of_bounded_size(economy):
    from scidex.core.seal import seal

    economy.seal()
    for _ in range(5):
        issue(economy, 4)
    sizes = []
    while sealed := economy.run(lambda tx: seal(tx, at_most=8), actor="system"):
        sizes.append(sealed)
    assert sizes == [8, 8, 4]
    with economy.reading() as tx:
        assert list(check_chain(tx)) == []
