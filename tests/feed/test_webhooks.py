"""Webhooks against a real receiver: signed, in order, at least once, kept up through failures, led nowhere private."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from tests.feed.test_feed import begin, buy, everything
from tests.surfaces.test_http import listening, refused

from scidex.actors import UnknownActor, register_actor
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.feed import (
    Deliverer,
    Feed,
    Position,
    TooManyWebhooks,
    UnknownWebhook,
    Webhook,
    WebhookRemoved,
    WebhooksOfOthers,
    WebhookUrlInvalid,
    add_webhook,
    delivery,
    enable_webhook,
    get_webhook,
    list_deliveries,
    remove_webhook,
    replay_webhook,
    store,
)
from scidex.feed.delivery import pause_after
from scidex.feed.hooks import MOST_EACH
from scidex.surfaces.http import create_app

BEGINNING = Position(0)


class Got(NamedTuple):
    """A message as it came."""

    id: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return str(json.loads(self.body)["id"])


class Receiver:
    """A server that keeps what it is sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], int | tuple[int, dict[str, str]]] = lambda got: 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got = Got(self.headers["webhook-id"], {k.lower(): v for k, v in self.headers.items()}, body)
                receiver.got.append(got)
                answer = receiver.answer(got)
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *unused: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def add(economy: Economy, url: str, **terms: object) -> Webhook:
    terms = {"private": True, "topics": "trades,prices", "after": BEGINNING, **terms}
    return economy.run(lambda tx: add_webhook(tx, url=url, **terms))


def stands(economy: Economy, hook: Webhook) -> Webhook:
    with economy.reading() as tx:
        return get_webhook(tx, hook.webhook)


def wanted(economy: Economy) -> list[str]:
    return [str(event.position) for event in everything(Feed(economy), topics="trades,prices")]


def test_messages_are_signed_cloud_events_in_the_order_of_the_journal(economy, receiver):
    begin(economy, "m", "n")
    buy(economy, "m", 3)
    buy(economy, "n", 2)
    hook = add(economy, receiver.url)
    assert Deliverer(economy).round() == len(wanted(economy)) == 12
    assert [got.event for got in receiver.got] == wanted(economy)
    for got in receiver.got:
        assert Verifier(hook.secret).verify(got.body, got.headers)["specversion"] == "1.0"
        assert got.headers["content-type"] == "application/cloudevents+json"
        assert got.id == f"{hook.webhook}_{got.event}"
    forged = base64.b64encode(b"another secret of some length...").decode()
    with pytest.raises(WebhookVerificationError):
        Verifier(forged).verify(got.body, got.headers)
    assert Deliverer(economy).round() == 0
    (number,) = buy(economy, "m")
    assert Deliverer(economy).round() == 2
    assert receiver.got[-1].event == f"{number}-1"


def test_only_what_is_wanted_is_sent_and_only_what_happens_after_it_was_made(economy, receiver):
    begin(economy, "m", "n")
    buy(economy, "n")
    hook = add(economy, receiver.url, topics="prices", subject="market/n", after=None)
    buy(economy, "m")
    (number,) = buy(economy, "n")
    Deliverer(economy).round()
    assert [got.event for got in receiver.got] == [f"{number}-1"]
    assert stands(economy, hook).delivered == 1


def test_while_a_receiver_is_down_nothing_is_lost_and_it_is_asked_ever_less_often(economy, receiver, clock):
    begin(economy, "m")
    hook = add(economy, receiver.url)
    receiver.answer = lambda got: 500
    deliverer = Deliverer(economy)
    for failures in range(1, 6):
        buy(economy, "m")
        deliverer.round()
        found = stands(economy, hook)
        assert (found.failures, found.state, len(receiver.got)) == (failures, "active", failures)
        pause = (found.next_at - clock.now).total_seconds()
        assert 2 ** (failures - 1) / 2 <= pause <= 2 ** (failures - 1)
        assert deliverer.round() == 0  # not yet
        clock.pass_by(pause)
    assert {got.id for got in receiver.got} == {receiver.got[0].id}
    receiver.answer = lambda got: 200
    deliverer.round()
    assert [got.event for got in receiver.got[5:]] == wanted(economy)
    with economy.reading() as tx:
        first, *_, last = list_deliveries(tx, hook.webhook)
    assert (first.status, first.problem, last.status, last.problem) == (200, None, 500, "it answered 500")
    assert stands(economy, hook).failures == 0


def test_what_stays_down_is_disabled_with_its_reason_and_enabled_by_hand(economy, receiver, clock):
    begin(economy, "m")
    hook = add(economy, receiver.url)
    receiver.answer = lambda got: 503
    deliverer = Deliverer(economy)
    while stands(economy, hook).state == "active":
        deliverer.round()
        clock.pass_by(7 * 3600)
    found = stands(economy, hook)
    assert found.failures >= delivery.DISABLED_AFTER
    assert "nothing was taken since 2026-01-01T00:00:00+00:00; at last: it answered 503" in (found.reason or "")
    tried = len(receiver.got)
    clock.pass_by(7 * 86_400)
    assert deliverer.round() == 0
    assert len(receiver.got) == tried
    receiver.answer = lambda got: 200
    economy.run(lambda tx: enable_webhook(tx, hook.webhook))
    deliverer.round()
    assert [got.event for got in receiver.got[tried:]] == wanted(economy)
    assert (stands(economy, hook).reason, stands(economy, hook).failing_since) == (None, None)


def test_a_receiver_says_that_it_wants_no_more_when_to_come_back_or_leads_away(economy, receiver, clock):
    begin(economy, "m")
    gone, later, away = (add(economy, f"{receiver.url}/{name}", topics=name) for name in ("prices", "prices", "prices"))
    answers = {
        gone.webhook: 410,
        later.webhook: (429, {"Retry-After": "600"}),
        away.webhook: (302, {"Location": f"{receiver.url}/elsewhere"}),
    }
    receiver.answer = lambda got: answers[got.id.rpartition("_")[0]]
    Deliverer(economy).round()
    assert len(receiver.got) == 3
    assert (stands(economy, gone).state, stands(economy, gone).reason) == (
        "disabled",
        "the receiver answered 410: it wants no more",
    )
    assert (stands(economy, later).next_at - clock.now).total_seconds() == 600
    with economy.reading() as tx:
        (attempt,) = list_deliveries(tx, away.webhook)
    assert (attempt.status, "redirects" in (attempt.problem or "")) == (302, True)


def test_an_answer_that_never_comes_or_never_ends_holds_nothing_up(economy, receiver):
    begin(economy, "m")
    slow, quick = add(economy, receiver.url), add(economy, receiver.url)
    receiver.answer = lambda got: time.sleep(1.5) or 200 if slow.webhook in got.id else 200
    started = time.monotonic()
    assert Deliverer(economy, timeout_s=0.5).round() == len(wanted(economy))
    assert time.monotonic() - started < 30
    assert (stands(economy, slow).failures, stands(economy, quick).failures) == (1, 0)
    with economy.reading() as tx:
        assert list_deliveries(tx, slow.webhook)[0].problem == "no answer within 0.5 s"


def test_replay_sends_the_same_again_under_the_same_ids_and_skips_what_is_dead(economy, receiver):
    begin(economy, "m")
    buy(economy, "m", 3)
    hook, deliverer = add(economy, receiver.url), Deliverer(economy)
    deliverer.round()
    first = list(receiver.got)
    receiver.got.clear()
    third = Position(*map(int, first[2].event.split("-")))
    economy.run(lambda tx: replay_webhook(tx, hook.webhook, after=third))
    deliverer.round()
    assert [(got.id, got.body) for got in receiver.got] == [(got.id, got.body) for got in first[3:]]
    # One event that its receiver cannot digest is left out by hand.
    receiver.answer = lambda got: 400 if got.event == first[1].event else 200
    receiver.got.clear()
    economy.run(lambda tx: replay_webhook(tx, hook.webhook, after=BEGINNING))
    deliverer.round()
    assert stands(economy, hook).position < Position(*map(int, first[1].event.split("-")))
    dead = Position(*map(int, first[1].event.split("-")))
    economy.run(lambda tx: replay_webhook(tx, hook.webhook, after=dead))
    deliverer.round()
    assert [got.event for got in receiver.got] == [first[0].event, first[1].event, *(got.event for got in first[2:])]


DELIVERS = """
import sys, time
from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.feed import Deliverer
with Economy.open(Settings(database_url=sys.argv[1])) as economy:
    deliverer = Deliverer(economy, lease_s=2, timeout_s=0.5)
    print("ready", flush=True)
    while True:
        deliverer.round()
        time.sleep(0.05)
"""


def test_a_deliverer_killed_between_sending_and_writing_sends_again_under_the_same_ids_in_order(new_database, receiver):
    url = new_database()

    def start() -> subprocess.Popen[str]:
        made = subprocess.Popen([sys.executable, "-c", DELIVERS, url], stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    with Economy.open(Settings(database_url=url)) as economy:
        begin(economy, "m", "n")
        for _ in range(4):
            buy(economy, "m", 2)
            buy(economy, "n", 2)
        whole, victims = wanted(economy), [start(), start()]
        killed: list[int] = []

        def kill_some(got: Got) -> int:
            if len(receiver.got) == 7 and not killed:
                # Whoever sent this has not been answered yet: both are killed, and one is started anew.
                for victim in victims:
                    os.kill(victim.pid, signal.SIGKILL)
                    victim.wait()
                killed.append(1)
            return 204

        receiver.answer = kill_some
        hook = add(economy, receiver.url)
        end = time.monotonic() + 90
        while stands(economy, hook).delivered < 1 or len({got.id for got in receiver.got}) < len(whole):
            assert time.monotonic() < end, len(receiver.got)
            if all(victim.poll() is not None for victim in victims):
                for victim in victims:
                    victim.stdout.close()
                victims[:] = [start()]
            time.sleep(0.05)
        for victim in victims:
            victim.kill()
            victim.wait()
            victim.stdout.close()
    assert killed == [1]
    ids = [got.id for got in receiver.got]
    assert len(ids) > len(whole)
    assert list(dict.fromkeys(ids)) == [f"{hook.webhook}_{event}" for event in whole]
    bodies: dict[str, bytes] = {}
    for got in receiver.got:
        assert bodies.setdefault(got.id, got.body) == got.body


def test_a_lease_keeps_others_away_until_it_runs_out_and_then_its_holder_writes_nothing(economy, receiver, clock):
    begin(economy, "m")
    hook = add(economy, receiver.url)
    end = Feed(economy).end()

    def claim(lease: str, seconds: int) -> list[Webhook]:
        from datetime import timedelta

        return economy.run(
            lambda tx: store.claim_due(tx, lease=lease, until=tx.now + timedelta(seconds=seconds), end=end, limit=9)
        )

    (held,) = claim("one", 60)
    assert claim("two", 60) == []
    assert Deliverer(economy).round() == 0
    clock.pass_by(60)
    assert len(claim("two", 60)) == 1
    outcome = delivery.Outcome(Position(99), [], 0, 0, None, clock.now, None)
    assert not economy.run(lambda tx: store.mark(tx, held.webhook, "one", outcome, release=True))
    assert economy.run(lambda tx: store.mark(tx, held.webhook, "two", outcome, release=True))
    assert stands(economy, hook).position == (99, Position(0).line)


def test_an_address_that_is_not_public_is_refused_unless_an_operator_allows_it(economy, receiver):
    begin(economy, "m")
    for url in (
        receiver.url,
        receiver.url.replace("127.0.0.1", "localhost"),
        receiver.url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
    ):
        hook = add(economy, url, private=False)
        Deliverer(economy).round()
        with economy.reading() as tx:
            (attempt,) = list_deliveries(tx, hook.webhook)
        assert attempt.status is None
        assert "not public" in (attempt.problem or "") or "gaierror" in (attempt.problem or "")
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "http://",
        "https://user:secret@example.org/",
        "https://exa mple.org",
        "http://h:99999/",
        "//x",
        "https://x.org/#part",
        "https://é.org",
    ],
)
def test_an_address_that_is_none_is_refused(economy, url):
    with pytest.raises(WebhookUrlInvalid) as refusal:
        add(economy, url)
    assert "secret" not in str(refusal.value)


def test_each_actor_sees_and_steers_its_own_and_operators_all(economy, receiver):
    begin(economy, "m")
    economy.run(lambda tx: register_actor(tx, name="bob"))

    def as_actor(name: str, **terms: object) -> Webhook:
        return economy.run(lambda tx: add_webhook(tx, url="https://example.org/x", **terms), actor=name)

    hook = as_actor("alice")
    for terms in ({"owner": "bob"}, {"private": True}):
        with pytest.raises(WebhooksOfOthers):
            as_actor("alice", **terms)
    with pytest.raises(UnknownActor):
        as_actor("nobody")
    assert as_actor("operator", owner="bob").owner == "bob"
    for work in (get_webhook, enable_webhook, remove_webhook, list_deliveries):
        with pytest.raises(UnknownWebhook):
            economy.run(lambda tx, work=work: work(tx, hook.webhook), actor="bob")
    assert economy.run(lambda tx: remove_webhook(tx, hook.webhook), actor="operator").secret == ""
    with pytest.raises(WebhookRemoved):
        economy.run(lambda tx: enable_webhook(tx, hook.webhook), actor="alice")
    for _ in range(MOST_EACH):
        as_actor("alice")
    with pytest.raises(TooManyWebhooks):
        as_actor("alice")


def test_the_secret_is_shown_once_and_never_logged(economy, receiver, capsys):
    begin(economy, "m")
    with listening(create_app(economy)) as client:
        body = {"url": receiver.url, "private": True, "topics": "prices", "after": "0"}
        made = client.post("/api/webhooks", json=body).json()
        secret, name = made.pop("secret"), made["webhook"]
        assert secret.startswith("whsec_")
        assert client.get(f"/api/webhooks/{name}").json() == made
        receiver.answer = lambda got: 500
        Deliverer(economy).round()
        (attempt,) = client.get(f"/api/webhooks/{name}/deliveries").json()
        assert (attempt["status"], attempt["problem"]) == (500, "it answered 500")
        answers = [
            client.get("/api/webhooks"),
            client.post(f"/api/webhooks/{name}/enable"),
            client.post(f"/api/webhooks/{name}/replay", json={"after": "0"}),
        ]
        answers.append(client.delete(f"/api/webhooks/{name}"))
        assert [answer.status_code for answer in answers] == [200] * 4
        refused(client.post(f"/api/webhooks/{name}/enable"), 409, "webhook_removed")
        refused(client.get("/api/webhooks/wh_none"), 404, "unknown_webhook")
    shown = (
        "".join(answer.text for answer in answers)
        + "".join(capsys.readouterr())
        + repr(stands(economy, Webhook(**{**made, "topics": (), "secret": "", "position": BEGINNING})))
    )
    assert secret not in shown
    with economy.reading() as tx:
        assert secret not in str(tx.execute("SELECT command, receipt FROM journal").fetchall())


def test_pauses_double_up_to_an_hour_and_differ():
    assert all(0.5 <= pause_after(1) <= 1 for _ in range(20))
    assert all(1800 <= pause_after(50) <= 3600 for _ in range(20))
    assert len({pause_after(5) for _ in range(20)}) > 1


def test_a_server_delivers_by_itself(new_database, receiver):
    url = new_database()
    env = dict(os.environ) | {"SCIDEX_DATABASE_URL": url}
    with Economy.open(Settings(database_url=url)) as economy:
        begin(economy, "m")
        add(economy, receiver.url)
        command = [sys.executable, "-m", "scidex", "--json", "worker"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            end = time.monotonic() + 60
            while len(receiver.got) < len(wanted(economy)):
                assert time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
        assert httpx.URL(receiver.url).host == "127.0.0.1"
