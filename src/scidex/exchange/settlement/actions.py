"""What a caller can do about how a market ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request, perform, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare
from scidex.exchange.markets import MARKETS, POSITIONS, SETTLING, TRADES, PositionKey, find_market
from scidex.exchange.settlement import rules
from scidex.exchange.settlement.evidence import Evidence
from scidex.exchange.settlement.model import (
    CASES,
    POOL,
    PORTIONS,
    SETTLEMENTS,
    STAGES,
    AdvanceSettlement,
    Case,
    CaseKey,
    DecideDispute,
    DisputeResolution,
    ProposeResolution,
    RecordStage,
    Ruling,
    Settlement,
    SettlementReceipt,
    StageMarket,
    Standing,
    bonds_of,
    withheld_of,
)
from scidex.exchange.settlement.payouts import bond_for
from scidex.exchange.settlement.standing import deadline_of, missing_of, settled_directly
from scidex.exchange.settlement.store import (
    due_settlements,
    find_cases,
    find_portions,
    find_settlement,
    find_stages,
)
from scidex.ledger import ACCOUNTS, AccountKey, wallet_of
from scidex.policy import current


def _latest(command: Any, state: State) -> CaseKey | None:
    settlement = state.get(SETTLEMENTS, command.market)
    return None if settlement is None or not settlement.case else CaseKey(command.market, settlement.case)


def _case(command: Any, actor: str, state: State) -> tuple[CaseKey, ...]:
    latest = _latest(command, state)
    return () if latest is None else (latest,)


def _accounts_to_end(command: Any, actor: str, state: State) -> list[AccountKey]:
    accounts = [*SETTLING[ACCOUNTS](command, actor, state), bonds_of(command.market), withheld_of(command.market)]
    latest = _latest(command, state)
    case: Case | None = state.get(CASES, latest) if latest is not None else None
    if case is not None:
        accounts.append(wallet_of(case.proposer))
        if case.disputer is not None:
            accounts += [wallet_of(case.disputer), POOL]
    return accounts


_JUDGING: dict[Any, Any] = {
    MARKETS: lambda command, actor, state: (command.market,),
    POSITIONS: lambda command, actor, state: (PositionKey(command.market, actor),),
    SETTLEMENTS: lambda command, actor, state: (command.market,),
    STAGES: lambda command, actor, state: (Whole(command.market),),
    ACTORS: lambda command, actor, state: (Look(actor),),
}
_BONDING: dict[Any, Any] = {
    **_JUDGING,
    CASES: _case,
    ACCOUNTS: lambda command, actor, state: (wallet_of(actor), bonds_of(command.market)),
}
_ENDING: dict[Any, Any] = {
    **SETTLING,
    # A decision for an outcome needs no prices of the past; what time makes due may be a void.
    TRADES: lambda command, actor, state: () if getattr(command, "outcome", None) else (Whole(command.market),),
    SETTLEMENTS: _JUDGING[SETTLEMENTS],
    CASES: _case,
    STAGES: _JUDGING[STAGES],
    PORTIONS: lambda command, actor, state: (Whole(command.market),),
    ACCOUNTS: _accounts_to_end,
}

STAGE = declare(Kind("settlement.stage", StageMarket, SettlementReceipt, rules.stage_market, _JUDGING))
RECORD = declare(Kind("settlement.record", RecordStage, SettlementReceipt, rules.record_stage, _JUDGING))
PROPOSE = declare(Kind("settlement.propose", ProposeResolution, SettlementReceipt, rules.propose, _BONDING))
DISPUTE = declare(Kind("settlement.dispute", DisputeResolution, SettlementReceipt, rules.dispute, _BONDING))
DECIDE = declare(Kind("settlement.decide", DecideDispute, SettlementReceipt, rules.decide, _ENDING))
ADVANCE = declare(Kind("settlement.advance", AdvanceSettlement, SettlementReceipt, rules.advance, _ENDING))


def stage_market(tx: Tx, *, market: str, key: str | None = None) -> Receipt[SettlementReceipt]:
    """Have a market go through every stage before an outcome may be proposed.

    Refuses: UnknownMarket, NotFunder, UnknownActor, TooLateToStage, KeyReused.
    """
    return perform_one(tx, Request(StageMarket(market), tx.actor, key))


def record_stage(
    tx: Tx, *, market: str, stage: str, evidence: Sequence[Evidence], key: str | None = None
) -> Receipt[SettlementReceipt]:
    """Record that a staged market has reached its next stage.

    Refuses: UnknownMarket, RoleNeeded, UnknownActor, NotImpartial, StageInvalid, NotStaged, SettledForGood,
    StageOutOfTurn, EvidenceMissing, EvidenceInvalid, ReferenceInvalid, NameInvalid, KeyReused.
    """
    return perform_one(tx, Request(RecordStage(market, stage, tuple(evidence)), tx.actor, key))


def propose_resolution(
    tx: Tx,
    *,
    market: str,
    ruling: Ruling = "outcome",
    outcome: str | None = None,
    evidence: Sequence[Evidence],
    replaces: int | None = None,
    key: str | None = None,
) -> Receipt[SettlementReceipt]:
    """Put forward how a market ends, or with `replaces` what should take the place of that version, with a bond.

    Refuses: UnknownMarket, UnknownActor, NotImpartial, RulingInvalid, UnknownOutcome, Overtaken, ProposalStands,
    VersionDiffers, StillTrading, DeadlinePassed, StagesMissing, SettledForGood, SameRuling, EvidenceMissing,
    EvidenceInvalid, ReferenceInvalid, NameInvalid, UnknownAccount, InsufficientFunds, KeyReused.
    """
    command = ProposeResolution(market, ruling, tuple(evidence), outcome, replaces)
    return perform_one(tx, Request(command, tx.actor, key))


def dispute_resolution(
    tx: Tx,
    *,
    market: str,
    ruling: Ruling = "outcome",
    outcome: str | None = None,
    evidence: Sequence[Evidence],
    case: int | None = None,
    key: str | None = None,
) -> Receipt[SettlementReceipt]:
    """Say that the proposal is wrong and what is right, with a bond as large; a reviewer then decides.

    Refuses: UnknownMarket, UnknownActor, UnknownSettlement, Overtaken, NoProposal, AnotherCase, WindowOver,
    OwnProposal, RulingInvalid, UnknownOutcome, SameRuling, StagesMissing, EvidenceMissing, EvidenceInvalid,
    ReferenceInvalid, NameInvalid, UnknownAccount, InsufficientFunds, KeyReused.
    """
    command = DisputeResolution(market, ruling, tuple(evidence), outcome, case)
    return perform_one(tx, Request(command, tx.actor, key))


def decide_dispute(
    tx: Tx,
    *,
    market: str,
    ruling: Ruling = "outcome",
    outcome: str | None = None,
    reason: str,
    case: int | None = None,
    key: str | None = None,
) -> Receipt[SettlementReceipt]:
    """Decide a dispute, as a reviewer without a stake in it.

    Refuses: UnknownMarket, RoleNeeded, UnknownActor, UnknownSettlement, Overtaken, NoProposal, AnotherCase,
    TimeToDecideOver, NotImpartial, RulingInvalid, UnknownOutcome, StagesMissing, NameInvalid, BalanceTooLarge,
    KeyReused.
    """
    return perform_one(tx, Request(DecideDispute(market, ruling, reason, outcome, case), tx.actor, key))


def advance_settlement(tx: Tx, *, market: str, key: str | None = None) -> Receipt[SettlementReceipt]:
    """Take the step that time has made due: final, lapsed, void at the deadline, or what was held back paid.

    Refuses: UnknownMarket, NothingDue, SettledForGood, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(AdvanceSettlement(market), tx.actor, key))


def standing(tx: Tx, market: str) -> Standing:
    """How a market's end stands, with every case, stage and portion. Refuses: UnknownMarket."""
    found = find_market(tx, market)
    policy, _ = current(tx)
    settlement = find_settlement(tx, market) or Settlement(market)
    ended = found.state in ("resolved", "void")
    if ended and settlement.version == 0 and not settlement.bonds:
        settlement = settled_directly(settlement, found, policy)
    stages = find_stages(tx, market)
    return Standing(
        market=found,
        settlement=settlement,
        cases=find_cases(tx, market),
        stages=stages,
        missing=missing_of(stages) if settlement.staged else (),
        portions=find_portions(tx, market),
        bond=bond_for(found, policy),
        deadline=None if ended else deadline_of(found, policy, tx.now),
        versions_max=policy.settlement_versions_max,
    )


def advance_due_settlements(tx: Tx, *, limit: int = 100) -> list[Receipt[SettlementReceipt]]:
    """Take every step that is due; safe to run from several workers at once."""
    deadline_s = current(tx)[0].settlement_deadline_s
    due = due_settlements(tx, deadline_s=deadline_s, limit=limit)
    answers = perform(tx, [Request(AdvanceSettlement(market), tx.actor) for market in due]) if due else []
    # A refusal here means that somebody else has taken the step in between, which is what was wanted.
    return [answer for answer in answers if not isinstance(answer, Refusal)]
