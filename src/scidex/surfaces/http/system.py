"""The system itself: health, version, policy."""

from __future__ import annotations

import platform
from importlib.metadata import version

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from scidex.core.db import Tx
from scidex.economy import Economy
from scidex.policy import Policy, current
from scidex.surfaces.http.inputs import AsReader
from scidex.surfaces.http.metrics import CONTENT_TYPE
from scidex.surfaces.http.versions import KNOWN, IfNoneMatch, tagged
from scidex.views import (
    View,
)

router = APIRouter(tags=["system"])


class HealthView(View):
    """The process runs and its database answers; where it does not, the answer is a problem (503)."""

    status: str = Field(description="ok")
    policy_version: int


class VersionView(View):
    """What answers here."""

    version: str
    python: str


class PolicyView(View):
    """The policy in force."""

    version: int = Field(description="every decision records it")
    policy: Policy


@router.get("/health")
def get_health(request: Request) -> HealthView:
    """Whether the process runs, the database answers and its tables are those of this version; no key is needed."""
    economy: Economy = request.app.state.economy
    economy.check()
    with economy.reading() as tx:
        return HealthView(status="ok", policy_version=current(tx)[1])


@router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(reader: AsReader, request: Request) -> Response:
    """Counts of this process and figures of the economy, for Prometheus."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


@router.get("/version")
async def get_version(reader: AsReader) -> VersionView:
    """Which version answers here."""
    return VersionView(version=version("scidex"), python=platform.python_version())


@router.get("/api/policy", response_model=PolicyView, responses=KNOWN)
def get_policy(reader: AsReader, if_none_match: IfNoneMatch = None) -> Response:
    """Every constant of the economy that is in force."""

    def work(tx: Tx) -> PolicyView:
        policy, number = current(tx)
        return PolicyView(version=number, policy=policy)

    found = reader.read(work)
    return tagged(found, found.version, if_none_match)
