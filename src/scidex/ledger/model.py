"""Double entry: accounts, transfers that move value between two of them, holds that set value aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.core.errors import Forbidden, Invalid, Missing, Refused
from scidex.core.machine import Table

WALLET = "wallet"
POOL = "pool"
BUDGET = "budget"
LEGS_MAX = 1000
ISSUANCE = "issuance"
RETIRED = "retired"
HOUSE_OWNER = "system"


class AccountKey(NamedTuple):
    """Whose, what for, and in which unit; as text `owner/purpose/unit`.

    Owners are `actor:NAME`, `market:ID`, `bounty:ID`, `pool:NAME`, `entity:TYPE:ID` and `system`.
    """

    owner: str
    purpose: str
    unit: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> AccountKey:
        """The account that the text names. Refuses: AccountNameInvalid.

        >>> AccountKey.parse("actor:alice/wallet/token").owner
        'actor:alice'
        """
        fields = text.rsplit("/", 2)
        if len(fields) != 3 or not all(fields):
            raise AccountNameInvalid(given=text[:60])
        return cls(*fields)


class Account(NamedTuple):
    """A balance in parts, of which `held` is set aside.

    Only an issuance account and a budget in debt may be below zero.
    """

    owner: str
    purpose: str
    unit: str
    balance: int = 0
    held: int = 0

    @property
    def key(self) -> AccountKey:
        """Owner, purpose and unit."""
        return AccountKey(self.owner, self.purpose, self.unit)

    @property
    def available(self) -> int:
        """What can be spent now."""
        return self.balance - self.held


class TransferKey(NamedTuple):
    """The journal number of the command that moved the value, and which of its movements this is."""

    number: int
    leg: int


class TransferRow(NamedTuple):
    """One movement with both sides and both balances after it: a row of `token_ledger`."""

    number: int
    leg: int
    at: datetime
    debit: AccountKey
    credit: AccountKey
    amount: int
    debit_balance: int
    credit_balance: int
    reason: str


class Hold(NamedTuple):
    """Value of the debit account set aside for the credit account, until it is posted, voided or expires."""

    hold: str
    debit: AccountKey
    credit: AccountKey
    amount: int
    posted: int
    state: str
    placed_by: str
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    reason: str


HOLDS: Table[str, Hold] = Table("ledger_hold", rank=80)
ACCOUNTS: Table[AccountKey, Account] = Table("ledger_account", rank=90)
TRANSFERS: Table[TransferKey, TransferRow] = Table("token_ledger", rank=91, append_only=True)


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement of a transfer: `amount` parts from debit to credit."""

    debit: AccountKey
    credit: AccountKey
    amount: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Linked movements: all of them, in this order, or none."""

    legs: tuple[Leg, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Issue:
    """Create value in an account, against the issuance account of its unit."""

    account: AccountKey
    amount: int
    reason: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Take value out of circulation, back into the issuance account of its unit."""

    account: AccountKey
    amount: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set value aside for at most `seconds`."""

    debit: AccountKey
    credit: AccountKey
    amount: int
    seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class PostHold:
    """Move `amount` of what is held, all of it if None, and release the rest."""

    hold: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class VoidHold:
    """Release what is held without moving it."""

    hold: str


@dataclass(frozen=True, slots=True)
class ExpireHold:
    """Release a hold whose time is over."""

    hold: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transfer, an issue or a retirement left: each account that it touched with its balance, in parts."""

    balances: tuple[tuple[AccountKey, int], ...]


@dataclass(frozen=True, slots=True)
class HoldReceipt:
    """Where a hold stands now; `available` is what its debit account can spend."""

    hold: str
    state: str
    amount: int
    posted: int
    expires_at: datetime
    available: int


class AccountNameInvalid(Invalid):
    """{given!r} names no account; write owner/purpose/unit, such as actor:alice/wallet/token."""


class SameAccount(Invalid):
    """{account} cannot pay itself; name two accounts."""


class UnitsDiffer(Invalid):
    """{debit} and {credit} are in different units; a transfer keeps to one."""


class TooManyLegs(Invalid):
    """A transfer of {given} legs is too long; give at most {most}, or several transfers."""


class NoLegs(Invalid):
    """A transfer without legs moves nothing; give at least one."""


class DurationInvalid(Invalid):
    """{field} is {given} seconds; give a whole number from 1 to {longest}."""


class NotYourAccount(Forbidden):
    """{actor} may not spend from {account}; only its owner or an operator may."""


class HouseAccount(Forbidden):
    """{account} is moved by the rules of what it belongs to and by nothing else; name a wallet (actor:NAME/wallet/UNIT)
    or a pool (pool:NAME/pool/UNIT)."""


class NotYourHold(Forbidden):
    """{actor} may not end the hold {hold}; only who placed it or an operator may."""


class UnknownAccount(Missing):
    """There is no account {account}; an operator opens it by issuing to it, and the wallet of a registered actor opens
    with the first payment."""


class UnknownHold(Missing):
    """There is no hold {hold!r}; give the id that the receipt of placing it shows."""


class InsufficientFunds(Refused):
    """{account} has {available} {unit} to spend and {needed} is needed; add {short}, or ask for less."""


class BalanceTooLarge(Refused):
    """{account} would go above {largest} {unit}, the most that an account may hold; move less."""


class HoldEnded(Refused):
    """The hold {hold} is {state} already; place a new one."""


class HoldExpired(Refused):
    """The hold {hold} expired at {expires_at}; place a new one."""


class HoldNotDue(Refused):
    """The hold {hold} runs until {expires_at}; void it to release it before."""


class PostAboveHold(Refused):
    """The hold {hold} is of {amount} and {asked} was to be posted; post at most what is held."""
