"""What each kind of command is told as: pure functions from a receipt to events, with the views of every other door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from scidex import views
from scidex.core.journal import Receipt
from scidex.core.units import to_number, unit_named
from scidex.feed.told import (
    ClaimTold,
    DrawnTold,
    FinishedTold,
    GrantTold,
    IdleTold,
    ItemTold,
    MovedTold,
    PolicyTold,
    PricesTold,
    SharingTold,
    WorkTold,
)
from scidex.views import View, knowledge, proposals, reviews, settlement

MOST_LINES = 1000
"""Artifacts of one sharing that have an event each; of a larger one only the sum is told."""
_ONE = 10**12
Outcomes = Callable[[str], tuple[str, ...]]
"""The outcomes of a market, by its name."""


class Told(NamedTuple):
    """An event before it has a place."""

    topic: str
    type: str
    subject: str
    view: View


def done(receipt: Receipt[Any]) -> dict[str, Any]:
    """What every event says of its command."""
    return {"number": receipt.number, "at": receipt.at, "actor": receipt.actor, "repeated": False}


def _artifact(key: Any) -> str:
    return f"artifact/{key[0]}/{key[1]}"


def _prices(receipt: Receipt[Any], prices: Iterable[int], outcomes: Outcomes) -> Told:
    market = receipt.result.market
    told = {name: price / _ONE for name, price in zip(outcomes(market), prices, strict=True)}
    view = PricesTold(**done(receipt), market=market, prices=told)
    return Told("prices", "market.priced", f"market/{market}", view)


def _market(topic: str, type: str, view: Callable[[Receipt[Any]], View]) -> Teller:
    return lambda receipt, outcomes: [Told(topic, type, f"market/{receipt.result.market}", view(receipt))]


def _opened(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    return [_prices(receipt, receipt.result.prices, outcomes)]


def _traded(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    market = receipt.result.market
    view = views.order_receipt(outcomes(market), receipt)
    yield Told("trades", "market.traded", f"market/{market}", view)
    yield _prices(receipt, receipt.result.prices, outcomes)


def _placed(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    market, traded = receipt.result.market, receipt.result.traded
    yield Told("trades", "order.placed", f"market/{market}", views.placed_receipt(outcomes(market), receipt))
    if traded is not None:
        yield _prices(receipt, traded.prices, outcomes)


def _relisted(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    market = receipt.result.market
    view = views.liquidity_receipt(outcomes(market), receipt)
    return [Told("prices", "market.liquidity_changed", f"market/{market}", view)]


def _closed(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    prices = _prices(receipt, receipt.result.prices, outcomes)
    yield prices._replace(topic="settlements", type="market.closed")


def _settled(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        yield Told("settlements", type, f"market/{receipt.result.market}", views.settled_receipt(receipt))
        yield _prices(receipt, receipt.result.prices, outcomes)

    return tell


def _set(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    return [Told("grants", "budget.set", _artifact(receipt.result.entity), views.budget_set_receipt(receipt))]


def _shared(receipt: Receipt[Any], outcomes: Outcomes) -> Iterator[Told]:
    shared, facts = receipt.result, done(receipt)
    unit = unit_named(shared.unit)
    of = {"pool": shared.pool, "unit": shared.unit, "cycle": shared.cycle}
    told = SharingTold(
        **facts,
        **of,
        amount=to_number(shared.amount, unit),
        granted=to_number(shared.granted, unit),
        remainder=to_number(shared.remainder, unit),
        artifacts=len(shared.lines),
    )
    yield Told("grants", "pool.shared", f"pool/{shared.pool}", told)
    for line in shared.lines if len(shared.lines) <= MOST_LINES else ():
        sort, name = line.artifact
        grant = to_number(line.grant, unit)
        view = GrantTold(**facts, **of, artifact_type=sort, artifact_id=name, grant=grant, binding=line.binding)
        yield Told("grants", "budget.granted", _artifact(line.artifact), view)


def _idle(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        idle = receipt.result
        sort, name = idle.entity
        amounts = views.amounts_of(idle.amounts)
        view = IdleTold(**done(receipt), artifact_type=sort, artifact_id=name, amounts=amounts, due_at=idle.due_at)
        return [Told("grants", type, _artifact(idle.entity), view)]

    return tell


def _proposed(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        stands = receipt.result
        yield Told("decisions", type, f"proposal/{stands.proposal}", proposals.proposal_done(receipt))
        if stands.moved:
            sort, name = stands.entity
            view = MovedTold(
                **done(receipt),
                artifact_type=sort,
                artifact_id=name,
                pool=stands.pool,
                moved=views.amounts_of(stands.moved),
                proposal=stands.proposal,
            )
            yield Told("grants", "budget.moved", _artifact(stands.entity), view)

    return tell


def _reviewed(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    return [Told("decisions", "review.enacted", f"pool/{receipt.result.pool}", reviews.review_receipt(receipt))]


def _enacted(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    view = PolicyTold(**done(receipt), version=receipt.result.version)
    return [Told("decisions", "policy.enacted", "policy", view)]


def _bounty(type: str, view: Callable[[Receipt[Any]], View]) -> Teller:
    return lambda receipt, outcomes: [Told("bounties", type, f"bounty/{receipt.result.bounty}", view(receipt))]


def _drawn(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    sort, name = receipt.result.artifact
    drawn = {bounty: views.tokens(parts) for bounty, parts in receipt.result.drawn}
    view = DrawnTold(**done(receipt), artifact_type=sort, artifact_id=name, drawn=drawn)
    return [Told("bounties", "bounty.drawn", _artifact(receipt.result.artifact), view)]


def _earned(type: str, view: Callable[[Receipt[Any]], View]) -> Teller:
    return lambda receipt, outcomes: [Told("earnings", type, _artifact(receipt.result.output), view(receipt))]


def _learned(type: str, subject: Callable[[Any], str], view: Callable[[Receipt[Any]], View]) -> Teller:
    return lambda receipt, outcomes: [Told("knowledge", type, subject(receipt.result), view(receipt))]


def _taken(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
    taken = receipt.result
    sort, name = taken.entity
    view = WorkTold(
        **done(receipt),
        claim=taken.claim,
        item=taken.item,
        artifact_type=sort,
        artifact_id=name,
        kind=taken.kind,
        attempt=taken.attempt,
        reservation=taken.reservation,
        amounts=views.amounts_of(taken.amounts),
        expires_at=taken.expires_at,
    )
    return [Told("claims", "work.claimed", f"claim/{taken.claim}", view)]


def _ended(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        ended = receipt.result
        sort, name = ended.entity
        view = ClaimTold(
            **done(receipt),
            claim=ended.claim,
            item=ended.item,
            artifact_type=sort,
            artifact_id=name,
            state=ended.state,
            item_state=ended.item_state,
        )
        return [Told("claims", type, f"claim/{ended.claim}", view)]

    return tell


def _finished(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        (told,) = _ended(type)(receipt, outcomes)
        edges = [line.edge for line in receipt.result.edges]
        outputs = ["/".join(output) for output in receipt.result.outputs]
        return [told._replace(view=FinishedTold(**told.view.model_dump(), edges=edges, outputs=outputs))]

    return tell


def _item(type: str) -> Teller:
    def tell(receipt: Receipt[Any], outcomes: Outcomes) -> Iterable[Told]:
        item = receipt.result
        sort, name = item.entity
        view = ItemTold(
            **done(receipt),
            item=item.item,
            artifact_type=sort,
            artifact_id=name,
            state=item.state,
            attempts=item.attempts,
            not_before=item.not_before,
        )
        return [Told("claims", type, f"item/{item.item}", view)]

    return tell


Teller = Callable[[Receipt[Any], Outcomes], Iterable[Told]]
_STATEMENT: Callable[[Any], str] = lambda result: f"statement/{result.statement}"  # noqa: E731
TELLERS: dict[str, Teller] = {
    "market.open": _opened,
    "market.order": _traded,
    "market.limit": _placed,
    "market.cancel": _market("trades", "order.cancelled", views.ended_receipt),
    "market.expire": _market("trades", "order.expired", views.ended_receipt),
    "market.liquidity": _relisted,
    "liquidity.plan": _market("prices", "liquidity.planned", views.plan_receipt),
    "liquidity.cancel": _market("prices", "liquidity.cancelled", views.change_receipt),
    "liquidity.carry_out": _market("prices", "liquidity.carried_out", views.change_receipt),
    "market.close": _closed,
    "market.resolve": _settled("market.resolved"),
    "market.void": _settled("market.voided"),
    **{
        f"settlement.{step}": _market("settlements", f"settlement.{told}", settlement.settlement_done)
        for step, told in {
            "advance": "advanced",
            "decide": "decided",
            "dispute": "disputed",
            "propose": "proposed",
            "record": "recorded",
            "stage": "staged",
        }.items()
    },
    "budget.set": _set,
    "budget.allocate": _shared,
    "budget.notice": _idle("budget.noticed"),
    "budget.return": _idle("budget.returned"),
    "work.add": _item("work.added"),
    "work.open": _item("work.opened"),
    "work.withdraw": _item("work.withdrawn"),
    "work.revive": _item("work.revived"),
    "work.claim": _taken,
    "work.finish": _finished("work.finished"),
    "work.fail": _finished("work.failed"),
    "work.return": _ended("work.returned"),
    "work.expire": _ended("work.expired"),
    **{
        f"proposal.{step}": _proposed(f"proposal.{told}")
        for step, told in {
            "make": "made",
            "policy": "made",
            "open": "opened",
            "comment": "commented",
            "vote": "voted",
            "withdraw": "withdrawn",
            "advance": "advanced",
        }.items()
    },
    "review.enact": _reviewed,
    "policy.enact": _enacted,
    "bounty.offer": _bounty("bounty.offered", views.bounty_done),
    "bounty.add": _bounty("bounty.added_to", views.bounty_done),
    "bounty.refund": _bounty("bounty.refunded", views.bounty_done),
    "bounty.expire": _bounty("bounty.expired", views.bounty_done),
    "bounty.claim": _bounty("bounty.claimed", views.claim_done),
    "bounty.release": _bounty("bounty.released", views.claim_done),
    "bounty.submit": _bounty("bounty.worked_for", views.work_done),
    "bounty.award": _bounty("bounty.awarded", views.work_done),
    "bounty.decline": _bounty("bounty.declined", views.work_done),
    "bounty.draw": _drawn,
    "earning.record": _earned("output.recorded", views.recorded_done),
    "earning.verify": _earned("output.verified", views.verified_done),
    "earning.retract": _earned("output.retracted", views.retracted_done),
    "knowledge.submit": _learned("knowledge.learned", lambda result: _artifact(result.entity), knowledge.learned_done),
    "knowledge.merge": _learned("knowledge.merged", _STATEMENT, knowledge.recounted_done),
    "knowledge.split": _learned("knowledge.split", _STATEMENT, knowledge.recounted_done),
    "knowledge.retract": _learned("knowledge.retracted", _STATEMENT, knowledge.recounted_done),
    "knowledge.reinstate": _learned("knowledge.reinstated", _STATEMENT, knowledge.recounted_done),
    "knowledge.audit": _learned("knowledge.audited", lambda result: "knowledge", knowledge.audited_done),
    "knowledge.retract_gain": _learned(
        "knowledge.gain_retracted", lambda result: _artifact(result.entity), knowledge.gain_retracted_done
    ),
}
"""What is told, by kind of command."""
UNTOLD = {
    "actor": "who acts is looked up, not listened to",
    "key": "which keys there are is between an actor and the operators",
    "entity": "so is what is researched",
    "ledger": "the books have doors of their own: entries, exports, proofs",
    "score": "scores are computed by the hundred thousand; what they lead to are decisions",
    "usage": "usage comes in by the million, and has sums by the hour",
    "budget.charge": "usage, as above",
    "budget.observe": "usage, as above",
    "budget.spend": "usage, as above",
    "budget.reserve": "between an agent and its budget, many a second",
    "budget.settle": "as above",
    "budget.void": "as above",
    "budget.extend": "as above",
    "budget.expire": "as above",
    "budget.limit": "caps are looked up; what they refuse is not in the journal",
    "work.heartbeat": "a claim that goes on, many a minute",
    "budget.override": "seen at /api/economics/events",
}
"""What is not told, by kind or by all kinds of a slice, and why."""
