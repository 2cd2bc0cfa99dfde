"""Requests of the server: markets_2; made by `python -m tests.house.pages`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, TypedDict

from scidex.client.answers import Page
from scidex.client.models.markets_2 import SettlementDone, SettlementLine, SettlementView
from scidex.client.request import Amount, Request


class ReplicationGiven(TypedDict):
    """What came out when the result was tried again: on how many samples, and the value of which metric."""

    reference: str
    result: Literal["confirmed", "refuted", "mixed"]
    samples: int
    metric: str
    value: Amount
    sort: Literal["replication"]


class ExternalVerdictGiven(TypedDict):
    """What an authority outside has decided, and when: a regulator, a prize committee, a systematic review."""

    reference: str
    authority: str
    verdict: str
    decided_on: date
    sort: Literal["verdict"]


class BenchmarkGiven(TypedDict):
    """What a metric of a benchmark came to, beside the threshold that the question names."""

    reference: str
    benchmark: str
    metric: str
    value: Amount
    threshold: Amount
    passes: Literal["at_least", "at_most"]
    sort: Literal["benchmark"]


class PanelGiven(TypedDict):
    """How a panel of people who know the field has voted; the reference is its record."""

    reference: str
    members: int
    in_favour: int
    against: int
    sort: Literal["panel"]


def post_resolution(
    *,
    market: str,
    evidence: Sequence[ReplicationGiven | ExternalVerdictGiven | BenchmarkGiven | PanelGiven],
    ruling: Literal["outcome", "void"] | None = None,
    outcome: str | None = None,
    replaces: int | None = None,
    idempotency_key: str | None = None,
) -> Request[SettlementDone]:
    """Propose how a market ends, with a bond; for those without a stake in it, once its trading is over."""
    return Request(
        "POST",
        "/api/market/resolution",
        SettlementDone,
        body={"market": market, "evidence": evidence, "ruling": ruling, "outcome": outcome, "replaces": replaces},
        key=idempotency_key,
        keyed=True,
    )


def post_dispute(
    *,
    market: str,
    evidence: Sequence[ReplicationGiven | ExternalVerdictGiven | BenchmarkGiven | PanelGiven],
    ruling: Literal["outcome", "void", "unproven"] | None = None,
    outcome: str | None = None,
    case: int | None = None,
    idempotency_key: str | None = None,
) -> Request[SettlementDone]:
    """Say within the window that the proposal is wrong, with a bond as large."""
    return Request(
        "POST",
        "/api/market/dispute",
        SettlementDone,
        body={"market": market, "evidence": evidence, "ruling": ruling, "outcome": outcome, "case": case},
        key=idempotency_key,
        keyed=True,
    )


def post_decision(
    *,
    market: str,
    reason: str,
    ruling: Literal["outcome", "void", "unproven"] | None = None,
    outcome: str | None = None,
    case: int | None = None,
    idempotency_key: str | None = None,
) -> Request[SettlementDone]:
    """Decide a dispute; for reviewers without a stake in it."""
    return Request(
        "POST",
        "/api/market/decide",
        SettlementDone,
        body={"market": market, "reason": reason, "ruling": ruling, "outcome": outcome, "case": case},
        key=idempotency_key,
        keyed=True,
    )


def post_advance(*, market: str, idempotency_key: str | None = None) -> Request[SettlementDone]:
    """Take the step that time has made due; anybody may, and the server does by itself."""
    return Request(
        "POST", "/api/market/advance", SettlementDone, body={"market": market}, key=idempotency_key, keyed=True
    )


def post_staged(*, market: str, idempotency_key: str | None = None) -> Request[SettlementDone]:
    """Let an outcome be proposed only after every stage; for the funder, before the first trade."""
    return Request(
        "POST", "/api/market/staged", SettlementDone, body={"market": market}, key=idempotency_key, keyed=True
    )


def post_stage(
    *,
    market: str,
    stage: str,
    evidence: Sequence[ReplicationGiven | ExternalVerdictGiven | BenchmarkGiven | PanelGiven],
    idempotency_key: str | None = None,
) -> Request[SettlementDone]:
    """Record the next stage of a staged market; for resolvers without a stake in it."""
    return Request(
        "POST",
        "/api/market/stage",
        SettlementDone,
        body={"market": market, "stage": stage, "evidence": evidence},
        key=idempotency_key,
        keyed=True,
    )


def get_settlements(
    *,
    state: Literal["waiting", "proposed", "disputed", "final", "done"] | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Request[Page[SettlementLine]]:
    """Markets whose end has begun, by id."""
    return Request(
        "GET", "/api/market/settlements", Page[SettlementLine], query={"state": state, "after": after, "limit": limit}
    )


def get_settlement(market: str) -> Request[SettlementView]:
    """How a market's end stands: what happens next, every case with its evidence, and who is paid what."""
    return Request("GET", "/api/market/settlements/{market}", SettlementView, places={"market": market})
