"""Markets: prices, orders, positions, and how they open and end."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query
from pydantic import Field, model_validator
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.core.units import parse_amount
from scidex.entities import UnknownEntity, find_entity
from scidex.exchange.markets import (
    Market,
    PositionKey,
    UnknownMarket,
    close_market,
    find_market,
    find_markets,
    find_markets_named,
    find_positions,
    find_trades,
    market_on,
    open_market,
    place_order,
    quote,
    resolve_market,
    void_market,
)
from scidex.surfaces.http.inputs import (
    After,
    Amount,
    AsCaller,
    AsReader,
    Body,
    Limit,
    Text,
    When,
    example,
)
from scidex.views import (
    PRICE,
    ClosedReceipt,
    MarketView,
    OpenedReceipt,
    OrderReceipt,
    Page,
    PositionView,
    Prices,
    Quote,
    SettledReceipt,
    TradeView,
    closed_receipt,
    cursor,
    limit_price_of,
    market_view,
    names_of,
    opened_receipt,
    order_receipt,
    page,
    position_view,
    prices_of,
    quote_view,
    settled_receipt,
    trade_view,
)

router = APIRouter(prefix="/api/market", tags=["markets"])
Side = Annotated[Text, Field(json_schema_extra={"enum": ["buy", "sell"]})]


class OrderBody(Body):
    """An order: in which market, for which outcome, by how many shares or for how many tokens."""

    model_config = example(artifact_id="tau-spreads-trans-synaptically", outcome="yes", spend=12.5, limit_price=0.7)

    market: Text | None = Field(default=None, description="the market's id; or give artifact_id")
    artifact_id: Text | None = Field(default=None, description="the artifact whose market it is")
    artifact_type: Text | None = Field(default=None, description="needed where several artifacts have this id")
    outcome: Text
    side: Side = "buy"
    shares: Amount | None = Field(default=None, description="how many shares; or give spend")
    spend: Amount | None = Field(default=None, description="buy for so many tokens; or give shares")
    limit_price: Amount | None = Field(
        default=None, description="the worst average price per share, from 0 to 1; beyond it the order is refused"
    )

    @model_validator(mode="after")
    def _one_market(self) -> Self:
        if (self.market is None) == (self.artifact_id is None):
            raise ValueError("give one of market and artifact_id")
        return self

    def terms(self, tx: Tx) -> dict[str, Any]:
        """The order as the market takes it: parts, and the market's id."""
        if self.market is not None:
            market = self.market
        else:
            entity = find_entity(tx, entity_id=self.artifact_id or "", entity_type=self.artifact_type)
            market = market_on(tx, entity.key).market
        return {
            "market": market,
            "outcome": self.outcome,
            "side": self.side,
            "shares": None if self.shares is None else parse_amount(self.shares, field="shares"),
            "spend": None if self.spend is None else parse_amount(self.spend, field="spend"),
            "limit_price": limit_price_of(self.limit_price, self.side),
        }


class OpenBody(Body):
    """A new market on an artifact; its maker's stake, liquidity * ln(number of outcomes) from uniform prices, is paid
    by the actor."""

    model_config = example(
        market="tau-by-2027",
        artifact_id="tau-spreads-trans-synaptically",
        question="Will the main result be replicated by the end of 2027?",
        liquidity=100,
        closes_at="2027-12-31T00:00:00Z",
    )

    market: Text = Field(description="the id that the new market gets")
    artifact_id: Text
    artifact_type: Text | None = None
    question: Text
    outcomes: list[Text] = ["yes", "no"]
    liquidity: Amount = Field(description="b, in tokens: the larger, the less a trade moves the prices")
    prices: list[Amount] | None = Field(default=None, description="start prices, which sum to 1; uniform if left out")
    closes_at: When | None = Field(default=None, description="when it takes no more trades, with its zone")


class MarketBody(Body):
    """Which market."""

    model_config = example(market="tau-by-2027")

    market: Text


class ResolveBody(Body):
    """Which market, and what came out."""

    model_config = example(market="tau-by-2027", outcome="yes")

    market: Text
    outcome: Text


@router.post("/order", response_model=OrderReceipt)
def post_order(body: OrderBody, caller: AsCaller) -> Response:
    """Trade against the market's maker, now and whole."""

    def work(tx: Tx, key: str | None) -> OrderReceipt:
        terms = body.terms(tx)
        receipt = place_order(tx, **terms, key=key)
        return order_receipt(find_market(tx, terms["market"]), receipt)

    return caller.change(work, body)


@router.post("/quote")
def post_quote(body: OrderBody, reader: AsReader) -> Quote:
    """What the same order would do now, without trading; the funds of the actor are not looked at."""

    def work(tx: Tx) -> Quote:
        terms = body.terms(tx)
        fill = quote(tx, **terms)
        return quote_view(find_market(tx, terms["market"]), body.outcome, body.side, fill)

    return reader.read(work)


@router.get("/price/{artifact_id:path}")
def get_price(
    artifact_id: Annotated[Text, Path(description="an artifact's id; where there is none, a market's id")],
    reader: AsReader,
    artifact_type: Annotated[Text | None, Query(description="needed where several artifacts have this id")] = None,
) -> Prices:
    """The prices of the market on an artifact now."""

    def work(tx: Tx) -> Prices:
        return prices_of(_market_of(tx, artifact_id, artifact_type), tx.now)

    return reader.read(work)


def _market_of(tx: Tx, artifact_id: str, artifact_type: str | None) -> Market:
    try:
        entity = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type)
    except UnknownEntity:
        if artifact_type is not None:
            raise
        try:
            return find_market(tx, artifact_id)
        except UnknownMarket:
            pass
        raise
    return market_on(tx, entity.key)


@router.get("/history/{market:path}")
def get_history(
    market: Text,
    reader: AsReader,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="the `next` of the page before")] = None,
    limit: Limit = 100,
) -> Page[TradeView]:
    """A market's trades with the prices after each, newest first."""

    def work(tx: Tx) -> Page[TradeView]:
        found = find_trades(tx, market=market, before=before, limit=limit + 1)
        terms = find_market(tx, market)
        return page(Page[TradeView], found, limit, lambda row: trade_view(terms, row), lambda row: row.trade)

    return reader.read(work)


@router.get("/markets")
def get_markets(
    reader: AsReader,
    state: Literal["open", "closed", "resolved", "void"] | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[MarketView]:
    """Markets by id."""

    def work(tx: Tx) -> Page[MarketView]:
        found = find_markets(tx, state=state, after=after or "", limit=limit + 1)
        return page(Page[MarketView], found, limit, market_view, lambda row: row.market)

    return reader.read(work)


@router.get("/markets/{market:path}")
def get_market(market: Text, reader: AsReader) -> MarketView:
    """A market with its terms and where it stands."""
    return reader.read(lambda tx: market_view(find_market(tx, market)))


@router.get("/positions")
def get_positions(
    reader: AsReader,
    market: Annotated[Text | None, Query(description="only of this market")] = None,
    actor: Annotated[Text | None, Query(description="only of this actor")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[PositionView]:
    """Positions by market and actor."""

    def work(tx: Tx) -> Page[PositionView]:
        start = PositionKey(*names_of(after, 2))
        found = find_positions(tx, market=market, owner=actor, after=start, limit=limit + 1)
        terms = {each.market: each for each in find_markets_named(tx, {position.market for position in found})}
        return page(
            Page[PositionView],
            found,
            limit,
            lambda row: position_view(terms[row.market], row),
            lambda row: cursor(row.market, row.owner),
        )

    return reader.read(work)


@router.post("/open", response_model=OpenedReceipt)
def post_open(body: OpenBody, caller: AsCaller) -> Response:
    """Open a market whose maker the actor's wallet funds."""

    def work(tx: Tx, key: str | None) -> OpenedReceipt:
        artifact = find_entity(tx, entity_id=body.artifact_id, entity_type=body.artifact_type).key
        prices = None
        if body.prices is not None:
            prices = [parse_amount(price, PRICE, field="prices", zero=True) for price in body.prices]
        receipt = open_market(
            tx,
            market=body.market,
            artifact=artifact,
            question=body.question,
            outcomes=body.outcomes,
            liquidity=parse_amount(body.liquidity, field="liquidity"),
            prices=prices,
            closes_at=body.closes_at,
            key=key,
        )
        return opened_receipt(find_market(tx, body.market), receipt)

    return caller.change(work, body)


@router.post("/close", response_model=ClosedReceipt)
def post_close(body: MarketBody, caller: AsCaller) -> Response:
    """Take no more trades; for those who resolve."""

    def work(tx: Tx, key: str | None) -> ClosedReceipt:
        receipt = close_market(tx, market=body.market, key=key)
        return closed_receipt(find_market(tx, body.market), receipt)

    return caller.change(work, body)


@router.post("/resolve", response_model=SettledReceipt)
def post_resolve(body: ResolveBody, caller: AsCaller) -> Response:
    """Decide the outcome and pay everybody out; for those who resolve and hold no position."""
    return caller.change(
        lambda tx, key: settled_receipt(resolve_market(tx, market=body.market, outcome=body.outcome, key=key)), body
    )


@router.post("/void", response_model=SettledReceipt)
def post_void(body: MarketBody, caller: AsCaller) -> Response:
    """End a market that cannot be decided, at its mean prices before the close."""
    return caller.change(lambda tx, key: settled_receipt(void_market(tx, market=body.market, key=key)), body)
