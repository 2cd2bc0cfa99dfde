"""The background work in processes of its own: ticks on a schedule, each taken by one of the workers there are.

Procrastinate keeps the ticks in PostgreSQL. Every chore may be done twice, or left half way, without harm: its steps
are commands that are due once. So a worker that dies loses its tick and nothing else, and the next tick does what is
due.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from scidex.core.errors import Refusal
from scidex.core.queue import prepare_queue
from scidex.economy.economy import Economy

if TYPE_CHECKING:
    from procrastinate import App

RETRY_S = 2
"""Pause before the queue is opened again after it failed."""
_AT_ONCE = 3
"""Chores at the same time, so that a long one keeps no other waiting."""
_LATE_S = 7200
"""How long after its time a tick that nobody had is still made."""
log = structlog.get_logger("scidex")


class Chore(NamedTuple):
    """What is done at the times of a cron expression, whose sixth field are seconds."""

    name: str
    cron: str
    do: Callable[[], int]


def chores_of(economy: Economy) -> tuple[Chore, ...]:
    """The periodic work of an economy."""

    def sweep() -> int:
        return economy.expire_due() + economy.seal()

    return (
        Chore("sweep", f"* * * * * */{economy.settings.worker_every_s}", sweep),
        Chore("tend", "0 * * * *", economy.tend),
        Chore("reviews", "5 * * * *", economy.hold_due_reviews),
    )


def run_worker(economy: Economy, on_ready: Callable[[], None]) -> None:
    """Do the periodic work until SIGTERM or SIGINT, then finish what is under way; `on_ready` is told the first time.

    Any number of workers may run. When the database goes away, it waits until it is there again.
    """
    asyncio.run(_Worker(economy, on_ready).run())


class _Worker:
    def __init__(self, economy: Economy, on_ready: Callable[[], None]) -> None:
        self._economy = economy
        self._on_ready: Callable[[], None] | None = on_ready
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        while not self._stopping.is_set():
            try:
                await self._work()
            except Exception as problem:
                if isinstance(problem, Refusal) or type(problem).__module__.startswith(("procrastinate", "psycopg")):
                    log.warning(
                        "worker waits", code=getattr(problem, "code", type(problem).__name__), reason=str(problem)
                    )
                else:
                    log.exception("worker failed")
            if not self._stopping.is_set():
                await asyncio.to_thread(self._revive)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RETRY_S)

    async def _work(self) -> None:
        """Until told to stop, or until the queue fails."""
        app = await asyncio.to_thread(self._open)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    concurrency=_AT_ONCE,
                    fetch_job_polling_interval=1.0,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                if self._on_ready:
                    self._on_ready()
                    self._on_ready = None
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopping.cancel()
                if not working.done():
                    # Which lets it finish what is under way.
                    working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    def _open(self) -> App:
        # A third of a second to import, which only the process that works should pay.
        import procrastinate  # noqa: PLC0415
        from procrastinate.schema import SchemaManager  # noqa: PLC0415

        definition = SchemaManager.get_schema()
        # Another version of the library may need other tables: it gets others, and old workers keep theirs.
        schema = f"scidex_work_{hashlib.sha256(definition.encode()).hexdigest()[:8]}"
        settings = self._economy.settings
        conninfo = prepare_queue(self._economy.conninfo, settings, schema, definition)
        connector = procrastinate.PsycopgConnector(
            conninfo=conninfo, min_size=1, max_size=4, timeout=settings.connect_timeout_s
        )
        app = procrastinate.App(connector=connector, periodic_defaults={"max_delay": _LATE_S})
        for chore in chores_of(self._economy):
            # Of ticks that nobody has taken yet one is enough.
            task = app.task(name=chore.name, queueing_lock=chore.name, pass_context=False)(_tick(chore))
            app.periodic(cron=chore.cron)(task)
        app.periodic(cron="10 * * * *")(app.task(name="tidy", queueing_lock="tidy")(_tidy(app)))
        return app

    def _revive(self) -> None:
        try:
            self._economy.check()
        except Refusal:
            with suppress(Refusal):
                self._economy.revive()


def _tick(chore: Chore) -> Callable[..., None]:
    def do(timestamp: int) -> None:
        with structlog.contextvars.bound_contextvars(chore=chore.name):
            try:
                chore.do()
            except Refusal as refusal:
                log.warning("chore waits", code=refusal.code, reason=str(refusal))
            except Exception:
                log.exception("chore failed")

    return do


def _tidy(app: App) -> Callable[..., Any]:
    async def tidy(timestamp: int) -> None:
        """Forget the ticks of workers that died: what they were for the next ones have done."""
        from procrastinate.jobs import Status  # noqa: PLC0415

        for job in await app.job_manager.get_stalled_jobs():
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)

    return tidy
