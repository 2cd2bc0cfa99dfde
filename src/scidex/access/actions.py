"""How a door finds out who asks."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

import structlog

from scidex.access.model import KeyRefused, NotYourName, Principal, Unauthenticated
from scidex.access.rate import Rates
from scidex.access.tokens import Issuer
from scidex.actors import ReservedName, find_actors_named
from scidex.core.errors import Busy
from scidex.core.names import check_name
from scidex.economy import Economy
from scidex.keys import PREFIX, Key, digest_of, find_key, note_use
from scidex.policy import HOUSE, current

log = structlog.get_logger("scidex")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_KEY = re.compile(PREFIX + r"_(k[1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")
HEADER_MAX = 8192
"""Most characters of the header Authorization."""
_NOTED_EVERY = timedelta(seconds=60)
_NOBODY = "0" * 64
"""Compared with where there is no such key, so that the answer takes as long."""


class Gate:
    """What one process knows of those who ask: how often each key did, and when that was last put down."""

    def __init__(self, economy: Economy) -> None:
        settings, clock = economy.settings, economy.database.clock
        self.rates = Rates(clock)
        self.issuer = None if settings.oidc_issuer is None else Issuer(settings.oidc_issuer, clock)
        self._noted: dict[str, datetime] = {}
        self._lock = Lock()

    def is_due(self, key: str, now: datetime) -> bool:
        """Whether the use of this key should be put down: once a minute."""
        with self._lock:
            last = self._noted.get(key)
            if last is not None and abs(now - last) < _NOTED_EVERY:
                return False
            self._noted[key] = now
            return True


_gates: WeakKeyDictionary[Economy, Gate] = WeakKeyDictionary()
_opening = Lock()


def authenticate(economy: Economy, *, authorization: str | None, actor: str | None) -> Principal:
    """Who asks, from the header Authorization and the actor that the request names; both may be left out.

    A key binds: whoever sends one is its actor, has its scopes, and counts against its rate, whatever SCIDEX_AUTH is.
    Without one, the name is believed where SCIDEX_AUTH is loopback. Reads the database where a key is sent.

    Refuses: Unauthenticated, KeyRefused, NotYourName, RateExceeded, NameInvalid, ReservedName, IssuerDown.
    """
    if authorization is None:
        if economy.settings.auth == "keys":
            raise Unauthenticated()
        name = check_name(economy.settings.actor if actor is None else actor, "actor")
        if name == HOUSE:
            raise ReservedName(name=name)
        return Principal(name)
    gate = prepare(economy)
    credential = _credential(authorization)
    found = _of_key(economy, gate, credential) if _KEY.fullmatch(credential) else _of_token(economy, gate, credential)
    if actor is not None and actor != found.actor:
        raise NotYourName(actor=found.actor, given=actor[:100])
    return found


def prepare(economy: Economy) -> Gate:
    """What this process knows of those who ask; a door opens it when it starts. Refuses: IssuerInvalid, OidcMissing."""
    with _opening:
        gate = _gates.get(economy)
        if gate is None:
            gate = _gates[economy] = Gate(economy)
        return gate


def _credential(authorization: str) -> str:
    if len(authorization) > HEADER_MAX:
        raise KeyRefused(problem=f"the header Authorization has more than {HEADER_MAX} characters")
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise KeyRefused(problem="the header Authorization is not `Bearer` and one key")
    return found[1]


def _of_key(economy: Economy, gate: Gate, credential: str) -> Principal:
    found = _KEY.fullmatch(credential)
    assert found is not None
    name, secret = found.groups()
    with economy.reading() as tx:
        key, now = find_key(tx, name), tx.now
    digest = digest_of(secret)
    is_present = hmac.compare_digest(digest, _NOBODY if key is None else key.digest)
    is_earlier = hmac.compare_digest(digest, _NOBODY if key is None or key.earlier is None else key.earlier)
    if key is None or not (is_present or is_earlier):
        raise KeyRefused(problem="there is no such key")
    _check_life(key, now, is_present=is_present)
    gate.rates.take(key.key, key.per_minute)
    if gate.is_due(key.key, now):
        try:
            economy.run(lambda tx: note_use(tx, key.key), actor=key.actor)
        except Busy as busy:
            # A standby takes no writes; whoever asks should not be refused for that.
            log.warning("the use of a key was not put down", key=key.key, reason=str(busy))
    return Principal(key.actor, key.key, frozenset(key.scopes))


def _check_life(key: Key, now: datetime, *, is_present: bool) -> None:
    if key.revoked_at is not None:
        raise KeyRefused(problem=f"{key.key} was revoked")
    if key.expires_at <= now:
        raise KeyRefused(problem=f"the time of {key.key} is over")
    if not is_present and (key.earlier_until is None or key.earlier_until <= now):
        raise KeyRefused(problem=f"{key.key} was rotated, and this is the secret before")


def _of_token(economy: Economy, gate: Gate, credential: str) -> Principal:
    if gate.issuer is None or credential.startswith(f"{PREFIX}_"):
        raise KeyRefused(problem="there is no such key")
    actor, scopes = gate.issuer.verified(credential)
    with economy.reading() as tx:
        known = find_actors_named(tx, [actor])
        per_minute = current(tx)[0].key_requests_per_minute
    if not known or actor == HOUSE:
        raise KeyRefused(problem=f"the token is of {actor!r}, who is no registered actor")
    gate.rates.take(f"token of {actor}", per_minute)
    return Principal(actor, f"token of {actor}", scopes)
