"""What a settlement may stand on: four sorts of evidence, each with its facts and a reference to look them up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import ConfigDict, Field

from scidex.core.errors import Invalid
from scidex.core.names import MAX_NAME, check_name

_STRICT = ConfigDict(extra="forbid")
"""A misspelt fact is no fact."""


@dataclass(frozen=True, slots=True)
class Replication:
    """What came out when the result was tried again: on how many samples, and the value of which metric."""

    __pydantic_config__ = _STRICT

    reference: str
    result: Literal["confirmed", "refuted", "mixed"]
    samples: int
    metric: str
    value: Decimal
    sort: Literal["replication"] = "replication"


@dataclass(frozen=True, slots=True)
class ExternalVerdict:
    """What an authority outside has decided, and when: a regulator, a prize committee, a systematic review."""

    __pydantic_config__ = _STRICT

    reference: str
    authority: str
    verdict: str
    decided_on: date
    sort: Literal["verdict"] = "verdict"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a metric of a benchmark came to, beside the threshold that the question names."""

    __pydantic_config__ = _STRICT

    reference: str
    benchmark: str
    metric: str
    value: Decimal
    threshold: Decimal
    passes: Literal["at_least", "at_most"]
    sort: Literal["benchmark"] = "benchmark"

    @property
    def passed(self) -> bool:
        """Whether the value is on the side of the threshold that passes.

        >>> Benchmark("PMID:1", "CASP", "GDT", Decimal("92.4"), Decimal(90), "at_least").passed
        True
        """
        return self.value >= self.threshold if self.passes == "at_least" else self.value <= self.threshold


@dataclass(frozen=True, slots=True)
class Panel:
    """How a panel of people who know the field has voted; the reference is its record."""

    __pydantic_config__ = _STRICT

    reference: str
    members: int
    in_favour: int
    against: int
    sort: Literal["panel"] = "panel"


Evidence: TypeAlias = Annotated[Replication | ExternalVerdict | Benchmark | Panel, Field(discriminator="sort")]
SORTS: tuple[type, ...] = (Replication, ExternalVerdict, Benchmark, Panel)


class EvidenceMissing(Invalid):
    """{given} pieces of evidence were given; give at least 1 and at most {most}."""


class EvidenceInvalid(Invalid):
    """The evidence number {place} cannot be used: {problem}. Mend it; `scidex settlement propose --help` shows each
    sort."""


class ReferenceInvalid(Invalid):
    """The evidence number {place} refers to {given!r}; write PMID:12345678, doi:10.1000/xyz or an https address."""


_REFERENCES = {
    "pmid": re.compile(r"PMID:[1-9][0-9]{0,8}"),
    "doi": re.compile(r"(?:doi:|https://doi\.org/)10\.[0-9]{4,9}/[!-~]+"),
    "url": re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[!-~]*)?"),
}
_LONGEST_REFERENCE = 500
_LARGEST = Decimal(10) ** 30
_FINEST = -30


def form_of(reference: object) -> str | None:
    """What a reference is by its form, `pmid`, `doi` or `url`, or None; whether it is there is for people to see.

    >>> form_of("PMID:31978945"), form_of("https://doi.org/10.1038/s41586-021-03819-2"), form_of("a friend")
    ('pmid', 'doi', None)
    """
    if not isinstance(reference, str) or len(reference) > _LONGEST_REFERENCE:
        return None
    return next((form for form, pattern in _REFERENCES.items() if pattern.fullmatch(reference)), None)


def check_evidence(given: Sequence[Evidence], *, most: int, now: datetime) -> tuple[Evidence, ...]:
    """The evidence itself if every piece has its facts and a reference in one of the three forms.

    Refuses: EvidenceMissing, EvidenceInvalid, ReferenceInvalid, NameInvalid.
    """
    if not 1 <= len(given) <= most:
        raise EvidenceMissing(given=len(given), most=most)
    for place, piece in enumerate(given, start=1):
        if type(piece) not in SORTS:
            raise EvidenceInvalid(place=place, problem="it is of none of the sorts")
        if form_of(piece.reference) is None:
            raise ReferenceInvalid(place=place, given=str(piece.reference)[:60])
        problem = _problem_of(piece, now)
        if problem:
            raise EvidenceInvalid(place=place, problem=problem)
    return tuple(given)


def _problem_of(piece: Evidence, now: datetime) -> str | None:
    if isinstance(piece, Replication):
        check_name(piece.metric, "metric")
        if piece.result not in ("confirmed", "refuted", "mixed"):
            return "its result is none of confirmed, refuted, mixed"
        return _count(piece.samples, "samples") or _number(piece.value, "value")
    if isinstance(piece, ExternalVerdict):
        check_name(piece.authority, "authority")
        check_name(piece.verdict, "verdict", longest=5 * MAX_NAME)
        if type(piece.decided_on) is not date:
            return "decided_on is not a date"
        return "it was decided in the future" if piece.decided_on > now.date() else None
    if isinstance(piece, Benchmark):
        check_name(piece.benchmark, "benchmark")
        check_name(piece.metric, "metric")
        if piece.passes not in ("at_least", "at_most"):
            return "passes is neither at_least nor at_most"
        return _number(piece.value, "value") or _number(piece.threshold, "threshold")
    return _votes(piece)


def _votes(panel: Panel) -> str | None:
    for field, count in (("in_favour", panel.in_favour), ("against", panel.against)):
        if type(count) is not int or not 0 <= count <= 10**6:
            return f"{field} is not a whole number from 0 to a million"
    if panel.in_favour + panel.against == 0:
        return "nobody voted"
    if type(panel.members) is int and panel.members < panel.in_favour + panel.against:
        return "more votes than members"
    return _count(panel.members, "members")


def _count(given: object, field: str) -> str | None:
    if type(given) is not int or not 1 <= given <= 10**12:
        return f"{field} is not a whole number above 0"
    return None


def _number(given: object, field: str) -> str | None:
    if not isinstance(given, Decimal) or not given.is_finite():
        return f"{field} is not a finite number"
    exponent = given.as_tuple().exponent
    assert isinstance(exponent, int), given
    if abs(given) >= _LARGEST or exponent < _FINEST:
        return f"{field} has more than 30 digits before or after the point"
    return None


def in_words(piece: Evidence) -> str:
    """The facts of a piece of evidence in one line.

    >>> in_words(Benchmark("PMID:1", "CASP", "GDT", Decimal("92.4"), Decimal(90), "at_least"))
    'CASP: GDT is 92.4, at least 90 passes: passed'
    """
    if isinstance(piece, Replication):
        return f"replication {piece.result} on {piece.samples} samples: {piece.metric} is {piece.value}"
    if isinstance(piece, ExternalVerdict):
        return f"{piece.authority} on {piece.decided_on}: {piece.verdict}"
    if isinstance(piece, Benchmark):
        side = piece.passes.replace("_", " ")
        how = "passed" if piece.passed else "not passed"
        return f"{piece.benchmark}: {piece.metric} is {piece.value}, {side} {piece.threshold} passes: {how}"
    return f"panel of {piece.members}: {piece.in_favour} in favour, {piece.against} against"
