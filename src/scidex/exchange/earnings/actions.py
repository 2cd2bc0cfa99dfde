"""What a caller can do with earnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scidex.actors import ACTORS
from scidex.core.db import Tx
from scidex.core.journal import Receipt, Request, perform_one
from scidex.core.machine import Kind, Look, State, Whole, declare, nothing
from scidex.core.units import TOKEN
from scidex.entities import ENTITIES, EntityKey
from scidex.exchange.earnings import rules
from scidex.exchange.earnings.model import (
    DEBTS,
    EMISSION,
    LINES,
    MINTS,
    OUTPUTS,
    PERIODS,
    STANDINGS,
    MintKey,
    Recorded,
    RecordOutput,
    Retracted,
    RetractOutput,
    Verified,
    VerifyOutput,
)
from scidex.ledger import ACCOUNTS, AccountKey, issuance_of, wallet_of


def _asking(command: Any, actor: str, state: State) -> tuple[Look, ...]:
    return (Look(actor),)


def _output(command: VerifyOutput | RetractOutput, actor: str, state: State) -> tuple[EntityKey, ...]:
    return (command.output,)


def _whole(command: RetractOutput, actor: str, state: State) -> tuple[Whole, ...]:
    return (Whole(command.output),)


def _period(command: Any, actor: str, state: State) -> tuple[str, ...]:
    return (TOKEN.name,)


def _lineage(command: VerifyOutput, actor: str, state: State) -> Iterator[Look]:
    """The output and what its royalties go to; nobody may retract them meanwhile."""
    yield Look(command.output)
    output = state.get(OUTPUTS, command.output)
    yield from (Look(each.output) for each in output.lineage) if output else ()


def _to_pay(command: VerifyOutput, actor: str, state: State) -> set[str]:
    output = state.get(OUTPUTS, command.output)
    return {output.producer, *(each.producer for each in output.lineage)} if output else set()


def _paid(command: RetractOutput, actor: str, state: State) -> set[str]:
    return {line.payee for _, line in state.whole(LINES, command.output)}


def _accounts(actors: Iterable[str]) -> list[AccountKey]:
    return [issuance_of(TOKEN.name), *map(wallet_of, actors)]


RECORD = declare(
    Kind(
        "earning.record",
        RecordOutput,
        Recorded,
        rules.record,
        {
            OUTPUTS: lambda command, actor, state: (command.output, *command.builds_on),
            STANDINGS: lambda command, actor, state: (command.output, *map(Look, command.builds_on)),
            ENTITIES: lambda command, actor, state: (command.output,),
            ACTORS: _asking,
        },
    )
)
VERIFY = declare(
    Kind(
        "earning.verify",
        VerifyOutput,
        Verified,
        rules.verify,
        {
            OUTPUTS: _output,
            STANDINGS: _lineage,
            MINTS: lambda command, actor, state: (MintKey(command.output, command.kind),),
            LINES: nothing,
            EMISSION: _period,
            PERIODS: nothing,
            ACCOUNTS: lambda command, actor, state: _accounts(_to_pay(command, actor, state)),
            ACTORS: _asking,
            DEBTS: _to_pay,
        },
    )
)
RETRACT = declare(
    Kind(
        "earning.retract",
        RetractOutput,
        Retracted,
        rules.retract,
        {
            OUTPUTS: _output,
            STANDINGS: _output,
            MINTS: _whole,
            LINES: _whole,
            EMISSION: _period,
            PERIODS: nothing,
            ACCOUNTS: lambda command, actor, state: _accounts(_paid(command, actor, state)),
            ACTORS: _asking,
            DEBTS: _paid,
        },
    )
)


def record_output(
    tx: Tx,
    *,
    output: EntityKey,
    builds_on: Iterable[EntityKey] = (),
    owner: str | None = None,
    key: str | None = None,
) -> Receipt[Recorded]:
    """Say that a registered entity is an output, and which recorded outputs it builds on; that never changes.

    For its producer, who registered it, or an operator, who may also say who stands behind the producer.
    Refuses: NameInvalid, RoleNeeded, UnknownActor, TooManyParents, ParentRepeated, UnknownEntity, NotTheProducer,
    OutputKnown, UnknownOutput, OutputWithdrawn, KeyReused.
    """
    return perform_one(tx, Request(RecordOutput(output, tuple(builds_on), owner), tx.actor, key))


def verify_output(
    tx: Tx, *, output: EntityKey, kind: str, note: str, quality: int = 0, key: str | None = None
) -> Receipt[Verified]:
    """Find that an output is what it says, of a quality in thousandths, and mint its reward; for reviewers.

    Refuses: UnknownKind, QualityInvalid, NameInvalid, UnknownOutput, UnknownActor, RoleNeeded, ReviewerHasStake,
    OutputWithdrawn, RewardedBefore, NotRewarded, EmissionExhausted, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(VerifyOutput(output, kind, note, quality), tx.actor, key))


def retract_output(tx: Tx, *, output: EntityKey, reason: str, key: str | None = None) -> Receipt[Retracted]:
    """Take an output back and revoke its rewards; for its producer or a reviewer.

    Refuses: NameInvalid, UnknownOutput, NotTheProducer, OutputWithdrawn, BalanceTooLarge, KeyReused.
    """
    return perform_one(tx, Request(RetractOutput(output, reason), tx.actor, key))
