"""Real recorded markets, traded again through the public actions."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from pathlib import Path
from typing import NamedTuple

import pytest

from scidex import lab, ledger
from scidex.exchange.markets import find_market, find_markets, find_positions, find_trades
from scidex.scenarios import (
    EndowmentTooSmall,
    PrefixTaken,
    RecordMissing,
    RecordUnreadable,
    RowMalformed,
    TradeImpossible,
    replay,
)

DATA = Path(__file__).parents[1] / "data" / "replication_markets"
MARKETS = "market,title,doi,liquidity,resolution,final_price,maker_result"
T = 1_000_000
TRADES = "market,transaction_id,time,trader,outcome,shares,cash,price_after,cash_verified"


def write(folder, markets, trades):
    folder.mkdir(exist_ok=True)
    (folder / "markets.csv").write_text("\n".join([MARKETS, *markets]) + "\n", encoding="utf-8")
    (folder / "trades.csv").write_text("\n".join([TRADES, *trades]) + "\n", encoding="utf-8")
    return folder


def audit(economy):
    with economy.reading() as tx:
        return lab.audit(tx)


def journal_rows(economy):
    with economy.reading() as tx:
        return tx.execute("SELECT count(*) FROM journal").fetchone()[0]


def test_the_replication_markets_come_out_as_they_did(economy):
    seen = []
    report = replay(economy, DATA, progress=lambda done, of: seen.append((done, of)))
    assert (report.markets, report.trades, report.traders, report.cash_rows_verified) == (40, 2288, 83, 2220)
    assert report.price_error_max <= 1e-6
    assert report.final_price_error_max <= 1e-6
    assert report.cash_error_max <= 1e-5
    assert report.right_side == 28
    assert report.brier == pytest.approx(0.2275, abs=5e-5)
    assert report.maker_result == pytest.approx(-130.65, abs=0.01)
    assert report.maker_bound == pytest.approx(2772.59, abs=0.01)
    assert report.maker_identity_error_max <= 1e-4
    assert report.ledger_sums == {"token": 0}
    assert sum(bin.count for bin in report.calibration) == 40
    assert seen[-1] == (2328, 2328)
    assert audit(economy).ok


EXACT = Context(prec=50)
PART = Decimal("0.000001")


class Implied(NamedTuple):
    """What a trade of the file costs by the formula, and what its shares win, in tokens of fifty digits."""

    market: str
    trader: str
    cost: Decimal
    won: Decimal


def implied_by_the_data(of_shares):
    """Every trade, from the files alone, by the textbook's cost function: C(after) - C(before), whatever of it sells back.

    Whoever then holds more of the winning side than of the other gets the difference, so a trade is counted by the
    shares of its side, sold back or not. `of_shares` is what is taken of the shares of the file.
    """
    with (DATA / "markets.csv").open(encoding="utf-8") as file:
        truth = {row["market"]: row for row in csv.DictReader(file)}
    sold = {market: {"yes": Decimal(0), "no": Decimal(0)} for market in truth}
    found = []
    with (DATA / "trades.csv").open(encoding="utf-8") as file, localcontext(EXACT):
        for row in csv.DictReader(file):
            market, shares = row["market"], of_shares(Decimal(row["shares"]))
            b, held = Decimal(truth[market]["liquidity"]), sold[market]
            before = b * sum((each / b).exp() for each in held.values()).ln()
            held[row["outcome"]] += shares
            cost = b * sum((each / b).exp() for each in held.values()).ln() - before
            won = shares if row["outcome"] == truth[market]["resolution"] else Decimal(0)
            found.append(Implied(market, row["trader"], cost, won))
    return found


def by(name, trades, amount):
    """Sums of an amount of trades by trader, by market, or by both."""
    sums = defaultdict(Decimal)
    for trade in trades:
        sums[name(trade)] += amount(trade)
    return sums


def test_every_trader_and_the_maker_are_paid_what_the_data_implies_but_for_roundings(economy):
    """To 1e-4 tokens in every market; over all markets a trader of 221 trades is 1.15e-4 off, and the maker 1.17e-3 of
    -130.647. That is rounding, and ours: the file's own results of the maker are exact to 1e-12 (its shares have ten
    decimals), while here every charge is rounded up to a part of 10^-6, for the maker, and the shares of the file are
    taken to the nearest part. Each of the 2,288 charges is shown to be the exact one rounded up; these roundings and
    what the parts of shares are worth together make up the whole difference, to 1e-9.
    """
    report = replay(economy, DATA)
    exact = implied_by_the_data(lambda shares: shares)
    parted = implied_by_the_data(lambda shares: shares.quantize(PART))
    charged = [trade.cost.quantize(PART, ROUND_CEILING) for trade in parted]
    with economy.reading() as tx:
        paid = {(each.owner, each.market): each.payout - each.paid for each in find_positions(tx, limit=10_000)}
        markets = find_markets(tx, limit=1000)
        traded = {market.market: find_trades(tx, market=market.market, limit=1000)[::-1] for market in markets}
        traders = sorted({trade.trader for trade in exact})
        wallets = {trader: ledger.find_account(tx, ledger.wallet_of(trader)).balance for trader in traders}
    assert len(traders) == 83 and len(exact) == 2288

    places = Counter()
    for trade, charge in zip(parted, charged, strict=True):
        ours = traded[trade.market][places[trade.market]]
        places[trade.market] += 1
        assert ours.paid + ours.redeemed == charge * T, trade

    implied = by(lambda each: each[1::-1], exact, lambda each: each.won - each.cost)
    assert paid.keys() == implied.keys()
    for place, profit in implied.items():
        assert abs(paid[place] * PART - profit) <= Decimal("1e-4"), place
    result = by(lambda each: each.market, exact, lambda each: each.cost - each.won)
    with (DATA / "markets.csv").open(encoding="utf-8") as file:
        recorded = {row["market"]: Decimal(row["maker_result"]) for row in csv.DictReader(file)}
    for market in markets:
        assert abs(recorded[market.market] - result[market.market]) <= Decimal("1e-12"), market.market
        assert abs(market.maker_result * PART - result[market.market]) <= Decimal("1e-4"), market.market

    # Over all markets: what was rounded up of each charge, and what the shares lost or gained by being whole parts.
    rounded = [trade._replace(cost=charge - trade.cost) for trade, charge in zip(parted, charged, strict=True)]
    off = by(lambda each: each.trader, rounded, lambda each: each.cost)
    whole = by(lambda each: each.trader, parted, lambda each: each.won - each.cost)
    profits = by(lambda each: each.trader, exact, lambda each: each.won - each.cost)
    counts = Counter(trade.trader for trade in exact)
    for trader in traders:
        difference = wallets[trader] * PART - Decimal(report.endowment) - profits[trader]
        parts = whole[trader] - profits[trader]
        assert 0 <= off[trader] < counts[trader] * PART and abs(parts) <= counts[trader] * PART / 2, trader
        assert abs(difference - (parts - off[trader])) <= Decimal("1e-9"), trader
    total = sum(market.maker_result for market in markets) * PART - sum(result.values())
    assert abs(total - sum(off.values()) + sum(whole.values()) - sum(profits.values())) <= Decimal("1e-9")
    assert Decimal("0.0011") < total < len(exact) * PART
    assert sum(paid.values()) + sum(market.maker_result for market in markets) == 0


def test_the_same_record_again_trades_nothing_twice(economy):
    first = replay(economy, DATA)
    rows = journal_rows(economy)
    again = replay(economy, DATA)
    assert (first.repeated, again.repeated, journal_rows(economy)) == (False, True, rows)
    same = {name: getattr(again, name) for name in ("brier", "maker_result", "price_error_max", "prefix")}
    assert same == {name: getattr(first, name) for name in same}


def test_another_record_under_the_same_names_is_kept_apart(economy, tmp_path):
    market = "rpp-001,Other,,10,yes,,"
    trade = "rpp-001,1,2020-01-01T00:00:00Z,37qus,yes,5,1,0.6,0"
    replay(economy, write(tmp_path / "a", [market], [trade]))
    report = replay(economy, write(tmp_path / "b", [market.replace("10", "20")], [trade]))
    assert report.prefix.startswith("replay-")
    with economy.reading() as tx:
        assert find_market(tx, "rpp-001").liquidity == 10_000_000
        assert find_market(tx, report.prefix + "rpp-001").liquidity == 20_000_000
    assert audit(economy).ok


def test_a_world_of_other_names_and_liquidity(economy, tmp_path):
    # Prices by the formula, worked out here: ln(p / (1 - p)) moves by shares / b.
    price = 1 / (1 + math.exp(-12.5 / 37.5))
    cost = 37.5 * math.log((1 + math.exp(12.5 / 37.5)) / 2)
    markets = ["p/53 tau: ä,A title,,37.5,no,,"]
    trades = [f"p/53 tau: ä,x1,2020-01-01T00:00:00Z,Zoë B.,yes,12.5,{cost!r},{price!r},1"]
    report = replay(economy, write(tmp_path, markets, trades))
    assert (report.trades, report.right_side, report.endowment) == (1, 0, 100)
    assert report.price_error_max < 1e-9
    assert report.cash_error_max < 2e-6
    assert report.brier == pytest.approx(price**2)
    with economy.reading() as tx:
        (position,) = find_positions(tx, market="p/53 tau: ä")
    assert (position.owner, position.payout) == ("Zoë B.", 0)


def test_an_endowment_that_is_too_small_names_the_first_trade_it_cannot_pay(economy):
    before = journal_rows(economy)
    with pytest.raises(EndowmentTooSmall) as refused:
        replay(economy, DATA, endowment=100_000_000)
    with (DATA / "trades.csv").open() as file:
        row = list(csv.DictReader(file))[refused.value.facts["line"] - 2]
    assert row["trader"] == refused.value.facts["trader"]
    assert refused.value.facts["needed"] == 208
    assert journal_rows(economy) == before
    assert replay(economy, DATA, endowment=208_000_000).endowment == 208
    with pytest.raises(PrefixTaken):
        replay(economy, DATA, endowment=300_000_000, prefix="")
    assert replay(economy, DATA, endowment=300_000_000, prefix="mine ").prefix == "mine "


GOOD_MARKET = "m1,Title,,100,yes,0.6,-1"
GOOD_TRADE = "m1,1,2020-01-01T00:00:00Z,t1,yes,5,2.5,0.51,1"


@pytest.mark.parametrize(
    ("markets", "trades", "file", "line", "column"),
    [
        (["m1,Title,,ten,yes,,"], [], "markets.csv", 2, "liquidity"),
        (["m1,Title,,-1,yes,,"], [], "markets.csv", 2, "liquidity"),
        (["m1,Title,,nan,yes,,"], [], "markets.csv", 2, "liquidity"),
        (["m1,Title,,100,maybe,,"], [], "markets.csv", 2, "resolution"),
        (["m1,Title,,100,yes,1.5,"], [], "markets.csv", 2, "final_price"),
        ([",Title,,100,yes,,"], [], "markets.csv", 2, "market"),
        ([GOOD_MARKET, GOOD_MARKET], [], "markets.csv", 3, "market"),
        (["m1,Title,,100,yes,0.6"], [], "markets.csv", 2, "maker_result"),
        ([GOOD_MARKET], [GOOD_TRADE + ",extra"], "trades.csv", 2, "10"),
        ([GOOD_MARKET], [GOOD_TRADE, "m2" + GOOD_TRADE[2:]], "trades.csv", 3, "market"),
        ([GOOD_MARKET], [GOOD_TRADE.replace(",5,", ",-5,")], "trades.csv", 2, "shares"),
        ([GOOD_MARKET], [GOOD_TRADE.replace(",5,", ",0,")], "trades.csv", 2, "shares"),
        ([GOOD_MARKET], [GOOD_TRADE.replace(",5,", ",inf,")], "trades.csv", 2, "shares"),
        ([GOOD_MARKET], [GOOD_TRADE.replace(",5,", ",1e30,")], "trades.csv", 2, "shares"),
        ([GOOD_MARKET], [GOOD_TRADE.replace(",5,", ",,")], "trades.csv", 2, "shares"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("2.5", "much")], "trades.csv", 2, "cash"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("0.51", "nan")], "trades.csv", 2, "price_after"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("yes", "YES")], "trades.csv", 2, "outcome"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("t1", "")], "trades.csv", 2, "trader"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("2020-01-01T00:00:00Z", "yesterday")], "trades.csv", 2, "time"),
        ([GOOD_MARKET], [GOOD_TRADE.replace("T00", "X00")], "trades.csv", 2, "time"),
        ([GOOD_MARKET], [GOOD_TRADE[:-1] + "2"], "trades.csv", 2, "cash_verified"),
    ],
)
def test_a_malformed_row_is_named_and_nothing_is_applied(economy, tmp_path, markets, trades, file, line, column):
    before = journal_rows(economy)
    with pytest.raises(RowMalformed) as refused:
        replay(economy, write(tmp_path, markets, trades))
    assert {name: refused.value.facts[name] for name in ("file", "line", "column")} == {
        "file": file,
        "line": line,
        "column": column,
    }
    assert journal_rows(economy) == before


def test_files_that_are_not_there_or_not_csv_are_refused_by_name(economy, tmp_path):
    with pytest.raises(RecordMissing):
        replay(economy, tmp_path / "nowhere")
    write(tmp_path, [], [])
    with pytest.raises(RecordUnreadable, match="lists no market"):
        replay(economy, tmp_path)
    (tmp_path / "markets.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordUnreadable, match="UTF-8"):
        replay(economy, tmp_path)
    (tmp_path / "markets.csv").write_text(MARKETS.replace("liquidity", "b") + "\n")
    with pytest.raises(RowMalformed, match="column liquidity: the column is missing"):
        replay(economy, tmp_path)


def test_a_trade_that_the_rules_refuse_is_named_before_anything_is_applied(economy, tmp_path):
    before = journal_rows(economy)
    huge = GOOD_TRADE.replace(",5,", ",999999999,")
    with pytest.raises(TradeImpossible, match="line 3"):
        replay(economy, write(tmp_path, [GOOD_MARKET], [huge, huge]))
    assert journal_rows(economy) == before
