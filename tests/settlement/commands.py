"""Random commands of settlement, most of which some state allows: for random worlds, here and in the oracle's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import strategies as st

from scidex.exchange import settlement
from scidex.exchange.settlement import (
    Benchmark,
    DecideDispute,
    DisputeResolution,
    ExternalVerdict,
    Panel,
    ProposeResolution,
    Replication,
)

EVIDENCE = (
    Benchmark("PMID:7", "CASP", "GDT", Decimal("92.40"), Decimal("9e1"), "at_least"),
    Replication("doi:10.1038/s41586-021-03819-2", "mixed", 7, "d", Decimal("-0.10")),
    ExternalVerdict("https://ema.europa.eu/x?y=1", "EMA", "approved", datetime(2026, 1, 1, tzinfo=UTC).date()),
    Panel("https://example.org/record", 9, 5, 3),
)
BAD_EVIDENCE = ((), (Panel("hearsay", 3, 2, 1),), (Panel("PMID:1", 1, 2, 1),))

good_evidence = st.lists(st.sampled_from(EVIDENCE), min_size=1, max_size=3).map(tuple)
evidence = st.one_of(good_evidence, good_evidence, good_evidence, st.sampled_from(BAD_EVIDENCE))
guards = st.sampled_from((None, None, None, 1, 2))


def commands_on(names: tuple[str, ...], outcomes: tuple[str, ...]) -> st.SearchStrategy[object]:
    """Every kind of command, on markets of these names."""
    on = st.sampled_from(names)
    rulings = st.sampled_from((*(("outcome", each) for each in outcomes), ("void", None), ("unproven", None)))
    proposals = st.builds(
        lambda market, ruling, proof, replaces: ProposeResolution(market, ruling[0], proof, ruling[1], replaces),
        on, rulings, evidence, guards,
    )  # fmt: skip
    disputes = st.builds(
        lambda market, ruling, proof, case: DisputeResolution(market, ruling[0], proof, ruling[1], case),
        on, rulings, evidence, guards,
    )  # fmt: skip
    decisions = st.builds(
        lambda market, ruling, case: DecideDispute(market, ruling[0], "why", ruling[1], case), on, rulings, guards
    )
    stages = st.sampled_from((*settlement.STAGES_IN_ORDER, "dreamt"))
    return st.one_of(
        proposals,
        proposals,
        disputes,
        decisions,
        st.builds(settlement.AdvanceSettlement, on),
        st.builds(settlement.AdvanceSettlement, on),
        st.builds(settlement.StageMarket, on),
        st.builds(settlement.RecordStage, on, stages, evidence),
    )
