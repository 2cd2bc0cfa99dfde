"""Changes of a market's liquidity that are planned for later; its funder pays each when its time comes."""

from scidex.exchange.liquidity.actions import cancel_change, carry_out_due_changes, plan_liquidity
from scidex.exchange.liquidity.model import (
    CHANGES,
    CancelChange,
    CarryOutChange,
    Change,
    ChangeEnded,
    ChangeEndedAlready,
    ChangeKey,
    ChangeNotDue,
    LiquidityPlanned,
    PlanInvalid,
    PlanLiquidity,
    PlannedChange,
    TooManyChanges,
    UnknownChange,
)
from scidex.exchange.liquidity.store import find_changes

__all__ = [
    "CHANGES",
    "CancelChange",
    "CarryOutChange",
    "Change",
    "ChangeEnded",
    "ChangeEndedAlready",
    "ChangeKey",
    "ChangeNotDue",
    "LiquidityPlanned",
    "PlanInvalid",
    "PlanLiquidity",
    "PlannedChange",
    "TooManyChanges",
    "UnknownChange",
    "cancel_change",
    "carry_out_due_changes",
    "find_changes",
    "plan_liquidity",
]
