"""An issuer that is down is asked once in a while, and whoever sends a token hears so at once."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from scidex.access.tokens import Issuer, IssuerDown

TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.AAAA"  # of anybody: the signature is never reached


def test_tokens_of_anybody_do_not_become_requests_to_an_issuer_that_is_down(clock):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}", clock)
        for _ in range(3):
            with pytest.raises(IssuerDown, match="503"):
                issuer.verified(TOKEN)
        assert len(asked) == 1
        clock.pass_by(10)
        with pytest.raises(IssuerDown):
            issuer.verified(TOKEN)
        assert len(asked) == 2
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
