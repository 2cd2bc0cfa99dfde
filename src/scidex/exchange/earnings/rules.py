"""How output is rewarded, shared with what it builds on, and revoked: pure.

A reward is minted whole or not at all. An output is rewarded once, ever, so a reward cut down because of the day of its
review would stay so; what does not fit into a period is refused, and asked for again in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from scidex.actors import RoleNeeded, UnknownActor, require_role
from scidex.core.machine import State
from scidex.core.names import check_name
from scidex.core.units import TOKEN, brief, format_amount
from scidex.entities import EntityKey, require_entity
from scidex.exchange.earnings.model import (
    DEBTS,
    EMISSION,
    LINES,
    MINTS,
    OUTPUT_KINDS,
    OUTPUTS,
    PERIODS,
    QUALITY_ONE,
    REVIEWER,
    STANDINGS,
    Ancestor,
    Debt,
    EmissionExhausted,
    Line,
    LineKey,
    Mint,
    MintKey,
    NotRewarded,
    NotTheProducer,
    Output,
    OutputKnown,
    OutputWithdrawn,
    ParentRepeated,
    Period,
    PeriodKey,
    QualityInvalid,
    Recorded,
    RecordOutput,
    Retracted,
    RetractOutput,
    ReviewerHasStake,
    RewardedBefore,
    Standing,
    TooManyParents,
    UnknownKind,
    UnknownOutput,
    Verified,
    VerifyOutput,
)
from scidex.ledger import ACCOUNTS, balance_of, issuance_of, move, wallet_of
from scidex.policy import Context, Policy

_DEFAULT = Policy()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reward_of(kind: str, quality: int, policy: Policy = _DEFAULT) -> int:
    """The reward of an output in token parts, rounded down: base * (1 + (multiplier - 1) * quality), at most the cap.

    Quality is in thousandths. Where the policy has no base for the kind it is 0.

    >>> reward_of("hypothesis", 0), reward_of("hypothesis", 500), reward_of("hypothesis", 1000), reward_of("gate", 1000)
    (10000000, 20000000, 25000000, 2000000)
    """
    base = Fraction(policy.reward_base.get(kind, 0))
    multiplier = Fraction(policy.reward_multiplier.get(kind, 1))
    reward = base * (1 + (multiplier - 1) * Fraction(quality, QUALITY_ONE))
    if (cap := policy.reward_cap.get(kind)) is not None:
        reward = min(reward, Fraction(cap))
    parts = reward * TOKEN.parts
    return parts.numerator // parts.denominator


def emission_of(supply: int, policy: Policy = _DEFAULT) -> int:
    """The most that a period mints, in token parts rounded down, where there were so many parts at its beginning.

    >>> emission_of(0), emission_of(50_000 * 10**6), emission_of(10**15)
    (100000000, 1000000000, 10000000000)
    """
    grown = max(Fraction(policy.emission_growth) * supply, Fraction(policy.emission_least) * TOKEN.parts)
    most = min(grown, Fraction(policy.emission_tokens) * TOKEN.parts)
    return most.numerator // most.denominator


def royalties_of(amount: int, payees: Sequence[Ancestor], policy: Policy = _DEFAULT) -> list[int]:
    """What each payee gets of a reward of so many token parts; the rest, rounding included, is the producer's.

    What is k steps back shares amount * share^k equally, rounded down; a step at which nobody is to be paid, or that is
    beyond the policy's depth, leaves its part with the producer. The shares sum to less than the reward, because the
    share is at most a half.

    >>> near, far = (Ancestor(EntityKey("gap", name), name, None, depth) for name, depth in (("a", 1), ("b", 2)))
    >>> royalties_of(1000, [near, far]), royalties_of(1000, [near, near, near]), royalties_of(1000, [far])
    ([150, 22], [50, 50, 50], [22])
    """
    share = Fraction(policy.royalty_share)
    at_depth: dict[int, int] = {}
    for payee in payees:
        at_depth[payee.depth] = at_depth.get(payee.depth, 0) + 1
    each = {}
    for depth, count in at_depth.items():
        level = amount * share**depth / count if depth <= policy.royalty_depth else Fraction(0)
        each[depth] = level.numerator // level.denominator
    return [each[payee.depth] for payee in payees]


def lineage_of(hands: set[str], parents: Iterable[Output], policy: Policy = _DEFAULT) -> tuple[Ancestor, ...]:
    """What royalties of an output by these hands may go to, the nearest first, ties by type and id.

    What the same hands made is neither paid nor a step: nobody pays himself, and nobody moves others further back by
    putting something of his own between.
    """
    found: dict[EntityKey, Ancestor] = {}
    for parent in parents:
        step = 0 if parent.hands & hands else 1
        near = [Ancestor(parent.output, parent.producer, parent.owner, 0), *parent.lineage]
        for each in near:
            depth = each.depth + step
            if {each.producer, each.owner} & hands or not 1 <= depth <= policy.royalty_depth:
                continue
            before = found.get(each.output)
            if before is None or depth < before.depth:
                found[each.output] = each._replace(depth=depth)
    ordered = sorted(found.values(), key=lambda each: (each.depth, each.output))
    return tuple(ordered[: policy.royalty_payees_max])


def record(state: State, command: RecordOutput, context: Context) -> Recorded:
    """Write down what an output builds on: only what is recorded already, so that nothing ever builds on itself.

    The producer is who registered the entity. Who stands behind him is an operator's to say: with a false name anybody
    could keep others from their royalties.
    Refuses: NameInvalid, RoleNeeded, UnknownActor, TooManyParents, ParentRepeated, UnknownEntity, NotTheProducer,
    OutputKnown, UnknownOutput, OutputWithdrawn.
    """
    if command.owner is not None:
        check_name(command.owner, "owner")
        require_role(state, context, "operator")
    names = command.builds_on
    if len(names) > context.policy.builds_on_max:
        raise TooManyParents(given=len(names), most=context.policy.builds_on_max)
    for place, name in enumerate(names):
        if name == command.output or name in names[:place]:
            raise ParentRepeated(output=str(name))
    entity = require_entity(state, command.output)
    _require_producer(state, context, command.output, entity.proposer, "operator")
    before = state.get(OUTPUTS, command.output)
    if before is not None:
        raise OutputKnown(output=str(command.output), recorded_at=before.recorded_at.isoformat())
    parents = [_require_output(state, name) for name in names]
    for name in names:
        _require_standing(state, name)
    hands = {entity.proposer} if command.owner is None else {entity.proposer, command.owner}
    lineage = lineage_of(hands, parents, context.policy)
    state.put(
        OUTPUTS,
        command.output,
        Output(command.output, entity.proposer, command.owner, names, lineage, context.actor, context.now),
    )
    state.put(STANDINGS, command.output, Standing(command.output))
    return Recorded(command.output, entity.proposer, command.owner, lineage)


def verify(state: State, command: VerifyOutput, context: Context) -> Verified:
    """Mint the reward of an output and share it along what it builds on; a debt of a payee is repaid first.

    For a reviewer who neither made it, nor stands behind it, nor would be paid for it. One output takes at most its
    share of the period's emission.
    Refuses: UnknownKind, QualityInvalid, NameInvalid, UnknownOutput, UnknownActor, RoleNeeded, ReviewerHasStake,
    OutputWithdrawn, RewardedBefore, NotRewarded, EmissionExhausted, BalanceTooLarge.
    """
    if command.kind not in OUTPUT_KINDS:
        raise UnknownKind(kind=brief(command.kind), known=", ".join(OUTPUT_KINDS))
    if type(command.quality) is not int or not 0 <= command.quality <= QUALITY_ONE:
        raise QualityInvalid(given=brief(command.quality))
    check_name(command.note, "note", longest=1000)
    output = _require_output(state, command.output)
    require_role(state, context, REVIEWER)
    payees = [each for each in output.lineage if _stands(state, each.output)]
    if context.actor in output.hands or any(context.actor in (each.producer, each.owner) for each in payees):
        raise ReviewerHasStake(actor=context.actor, output=str(command.output))
    _require_standing(state, command.output)
    key = MintKey(command.output, command.kind)
    before = state.get(MINTS, key)
    if before is not None:
        raise RewardedBefore(output=str(command.output), kind=command.kind, at=before.at.isoformat())
    reward = reward_of(command.kind, command.quality, context.policy)
    if not reward:
        raise NotRewarded(kind=command.kind)
    period, amount = _room(state, context, reward)
    mint = Mint(
        *key, context.number, context.now, output.producer, context.actor, command.quality, amount, period.starts_at,
        command.note,
    )  # fmt: skip
    state.put(MINTS, key, mint)
    state.put(EMISSION, TOKEN.name, period._replace(minted=period.minted + amount))
    lines = _pay(state, context, mint, payees)
    return Verified(command.output, command.kind, amount, lines, period.left - amount, period.ends_at)


def retract(state: State, command: RetractOutput, context: Context) -> Retracted:
    """Revoke all rewards of an output: each payee gives back what he has, and owes the rest.

    Its producer may, or a reviewer, or an operator.
    Refuses: NameInvalid, UnknownOutput, NotTheProducer, OutputWithdrawn, BalanceTooLarge.
    """
    check_name(command.reason, "reason", longest=1000)
    output = _require_output(state, command.output)
    _require_producer(state, context, command.output, output.producer, REVIEWER)
    _require_standing(state, command.output)
    state.put(STANDINGS, command.output, Standing(command.output, context.now, context.actor, command.reason))
    for key, mint in state.whole(MINTS, command.output):
        state.put(MINTS, key, mint._replace(revoked_at=context.now))
    lines = tuple(_revoke(state, context, line) for _, line in state.whole(LINES, command.output))
    revoked = sum(line.amount for line in lines)
    if revoked:
        period = _current(state, context)
        state.put(EMISSION, TOKEN.name, period._replace(revoked=period.revoked + revoked))
    clawed = sum(line.clawed for line in lines)
    return Retracted(command.output, revoked, clawed, revoked - clawed, lines)


def _room(state: State, context: Context, reward: int) -> tuple[Period, int]:
    """The period that is under way, and how much of the reward one output may have of it."""
    period = _current(state, context)
    most = Fraction(context.policy.emission_output_share) * period.budget
    amount = min(reward, most.numerator // most.denominator)
    if not amount or amount > period.left:
        raise EmissionExhausted(
            needed=format_amount(amount or reward),
            left=format_amount(max(0, period.left)),
            ends_at=period.ends_at.isoformat(),
        )
    return period, amount


def _current(state: State, context: Context) -> Period:
    """The period of now: the one under way, or the next, which begins with the tokens that there are now."""
    found = state.get(EMISSION, TOKEN.name)
    if found is not None:
        if context.now < found.ends_at:
            return found
        state.put(PERIODS, PeriodKey(found.unit, found.starts_at), found)
    length = timedelta(seconds=context.policy.emission_period_s)
    starts_at = _EPOCH + (context.now - _EPOCH) // length * length
    ends_at = starts_at + length
    if found is not None:
        # A policy that changed the length must not let a period begin in one that is over.
        starts_at = max(starts_at, found.ends_at)
    supply = -balance_of(state, issuance_of(TOKEN.name))
    budget = emission_of(supply, context.policy)
    return Period(TOKEN.name, starts_at, ends_at, supply, budget, 0, 0, context.policy_version)


def _pay(state: State, context: Context, mint: Mint, payees: Sequence[Ancestor]) -> tuple[Line, ...]:
    """Move the shares of a reward, royalties first in order, and write a line for each."""
    royalties = royalties_of(mint.amount, payees, context.policy)
    shares = [(mint.producer, mint.output, 0, mint.amount - sum(royalties))]
    shares += [(each.producer, each.output, each.depth, part) for each, part in zip(payees, royalties, strict=True)]
    lines: list[Line] = []
    for payee, source, depth, amount in shares:
        if not amount:
            continue
        line = Line(mint.output, mint.kind, len(lines), payee, source, depth, amount)
        reason = "royalty" if depth else "earned"
        move(state, context, issuance_of(TOKEN.name), wallet_of(payee), amount, f"{reason}: {mint.kind}")
        lines.append(line._replace(netted=_repay(state, context, payee, amount)))
        state.put(LINES, LineKey(mint.output, mint.kind, line.line), lines[-1])
    assert sum(line.amount for line in lines) == mint.amount, mint
    return tuple(lines)


def _repay(state: State, context: Context, actor: str, amount: int) -> int:
    """Take a debt out of what was just earned, as far as that goes; how much that was."""
    debt = state.get(DEBTS, actor)
    repaid = min(amount, debt.amount) if debt else 0
    if debt and repaid:
        move(state, context, wallet_of(actor), issuance_of(TOKEN.name), repaid, "debt of revoked rewards")
        state.put(DEBTS, actor, Debt(actor, debt.amount - repaid))
    return repaid


def _revoke(state: State, context: Context, line: Line) -> Line:
    wallet = state.get(ACCOUNTS, wallet_of(line.payee))
    assert wallet is not None, line
    clawed = min(line.amount, wallet.available)
    if clawed:
        move(state, context, wallet.key, issuance_of(TOKEN.name), clawed, f"revoked: {line.kind}")
    owed = line.amount - clawed
    if owed:
        debt = state.get(DEBTS, line.payee) or Debt(line.payee, 0)
        state.put(DEBTS, line.payee, Debt(line.payee, debt.amount + owed))
    revoked = line._replace(clawed=clawed, owed=owed)
    state.put(LINES, LineKey(line.output, line.kind, line.line), revoked)
    return revoked


def _require_output(state: State, name: EntityKey) -> Output:
    output = state.get(OUTPUTS, name)
    if output is None:
        raise UnknownOutput(output=str(name))
    return output


def _stands(state: State, name: EntityKey) -> bool:
    standing = state.get(STANDINGS, name)
    return standing is not None and standing.retracted_at is None


def _require_standing(state: State, name: EntityKey) -> None:
    standing = state.get(STANDINGS, name)
    if standing is not None and standing.retracted_at is not None:
        raise OutputWithdrawn(output=str(name), retracted_at=standing.retracted_at.isoformat())


def _require_producer(state: State, context: Context, output: EntityKey, producer: str, role: str) -> None:
    """Pass if the actor made it, or has this role."""
    if context.actor == producer:
        return
    try:
        require_role(state, context, role)
    except (RoleNeeded, UnknownActor):
        raise NotTheProducer(output=str(output), producer=producer, actor=context.actor) from None
