"""The numbers of rewards: rounded down, bounded, conserved to the part."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from scidex.entities import EntityKey
from scidex.exchange.earnings import (
    OUTPUT_KINDS,
    QUALITY_ONE,
    Ancestor,
    Output,
    emission_of,
    lineage_of,
    reward_of,
    royalties_of,
)
from scidex.policy import Policy

T = 1_000_000
kinds = st.sampled_from(OUTPUT_KINDS)
qualities = st.integers(0, QUALITY_ONE)
shares = st.integers(0, 50).map(lambda n: Decimal(n) / 100)


@given(kinds, qualities, qualities)
def test_a_reward_lies_between_base_and_cap_and_grows_with_quality(kind, low, high):
    policy = Policy()
    less, more = sorted((low, high))
    least = min(policy.reward_base[kind], policy.reward_cap[kind]) * T
    assert least <= reward_of(kind, less) <= reward_of(kind, more) <= policy.reward_cap[kind] * T


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_period_mints_at_most_its_share_of_the_supply_above_the_least_and_never_more_than_the_budget(one, other):
    policy = Policy()
    low, high = sorted((one, other))
    assert emission_of(low) <= emission_of(high) <= policy.emission_tokens * T
    assert emission_of(high) <= max(Fraction(policy.emission_growth) * high, policy.emission_least * T)


payees = st.lists(st.integers(1, 10), max_size=30).map(
    lambda depths: [Ancestor(EntityKey("w", str(n)), f"p{n}", None, depth) for n, depth in enumerate(depths)]
)


@given(st.integers(1, 10**15), payees, shares, st.integers(0, 10))
def test_royalties_leave_the_producer_something_and_are_equal_at_each_step(amount, payees, share, depth):
    policy = Policy(royalty_share=share, royalty_depth=depth)
    royalties = royalties_of(amount, payees, policy)
    assert len(royalties) == len(payees)
    assert min(royalties, default=0) >= 0
    assert 0 < amount - sum(royalties) <= amount
    for step in range(1, 11):
        at_step = [part for part, each in zip(royalties, payees, strict=True) if each.depth == step]
        level = amount * Fraction(share) ** step if step <= depth else 0
        assert len(set(at_step)) <= 1
        assert level - len(at_step) < sum(at_step) <= level if at_step and level else not any(at_step)


@st.composite
def histories(draw):
    """Outputs by a few hands, each building on earlier ones."""
    outputs: list[tuple[str, str | None, list[int]]] = []
    for n in range(draw(st.integers(1, 12))):
        parents = draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True)) if n else []
        owner = draw(st.sampled_from((None, None, "corp", "alice")))
        outputs.append((draw(st.sampled_from(("alice", "bob", "carol", "dave"))), owner, parents))
    return outputs


def recorded(history, policy):
    made: list[Output] = []
    for n, (producer, owner, parents) in enumerate(history):
        hands = {producer} if owner is None else {producer, owner}
        lineage = lineage_of(hands, [made[parent] for parent in parents], policy)
        keys = tuple(made[parent].output for parent in parents)
        made.append(Output(EntityKey("w", str(n)), producer, owner, keys, lineage, producer, None))
    return made


@given(histories(), st.integers(0, 5))
def test_nobody_is_in_the_lineage_of_his_own_and_everybody_in_it_came_before(history, depth):
    made = recorded(history, Policy(royalty_depth=depth))
    before = {output.output: n for n, output in enumerate(made)}
    for n, output in enumerate(made):
        names = [each.output for each in output.lineage]
        assert len(set(names)) == len(names)
        assert [each.depth for each in output.lineage] == sorted(each.depth for each in output.lineage)
        for each in output.lineage:
            assert before[each.output] < n
            assert not {each.producer, each.owner} & output.hands
            assert 1 <= each.depth <= depth


@given(histories(), st.integers(1, 5), st.integers(0, 11))
def test_a_step_of_ones_own_between_changes_nothing(history, depth, place):
    """Whoever builds on something through another output of his own pays the same royalties as without it."""
    policy = Policy(royalty_depth=depth)
    made = recorded(history, policy)
    parent = made[place % len(made)]
    hands = {"erin"}
    direct = lineage_of(hands, [parent], policy)
    between = Output(EntityKey("w", "between"), "erin", None, (parent.output,), direct, "erin", None)
    assert lineage_of(hands, [between], policy) == direct
    assert lineage_of(hands, [between, parent], policy) == direct
