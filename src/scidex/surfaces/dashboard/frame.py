"""What every page has around it: who looks, where one can go, light or dark, and that the server is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import unquote

from nicegui import ui
from starlette.requests import Request

from scidex.access import Principal, Unauthenticated, authenticate
from scidex.actors import Actor, UnknownActor, find_actors_named
from scidex.core.errors import Refusal
from scidex.surfaces.dashboard.markup import Html, join, tag
from scidex.surfaces.dashboard.reading import reading

KEY_COOKIE, ACTOR_COOKIE = "scidex_key", "scidex_actor"
MENU = (("/", "Pipeline"), ("/markets", "Markets"))
_FILES = files("scidex.surfaces.dashboard")
# The saved choice is read before anything is drawn, so that a dark page is never light at first.
THEME = f"<style>{(_FILES / 'style.css').read_text()}</style><script>{(_FILES / 'page.js').read_text()}</script>"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page. `authorization` is asked again before anything is changed, for a key may end meanwhile."""

    principal: Principal
    actor: Actor
    authorization: str | None

    @property
    def name(self) -> str:
        """Who acts."""
        return self.actor.name

    def may(self, scope: str) -> bool:
        """Whether a key, if there is one, is for this."""
        return self.principal.scopes is None or scope in self.principal.scopes

    def asked_again(self) -> Visitor:
        """The same, if they still are who they were. Refuses: what `authenticate` refuses."""
        name = None if self.authorization else self.name
        principal = authenticate(reading().economy, authorization=self.authorization, actor=name)
        return Visitor(principal, self.actor, self.authorization)


async def visitor_of(request: Request) -> Visitor:
    """Who looks, by what their browser keeps. Refuses: what `authenticate` refuses, ScopeMissing, UnknownActor."""
    key, name = (unquote(request.cookies.get(cookie, "")) or None for cookie in (KEY_COOKIE, ACTOR_COOKIE))
    authorization = f"Bearer {key}" if key else None
    economy = reading().economy

    def find() -> Visitor:
        principal = authenticate(economy, authorization=authorization, actor=None if key else name)
        principal.require("read")
        with economy.reading(actor=principal.actor) as tx:
            found = find_actors_named(tx, [principal.actor])
        if not found:
            raise UnknownActor(actor=principal.actor)
        return Visitor(principal, found[0], authorization)

    return await reading().aside(find)


@contextmanager
def frame(title: str, here: str, visitor: Visitor | None) -> Iterator[None]:
    """A page with this title; what is drawn inside is its main part."""
    ui.page_title(f"{title} · SciDEX")
    client = ui.context.client
    with client.layout:
        banner = ui.html(_banner(here, visitor), sanitize=False, tag="header").classes("banner")
        banner.move(target_index=0)
    client.content.classes("page")
    ui.skip_link("Skip to the content", target=client.content)
    with client.content:
        yield


def _banner(here: str, visitor: Visitor | None) -> Html:
    links = (tag("a", name, href=path, aria_current="page" if path == here else None) for path, name in MENU if visitor)
    themes = join(tag("option", name, value=value) for value, name in _THEMES)
    theme = tag("label", tag("span", "Theme", class_="unseen"), tag("select", themes, data_theme_choice=True))
    return join(
        (
            tag("a", "SciDEX", href="/", class_="brand"),
            tag("nav", join(links), aria_label="Main"),
            tag("span", theme, _identity(visitor) if visitor else "", class_="who"),
        )
    )


_THEMES = (("auto", "As the system"), ("light", "Light"), ("dark", "Dark"))


def _identity(visitor: Visitor) -> Html:
    roles = ", ".join(visitor.actor.roles) or visitor.actor.sort
    said = tag("span", tag("b", visitor.name), " ", tag("small", roles), class_="identity")
    return join((said, tag("a", "Switch", href="/sign-in")))


def draw_sign_in(problem: Refusal | None, target: str) -> None:
    """Ask who looks: by key, or where this server believes a name, by name."""
    keyed = reading().economy.settings.auth == "keys"
    with frame("Sign in", "/sign-in", None):
        label = "Key" if keyed else "Name of a registered actor"
        field = tag(
            "input",
            name="key" if keyed else "actor",
            id="who",
            type="password" if keyed else "text",
            autocomplete="off",
            required=True,
        )
        told = (
            ""
            if problem is None or isinstance(problem, Unauthenticated)
            else tag("p", problem, class_="bad", role="alert")
        )
        how = (
            "A key names you and what you may do; an operator issues them with: scidex keys issue."
            if keyed
            else "This server listens on this machine alone and believes whoever names an actor."
        )
        form = tag(
            "form",
            tag("h1", "Who looks?"),
            tag("p", how),
            told,
            tag("label", label, for_="who"),
            field,
            tag("input", type="hidden", name="next", value=target),
            tag("button", "Sign in", type="submit"),
            method="post",
            action="/sign-in",
            class_="panel narrow",
        )
        leave = tag(
            "form", tag("button", "Forget who I am", type="submit", class_="quiet"), method="post", action="/sign-out"
        )
        ui.html(join((form, leave)), sanitize=False)
