"""What a caller can do with usage in bulk; single events are recorded by the budgets that they are charged to."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from scidex.actors import find_actors_named
from scidex.core.db import Tx
from scidex.entities import EntityKey, find_known
from scidex.metering import intake
from scidex.metering.intake import Intake
from scidex.metering.model import INTAKE_LINES_MAX, EventKey, EventRow, IntakeTooLong, Price, UsageLine
from scidex.metering.pricebook import price_of
from scidex.metering.store import add_hours, copy_events, copy_rows, load_events, open_months
from scidex.policy import HOUSE, Context, Policy, current


def prepare_intake(tx: Tx, lines: Sequence[UsageLine]) -> Intake:
    """Make ready what `write_intake` takes in once the command of the intake has its number.

    A line that cannot be taken is named with its refusal, and the others go on. Missing prices are filled in.
    Refuses: IntakeTooLong, AmountTooLarge (all together), PolicyUnreadable.
    """
    if len(lines) > INTAKE_LINES_MAX:
        raise IntakeTooLong(given=len(lines), most=INTAKE_LINES_MAX)
    policy, version = current(tx)

    def counted(events: list[EventKey]) -> Mapping[EventKey, EventRow]:
        return dict(load_events(tx, events))

    context = Context(tx.actor, tx.now, policy, version, 0)

    def known(entities: set[EntityKey], actors: set[str]) -> tuple[Collection[EntityKey], Collection[str]]:
        found = {actor.name for actor in find_actors_named(tx, actors)}
        return find_known(tx, entities), found | {HOUSE}

    with _collector_waits():
        return intake.prepare(
            lines, context, price=lambda line: _price(line, policy, tx.now), counted=counted, known=known
        )


@contextmanager
def _collector_waits() -> Iterator[None]:
    """Columns are very many small objects and no cycles: to look for cycles meanwhile is a third of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def write_intake(tx: Tx, *, number: int, prepared: Intake) -> None:
    """Write the rows, their ids and their sums under the number of the command that recorded the intake.

    Only where that command was carried out now: under a repeated key the first receipt comes back, and nothing is
    written. Needs a transaction outside pipeline mode, in which PostgreSQL takes no COPY. An id that another counted
    meanwhile fails the transaction, which is then done again from `prepare_intake`.
    """
    if prepared.command.rows:
        open_months(tx, prepared.months)
        copy_events(tx, number, prepared.events)
        copy_rows(tx, number, prepared.text)
        add_hours(tx, prepared.hours)


def open_coming_months(tx: Tx) -> None:
    """See that this month and the next have their partitions, so that nobody waits for one when the month begins."""
    open_months(tx, [tx.now, tx.now.replace(day=1) + timedelta(days=32)])


def _price(line: UsageLine, policy: Policy, now: datetime) -> Price:
    if line.input_tokens is None or line.output_tokens is None:
        return Price(None, None)
    return price_of(
        model=line.model,
        provider=line.provider,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        cached_tokens=line.cached_tokens or 0,
        cache_write_tokens=line.cache_write_tokens or 0,
        used_at=line.used_at or now,
        policy=policy,
    )
