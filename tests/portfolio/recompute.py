"""Portfolios from an exported journal alone, with pandas and a market maker in plain decimals: nothing of ours is used
but the file that `scidex export journal` writes."""

from __future__ import annotations

import itertools
import json
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PARTS, ONE = 10**6, 10**12
D = Context(prec=50)
TRADE = ["market", "trade", "at", "owner", "outcome", "side", "shares", "redeemed", "paid", "prices", "fee", "resting"]


class Journal:
    """Frames of what the file says of markets, trades and payouts."""

    def __init__(self, path: Path) -> None:
        lines = pd.DataFrame({"line": list(map(json.loads, path.read_text().splitlines()))})["line"]
        frame = pd.DataFrame([line for line in lines if "number" in line])
        frame["at"] = pd.to_datetime(frame["at"], unit="us", utc=True)
        for column in ("command", "receipt"):
            frame[column] = frame[column].map(json.loads)
        self.of = {kind: rows.reset_index(drop=True) for kind, rows in frame.groupby("kind")}
        self.markets = pd.json_normalize(self._of("market.open", "command"), max_level=0).set_index("market")
        entities = pd.DataFrame(self._of("entity.register", "command")).reindex(columns=["entity_id", "domain"])
        self.domains = entities.dropna().set_index("entity_id")["domain"].to_dict()
        rows = [line["row"] for line in lines if line.get("table") == "market_trade"]
        self.trades = pd.DataFrame(rows, columns=TRADE).sort_values(["market", "trade"], ignore_index=True)
        self.trades["at"] = pd.to_datetime(self.trades["at"], utc=True, format="ISO8601")
        self.trades["before"] = self.trades.groupby("market")["prices"].shift()
        first = self.trades["before"].isna()
        self.trades.loc[first, "before"] = self.trades.loc[first, "market"].map(self.start)
        buys = self.trades["side"] == "buy"
        self.trades["signed"] = self.trades["shares"].where(buys, -self.trades["shares"])
        self.trades["out"] = self.trades["paid"] + self.trades["fee"]
        self.ended = self._ends()
        self.depth = {name: self._depths(name) for name in self.markets.index}
        self.logits = {name: self._logits(name) for name in self.markets.index}

    def _of(self, kind: str, column: str) -> list[Any]:
        return self.of[kind][column].tolist() if kind in self.of else []

    def _ends(self) -> dict[str, tuple[pd.Timestamp, str | None, dict[str, int]]]:
        """When each settled market ended, how, and who was paid what; directly, or by a case that was upheld."""
        found = {}
        for kind in ("market.resolve", "market.void", "settlement.advance"):
            for row in self.of[kind].itertuples() if kind in self.of else ():
                payouts = {name.removeprefix("trader:"): paid for name, paid in row.receipt["payouts"]}
                if payouts and row.receipt.get("step", "upheld") == "upheld":
                    found[row.receipt["market"]] = (row.at, row.receipt["outcome"], payouts)
        return found

    def start(self, market: str) -> list[int]:
        given = self.markets.loc[market].get("prices")
        count = len(self.markets.loc[market, "outcomes"])
        return given if isinstance(given, list) else [ONE / count] * count

    def _depths(self, market: str) -> list[tuple[pd.Timestamp, int]]:
        """The liquidity since when; it never changed in the moment of a trade."""
        found = [(pd.Timestamp(0, tz="UTC"), int(self.markets.loc[market, "liquidity"]))]
        for row in self.of["market.liquidity"].itertuples() if "market.liquidity" in self.of else ():
            if row.receipt["market"] == market:
                found.append((row.at, row.receipt["liquidity"]))
        return found

    def _logits(self, market: str) -> list[tuple[Decimal, ...]]:
        """Before the first trade and after each: to trade D shares of an outcome adds D / b to its logit."""
        outcomes = self.markets.loc[market, "outcomes"]
        level = [D.ln(Decimal(str(price)) / ONE) for price in self.start(market)]
        found = [tuple(level)]
        for row in self.trades[self.trades["market"] == market].itertuples():
            b = [depth for since, depth in self.depth[market] if since <= row.at][-1]
            which = outcomes.index(row.outcome)
            level[which] = D.add(level[which], D.divide(Decimal(row.signed), Decimal(b)))
            found.append(tuple(level))
        return found

    def prices(self, market: str, place: int) -> list[Decimal]:
        """After so many trades of a market, by its logits alone."""
        weights = [D.exp(level) for level in self.logits[market][place]]
        return [D.divide(weight, sum(weights)) for weight in weights]

    def proceeds(self, market: str, shares: np.ndarray, place: int = -1) -> Decimal:
        """What the maker pays for these shares at these prices with the liquidity of today: `-b ln(sum p exp(-x / b))`."""
        b = Decimal(self.depth[market][-1][1])
        left = [
            D.multiply(price, D.exp(D.divide(Decimal(-int(parts)), b)))
            for price, parts in zip(self.prices(market, place), shares, strict=True)
        ]
        return D.multiply(-b, D.ln(sum(left)))

    def held(self, trades: pd.DataFrame, market: str) -> np.ndarray:
        """Share parts per outcome that these trades leave."""
        mine = trades[trades["market"] == market]
        by_outcome = mine.groupby("outcome")["signed"].sum()
        names = self.markets.loc[market, "outcomes"]
        return by_outcome.reindex(names, fill_value=0).to_numpy() - mine["redeemed"].sum()

    def portfolio(self, actor: str, now: pd.Timestamp, limit: float) -> dict[str, Any]:
        mine = self.trades[self.trades["owner"] == actor].sort_values(["at", "market", "trade"])
        names = sorted(mine["market"].unique())
        live = [name for name in names if name not in self.ended]
        shares = {name: self.held(mine, name) for name in names}
        exits = {name: float(self.proceeds(name, shares[name])) for name in live}
        costs = {name: self.cost(mine[mine["market"] == name], name) for name in live}
        out = mine["out"].sum()
        back = sum(self.ended[name][2].get(actor, 0) for name in names if name in self.ended)
        ends = [range(len(shares[name])) for name in live]
        worst = min(
            sum(shares[name][k] for name, k in zip(live, each, strict=True)) for each in itertools.product(*ends)
        )
        value, cost = sum(exits.values()), sum(costs.values())
        curve = self.curve(actor, mine, names, now)
        found = {
            "shares": {name: tuple(map(int, held)) for name, held in shares.items()},
            "cost": cost,
            "exit_value": value,
            "unrealised": value - cost,
            "realised": cost - out + back,
            "worst_case": worst - out + back,
            "drawdown": (curve["equity"].cummax().clip(lower=0) - curve["equity"]).max(),
            "turnover": (mine["paid"] + mine["redeemed"]).abs().sum(),
            "equity": curve["equity"].tolist(),
            "at": curve.index.tolist(),
        }
        gaps = curve.index.to_series().diff().shift(-1).dt.total_seconds().fillna(0)
        mean = (curve["value"] * gaps).sum() / gaps.sum() if gaps.sum() else 0
        found["turnover_ratio"] = found["turnover"] / mean if mean else None
        found["sharpe"] = self.sharpe(curve)
        found["exposures"] = self.exposures(exits, limit)
        return found | self.forecasts(mine)

    def cost(self, mine: pd.DataFrame, market: str) -> float:
        """Average cost of what is held, as each trade leaves it."""
        names = self.markets.loc[market, "outcomes"]
        held, cost = np.zeros(len(names)), np.zeros(len(names))
        for row in mine.itertuples():
            which = names.index(row.outcome)
            after = held - row.redeemed
            after[which] += row.signed
            kept = np.divide(after, held, out=np.ones_like(held), where=(after < held) & (held > 0))
            cost = cost * kept
            if row.side == "buy":
                cost[which] += (row.paid + row.redeemed) * (row.shares - row.redeemed) / row.shares
            held = after
        return float(cost.sum())

    def curve(self, actor: str, mine: pd.DataFrame, names: list[str], now: pd.Timestamp) -> pd.DataFrame:
        first = mine["at"].iloc[0]
        days = pd.date_range(first.normalize(), now, freq="D")
        ends = [self.ended[name][0] for name in names if name in self.ended]
        moments = pd.DatetimeIndex(sorted({*mine["at"], *ends, *days[days > first], now}))
        equity, values = np.zeros(len(moments)), np.zeros(len(moments))
        for name in names:
            here = mine[mine["market"] == name].sort_values("trade")
            outcomes = pd.Categorical(here["outcome"], categories=self.markets.loc[name, "outcomes"])
            deltas = (
                pd.get_dummies(outcomes).to_numpy(int) * here[["signed"]].to_numpy() - here[["redeemed"]].to_numpy()
            )
            done = pd.DatetimeIndex(here["at"]).searchsorted(moments, side="right")
            held = np.vstack([np.zeros(deltas.shape[1], int), deltas.cumsum(axis=0)])[done]
            equity -= np.concatenate([[0], here["out"].cumsum()])[done]
            path = self.trades[self.trades["market"] == name]
            places = pd.DatetimeIndex(path["at"]).searchsorted(moments, side="right")
            worth = np.array([float(self.proceeds(name, *each)) for each in zip(held, places, strict=True)])
            if name in self.ended:
                over = moments >= self.ended[name][0]
                equity += np.where(over, self.ended[name][2].get(actor, 0), 0)
                worth = np.where(over, 0, worth)
            values += worth
        return pd.DataFrame({"equity": equity + values, "value": values}, index=moments)

    @staticmethod
    def sharpe(curve: pd.DataFrame) -> float | None:
        later = curve[curve.index > curve.index[0]]
        daily = later[(later.index == later.index.normalize()) | (later.index == curve.index[-1])]["equity"]
        changes = daily.diff().fillna(daily.iloc[:1])
        if len(changes) < 3 or not changes.std():
            return None
        return float(changes.mean() / changes.std() * np.sqrt(365))

    def exposures(self, exits: dict[str, float], limit: float) -> dict[tuple[str, str], tuple[float, bool]]:
        rows = []
        for name, value in exits.items():
            kind, artifact = self.markets.loc[name, "artifact"]
            rows += [("artifact", f"{kind} {artifact}", value), ("type", kind, value)]
            rows.append(("domain", self.domains.get(artifact, "unknown"), value))
        frame = pd.DataFrame(rows, columns=["sort", "name", "value"]).groupby(["sort", "name"])["value"].sum()
        share = frame[frame > 1000] / sum(exits.values())
        return {key: (each, key[0] != "type" and key[1] != "unknown" and each > limit) for key, each in share.items()}

    def forecasts(self, mine: pd.DataFrame) -> dict[str, Any]:
        known = mine[mine["market"].map(lambda name: self.ended.get(name, (None, None))[1] is not None)]
        if known.empty:
            return {"bins": [], "brier": None, "forecasts": 0}
        place = [self.markets.loc[row.market, "outcomes"].index(row.outcome) for row in known.itertuples()]
        after = np.array([prices[k] / ONE for prices, k in zip(known["prices"], place, strict=True)])
        before = np.array([prices[k] / ONE for prices, k in zip(known["before"], place, strict=True)])
        came = np.array([float(self.ended[row.market][1] == row.outcome) for row in known.itertuples()])
        frame = pd.DataFrame({"after": after, "came": came})
        bins = frame.groupby(pd.cut(frame["after"], np.linspace(0, 1, 11), right=False), observed=True)
        return {
            "forecasts": len(frame),
            "brier": np.mean((after - came) ** 2),
            "brier_at_entry": np.mean((before - came) ** 2),
            "log_score": -np.mean(np.log(np.where(came > 0, after, 1 - after))),
            "log_score_at_entry": -np.mean(np.log(np.where(came > 0, before, 1 - before))),
            "gain": pd.Series((before - came) ** 2 - (after - came) ** 2).groupby(known["market"].to_numpy()).sum(),
            "bins": [(len(each), each["after"].mean(), each["came"].mean()) for _, each in bins],
        }
