"""Server-sent events over a real connection: resumed without loss or repeat, bounded, ended in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from tests.conftest import DAWN
from tests.feed.test_feed import begin, buy, everything
from tests.surfaces.test_http import listening, refused

from scidex.economy import Economy
from scidex.feed import Event, Feed, Position, wanted_of
from scidex.surfaces.http import create_app, streams
from scidex.surfaces.http.streams import Hub, Stream


class Said(NamedTuple):
    """A server-sent event."""

    id: str
    event: str
    data: dict[str, Any]


def said(lines: Iterator[str]) -> Iterator[Said]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Said(fields.get("id", ""), fields["event"], json.loads(fields["data"]))
            fields = {}


@pytest.fixture
def app(economy: Economy) -> Any:
    return create_app(economy)


@pytest.fixture
def client(app: Any) -> Iterator[httpx.Client]:
    with listening(app) as opened:
        yield opened
        app.state.events.close()


def test_a_listener_hears_what_happens_from_now_on_and_only_what_it_wants(economy, client):
    begin(economy, "m", "n")
    with client.stream("GET", "/api/events", params={"topics": "prices", "subject": "market/n"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard = said(stream.iter_lines())
        buy(economy, "m")
        (number,) = buy(economy, "n")
        first = next(heard)
    assert (first.id, first.event) == (f"{number}-1", "prices")
    assert (first.data["type"], first.data["subject"]) == ("org.scidex.market.priced", "market/n")


def test_whoever_comes_back_with_the_last_id_hears_every_event_once(economy, client):
    begin(economy, "m")
    start = str(Feed(economy).end())
    heard: list[Said] = []
    last = start
    for _ in range(5):
        buy(economy, "m", 3)
        with client.stream("GET", "/api/events", headers={"Last-Event-ID": last}) as stream:
            events = said(stream.iter_lines())
            heard += [next(events) for _ in range(4)]  # leaves in the middle, once between the lines of a row
            last = heard[-1].id
    with client.stream("GET", "/api/events", params={"after": last}) as stream:
        events = said(stream.iter_lines())
        heard += [next(events) for _ in range(30 - len(heard))]
    wanted = everything(Feed(economy), Position(int(start)))
    assert [event.id for event in heard] == [str(event.position) for event in wanted]


def test_a_hundred_listeners_share_one_reader(economy, app, client):
    begin(economy, "m")
    looks = []
    read = app.state.events.feed.read
    app.state.events.feed.read = lambda *given: looks.append(given) or read(*given)

    async def listen() -> list[str]:
        async with httpx.AsyncClient(
            base_url=client.base_url, limits=httpx.Limits(max_connections=100), timeout=60
        ) as many:
            ready = asyncio.Barrier(101)

            async def one() -> str:
                async with many.stream("GET", "/api/events") as stream:
                    await ready.wait()
                    async for line in stream.aiter_lines():
                        if line.startswith("id: ") and "-" in line:
                            return line
                raise AssertionError

            tasks = [asyncio.create_task(one()) for _ in range(100)]
            await ready.wait()
            looks.clear()
            started = time.monotonic()
            await asyncio.to_thread(buy, economy, "m")
            lines = await asyncio.gather(*tasks)
            assert len(looks) <= 3 + (time.monotonic() - started) / streams.POLL_S
            return lines

    assert len(set(asyncio.run(listen()))) == 1


def test_too_many_streams_are_refused_and_so_are_words_that_are_none(client, monkeypatch):
    monkeypatch.setattr(streams, "MOST_STREAMS", 1)
    with client.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        refused(client.get("/api/events"), 503, "streams_busy")
    refused(client.get("/api/events", params={"topics": "weather"}), 400, "topic_unknown")
    refused(client.get("/api/events", headers={"Last-Event-ID": "x"}), 400, "position_invalid")


def test_events_that_have_happened_come_in_pages(economy, client):
    begin(economy, "m")
    buy(economy, "m", 2)
    pages, after = [], "0"
    while True:
        page = client.get("/api/events/past", params={"after": after, "limit": 2, "topics": "trades,prices"}).json()
        if not page["items"]:
            break
        pages.append([event["id"] for event in page["items"]])
        after = page["next"]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == [
        str(event.position) for event in everything(Feed(economy), topics="trades,prices")
    ]


def test_where_nothing_happens_a_listener_hears_that_the_server_is_there(client, monkeypatch):
    monkeypatch.setattr(streams, "BEAT_S", 2 * streams.POLL_S)
    with client.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        assert ": beat" in [next(lines) for _ in range(3)]


class Quiet:
    """A hub whose past is empty."""

    position = Position(10)

    def __init__(self, economy: Economy) -> None:
        self.feed = Feed(economy)


def test_a_listener_that_is_too_slow_is_cut_off_and_told_where_to_resume(economy, monkeypatch):
    monkeypatch.setattr(streams, "MOST_WAITING", 5)
    news = [(Event(Position(number, 0), DAWN, "prices", "t", "s", {}), b"x%d\n\n" % number) for number in range(11, 20)]

    async def listen() -> list[bytes]:
        stream = Stream(Quiet(economy), wanted_of(None), Position(10))
        chunks = stream.chunks()
        heard = [await anext(chunks)]
        stream.offer(news[:2])
        heard.append(await anext(chunks))
        stream.offer(news[2:])
        return heard + [chunk async for chunk in chunks]

    assert asyncio.run(listen()) == [
        b"retry: 2000\n\n",
        b"x11\n\nx12\n\n",
        b'event: end\ndata: {"code": "too_slow", "resume": "12-0"}\n\n',
    ]


def test_what_overtakes_a_listener_that_still_reads_the_past_is_read_from_the_journal(economy, monkeypatch):
    begin(economy, "m")
    monkeypatch.setattr(streams, "MOST_WAITING", 4)

    async def listen() -> list[str]:
        hub = Hub(economy)
        stream = await hub.open(wanted_of("trades"), Position(0))
        chunks = stream.chunks()
        assert await anext(chunks) == b"retry: 2000\n\n"
        await asyncio.to_thread(buy, economy, "m", 12)
        while not stream._lost:
            await asyncio.sleep(0.01)
        heard = b""
        while heard.count(b"id: ") < 12:
            heard += await anext(chunks)
        hub.leave(stream)
        return [line[4:].decode() for line in heard.split(b"\n") if line.startswith(b"id: ")]

    assert asyncio.run(listen()) == [str(event.position) for event in everything(Feed(economy), topics="trades")]


def test_a_beat_says_how_far_the_listener_is_and_skips_nothing(economy, monkeypatch):
    monkeypatch.setattr(streams, "BEAT_S", 0.01)

    async def listen() -> list[bytes]:
        hub = Quiet(economy)
        stream = Stream(hub, wanted_of("trades"), Position(10))
        chunks = stream.chunks()
        heard = [await anext(chunks)]
        hub.position = Position(17)
        heard.append(await anext(chunks))
        stream.end("stopping")
        return heard + [chunk async for chunk in chunks]

    assert asyncio.run(listen())[1:] == [
        b": beat\nid: 17\n\n",
        b'event: end\ndata: {"code": "stopping", "resume": "17"}\n\n',
    ]


def test_a_server_that_stops_ends_its_streams_at_once(new_database):
    command = [sys.executable, "-m", "scidex", "--json", "up", "--port", "0"]
    env = dict(os.environ) | {"SCIDEX_DATABASE_URL": new_database()}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, timeout=30) as client, client.stream("GET", "/api/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            (last,) = said(lines)
            assert (last.event, last.data["code"]) == ("end", "stopping")
        process.wait(timeout=30)
        assert time.monotonic() - started < 10  # the grace for requests is 15 s
        assert process.returncode == 0
