"""What is next: no whale flattens the rest, nothing waits forever, the random sleeve is as likely as it says."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scidex import work
from scidex.entities import EntityKey
from scidex.policy import Policy
from scidex.work.board import Board
from scidex.work.choosing import Figures, ageing_of, ranking_of, score_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
entities = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 1_000_000), st.integers(1, 10**9), st.integers(0, 3 * 86_400)),
    min_size=20,
    max_size=60,
).map(
    lambda rows: [
        Figures(EntityKey("gap", f"g{n}"), pulls, pulls * mean, granted, NOW - timedelta(seconds=waited))
        for n, (pulls, mean, granted, waited) in enumerate(rows)
    ]
)


@given(entities, st.integers(0, 19))
def test_a_whale_with_fifty_times_the_budget_moves_the_median_score_of_the_others_by_less_than_5_percent(rows, place):
    before = {each.entity: each.score for each in ranking_of(rows, NOW)}
    whale = rows[place]._replace(granted=50 * max(each.granted for each in rows))
    after = {each.entity: each.score for each in ranking_of([*rows[:place], whale, *rows[place + 1 :]], NOW)}
    others = [each.entity for each in rows if each.entity != whale.entity]
    was, now = (median(found[each] for each in others) for found in (before, after))
    # Its rank passes those above it, by one place each: 0.3 / 20 of the score at most.
    assert abs(now - was) <= 300_000 // len(rows) + 1
    assert was < 300_000 or abs(now - was) < 0.05 * was


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000), st.integers(0, 10**6))
def test_what_comes_a_day_later_never_goes_before(low, high, seconds):
    policy = Policy()
    old, new = NOW, NOW + timedelta(days=1) / float(policy.work_ageing_per_day)
    at = new + timedelta(seconds=seconds)
    worst = score_of(min(low, high), 0, policy) + ageing_of(old, at, policy)
    best = score_of(1_000_000, 1_000_000, policy) + ageing_of(new, at, policy)
    assert worst + 1 >= best - 1_000_000 + score_of(min(low, high), 0, policy)
    assert ageing_of(old, at, policy) >= ageing_of(new, at, policy) + 999_999


def test_the_richest_goes_first_then_who_brings_most_and_the_poorest_in_the_end(lab):
    rich, poor = lab.project("rich", 5000), lab.project("poor", 500)
    old = lab.add(poor)
    lab.pass_by(3600)
    for _ in range(12):
        lab.add(rich)
    board = Board(Never())
    first = take(lab, board)
    assert (first.entity, first.sleeve, first.terms.budget_rank, first.score) == (rich, "best", 750_000, 225_000)
    # A day later nothing that was added after it goes before it.
    lab.pass_by(86_400)
    for _ in range(3):
        lab.add(rich)
    taken = [take(lab, Board(Never())).item for _ in range(12)]
    assert old in taken


class Never(random.Random):
    """Dice that never fall into the random sleeve."""

    def randrange(self, *bounds: int) -> int:  # type: ignore[override]
        return bounds[-1] - 1


def take(lab, board: Board) -> work.Claimed:
    from scidex.core.journal import Request

    (answer,) = work.perform_work(lab.as_actor("alice"), [Request(work.ClaimWork(), "alice")], board)
    return answer.result


def test_the_sleeve_draws_uniformly_and_says_with_which_chance(lab):
    projects = [lab.project(f"h{n}", 4000 * (n + 1)) for n in range(4)]
    for entity in projects:
        for _ in range(60):
            lab.add(entity, amounts={"llm_standard": 1})
    from scidex.core.journal import Request

    asked = [Request(work.ClaimWork(), "alice") for _ in range(40)]
    found = [answer.result for answer in work.perform_work(lab.as_actor("alice"), asked, Board(Always(5)))]
    drawn = Counter(each.entity for each in found)
    assert {each.sleeve for each in found} == {"random"}
    assert set(drawn) == set(projects)
    best = max(found, key=lambda each: each.propensity)
    assert best.propensity == 925_000 and best.terms.first
    assert {each.propensity for each in found if not each.terms.first} == {25_000}


class Always(random.Random):
    """Dice that always fall into the random sleeve, somewhere."""

    def randrange(self, *bounds: int) -> int:  # type: ignore[override]
        return super().randrange(bounds[-1] // 10)


def test_results_move_the_score(lab):
    lucky, dull = lab.project("lucky", 1000), lab.project("dull", 1000)
    for entity in (lucky, dull):
        lab.add(entity), lab.add(entity), lab.add(entity)
    from scidex.atlas.knowledge import NewEdge

    edges = [NewEdge(str(n), "is", "so", "s") for n in range(20)]
    for _ in range(2):
        held = take(lab, Board(Never()))
        work.finish_work(lab.as_actor("alice"), claim=held.claim, edges=edges if held.entity == lucky else ())
    held = take(lab, Board(Never()))
    assert (held.entity, held.terms.pulls, held.terms.mean) == (lucky, 1, 800_000)


def test_the_queries_use_their_indexes(economy, clock):
    from scidex.work import store

    def plans(tx) -> str:
        asked = {"now": tx.now, "window": 100, "kinds": ["a"], "types": ["gap"], "ids": ["g"], "each": 4}
        statements = (store._HEADINGS, store._HEADINGS_OF_KINDS, store._CANDIDATES, store._CANDIDATES_OF_KINDS)
        rows = [row for each in statements for row in tx.execute("EXPLAIN " + each, asked).fetchall()]
        rows += tx.execute("EXPLAIN " + store._LOCK, [["w1"], tx.now, 1]).fetchall()
        return json.dumps(rows)

    plan = economy.run(plans)
    assert "Seq Scan" not in plan
    for index in ("work_item_next", "work_item_next_of_kind", "work_item_pkey", "ledger_account_pkey"):
        assert index in plan


@pytest.mark.parametrize("given", [(), ("read",)])
def test_no_work_is_told_at_once(lab, given):
    lab.project("h1")
    with pytest.raises(work.NoWork):
        lab.claim(kinds=given)
