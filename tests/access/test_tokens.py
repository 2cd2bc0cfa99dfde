"""Tokens of an issuer of our own, whose keys are fetched over loopback HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from scidex import access
from scidex.access.tokens import Issuer, IssuerInvalid
from scidex.actors import register_actor
from scidex.core.settings import Settings
from scidex.economy import Economy

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Publishes its key, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
                answers = {
                    "/.well-known/openid-configuration": {"issuer": provider.url, "jwks_uri": f"{provider.url}/keys"},
                    "/keys": {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}, {"kty": "odd"}]},
                }
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answers[self.path]).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def economy(new_database, clock, provider):
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), auth="keys", oidc_issuer=provider.url)
    opened = Economy.open(settings, clock=clock)
    opened.run(lambda tx: register_actor(tx, name="alice"))
    yield opened
    opened.close()


def token(provider, key=KEY, kid="one", algorithm="RS256", **claims):
    claims = {"iss": provider.url, "aud": "scidex", "sub": "alice", "exp": time.time() + 300, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def ask(economy, given, actor=None):
    return access.authenticate(economy, authorization=f"Bearer {given}", actor=actor)


def test_a_token_is_a_key_of_the_actor_that_it_names(economy, provider):
    assert ask(economy, token(provider)) == access.Principal("alice", "token of alice", frozenset({"read"}))
    found = ask(economy, token(provider, sub="7f3", scidex_actor="alice", scope="openid scidex:trade scidex:king"))
    assert (found.actor, found.scopes) == ("alice", {"trade"})
    with pytest.raises(access.NotYourName):
        ask(economy, token(provider), "operator")


def test_what_is_no_token_of_the_issuer_for_us_is_refused(economy, provider):
    for wrong in (
        token(provider, aud="other"),
        token(provider, aud=None),
        token(provider, iss="https://evil.example"),
        token(provider, iss=None),
        token(provider, exp=time.time() - 60),
        token(provider, exp=None),
        token(provider, nbf=time.time() + 600),
        token(provider, sub=None),
        token(provider, scidex_actor=["alice"]),
        token(provider, sub="stranger"),
        token(provider, sub="system"),
        token(provider, key=OTHER),
        token(provider, kid="two"),
        token(provider, key=None, algorithm="none"),
        token(provider, key="x" * 64, algorithm="HS256"),
        token(provider)[:-4] + "AAAA",
        token(provider).rpartition(".")[0] + ".",
        "a.b.c",
        "e30.e30.e30",
    ):
        with pytest.raises(access.KeyRefused):
            ask(economy, wrong)
    assert ask(economy, token(provider)).actor == "alice"


def test_made_up_key_ids_do_not_become_requests_to_the_issuer(economy, provider, clock):
    ask(economy, token(provider))
    assert provider.asked == 2
    for number in range(5):
        with pytest.raises(access.KeyRefused):
            ask(economy, token(provider, kid=f"new-{number}"))
    assert provider.asked == 2
    clock.pass_by(301)
    ask(economy, token(provider))
    assert provider.asked == 4


def test_an_issuer_that_is_away_is_busy_and_one_that_anybody_could_be_is_refused(economy, provider):
    provider.server.server_close()
    with pytest.raises(access.IssuerDown):
        ask(economy, token(provider))
    for address in ("http://id.example.org", "ftp://127.0.0.1", "nonsense", "http://10.0.0.1"):
        with pytest.raises(IssuerInvalid):
            Issuer(address, economy.database.clock)
