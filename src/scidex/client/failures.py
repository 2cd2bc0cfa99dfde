"""Every answer that is not the one asked for.

Refusal                    the server said no; the class is the one of its rule (scidex.ledger.InsufficientFunds)
│                          if the program has imported it, else that of its family, with the same `code`
ClientError                nobody knows what the server made of it
├── Unanswered             no answer came, however often it was asked for
├── ServerFailed           the server has a bug, or something in between answered for it
└── AnswerUnreadable       the answer is of another version, or of something else
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from pydantic_core import from_json

from scidex.core.errors import Busy, Forbidden, Invalid, Missing, Refusal, Refused

_FAMILIES: dict[str, type[Refusal]] = {kind.__name__: kind for kind in (Invalid, Forbidden, Missing, Refused, Busy)}
_BY_STATUS = {401: Forbidden, 402: Refused, 403: Forbidden, 404: Missing, 409: Refused, 429: Busy, 503: Busy}


class ClientError(Exception):
    """Nobody knows what the server made of the request."""

    def __init__(self, said: str, request_id: str, key: str | None) -> None:
        again = f" Asking again with idempotency_key={key!r} does it once in all." if key else ""
        super().__init__(f"{said} (request {request_id}).{again}")
        self.request_id = request_id
        self.key = key

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self).__new__, (type(self), *self.args), self.__dict__)


class Unanswered(ClientError):
    """No answer came, however often it was asked for."""


class ServerFailed(ClientError):
    """The server has a bug, which its log explains under the request's id, or something in between answered for it."""


class AnswerUnreadable(ClientError):
    """The answer is none that this version of the client knows."""


def refusal_of(problem: Mapping[str, Any], request_id: str | None = None) -> Refusal:
    """The refusal that a server described.

    It is of the class of its rule wherever the program can name that class, which is: has imported it.
    """
    code, status = str(problem.get("code")), int(problem.get("status") or 400)
    family = _FAMILIES.get(str(problem.get("title"))) or _BY_STATUS.get(status, Invalid)
    kind = next((each for each in _kinds(Refusal) if each.code == code), family)
    refusal = kind.told(str(problem.get("detail")), dict(problem.get("facts") or {}))
    refusal.code, refusal.status, refusal.request_id = code, status, request_id  # type: ignore[misc]
    if request_id is not None:
        refusal.add_note(f"request {request_id}")
    return refusal


def _kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def raise_for(response: httpx.Response, request_id: str, key: str | None) -> None:
    """Raise what an answer that is not the one asked for says."""
    if response.is_success:
        return
    told = response.headers.get("X-Request-Id", request_id)
    problem: Any = None
    if "json" in response.headers.get("Content-Type", ""):
        try:
            problem = from_json(response.content)
        except ValueError:
            problem = None
    if isinstance(problem, dict) and "code" in problem and response.status_code != 500:
        raise refusal_of(problem, told)
    said = problem.get("detail") if isinstance(problem, dict) else None
    raise ServerFailed(f"{response.status_code} {said or response.reason_phrase}", told, key)
