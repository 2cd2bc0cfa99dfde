"""Requests per second over HTTP: the product's server in a process of its own, and a client that is hardly there.

The client is one thread on raw sockets with requests made beforehand: it sends, waits for whichever answers, and sends
again. What it takes of a core stands in the report, so that nobody has to wonder whether it was what was measured.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from random import Random
from urllib.parse import urlsplit

import uvicorn
from starlette.types import Receive, Scope, Send

from bench.fleet import peak_mib
from bench.measure import ACTORS, Bench, Figure
from bench.server import settings_for
from bench.worlds import MARKETS, actor, market
from scidex.economy import Economy
from scidex.surfaces.http.server import serve

BARE = "HTTP, bare uvicorn, 32 clients"
WARM_S = 0.3
REQUESTS = 5_000
LINES = 1_000


def figures(name: str, *, crowd: bool) -> dict[str, Figure]:
    """The rows of a measure over HTTP; beside the yardstick if the clients are as many as its."""
    return {
        "rate": Figure(name, "requests/s", "rate" if crowd else None, note="one server process"),
        "p50": Figure(f"{name}, p50", "ms", "p50" if crowd else None),
        "p99": Figure(f"{name}, p99", "ms", "p99" if crowd else None),
    }


def bare_figures() -> dict[str, Figure]:
    """The rows of the yardstick, where the client has the most to do."""
    return {
        "rate": Figure(BARE, "requests/s", note="one server process, answers of 2 bytes"),
        "p50": Figure(f"{BARE}, p50", "ms"),
        "p99": Figure(f"{BARE}, p99", "ms"),
        "client": Figure(f"{BARE}, taken by the client", "of a core"),
    }


def transfers() -> list[bytes]:
    """A transfer of one token each."""
    dice, made = Random("web transfers"), []
    for _ in range(REQUESTS):
        debit, credit = dice.sample(range(ACTORS), 2)
        leg = {
            "debit": f"actor:{actor(debit)}/wallet/token",
            "credit": f"actor:{actor(credit)}/wallet/token",
            "amount": 1,
        }
        made.append(_request("POST", "/api/ledger/transfer", actor(debit), {"legs": [leg], "reason": "bench"}))
    return made


def bids() -> list[bytes]:
    """A bid of one token each, on any market."""
    dice, made = Random("web bids"), []
    for _ in range(REQUESTS):
        body = {"market": market(dice.randrange(MARKETS)), "outcome": dice.choice(("yes", "no")), "spend": 1}
        made.append(_request("POST", "/api/market/order", actor(dice.randrange(1000)), body))
    return made


def transfer_lines() -> list[bytes]:
    """A thousand transfers a request, which an operator asks for."""
    dice, made = Random("web lines"), []
    for _ in range(20):
        lines = []
        for _ in range(LINES):
            debit, credit = (f"actor:{actor(n)}/wallet/token" for n in dice.sample(range(ACTORS), 2))
            lines.append(
                {"do": "transfer", "legs": [{"debit": debit, "credit": credit, "amount": 1}], "reason": "bench"}
            )
        made.append(_request("POST", "/api/batch", "operator", lines))
    return made


def bid_lines() -> list[bytes]:
    """A thousand bids a request, on any market."""
    dice, made = Random("web bid lines"), []
    for _ in range(20):
        lines = [
            {"do": "buy", "market": market(dice.randrange(MARKETS)), "outcome": dice.choice(("yes", "no")), "spend": 1}
            for _ in range(LINES)
        ]
        made.append(_request("POST", "/api/batch", "operator", lines))
    return made


def prices() -> list[bytes]:
    """The prices of any market."""
    return [_request("GET", f"/api/market/price/h-{n:04d}", "operator", None) for n in range(MARKETS)]


def bare(bench: Bench) -> Mapping[str, float]:
    """Answers per second of an application that answers `{}` at once: what uvicorn and its loop can do at most."""
    made = [_request("GET", "/", "nobody", None)]
    with _serving(None) as server:
        return _warm_load(server.url, made, 32, bench.seconds)


def load(bench: Bench, requests: Callable[[], list[bytes]], clients: int) -> Mapping[str, float]:
    """Send requests from so many connections: answers per second, latencies in ms, and what the client took.

    The server stays until the group of measures is done, because its start takes longer than one of them.
    """
    if bench.served is None:
        bench.served = bench.until_group_ends.enter_context(_serving(bench.town)).url
    return _warm_load(bench.served, requests(), clients, bench.seconds)


def load_lines(bench: Bench, requests: Callable[[], list[bytes]], clients: int) -> Mapping[str, float]:
    """Commands per second in requests of a thousand, by a server that does not disturb the measures beside it."""
    with _serving(bench.town) as server:
        return {"rate": _warm_load(server.url, requests(), clients, bench.seconds)["rate"] * LINES}


def memory(bench: Bench) -> Mapping[str, float]:
    """The most memory of a server that carried out transfers for 32 clients."""
    with _serving(bench.town) as server:
        _load(server.url, transfers(), 32, bench.seconds)
    return {"serving": server.peak_mib}


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def _serve_bare(pipe: Connection) -> None:
    # As the product does: with the protocol spelt out, asyncio sends each answer at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    server = uvicorn.Server(uvicorn.Config(_answer, log_config=None, access_log=False, lifespan="off"))

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)
    pipe.send(f"http://127.0.0.1:{listening.getsockname()[1]}")
    # Its own `serve` would raise the signal again once it has stopped.
    asyncio.run(server._serve([listening]))
    pipe.send(peak_mib())


@dataclass(slots=True)
class _Server:
    """Where it listens, and, once it has stopped, the most memory that it had."""

    url: str
    peak_mib: float = 0.0


@contextmanager
def _serving(database: str | None) -> Iterator[_Server]:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, database), daemon=True)
    process.start()
    theirs.close()
    server = _Server(ours.recv())
    try:
        yield server
    finally:
        process.terminate()
        server.peak_mib = ours.recv()
        process.join()


def _serve(pipe: Connection, database: str | None) -> None:
    if database is None:
        _serve_bare(pipe)
        return
    with Economy.open(settings_for(database)) as economy:
        serve(economy, host="127.0.0.1", port=0, on_ready=pipe.send)
    pipe.send(peak_mib())


def _request(method: str, path: str, name: str, body: object | None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nX-Scidex-Actor: {name}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}Content-Type: application/json\r\n\r\n".encode() + content


def _warm_load(url: str, requests: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    _load(url, requests, clients, WARM_S)
    return _load(url, requests, clients, seconds)


def _load(url: str, requests: list[bytes], clients: int, seconds: float) -> dict[str, float]:
    where = urlsplit(url)
    ring = itertools.cycle(requests)
    times: list[float] = []
    connections = [socket.create_connection((where.hostname, where.port)) for _ in range(clients)]
    sent_at = dict.fromkeys(connections, 0.0)
    with selectors.DefaultSelector() as selector:
        began, used = time.perf_counter(), time.process_time()
        for each in connections:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(each, selectors.EVENT_READ, each)
            sent_at[each] = time.perf_counter()
            each.sendall(next(ring))
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in selector.select(timeout=5):
                each = key.data
                _receive(each)
                now = time.perf_counter()
                times.append(now - sent_at[each])
                sent_at[each] = now
                each.sendall(next(ring))
        taken, used = now - began, time.process_time() - used
    for each in connections:
        _receive(each)
        each.close()
    times.sort()
    return {
        "rate": len(times) / taken,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[len(times) * 99 // 100] * 1000,
        "client": used / taken,
    }


def _receive(connection: socket.socket) -> None:
    """Read one whole answer, which must be a good one."""
    answer = connection.recv(65536)
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _more(connection, answer)
    length = re.search(rb"content-length: (\d+)", answer[:end], re.IGNORECASE)
    if length is None:
        # In pieces, of which the last is empty.
        while not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += _more(connection, answer)
    while length is not None and len(answer) < end + 4 + int(length[1]):
        answer += _more(connection, answer)
    if not answer.startswith(b"HTTP/1.1 200") or b'"status":"refused"' in answer:
        raise RuntimeError(answer.decode(errors="replace")[-300:])


def _more(connection: socket.socket, before: bytes) -> bytes:
    found = connection.recv(65536)
    if not found:
        raise RuntimeError(f"the server hung up after {before[-200:]!r}")
    return found
