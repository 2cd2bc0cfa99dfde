"""What the server answers: markets; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class OrderReceipt(Receipt):
    """What an order did."""

    market: str
    trade: int
    outcome: str
    side: str
    shares: float
    # shares that met resting orders; the others met the maker
    matched: float
    redeemed: float
    paid: float
    # tokens paid besides, to the maker's funder
    fee: float
    # tokens per share, before what was sold back
    average_price: float
    prices: dict[str, float]
    # the trader's shares after the trade
    position: dict[str, float]


class Quote(Answer):
    """What an order would do now; nothing has been traded."""

    market: str
    outcome: str
    side: str
    shares: float
    redeemed: float
    paid: float
    average_price: float
    prices: dict[str, float]


class Prices(Answer):
    """A market's prices now."""

    market: str
    artifact_type: str
    artifact_id: str
    state: str
    # price of the first outcome, which stands for the artifact
    price: float
    # price of every outcome; they sum to 1
    prices: dict[str, float]
    trades: int
    # when this was read
    as_of: datetime
    # seconds since the price last moved
    age_s: float


class TradeView(Answer):
    """One trade, with the prices after it: the price history."""

    market: str
    trade: int
    at: datetime
    actor: str
    outcome: str
    side: str
    shares: float
    # shares of every other outcome that were sold back first
    redeemed: float
    # net tokens that left the trader's wallet; negative if they came in
    paid: float
    fee: float
    # the order of the book that was filled, if it was one
    resting: str | None
    prices: dict[str, float]


class MarketView(Answer):
    """A market with its terms and where it stands."""

    market: str
    artifact_type: str
    artifact_id: str
    question: str
    outcomes: list[str]
    state: str
    prices: dict[str, float]
    # shares outstanding per outcome
    shares: dict[str, float]
    liquidity: float
    # the most that the maker can lose, in tokens, funded at the start
    subsidy: float
    funder: str
    # worst-case loss of all its positions, in tokens
    capital_at_risk: float
    trades: int
    opened_at: datetime
    closes_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    maker_result: float | None


class PositionView(Answer):
    """Somebody's shares in a market."""

    market: str
    actor: str
    # shares held of each outcome
    shares: dict[str, float]
    # tokens that those shares cost
    cost: float
    # tokens paid into the market so far, net of what came back
    paid: float
    capital_at_risk: float
    payout: float | None


class OpenedReceipt(Receipt):
    """What the maker staked and where prices start."""

    market: str
    # the most that the maker can lose, in tokens, paid by who funds it
    subsidy: float
    prices: dict[str, float]


class ClosedReceipt(Receipt):
    """The prices at which a market took its last trade."""

    market: str
    prices: dict[str, float]


class SettledReceipt(Receipt):
    """Who was paid what when a market ended."""

    market: str
    outcome: str | None
    payouts: dict[str, float]
    # what went back to the maker's funder
    returned: float
    maker_result: float


class StakeView(Answer):
    """What one owner has at risk; all its accounts are one."""

    owner: str
    # net shares that count: held on the mean over the window, and now
    shares: dict[str, float]
    # worst loss on them, in tokens
    at_risk: float


class SignalView(Answer):
    """What an artifact's market says in decisions: never the spot price, never volume."""

    artifact_type: str
    artifact_id: str
    market: str | None
    as_of: datetime
    # price by which is decided; null where unknown, and `unknown` says why
    price: float | None
    unknown: str | None
    # mean of prices that follow the market's at a bounded speed
    lagged: dict[str, float]
    # beginning of the time over which that mean is taken
    since: datetime | None
    until: datetime | None
    # capital at risk that counts, in tokens
    demand: float
    # what of it is in resting orders
    resting: float
    # the same of the artifact's proposer, its owner and its model family
    left_out: float
    # inverse Herfindahl index over what each owner has at risk
    effective_traders: float
    stakes: list[StakeView]
    # the artifact's budget, in tokens
    claim: float
    # tokens of claim per unit of price: c
    price_worth: float | None
    # tokens that holding the price costs somebody who knows the answer
    attack_cost: float | None
    # tokens that holding it there wins; above the cost it counts not
    prize: float | None
    # the most that any pump gains, c^2 / (8 b), in tokens
    pump_bound: float | None
    policy_version: int


class HoldingView(Answer):
    """A position at what it would really bring."""

    market: str
    artifact_type: str
    artifact_id: str
    domain: str | None
    state: str
    shares: dict[str, float]
    # tokens that the shares held cost
    cost: float
    # tokens that the maker would pay for them now, all sold
    exit_value: float
    unrealised: float
    # what sales and the payout brought above what they had cost
    realised: float


class ExposureView(Answer):
    """What part of the value is in one artifact, type or domain."""

    sort: str
    name: str
    value: float
    share: float
    # above the policy's limit of concentration
    over: bool


class BinView(Answer):
    """Trades in resolved markets by the price that they left standing, and how often that came true."""

    low: float
    high: float
    forecasts: int
    mean_price: float
    share_true: float
    # lower end of Wilson's 95 % interval of the share
    share_low: float
    share_high: float


class CurvePoint(Answer):
    """Equity at a moment: what came back less what went in, and what the holdings would have brought."""

    at: datetime
    equity: float
    value: float


class PortfolioView(Answer):
    """What an actor holds in markets, what it made of it, and how good its forecasts were."""

    actor: str
    as_of: datetime
    cost: float
    # what the maker would pay for everything now, each market sold out
    exit_value: float
    realised: float
    unrealised: float
    # least profit that everything can end with; linked markets end alike
    worst_case: float
    warnings: list[str]
    # deepest fall of equity below its highest point before, in tokens
    drawdown: float
    # mean over standard deviation (n - 1) of the daily changes of equity, times the root of 365; from 3 days
    sharpe: float | None
    # tokens for which shares were bought and sold
    turnover: float
    # how many times the mean value held since the first trade that is
    turnover_ratio: float | None
    # trades in resolved markets
    forecasts: int
    forecast_markets: int
    # mean squared error of the prices that its trades left standing; 0 is best
    brier: float | None
    # the same of the prices that its trades found
    brier_at_entry: float | None
    # mean of -ln of the price given to what came, in nats; 0 is best
    log_score: float | None
    log_score_at_entry: float | None
    holdings: list[HoldingView]
    exposures: list[ExposureView]
    calibration: list[BinView]
    curve: list[CurvePoint]
    policy_version: int


class RankView(Answer):
    """An actor's skill: how far its trades in a resolved market brought the Brier score down, on the mean."""

    rank: int
    actor: str
    markets: int
    trades: int
    skill: float
    # lower end of Student's 95 % interval, by which is ranked
    skill_low: float
    skill_high: float
