"""Versions in headers: an ETag says what was read, If-Match what a change is meant for, If-None-Match what is known."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Header
from starlette.responses import Response

from scidex.surfaces.http.problems import described
from scidex.views import View

_DO = "the ETag of what was read: what has changed since is left as it is (412); without it, or *, whatever it is now"
IfMatchNumber = Annotated[str | None, Header(alias="If-Match", description=_DO, pattern=r'^(\*|"[0-9]{1,18}")$')]
IfMatchWord = Annotated[str | None, Header(alias="If-Match", description=_DO, pattern=r'^(\*|"[0-9a-f]{16}")$')]
IfNoneMatch = Annotated[
    str | None, Header(description="the ETag of what is known already: where it is still so the answer is 304, empty")
]
_ETAG = {"description": "the version, for If-Match", "schema": {"type": "string"}}
TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": _ETAG}}}
"""What a route that answers with an ETag says of it."""
KNOWN: dict[int | str, dict[str, Any]] = TAGGED | {304: {"description": "still so", "headers": {"ETag": _ETAG}}}
"""The same where it looks at If-None-Match."""
MATCHED: dict[int | str, dict[str, Any]] = {412: described("Refused: it has changed since that version was read")}
"""What a route says of it whose change may name a version, in If-Match or in its body."""


def version_in(if_match: str | None) -> str | None:
    """The version that a change is meant for; None for any."""
    return None if if_match in (None, "*") else if_match.strip('"')


def tagged(view: View, version: int | str, if_none_match: str | None = None) -> Response:
    """The answer with its ETag, or that it is still what the client knows."""
    tag = f'"{version}"'
    if if_none_match is not None and (if_none_match.strip() == "*" or tag in re.findall(r'"[^"]*"', if_none_match)):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(view.model_dump_json(), headers={"ETag": tag}, media_type="application/json")
