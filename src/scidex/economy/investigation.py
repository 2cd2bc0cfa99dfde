"""A piece of work as a context manager: held while it goes on, then finished, or failed.

::

    with economy.next_investigation("alice", wait_s=30) as work:
        answer = call_the_model(work.payload, max_tokens=work.claimed.max_output_tokens)
        work.record(UsageEvent("llm_standard", answer.tokens, event=answer.id))
        work.learned(edges=[NewEdge("APOE4", "raises", "risk of AD", "PMID:8346443")])
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog

from scidex.atlas.knowledge import NewEdge, NewGain
from scidex.core.errors import Refusal
from scidex.core.journal import Request
from scidex.metering import UsageEvent
from scidex.work import Claimed, Finished, HeartbeatWork, NewOutput, ReturnWork, to_fail, to_finish

if TYPE_CHECKING:
    from scidex.economy.economy import Economy

log = structlog.get_logger("scidex")


class Investigation:
    """A claim to work. On the way out it is finished with what was recorded and learned, or failed with the error that
    left it; meanwhile a heartbeat holds it. Given back, it is neither."""

    def __init__(self, economy: Economy, claimed: Claimed, actor: str, seconds: int) -> None:
        self._economy = economy
        self._actor = actor
        self._seconds = seconds
        self._events: list[UsageEvent] = []
        self._edges: list[NewEdge] = []
        self._gains: list[NewGain] = []
        self._outputs: list[NewOutput] = []
        self._returned = False
        self._ended = Event()
        self._beating: Thread | None = None
        self.claimed = claimed
        """What was claimed: the item, its budget and its reservation, and why it was chosen."""
        self.outcome: Finished | None = None
        """What became of it, once it has ended."""
        self.note: str | None = None
        """What is remembered of the result."""

    @property
    def payload(self) -> Any:
        """What its proposer wrote."""
        return json.loads(self.claimed.payload)

    def record(self, *events: UsageEvent) -> None:
        """Note what was used; it is charged at the end."""
        self._events += events

    def learned(self, edges: Iterable[NewEdge] = (), gains: Iterable[NewGain] = ()) -> None:
        """Note what was found; it is submitted at the end."""
        self._edges += edges
        self._gains += gains

    def produced(self, *outputs: NewOutput) -> None:
        """Note registered entities that were made; they are recorded as outputs at the end."""
        self._outputs += outputs

    def give_back(self) -> None:
        """Let others have it, of which nothing was used.

        Refuses: UnknownWorkClaim, NotYourClaimOfWork, ClaimOver, UnknownReservation, NotYourReservation,
        ReservationExpired, ReservationEnded, Overloaded, Stopping.
        """
        self._perform(ReturnWork(self.claimed.claim))
        self._returned = True

    def __enter__(self) -> Investigation:
        self._beating = Thread(target=self._beat, name=f"heartbeat of {self.claimed.claim}", daemon=True)
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._beating is not None:
            self._beating.join()
        if self._returned:
            return
        claim = self.claimed.claim
        with self._economy.reading(actor=self._actor) as tx:
            if error is not None:
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:1000]
                command: object = to_fail(tx, claim=claim, reason=reason, events=self._events)
            else:
                command = to_finish(
                    tx,
                    claim=claim,
                    events=self._events,
                    edges=self._edges,
                    gains=self._gains,
                    outputs=self._outputs,
                    note=self.note,
                )
        self.outcome = self._perform(command)

    def _perform(self, command: object) -> Any:
        return self._economy.batcher.perform(Request(command, self._actor)).result

    def _beat(self) -> None:
        # Three times in a lease, so that two of them may be lost.
        while not self._ended.wait(self._seconds / 3):
            try:
                self._perform(HeartbeatWork(self.claimed.claim, self._seconds))
            except Refusal as refusal:
                log.warning("heartbeat refused", claim=self.claimed.claim, code=refusal.code, reason=str(refusal))
