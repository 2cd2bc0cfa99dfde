"""Transfer events: the constants of the standards, golden vectors, and every balance rebuilt from the logs alone."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from Crypto.Hash import keccak

from scidex.core.merkle import leaf_hash, root
from scidex.core.units import UNITS
from scidex.economy import Economy
from scidex.exports import events, export_ledger
from scidex.exports.events import Event, canonical, event_facts, event_from
from scidex.ledger import find_accounts, issuance_of


def of_keccak(signature: str) -> str:
    return keccak.new(digest_bits=256, data=signature.encode()).hexdigest()


def test_topics_are_keccak_of_the_signatures_of_the_standards() -> None:
    assert of_keccak("Transfer(address,address,uint256)") == events.TRANSFER
    assert of_keccak("TransferSingle(address,address,address,uint256,uint256)") == events.TRANSFER_SINGLE
    assert of_keccak("TransferBatch(address,address,address,uint256[],uint256[])") == events.TRANSFER_BATCH


LEDGER, JOURNAL = hashlib.sha256(b"ledger").digest(), hashlib.sha256(b"block").digest()
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def event(units: dict[str, int], debit: str = "actor:alice/wallet", credit: str = "actor:Zoë/wallet") -> Event:
    return Event(
        LEDGER, 3, JOURNAL, 1, 4, 17, 0, AT, "alice", debit, credit, tuple(units), tuple(units.values()), "a reason"
    )


GOLDEN = [
    (event({"token": 1_500_000}), 576, "5c83107e6157b05da3d56d473982c114b226877239331be6ce8b4d67a5057741"),
    (
        event({"token": 1}, debit="system/issuance"),
        576,
        "1b8577a21b0d5b4452c585135dccf323bf238ccc39e565cbed9be5debaccb0b1",
    ),
    (event({"llm_batch": 7}), 640, "256585f40b80668d73fb00138d27fc5a0fc67589be08df93f284e8faf35205a6"),
    (
        event({"llm_batch": 7, "cpu_seconds": 1500}),
        832,
        "6511b55be532381b871b8662c8da5af7249fe94e39db295aad241685c12a98ea",
    ),
]
"""The bytes of an event are fixed for good: their length, and their leaf hash."""


@pytest.mark.parametrize(("given", "length", "hashed"), GOLDEN, ids=["token", "mint", "single", "batch"])
def test_the_bytes_of_an_event_never_change(given: Event, length: int, hashed: str) -> None:
    assert (len(canonical(given)), leaf_hash(canonical(given)).hex()) == (length, hashed)


def test_the_bytes_are_the_words_that_the_page_of_the_format_lists() -> None:
    def word(value: int | bytes) -> bytes:
        return value.to_bytes(32, "big") if isinstance(value, int) else bytes(32 - len(value)) + value

    def address(name: str) -> bytes:
        return hashlib.sha256(b"scidex address\0" + LEDGER + b"\0" + name.encode()).digest()[-20:]

    texts = ("alice", "actor:alice/wallet", "actor:Zoë/wallet", "a reason")
    hashed = hashlib.sha256(b"".join(len(each.encode()).to_bytes(8, "big") + each.encode() for each in texts)).digest()
    micros = 1_767_323_045_678_901
    topics = [bytes.fromhex(events.TRANSFER), address("actor:alice/wallet"), address("actor:Zoë/wallet")]
    words = [
        b"scidex event 1" + bytes(18), LEDGER, 3, JOURNAL, 1, 4, 17, 0, micros, address("actor:alice"),
        address("asset:token"), hashed, 3, *topics, 32, 1_500_000 * 10**12,
    ]  # fmt: skip
    assert canonical(GOLDEN[0][0]) == b"".join(map(word, words))


def test_logs_are_encoded_as_the_abi_says() -> None:
    facts = event_facts(event({"token": 1_500_000}))
    assert facts["event"] == "Transfer"
    assert facts["data"] == "0x" + f"{1_500_000 * 10**12:064x}"
    assert facts["values"] == ["1500000000000000000"]
    assert [len(topic) for topic in facts["topics"]] == [66] * 3
    minted = event_facts(event({"token": 1}, debit="system/issuance"))
    assert minted["topics"][1] == "0x" + "0" * 64
    single = event_facts(event({"llm_batch": 7}))
    assert single["event"] == "TransferSingle"
    assert len(single["topics"]) == 4
    assert int(single["data"][66:], 16) == 7 * 10**18
    batch = event_facts(event({"llm_batch": 7, "cpu_seconds": 1500}))
    words = [int(batch["data"][2:][i : i + 64], 16) for i in range(0, len(batch["data"]) - 2, 64)]
    ids = [events.asset_id("llm_batch"), events.asset_id("cpu_seconds")]
    assert words == [64, 160, 2, *ids, 2, 7 * 10**18, 1500 * 10**15]


def test_an_event_is_read_back_as_it_was_written() -> None:
    for given, _, _ in GOLDEN:
        facts = json.loads(json.dumps(event_facts(given)))
        assert event_from(LEDGER.hex(), facts) == given


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def decoded(log: dict[str, object]) -> list[tuple[str, str, str, int]]:
    """From, to, asset and value of a log as a chain has it, from its topics and data alone."""
    topics = [str(topic)[2:] for topic in log["topics"]]  # type: ignore[attr-defined]
    data = str(log["data"])[2:]
    words = [int(data[i : i + 64], 16) for i in range(0, len(data), 64)]
    source, target = topics[-2][24:], topics[-1][24:]
    if topics[0] == events.TRANSFER:
        return [(source, target, "token", words[0])]
    if topics[0] == events.TRANSFER_SINGLE:
        return [(source, target, str(words[0]), words[1])]
    count = words[2]
    return [(source, target, str(words[3 + n]), words[4 + count + n]) for n in range(count)]


def test_every_balance_is_rebuilt_from_the_logs_alone(lived: Economy, tmp_path: Path) -> None:
    with lived.reading() as tx:
        export_ledger(tx, format="events", out=tmp_path)
        books = {
            (account.owner, account.purpose, account.unit): account.balance
            for account in find_accounts(tx, limit=10**6)
        }
    manifest = json.loads((tmp_path / "manifest-events.json").read_text(encoding="utf-8"))
    units = {asset["id"] or "token": asset for asset in manifest["assets"]}
    holders = {line["address"]: line["holder"] for line in lines(tmp_path / "holders.jsonl")}
    assert len(set(holders)) == len(holders)
    rebuilt: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for log in lines(tmp_path / "events.jsonl"):
        for source, target, asset, value in decoded(log):
            unit = units[asset]
            for address, signed in ((source, -value), (target, value)):
                owner, purpose = str(holders["0x" + address]).rsplit("/", 1)
                rebuilt[owner, purpose, unit["unit"]] += signed
    scale = {name: 10 ** (18 - unit.decimals) for name, unit in UNITS.items()}
    assert {key: value for key, value in rebuilt.items() if value} == {
        key: balance * scale[key[2]] for key, balance in books.items() if balance
    }
    # What is in circulation is what came from the zero address and did not go back there.
    for unit in {key[2] for key in books}:
        issuance = issuance_of(unit)
        circulating = sum(balance for key, balance in books.items() if key[2] == unit and balance > 0)
        debts = sum(balance for key, balance in books.items() if key[2] == unit and balance < 0)
        assert circulating + debts == 0
        assert rebuilt[issuance.owner, issuance.purpose, unit] == books.get(issuance, 0) * scale[unit]


def test_blocks_hold_every_event_once_under_their_roots(lived: Economy, tmp_path: Path) -> None:
    with lived.reading() as tx:
        report = export_ledger(tx, format="events", out=tmp_path)
        (moved,) = tx.execute("SELECT count(*) FROM token_ledger").fetchone() or (0,)
    logs, blocks = lines(tmp_path / "events.jsonl"), lines(tmp_path / "blocks.jsonl")
    assert report.rows["events.jsonl"] == len(logs) == sum(int(str(block["events"])) for block in blocks)
    assert sum(len(log["units"]) for log in logs) == moved  # type: ignore[arg-type]
    assert [(log["block"], log["index"]) for log in logs] == [
        (block["block"], index) for block in blocks for index in range(int(str(block["events"])))
    ]
    for block in blocks:
        leaves = [
            leaf_hash(canonical(event_from(report.ledger, log))) for log in logs if log["block"] == block["block"]
        ]
        assert root(leaves).hex() == block["root"]


def test_a_random_world_has_events_of_every_sort(random_world: Economy, tmp_path: Path) -> None:
    with random_world.reading() as tx:
        export_ledger(tx, format="events", out=tmp_path)
    sorts = {log["event"] for log in lines(tmp_path / "events.jsonl")}
    assert sorts == {"Transfer", "TransferSingle", "TransferBatch"}
