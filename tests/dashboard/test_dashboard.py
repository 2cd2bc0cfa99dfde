"""The pages in a real browser: what they show, that they live, who may look, and that nobody is kept out."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import httpx
import pytest
from tests.dashboard.conftest import Site, Visit, barriers, served
from tests.dashboard.world import IDEAS, T

from scidex.exchange.markets import place_order

PAGES = {
    "pipeline": "/",
    "markets": "/markets",
    "artifact": "/artifacts/hypothesis/tau-spreads",
    "sign-in": "/sign-in",
}


def test_the_start_page_shows_where_capital_goes_and_what_waits(visit: Callable[..., Visit]) -> None:
    page = visit().open("/")
    assert page.get_by_role("heading", name="Pipeline", exact=True).is_visible()
    chart = page.locator(".nicegui-echart")
    assert "in came bids 45, bounties 40" in chart.get_attribute("aria-label")
    for name in ("grants", "llm_standard", "brought edges"):
        assert chart.get_by_text(name).first.is_visible()
    assert page.get_by_text("owes 100 llm_reasoning, so nothing is admitted").is_visible()
    assert page.get_by_role("cell", name="24,000").is_visible()
    page.get_by_text("The same as a table").click()
    row = page.get_by_role("row").filter(has_text="Tau pathology")
    assert "4,200 llm_standard" in row.inner_text()
    # What others write is text and stays text.
    assert page.get_by_text('<script>alert("x")</script>').first.is_visible()


def test_what_others_do_shows_without_a_reload(visit: Callable[..., Visit], site: Site) -> None:
    page = visit().open("/")
    page.evaluate("window.notReloaded = true")
    figure = page.get_by_role("definition").first
    before = figure.inner_text()
    site.economy.run(lambda tx: place_order(tx, market="m2", outcome="yes", spend=5 * T), actor="bob")
    page.wait_for_function("before => document.querySelector('dd').innerText !== before", arg=before)
    assert figure.inner_text().startswith("50")
    assert "bids 50" in page.locator(".nicegui-echart").get_attribute("aria-label")
    assert page.evaluate("window.notReloaded")


def test_artifacts_are_found_by_words_and_have_an_address_each(visit: Callable[..., Visit]) -> None:
    page = visit().open("/markets")
    assert page.get_by_role("row").count() == 1 + len(IDEAS)
    page.get_by_label("Words of title").fill("amyl clear")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**/markets?words=amyl+clear")
    assert page.get_by_role("row").count() == 2
    page.get_by_role("link", name="Slow-wave sleep").click()
    page.wait_for_url("**/artifacts/hypothesis/sleep-clears")
    page.get_by_role("heading", name="Slow-wave sleep drives amyloid clearance", level=1).wait_for()
    page.go_back()
    page.get_by_role("link", name="Slow-wave sleep").wait_for()
    page.goto(page.url.replace("amyl+clear", "odd"))
    page.get_by_role("link", name="A title with").click()
    page.get_by_text("<b>odd</b> & co, registered by operator").wait_for()
    missing = visit().open("/artifacts/hypothesis/nothing-there")
    assert "nothing-there" in missing.get_by_role("alert").inner_text()


@pytest.mark.skip(
    reason="passes alone; beside others a click may come before the page listens: the ticket has to say when it does"
)
def test_an_order_is_seen_before_it_is_placed_and_its_receipt_is_in_the_journal(
    visit: Callable[..., Visit], site: Site
) -> None:
    visitor = visit()
    visitor.context.add_cookies([{"name": "scidex_actor", "value": "bob", "url": site.url}])
    page = visitor.open("/artifacts/hypothesis/butyrate-als")
    confirm, told = page.get_by_role("button", name="Confirm"), page.get_by_role("status")
    page.get_by_label("Amount").fill("12.5")
    page.get_by_label("Outcome", exact=True).select_option("no")
    assert not confirm.is_visible()
    page.get_by_role("button", name="See what it does").click()
    told.get_by_text("would cost 12.5 tokens now").wait_for()
    assert "refused if the average price would be above" in told.inner_text()
    page.get_by_label("Amount").fill("7")
    confirm.wait_for(state="hidden")
    page.get_by_role("button", name="See what it does").click()
    told.get_by_text("would cost 7 tokens now").wait_for()
    confirm.click()
    told.get_by_text("journal entry").wait_for()
    number = int(told.inner_text().split("journal entry ")[1].split(":")[0])
    with site.economy.reading() as tx:
        row = tx.execute("SELECT actor, kind FROM journal WHERE number = %s", [number]).fetchone()
    assert row == ("bob", "market.order")
    page.get_by_role("region", name="Positions").get_by_text("bob").wait_for()
    page.get_by_label("Amount").fill("5000")
    page.get_by_role("button", name="See what it does").click()
    confirm.click()
    told.get_by_text("actor:bob/wallet/token has").wait_for()
    page.get_by_label("Amount").fill("a lot")
    page.get_by_role("button", name="See what it does").click()
    told.get_by_text("not a number").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (768, "dark"), (390, "light"), (390, "dark")])
def test_pages_fit_and_keep_nobody_out(visit: Callable[..., Visit], width: int, scheme: str) -> None:
    visitor = visit(width, scheme)
    for name, path in PAGES.items():
        page = visitor.open(path)
        if name == "pipeline":
            page.locator(".nicegui-echart").get_by_text("grants").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert barriers(page) == [], name
        visitor.shot(f"{name}-{width}-{scheme}")


def test_light_and_dark_follow_the_system_until_one_is_chosen(visit: Callable[..., Visit]) -> None:
    visitor = visit(scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = visitor.open("/").evaluate(paper)
    visitor.page.get_by_label("Theme").select_option("light")
    light = visitor.page.evaluate(paper)
    assert light != dark
    assert visitor.open("/?days=30").evaluate(paper) == light


def test_by_keyboard_one_skips_to_the_content(visit: Callable[..., Visit]) -> None:
    page = visit().open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_visitor_is_who_they_say_and_must_be_registered(visit: Callable[..., Visit]) -> None:
    page = visit().open("/sign-in")
    page.get_by_label("Name of a registered actor").fill("nobody-there")
    page.get_by_role("button", name="Sign in").click()
    assert "There is no actor 'nobody-there'" in page.get_by_role("alert").inner_text()
    page.get_by_label("Name of a registered actor").fill("rita")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Pipeline", exact=True).wait_for()
    assert "rita reviewer" in page.locator(".identity").inner_text()


def test_the_api_stays_what_it_is_beside_the_pages(site: Site) -> None:
    with httpx.Client(base_url=site.url, timeout=60) as client:
        for path in ("/api/nothing", "/nothing", "/api"):
            assert client.get(path).headers["content-type"] == "application/problem+json", path
        assert client.post("/api/policy").status_code == 405
        assert client.get("/openapi.json").json()["info"]["title"] == "SciDEX"
        assert "/sign-in" not in client.get("/openapi.json").json()["paths"]
        foreign = client.post("/sign-in", content="actor=rita", headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "origin_foreign")
        away = client.post("/sign-in", content="actor=rita&next=//evil.example/")
        assert (away.status_code, away.headers["location"]) == (303, "/")
        assert "httponly" in away.headers["set-cookie"].lower()
        static = client.get("/").text.split('href="/_nicegui/')[1].split('"')[0]
        assert "immutable" in client.get(f"/_nicegui/{static}").headers["cache-control"]
        assert client.get("/").headers["cache-control"] == "no-store"


def test_told_to_stop_with_a_page_open_the_server_stops_within_seconds(visit: Callable[..., Visit], site: Site) -> None:
    with served(site.economy.settings.home, SCIDEX_DATABASE_URL=site.economy.conninfo, SCIDEX_AUTH="keys") as (url, up):
        visitor = visit()
        visitor.site = site._replace(url=url)
        page = visitor.open("/")
        assert page.get_by_label("Key").is_visible()
        assert page.get_by_text("an operator issues them").is_visible()
        began = time.monotonic()
        up.send_signal(signal.SIGINT)
        up.wait(timeout=30)
        assert (up.returncode, time.monotonic() - began < 14) == (0, True)
        page.get_by_text("Connection lost").wait_for()
        visitor.complaints.clear()
