"""What entities gained beside what they spent, read from the tables: by entity, ranked, and all at once."""

from __future__ import annotations

import numpy as np
import pytest
from tests.atlas.conftest import GAP, IDEA, edge

from scidex.atlas import roi
from scidex.entities import EntityKey, UnknownEntity
from scidex.metering import UsageEvent
from scidex.senate import budgets

T = 1_000_000


@pytest.fixture
def spent(shelf):
    """Ten gaps of 1,000 tokens and two edges each; one of 200 and one; one of 100,000 and 300; one that spent nothing."""

    def entity(name: str, tokens: int, edges: int, **more: int) -> EntityKey:
        key = shelf.artifact(name, "gap")
        events = [UsageEvent(unit, amount, shelf.tx.now, usd=0) for unit, amount in more.items()]
        if tokens:
            # In two tiers, because tokens of all tiers are counted.
            events += [
                UsageEvent("llm_standard", tokens - tokens // 4, shelf.tx.now, usd=7 * tokens),
                UsageEvent("llm_reasoning", tokens // 4, shelf.tx.now, usd=0),
            ]
        if events:
            budgets.charge(shelf.as_actor("alice"), entity=key, events=events)
        if edges:
            shelf.submit("alice", *(edge(f"{name} {n}") for n in range(edges)), on=key)
        return key

    for n in range(10):
        entity(f"usual-{n}", 1_000, 2)
    entity("lucky", 200, 1)
    entity("proven", 100_000, 300, cpu_seconds=5_000)
    entity("idle", 0, 3)
    entity("barren", 40_000, 0)
    return shelf


def of(shelf, name: str) -> roi.Roi:
    return roi.find_roi_of(shelf.tx, EntityKey("gap", name))


def test_the_score_is_edges_per_token_of_all_tiers_exactly(spent):
    found = of(spent, "proven")
    assert (found.knowledge.edges_gained, found.tokens_spent) == (300 * T, 100_000)
    assert found.roi_score == 300 / 100_000
    assert dict(found.spent)["llm_reasoning"] == 25_000
    assert found.low < found.shrunk < found.high
    assert (found.usd, found.usd_unknown) == (7 * 100_000, 0)
    # 75,000 standard at 100 a token, 25,000 reasoning at 20, 5 CPU seconds at 10.
    assert (found.cost_tokens, found.without_rate) == ((750 + 1_250) * T + T // 2, ())


def test_one_edge_in_200_tokens_is_ranked_below_300_in_100_000(spent):
    ranked = roi.find_roi_ranking(spent.tx)
    names = [each.entity.entity_id for each in ranked]
    assert names.index("proven") < names.index("lucky")
    lucky = of(spent, "lucky")
    assert lucky.roi_score > of(spent, "proven").roi_score
    assert [each.shrunk for each in ranked] == sorted((each.shrunk for each in ranked), reverse=True)
    assert names[-1] == "barren" and "idle" not in names
    assert roi.find_roi_ranking(spent.tx, offset=3, limit=2) == ranked[3:5]
    assert roi.find_roi_ranking(spent.tx, entity_type="hypothesis") == []


def test_zero_spend_is_unknown_and_nothing_gained_is_not(spent):
    idle = of(spent, "idle")
    assert (idle.tokens_spent, idle.roi_score, idle.shrunk, idle.low, idle.audited) == (0, None, None, None, None)
    barren = of(spent, "barren")
    assert barren.roi_score == 0 and 0 < barren.shrunk < of(spent, "usual-1").shrunk
    untouched = roi.find_roi_of(spent.tx, IDEA)
    assert (untouched.roi_score, untouched.cost_tokens, untouched.usd, untouched.precision) == (None, 0, 0, None)
    with pytest.raises(UnknownEntity):
        of(spent, "nothing")


def test_pages_follow_each_other_and_types_are_told_apart(spent):
    whole = roi.find_roi(spent.tx)
    assert [each.entity for each in whole] == sorted(each.entity for each in whole)
    assert {GAP, IDEA} <= {each.entity for each in whole}
    first = roi.find_roi(spent.tx, entity_type="gap", limit=4)
    rest = roi.find_roi(spent.tx, entity_type="gap", after=first[-1].entity)
    assert [*first, *rest] == [each for each in whole if each.entity.entity_type == "gap"]
    assert [each.entity for each in roi.find_roi(spent.tx, entity_type="hypothesis")] == [IDEA]


def test_the_columns_of_a_review_give_the_same_figures(spent):
    gains = roi.find_gains(spent.tx)
    spend = gains.tokens_spent.astype(float)
    prior = roi.prior_of_each(gains.entity_types, gains.edges, spend)
    rates = dict(zip(gains.entity_ids, roi.shrunk(gains.edges, spend, prior).tolist(), strict=True))
    assert len(rates) == 14 and np.isnan(rates["idle"])
    for name in ("lucky", "proven", "barren", "usual-3"):
        assert of(spent, name).shrunk == pytest.approx(rates[name])


def test_what_was_judged_wrong_lowers_the_audited_return_also_of_those_nobody_judged(spent):
    assert of(spent, "proven").audited is None
    spent.judge(**{f"usual-{n} {k}": not (n == 1 and k == 1) for n in range(2) for k in range(2)})
    one, other, never = (of(spent, f"usual-{n}") for n in (0, 1, 5))
    group = (3 + 0.5) / (4 + 1)
    assert never.precision == pytest.approx(group)
    assert one.precision == pytest.approx((10 * group + 2) / 12)
    assert other.precision == pytest.approx((10 * group + 1) / 12)
    assert other.roi_score == never.roi_score
    assert other.audited == pytest.approx(other.roi_score * other.precision) and other.audited < never.audited
    assert other.audited_shrunk == pytest.approx(other.shrunk * other.precision)


def test_retracted_edges_are_no_return(spent):
    before = of(spent, "lucky")
    spent.retract("lucky 0")
    after = of(spent, "lucky")
    assert (after.roi_score, after.knowledge.retracted) == (0, 1)
    assert after.shrunk < before.shrunk


def test_what_has_no_rate_leaves_the_cost_unknown_and_says_so(spent):
    spent.enact(units_per_token={"token": 1, "llm_standard": 100})
    found = of(spent, "proven")
    assert (found.cost_tokens, found.without_rate) == (None, ("cpu_seconds", "llm_reasoning"))
    assert found.roi_score == 0.003
