"""Many lines of usage at once: checked, summed and fingerprinted by column, which costs a few microseconds a line."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from scidex.actors import UnknownActor
from scidex.core.errors import Refusal
from scidex.core.names import MAX_NAME, check_name
from scidex.core.units import MAX_AMOUNT, AmountTooLarge
from scidex.entities import EntityKey, UnknownEntity
from scidex.metering.evidence import NULL, add_parts, charges_of
from scidex.metering.model import (
    RESOURCE_OF,
    HourRow,
    IntakeCharge,
    IntakeUsage,
    Price,
    UsageEvent,
    UsageLine,
)
from scidex.metering.rules import Counted, check_event, check_time, first_of_each
from scidex.policy import Context

_CONTEXT_LONGEST = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Intake:
    """What is to be taken in: the command for the journal, and the rows and sums that stand beside it.

    `text` holds the rows, by time of use, and `events` the ids that count now, as PostgreSQL's COPY reads them, but for
    journal number and time of record. `refused` names the lines that cannot be taken, `repeated` those whose event
    counted before; lines are counted from 0.
    """

    command: IntakeUsage
    text: str
    hours: tuple[HourRow, ...]
    events: str
    months: tuple[datetime, ...]
    refused: tuple[tuple[int, Refusal], ...]
    repeated: tuple[int, ...]


def check_lines(lines: Sequence[UsageLine], context: Context) -> list[tuple[int, Refusal]]:
    """The lines that cannot be taken in, by their place, each with the refusal that its event alone would get."""
    if not lines or _all_plain(lines, context):
        return []
    refused = []
    for place, line in enumerate(lines):
        try:
            check_name(line.entity_type, "entity_type")
            check_name(line.entity_id, "entity_id")
            check_name(line.actor, "actor")
            check_event(UsageEvent(*line[3:]), context)
        except Refusal as refusal:
            refused.append((place, refusal))
    return refused


def _all_plain(lines: Sequence[UsageLine], context: Context) -> bool:
    """Whether every line is certainly right: looked at by column, and False where in doubt."""
    each = _by_column(lines)
    texts: list[Any] = [each.entity_type, each.entity_id, each.actor, each.unit, each.source]
    optional: list[Any] = [each.event, each.model, each.provider, each.price_source, each.work, each.context]
    if any(set(map(type, column)) != {str} for column in texts):
        return False
    if any(not set(map(type, column)) <= {str, type(None)} for column in optional):
        return False
    names = {name for column in (*texts, *optional[:-1]) for name in column if name is not None}
    if not all(map(_is_name, names)) or not set(each.unit) <= RESOURCE_OF.keys():
        return False
    contexts: set[Any] = set(each.context or ()) - {None}
    if not all(_is_name(text, _CONTEXT_LONGEST) for text in contexts):
        return False
    return _times_plain(each.used_at, context) and _amounts_plain(each)


def _by_column(lines: Iterable[UsageLine]) -> Any:
    """One line whose fields are the fields of all lines."""
    return UsageLine._make(zip(*lines, strict=True))


def _is_name(text: str, longest: int = MAX_NAME) -> bool:
    return 0 < len(text) <= longest and text.isprintable() and text == text.strip()


def _times_plain(moments: Any, context: Context) -> bool:
    moments = [moment for moment in moments if moment is not None]
    if not moments:
        return True
    if set(map(type, moments)) != {datetime} or any(moment.tzinfo is None for moment in moments):
        return False
    try:
        check_time(min(moments), context)
        check_time(max(moments), context)
    except Refusal:
        return False
    return True


def _amounts_plain(each: Any) -> bool:
    columns = (each.input_tokens, each.output_tokens, each.cached_tokens, each.cache_write_tokens, each.usd)
    if set(map(type, each.amount)) != {int} or any(not set(map(type, one)) <= {int, type(None)} for one in columns):
        return False
    numbers = [number for column in columns for number in set(column) if number is not None]
    if min(numbers, default=0) < 0 or max(numbers, default=0) > MAX_AMOUNT:
        return False
    if min(each.amount) <= 0 or max(each.amount) > MAX_AMOUNT:
        return False
    given, returned, read, written = (_numbers(column, missing=-1) for column in columns[:4])
    amount = _numbers(each.amount)
    llm = np.array([RESOURCE_OF[unit][1] is not None for unit in each.unit])
    cached = np.maximum(read, 0) + np.maximum(written, 0)
    silent = (given < 0) & (returned < 0) & (read < 0) & (written < 0)
    stated = llm & (given >= 0) & (returned >= 0) & (given + returned == amount) & (cached <= given)
    return bool(np.all(silent | stated))


def _numbers(column: Iterable[int | None], missing: int = 0) -> Any:
    return np.array([missing if number is None else number for number in column], dtype=np.int64)


def _events(lines: Iterable[UsageLine]) -> str:
    """The ids of these lines in the order of their key, as COPY reads them."""
    rows = sorted(
        (line.actor, line.event, line.unit, line.amount, line.entity_type, line.entity_id)
        for line in lines
        if line.event is not None
    )
    text = "".join(
        [f"{actor}\t{event}\t{unit}\t{amount}\t{kind}\t{name}\n" for actor, event, unit, amount, kind, name in rows]
    )
    return text.replace("\\", "\\\\")


class _Group(NamedTuple):
    """What the lines of one sort have in common."""

    entity_type: str
    entity_id: str
    actor: str
    unit: str
    model: str | None
    provider: str | None
    work: str | None
    context: str | None
    source: str
    price_source: str | None


@dataclass(slots=True)
class Rendered:
    """Rows as text in the order of time of use, their fingerprint, and their sums."""

    text: str
    digest: str
    hours: tuple[HourRow, ...]
    charges: tuple[IntakeCharge, ...]


def fingerprint(texts: Iterable[str]) -> str:
    """SHA-256 of texts that follow each other, in hexadecimal."""
    # Half of a surrogate pair is no text: its line is refused for it, and counts in the fingerprint all the same.
    return hashlib.sha256("".join(texts).encode(errors="surrogatepass")).hexdigest()


def sent(lines: Sequence[UsageLine]) -> str:
    """The fingerprint of all lines as they were sent: without the prices and times that are filled in here."""
    if not lines:
        return fingerprint(())
    each = _by_column(lines)
    numbers = (list(range(len(lines))), _moments(each.used_at), each.amount, *each[9:14])  # input_tokens to usd
    texts = map(_joined, (*each[:4], *each[6:9], *each[14:]))
    return fingerprint(f"{column}\n" for column in (*numbers, *texts))


def _moments(column: Sequence[Any]) -> list[Any]:
    """As microseconds; what is no moment, and is refused for it, as it is."""
    right = (isinstance(moment, datetime) and moment.tzinfo is not None for moment in column)
    return [(moment - _EPOCH) // _MICROSECOND if good else moment for moment, good in zip(column, right, strict=True)]


def _joined(column: tuple[Any, ...]) -> str:
    """Texts parted by NUL, which none that is good holds, nor a new line; others as Python has them."""
    if set(map(type, column)) <= {str, type(None)} and "" not in column:
        joined = "\0".join([text or "" for text in column])
        if joined.count("\0") == len(column) - 1 and "\n" not in joined:
            return joined
    return repr(column)


def render(places: Sequence[int], lines: Sequence[UsageLine], prices: Sequence[Price]) -> Rendered:
    """Checked lines as the rows that count, numbered by their places, with what they sum to.

    Refuses: AmountTooLarge (all together).
    """
    if not lines:
        return Rendered("", fingerprint(()), (), ())
    usd, sources = zip(*prices, strict=True)
    each = _by_column(lines)._replace(usd=usd, price_source=sources)
    known: dict[tuple[Any, ...], int] = {}
    keys = zip(
        each.entity_type, each.entity_id, each.actor, each.unit, each.model, each.provider, each.work, each.context,
        each.source, sources, strict=True,
    )  # fmt: skip
    codes = [known.setdefault(key, len(known)) for key in keys]
    groups = list(map(_Group._make, known))
    shared = list(map(_shared, groups))
    moments = np.array([(moment - _EPOCH) // _MICROSECOND for moment in each.used_at], dtype=np.int64)
    at = np.datetime_as_string(moments.view("datetime64[us]")).tolist()
    numbers = [_nulls(column) for column in each[9:14]]  # input_tokens to usd
    rows = zip(places, at, each.amount, _texts(each.event), *numbers, codes, strict=True)
    texts = [
        f"{place}\t{used}Z\t{amount}\t{event}\t{given}\t{returned}\t{read}\t{written}\t{cost}\t{shared[code]}\n"
        for place, used, amount, event, given, returned, read, written, cost, code in rows
    ]
    most = max(sum(each.amount), sum(cost or 0 for cost in usd))
    if most > MAX_AMOUNT:
        raise AmountTooLarge(field="the sum of an intake", given=most, unit="parts", largest=MAX_AMOUNT)
    code = np.array(codes, dtype=np.int64)
    hours = _hours(moments // _HOUR, code, groups, each)
    # In the order of time the indexes are written page by page, which is a third of the time of COPY.
    in_time = "".join([texts[place] for place in np.argsort(moments, kind="stable").tolist()])
    return Rendered(in_time, fingerprint(texts), hours, _charges(code, groups, each))


def _shared(group: _Group) -> str:
    resource, tier = RESOURCE_OF[group.unit]
    return "\t".join(_texts((*group, resource, tier)))


def _texts(column: Iterable[str | None]) -> list[str]:
    """As COPY reads them; names hold no tab and no newline."""
    return [NULL if text is None else text.replace("\\", "\\\\") if "\\" in text else text for text in column]


def _nulls(column: Iterable[int | None]) -> list[int | str]:
    return [NULL if number is None else number for number in column]


def _hours(hour: Any, code: Any, groups: list[_Group], each: Any) -> tuple[HourRow, ...]:
    """The sums of each hour, in the order of their keys."""
    found, inverse = np.unique(hour * len(groups) + code, return_inverse=True)
    columns = (
        _numbers(each.amount),
        np.ones(len(code), dtype=np.int64),
        *map(_numbers, (each.input_tokens, each.output_tokens, each.cached_tokens, each.usd)),
        np.array([usd is None for usd in each.usd], dtype=np.int64),
    )
    summed = []
    for column in columns:
        total = np.zeros(len(found), dtype=np.int64)
        np.add.at(total, inverse, column)
        summed.append(total.tolist())
    sums: dict[tuple[Any, ...], list[int]] = {}
    for both, *totals in zip(found.tolist(), *summed, strict=True):
        group = groups[both % len(groups)]
        key = (both // len(groups), *group[:4], group.model or "", group.provider or "")
        sums[key] = [old + new for old, new in zip(sums.get(key, [0] * 7), totals, strict=True)]
    return tuple(HourRow._make((_EPOCH + timedelta(hours=key[0]), *key[1:], *sums[key])) for key in sorted(sums))


def _charges(code: Any, groups: list[_Group], each: Any) -> tuple[IntakeCharge, ...]:
    amount = _numbers(each.amount)
    unpriced = np.where([usd is None for usd in each.usd], amount, 0)
    totals = []
    for column in (amount, _numbers(each.usd), unpriced):
        total = np.zeros(len(groups), dtype=np.int64)
        np.add.at(total, code, column)
        totals.append(total.tolist())
    sums: dict[tuple[str, ...], list[int]] = {}
    for group, *parts in zip(groups, *totals, strict=True):
        add_parts(sums, group[:4], parts)
    return charges_of(sums)


Known = Callable[[set[EntityKey], set[str]], tuple[Collection[EntityKey], Collection[str]]]
"""Of these artifacts and these actors those that there are."""


def _strangers(lines: Sequence[UsageLine], bad: set[int], known: Known) -> list[tuple[int, Refusal]]:
    """The lines, but for those that are bad already, of an artifact or an actor that nobody registered."""
    good = [(place, line) for place, line in enumerate(lines) if place not in bad]
    entities, actors = {line[:2] for _, line in good}, {line.actor for _, line in good}
    there, present = known(set(map(EntityKey._make, entities)), actors)
    if entities <= set(there) and actors <= set(present):
        return []
    refused: list[tuple[int, Refusal]] = []
    for place, line in good:
        if line[:2] not in there:
            refused.append((place, UnknownEntity(entity_type=line.entity_type, entity_id=line.entity_id)))
        elif line.actor not in present:
            refused.append((place, UnknownActor(actor=line.actor)))
    return refused


def prepare(
    lines: Sequence[UsageLine],
    context: Context,
    *,
    price: Callable[[UsageLine], Price],
    counted: Counted,
    known: Known,
) -> Intake:
    """Check, price, count once and sum the lines; a line without a time is of now.

    `price` is asked for a price that a line does not give; `counted` says what of the ids has counted before, and
    `known` which artifacts and actors there are. Refuses: AmountTooLarge (all together).
    """
    refused = check_lines(lines, context)
    refused += _strangers(lines, {place for place, _ in refused}, known)
    bad = {place for place, _ in refused}
    places = [place for place in range(len(lines)) if place not in bad]
    good = [lines[place] for place in places] if bad else lines
    given = sent(lines)
    if any(line.used_at is None for line in good):
        good = [line if line.used_at is not None else line._replace(used_at=context.now) for line in good]
    prices = [price(line) if line.usd is None else Price(line.usd, line.price_source or "given") for line in good]
    first, conflicts = first_of_each(good, counted)
    refused += ((places[n], refusal) for n, refusal in conflicts)
    repeated = set(places) - {places[n] for n in first} - {place for place, _ in refused}
    if len(first) < len(good):
        places, good, prices = [places[n] for n in first], [good[n] for n in first], [prices[n] for n in first]
    taken = render(places, good, prices)
    return Intake(
        IntakeUsage(given, len(first), taken.digest, taken.charges, tuple(sorted(place for place, _ in refused))),
        taken.text,
        taken.hours,
        _events(good),
        tuple({row.hour for row in taken.hours}),
        tuple(sorted(refused, key=itemgetter(0))),
        tuple(sorted(repeated)),
    )
