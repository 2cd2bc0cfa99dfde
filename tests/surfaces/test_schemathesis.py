"""schemathesis over the description of the API, with all its checks, as each role and as nobody.

In CI each operation is tried as one of those who may use it, and a twelfth of them with everything that the
description bounds. SCIDEX_SCHEMATHESIS=12 tries each as every role, and all of them with everything.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.house.access import CALLERS, NOBODY, may
from tests.surfaces.access import Operation, World
from tests.surfaces.probing import Probe, described

from scidex.core.settings import Settings
from scidex.economy import Economy
from scidex.surfaces.http import create_app

TIMES = int(os.environ.get("SCIDEX_SCHEMATHESIS", "1"))
PARTS = 12
FEW = 2
"""Inventions of the library for each operation."""


def shared_out(operations: list[Operation], times: int) -> dict[str, list[Operation]]:
    """Each operation goes to so many callers, in turn, first to those who may use it."""
    shares = defaultdict(list)
    for number, operation in enumerate(operations):
        names = [*CALLERS]
        turned = names[number % len(names) :] + names[: number % len(names)]
        turned.sort(key=lambda caller: may(operation.name, operation.method, caller) == "no")
        for caller in turned[:times]:
            shares[caller].append(operation)
    return shares


def test_schemathesis_finds_nothing_wrong(new_database, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(home=Path("/nonexistent"), database_url=new_database(), auth="keys", log_level="error")
    with Economy.open(settings) as economy:
        app = create_app(economy)
        with TestClient(app) as client:
            world = World(economy, client)
            description, operations = described(world, client)
            probe = Probe(app, description)
            # Whoever may do most, and so may end things, comes last.
            for caller, share in sorted(shared_out(operations, TIMES).items(), key=lambda of: of[0] == "operator"):
                everything = [each.name for each in share if operations.index(each) % PARTS < TIMES]
                for names, coverage in (
                    (everything, True),
                    ([each.name for each in share if each.name not in everything], False),
                ):
                    if names:
                        probe.run(names, world.people[caller], coverage=coverage, examples=FEW * TIMES)
                assert client.get("/api/market/markets", headers=world.people[caller]).status_code == 200, caller
            nobody = Probe(app, description)
            nobody.run([each.name for each in operations], {}, coverage=False, examples=0)
    with capsys.disabled():
        told = f"\nschemathesis: {probe.calls} calls, {dict(probe.statuses)}; {NOBODY}: {nobody.calls} calls\n"
        sys.stdout.write(told)
    wrong = probe.wrong | nobody.wrong
    assert not wrong, "\n\n".join(f"{' '.join(of)}: {said}" for of, said in wrong.items())
    assert probe.operations == nobody.operations == {f"{each.method} {each.path}" for each in operations}
    assert set(nobody.statuses) == {200, 401}
    assert probe.statuses[200] > len(operations) / 2
