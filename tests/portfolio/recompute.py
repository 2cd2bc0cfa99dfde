"""Portfolios from the journal alone, with pandas and doubles: nothing of ours is used but the file format."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pandas as pd

PARTS, ONE = 10**6, 10**12


class Journal:
    """Frames of what the journal says of markets, orders and payouts."""

    def __init__(self, rows: list[tuple[Any, ...]], domains: dict[str, str]) -> None:
        frame = pd.DataFrame(rows, columns=["number", "at", "actor", "kind", "command", "receipt"]).sort_values(
            "number"
        )
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
        for column in ("command", "receipt"):
            frame[column] = frame[column].map(json.loads)
        of = {kind: frame[frame["kind"] == kind].reset_index(drop=True) for kind in frame["kind"].unique()}
        self.markets = pd.json_normalize(of["market.open"]["command"].tolist(), max_level=0).set_index("market")
        orders = of["market.order"]
        done = pd.json_normalize(orders["receipt"].tolist(), max_level=0)
        self.orders = pd.concat([orders[["at", "actor"]], done], axis=1)
        ends = [of[kind] for kind in ("market.resolve", "market.void") if kind in of]
        self.ended: dict[str, tuple[pd.Timestamp, str | None, dict[str, int]]] = {}
        for row in pd.concat(ends).itertuples() if ends else ():
            self.ended[row.receipt["market"]] = (row.at, row.receipt["outcome"], dict(row.receipt["payouts"]))
        self.domains = domains
        self.orders["before"] = self.orders.groupby("market")["prices"].shift()
        first = self.orders["before"].isna()
        self.orders.loc[first, "before"] = self.orders.loc[first, "market"].map(self.start)
        signed = np.where(self.orders["side"] == "buy", self.orders["shares"], -self.orders["shares"])
        self.orders["signed"] = signed

    def start(self, market: str) -> list[int]:
        given = self.markets.loc[market].get("prices")
        count = len(self.markets.loc[market, "outcomes"])
        return given if isinstance(given, list) else [ONE / count] * count

    def held(self, orders: pd.DataFrame, market: str) -> np.ndarray:
        """Shares per outcome that these orders leave."""
        mine = orders[orders["market"] == market]
        by_outcome = mine.groupby("outcome")["signed"].sum()
        names = self.markets.loc[market, "outcomes"]
        return by_outcome.reindex(names, fill_value=0).to_numpy(dtype=float) - mine["redeemed"].sum()

    def potential(self, market: str, shares: np.ndarray) -> float:
        b = self.markets.loc[market, "liquidity"]
        return float(b * np.logaddexp.reduce(shares / b + np.log(np.array(self.start(market)) / ONE)))

    def portfolio(self, actor: str, now: pd.Timestamp, limit: float) -> dict[str, Any]:
        mine = self.orders[self.orders["actor"] == actor].sort_values(["at", "market", "trade"])
        names = sorted(mine["market"].unique())
        live = [name for name in names if name not in self.ended]
        shares = {name: self.held(mine, name) for name in names}
        exits, costs = {}, {}
        for name in live:
            all_shares = self.held(self.orders, name)
            exits[name] = self.potential(name, all_shares) - self.potential(name, all_shares - shares[name])
            costs[name] = self.cost(mine[mine["market"] == name], name)
        paid = mine.groupby("market")["paid"].sum()
        back = sum(self.ended[name][2].get(actor, 0) for name in names if name in self.ended)
        ends = [range(len(shares[name])) for name in live]
        worst = min(
            sum(shares[name][k] for name, k in zip(live, each, strict=True)) for each in itertools.product(*ends)
        )
        value, cost = sum(exits.values()), sum(costs.values())
        curve = self.curve(actor, mine, names, now, exits)
        found = {
            "cost": cost,
            "exit_value": value,
            "unrealised": value - cost,
            "realised": cost - paid.sum() + back,
            "worst_case": worst - paid.sum() + back,
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
        """Average cost of what is held, as each order leaves it."""
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

    def curve(
        self, actor: str, mine: pd.DataFrame, names: list[str], now: pd.Timestamp, exits: dict[str, float]
    ) -> pd.DataFrame:
        first = mine["at"].iloc[0]
        days = pd.date_range(first.normalize(), now, freq="D")
        ends = [self.ended[name][0] for name in names if name in self.ended]
        at = sorted({*mine["at"], *ends, *days[days > first], now})
        moments = pd.DatetimeIndex(at)
        equity, values = np.zeros(len(at)), np.zeros(len(at))
        for name in names:
            here, b = mine[mine["market"] == name].sort_values("trade"), self.markets.loc[name, "liquidity"]
            outcomes = pd.Categorical(here["outcome"], categories=self.markets.loc[name, "outcomes"])
            deltas = (
                pd.get_dummies(outcomes).to_numpy(float) * here[["signed"]].to_numpy() - here[["redeemed"]].to_numpy()
            )
            done = pd.DatetimeIndex(here["at"]).searchsorted(moments, side="right")
            held = np.vstack([np.zeros(deltas.shape[1]), deltas.cumsum(axis=0)])[done]
            equity -= np.concatenate([[0], here["paid"].cumsum()])[done]
            path = self.orders[self.orders["market"] == name].sort_values("trade")
            last = pd.DatetimeIndex(path["at"]).searchsorted(moments, side="right")
            prices = np.vstack([self.start(name), *path["prices"]])[last] / ONE
            worth = -b * np.log(np.sum(prices * np.exp(-held / b), axis=1))
            if name in self.ended:
                over = moments >= self.ended[name][0]
                equity += np.where(over, self.ended[name][2].get(actor, 0), 0)
                worth = np.where(over, 0, worth)
            else:
                worth[-1] = exits[name]
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
