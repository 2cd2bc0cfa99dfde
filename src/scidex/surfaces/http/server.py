"""The server process: listens, keeps house in the background, stops when it is told to."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from scidex.access import prepare
from scidex.economy import Economy, Keeper
from scidex.feed import Deliverer
from scidex.surfaces.http.app import Beside, create_app
from scidex.surfaces.http.problems import AddressNotLoopback, AddressTaken

GRACE_S = 15
"""Longest wait for requests under way when the server stops: above the longest wait for a lock."""
IDLE_S = 75
"""How long a silent connection is kept: above what clients keep theirs for, so that the client closes first."""


class _Server(uvicorn.Server):
    """Says when it answers, and when it begins to stop."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], on_stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams go on for as long as they may: they are ended before requests under way are waited for.
        self._on_stopping()
        await super().shutdown(sockets)


def serve(
    economy: Economy,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    beside: Mapping[str, Beside] | None = None,
    pages: Callable[[FastAPI, Economy], None] | None = None,
) -> None:
    """Answer on this address until SIGINT or SIGTERM; `on_ready` is told the URL, which has the port that 0 became.

    `beside` has other applications by their path; `pages` adds to the application what people look at.

    Refuses: AddressNotLoopback, AddressTaken, IssuerInvalid, OidcMissing.
    """
    prepare(economy)
    listening = _listen(host, port, anywhere=economy.settings.auth == "keys")
    with listening:
        app, keeper, deliverer = create_app(economy, beside), Keeper(economy), Deliverer(economy)
        app.state.metrics.keeper = keeper
        if pages is not None:
            pages(app, economy)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=IDLE_S,
        )
        server = _Server(config, lambda: on_ready(_url(listening)), app.state.events.close)
        with _stopping(server):
            if economy.settings.keeper:
                keeper.start()
                deliverer.start()
            try:
                server.run(sockets=[listening])
            finally:
                deliverer.stop()
                keeper.stop()


@contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """Signals stop the server, also before it runs and after; then uvicorn repeats them, which must not kill us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int, *, anywhere: bool) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not anywhere and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise AddressNotLoopback(host=host)
        # With the protocol spelt out asyncio sends each answer at once; without it every one waits 40 ms for company.
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except BaseException:
            listening.close()
            raise
        return listening
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AddressTaken(host=host, port=port, reason=reason) from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
