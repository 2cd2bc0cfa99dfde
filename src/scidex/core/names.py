"""Names that people and agents choose: actors, markets, artifacts, pools, idempotency keys."""

from __future__ import annotations

from scidex.core.errors import Invalid

MAX_NAME = 200


class NameInvalid(Invalid):
    """{field} is {given!r}; give 1 to {longest} printable characters without spaces at either end."""


def check_name(given: str, field: str, longest: int = MAX_NAME) -> str:
    """The name itself if it is usable. Refuses: NameInvalid.

    >>> check_name("hypothesis 7: tau/amyloid", "artifact_id")
    'hypothesis 7: tau/amyloid'
    """
    if (
        not isinstance(given, str)
        or not 1 <= len(given) <= longest
        or given != given.strip()
        or not given.isprintable()
    ):
        raise NameInvalid(field=field, given=given[:40] if isinstance(given, str) else given, longest=longest)
    return given
