"""A server on loopback, and a proxy before it that breaks connections."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import uvicorn
from psycopg.conninfo import make_conninfo

from scidex import Client
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import create_app


@pytest.fixture(scope="module")
def url(server: str) -> Iterator[str]:
    """Where an economy of this module's own answers HTTP."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE test_client TEMPLATE template_scidex")
    settings = Settings(home=Path("/nonexistent"), database_url=make_conninfo(server, dbname="test_client"))
    with Economy.open(settings) as economy:
        running = uvicorn.Server(uvicorn.Config(create_app(economy), port=0, log_config=None, access_log=False))
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            while not running.started:
                time.sleep(0.005)
            host, port = running.servers[0].sockets[0].getsockname()
            yield f"http://{host}:{port}"
        finally:
            running.should_exit = True
            thread.join()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE test_client WITH (FORCE)")


@pytest.fixture(scope="module")
def operator(url: str) -> Iterator[Client]:
    """Who sets things up; the world has two actors with tokens and three markets."""
    with Client(url, actor="operator") as client:
        for name in ("alice", "bob"):
            client.post_actor(name=name)
            client.post_issue(account=f"actor:{name}/wallet/token", amount=1000, reason="endowment")
        client.post_issue(account="actor:operator/wallet/token", amount=1000, reason="treasury")
        for name in ("tau/spreads", "microglia", "sleep"):
            client.post_entity(entity_type="hypothesis", entity_id=name, title=f"Title of {name}")
            client.post_open(market=name, artifact_id=name, question="Is it so?", liquidity=100)
        yield client


class Cutter:
    """A proxy that lets through so many bytes of the first answers and then breaks the connection."""

    def __init__(self, url: str, *lets_through: int) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._plan = list(lets_through)
        self.cut = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = "http://{}:{}".format(*self._listening.getsockname())
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                limit = self._plan.pop(0) if self._plan else None
                threading.Thread(target=self._carry, args=(caller, limit), daemon=True).start()

    def _carry(self, caller: socket.socket, limit: int | None) -> None:
        with suppress(OSError), caller, socket.create_connection(self._target) as server:
            threading.Thread(target=self._ask, args=(caller, server), daemon=True).start()
            while answered := server.recv(65536):
                if limit is not None:
                    # The server has answered, so whatever was asked has been done.
                    caller.sendall(answered[:limit])
                    limit -= min(limit, len(answered))
                    if not limit:
                        self.cut += 1
                        caller.shutdown(socket.SHUT_RDWR)
                        return
                else:
                    caller.sendall(answered)

    def _ask(self, caller: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while asked := caller.recv(65536):
                server.sendall(asked)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(url: str, *lets_through: int) -> Iterator[Cutter]:
    cutter = Cutter(url, *lets_through)
    try:
        yield cutter
    finally:
        cutter.close()
