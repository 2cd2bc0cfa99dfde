"""The SQL of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from scidex.core.db import Tx, columns
from scidex.core.journal import bind
from scidex.ledger.model import (
    ACCOUNTS,
    HOLDS,
    TRANSFERS,
    Account,
    AccountKey,
    Hold,
    TransferKey,
    TransferRow,
    UnknownAccount,
    UnknownHold,
)

_HOLD = (
    "hold, debit_owner, debit_purpose, unit, credit_owner, credit_purpose, unit, amount, posted, state, placed_by,"
    " placed_at, expires_at, ended_at, reason"
)


def load_accounts(tx: Tx, keys: Collection[AccountKey]) -> Iterator[tuple[AccountKey, Account]]:
    """Accounts by key, locked in key order."""
    rows = tx.each(
        "SELECT owner, purpose, unit, balance, held"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (owner, purpose, unit)"
        " JOIN ledger_account USING (owner, purpose, unit)"
        " ORDER BY owner, purpose, unit FOR NO KEY UPDATE OF ledger_account",
        columns(keys),
    )
    return ((AccountKey(*row[:3]), Account._make(row)) for row in rows)


def insert_accounts(tx: Tx, rows: Mapping[AccountKey, Account]) -> None:
    """New accounts."""
    tx.execute(
        "INSERT INTO ledger_account (owner, purpose, unit, balance, held)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])",
        columns(rows.values()),
    )


def update_accounts(tx: Tx, rows: Mapping[AccountKey, Account]) -> None:
    """New balances of accounts that are locked."""
    tx.execute(
        "UPDATE ledger_account SET balance = new.balance, held = new.held"
        " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])"
        " AS new (owner, purpose, unit, balance, held)"
        " WHERE (ledger_account.owner, ledger_account.purpose, ledger_account.unit)"
        " = (new.owner, new.purpose, new.unit)",
        columns(rows.values()),
    )


def scan_accounts(tx: Tx) -> Iterator[tuple[AccountKey, Account]]:
    """Every account."""
    for row in tx.execute("SELECT owner, purpose, unit, balance, held FROM ledger_account"):
        account = Account._make(row)
        yield account.key, account


def insert_transfers(tx: Tx, rows: Mapping[TransferKey, TransferRow]) -> None:
    """New movements."""
    tx.execute(
        "INSERT INTO token_ledger (number, leg, at, debit_owner, debit_purpose, credit_owner, credit_purpose, unit,"
        " amount, debit_balance, credit_balance, reason)"
        " SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],"
        " %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])",
        columns([(*row[:3], *row.debit[:2], *row.credit[:2], row.debit.unit, *row[5:]) for row in rows.values()]),
    )


def scan_transfers(tx: Tx) -> Iterator[tuple[TransferKey, TransferRow]]:
    """Every movement."""
    for row in tx.execute(
        "SELECT number, leg, at, debit_owner, debit_purpose, unit, credit_owner, credit_purpose, unit,"
        " amount, debit_balance, credit_balance, reason FROM token_ledger"
    ):
        transfer = TransferRow._make((*row[:3], AccountKey(*row[3:6]), AccountKey(*row[6:9]), *row[9:]))
        yield TransferKey(transfer.number, transfer.leg), transfer


def load_holds(tx: Tx, keys: Collection[str]) -> Iterator[tuple[str, Hold]]:
    """Holds by name, locked in name order."""
    rows = tx.each(
        f"SELECT {_HOLD} FROM ledger_hold WHERE hold = ANY(%s) ORDER BY hold FOR NO KEY UPDATE", [list(keys)]
    )
    return ((row[0], _hold(row)) for row in rows)


def insert_holds(tx: Tx, rows: Mapping[str, Hold]) -> None:
    """New holds."""
    tx.execute(
        "INSERT INTO ledger_hold (hold, debit_owner, debit_purpose, unit, credit_owner, credit_purpose, amount,"
        " posted, state, placed_by, placed_at, expires_at, ended_at, reason)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],"
        " %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],"
        " %s::text[])",
        columns([(row.hold, *row.debit, *row.credit[:2], *row[3:]) for row in rows.values()]),
    )


def update_holds(tx: Tx, rows: Mapping[str, Hold]) -> None:
    """Holds that have ended."""
    tx.execute(
        "UPDATE ledger_hold SET posted = new.posted, state = new.state, ended_at = new.ended_at"
        " FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::timestamptz[]) AS new (hold, posted, state, ended_at)"
        " WHERE ledger_hold.hold = new.hold",
        columns([(row.hold, row.posted, row.state, row.ended_at) for row in rows.values()]),
    )


def scan_holds(tx: Tx) -> Iterator[tuple[str, Hold]]:
    """Every hold."""
    for row in tx.execute(f"SELECT {_HOLD} FROM ledger_hold"):
        hold = _hold(row)
        yield hold.hold, hold


def _hold(row: tuple[Any, ...]) -> Hold:
    return Hold(row[0], AccountKey(*row[1:4]), AccountKey(*row[4:7]), *row[7:])


class Entry(NamedTuple):
    """A movement as one of its accounts sees it: `amount` is positive when value came in."""

    number: int
    leg: int
    at: datetime
    amount: int
    balance: int
    other: AccountKey
    reason: str


def find_account(tx: Tx, account: AccountKey) -> Account:
    """An account as it is now. Refuses: UnknownAccount."""
    row = tx.execute(
        "SELECT owner, purpose, unit, balance, held FROM ledger_account WHERE (owner, purpose, unit) = (%s, %s, %s)",
        list(account),
    ).fetchone()
    if row is None:
        raise UnknownAccount(account=str(account))
    return Account._make(row)


def find_accounts(
    tx: Tx,
    *,
    owner: str | None = None,
    unit: str | None = None,
    after: AccountKey = AccountKey("", "", ""),
    limit: int = 100,
) -> list[Account]:
    """A page of accounts by key."""
    rows = tx.execute(
        "SELECT owner, purpose, unit, balance, held FROM ledger_account"
        " WHERE (owner, purpose, unit) > (%s, %s, %s)"
        " AND (%s::text IS NULL OR owner = %s) AND (%s::text IS NULL OR unit = %s)"
        " ORDER BY owner, purpose, unit LIMIT %s",
        [*after, owner, owner, unit, unit, limit],
    )
    return [Account._make(row) for row in rows]


def find_entries(tx: Tx, *, account: AccountKey, before: TransferKey | None = None, limit: int = 100) -> list[Entry]:
    """A page of an account's movements, newest first. Refuses: UnknownAccount."""
    find_account(tx, account)
    rows = tx.execute(
        "SELECT number, leg, at, amount, balance, other_owner, other_purpose, unit, reason FROM ledger_entry"
        " WHERE (owner, purpose, unit) = (%s, %s, %s) AND (number, leg) < (%s, %s)"
        " ORDER BY number DESC, leg DESC LIMIT %s",
        [*account, *(before or (2**62, 0)), limit],
    )
    return [Entry._make((*row[:5], AccountKey(*row[5:8]), row[8])) for row in rows]


def balance_at(tx: Tx, *, account: AccountKey, at: datetime) -> tuple[int, int]:
    """Balance and held amount, in parts, as they were at that moment. Refuses: UnknownAccount."""
    find_account(tx, account)
    row = tx.execute(
        "SELECT balance FROM ledger_entry WHERE (owner, purpose, unit) = (%s, %s, %s) AND at <= %s"
        " ORDER BY number DESC, leg DESC LIMIT 1",
        [*account, at],
    ).fetchone()
    held = tx.execute(
        "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_hold"
        " WHERE (debit_owner, debit_purpose, unit) = (%s, %s, %s) AND placed_at <= %s"
        " AND (ended_at IS NULL OR ended_at > %s)",
        [*account, at, at],
    ).fetchone()
    return (row[0] if row else 0), (held[0] if held else 0)


def sums_by_unit(tx: Tx) -> dict[str, int]:
    """The sum of all balances of each unit: 0, or the books are wrong."""
    return dict(
        tx.execute("SELECT unit, sum(balance)::bigint FROM ledger_account GROUP BY unit ORDER BY unit").fetchall()
    )


def find_hold(tx: Tx, hold: str) -> Hold:
    """A hold as it is now. Refuses: UnknownHold."""
    row = tx.execute(f"SELECT {_HOLD} FROM ledger_hold WHERE hold = %s", [hold]).fetchone()
    if row is None:
        raise UnknownHold(hold=hold)
    return _hold(row)


def due_holds(tx: Tx, *, limit: int = 1000) -> list[str]:
    """Pending holds whose time is over, oldest first."""
    rows = tx.execute(
        "SELECT hold FROM ledger_hold WHERE state = 'pending' AND expires_at <= %s ORDER BY expires_at LIMIT %s",
        [tx.now, limit],
    )
    return [hold for (hold,) in rows]


bind(ACCOUNTS, load=load_accounts, insert=insert_accounts, update=update_accounts, scan=scan_accounts)
bind(TRANSFERS, insert=insert_transfers, scan=scan_transfers)
bind(HOLDS, load=load_holds, insert=insert_holds, update=update_holds, scan=scan_holds)
