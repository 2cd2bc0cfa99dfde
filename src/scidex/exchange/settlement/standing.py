"""What stands for a market now, and who may judge how it ends: pure; asked before every step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from scidex.core.machine import State
from scidex.core.versions import check_version
from scidex.exchange.markets import POSITIONS, Market, PositionKey, end_of_trading, end_trading, require_outcome
from scidex.exchange.settlement.model import (
    CASES,
    DONE,
    FINAL,
    OUTCOME,
    SETTLEMENTS,
    STAGES,
    STAGES_IN_ORDER,
    UNPROVEN,
    VOID,
    WAITING,
    Case,
    CaseKey,
    ProposeResolution,
    Settlement,
    Stage,
)
from scidex.exchange.settlement.refusals import (
    AnotherCase,
    DeadlinePassed,
    NoProposal,
    NotImpartial,
    Overtaken,
    RulingInvalid,
    SameRuling,
    SettledForGood,
    StagesMissing,
    StillTrading,
    UnknownSettlement,
)
from scidex.policy import Context, Policy


def require_impartial(state: State, actor: str, market: Market) -> None:
    """Pass if how the market ends moves no token of the actor's: no shares of it, and not its funder.

    Trading is over when a proposal stands, so nobody comes by shares later. Refuses: NotImpartial.
    """
    position = state.get(POSITIONS, PositionKey(market.market, actor))
    if position is not None and any(position.shares):
        raise NotImpartial(actor=actor, why="holds a position", market=market.market)
    if market.funder == f"actor:{actor}":
        raise NotImpartial(actor=actor, why="funded the maker", market=market.market)


def check_ruling(market: Market, ruling: str, outcome: str | None, *, to_propose: bool = False) -> None:
    """Pass if the ruling names an outcome of the market, or is one that needs none.

    Refuses: RulingInvalid, UnknownOutcome.
    """
    known = (OUTCOME, VOID) if to_propose else (OUTCOME, VOID, UNPROVEN)
    if ruling not in known or (ruling == OUTCOME) != (outcome is not None):
        raise RulingInvalid(ruling=str(ruling)[:40], outcome=None if outcome is None else str(outcome)[:40])
    if outcome is not None:
        require_outcome(market, outcome)


def standing_of(state: State, context: Context, market: Market) -> Settlement:
    """The settlement of a market, at its start if nobody has begun one. Refuses: Overtaken."""
    settlement = state.get(SETTLEMENTS, market.market) or Settlement(market.market)
    if settlement.version == 0 and market.state in ("resolved", "void"):
        if settlement.bonds:
            raise Overtaken(market=market.market)
        return settled_directly(settlement, market, context.policy)
    return settlement


def settled_directly(settlement: Settlement, market: Market, policy: Policy) -> Settlement:
    """What stands where a resolver has ended the market without a proposal: a first version, of which nothing was held
    back. When its trading ended before that is known only from its terms."""
    assert market.ended_at is not None, market
    traded_until = market.ended_at if market.closes_at is None else min(market.ended_at, market.closes_at)
    appeal_until = market.ended_at + timedelta(seconds=policy.settlement_appeal_s)
    return settlement._replace(
        state=FINAL, version=1, traded_until=traded_until, due_at=appeal_until, appeal_until=appeal_until
    )


def as_before(settlement: Settlement) -> Settlement:
    """What stands when a case has changed nothing."""
    if settlement.version:
        return settlement._replace(state=FINAL, due_at=settlement.appeal_until)
    return settlement._replace(state=WAITING, due_at=None)


def case_of(state: State, settlement: Settlement) -> Case:
    """The latest case of a settlement that has one."""
    case = state.get(CASES, CaseKey(settlement.market, settlement.case))
    assert case is not None, settlement
    return case


def open_case(
    state: State, market: Market, given: int | None, wanted_state: str, wanted: str
) -> tuple[Settlement, Case]:
    """The settlement and its case, in the state that a step needs.

    Refuses: UnknownSettlement, Overtaken, NoProposal, AnotherCase.
    """
    settlement = state.get(SETTLEMENTS, market.market)
    if settlement is None:
        raise UnknownSettlement(market=market.market)
    if given is not None and given != settlement.case:
        raise AnotherCase(market=market.market, case=settlement.case, given=given)
    if settlement.state != wanted_state:
        raise NoProposal(market=market.market, state=settlement.state, wanted=wanted)
    if settlement.version == 0 and market.state in ("resolved", "void"):
        raise Overtaken(market=market.market)
    return settlement, case_of(state, settlement)


def in_force(market: Market) -> tuple[str, str | None]:
    """The ruling and the outcome by which a settled market has paid."""
    return (VOID, None) if market.outcome is None else (OUTCOME, market.outcome)


def said(ruling: str, outcome: str | None) -> str:
    """A ruling as people say it."""
    return ruling if outcome is None else f"outcome {outcome}"


def require_ended(state: State, context: Context, market: Market) -> datetime:
    """When the market's trading ended, which the policy may let a proposal do.

    Refuses: StillTrading, DeadlinePassed.
    """
    if market.open_at(context.now):
        if not context.policy.settlement_closes_early:
            until = market.closes_at.isoformat() if market.closes_at else "a resolver closes it"
            raise StillTrading(market=market.market, until=until)
        market = end_trading(state, market, context.now)
    deadline = deadline_of(market, context.policy, context.now)
    if deadline is not None and context.now >= deadline:
        raise DeadlinePassed(market=market.market, until=deadline.isoformat())
    return end_of_trading(market, context.now)


def deadline_of(market: Market, policy: Policy, now: datetime) -> datetime | None:
    """When a market that nobody has resolved is void; None while it trades."""
    if market.open_at(now):
        return None
    return end_of_trading(market, now) + timedelta(seconds=policy.settlement_deadline_s)


def require_appeal(market: Market, settlement: Settlement, command: ProposeResolution, context: Context) -> None:
    """Pass if another version may still be proposed, and this is one. Refuses: SettledForGood, SameRuling."""
    if settlement.state == DONE or settlement.version >= context.policy.settlement_versions_max:
        raise SettledForGood(market=market.market, version=settlement.version, why="it has been paid for good")
    if settlement.appeal_until is None or context.now >= settlement.appeal_until:
        raise SettledForGood(market=market.market, version=settlement.version, why="the time to appeal is over")
    if (command.ruling, command.outcome) == in_force(market):
        raise SameRuling(market=market.market, ruling=said(*in_force(market)))


def require_version(settlement: Settlement, given: int | None) -> None:
    """Pass if the version to be replaced is named, and none where there is none. Refuses: VersionDiffers."""
    check_version(f"the settlement of {settlement.market}", given or 0, settlement.version)


def require_stages(state: State, settlement: Settlement, ruling: str) -> None:
    """Pass if the market is not staged, has been through every stage, or no outcome is named.

    Refuses: StagesMissing.
    """
    missing = stages_missing(state, settlement) if settlement.staged and ruling == OUTCOME else ()
    if missing:
        raise StagesMissing(market=settlement.market, missing=", ".join(missing))


def stages_missing(state: State, settlement: Settlement) -> tuple[str, ...]:
    """The stages that a market has still to go through, in their order."""
    recorded = [stage for _, stage in state.whole(STAGES, settlement.market)]
    return missing_of(recorded)


def missing_of(recorded: Iterable[Stage]) -> tuple[str, ...]:
    """The stages beside those that were recorded, in their order."""
    reached = {stage.stage for stage in recorded}
    return tuple(stage for stage in STAGES_IN_ORDER if stage not in reached)
