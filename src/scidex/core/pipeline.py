"""Statements that leave together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection

CANCEL_S = 5.0


@contextmanager
def gathering(connection: Connection[Any]) -> Iterator[Callable[[], None]]:
    """A pipeline that sends once an answer is needed, or when told to, and not at every statement.

    Each sending wakes the server: a single command would do so nine times, for half of its time. The driver has no
    switch for it, so this holds back what it would send.
    """
    with connection.pipeline() as pipeline:
        send, fetch = pipeline._communicate_gen, pipeline._fetch_gen

        def hold() -> Iterator[None]:
            return iter(())

        def fetch_all(*, flush: bool) -> Iterator[Any]:
            # What was sent is read to its end, also after an error: the first is told, not what follows from it.
            failed: list[psycopg.Error] = []
            parts = (send, partial(fetch, flush=flush)) if pipeline.command_queue else (partial(fetch, flush=flush),)
            for part in parts:
                try:
                    yield from part()
                except psycopg.Error as error:
                    failed.append(error)
            if failed:
                raise failed[0]

        def push() -> None:
            connection.wait(send())

        pipeline._communicate_gen, pipeline._fetch_gen = hold, fetch_all  # type: ignore[method-assign, assignment]
        try:
            yield push
        except Exception:
            raise
        except BaseException:
            # Whoever is told to leave (Ctrl-C) does not wait for the end of what was sent, which may wait for a lock.
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=CANCEL_S)
            raise
