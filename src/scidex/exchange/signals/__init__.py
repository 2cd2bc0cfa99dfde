"""What decisions read off markets: a price that lags, capital that stays, and what it would cost to fake either."""

from scidex.exchange.signals.actions import find_signals, recorded_prices
from scidex.exchange.signals.model import Attack, Holding, Lagged, Recorded, Resting, Signal, Stake, Step, Traded
from scidex.exchange.signals.rules import (
    attack_on,
    committed,
    effective_traders,
    holds,
    lagged,
    lead_s,
    mean_shares,
    paid_for,
    price_window,
    resting_risk,
    stakes_of,
)

__all__ = [
    "Attack",
    "Holding",
    "Lagged",
    "Recorded",
    "Resting",
    "Signal",
    "Stake",
    "Step",
    "Traded",
    "attack_on",
    "committed",
    "effective_traders",
    "find_signals",
    "holds",
    "lagged",
    "lead_s",
    "mean_shares",
    "paid_for",
    "price_window",
    "recorded_prices",
    "resting_risk",
    "stakes_of",
]
