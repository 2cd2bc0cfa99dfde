"""How a market's end is proposed, disputed and decided: pure. Who may, and what stands, is in `standing`; what is then
paid in `payouts`."""

from __future__ import annotations

from datetime import timedelta

from scidex.actors import RoleNeeded, require_actor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.exchange.markets import Market, end_of_trading, require_market
from scidex.exchange.settlement.evidence import check_evidence
from scidex.exchange.settlement.model import (
    CASES,
    DISPUTED,
    FINAL,
    PROPOSED,
    SETTLEMENTS,
    STAGES,
    STAGES_IN_ORDER,
    UNPROVEN,
    VOID,
    AdvanceSettlement,
    Case,
    CaseKey,
    DecideDispute,
    DisputeResolution,
    Payments,
    ProposeResolution,
    RecordStage,
    Settlement,
    SettlementReceipt,
    Stage,
    StageKey,
    StageMarket,
    bonds_of,
)
from scidex.exchange.settlement.payouts import Paid, bond_for, bonds_routed, pay_withheld, settle
from scidex.exchange.settlement.refusals import (
    NotFunder,
    NothingDue,
    NotImpartial,
    NotStaged,
    OwnProposal,
    ProposalStands,
    SameRuling,
    SettledForGood,
    StageInvalid,
    StageOutOfTurn,
    TimeToDecideOver,
    TooLateToStage,
    WindowOver,
)
from scidex.exchange.settlement.standing import (
    as_before,
    case_of,
    check_ruling,
    deadline_of,
    in_force,
    open_case,
    require_appeal,
    require_ended,
    require_impartial,
    require_stages,
    require_version,
    said,
    settled_directly,
    stages_missing,
    standing_of,
)
from scidex.ledger import move, wallet_of
from scidex.policy import Context


def stage_market(state: State, command: StageMarket, context: Context) -> SettlementReceipt:
    """Have a market go through every stage before an outcome may be proposed; its funder or an operator says so before
    any trade.

    Refuses: UnknownMarket, NotFunder, UnknownActor, TooLateToStage.
    """
    market = require_market(state, command.market)
    if market.funder != f"actor:{context.actor}":
        try:
            require_role(state, context, "operator")
        except RoleNeeded:
            raise NotFunder(actor=context.actor, market=market.market) from None
    if market.trades or not market.open_at(context.now):
        raise TooLateToStage(market=market.market)
    settlement = state.get(SETTLEMENTS, market.market) or Settlement(market.market)
    return _put(state, "staged", settlement._replace(staged=True))


def record_stage(state: State, command: RecordStage, context: Context) -> SettlementReceipt:
    """Record that a staged market has reached its next stage; for a resolver without a stake in it.

    Refuses: UnknownMarket, RoleNeeded, UnknownActor, NotImpartial, StageInvalid, NotStaged, SettledForGood,
    StageOutOfTurn, EvidenceMissing, EvidenceInvalid, ReferenceInvalid, NameInvalid.
    """
    market = require_market(state, command.market)
    require_role(state, context, "resolver")
    require_impartial(state, context.actor, market)
    if command.stage not in STAGES_IN_ORDER:
        raise StageInvalid(stage=command.stage, known=", ".join(STAGES_IN_ORDER))
    settlement = state.get(SETTLEMENTS, market.market)
    if settlement is None or not settlement.staged:
        raise NotStaged(market=market.market)
    if market.state in ("resolved", "void"):
        raise SettledForGood(market=market.market, version=max(1, settlement.version), why="its stages are over")
    missing = stages_missing(state, settlement)
    if not missing or command.stage != missing[0]:
        following = missing[0] if missing else "none"
        raise StageOutOfTurn(market=market.market, following=following, stage=command.stage)
    evidence = check_evidence(command.evidence, most=context.policy.settlement_evidence_max, now=context.now)
    key = StageKey(market.market, command.stage)
    state.put(STAGES, key, Stage(*key, context.actor, evidence, context.now))
    return _put(state, f"stage {command.stage}", settlement)


def propose(state: State, command: ProposeResolution, context: Context) -> SettlementReceipt:
    """Put forward how a market ends, once its trading is over, with a bond; or what should replace a settlement.

    Refuses: UnknownMarket, UnknownActor, NotImpartial, RulingInvalid, UnknownOutcome, Overtaken, ProposalStands,
    VersionDiffers, StillTrading, DeadlinePassed, StagesMissing, SettledForGood, SameRuling, EvidenceMissing,
    EvidenceInvalid, ReferenceInvalid, NameInvalid, UnknownAccount, InsufficientFunds.
    """
    market = require_market(state, command.market)
    require_actor(state, context.actor)
    require_impartial(state, context.actor, market)
    check_ruling(market, command.ruling, command.outcome, to_propose=True)
    settlement = standing_of(state, context, market)
    if settlement.state in (PROPOSED, DISPUTED):
        until = settlement.due_at.isoformat() if settlement.due_at else "?"
        raise ProposalStands(market=market.market, case=settlement.case, state=settlement.state, until=until)
    require_version(settlement, command.replaces)
    if settlement.version:
        require_appeal(market, settlement, command, context)
    else:
        settlement = settlement._replace(traded_until=require_ended(state, context, market))
    require_stages(state, settlement, command.ruling)
    evidence = check_evidence(command.evidence, most=context.policy.settlement_evidence_max, now=context.now)
    case = Case(
        market=market.market,
        case=settlement.case + 1,
        replaces=settlement.version,
        proposer=context.actor,
        ruling=command.ruling,
        outcome=command.outcome,
        evidence=evidence,
        bond=bond_for(market, context.policy),
        proposed_at=context.now,
        disputable_until=context.now + timedelta(seconds=context.policy.settlement_dispute_s),
    )
    move(state, context, wallet_of(context.actor), bonds_of(market.market), case.bond, "resolution bond")
    state.put(CASES, CaseKey(market.market, case.case), case)
    proposed = settlement._replace(
        state=PROPOSED, case=case.case, due_at=case.disputable_until, bonds=settlement.bonds + case.bond
    )
    return _put(state, "proposed", proposed, case)


def dispute(state: State, command: DisputeResolution, context: Context) -> SettlementReceipt:
    """Say within the window that a proposal is wrong, and what is right, with a bond as large; a reviewer then decides.

    Whoever holds a position may dispute: they are those who lose by a wrong resolution.
    Refuses: UnknownMarket, UnknownActor, UnknownSettlement, Overtaken, NoProposal, AnotherCase, WindowOver,
    OwnProposal, RulingInvalid, UnknownOutcome, SameRuling, StagesMissing, EvidenceMissing, EvidenceInvalid,
    ReferenceInvalid, NameInvalid, UnknownAccount, InsufficientFunds.
    """
    market = require_market(state, command.market)
    require_actor(state, context.actor)
    settlement, case = open_case(state, market, command.case, PROPOSED, "disputed")
    if context.now >= case.disputable_until:
        raise WindowOver(market=market.market, until=case.disputable_until.isoformat())
    if context.actor == case.proposer:
        raise OwnProposal(actor=context.actor)
    check_ruling(market, command.ruling, command.outcome)
    if (command.ruling, command.outcome) == (case.ruling, case.outcome):
        raise SameRuling(market=market.market, ruling=said(case.ruling, case.outcome))
    require_stages(state, settlement, command.ruling)
    evidence = check_evidence(command.evidence, most=context.policy.settlement_evidence_max, now=context.now)
    until = context.now + timedelta(seconds=context.policy.settlement_decide_s)
    move(state, context, wallet_of(context.actor), bonds_of(market.market), case.bond, "dispute bond")
    case = case._replace(
        disputer=context.actor,
        counter_ruling=command.ruling,
        counter_outcome=command.outcome,
        counter_evidence=evidence,
        disputed_at=context.now,
        decide_until=until,
    )
    state.put(CASES, CaseKey(market.market, case.case), case)
    disputed = settlement._replace(state=DISPUTED, due_at=until, bonds=settlement.bonds + case.bond)
    return _put(state, "disputed", disputed, case)


def decide(state: State, command: DecideDispute, context: Context) -> SettlementReceipt:
    """Decide a dispute: for a reviewer who is neither of its sides, holds nothing in the market and did not fund it.

    Refuses: UnknownMarket, RoleNeeded, UnknownActor, UnknownSettlement, Overtaken, NoProposal, AnotherCase,
    TimeToDecideOver, NotImpartial, RulingInvalid, UnknownOutcome, StagesMissing, NameInvalid, BalanceTooLarge.
    """
    market = require_market(state, command.market)
    require_role(state, context, "reviewer")
    settlement, case = open_case(state, market, command.case, DISPUTED, "decided")
    assert case.decide_until is not None, case
    if context.now >= case.decide_until:
        raise TimeToDecideOver(market=market.market, until=case.decide_until.isoformat())
    if context.actor in (case.proposer, case.disputer):
        raise NotImpartial(actor=context.actor, why="is a side of the dispute", market=market.market)
    require_impartial(state, context.actor, market)
    check_ruling(market, command.ruling, command.outcome)
    require_stages(state, settlement, command.ruling)
    check_name(command.reason, "reason", longest=1000)
    decided = case._replace(
        authority=f"reviewer:{context.actor}",
        decided_ruling=command.ruling,
        decided_outcome=command.outcome,
        reason=command.reason,
    )
    return conclude(state, context, market, settlement, decided)


def conclude(state: State, context: Context, market: Market, settlement: Settlement, case: Case) -> SettlementReceipt:
    """End a case by what its `authority` has decided, whoever that is: route the bonds, and settle if it changes
    anything. Who may decide is the caller's to see.

    Refuses: BalanceTooLarge.
    """
    decided = (case.decided_ruling, case.decided_outcome)
    how = "rejected"
    if decided == (case.ruling, case.outcome):
        how = "upheld"
    elif decided == (case.counter_ruling, case.counter_outcome):
        how = "overturned"
    bonds = bonds_routed(state, context, case, how)
    case = _end(state, context, case, how)
    settlement = settlement._replace(bonds=0)
    stands = settlement.version and decided == in_force(market)
    if case.decided_ruling == UNPROVEN or stands:
        return _put(state, how, as_before(settlement), case, bonds=bonds)
    after, paid = settle(state, context, market, settlement, case.decided_outcome)
    return _put(state, how, after, case, bonds=bonds, paid=paid)


def advance(state: State, command: AdvanceSettlement, context: Context) -> SettlementReceipt:
    """Take the step that time alone has made due; anybody may ask, and the keeper does.

    A proposal that nobody disputed in its window is final; a dispute that nobody decided in time lapses, and both sides
    have their bonds back; a market that nobody resolved by its deadline is void; what was held back while an appeal was
    possible is paid.
    Refuses: UnknownMarket, NothingDue, SettledForGood, BalanceTooLarge.
    """
    market, now = require_market(state, command.market), context.now
    settlement = state.get(SETTLEMENTS, market.market) or Settlement(market.market)
    if settlement.state in (PROPOSED, DISPUTED):
        case = case_of(state, settlement)
        if settlement.version == 0 and market.state in ("resolved", "void"):
            return _hand_back(state, context, settled_directly(settlement, market, context.policy), case, "overtaken")
        assert settlement.due_at is not None, settlement
        if now < settlement.due_at:
            raise NothingDue(market=market.market, until=settlement.due_at.isoformat())
        if settlement.state == PROPOSED:
            upheld = case._replace(authority="window", decided_ruling=case.ruling, decided_outcome=case.outcome)
            return conclude(state, context, market, settlement, upheld)
        return _hand_back(state, context, as_before(settlement), case, "lapsed")
    if market.state in ("open", "closed"):
        return _void_at_deadline(state, context, market, settlement)
    if settlement.state != FINAL or settlement.appeal_until is None:
        raise SettledForGood(market=market.market, version=max(1, settlement.version), why="all is paid")
    if now < settlement.appeal_until:
        raise NothingDue(market=market.market, until=settlement.appeal_until.isoformat())
    after, paid = pay_withheld(state, context, market, settlement)
    return _put(state, "released", after, paid=paid)


def _void_at_deadline(state: State, context: Context, market: Market, settlement: Settlement) -> SettlementReceipt:
    until = deadline_of(market, context.policy, context.now)
    if until is None or context.now < until:
        shown = until.isoformat() if until else "it stops trading"
        raise NothingDue(market=market.market, until=shown)
    ended = settlement._replace(traded_until=end_of_trading(market, context.now))
    after, paid = settle(state, context, market, ended, None)
    return _put(state, "timeout", after, paid=paid)


def _hand_back(state: State, context: Context, after: Settlement, case: Case, how: str) -> SettlementReceipt:
    bonds = bonds_routed(state, context, case, how)
    return _put(state, how, after._replace(bonds=0), _end(state, context, case, how), bonds=bonds)


def _end(state: State, context: Context, case: Case, how: str) -> Case:
    ended = case._replace(ended_at=context.now, how=how)
    state.put(CASES, CaseKey(case.market, case.case), ended)
    return ended


def _put(
    state: State,
    step: str,
    settlement: Settlement,
    case: Case | None = None,
    *,
    bonds: Payments = (),
    paid: Paid | None = None,
) -> SettlementReceipt:
    """Keep where the settlement stands now, and say so."""
    state.put(SETTLEMENTS, settlement.market, settlement)
    ruling, outcome = (case.ruling, case.outcome) if case else (None, None)
    if case is not None and case.decided_ruling is not None:
        ruling, outcome = case.decided_ruling, case.decided_outcome
    elif case is not None and case.disputer is not None and case.how is None:
        ruling, outcome = case.counter_ruling, case.counter_outcome
    return SettlementReceipt(
        market=settlement.market,
        step=step,
        state=settlement.state,
        version=settlement.version,
        case=settlement.case,
        due_at=settlement.due_at,
        ruling=VOID if step == "timeout" else ruling,
        outcome=outcome,
        bond=case.bond if case else 0,
        bonds=bonds,
        payouts=paid.payouts if paid else (),
        taken_back=paid.taken_back if paid else (),
        short=paid.short if paid else (),
        withheld=settlement.withheld,
    )
