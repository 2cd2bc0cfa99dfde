"""The trade ticket: first what an order would do and what it costs at worst, then one click that does it once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from uuid import uuid4

from nicegui import ui
from pydantic import ValidationError

from scidex.core import journal
from scidex.core.db import Tx
from scidex.core.errors import Refusal
from scidex.exchange.markets import find_market, quote
from scidex.surfaces.dashboard.frame import Visitor
from scidex.surfaces.dashboard.markup import Html, amount, join, price, tag
from scidex.surfaces.dashboard.reading import reading
from scidex.views import Book, Known, OrderBody, OrderReceipt, Quote, explained, quote_view

_MEASURES = ("tokens to spend", "shares")


class Ticket:
    """One order in the making, for one visitor."""

    def __init__(self, book: Book, visitor: Visitor, afterwards: Callable[[], Awaitable[None]]) -> None:
        self._book, self._visitor, self._afterwards = book, visitor, afterwards
        self._outcome, self._side, self._measure = book.sides[0].outcome, "buy", _MEASURES[0]
        self._amount, self._slippage = "10", "2"
        self._ready: tuple[OrderBody, str] | None = None

    def draw(self) -> None:
        """The fields, and two steps: see, then do."""
        with ui.element("section").classes("panel").props('aria-label="Trade"'):
            ui.html("<h2>Trade</h2>", sanitize=False)
            with ui.element("div").classes("fields"):
                self._choice("Side", ("buy", "sell"), "_side")
                self._choice("Outcome", [side.outcome for side in self._book.sides], "_outcome")
                self._number("Amount", "_amount")
                self._choice("in", _MEASURES, "_measure")
                self._number("Slippage, at most %", "_slippage")
            with ui.element("div").classes("row-form").style("margin-top: .7rem"):
                with ui.element("button").props("type=button").on("click", self._quote):
                    ui.html("See what it does", sanitize=False, tag="span")
                self._button = ui.element("button").props("type=button").on("click", self._confirm)
                with self._button:
                    ui.html("Confirm", sanitize=False, tag="span")
                self._button.set_visibility(False)
            self._told = ui.html(sanitize=False).props("role=status")

    def _choice(self, label: str, options: tuple[str, ...] | list[str], field: str) -> None:
        with ui.element("div").classes("field"):
            ui.html(tag("span", label), sanitize=False, tag="label").props(f"for=ticket{field}")
            chosen = ui.element("select").props(f"id=ticket{field}")
            with chosen:
                for option in options:
                    ui.html(join((option,)), sanitize=False, tag="option")
            chosen.on("change", lambda event: self._set(field, event.args), js_handler="(e) => emit(e.target.value)")

    def _number(self, label: str, field: str) -> None:
        with ui.element("div").classes("field"):
            ui.html(tag("span", label), sanitize=False, tag="label").props(f"for=ticket{field}")
            box = ui.element("input").props(f"id=ticket{field} inputmode=decimal value={getattr(self, field)} size=8")
            box.on("input", lambda event: self._set(field, event.args), js_handler="(e) => emit(e.target.value)")

    def _set(self, field: str, value: object) -> None:
        setattr(self, field, str(value)[:100])
        # What was seen is no longer what would be done.
        self._forget()

    def _forget(self) -> None:
        self._ready = None
        self._button.set_visibility(False)

    async def _quote(self) -> None:
        self._forget()
        try:
            slippage = float(self._slippage)
            order = self._order()
            found = await reading().now(lambda tx: _quoted(tx, order), self._visitor.name)
            limit = _worst(found, slippage)
            self._ready = order.model_copy(update={"limit_price": limit}), f"page {uuid4().hex}"
        except ValidationError as error:
            self._tell(explained(error.errors(include_url=False)), refused=True)
        except ValueError:
            self._tell("Slippage is a number of percent, such as 2.", refused=True)
        except Refusal as refusal:
            self._tell(str(refusal), refused=True)
        else:
            self._tell(_in_words(found, limit))
            self._button.set_visibility(True)

    def _order(self) -> OrderBody:
        measured = {"spend" if self._measure == _MEASURES[0] else "shares": self._amount}
        given = {"market": self._book.market, "outcome": self._outcome, "side": self._side, **measured}
        return OrderBody.model_validate(given)

    async def _confirm(self) -> None:
        if self._ready is None:
            return
        order, key = self._ready
        self._forget()
        try:
            done = await self._placed(order, key)
        except Refusal as refusal:
            self._tell(str(refusal), refused=True)
            return
        self._tell(_receipt(done))
        await self._afterwards()

    async def _placed(self, order: OrderBody, key: str) -> OrderReceipt:
        """Carried out together with whatever else is asked for now, as over HTTP. Refuses what the order does."""
        page, known = reading(), Known()
        visitor = await page.aside(self._visitor.asked_again)
        visitor.principal.require("trade")
        command = await page.now(lambda tx: order.command(tx, known), visitor.name)
        request = journal.Request(command, visitor.name, key)
        answer = await asyncio.wrap_future(page.economy.batcher.submit(request))
        if isinstance(answer, Refusal):
            raise answer
        return await page.now(lambda tx: order.done(answer, tx, known), visitor.name)

    def _tell(self, said: object, *, refused: bool = False) -> None:
        self._told.content = tag("div", said, class_="told refused" if refused else "told")


def _quoted(tx: Tx, order: OrderBody) -> Quote:
    asked = order.order(tx, order.side)
    return quote_view(find_market(tx, asked.market), asked.outcome, asked.side, quote(tx, **asdict(asked)))


def _worst(found: Quote, slippage: float) -> str:
    """The limit that goes with the order: the average price, and so many percent worse."""
    share = slippage / 100
    limit = found.average_price * (1 + share if found.side == "buy" else 1 - share)
    return f"{min(1.0, max(0.0, limit)):.6f}"


def _in_words(found: Quote, limit: str) -> Html:
    bound = "above" if found.side == "buy" else "below"
    return tag(
        "p",
        f"To {found.side} ",
        amount(found.shares, f"shares of {found.outcome}"),
        " would cost " if found.paid >= 0 else " would bring ",
        amount(abs(found.paid), "tokens"),
        " now: ",
        price(found.average_price),
        " per share, and then the price is ",
        price(found.prices[found.outcome]),
        f". At worst nothing happens: it is refused if the average price would be {bound} {limit}.",
    )


def _receipt(done: OrderReceipt) -> Html:
    held = ", ".join(f"{shares:,.6g} {outcome}" for outcome, shares in done.position.items())
    return tag(
        "p",
        tag("b", "Done"),
        f", journal entry {done.number}: {done.side} ",
        amount(done.shares, f"shares of {done.outcome}"),
        " for ",
        amount(abs(done.paid), "tokens"),
        ", ",
        price(done.average_price),
        f" per share. Now you hold {held}.",
    )
