"""Every route called as every role, and without a key: docs/access.md says what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from tests.house.access import BY_ROLE, CALLERS, ITS_OWN, may
from tests.surfaces.access import World, operations

from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import create_app
from scidex.surfaces.http.rights import OPEN_PATHS

STREAMS = {"get_event_stream", "get_stream"}
"""They do not end."""


@pytest.fixture
def world(new_database) -> Iterator[World]:
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), auth="keys")
    with Economy.open(settings) as economy, TestClient(create_app(economy)) as client:
        yield World(economy, client)


def asked(world: World, operation, path, body, headers) -> httpx.Response:
    return world.client.request(operation.method, path, json=body, headers=headers)


def test_every_route_answers_every_role_as_its_page_says(world: World) -> None:
    found = list(operations(world.client.get("/openapi.json").json()))
    assert len(found) > 130
    assert set(BY_ROLE) | set(ITS_OWN) <= {operation.name for operation in found}
    wrong = []
    for operation in found:
        if operation.path in OPEN_PATHS or operation.name in STREAMS:
            continue
        path, body = world.prepared(operation)
        refused = asked(world, operation, path, body, {})
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated"), operation.name
        assert refused.headers["www-authenticate"] == 'Bearer realm="scidex"'
        for caller in CALLERS:
            answer = asked(world, operation, path, body, world.people[caller])
            says = may(operation.name, operation.method, caller)
            if answer.status_code == 401 or answer.status_code >= 500 or (answer.status_code == 403) != (says != "may"):
                wrong.append((operation.name, caller, says, answer.status_code, answer.text[:200]))
        if operation.name in ITS_OWN:
            # About things made anew, since an operator may have ended those above.
            path, body = world.prepared(operation)
            answers = [asked(world, operation, path, body, whose) for whose in (world.owner, world.author)]
            if all(answer.status_code in (401, 403) for answer in answers):
                wrong.append((operation.name, "its owner", [answer.text[:200] for answer in answers]))
    assert not wrong, "\n".join(map(str, wrong))
