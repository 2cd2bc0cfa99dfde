"""What an actor holds and how it fares: amounts in token parts, shares in parts, prices in 10^-12."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scidex.exchange.markets import Market, Position


class Deal(NamedTuple):
    """One trade of the actor; `before` and `after` are the prices of all outcomes, `fee` is besides `paid`."""

    market: str
    trade: int
    at: datetime
    outcome: str
    side: str
    shares: int
    redeemed: int
    paid: int
    fee: int
    before: tuple[int, ...]
    after: tuple[int, ...]


class Held(NamedTuple):
    """A position with its market, the field of science of the artifact, and the fees of its trades."""

    market: Market
    position: Position
    domain: str | None
    fees: int = 0

    @property
    def paid(self) -> int:
        """What went in, net of what sales brought, with the fees."""
        return self.position.paid + self.fees


class Line(NamedTuple):
    """A position as it stands: `exit_value` is what the maker pays for its shares now, sold one outcome after the
    other, each rounded down; 0 once it is settled.

    `unrealised` is the exit value less the cost, `realised` what sales and payouts brought above what went in for
    them, fees off.
    """

    held: Held
    cost: int
    exit_value: int
    unrealised: int
    realised: int


class Exposure(NamedTuple):
    """What part of the exit value is in one artifact, type or domain; `over` says that it is above the limit."""

    sort: str
    name: str
    value: int
    share: float
    over: bool


class Point(NamedTuple):
    """Equity at a moment: what came back so far less what went in, and `value`, what the holdings would bring then."""

    at: datetime
    equity: int
    value: int


class Forecast(NamedTuple):
    """A trade in a resolved market as a forecast of its outcome: the price before it, after it, and what came."""

    market: str
    before: float
    after: float
    came: bool


class Bin(NamedTuple):
    """Forecasts with a price from `low` on: how many, their mean, the share that came true, and its 95 % interval."""

    low: float
    high: float
    forecasts: int
    mean_price: float
    share_true: float
    share_low: float
    share_high: float


class Scores(NamedTuple):
    """How good forecasts are, beside the prices that they found; lower is better, None without any."""

    forecasts: int
    markets: int
    brier: float | None
    brier_at_entry: float | None
    log_score: float | None
    log_score_at_entry: float | None


class Rank(NamedTuple):
    """An actor's skill: how far its trades in a resolved market brought the Brier score down, on the mean over markets,
    with a 95 % interval."""

    actor: str
    markets: int
    trades: int
    skill: float
    skill_low: float
    skill_high: float


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All of it. `worst_case` is the least that all positions can end with, as profit or loss; a ratio is None where
    there is too little to tell."""

    actor: str
    as_of: datetime
    lines: tuple[Line, ...]
    cost: int
    exit_value: int
    realised: int
    unrealised: int
    worst_case: int
    exposures: tuple[Exposure, ...]
    warnings: tuple[str, ...]
    curve: tuple[Point, ...]
    drawdown: int
    sharpe: float | None
    turnover: int
    turnover_ratio: float | None
    bins: tuple[Bin, ...]
    scores: Scores
    policy_version: int
