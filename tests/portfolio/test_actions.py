"""A hundred random portfolios, figure by figure, as pandas computes them from the exported journal."""

from __future__ import annotations

import random
from decimal import Decimal

import pandas as pd
import pytest
from tests.portfolio.recompute import Journal

from scidex.actors import UnknownActor
from scidex.core.errors import Refusal
from scidex.core.journal import Request, perform
from scidex.entities import EntityKey, register_entity
from scidex.exchange.markets import (
    ChangeLiquidity,
    LimitOrder,
    Order,
    close_market,
    open_market,
    place_order,
    resolve_market,
    void_market,
)
from scidex.exchange.portfolio import find_leaderboard, find_portfolio, t_975
from scidex.exchange.settlement import Panel, advance_settlement, propose_resolution
from scidex.exports import export_journal
from scidex.lab import verify
from scidex.policy import HOUSE, EnactPolicy, Policy, current

T, ONE = 1_000_000, 10**12
TRADERS = [f"t{n}" for n in range(10)]
FIELDS = (None, "genetics", "imaging")


def live_a_little(town, seed, path):
    """Eight markets, ten traders, some days, with a book, a fee in some, and deeper markets on the way; then some are
    resolved directly or on evidence, closed or void. What is left of it all is the exported journal."""
    chance = random.Random(seed)
    if seed % 2:
        perform(town.tx, [Request(EnactPolicy(Policy(market_fee=Decimal("0.013"))), HOUSE)])
        town.tx.cache.clear()
    for name in (*TRADERS, "pat"):
        town.actor(name, 2000)
    town.actor("maker", 50_000)
    for n in range(8):
        key, domain = EntityKey(chance.choice(("gap", "analysis")), f"a{n}"), chance.choice(FIELDS)
        register_entity(town.as_actor("operator"), entity_type=key[0], entity_id=key[1], title="t", domain=domain)
        prices = chance.choice((None, (ONE // 4, ONE // 4 * 3), (ONE // 2, ONE // 4, ONE // 4)))
        outcomes = ("yes", "no") if prices is None or len(prices) == 2 else ("a", "b", "c")
        terms = {"liquidity": chance.randrange(20, 200) * T, "outcomes": outcomes, "prices": prices}
        open_market(town.as_actor("maker"), market=f"m{n}", artifact=key, question="?", **terms)
        town.pass_by(chance.choice((0, 5000)))
    accepted = 0
    for _ in range(24):
        orders = [an_order(chance) for _ in range(chance.randrange(10, 30))]
        accepted += sum(not isinstance(answer, Refusal) for answer in perform(town.tx, orders))
        town.pass_by(chance.choice((0, 0.5, 600, 9000, 40_000)))
        if chance.random() < 0.2:
            town.pass_by(1)
            deepen = ChangeLiquidity(f"m{chance.randrange(8)}", chance.randrange(20, 300) * T)
            perform(town.tx, [Request(deepen, "maker")])  # refused where its price has yet to settle
            town.pass_by(1)
    for n, end in enumerate(chance.sample(("resolve", "resolve", "prove", "void", "close", "", "", ""), 8)):
        town.pass_by(chance.choice((0, 900, 50_000)))
        outcome, tx = chance.choice(outcomes_of(town, f"m{n}")), town.as_actor("operator")
        if end == "resolve":
            resolve_market(tx, market=f"m{n}", outcome=outcome)
        elif end:
            (void_market if end == "void" else close_market)(tx, market=f"m{n}")
        if end == "prove":
            evidence = (Panel("PMID:1", 9, 5, 3),)
            propose_resolution(
                town.as_actor("pat"), market=f"m{n}", ruling="outcome", outcome=outcome, evidence=evidence
            )
            town.pass_by(3 * 86_400)
            advance_settlement(town.tx, market=f"m{n}")
    for _ in range(3):
        perform(town.tx, [an_order(chance) for _ in range(5)])
        town.pass_by(chance.choice((1, 30_000)))
    assert accepted > 100
    export_journal(town.tx, out=path)
    with path.open("rb") as file:
        assert verify(file).ok
    return Journal(path)


def outcomes_of(town, market):
    return town.tx.execute("SELECT outcomes FROM market WHERE market = %s", [market]).fetchone()[0]


def an_order(chance):
    side, name = chance.choice(("buy", "buy", "sell")), f"m{chance.randrange(8)}"
    outcome, shares = chance.choice(("yes", "no", "a", "b", "c")), chance.randrange(1, 60 * T)
    order = Order(name, outcome, side, shares)
    if chance.random() < 0.4:
        order = LimitOrder(name, outcome, side, shares, chance.randrange(ONE // 10, ONE // 10 * 9))
    return Request(order, chance.choice(TRADERS))


@pytest.mark.parametrize("seed", range(10))
def test_ten_random_portfolios_are_as_pandas_computes_them_from_the_exported_journal(town, tmp_path, seed):
    journal = live_a_little(town, seed, tmp_path / "journal.jsonl")
    policy, _ = current(town.tx)
    assert journal.trades["resting"].notna().sum() > 2 and (journal.trades["fee"].sum() > 0) == bool(seed % 2)
    for row in journal.trades[journal.trades["resting"].isna()].itertuples():
        here = journal.prices(row.market, row.trade)
        assert [float(price) for price in here] == pytest.approx([price / ONE for price in row.prices], abs=1e-9)
    for actor in TRADERS:
        ours = find_portfolio(town.tx, actor)
        theirs = journal.portfolio(actor, pd.Timestamp(town.tx.now), float(policy.portfolio_concentration_max))
        assert {line.held.market.market: line.held.position.shares for line in ours.lines} == theirs["shares"]
        # Ours is rounded down a part at each trade, and where shares are valued.
        assert ours.exit_value == pytest.approx(theirs["exit_value"], abs=3 * len(ours.lines))
        for name in ("cost", "exit_value", "unrealised", "realised", "worst_case", "drawdown", "turnover"):
            assert getattr(ours, name) == pytest.approx(theirs[name], abs=120), (actor, name)
        assert [point.at for point in ours.curve] == [at.to_pydatetime() for at in theirs["at"]]
        assert [point.equity for point in ours.curve] == pytest.approx(theirs["equity"], abs=120)
        assert ours.curve[-1].equity == ours.realised + ours.unrealised
        for name in ("sharpe", "turnover_ratio"):
            assert getattr(ours, name) == pytest.approx(theirs[name], rel=1e-5, abs=1e-5), (actor, name)
        exposures = {(each.sort, each.name): each for each in ours.exposures if each.value > 1000}
        assert {key: each.share for key, each in exposures.items()} == pytest.approx(
            {key: share for key, (share, _) in theirs["exposures"].items()}, abs=1e-5
        )
        over = {key for key, (_, above) in theirs["exposures"].items() if above}
        assert {key for key, each in exposures.items() if each.over} == over and len(ours.warnings) == len(over)
        assert ours.scores.forecasts == theirs["forecasts"]
        for name in ("brier", "brier_at_entry", "log_score", "log_score_at_entry"):
            assert getattr(ours.scores, name) == pytest.approx(theirs.get(name), abs=1e-9), (actor, name)
        assert [each[2:5] for each in ours.bins] == [pytest.approx(each, abs=1e-9) for each in theirs["bins"]]
        assert all(each.share_low <= each.share_true <= each.share_high for each in ours.bins)


def test_the_leaderboard_is_by_skill_and_not_by_wealth(town, tmp_path):
    """One always buys what comes true and one what does not; a third, far richer, trades much and without effect."""
    for name, tokens in (("right", 100), ("wrong", 500), ("rich", 50_000), ("new", 100)):
        town.actor(name, tokens)
    chance = random.Random(1)
    rows = {}
    for n in range(8):
        town.market(name := f"m{n}")
        for actor, outcome in (("right", "yes"), ("wrong", "no")):
            place_order(town.as_actor(actor), market=name, outcome=outcome, spend=chance.randrange(2, 9) * T)
        for side in ("buy", "sell"):
            place_order(town.as_actor("rich"), market=name, outcome="yes", side=side, shares=900 * T)
        if n < 4:
            place_order(town.as_actor("new"), market=name, outcome="yes", spend=T)
        resolve_market(town.as_actor("operator"), market=name, outcome="yes")
        rows[name] = "yes"
    found = find_leaderboard(town.tx)
    assert [rank.actor for rank in found] == ["right", "rich", "wrong"]
    right, rich, wrong = found
    assert right.skill_low > 0 > wrong.skill_high and rich.skill_low <= 0 <= rich.skill_high + 1e-9
    assert {rank.markets for rank in found} == {8} and rich.trades == 16
    assert find_leaderboard(town.tx, offset=1, limit=1) == [rich]
    # The same from the journal.
    export_journal(town.tx, out=tmp_path / "journal.jsonl")
    journal = Journal(tmp_path / "journal.jsonl")
    gain = journal.forecasts(journal.trades[journal.trades["owner"] == "right"])["gain"]
    half = t_975(7) * gain.std() / 8**0.5
    assert (right.skill, right.skill_high) == pytest.approx((gain.mean(), gain.mean() + half), abs=1e-9)


def test_a_portfolio_of_nobody_and_of_somebody_without_trades(town):
    with pytest.raises(UnknownActor):
        find_portfolio(town.tx, "nobody")
    found = find_portfolio(town.tx, town.actor("alice", 5))
    assert (found.lines, found.curve, found.sharpe, found.turnover) == ((), (), None, 0)
    assert find_leaderboard(town.tx) == []


def test_exit_value_is_what_the_maker_really_pays(town):
    town.actor("alice", 500), town.actor("bob", 500), town.market("m")
    bought = place_order(town.as_actor("alice"), market="m", outcome="yes", spend=100 * T).result
    place_order(town.as_actor("bob"), market="m", outcome="no", spend=30 * T)
    town.pass_by(3600)
    found = find_portfolio(town.tx, "alice")
    assert found.exit_value < 100 * T == found.cost and found.worst_case == -100 * T
    sold = place_order(town.as_actor("alice"), market="m", outcome="yes", side="sell", shares=bought.shares).result
    assert found.exit_value == -sold.paid
    after = find_portfolio(town.tx, "alice")
    assert (after.realised, after.unrealised, after.worst_case) == (found.unrealised, 0, found.unrealised)
