"""The SQL of exports. What may be long comes as a stream, on a cursor of the server, in the order of its key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from scidex.core.db import Tx
from scidex.core.journal import Entry
from scidex.core.seal import Block, leaf_of
from scidex.exports.model import LedgerEmpty, NotSealed, Origin, UnknownBlock, UnknownEvent
from scidex.ledger import AccountKey, TransferKey, TransferRow

_STREAM_ROWS = 5_000


@contextmanager
def _cursor(tx: Tx) -> Iterator[Any]:
    with tx.connection.cursor(name="export") as cursor:
        cursor.itersize = _STREAM_ROWS
        yield cursor


_FIRST = "SELECT number, at, actor, key, kind, policy, command, receipt FROM journal ORDER BY number LIMIT 1"
_NEWEST = "SELECT max(number) FROM journal"


def origin(tx: Tx) -> Origin:
    """What an export made in this transaction is of; a ledger's id is the leaf hash of its first journal row.

    Refuses: LedgerEmpty.
    """
    first = tx.execute(_FIRST).fetchone()
    newest = tx.execute(_NEWEST).fetchone()
    if first is None or newest is None:
        raise LedgerEmpty()
    return Origin(leaf_of(Entry(*first)).hex(), tx.now, newest[0])


_JOURNAL = """
SELECT journal.number, at, journal.actor, key, kind, policy, command, receipt, transaction_id,
  (SELECT json_agg(json_build_array(debit_owner || '/' || debit_purpose || '/' || unit,
     credit_owner || '/' || credit_purpose || '/' || unit, amount, debit_balance, credit_balance, reason) ORDER BY leg)
   FROM token_ledger WHERE token_ledger.number = journal.number)
FROM journal ORDER BY journal.number
"""


def stream_journal(tx: Tx) -> Iterator[tuple[Entry, int, list[list[Any]]]]:
    """Every journal row with the id of its transaction and what it moved."""
    with _cursor(tx) as cursor:
        for row in cursor.execute(_JOURNAL):
            yield Entry(*row[:8]), row[8], row[9] or []


_UNSEALED = """
SELECT number, at, actor, key, kind, policy, command, receipt FROM journal WHERE transaction_id >= %s ORDER BY number
"""


def unsealed(tx: Tx, transaction: int) -> Iterator[Entry]:
    """The journal rows that no block has yet: those of transactions from this one on."""
    with _cursor(tx) as cursor:
        for row in cursor.execute(_UNSEALED, [transaction]):
            yield Entry(*row)


_COUNT = "SELECT count(*) FROM journal"


def count_journal(tx: Tx) -> int:
    """How many rows the journal has."""
    (rows,) = tx.execute(_COUNT).fetchone() or (0,)
    return int(rows)


_HEADS = (
    "SELECT height, from_transaction, below_transaction, first_number, last_number, ''::bytea, root, previous,"
    " sealed_at, hash, length(leaves) / 32 FROM journal_block"
)


class Head(NamedTuple):
    """A block without its leaves, and how many it has."""

    block: Block
    rows: int


def find_heads(tx: Tx, *, after: int = 0, limit: int | None = None) -> list[Head]:
    """Blocks by height."""
    rows = tx.execute(f"{_HEADS} WHERE height > %s ORDER BY height LIMIT %s", [after, limit])
    return [Head(Block._make(row[:10]), row[10]) for row in rows]


def find_head(tx: Tx, height: int) -> Head:
    """A block. Refuses: UnknownBlock."""
    row = tx.execute(f"{_HEADS} WHERE height = %s", [height]).fetchone()
    if row is None:
        (newest,) = tx.execute("SELECT coalesce(max(height), 0) FROM journal_block").fetchone() or (0,)
        raise UnknownBlock(height=height, newest=newest)
    return Head(Block._make(row[:10]), row[10])


def find_leaves(tx: Tx, height: int) -> bytes:
    """The leaf hashes of a block, in the order of its rows."""
    row = tx.execute("SELECT leaves FROM journal_block WHERE height = %s", [height]).fetchone()
    return bytes(row[0]) if row else b""


_BLOCK_OF = """
SELECT height FROM journal
LEFT JOIN journal_block ON transaction_id >= from_transaction AND transaction_id < below_transaction
WHERE number = %s AND EXISTS (SELECT FROM token_ledger WHERE number = %s AND leg = %s)
"""


def block_of(tx: Tx, movement: TransferKey) -> Head:
    """The block that a movement is sealed in. Refuses: UnknownEvent, NotSealed, UnknownBlock."""
    row = tx.execute(_BLOCK_OF, [movement.number, *movement]).fetchone()
    name = f"{movement.number}-{movement.leg}"
    if row is None:
        raise UnknownEvent(event=name)
    if row[0] is None:
        raise NotSealed(event=name)
    return find_head(tx, row[0])


class Movement(NamedTuple):
    """A row of `token_ledger`, with who asked for the command that made it."""

    row: TransferRow
    actor: str


_MOVEMENTS = """
SELECT token_ledger.number, leg, token_ledger.at, debit_owner, debit_purpose, unit, credit_owner, credit_purpose, unit,
  amount, debit_balance, credit_balance, reason, journal.actor
FROM journal JOIN token_ledger ON token_ledger.number = journal.number
WHERE journal.number BETWEEN %s AND %s AND transaction_id >= %s AND transaction_id < %s
ORDER BY token_ledger.number, leg
"""


def movements_in(tx: Tx, block: Block) -> list[Movement]:
    """What the rows of a block moved, in order."""
    bounds = [block.first_number, block.last_number, block.from_transaction, block.below_transaction]
    return [
        Movement(TransferRow._make((*row[:3], AccountKey(*row[3:6]), AccountKey(*row[6:9]), *row[9:13])), row[13])
        for row in tx.execute(_MOVEMENTS, bounds)
    ]


_HELD = """
SELECT owner, purpose, unit, balance FROM ledger_account
WHERE unit = %s AND (owner, purpose) <> ('system', 'issuance') ORDER BY owner, purpose
"""
_SUPPLY = """
SELECT (SELECT coalesce(sum(amount), 0)::bigint FROM token_ledger
        WHERE (debit_owner, debit_purpose) = ('system', 'issuance') AND unit = %s),
       (SELECT coalesce(sum(amount), 0)::bigint FROM token_ledger
        WHERE (credit_owner, credit_purpose) = ('system', 'issuance') AND unit = %s)
"""


def balances_of(tx: Tx, unit: str) -> list[tuple[AccountKey, int]]:
    """What is owed in a unit to each account but the issuance account."""
    return [(AccountKey(*row[:3]), row[3]) for row in tx.execute(_HELD, [unit])]


def supply_of(tx: Tx, unit: str) -> tuple[int, int]:
    """How much of a unit was ever issued and ever retired."""
    (minted, burned) = tx.execute(_SUPPLY, [unit, unit]).fetchone() or (0, 0)
    return minted, burned


_T_MOVEMENTS = """
SELECT token_ledger.number, leg, token_ledger.at, debit_owner || '/' || debit_purpose || '/' || unit,
  credit_owner || '/' || credit_purpose || '/' || unit, unit, amount, debit_balance, credit_balance, reason, kind,
  journal.actor
FROM token_ledger JOIN journal ON journal.number = token_ledger.number ORDER BY token_ledger.number, leg
"""
_T_ACCOUNTS = """
SELECT owner || '/' || purpose || '/' || unit, owner, purpose, unit, balance, held, balance - held
FROM ledger_account ORDER BY owner, purpose, unit
"""
_T_HOLDS = """
SELECT hold, debit_owner || '/' || debit_purpose || '/' || unit, credit_owner || '/' || credit_purpose || '/' || unit,
  unit, amount, posted, state, placed_by, placed_at, expires_at, ended_at, reason
FROM ledger_hold ORDER BY hold
"""
_T_TRADES = """
SELECT market_trade.market, trade, market_trade.at, market_trade.owner, market_trade.outcome, side,
  market_trade.shares, redeemed, paid,
  market_trade.prices[array_position(outcomes, market_trade.outcome)], array_to_json(market_trade.prices)::text,
  market_trade.fee, market_trade.resting
FROM market_trade JOIN market ON market.market = market_trade.market ORDER BY market_trade.market, trade
"""
_T_POSITIONS = """
SELECT market, owner, paid, at_risk, payout FROM market_position ORDER BY market, owner
"""
_T_SHARES = """
SELECT market_position.market, market_position.owner, held.outcome, held.shares, held.cost
FROM market_position JOIN market ON market.market = market_position.market,
  unnest(outcomes, market_position.shares, market_position.cost) WITH ORDINALITY AS held (outcome, shares, cost, place)
ORDER BY market_position.market, market_position.owner, place
"""


def stream_movements(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of movements."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_MOVEMENTS)


def stream_accounts(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of accounts."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_ACCOUNTS)


def stream_holds(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of holds."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_HOLDS)


def stream_trades(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of trades."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_TRADES)


def stream_positions(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of positions."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_POSITIONS)


def stream_shares(tx: Tx) -> Iterator[tuple[Any, ...]]:
    """The rows of the table of shares."""
    with _cursor(tx) as cursor:
        yield from cursor.execute(_T_SHARES)
