"""Keys from outside: never with their secret, but for the one answer that makes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pydantic import Field

from scidex.core.db import Tx
from scidex.core.errors import Invalid
from scidex.core.journal import Receipt
from scidex.keys import PRESETS, SCOPES, Issued, Key, KeyRevoked, issue_key, revoke_key, rotate_key
from scidex.views.asks import Body, Deed, Seconds, Text, example
from scidex.views.base import Done, View, done


class PresetUnknown(Invalid):
    """There is no preset {given!r}; use one of {known}, or name scopes."""


class KeyView(View):
    """A key without its secret."""

    key: str = Field(description="its id, which is no secret")
    actor: str
    state: str = Field(description="valid, expired or revoked")
    scopes: list[str]
    label: str
    per_minute: int = Field(description="requests that it may make in a minute, per process of the server")
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    rotated_at: datetime | None = Field(description="when it last got a new secret")
    earlier_until: datetime | None = Field(description="until when the secret before that is valid too")
    revoked_at: datetime | None
    revoked_by: str | None
    used_at: datetime | None = Field(description="when it was last used, to within a minute")


class IssuedDone(Done):
    """A key, with its secret if this is the first answer."""

    key: str
    of: str = Field(description="whose key it is")
    expires_at: datetime
    earlier_until: datetime | None = Field(default=None, description="until when the secret before is valid too")
    secret: str | None = Field(
        description="what to send as `Authorization: Bearer ...`; shown in this answer only, null in a repeated one"
    )


class RevokedDone(Done):
    """Which key is ended."""

    key: str
    of: str = Field(description="whose key it was")


class KeyBody(Body):
    """Whose key, what for, how long."""

    model_config = example(preset="agent", label="laptop", seconds=2_592_000)

    actor: Text | None = Field(default=None, description="whose key; by default of who asks")
    preset: Text | None = Field(
        default=None, description=f"for whom: {', '.join(PRESETS)}", json_schema_extra={"enum": [*PRESETS, None]}
    )
    scopes: list[Text] = Field(default=[], max_length=20, description=f"besides the preset: {', '.join(SCOPES)}")
    label: str = Field(default="", description="what it is for, for people")
    seconds: Seconds | None = Field(default=None, description="how long it lives; by default what the policy says")
    per_minute: int | None = Field(default=None, description="requests per minute; by default what the policy says")

    def issue(self, tx: Tx, within: Collection[str] | None, key: str | None) -> IssuedDone:
        """Issue it. Refuses: PresetUnknown and what `issue_key` refuses."""
        issued = issue_key(
            tx,
            scopes=scopes_of(self.preset, self.scopes),
            actor=self.actor,
            label=self.label,
            seconds=self.seconds,
            per_minute=self.per_minute,
            within=within,
            key=key,
        )
        return issued_done(issued)


class RotateBody(Body):
    """How long the secret before stays valid, and how long the new one is."""

    model_config = example(overlap_s=3600)

    overlap_s: int = Field(default=0, ge=0, le=2**31, description="seconds for which the secret before stays valid")
    seconds: Seconds | None = Field(default=None, description="how long the new one lives")

    def rotate(self, tx: Tx, name: str, within: Collection[str] | None, key: str | None) -> IssuedDone:
        """Rotate it. Refuses: what `rotate_key` refuses."""
        rotated = rotate_key(tx, name, overlap_s=self.overlap_s, seconds=self.seconds, within=within, key=key)
        return issued_done(rotated)


class RevokeBody(Body):
    """Nothing but, if the header cannot be set, the key under which it happens once."""

    model_config = example(idempotency_key="revoke-k17")


class RevokeTerms(Deed):
    """Which key is ended."""

    model_config = example(key="k17")

    key: Text

    def do(self, tx: Tx, key: str | None) -> RevokedDone:
        """Refuses what `revoke_key` does."""
        return revoked_done(revoke_key(tx, self.key, key=key))


def scopes_of(preset: str | None, scopes: Collection[str]) -> tuple[str, ...]:
    """The scopes of a preset and those named besides. Refuses: PresetUnknown."""
    if preset is not None and preset not in PRESETS:
        raise PresetUnknown(given=preset, known=", ".join(PRESETS))
    return (*(PRESETS[preset] if preset is not None else ()), *scopes)


def key_view(key: Key, used_at: datetime | None, now: datetime) -> KeyView:
    """A key as it is at this moment."""
    facts = key._asdict()
    del facts["digest"], facts["earlier"]
    state = "revoked" if key.revoked_at is not None else "expired" if key.expires_at <= now else "valid"
    if key.earlier_until is not None and key.earlier_until <= now:
        facts["earlier_until"] = None
    return KeyView(**facts | {"scopes": list(key.scopes), "state": state, "used_at": used_at})


def issued_done(issued: Issued) -> IssuedDone:
    """The receipt of a new key or a new secret."""
    made = issued.receipt.result
    return IssuedDone(
        **done(issued.receipt),
        key=made.key,
        of=made.actor,
        expires_at=made.expires_at,
        earlier_until=getattr(made, "earlier_until", None),
        secret=issued.secret,
    )


def revoked_done(receipt: Receipt[KeyRevoked]) -> RevokedDone:
    """The receipt of the end of a key."""
    return RevokedDone(**done(receipt), key=receipt.result.key, of=receipt.result.actor)
