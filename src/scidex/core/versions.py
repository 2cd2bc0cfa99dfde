"""Changes that are meant for what somebody has read: two who read the same do not undo each other unseen."""

from __future__ import annotations

from scidex.core.errors import Refused


class VersionDiffers(Refused):
    """{whom} has version {now} by now, and the change was meant for version {given}; read it again, and change what
    stands there."""

    status = 412


def check_version(whom: str, given: int | str | None, now: int | str) -> None:
    """Pass if the change is meant for this version, or for any. For rules: there nothing comes between.

    Refuses: VersionDiffers.
    """
    if given is not None and given != now:
        raise VersionDiffers(whom=whom, given=given, now=now)
