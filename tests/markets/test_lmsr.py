"""The market maker against 80 digits of mpmath, in hostile corners, and under random trading."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from decimal import localcontext
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath.ctx_mp import MPContext

from scidex.exchange.markets import exact, lmsr, maker

mp = MPContext()
mp.dps = 80
mpf = mp.mpf

TOKEN = 10**6
LARGEST = 2**53 - 1
SMALLEST_NORMAL = sys.float_info.min


def softmax(logits: Sequence[mpf]) -> list[mpf]:
    top = max(logits)
    weights = [mp.exp(z - top) for z in logits]
    total = mp.fsum(weights)
    return [weight / total for weight in weights]


def logits_of(q: Sequence[float], b: float, offsets: Sequence[int] | None = None) -> list[mpf]:
    offsets = offsets or [0] * len(q)
    return [mpf(held) / mpf(b) + mpf(offset) / 10**15 for held, offset in zip(q, offsets, strict=True)]


def true_cost(logits: Sequence[mpf], b: float, outcome: int, shares: float) -> mpf:
    return mpf(b) * mp.log1p(softmax(logits)[outcome] * mp.expm1(mpf(shares) / mpf(b)))


def true_proceeds(logits: Sequence[mpf], b: float, outcome: int, shares: float) -> mpf:
    price = softmax(logits)
    others = mp.fsum(p for i, p in enumerate(price) if i != outcome)
    lost = price[outcome] * mp.expm1(-mpf(shares) / mpf(b))
    if lost > -0.5:
        return -mpf(b) * mp.log1p(lost)
    # The mass of the others is summed apart: a favourite's 1 - p can be lost even to 80 digits.
    return -mpf(b) * mp.log(others + price[outcome] * mp.exp(-mpf(shares) / mpf(b)))


def true_shares(logits: Sequence[mpf], b: float, outcome: int, spend: float) -> mpf:
    return mpf(b) * mp.log1p(mp.expm1(mpf(spend) / mpf(b)) / softmax(logits)[outcome])


# In floats.

LIQUIDITIES = (1e-6, 0.37, 1.0, 123.456, 1e6, 1e9)
IMBALANCES = (0.0, 1e-9, 0.1, 1.0, 10.0, 50.0, 300.0, 700.0, 745.0, 800.0, 1400.0, 1e4, 1e6)
TRADES = (1e-12, 1e-6, 0.3, 1.0, 30.0, 100.0, 800.0)


def float_markets(seed: int) -> list[tuple[list[float], float, int]]:
    rng = random.Random(seed)
    markets = []
    for b in LIQUIDITIES:
        for n in (2, 5, 20):
            for imbalance in IMBALANCES:
                outcome = rng.randrange(n)
                lone = [0.0] * n
                lone[outcome] = rng.choice((-1, 1)) * imbalance * b
                spread = [rng.uniform(-1, 1) * imbalance * b for _ in range(n)]
                markets += [(lone, b, outcome), (spread, b, outcome)]
    return markets


def relative_error(given: float, truth: mpf) -> float:
    if truth < SMALLEST_NORMAL:
        return 0.0 if 0.0 <= given <= 2 * SMALLEST_NORMAL else math.inf
    return float(abs(mpf(given) / truth - 1))


@pytest.mark.parametrize(
    ("function", "truth"),
    [
        (lmsr.cost_to_buy, true_cost),
        (lmsr.proceeds_of_selling, true_proceeds),
        (lmsr.shares_for, true_shares),
    ],
)
def test_every_float_amount_on_the_grid_is_right_to_one_part_in_a_trillion(
    function: Callable[..., float], truth: Callable[..., mpf]
) -> None:
    for q, b, outcome in float_markets(seed=1):
        logits = logits_of(q, b)
        for trade in TRADES:
            given = function(q, b, outcome, trade * b)
            error = relative_error(given, truth(logits, b, outcome, trade * b))
            assert error <= 1e-12, (q, b, outcome, trade, given)


def test_every_float_price_on_the_grid_is_right_to_one_part_in_a_trillion() -> None:
    for q, b, _ in float_markets(seed=2):
        for price, truth in zip(lmsr.prices(q, b), softmax(logits_of(q, b)), strict=True):
            assert relative_error(price, truth) <= 1e-12, (q, b, price)


def test_shares_for_a_spend_hold_where_the_price_itself_is_zero_in_doubles() -> None:
    given = lmsr.shares_for([0.0, 1e6], 1.0, 0, 1.0)
    assert given == pytest.approx(1e6 + math.log(math.e - 1), rel=1e-15)


def test_a_trade_of_nothing_costs_and_yields_nothing() -> None:
    for function in (lmsr.cost_to_buy, lmsr.proceeds_of_selling, lmsr.shares_for):
        assert function([3.0, 1.0], 2.0, 0, 0.0) == 0.0
    for whole in (lmsr.charge, lmsr.payout, lmsr.shares_bought):
        assert whole((3, 1), 2, (0, 0), 0, 0) == 0


def test_required_subsidy_is_b_ln_n_from_a_uniform_start() -> None:
    assert lmsr.required_subsidy(100.0, [0.25] * 4) == pytest.approx(100 * math.log(4), rel=1e-15)


FLOAT_TRADES = (lmsr.cost_to_buy, lmsr.proceeds_of_selling, lmsr.shares_for)


@pytest.mark.parametrize("function", FLOAT_TRADES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 0.0], 0.0, 0, 1.0), "b must be finite"),
        (([0.0, 0.0], math.nan, 0, 1.0), "b must be finite"),
        (([0.0, 0.0], math.inf, 0, 1.0), "b must be finite"),
        (([0.0], 1.0, 0, 1.0), "at least two outcomes"),
        (([0.0, math.nan], 1.0, 0, 1.0), "finite number"),
        (([0.0, 0.0], 1.0, 2, 1.0), "outcome must be from 0 to 1"),
        (([0.0, 0.0], 1.0, -1, 1.0), "outcome must be from 0 to 1"),
        (([0.0, 0.0], 1.0, 0, -1.0), "not below zero"),
        (([0.0, 0.0], 1.0, 0, math.nan), "not below zero"),
        (([0.0, 0.0], 1.0, 0, math.inf), "must be finite"),
        (([0.0, 0.0], 1e-6, 0, 1e308), "divided by b"),
        (([-1e308, 1e308], 1.0, 0, 1.0), "more multiples of b than a double holds"),
    ],
)
def test_bad_float_input_is_named(function: Callable[..., float], arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize("prices", [[0.0, 1.0], [1.0, 0.5], [-0.1, 0.5], [math.nan, 0.5], [0.5]])
def test_prices_outside_zero_and_one_have_no_subsidy(prices: list[float]) -> None:
    with pytest.raises(ValueError, match=r"price|finite number|two outcomes"):
        lmsr.required_subsidy(1.0, prices)


# In whole parts, against the oracle.


def rounded(truth: Callable[[], mpf], logits_apart: float, rounding: Callable[[mpf], mpf]) -> int:
    """`rounding` of a number, with as many digits as it takes to tell a whole one from its neighbours."""
    with mp.workdps(80):
        value = truth()
        if abs(value - mp.nint(value)) > mpf(10) ** -40:
            return int(rounding(value))
    with mp.workdps(120 + int(logits_apart)):
        value = truth()
        if abs(value - mp.nint(value)) > mpf(10) ** -int(60 + logits_apart / 2):
            return int(rounding(value))
        return int(mp.nint(value))


def apart(q: Sequence[int], b: int, offsets: Sequence[int], trade: int) -> float:
    return (max(q) - min(q) + trade) / b + (max(offsets) - min(offsets)) / 10**15


def random_market(rng: random.Random, furthest: float = 600.0) -> tuple[list[int], int, list[int], int, int]:
    """Any size from a part to 2^53 parts, logits and trade at most `furthest` apart."""
    n = rng.choice((2, 2, 2, 3, 5, 20))
    b = int(10 ** rng.uniform(0, 15.95))
    reach = min(LARGEST, int(b * 10 ** rng.uniform(-6, math.log10(furthest))))
    base = rng.choice((0, LARGEST - reach))
    q = [base + rng.randint(0, reach) for _ in range(n)]
    offsets = rng.choice(([0] * n, [-rng.randrange(1, 30 * 10**15) for _ in range(n)]))
    return q, b, offsets, rng.randrange(n), max(1, int(reach * rng.random()))


def test_charge_is_exactly_the_cost_rounded_up() -> None:
    rng = random.Random(11)
    for _ in range(4000):
        q, b, offsets, outcome, shares = case = random_market(rng)
        expected = rounded(
            lambda: true_cost(logits_of(q, b, offsets), b, outcome, shares),  # noqa: B023
            apart(q, b, offsets, shares),
            mp.ceil,
        )
        assert lmsr.charge(*case) == expected, case


def test_payout_is_exactly_the_proceeds_rounded_down() -> None:
    rng = random.Random(12)
    for _ in range(4000):
        q, b, offsets, outcome, shares = case = random_market(rng)
        expected = rounded(
            lambda: true_proceeds(logits_of(q, b, offsets), b, outcome, shares),  # noqa: B023
            apart(q, b, offsets, shares),
            mp.floor,
        )
        assert lmsr.payout(*case) == expected, case


def test_shares_bought_are_the_most_that_the_spend_covers() -> None:
    rng = random.Random(13)
    for _ in range(2000):
        q, b, offsets, outcome, spend = case = random_market(rng, furthest=80.0)
        bought = lmsr.shares_bought(*case)
        with mp.workdps(200):
            logits = logits_of(q, b, offsets)
            assert true_cost(logits, b, outcome, bought) <= spend, case
            assert true_cost(logits, b, outcome, bought + 1) > spend, case
        assert lmsr.charge(q, b, offsets, outcome, bought) == spend


def test_prices_are_exactly_the_nearest_and_the_first_largest_takes_the_rest() -> None:
    rng = random.Random(14)
    for _ in range(2000):
        q, b, offsets, _, _ = random_market(rng)
        given = lmsr.prices_of(q, b, offsets)
        logits = logits_of(q, b, offsets)
        largest = max(range(len(q)), key=lambda i: (q[i] * 10**15 + offsets[i] * b, -i))
        nearest = [int(mp.nint(price * 10**12)) for price in softmax(logits)]
        assert all(given[i] == nearest[i] for i in range(len(q)) if i != largest), (q, b, offsets)
        assert sum(given) == 10**12
        assert abs(given[largest] - nearest[largest]) <= len(q)


def test_equal_prices_give_the_first_outcome_the_rest() -> None:
    assert lmsr.prices_of((5, 5, 5), 3, (0, 0, 0)) == (333333333334, 333333333333, 333333333333)
    assert lmsr.prices_of((4, 5, 5), 10**15, (0, 0, 0))[1] == 333333333334


def test_subsidy_is_exactly_the_worst_loss_rounded_up() -> None:
    rng = random.Random(15)
    for _ in range(1000):
        _, b, offsets, _, _ = random_market(rng)
        worst = -b * mp.log(min(softmax(logits_of([0] * len(offsets), b, offsets))))
        assert lmsr.subsidy(b, offsets) == int(mp.ceil(worst)), (b, offsets)


def test_offsets_are_exactly_the_logarithms_of_the_prices() -> None:
    rng = random.Random(16)
    for _ in range(500):
        cuts = sorted(rng.sample(range(1, 10**12), rng.choice((1, 2, 4, 19))))
        prices = [high - low for low, high in zip([0, *cuts], [*cuts, 10**12], strict=True)]
        expected = [int(mp.nint(mp.log(mpf(price) / 10**12) * 10**15)) for price in prices]
        assert list(lmsr.offsets_for(prices)) == expected
        back = lmsr.prices_of([0] * len(prices), 1, expected)
        assert all(abs(found - price) <= 1 for found, price in zip(back, prices, strict=True))


def test_a_uniform_start_has_no_offsets_although_a_third_is_no_whole_number_of_parts() -> None:
    assert lmsr.offsets_for((5 * 10**11, 5 * 10**11)) == (0, 0)
    assert lmsr.offsets_for((333333333333, 333333333333, 333333333334)) == (0, 0, 0)
    assert lmsr.offsets_for((142857142857,) * 6 + (142857142858,)) == (0,) * 7


# In whole parts, where only an exact decision will do.


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("step", [1, 7, 10**6, 10**12])
@pytest.mark.parametrize("b", [1, 3, 10**8, 10**15])
def test_an_exact_tie_is_charged_and_paid_to_the_part(n: int, step: int, b: int) -> None:
    # From steps 0, 1, ..., n - 1 the lowest becomes n: the same market one step higher, for exactly one step.
    q = [i * step for i in range(n)]
    after = [n * step, *q[1:]]
    assert lmsr.charge(q, b, [0] * n, 0, n * step) == step
    assert lmsr.payout(after, b, [0] * n, 0, n * step) == step
    assert lmsr.shares_bought(q, b, [0] * n, 0, step) == n * step
    assert lmsr.shares_bought(q, b, [0] * n, 0, step - 1) < n * step


@pytest.mark.parametrize("b", [1, 3, 10**6])
@pytest.mark.parametrize("imbalance", [10**3, 10**6, 10**9])
def test_a_cost_astronomically_close_to_a_whole_number_is_rounded_the_right_way(imbalance: int, b: int) -> None:
    # Buying from D behind to E ahead costs E + b ln(1 + exp(-E / b)) - b ln(1 + exp(-D / b)).
    behind = imbalance * b
    for ahead, charged, paid in (
        (behind - 1, behind, behind - 1),
        (behind, behind, behind),
        (behind + 1, behind + 1, behind),
    ):
        assert lmsr.charge((0, behind), b, (0, 0), 0, behind + ahead) == charged
        assert lmsr.payout((behind + ahead, behind), b, (0, 0), 0, behind + ahead) == paid
        bought = lmsr.shares_bought((0, behind), b, (0, 0), 0, ahead)
        assert bought == behind + ahead - (1 if ahead < behind else 0)


@pytest.mark.parametrize("n", [2, 3, 20])
@pytest.mark.parametrize(("lead", "shares"), [(10**6, 10**3), (LARGEST, 10**9)])
def test_a_certain_outcome_costs_its_full_worth_and_pays_one_part_less(
    n: int, lead: int, shares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions = count_decisions(monkeypatch)
    q = [lead, *[0] * (n - 1)]
    assert lmsr.charge(q, 1, [0] * n, 0, shares) == shares
    assert lmsr.payout(q, 1, [0] * n, 0, shares) == shares - 1
    assert lmsr.shares_bought(q, 1, [0] * n, 0, shares) == shares
    assert lmsr.charge(q, 1, [0] * n, 1, shares) == 1
    assert lmsr.payout(q, 1, [0] * n, 1, shares) == 0
    assert lmsr.prices_of(q, 1, [0] * n) == (10**12, *[0] * (n - 1))
    assert decisions[0] == 0 or lead == LARGEST, "it takes no digits to know what is certain"


@pytest.mark.parametrize("order", range(1, 9))
def test_a_sum_of_exponentials_that_nearly_cancels_is_decided_with_more_digits(order: int) -> None:
    # (exp(h) - 1)^order with h = 10^-31, the finest step of two logits: 10^-248 at order 8.
    terms = [((-1) ** (order - k) * math.comb(order, k), k) for k in range(order + 1)]
    assert exact.sign_of_sum(terms, 10**31) == 1
    assert exact.sign_of_sum([(-weight, level) for weight, level in terms], 10**31) == -1


def test_double_rounding_alone_would_underpay_a_seller() -> None:
    assert math.floor(lmsr.proceeds_of_selling([4.0, 2.0], 1.0, 0, 4.0)) == 1
    assert lmsr.payout((4, 2), 1, (0, 0), 0, 4) == 2


def test_double_rounding_alone_would_charge_wrongly_where_amounts_are_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    q, b, shares = (7 * 10**14, 0), 10**15, 3 * 10**15
    exact = int(mp.ceil(true_cost(logits_of(q, b), b, 0, shares)))
    decisions = count_decisions(monkeypatch)
    assert lmsr.charge(q, b, (0, 0), 0, shares) == exact
    assert decisions[0] > 0
    rng = random.Random(17)
    wrong = 0
    for _ in range(200):
        shares = rng.randrange(10**15, 4 * 10**15)
        wrong += math.ceil(lmsr.cost_to_buy(q, b, 0, shares)) != lmsr.charge(q, b, (0, 0), 0, shares)
    assert wrong > 20


def test_ordinary_trades_are_decided_in_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = count_decisions(monkeypatch)
    rng = random.Random(18)
    b = 100 * TOKEN
    for _ in range(10_000):
        q = (rng.randrange(3 * b), rng.randrange(3 * b))
        lmsr.charge(q, b, (0, 0), 0, rng.randrange(TOKEN, b))
        lmsr.payout(q, b, (0, 0), 1, rng.randrange(TOKEN, b))
        lmsr.shares_bought(q, b, (0, 0), 0, rng.randrange(TOKEN, b))
    assert decisions[0] <= 30


def test_ordinary_prices_are_decided_in_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = count_decisions(monkeypatch)
    rng = random.Random(20)
    b = 100 * TOKEN
    for _ in range(10_000):
        lmsr.prices_of((rng.randrange(3 * b), rng.randrange(3 * b)), b, (0, 0))
    assert decisions[0] <= 25
    for _ in range(10_000):
        lmsr.prices_of([rng.randrange(3 * b) for _ in range(4)], b, (0, 0, 0, 0))
    assert decisions[0] <= 100


@pytest.mark.parametrize("ulps", [(2,), (-2,), (-2, 2)])
def test_a_libm_whose_last_bits_differ_changes_no_answer(
    ulps: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(19)
    cases = [random_market(rng) for _ in range(300)]
    cases += [([rng.randrange(10**8), 0], 10**8, [0, 0], 0, rng.randrange(1, 10**8)) for _ in range(300)]
    # Here the error of a double is about a part: buying from far behind to about even, and large liquidity.
    for _ in range(300):
        behind = rng.randrange(3 * 10**15, 5 * 10**15)
        ahead = rng.randrange(-5 * 10**13, 5 * 10**13)
        cases.append(([behind + ahead, behind], 10**13, [0, 0], 0, behind + ahead))
        cases.append(([0, behind], 10**13, [0, 0], 0, behind + ahead))
    for _ in range(300):
        offsets = [-rng.randrange(20 * 10**15), -rng.randrange(20 * 10**15)]
        cases.append(([0, 0], 10**15, offsets, 0, int(10 ** rng.uniform(12, 15.5))))
    functions = (lmsr.charge, lmsr.payout, lmsr.shares_bought)
    answers = [[function(*case) for function in functions] for case in cases]
    priced = [lmsr.prices_of(*case[:3]) for case in cases]

    def shaken(function: Callable[[float], float]) -> Callable[[float], float]:
        return lambda x: function(x) * (1 + rng.choice(ulps) * 2.0**-52)

    other_libm = {name: shaken(getattr(math, name)) for name in ("exp", "expm1", "log", "log1p")}
    monkeypatch.setattr(lmsr, "math", SimpleNamespace(**{**vars(math), **other_libm}))
    assert [[function(*case) for function in functions] for case in cases] == answers
    assert [lmsr.prices_of(*case[:3]) for case in cases] == priced


def test_the_callers_decimal_context_changes_no_answer() -> None:
    arguments = ((7 * 10**14, 0), 10**15, (0, 0), 0, 3 * 10**15)
    answer = lmsr.charge(*arguments)
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 3, 5, -5
        context.traps = dict.fromkeys(context.traps, True)
        assert lmsr.charge(*arguments) == answer
        assert lmsr.offsets_for((1, 10**12 - 1)) == (-27631021115928548, -1000)
        assert maker.maker_result((7 * 10**14, 0), 10**15, (0, 0), 1) > 0


def count_decisions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    decisions = [0]
    decide = exact.sign_of_sum

    def counted(terms: list[tuple[int, int]], unit: int) -> int:
        decisions[0] += 1
        return decide(terms, unit)

    monkeypatch.setattr(lmsr, "sign_of_sum", counted)
    return decisions


@pytest.mark.parametrize("function", [lmsr.charge, lmsr.payout, lmsr.shares_bought])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 0), 0, (0, 0), 0, 1), "at least one part"),
        (((0,), 1, (0,), 0, 1), "two or more outcomes"),
        (((0, 0), 1, (0,), 0, 1), "one offset for each"),
        (((0, 0), 1, (0, 0), 2, 1), "outcome must be from 0 to 1"),
        (((0, 0), 1, (0, 0), -1, 1), "outcome must be from 0 to 1"),
        (((0, 0), 1, (0, 0), 0, -1), "must not be below zero"),
    ],
)
def test_bad_whole_input_is_named(function: Callable[..., int], arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ((10**12,), "two outcomes"),
        ((0, 10**12), "strictly between"),
        ((10**12, 10**12), "strictly between"),
        ((500_000, 500_000), "must sum to"),
    ],
)
def test_bad_starting_prices_are_named(prices: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lmsr.offsets_for(prices)


# Under random trading: 10,000 cases in all.

amounts = st.integers(0, 53).flatmap(lambda bits: st.integers(1, 2**bits))
Market = tuple[tuple[int, ...], int, tuple[int, ...], int]


@st.composite
def starts(draw: st.DrawFn) -> tuple[int, tuple[int, ...]]:
    weights = draw(st.lists(st.integers(1, 10**6), min_size=2, max_size=6))
    if draw(st.booleans()):
        return draw(amounts), (0,) * len(weights)
    prices = [max(1, 10**12 * weight // sum(weights)) for weight in weights]
    prices[0] += 10**12 - sum(prices)
    return draw(amounts), lmsr.offsets_for(prices)


@st.composite
def markets(draw: st.DrawFn) -> Market:
    b, offsets = draw(starts())
    q = tuple(draw(st.one_of(st.just(0), amounts)) for _ in offsets)
    return q, b, offsets, draw(st.integers(0, len(offsets) - 1))


trades = st.lists(st.tuples(st.integers(0, 5), st.booleans(), amounts), min_size=1, max_size=8)


def bought(q: Sequence[int], outcome: int, shares: int) -> tuple[int, ...]:
    return tuple(held + (shares if i == outcome else 0) for i, held in enumerate(q))


def trade(b: int, offsets: tuple[int, ...], orders: list[tuple[int, bool, int]]) -> tuple[tuple[int, ...], int]:
    """Shares outstanding and tokens taken in after the orders; a sale is at most of what is held."""
    q, taken = (0,) * len(offsets), 0
    for place, buys, shares in orders:
        outcome = place % len(offsets)
        if buys:
            taken += lmsr.charge(q, b, offsets, outcome, shares)
            q = bought(q, outcome, shares)
        else:
            shares = min(shares, q[outcome])
            taken -= lmsr.payout(q, b, offsets, outcome, shares)
            q = bought(q, outcome, -shares)
    return q, taken


@settings(max_examples=2000, deadline=None, database=None)
@given(market=markets(), shares=amounts)
def test_buying_and_selling_back_never_profits(market: Market, shares: int) -> None:
    q, b, offsets, outcome = market
    paid = lmsr.charge(q, b, offsets, outcome, shares)
    back = lmsr.payout(bought(q, outcome, shares), b, offsets, outcome, shares)
    assert paid - 1 <= back <= paid


@settings(max_examples=1500, deadline=None, database=None)
@given(market=markets(), pieces=st.lists(amounts, min_size=2, max_size=6))
def test_splitting_a_purchase_never_costs_less(market: Market, pieces: list[int]) -> None:
    q, b, offsets, outcome = market
    whole = lmsr.charge(q, b, offsets, outcome, sum(pieces))
    total = 0
    for piece in pieces:
        total += lmsr.charge(q, b, offsets, outcome, piece)
        q = bought(q, outcome, piece)
    assert whole <= total <= whole + len(pieces)


@settings(max_examples=1500, deadline=None, database=None)
@given(market=markets(), pieces=st.lists(amounts, min_size=2, max_size=6))
def test_splitting_a_sale_never_yields_more(market: Market, pieces: list[int]) -> None:
    q, b, offsets, outcome = market
    q = bought(q, outcome, sum(pieces))
    whole = lmsr.payout(q, b, offsets, outcome, sum(pieces))
    total = 0
    for piece in pieces:
        total += lmsr.payout(q, b, offsets, outcome, piece)
        q = bought(q, outcome, -piece)
    assert whole - len(pieces) <= total <= whole


@settings(max_examples=1500, deadline=None, database=None)
@given(market=markets())
def test_prices_sum_to_one_and_none_is_negative(market: Market) -> None:
    q, b, offsets, _ = market
    prices = lmsr.prices_of(q, b, offsets)
    assert sum(prices) == lmsr.PRICE_ONE
    assert min(prices) >= 0


@settings(max_examples=1000, deadline=None, database=None)
@given(market=markets(), spend=amounts)
def test_shares_bought_are_charged_the_spend_itself_and_one_more_would_cost_more(market: Market, spend: int) -> None:
    q, b, offsets, outcome = market
    shares = lmsr.shares_bought(q, b, offsets, outcome, spend)
    assert lmsr.charge(q, b, offsets, outcome, shares) == spend
    assert lmsr.charge(q, b, offsets, outcome, shares + 1) > spend


@settings(max_examples=1500, deadline=None, database=None)
@given(start=starts(), orders=trades)
def test_subsidy_and_takings_always_cover_the_largest_payout(
    start: tuple[int, tuple[int, ...]], orders: list[tuple[int, bool, int]]
) -> None:
    b, offsets = start
    funded = lmsr.subsidy(b, offsets)
    for done in range(len(orders) + 1):
        q, taken = trade(b, offsets, orders[:done])
        assert funded + taken >= max(q)


@settings(max_examples=1500, deadline=None, database=None)
@given(start=starts(), orders=trades)
def test_the_makers_result_is_the_identity_plus_the_rounding(
    start: tuple[int, tuple[int, ...]], orders: list[tuple[int, bool, int]]
) -> None:
    b, offsets = start
    q, taken = trade(b, offsets, orders)
    for outcome in range(len(q)):
        identity = maker.maker_result(q, b, offsets, outcome)
        last_bit = math.ulp(identity)
        assert identity - last_bit <= taken - q[outcome] <= identity + len(orders) + last_bit
        assert identity >= -lmsr.subsidy(b, offsets)
