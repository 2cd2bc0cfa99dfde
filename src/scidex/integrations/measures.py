"""What a machine can say by itself: CPU seconds as the operating system counts them, and bytes that are stored.

::

    with cpu_seconds(economy, ("hypothesis", "h1"), actor="alice", at_most=600):
        fold_proteins()
    with stored_bytes(economy, ("hypothesis", "h1"), "/data/h1", actor="alice") as store:
        write_much()
        store.observe()
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import uuid4

from scidex.client import Client
from scidex.core.errors import Missing
from scidex.economy import Economy
from scidex.entities import EntityKey
from scidex.integrations.doors import Door, door_of

SOURCE = "getrusage"
_SECONDS = 3600


class PathMissing(Missing):
    """There is nothing at {path} to measure; name the file or the folder that the artifact stores."""


class CpuTime:
    """What was measured; `seconds` is None until the block is left."""

    def __init__(self) -> None:
        self.seconds: Decimal | None = None


@contextmanager
def cpu_seconds(
    economy: Economy | Client,
    entity: EntityKey | tuple[str, str],
    *,
    actor: str | None = None,
    work: str | None = None,
    at_most: float | str | Decimal | None = None,
    of: Literal["process", "thread"] = "process",
) -> Iterator[CpuTime]:
    """Charge the CPU seconds, user and system, that the block takes, rounded to a millisecond.

    Those of the process count all its threads, and its children that have ended within the block; those of the thread
    are its alone, for blocks that run side by side. With `at_most` so many are reserved first, or the block is not
    entered; what is used above it is recorded all the same. Refuses: what `reserve` refuses, before the block, and what
    `settle` or `charge` refuses after it.
    """
    door, artifact = door_of(economy, actor), EntityKey(*entity)
    whose = {"artifact_type": artifact.entity_type, "artifact_id": artifact.entity_id, "work": work}
    event = f"cpu {uuid4().hex}"
    reservation: str | None = None
    if at_most is not None:
        held = door.reserve(**whose, cpu_seconds=str(at_most), seconds=_SECONDS)
        reservation = str(held.reservation)
    measured = CpuTime()
    before = _used(of)
    try:
        yield measured
    finally:
        measured.seconds = max(Decimal(0), _used(of) - before)
        used = {"unit": "cpu_seconds", "amount": str(measured.seconds), "event": event, "source": SOURCE}
        if reservation is not None:
            door.settle(reservation, [used] if measured.seconds else [], event)
        elif measured.seconds:
            door.use(event, **whose, **used)


def _used(of: str) -> Decimal:
    """CPU seconds so far, to a millisecond."""
    kinds = (resource.RUSAGE_THREAD,) if of == "thread" else (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    found = [resource.getrusage(kind) for kind in kinds]
    return Decimal(round(1000 * sum(each.ru_utime + each.ru_stime for each in found))).scaleb(-3)


class Store:
    """A file or a folder whose bytes are observed."""

    def __init__(self, door: Door, entity: EntityKey, path: Path, name: str) -> None:
        self._door = door
        self._entity = entity
        self._path = path
        self.name = name
        self.size = 0

    def observe(self) -> dict[str, float]:
        """Measure it now, and charge what has accrued since it was last observed; that, by unit.

        Refuses: PathMissing, and what `observe_stored` refuses.
        """
        self.size = bytes_in(self._path)
        return self._door.store(self._entity, self.name, self.size)


@contextmanager
def stored_bytes(
    economy: Economy | Client,
    entity: EntityKey | tuple[str, str],
    path: str | Path,
    *,
    actor: str | None = None,
    store: str | None = None,
) -> Iterator[Store]:
    """Observe how many bytes a file or a folder has, before the block and after it; within it, `observe` does so too.

    What it has accrues GB-hours until the next observation, also after the block. Its name is `store`, or that of the
    machine and the path. Refuses: PathMissing, and what `observe_stored` refuses.
    """
    where = Path(path).absolute()
    found = Store(door_of(economy, actor), EntityKey(*entity), where, store or f"file://{socket.gethostname()}{where}")
    found.observe()
    try:
        yield found
    finally:
        found.observe()


def bytes_in(path: Path) -> int:
    """The bytes of a file, or of all files under a folder, each once however many names it has; links are not followed.

    A file that goes while they are counted counts nothing. Refuses: PathMissing.
    """
    if not path.exists():
        raise PathMissing(path=str(path))
    seen: set[tuple[int, int]] = set()
    total = 0
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        try:
            told = each.lstat()
        except FileNotFoundError:
            continue
        if each.is_file() and not each.is_symlink() and (told.st_dev, told.st_ino) not in seen:
            seen.add((told.st_dev, told.st_ino))
            total += told.st_size
    return total
