"""Every answer of no, in five families that each surface maps once.

    Refusal                       the base: nothing was changed
    ├── Invalid        400        the request can never be right: mend it
    ├── Forbidden      403        right request, wrong actor
    ├── Missing        404        what it names is not there
    ├── Refused        409        not in this state: ask again after a change (402 where a budget is short)
    └── Busy           503        nothing happened: try again with the same key

A rule has one class. Its docstring is the message and says what to do, its code is its name in snake case,
its facts are keyword arguments that fill the ``{placeholders}`` of the message. A bug is never a refusal: it is
an assertion.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

FAMILIES = ("Invalid", "Forbidden", "Missing", "Refused", "Busy")


class Refusal(Exception):
    """The request was refused and nothing was changed."""

    status: ClassVar[int] = 500
    """HTTP status of the family, or of the rule where it differs."""
    exit_code: ClassVar[int] = 1
    """Exit code of the command line."""
    code: ClassVar[str] = "refusal"
    """The word for this refusal at every door."""
    request_id: str | None = None
    """The request that was answered with it, where it came over the wire."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self._message())

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def told(cls, message: str, facts: dict[str, Any]) -> Self:
        """The refusal as somebody else has worded it: a server, or another process."""
        refusal = cls.__new__(cls)
        refusal.facts = facts
        Exception.__init__(refusal, message)
        return refusal

    @property
    def family(self) -> str:
        """Which of the five it is, by its word."""
        return next((kind.__name__ for kind in type(self).__mro__ if kind.__name__ in FAMILIES), "Refusal")

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), str(self), self.facts), vars(self))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.facts == self.facts

    def __hash__(self) -> int:
        return hash((self.code, str(self)))

    def _message(self) -> str:
        text = " ".join((type(self).__doc__ or "").split())
        return text.format_map(self.facts)


def _rebuild(kind: type[Refusal], message: str, facts: dict[str, Any]) -> Refusal:
    return kind.told(message, facts)


class Invalid(Refusal):
    """The request can never be right as it stands."""

    status = 400
    exit_code = 2


class Forbidden(Refusal):
    """The actor may not do this."""

    status = 403
    exit_code = 3


class Missing(Refusal):
    """What the request names does not exist."""

    status = 404
    exit_code = 4


class Refused(Refusal):
    """The state does not allow it now."""

    status = 409
    exit_code = 5


class Busy(Refusal):
    """Nothing happened; try again with the same key."""

    status = 503
    exit_code = 6
