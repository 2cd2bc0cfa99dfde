"""`scidex settlement`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from scidex import views
from scidex.core.db import Tx
from scidex.exchange.settlement import (
    Evidence,
    Ruling,
    advance_settlement,
    decide_dispute,
    dispute_resolution,
    find_settlements,
    propose_resolution,
    record_stage,
    stage_market,
    standing,
)
from scidex.surfaces.cli.calls import After, Key, Limit, changes, reads

settlement = typer.Typer()

EVIDENCE_HELP = (
    "A sort and its facts, in quotes, repeatable. replication: result (confirmed, refuted, mixed), samples, metric,"
    " value. verdict: authority, verdict, decided_on. benchmark: benchmark, metric, value, threshold, passes (at_least,"
    " at_most). panel: members, in_favour, against. Each with a reference, a PMID, a DOI or an address:"
    " 'panel reference=https://example.org/record members=9 in_favour=7 against=1'."
)
_PIECE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


def evidence_of(text: str) -> Evidence:
    """A piece of evidence as the command line writes it: its sort, then fact=value.

    >>> evidence_of("panel reference=https://example.org/1 members=9 in_favour=7 against=1")
    Panel(reference='https://example.org/1', members=9, in_favour=7, against=1, sort='panel')
    """
    try:
        sort, *facts = shlex.split(text)
        return _PIECE.validate_python({**dict(fact.split("=", 1) for fact in facts), "sort": sort})
    except ValidationError as error:
        raise typer.BadParameter(f"{views.explained(error.errors(include_url=False))}.") from None
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a sort followed by fact=value.") from None


MarketName = Annotated[str, typer.Argument(metavar="MARKET", help="Id of the market.")]
Outcome = Annotated[str | None, typer.Option("--outcome", metavar="OUTCOME", help="One of the market's outcomes.")]
Void = Annotated[bool, typer.Option("--void", help="No outcome: every share is paid its mean price before the close.")]
Unproven = Annotated[bool, typer.Option("--unproven", help="No outcome yet: it waits for another proposal.")]
Proof = Annotated[list[str], typer.Option("--evidence", metavar="EVIDENCE", help=EVIDENCE_HELP)]
CaseNumber = Annotated[int | None, typer.Option("--case", metavar="CASE", help="Only if this is the case's number.")]


def _pieces(texts: list[str]) -> list[Evidence]:
    return [evidence_of(text) for text in texts]


def _ruling(outcome: str | None, void: bool, unproven: bool = False) -> Ruling:
    if (outcome is not None) + void + unproven != 1:
        raise typer.BadParameter("Say one of --outcome OUTCOME, --void and, but not to propose it, --unproven.")
    return "void" if void else "unproven" if unproven else "outcome"


@reads(settlement, "list")
def list_settlements(
    tx: Tx,
    state: Annotated[
        str | None, typer.Option("--state", metavar="STATE", help="waiting, proposed, disputed, final or done.")
    ] = None,
    after: After = None,
    limit: Limit = 100,
) -> views.Page[views.settlement.SettlementLine]:
    """Markets whose end has begun, by id."""
    found = find_settlements(tx, state=state, after=after or "", limit=limit + 1)
    return views.page(
        views.Page[views.settlement.SettlementLine],
        found,
        limit,
        views.settlement.settlement_line,
        lambda last: last.market,
    )


@reads(settlement, "show")
def show(tx: Tx, market: MarketName) -> views.settlement.SettlementView:
    """What happens next, every case with its evidence, and who is paid what."""
    return views.settlement.settlement_view(standing(tx, market))


@changes(settlement, "propose")
def propose(
    tx: Tx,
    market: MarketName,
    evidence: Proof,
    outcome: Outcome = None,
    void: Void = False,
    replaces: Annotated[
        int | None, typer.Option("--replaces", metavar="VERSION", help="The version to replace, once it is settled.")
    ] = None,
    key: Key = None,
) -> views.settlement.SettlementDone:
    """Propose how a market ends, with a bond."""
    ruling = _ruling(outcome, void)
    receipt = propose_resolution(
        tx, market=market, ruling=ruling, outcome=outcome, evidence=_pieces(evidence), replaces=replaces, key=key
    )
    return views.settlement.settlement_done(receipt)


@changes(settlement, "dispute")
def dispute(
    tx: Tx,
    market: MarketName,
    evidence: Proof,
    outcome: Outcome = None,
    void: Void = False,
    unproven: Unproven = False,
    case: CaseNumber = None,
    key: Key = None,
) -> views.settlement.SettlementDone:
    """Say that the proposal is wrong and what is right, with a bond as large."""
    ruling = _ruling(outcome, void, unproven)
    receipt = dispute_resolution(
        tx, market=market, ruling=ruling, outcome=outcome, evidence=_pieces(evidence), case=case, key=key
    )
    return views.settlement.settlement_done(receipt)


@changes(settlement, "decide")
def decide(
    tx: Tx,
    market: MarketName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for everybody to read.")],
    outcome: Outcome = None,
    void: Void = False,
    unproven: Unproven = False,
    case: CaseNumber = None,
    key: Key = None,
) -> views.settlement.SettlementDone:
    """Decide a dispute, as a reviewer without a stake in it."""
    ruling = _ruling(outcome, void, unproven)
    receipt = decide_dispute(tx, market=market, ruling=ruling, outcome=outcome, reason=reason, case=case, key=key)
    return views.settlement.settlement_done(receipt)


@changes(settlement, "advance")
def advance(tx: Tx, market: MarketName, key: Key = None) -> views.settlement.SettlementDone:
    """Take the step that time has made due; a server does so by itself."""
    return views.settlement.settlement_done(advance_settlement(tx, market=market, key=key))


@changes(settlement, "staged")
def staged(tx: Tx, market: MarketName, key: Key = None) -> views.settlement.SettlementDone:
    """Let an outcome be proposed only after every stage; for the funder, before the first trade."""
    return views.settlement.settlement_done(stage_market(tx, market=market, key=key))


@changes(settlement, "record")
def record(
    tx: Tx,
    market: MarketName,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="registered, run, replicated or reviewed.")],
    evidence: Proof,
    key: Key = None,
) -> views.settlement.SettlementDone:
    """Record the next stage of a staged market."""
    return views.settlement.settlement_done(
        record_stage(tx, market=market, stage=stage, evidence=_pieces(evidence), key=key)
    )
