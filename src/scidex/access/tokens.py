"""Tokens of an OpenID Connect issuer: JSON Web Tokens that it signed with a key which it publishes."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from scidex.access.model import KeyRefused
from scidex.core.errors import Busy, Refused
from scidex.keys import SCOPES

if TYPE_CHECKING:
    from jwt import PyJWK

AUDIENCE = "scidex"
"""Whom a token must be meant for."""
ACTOR_CLAIM = "scidex_actor"
"""Names the actor; without it the subject does."""
SCOPE_PREFIX = "scidex:"
"""What a word of the claim `scope` begins with that is a scope here; a token without any may only read."""
# Signatures that whoever can check them cannot make: no shared secret, and never `none`.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEPT = timedelta(minutes=5)
"""How long the issuer's keys are believed before they are fetched again."""
ASKED_AGAIN = timedelta(seconds=10)
"""Shortest time between two fetches, so that made-up key ids do not become requests to the issuer."""
LEEWAY_S = 30
"""How far clocks may differ, in seconds."""
TIMEOUT_S = 5.0
ANSWER_MAX = 2**20


class OidcMissing(Refused):
    """Tokens of an issuer need the package pyjwt; install it with `pip install 'scidex[oidc]'`."""


class IssuerInvalid(Refused):
    """SCIDEX_OIDC_ISSUER is {issuer!r}, and what is fetched from there could be anybody's; give an https address."""


class IssuerDown(Busy):
    """The issuer of tokens at {issuer} does not answer as it should ({problem}); try again, or use a key."""


class Issuer:
    """One issuer, with its keys as they were last fetched."""

    def __init__(self, issuer: str, clock: Callable[[], datetime]) -> None:
        if not _is_safe(issuer):
            raise IssuerInvalid(issuer=issuer)
        if find_spec("jwt") is None:
            raise OidcMissing()
        self._issuer = issuer
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched: datetime | None = None
        self._down: tuple[datetime, str] | None = None
        self._lock = Lock()

    def verified(self, token: str) -> tuple[str, frozenset[str]]:
        """The actor and the scopes of a token. Refuses: KeyRefused, IssuerDown."""
        import jwt  # noqa: PLC0415 - an extra

        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise KeyRefused(problem="the token is not signed in a way that is accepted")
            key = self._key(str(header.get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise KeyRefused(problem=f"the token is not valid ({str(error)[:100]})") from None
        actor = claims.get(ACTOR_CLAIM, claims["sub"])
        if not isinstance(actor, str):
            raise KeyRefused(problem=f"the token's {ACTOR_CLAIM} is not a name")
        return actor, _scopes(claims.get("scope"))

    def _key(self, kid: str) -> PyJWK:
        with self._lock:
            age = None if self._fetched is None else abs(self._clock() - self._fetched)
            if age is None or age > KEPT or (kid not in self._keys and age > ASKED_AGAIN):
                self._keys = self._fetch_if_up()
                self._fetched = self._clock()
            found = self._keys.get(kid)
        if found is None:
            raise KeyRefused(problem="the token is signed with a key that its issuer does not publish")
        return found

    def _fetch_if_up(self) -> dict[str, PyJWK]:
        """Fetch, unless that has just failed: then everybody who waits is told at once, and not after a fetch each."""
        if self._down is not None and abs(self._clock() - self._down[0]) < ASKED_AGAIN:
            raise IssuerDown(issuer=self._issuer, problem=self._down[1])
        try:
            found = self._fetch()
        except IssuerDown as down:
            self._down = self._clock(), str(down.facts["problem"])
            raise
        self._down = None
        return found

    def _fetch(self) -> dict[str, PyJWK]:
        from jwt import PyJWK, PyJWTError  # noqa: PLC0415 - an extra

        about = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self._issuer:
            raise IssuerDown(issuer=self._issuer, problem="it calls itself something else")
        address = about.get("jwks_uri")
        if not isinstance(address, str) or not _is_safe(address):
            raise IssuerDown(issuer=self._issuer, problem="it publishes no keys at a safe address")
        published = self._get(address).get("keys")
        found: dict[str, PyJWK] = {}
        for each in published if isinstance(published, list) else ():
            try:
                key = PyJWK(each)
            except (PyJWTError, TypeError, AttributeError):
                continue  # of a kind that this version does not know
            if key.algorithm_name in ALGORITHMS and each.get("use", "sig") == "sig" and key.key_id:
                found[key.key_id] = key
        return found

    def _get(self, address: str) -> dict[str, Any]:
        try:
            # No redirects: what is fetched from elsewhere is somebody else's.
            answer = httpx.get(address, timeout=TIMEOUT_S, follow_redirects=False)
            answer.raise_for_status()
            if len(answer.content) > ANSWER_MAX:
                raise ValueError("its answer is too long")
            found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise IssuerDown(issuer=self._issuer, problem=str(error)[:100]) from None
        if not isinstance(found, dict):
            raise IssuerDown(issuer=self._issuer, problem="its answer is not an object")
        return found


def _scopes(claim: object) -> frozenset[str]:
    words = claim.split() if isinstance(claim, str) else []
    named = {word.removeprefix(SCOPE_PREFIX) for word in words if word.startswith(SCOPE_PREFIX)}
    return frozenset(named & SCOPES.keys()) or frozenset({"read"})


def _is_safe(address: str) -> bool:
    """Whether nobody on the way can answer in its place: https, or this machine itself."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return bool(host)
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
