"""The ledger: accounts and their entries, transfers, holds, issue and retirement."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount, to_number, unit_named
from scidex.ledger import (
    AccountKey,
    TransferKey,
    balance_at,
    find_account,
    find_accounts,
    find_entries,
    find_hold,
    issue,
    retire,
    sums_by_unit,
)
from scidex.surfaces.http.inputs import After, AsCaller, AsReader, Limit
from scidex.views import (
    AccountView,
    Amount,
    BalanceAt,
    Body,
    EntryView,
    HoldBody,
    HoldDone,
    HoldView,
    MovedReceipt,
    Page,
    PostBody,
    PostTerms,
    Text,
    TransferBody,
    View,
    VoidBody,
    VoidTerms,
    When,
    account_view,
    entry_view,
    example,
    hold_view,
    moved_receipt,
    page,
)

router = APIRouter(prefix="/api/ledger", tags=["ledger"])


class AmountBody(Body):
    """How much is created in, or taken out of circulation from, which account."""

    model_config = example(account="pool:main/pool/llm_standard", amount=1_000_000, reason="the cycle's budget")

    account: Text
    amount: Amount
    reason: Text


class SumsView(View):
    """The sum of all balances of each unit."""

    sums: dict[str, float] = Field(description="each is 0, or the books are wrong")


@router.get("/accounts")
def get_accounts(
    reader: AsReader,
    owner: Annotated[Text | None, Query(description="only of this owner, such as actor:alice")] = None,
    unit: Annotated[Text | None, Query(description="only in this unit")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[AccountView]:
    """Accounts by owner, purpose and unit."""

    def work(tx: Tx) -> Page[AccountView]:
        if unit is not None:
            unit_named(unit)
        start = AccountKey("", "", "") if after is None else AccountKey.parse(after)
        found = find_accounts(tx, owner=owner, unit=unit, after=start, limit=limit + 1)
        return page(Page[AccountView], found, limit, account_view, lambda row: str(row.key))

    return reader.read(work)


# An account's text ends in a unit, and neither of these two words is one: what follows is never read as an account.
@router.get("/accounts/{account:path}/entries")
def get_entries(
    account: Text,
    reader: AsReader,
    before: Annotated[
        str | None, Query(pattern=r"^\d{1,18}-\d{1,9}$", description="the `next` of the page before")
    ] = None,
    limit: Limit = 100,
) -> Page[EntryView]:
    """An account's movements, newest first."""

    def work(tx: Tx) -> Page[EntryView]:
        key = AccountKey.parse(account)
        start = TransferKey(*map(int, before.split("-"))) if before else None
        found = find_entries(tx, account=key, before=start, limit=limit + 1)
        return page(
            Page[EntryView],
            found,
            limit,
            lambda row: entry_view(key.unit, row),
            lambda row: f"{row.number}-{row.leg}",
        )

    return reader.read(work)


@router.get("/accounts/{account:path}/balance")
def get_balance(
    account: Text, reader: AsReader, at: Annotated[When | None, Query(description="the moment; now if left out")] = None
) -> BalanceAt:
    """A balance as it was at a moment."""

    def work(tx: Tx) -> BalanceAt:
        key, moment = AccountKey.parse(account), at or tx.now
        balance, held = balance_at(tx, account=key, at=moment)
        unit = unit_named(key.unit)
        return BalanceAt(account=str(key), at=moment, balance=to_number(balance, unit), held=to_number(held, unit))

    return reader.read(work)


@router.get("/accounts/{account:path}")
def get_account(account: Text, reader: AsReader) -> AccountView:
    """An account as it is now."""
    return reader.read(lambda tx: account_view(find_account(tx, AccountKey.parse(account))))


@router.post("/transfer", response_model=MovedReceipt)
async def post_transfer(body: TransferBody, caller: AsCaller) -> Response:
    """Move value; for the owner of each account that pays."""
    return await caller.ask(body)


@router.post("/issue", response_model=MovedReceipt)
def post_issue(body: AmountBody, caller: AsCaller) -> Response:
    """Create value; for issuers."""

    def work(tx: Tx, key: str | None) -> MovedReceipt:
        account, amount = _amount_of(body)
        return moved_receipt(issue(tx, account=account, amount=amount, reason=body.reason, key=key))

    return caller.change(work, body)


@router.post("/retire", response_model=MovedReceipt)
def post_retire(body: AmountBody, caller: AsCaller) -> Response:
    """Take value out of circulation; for issuers."""

    def work(tx: Tx, key: str | None) -> MovedReceipt:
        account, amount = _amount_of(body)
        return moved_receipt(retire(tx, account=account, amount=amount, reason=body.reason, key=key))

    return caller.change(work, body)


def _amount_of(body: AmountBody) -> tuple[AccountKey, int]:
    account = AccountKey.parse(body.account)
    return account, parse_amount(body.amount, unit_named(account.unit))


@router.post("/holds", response_model=HoldDone)
async def post_hold(body: HoldBody, caller: AsCaller) -> Response:
    """Set value aside until it is posted, voided, or its time is over."""
    return await caller.ask(body)


@router.get("/holds/{hold}")
def get_hold(hold: Text, reader: AsReader) -> HoldView:
    """A hold as it is now."""
    return reader.read(lambda tx: hold_view(find_hold(tx, hold)))


@router.post("/holds/{hold}/post", response_model=HoldDone)
async def post_hold_post(hold: Text, caller: AsCaller, body: PostBody | None = None) -> Response:
    """Move what is held, or a part of it, and release the rest; for who placed it."""
    return await caller.ask(PostTerms(hold=hold, **dict(body or {})))


@router.post("/holds/{hold}/void", response_model=HoldDone)
async def post_hold_void(hold: Text, caller: AsCaller, body: VoidBody | None = None) -> Response:
    """Release what is held; for who placed it."""
    return await caller.ask(VoidTerms(hold=hold, **dict(body or {})))


@router.get("/sums")
def get_sums(reader: AsReader) -> SumsView:
    """The sum of all balances of each unit."""

    def work(tx: Tx) -> SumsView:
        return SumsView(sums={unit: to_number(total, unit_named(unit)) for unit, total in sums_by_unit(tx).items()})

    return reader.read(work)
