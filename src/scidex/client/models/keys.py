"""What the server answers: keys; made by `python -m tests.house.pages`."""

from __future__ import annotations

from datetime import datetime

from scidex.client.answers import Answer, Receipt


class KeyView(Answer):
    """A key without its secret."""

    # its id, which is no secret
    key: str
    actor: str
    # valid, expired or revoked
    state: str
    scopes: list[str]
    label: str
    # requests that it may make in a minute, per process of the server
    per_minute: int
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    # when it last got a new secret
    rotated_at: datetime | None
    # until when the secret before that is valid too
    earlier_until: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    # when it was last used, to within a minute
    used_at: datetime | None


class IssuedDone(Receipt):
    """A key, with its secret if this is the first answer."""

    key: str
    # whose key it is
    of: str
    expires_at: datetime
    # until when the secret before is valid too
    earlier_until: datetime | None = None
    # what to send as `Authorization: Bearer ...`; shown in this answer only, null in a repeated one
    secret: str | None


class RevokedDone(Receipt):
    """Which key is ended."""

    key: str
    # whose key it was
    of: str
