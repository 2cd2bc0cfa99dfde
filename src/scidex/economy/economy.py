"""The only wiring: a database, the rules, and transactions around actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple, TypeVar, Unpack

from scidex.actors import RegisterActor
from scidex.core.clock import Clock, system_clock
from scidex.core.db import Database, Tx
from scidex.core.default import OpenDatabase
from scidex.core.errors import Refusal
from scidex.core.journal import Receipt, Request
from scidex.core.migrations import check_schema
from scidex.core.names import MAX_NAME, check_name
from scidex.core.seal import seal
from scidex.core.settings import Settings, load_settings
from scidex.economy.batcher import Batcher
from scidex.economy.investigation import Investigation
from scidex.economy.spend import Spend, Terms
from scidex.economy.waker import Waker
from scidex.entities import EntityKey
from scidex.exchange.bounties import draw_spent_bounties, expire_due_bounties
from scidex.exchange.liquidity import carry_out_due_changes
from scidex.exchange.markets import expire_due_orders
from scidex.exchange.settlement import advance_due_settlements
from scidex.ledger import expire_due_holds
from scidex.metering import UsageLine, open_coming_months
from scidex.policy import HOUSE, EnactPolicy, Policy, has_any
from scidex.senate.budgets import (
    Taken,
    expire_due_reservations,
    give_due_notices,
    intake_usage,
    return_due_grants,
)
from scidex.senate.proposals import advance_due_proposals
from scidex.senate.reviews import Reviewed, ReviewEnacted, due_reviews, enact_review, preview_review
from scidex.senate.scores import compute_due_scores
from scidex.work import SECONDS, Board, ClaimWork, expire_due_claims, open_ready_work, perform_work

Outcome = TypeVar("Outcome")
Watch = Callable[[Sequence[Request], Sequence[Receipt[Any] | Refusal], float], None]
"""Hears of every batch that was committed: its commands, their answers, and the seconds that it took."""
INTAKE_CHUNK = 10_000
"""Lines of usage that one transaction takes in. A key is of a chunk, so another size makes other keys."""


class IntakeReport(NamedTuple):
    """What became of lines of usage, which are counted from 0: one receipt for each chunk, the lines refused with why,
    and those that counted before."""

    receipts: tuple[Receipt[Taken], ...]
    refused: tuple[tuple[int, Refusal], ...]
    repeated: tuple[int, ...]


class Economy:
    """An open economy: use it as a context manager, which seals the journal on the way out, or close it.

    The actions of the slices take the transaction that `run` or `reading` opens::

        with Economy.open() as economy:
            economy.run(lambda tx: place_order(tx, market="m", outcome="yes", spend=20_000_000), actor="alice")
    """

    def __init__(self, opened: OpenDatabase, settings: Settings) -> None:
        self._opened = opened
        self._batcher: Batcher | None = None
        self._starting = Lock()
        self._board = Board()
        self._waker: Waker | None = None
        self.settings = settings
        self.watch: Watch | None = None

    @classmethod
    def open(cls, settings: Settings | None = None, *, clock: Clock = system_clock) -> Economy:
        """Open the economy of the settings; a new one gets its first policy and its operator.

        Refuses: what makes a home or a database unusable (HomeUnusable, DatabaseDown, SchemaBehind, ...).
        """
        settings = settings or load_settings()
        economy = cls(OpenDatabase(settings, clock=clock), settings)
        try:
            economy._begin()
        except BaseException:
            economy.close()
            raise
        return economy

    @property
    def database(self) -> Database:
        """Where it lives."""
        return self._opened.database

    @property
    def conninfo(self) -> str:
        """How to reach the database as its owner."""
        return self._opened.conninfo

    def run(self, work: Callable[[Tx], Outcome], *, actor: str | None = None, dry_run: bool = False) -> Outcome:
        """Do `work` in one transaction as `actor`: committed if it returns, rolled back if it raises or is a dry run.

        Refuses: what the actions in it refuse, and Contended, DatabaseDown, StorageFull, DatabaseReadOnly.
        """
        return self.database.run(work, actor=actor or self.settings.actor, dry_run=dry_run)

    def perform(self, requests: Sequence[Request], *, dry_run: bool = False) -> list[Receipt[Any] | Refusal]:
        """Carry out a batch of commands in one transaction: one answer per request, refused ones refuse alone.

        Claims to work are given their items in the same transaction.
        """
        started = time.perf_counter()
        answers = self.run(lambda tx: perform_work(tx, requests, self._board), dry_run=dry_run)
        if self.watch is not None and not dry_run:
            self.watch(requests, answers, time.perf_counter() - started)
        return answers

    def perform_all(self, requests: Sequence[Request]) -> list[Receipt[Any]]:
        """Carry out a batch whole: the first refusal is raised and nothing of the batch has happened."""

        def work(tx: Tx) -> list[Receipt[Any]]:
            receipts = []
            for answer in perform_work(tx, requests, self._board):
                if isinstance(answer, Refusal):
                    raise answer
                receipts.append(answer)
            return receipts

        return self.run(work)

    def intake(
        self,
        lines: Iterable[UsageLine],
        *,
        actor: str | None = None,
        key: str | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> IntakeReport:
        """Take in lines of usage in chunks, each a transaction of its own; `progress` hears how many lines are done.

        Lines that cannot be taken are refused alone. If a chunk fails, those before it stay: give the same lines again
        under the same key, and what was taken in is not taken in twice. Refuses: NameInvalid, AmountTooLarge,
        RoleNeeded, UnknownActor, BalanceTooLarge, KeyReused, and what `run` refuses.
        """
        if key is not None:
            check_name(key, "idempotency key", longest=MAX_NAME - 10)
        receipts: list[Receipt[Taken]] = []
        refused: list[tuple[int, Refusal]] = []
        repeated: list[int] = []
        rest = iter(lines)
        done = 0
        while chunk := list(islice(rest, INTAKE_CHUNK)):
            work = partial(intake_usage, lines=chunk, key=None if key is None else f"{key} {len(receipts) + 1}")
            found = self.database.run(work, actor=actor or self.settings.actor, pipelined=False)
            receipts.append(found.receipt)
            refused += ((done + place, refusal) for place, refusal in found.refused)
            repeated += (done + place for place in found.repeated)
            done += len(chunk)
            progress(done)
        return IntakeReport(tuple(receipts), tuple(refused), tuple(repeated))

    def review(
        self,
        *,
        pool: str,
        cycle: str,
        sort: str = "weekly",
        seed: str | None = None,
        actor: str | None = None,
        key: str | None = None,
    ) -> Receipt[ReviewEnacted]:
        """Review the budgets of a pool and enact what follows, all in one transaction.

        Refuses: what `enact_review` refuses.
        """
        work = partial(enact_review, pool=pool, cycle=cycle, sort=sort, seed=seed, key=key)
        return self.database.run(work, actor=actor or self.settings.actor, pipelined=False)

    def preview_review(self, *, pool: str, cycle: str, sort: str = "weekly", seed: str | None = None) -> Reviewed:
        """What a review would do now; nothing is changed. Refuses: what `preview_review` refuses."""
        with self.reading() as tx:
            return preview_review(tx, pool=pool, cycle=cycle, sort=sort, seed=seed)

    def hold_due_reviews(self) -> int:
        """Hold the reviews that the calendar asks for; how many that were. A pool that has nothing is left alone."""
        with self.reading(actor=HOUSE) as tx:
            due = due_reviews(tx)
        for pool, cycle, sort in due:
            self.review(pool=pool, cycle=cycle, sort=sort, actor=HOUSE)
        return len(due)

    @property
    def waiting(self) -> int:
        """Commands that wait for a batch."""
        return 0 if self._batcher is None else self._batcher.waiting

    @property
    def batcher(self) -> Batcher:
        """Where commands of many callers are gathered; its threads start with the first use."""
        with self._starting:
            if self._batcher is None:
                settings = self.settings
                self._batcher = Batcher(
                    self.perform,
                    size=settings.batch_size,
                    waiting_max=settings.batch_waiting_max,
                    writers=settings.batch_writers,
                )
            return self._batcher

    @property
    def waker(self) -> Waker:
        """Where it is heard that there may be new work."""
        with self._starting:
            if self._waker is None:
                self._waker = Waker(self.conninfo, self.settings)
            return self._waker

    def next_investigation(
        self,
        agent: str | None = None,
        *,
        kinds: Sequence[str] = (),
        seconds: int = SECONDS,
        wait_s: float = 0,
        key: str | None = None,
    ) -> Investigation:
        """The next piece of work for an agent, with its budget reserved, as a context manager; see `Investigation`.

        Waits for work for so many seconds if there is none. Refuses: NoWork, Overloaded, Stopping, and what
        `claim_work` refuses.
        """
        actor = agent or self.settings.actor
        request = Request(ClaimWork(tuple(kinds), seconds), actor, key)
        receipt = self.waker.patiently(lambda: self.batcher.perform(request), wait_s)
        return Investigation(self, receipt.result, actor, seconds)

    def spend(self, entity: EntityKey | tuple[str, str], actor: str | None = None, **terms: Unpack[Terms]) -> Spend:
        """A budget for a piece of work as a context manager, `with` or `async with`: all of it reserved, or none.

        Refuses, on entry: TierMissing and what `reserve` refuses.
        """
        return Spend(self, entity, actor or self.settings.actor, terms)

    @contextmanager
    def reading(self, *, actor: str | None = None) -> Iterator[Tx]:
        """A read-only transaction that sees one moment."""
        with self.database.reading(actor=actor or self.settings.actor) as tx:
            yield tx

    def seal(self) -> int:
        """Seal what was committed into blocks; how many journal rows that were."""
        sealed = 0
        while count := self.run(seal, actor=HOUSE):
            sealed += count
        return sealed

    def expire_due(self) -> int:
        """End every hold, claim to work, reservation, bounty and resting order whose time is over; open work that waits
        for nothing any more; draw on bounties for compute; carry out planned changes of liquidity; take every step of a
        settlement or a proposal that time has made due; how many that were."""
        sweeps: tuple[Callable[[Tx], Sequence[Receipt[Any]]], ...] = (
            expire_due_holds,
            expire_due_claims,
            open_ready_work,
            expire_due_reservations,
            draw_spent_bounties,
            expire_due_bounties,
            expire_due_orders,
            carry_out_due_changes,
            advance_due_settlements,
            advance_due_proposals,
        )
        return sum(len(self.run(sweep, actor=HOUSE)) for sweep in sweeps)

    def tend(self) -> int:
        """What is enough once an hour: give idle grants their notice, return those whose notice has run out, compute
        scores that are due, and make ready for the usage of the coming month; how many commands that took."""
        self.run(open_coming_months, actor=HOUSE)
        sweeps: tuple[Callable[[Tx], Sequence[Receipt[Any]]], ...] = (
            give_due_notices,
            return_due_grants,
        )
        taken = sum(len(self.run(sweep, actor=HOUSE)) for sweep in sweeps)
        # So many at a time, that nobody waits long for a budget whose score is written.
        while computed := self.run(compute_due_scores, actor=HOUSE):
            taken += len(computed)
        return taken

    def check(self) -> None:
        """See that the database answers and its tables are those of this version.

        Refuses: DatabaseDown, SchemaBehind, SchemaAhead, SchemaForeign, SchemaHalf.
        """
        check_schema(self.conninfo, self.settings)

    def revive(self) -> None:
        """Start the embedded server again if it has died."""
        self._opened.revive()

    def close(self) -> None:
        """Answer what waits, then let go of the database; the last user of an embedded one stops it."""
        if self._waker is not None:
            self._waker.stop()
        if self._batcher is not None:
            self._batcher.stop()
        self._opened.close()

    def __enter__(self) -> Economy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.seal()
        finally:
            self.close()

    def _begin(self) -> None:
        with self.reading() as tx:
            if has_any(tx):
                return
        # The same keys in every process: whoever comes second gets the first one's receipts.
        self.perform(
            [
                Request(EnactPolicy(Policy()), HOUSE, "genesis policy"),
                Request(RegisterActor("operator", "person", ("operator",)), HOUSE, "genesis operator"),
            ]
        )
