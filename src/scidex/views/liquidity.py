"""Changes of liquidity that are planned, from outside."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from pydantic import Field

from scidex.core.journal import Receipt
from scidex.core.units import parse_amount
from scidex.exchange.liquidity import Change, PlannedChange
from scidex.views.asks import Amount, Body, When
from scidex.views.base import Done, View, done, tokens


class ChangeTerms(Body):
    """From this time on the market has this liquidity."""

    at: When = Field(description="when, with its zone: after now, before the close")
    liquidity: Amount = Field(description="the new b, in tokens")

    def planned(self) -> PlannedChange:
        """In parts. Refuses what `parse_amount` does."""
        return PlannedChange(self.at, parse_amount(self.liquidity, field="liquidity"))


class ChangeView(View):
    """A planned change of liquidity and what became of it."""

    market: str
    change: str
    at: datetime
    liquidity: float
    planner: str
    state: str = Field(description="planned, done, skipped or cancelled")
    planned_at: datetime
    ended_at: datetime | None
    paid: float | None = Field(description="tokens added to the subsidy; negative if they came back")
    why: str | None = Field(description="why it was skipped")


class PlanReceipt(Done):
    """What is planned now."""

    market: str
    changes: list[ChangeView]


class ChangeReceipt(Done):
    """What became of a planned change."""

    market: str
    change: ChangeView


def change_view(change: Change) -> ChangeView:
    """A planned change."""
    facts = change._asdict() | {"liquidity": tokens(change.liquidity)}
    return ChangeView(**facts | {"paid": None if change.paid is None else tokens(change.paid)})


def plan_receipt(receipt: Receipt[Any]) -> PlanReceipt:
    """The receipt of a plan."""
    planned = receipt.result
    return PlanReceipt(**done(receipt), market=planned.market, changes=[change_view(each) for each in planned.changes])


def change_receipt(receipt: Receipt[Any]) -> ChangeReceipt:
    """The receipt of a change that ended."""
    return ChangeReceipt(**done(receipt), market=receipt.result.market, change=change_view(receipt.result.change))


def plan_key(key: str | None) -> str | None:
    """The key of the plan that a market is opened with, made from that of the opening."""
    return None if key is None else f"plan {hashlib.sha256(key.encode()).hexdigest()[:32]}"
