"""How the pages come to stand beside the routes of the API, which stay what they are."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, quote

import nicegui
from fastapi import FastAPI
from nicegui import core, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

from scidex.economy import Economy
from scidex.surfaces.dashboard import artifact, markets, pipeline
from scidex.surfaces.dashboard.frame import ACTOR_COOKIE, KEY_COOKIE, THEME
from scidex.surfaces.dashboard.reading import open_for

_KEPT_S = 30 * 86_400
_EXACT = {"/", "/sign-in", "/sign-out", "/favicon.ico"}
_BELOW = ("/markets", "/artifacts", "/_nicegui", "/_nicegui_ws")
_COUNTED_AS = SimpleNamespace(path="(pages)")
FAVICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='7' fill='#0b63ce'/>"
    "<path d='M6 22c7 0 6-12 12-12h8M6 12c5 0 6 10 12 10h8' stroke='#fff' stroke-width='3' fill='none'/></svg>"
)


def _is_page(path: str) -> bool:
    return path in _EXACT or any(path == below or path.startswith(below + "/") for below in _BELOW)


class _Pages(Mount):
    """Takes what is a page, and leaves every other path to the API, unknown ones too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if _is_page(scope.get("path", "")):
            match, found = super().matches(scope)
            return match, {**found, "route": _COUNTED_AS}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # NiceGUI writes its own application into the scope, which is not to reach those who count and log requests.
        await super().handle(dict(scope), receive, send)


def mount(app: FastAPI, economy: Economy) -> None:
    """Add the pages to the application, for the one economy that this process serves."""
    open_for(economy)
    ui.run_with(
        app,
        title="SciDEX",
        favicon=FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10,
    )
    # Pages of other sites may not open the socket, as they may not ask for changes.
    core.sio.eio.cors_allowed_origins = None
    ours = nicegui.app
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "app", None) is not ours]
    app.router.routes.append(_Pages("", app=ours))
    app.state.is_page = _is_page
    ui.add_head_html(THEME, shared=True)
    for topic in (pipeline, markets, artifact):
        topic.add_pages()
    # After the pages: one of them has the same path, and takes the place of whatever had it before.
    ours.add_route("/sign-in", _sign_in, methods=["POST"])
    ours.add_route("/sign-out", _sign_out, methods=["POST"])


async def _sign_in(request: Request) -> Response:
    """Keep who somebody says they are in the browser; whether it holds, each page asks anew."""
    form = parse_qs((await request.body()).decode(errors="replace"))
    target = form.get("next", ["/"])[0]
    # Only to a page of this server: what begins with two slashes is another one.
    answer = RedirectResponse(target if target.startswith("/") and target[1:2] not in ("/", "\\") else "/", 303)
    for field, cookie in (("key", KEY_COOKIE), ("actor", ACTOR_COOKIE)):
        given = form.get(field, [""])[0].strip()
        if given:
            answer.delete_cookie(KEY_COOKIE, httponly=True, samesite="strict")
            answer.set_cookie(cookie, quote(given, safe=""), max_age=_KEPT_S, httponly=True, samesite="strict")
    return answer


async def _sign_out(request: Request) -> Response:
    answer = RedirectResponse("/", 303)
    for cookie in (KEY_COOKIE, ACTOR_COOKIE):
        answer.delete_cookie(cookie, httponly=True, samesite="strict")
    return answer
