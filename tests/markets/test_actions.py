"""Markets open, trade and end, and the maker always can pay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest

from scidex import ledger
from scidex.actors import RoleNeeded, register_actor
from scidex.core.units import MAX_AMOUNT, AmountNotPositive, AmountTooLarge
from scidex.entities import EntityKey, UnknownEntity
from scidex.exchange import markets
from scidex.exchange.markets import find_market, lmsr, place_order, quote
from scidex.ledger import wallet_of
from scidex.policy import HOUSE, Policy, enact_policy

T = 1_000_000
ONE = lmsr.PRICE_ONE


def wallet(town, actor):
    return ledger.find_account(town.tx, wallet_of(actor)).balance


def test_a_market_opens_at_even_prices_with_the_makers_largest_loss_funded(town):
    market = find_market(town.tx, town.market("m"))
    assert market.prices == (ONE // 2, ONE // 2)
    assert market.subsidy == 69_314_719  # 100 ln 2, rounded up
    assert ledger.find_account(town.tx, market.collateral).balance == market.subsidy


def test_a_market_may_start_from_any_prices(town):
    prices = (ONE // 10, ONE // 10 * 7, ONE // 10 * 2)
    market = find_market(town.tx, town.market("m", outcomes=("a", "b", "c"), prices=prices))
    assert max(abs(found - given) for found, given in zip(market.prices, prices, strict=True)) <= 2
    assert market.subsidy == 230_258_510  # 100 ln 10, rounded up


def test_buying_by_spend_never_costs_more_than_the_spend(town):
    town.actor("alice"), town.market("m")
    traded = place_order(town.as_actor("alice"), market="m", outcome="yes", spend=20 * T).result
    assert (traded.paid, traded.shares) == (20 * T, 36_658_949)
    assert wallet(town, "alice") == 80 * T


def test_a_quote_tells_what_the_order_then_does(town):
    town.actor("alice"), town.market("m")
    told = quote(town.as_actor("alice"), market="m", outcome="no", shares=12 * T)
    done = place_order(town.tx, market="m", outcome="no", shares=12 * T).result
    assert (told.paid, told.prices, told.redeemed) == (done.paid, done.prices, done.redeemed)


def test_a_trade_changes_these_five_facts_of_a_market_and_no_other(town):
    before = find_market(town.tx, town.market("m"))
    after = before.after_trade((3, 4), (5, 6), 7, town.tx.now + timedelta(1))
    expected = {"shares": (3, 4), "prices": (5, 6), "at_risk": 7, "trades": 1, "moved_at": town.tx.now + timedelta(1)}
    assert after == before._replace(**expected)


def test_a_trade_against_ones_own_position_sells_it_back_first(town):
    town.actor("alice"), town.market("m")
    first = place_order(town.as_actor("alice"), market="m", outcome="no", shares=10 * T).result
    back = place_order(town.tx, market="m", outcome="yes", shares=10 * T).result
    assert back.redeemed == 10 * T and back.position == (0, 0)
    assert back.prices == (ONE // 2, ONE // 2)
    # The round trip costs at most the two roundings, in the maker's favour.
    assert 0 <= first.paid + back.paid <= 2
    more = place_order(town.tx, market="m", outcome="yes", shares=5 * T).result
    assert more.redeemed == 0 and more.position == (5 * T, 0)


def test_with_many_outcomes_only_a_complete_set_of_the_others_is_held_against_one(town):
    town.actor("alice"), town.market("m", outcomes=("a", "b", "c"))
    alice = town.as_actor("alice")
    place_order(alice, market="m", outcome="b", shares=8 * T)
    assert place_order(alice, market="m", outcome="a", shares=2 * T).result.redeemed == 0
    # Two shares of a and eight of b are two complete sets together with two of the three of c.
    assert place_order(alice, market="m", outcome="c", shares=3 * T).result.redeemed == 2 * T
    last = place_order(alice, market="m", outcome="a", shares=5 * T).result
    assert last.redeemed == T and last.position == (4 * T, 5 * T, 0)


def test_a_hedged_bundle_risks_only_what_it_cost_above_a_token_a_pair(town):
    town.actor("alice"), town.market("m", outcomes=("a", "b", "c"))
    alice = town.as_actor("alice")
    for outcome in ("a", "b"):
        place_order(alice, market="m", outcome=outcome, shares=10 * T)
    assert find_market(town.tx, "m").at_risk > 6 * T
    place_order(alice, market="m", outcome="c", shares=10 * T)
    assert find_market(town.tx, "m").at_risk <= 3


def test_a_loss_that_has_happened_is_no_capital_at_risk(town):
    """Found in review: two accounts that wash a price up and down and end with nothing held kept a large demand."""
    town.actor("a", tokens=500), town.actor("b", tokens=500), town.market("m")
    for _ in range(3):
        for side in ("buy", "sell"):
            for name in ("a", "b"):
                place_order(town.as_actor(name), market="m", outcome="yes", side=side, shares=200 * T)
    market = find_market(town.tx, "m")
    assert (market.shares, market.at_risk) == ((0, 0), 0)


def test_a_sale_takes_its_part_of_the_cost_along(town):
    town.actor("alice"), town.market("m")
    paid = place_order(town.as_actor("alice"), market="m", outcome="yes", shares=40 * T).result.paid
    assert find_market(town.tx, "m").at_risk == paid
    place_order(town.tx, market="m", outcome="yes", side="sell", shares=30 * T)
    assert find_market(town.tx, "m").at_risk == paid // 4
    back = place_order(town.tx, market="m", outcome="no", shares=15 * T).result
    assert back.redeemed == 10 * T
    position = markets.find_positions(town.tx, market="m")[0]
    assert position.cost[0] == 0 and position.shares == (0, 5 * T)
    assert 0 < position.at_risk == position.cost[1] < 5 * T


def test_selling_needs_the_shares(town):
    town.actor("alice"), town.market("m")
    place_order(town.as_actor("alice"), market="m", outcome="yes", shares=10 * T)
    with pytest.raises(markets.InsufficientShares) as refused:
        place_order(town.tx, market="m", outcome="yes", side="sell", shares=10 * T + 1)
    assert refused.value.facts["held"] == "10"
    sold = place_order(town.tx, market="m", outcome="yes", side="sell", shares=10 * T).result
    assert sold.paid < 0 and sold.position == (0, 0) and wallet(town, "alice") >= 100 * T - 2


def test_the_average_price_is_never_worse_than_the_limit(town):
    town.actor("alice"), town.market("m")
    fine = quote(town.as_actor("alice"), market="m", outcome="yes", shares=10 * T)
    average = -(-fine.gross * ONE // fine.shares)
    with pytest.raises(markets.PriceMoved):
        place_order(town.tx, market="m", outcome="yes", shares=10 * T, limit_price=average - 1)
    place_order(town.tx, market="m", outcome="yes", shares=10 * T, limit_price=average)
    with pytest.raises(markets.PriceMoved):
        place_order(town.tx, market="m", outcome="yes", side="sell", shares=10 * T, limit_price=average + 1)


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ({"market": "none"}, markets.UnknownMarket),
        ({"outcome": "maybe"}, markets.UnknownOutcome),
        ({"side": "hold"}, markets.SideInvalid),
        ({"shares": None}, markets.OrderSizeInvalid),
        ({"spend": T}, markets.OrderSizeInvalid),
        ({"side": "sell", "shares": None, "spend": T}, markets.OrderSizeInvalid),
        ({"shares": 0}, AmountNotPositive),
        ({"shares": -T}, AmountNotPositive),
        ({"shares": MAX_AMOUNT + 1}, AmountTooLarge),
        ({"limit_price": ONE + 1}, markets.LimitPriceInvalid),
        ({"limit_price": -1}, markets.LimitPriceInvalid),
        pytest.param({"limit_price": 10**400}, markets.LimitPriceInvalid, id="a limit of 401 digits"),
        pytest.param({"shares": -(10**5000)}, AmountNotPositive, id="shares of 5,001 digits"),
        ({"shares": 10_000 * T}, ledger.InsufficientFunds),
    ],
)
def test_what_an_order_refuses_changes_nothing(town, order, refusal):
    town.actor("alice"), town.market("m")
    before = find_market(town.tx, "m")
    with pytest.raises(refusal):
        place_order(town.as_actor("alice"), **{"market": "m", "outcome": "yes", "shares": T, **order})
    assert find_market(town.tx, "m") == before and wallet(town, "alice") == 100 * T


def test_a_trader_without_a_wallet_is_told_so(town):
    town.market("m")
    with pytest.raises(ledger.UnknownAccount):
        place_order(town.as_actor("ghost"), market="m", outcome="yes", shares=T)


def test_resolving_pays_the_winners_and_returns_the_rest(town):
    town.actor("alice"), town.actor("bob"), town.market("m")
    place_order(town.as_actor("alice"), market="m", outcome="yes", spend=40 * T)
    place_order(town.as_actor("bob"), market="m", outcome="no", spend=10 * T)
    shares = find_market(town.tx, "m").shares
    settled = markets.resolve_market(town.as_actor("operator"), market="m", outcome="yes").result
    assert settled.payouts == (("alice", shares[0]),)
    assert wallet(town, "alice") == 60 * T + shares[0] and wallet(town, "bob") == 90 * T
    assert settled.maker_result == settled.returned - 69_314_719
    assert ledger.find_account(town.tx, find_market(town.tx, "m").collateral).balance == 0
    assert sum(wallet(town, name) for name in ("alice", "bob", "maker")) == 1200 * T


def test_a_market_settles_once_and_takes_no_more_trades(town):
    town.actor("alice"), town.market("m")
    markets.resolve_market(town.as_actor("operator"), market="m", outcome="no")
    with pytest.raises(markets.MarketSettled):
        markets.resolve_market(town.tx, market="m", outcome="yes")
    with pytest.raises(markets.MarketSettled):
        markets.void_market(town.tx, market="m")
    with pytest.raises(markets.MarketSettled):
        place_order(town.as_actor("alice"), market="m", outcome="yes", shares=T)


def test_a_closed_market_takes_no_trades_and_can_still_be_resolved(town):
    town.actor("alice"), town.market("m")
    markets.close_market(town.as_actor("operator"), market="m")
    with pytest.raises(markets.MarketClosed):
        place_order(town.as_actor("alice"), market="m", outcome="yes", shares=T)
    with pytest.raises(markets.MarketClosed):
        quote(town.tx, market="m", outcome="yes", shares=T)
    markets.resolve_market(town.as_actor("operator"), market="m", outcome="yes")


def test_a_market_closes_by_itself_at_its_time(town):
    town.actor("alice"), town.market("m", closes_at=town.tx.now + timedelta(seconds=60))
    place_order(town.as_actor("alice"), market="m", outcome="yes", shares=T)
    town.pass_by(60)
    with pytest.raises(markets.MarketClosed):
        place_order(town.tx, market="m", outcome="yes", shares=T)


def test_who_holds_a_position_may_not_decide_the_outcome(town):
    town.actor("alice"), town.market("m")
    ledger.issue(town.as_actor("operator"), account=wallet_of("operator"), amount=10 * T, reason="x")
    place_order(town.tx, market="m", outcome="yes", shares=T)
    with pytest.raises(markets.ResolverHoldsPosition):
        markets.resolve_market(town.tx, market="m", outcome="yes")
    with pytest.raises(RoleNeeded):
        markets.resolve_market(town.as_actor("alice"), market="m", outcome="yes")
    place_order(town.as_actor("operator"), market="m", outcome="yes", side="sell", shares=T)
    markets.resolve_market(town.tx, market="m", outcome="yes")


def test_a_resolver_ends_a_market_directly_only_where_the_policy_says_so(town):
    register_actor(town.as_actor("operator"), name="judge", roles=["resolver"])
    ends = (partial(markets.resolve_market, outcome="yes"), markets.void_market)
    for number, end in enumerate(ends):
        town.market(f"m{number}")
        with pytest.raises(markets.ProposalNeeded, match="scidex settlement propose"):
            end(town.as_actor("judge"), market=f"m{number}")
    enact_policy(town.as_actor(HOUSE), policy=Policy(resolve_directly=True))
    for number, end in enumerate(ends):
        assert end(town.as_actor("judge"), market=f"m{number}").result.returned > 0


def test_a_void_market_pays_the_mean_price_before_its_close(town):
    town.actor("alice"), town.market("m")
    town.pass_by(3600)
    traded = place_order(town.as_actor("alice"), market="m", outcome="yes", spend=40 * T).result
    town.pass_by(1800)
    settled = markets.void_market(town.as_actor("operator"), market="m").result
    mean = (ONE // 2 * 3600 + traded.prices[0] * 1800) // 5400
    assert settled.prices[0] in (mean, mean + 1) and sum(settled.prices) == ONE
    assert dict(settled.payouts)["alice"] == traded.shares * settled.prices[0] // ONE


def test_only_the_window_before_the_close_counts_for_a_void_market(town):
    town.actor("alice"), town.market("m")
    traded = place_order(town.as_actor("alice"), market="m", outcome="yes", spend=40 * T).result
    town.pass_by(10 * 86_400)
    settled = markets.void_market(town.as_actor("operator"), market="m").result
    assert settled.prices == traded.prices


def test_an_artifact_has_one_market_at_a_time(town):
    town.market("m")
    terms = {"artifact": EntityKey("hypothesis", "m"), "question": "again?", "liquidity": T}
    with pytest.raises(markets.ArtifactListed):
        markets.open_market(town.as_actor("maker"), market="m2", **terms)
    with pytest.raises(markets.MarketExists):
        markets.open_market(town.tx, market="m", **terms)
    markets.resolve_market(town.as_actor("operator"), market="m", outcome="no")
    markets.open_market(town.as_actor("maker"), market="m2", **terms)
    assert markets.market_on(town.tx, EntityKey("hypothesis", "m")).market == "m2"


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"outcomes": ("only",)}, markets.OutcomesInvalid),
        ({"outcomes": ("same", "same")}, markets.OutcomesInvalid),
        ({"liquidity": 1}, markets.LiquidityInvalid),
        ({"liquidity": -T}, AmountNotPositive),
        ({"prices": (ONE, 0)}, markets.StartPricesInvalid),
        ({"prices": (ONE // 2, ONE // 4)}, markets.StartPricesInvalid),
        ({"prices": (ONE // 2,)}, markets.StartPricesInvalid),
        ({"prices": ()}, markets.StartPricesInvalid),
        ({"prices": (10**400, 1)}, markets.StartPricesInvalid),
        ({"liquidity": 10**14}, ledger.InsufficientFunds),
        ({"artifact": EntityKey("hypothesis", "unheard of")}, UnknownEntity),
    ],
)
def test_what_opening_a_market_refuses(town, terms, refusal):
    town.actor("alice"), town.artifact("a")
    with pytest.raises(refusal):
        markets.open_market(
            town.as_actor("alice"),
            **{"market": "m", "artifact": EntityKey("hypothesis", "a"), "question": "?", "liquidity": T, **terms},
        )
    with pytest.raises(markets.UnknownMarket):
        find_market(town.tx, "m")


def test_a_market_may_not_close_in_the_past(town):
    town.actor("alice"), town.artifact("a")
    later = town.tx.now + timedelta(days=1)
    odd = datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=12)))
    for closes_at in (town.tx.now, later.replace(tzinfo=None), odd, datetime(9999, 1, 1, tzinfo=UTC)):
        with pytest.raises(markets.CloseTimeInvalid):
            markets.open_market(
                town.as_actor("alice"),
                market="m",
                artifact=EntityKey("hypothesis", "a"),
                question="?",
                liquidity=T,
                closes_at=closes_at,
            )


def test_a_close_in_another_zone_is_kept_in_utc(town):
    zone = timezone(timedelta(hours=1, seconds=30))
    at = (town.tx.now + timedelta(days=1)).astimezone(zone)
    market = find_market(town.tx, town.market("m", closes_at=at))
    assert market.closes_at == at and market.closes_at.utcoffset() == timedelta(0)


def test_names_with_slashes_quotes_and_spaces_come_back_as_they_went(town):
    odd = 'ml2: "Anderson", tau/amyloid \\ {1,2} 日本'
    town.actor("alice"), town.market("m", outcomes=(odd, "no"))
    assert find_market(town.tx, "m").outcomes == (odd, "no")
    place_order(town.as_actor("alice"), market="m", outcome=odd, shares=T)
    assert markets.find_trades(town.tx, market="m")[0].outcome == odd
