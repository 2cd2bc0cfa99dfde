"""Portfolios and the leaderboard from outside."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scidex.exchange.portfolio import SHARPE, Bin, Exposure, Line, Portfolio, Rank
from scidex.views.base import View, tokens
from scidex.views.markets import by_outcome


class HoldingView(View):
    """A position at what it would really bring."""

    market: str
    artifact_type: str
    artifact_id: str
    domain: str | None
    state: str
    shares: dict[str, float]
    cost: float = Field(description="tokens that the shares held cost")
    exit_value: float = Field(description="tokens that the maker would pay for them now, all sold")
    unrealised: float
    realised: float = Field(description="what sales and the payout brought above what they had cost")


class ExposureView(View):
    """What part of the value is in one artifact, type or domain."""

    sort: str
    name: str
    value: float
    share: float
    over: bool = Field(description="above the policy's limit of concentration")


class CurvePoint(View):
    """Equity at a moment: what came back less what went in, and what the holdings would have brought."""

    at: datetime
    equity: float
    value: float


class BinView(View):
    """Trades in resolved markets by the price that they left standing, and how often that came true."""

    low: float
    high: float
    forecasts: int
    mean_price: float
    share_true: float
    share_low: float = Field(description="lower end of Wilson's 95 % interval of the share")
    share_high: float


class PortfolioView(View):
    """What an actor holds in markets, what it made of it, and how good its forecasts were."""

    actor: str
    as_of: datetime
    cost: float
    exit_value: float = Field(description="what the maker would pay for everything now, each market sold out")
    realised: float
    unrealised: float
    worst_case: float = Field(description="least profit that everything can end with; linked markets end alike")
    warnings: list[str]
    drawdown: float = Field(description="deepest fall of equity below its highest point before, in tokens")
    sharpe: float | None = Field(description=SHARPE)
    turnover: float = Field(description="tokens for which shares were bought and sold")
    turnover_ratio: float | None = Field(description="how many times the mean value held since the first trade that is")
    forecasts: int = Field(description="trades in resolved markets")
    forecast_markets: int
    brier: float | None = Field(description="mean squared error of the prices that its trades left standing; 0 is best")
    brier_at_entry: float | None = Field(description="the same of the prices that its trades found")
    log_score: float | None = Field(description="mean of -ln of the price given to what came, in nats; 0 is best")
    log_score_at_entry: float | None
    holdings: list[HoldingView]
    exposures: list[ExposureView]
    calibration: list[BinView]
    curve: list[CurvePoint]
    policy_version: int


class RankView(View):
    """An actor's skill: how far its trades in a resolved market brought the Brier score down, on the mean."""

    rank: int
    actor: str
    markets: int
    trades: int
    skill: float
    skill_low: float = Field(description="lower end of Student's 95 % interval, by which is ranked")
    skill_high: float


def portfolio_view(found: Portfolio) -> PortfolioView:
    """A portfolio."""
    scores = found.scores
    return PortfolioView(
        actor=found.actor,
        as_of=found.as_of,
        cost=tokens(found.cost),
        exit_value=tokens(found.exit_value),
        realised=tokens(found.realised),
        unrealised=tokens(found.unrealised),
        worst_case=tokens(found.worst_case),
        warnings=list(found.warnings),
        drawdown=tokens(found.drawdown),
        sharpe=found.sharpe,
        turnover=tokens(found.turnover),
        turnover_ratio=found.turnover_ratio,
        forecasts=scores.forecasts,
        forecast_markets=scores.markets,
        brier=scores.brier,
        brier_at_entry=scores.brier_at_entry,
        log_score=scores.log_score,
        log_score_at_entry=scores.log_score_at_entry,
        holdings=[_holding(line) for line in found.lines],
        exposures=[_exposure(exposure) for exposure in found.exposures],
        calibration=[_bin(each) for each in found.bins],
        curve=[CurvePoint(at=each.at, equity=tokens(each.equity), value=tokens(each.value)) for each in found.curve],
        policy_version=found.policy_version,
    )


def _holding(line: Line) -> HoldingView:
    market, position, domain = line.held[:3]
    return HoldingView(
        market=market.market,
        artifact_type=market.artifact.entity_type,
        artifact_id=market.artifact.entity_id,
        domain=domain,
        state=market.state,
        shares=by_outcome(market.outcomes, position.shares, 10**6),
        cost=tokens(line.cost),
        exit_value=tokens(line.exit_value),
        unrealised=tokens(line.unrealised),
        realised=tokens(line.realised),
    )


def _exposure(exposure: Exposure) -> ExposureView:
    return ExposureView(**exposure._asdict() | {"value": tokens(exposure.value)})


def _bin(found: Bin) -> BinView:
    return BinView(**found._asdict())


def rank_view(rank: Rank, place: int) -> RankView:
    """A place on the leaderboard, from 1."""
    return RankView(rank=place, **rank._asdict())
