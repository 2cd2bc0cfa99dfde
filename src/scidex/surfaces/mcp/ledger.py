"""Tools for the ledger and the registry: wallets, transfers, holds; who acts and what is researched."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scidex.actors import find_actors
from scidex.core.db import Tx
from scidex.entities import EntityKey, find_entities
from scidex.ledger import AccountKey, TransferKey, find_accounts, find_entries, find_hold
from scidex.surfaces.mcp.tool import After, Limit, Topic
from scidex.views import (
    AccountView,
    ActorView,
    EntityView,
    EntryView,
    HoldBody,
    HoldView,
    Page,
    PostTerms,
    Text,
    TransferBody,
    VoidTerms,
    account_view,
    actor_view,
    cursor,
    deeds,
    entity_view,
    entry_view,
    hold_view,
    names_of,
    page,
)

LEDGER = Topic()
_WALLET = "actor:alice/wallet/token"


@LEDGER.finds("ledger_accounts", example={"owner": "actor:alice"})
def ledger_accounts(
    tx: Tx,
    owner: Annotated[Text | None, Field(description="such as actor:alice or pool:main; your own if left out")] = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[AccountView]:
    """What an owner has in each account: the balance, what of it is held, and what is free to spend."""
    start = AccountKey("", "", "") if after is None else AccountKey.parse(after)
    found = find_accounts(tx, owner=owner or f"actor:{tx.actor}", after=start, limit=limit + 1)
    return page(Page[AccountView], found, limit, account_view, lambda row: str(row.key))


@LEDGER.finds("ledger_entries", example={"account": _WALLET})
def ledger_entries(
    tx: Tx,
    account: Annotated[Text, Field(description="owner/purpose/unit")],
    before: Annotated[
        str | None, Field(pattern=r"^\d{1,18}-\d{1,9}$", description="the `next` of the page before")
    ] = None,
    limit: Limit = 20,
) -> Page[EntryView]:
    """An account's movements, newest first, with the balance after each."""
    key = AccountKey.parse(account)
    start = TransferKey(*map(int, before.split("-"))) if before else None
    found = find_entries(tx, account=key, before=start, limit=limit + 1)
    return page(
        Page[EntryView], found, limit, lambda row: entry_view(key.unit, row), lambda row: f"{row.number}-{row.leg}"
    )


LEDGER.asks(
    "ledger_transfer", TransferBody, "fund", "Move value out of your accounts: every movement of the list, or none."
)
LEDGER.asks(
    "ledger_hold", HoldBody, "fund", "Set value aside for somebody until you post it, void it, or its time is over."
)
LEDGER.asks("ledger_post", PostTerms, "fund", "Move what you hold, or a part of it, and release the rest.")
LEDGER.asks("ledger_void", VoidTerms, "fund", "Release what you hold.")


@LEDGER.finds("ledger_show_hold", example={"hold": "h17"})
def ledger_show_hold(tx: Tx, hold: Text) -> HoldView:
    """A hold as it is now."""
    return hold_view(find_hold(tx, hold))


LEDGER.asks(
    "entity_register",
    deeds.EntityBody,
    "work",
    "Register a thing under research (a hypothesis, a gap, an analysis), so that it can have a market, a budget.",
)


@LEDGER.finds("entity_find", example={"entity_type": "hypothesis"})
def entity_find(
    tx: Tx,
    entity_type: Annotated[Text | None, Field(description="only of this type")] = None,
    after: After = None,
    limit: Limit = 20,
) -> Page[EntityView]:
    """List what is researched, by type and id."""
    found = find_entities(tx, entity_type=entity_type, after=EntityKey(*names_of(after, 2)), limit=limit + 1)
    return page(Page[EntityView], found, limit, entity_view, lambda row: cursor(*row.key))


LEDGER.asks(
    "actor_register",
    deeds.ActorBody,
    "keys",
    "Register an actor, or change one; roles are an operator's to give.",
)


@LEDGER.finds("actor_find", example={})
def actor_find(tx: Tx, after: After = None, limit: Limit = 20) -> Page[ActorView]:
    """List who acts, in which roles, by name."""
    found = find_actors(tx, after=after or "", limit=limit + 1)
    return page(Page[ActorView], found, limit, actor_view, lambda row: row.name)
