"""How compute draws on bounties: pure.

A bounty counts in the budget of its artifact, so tokens that have bought compute must not be won as a prize as well.
What the artifact has spent since the last draw is turned into tokens by the policy's rates; the policy's share of that
leaves the open bounties of the artifact for the treasury, in proportion to what remains of each. Every command that
puts tokens into a bounty or takes them out draws first, and the keeper draws in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from scidex.core.machine import State
from scidex.core.units import TOKEN, UNITS
from scidex.entities import EntityKey
from scidex.exchange.bounties.model import (
    BOARDS,
    BOUNTIES,
    COMPUTE,
    DRAW,
    PAYMENTS,
    TREASURY,
    Amounts,
    Board,
    BountiesDrawn,
    Bounty,
    DrawBounties,
    Payment,
    PaymentKey,
    spent_of,
)
from scidex.exchange.bounties.refusals import NothingToDraw
from scidex.ledger import ACCOUNTS, balance_of, move, open_account
from scidex.policy import Context, Policy


def pro_rata(total: int, weights: Sequence[int]) -> list[int]:
    """Whole parts in proportion to the weights that sum to the total exactly: the largest remainders get one more.

    Ties go to the first. Nobody gets more than his weight where the total is no more than all of them.

    >>> pro_rata(100, [1, 1, 1]), pro_rata(7, [5, 0, 2]), pro_rata(0, [3])
    ([34, 33, 33], [5, 0, 2], [0])
    """
    whole = sum(weights)
    assert min(weights, default=0) >= 0, weights
    assert total == 0 or whole > 0, (total, weights)
    if total == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(total * weights[place] % whole), place))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def worth_of(spent: Amounts, before: Amounts, policy: Policy) -> Fraction:
    """What was spent since `before` is worth, times the share that bounties pay, in token parts, exact.

    A unit without a rate is worth nothing, and one that was not looked at before counts from now.
    """
    known = dict(before)
    worth = Fraction(0)
    for unit, parts in spent:
        rate = policy.units_per_token.get(unit)
        if rate:
            worth += Fraction(parts - known.get(unit, parts), UNITS[unit].parts) / Fraction(rate)
    return worth * Fraction(policy.bounty_draw_share) * TOKEN.parts


def draw(state: State, command: DrawBounties, context: Context) -> BountiesDrawn:
    """Take what compute has cost since the last draw out of the open bounties of an artifact; anyone may ask.

    Refuses: NothingToDraw, BalanceTooLarge.
    """
    drawn = draw_first(state, context, command.artifact)
    if drawn is None:
        raise NothingToDraw(artifact=str(command.artifact))
    return drawn


def draw_first(state: State, context: Context, artifact: EntityKey) -> BountiesDrawn | None:
    """The same as a part of another command; None where there is nothing to draw.

    Less than a part is left for the next draw. What the bounties do not have is never asked of them later.
    Refuses: BalanceTooLarge.
    """
    board = board_of(state, artifact)
    spent = _spent(state, artifact)
    owed = worth_of(spent, board.spent, context.policy)
    assert owed >= 0, (board, spent)
    rows = [_bounty(state, name) for name in board.open]
    rest = [row.remaining for row in rows]
    if not owed or not any(rest):
        if spent != board.spent:
            state.put(BOARDS, artifact, board._replace(spent=spent))
        return None
    worth = owed.numerator // owed.denominator
    if not worth:
        return None
    count = board.draws + 1
    state.put(BOARDS, artifact, board._replace(spent=spent, draws=count))
    shares = pro_rata(min(worth, sum(rest)), rest)
    for row, share in zip(rows, shares, strict=True):
        if share:
            less = row._replace(remaining=row.remaining - share, drawn=row.drawn + share)
            state.put(BOUNTIES, row.bounty, less)
            move(state, context, row.escrow, TREASURY, share, "bounty drawn for compute")
            note_payment(state, context, row.bounty, DRAW, str(count), str(TREASURY), share)
    drawn = tuple((row.bounty, share) for row, share in zip(rows, shares, strict=True) if share)
    return BountiesDrawn(artifact, count, worth, drawn)


def board_of(state: State, artifact: EntityKey) -> Board:
    """The board of an artifact; one that begins now has seen all that was spent so far."""
    return state.get(BOARDS, artifact) or Board(artifact, (), _spent(state, artifact), 0)


def note_payment(
    state: State, context: Context, bounty: str, sort: str, subject: str, paid_to: str, amount: int
) -> None:
    """Write down that tokens have left a bounty's escrow."""
    row = Payment(bounty, sort, subject, context.number, context.now, paid_to, amount)
    state.put(PAYMENTS, PaymentKey(bounty, sort, subject), row)


def _spent(state: State, artifact: EntityKey) -> Amounts:
    for account in spent_of(artifact):
        # An account that is not there cannot be locked: whoever spent for the first time meanwhile would be before this
        # command in the journal and after it in the books. So it is opened here, and the two meet.
        if state.get(ACCOUNTS, account) is None:
            open_account(state, account)
    return tuple((unit, balance_of(state, account)) for unit, account in zip(COMPUTE, spent_of(artifact), strict=True))


def _bounty(state: State, name: str) -> Bounty:
    bounty = state.get(BOUNTIES, name)
    assert bounty is not None, name
    return bounty
