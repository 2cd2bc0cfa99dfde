"""The feed: what is told of each command, in which order, and that nothing is told before it is final or left out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import DAWN

from scidex.actors import RegisterActor
from scidex.core.journal import Receipt, Request
from scidex.core.machine import KINDS
from scidex.economy import Economy
from scidex.entities import EntityKey, RegisterEntity
from scidex.exchange.markets import LimitOrder, OpenMarket, Order
from scidex.exchange.resource_allocator import GrantLine, PoolAllocated
from scidex.feed import (
    TELLERS,
    TOPICS,
    UNTOLD,
    Event,
    Feed,
    Position,
    PositionInvalid,
    TopicUnknown,
    position_of,
    store,
    wanted_of,
)
from scidex.feed.catalogue import MOST_LINES
from scidex.ledger import Issue, wallet_of

T = 1_000_000
ALL = wanted_of(None)


BEGINNING = Position(0)


def everything(feed: Feed, after: Position = BEGINNING, **wanted: str | None) -> list[Event]:
    feed.end()
    found: list[Event] = []
    while True:
        page = feed.read(after, wanted_of(wanted.get("topics"), wanted.get("subject")), most=3)
        found += page.events
        after = page.position
        if not page.more:
            return found


def begin(economy: Economy, *markets: str) -> None:
    requests = [Request(RegisterActor("alice"), "operator")]
    requests += [Request(Issue(wallet_of(name), 10_000 * T, "x"), "operator") for name in ("alice", "operator")]
    for market in markets:
        gap = EntityKey("gap", market)
        requests += [
            Request(RegisterEntity(*gap, "title"), "operator"),
            Request(OpenMarket(market, gap, "?", ("yes", "no"), 10 * T), "operator"),
        ]
    economy.perform_all(requests)


def buy(economy: Economy, market: str, times: int = 1) -> list[int]:
    orders = [Request(Order(market, "yes", "buy", spend=T), "alice")] * times
    return [receipt.number for receipt in economy.perform_all(orders)]


def check_told(kinds: set[str]) -> list[str]:
    """Every kind of command is told, or stands on the list of those that are not, with its reason."""
    untold = {kind for kind in kinds if kind in UNTOLD or kind.split(".")[0] in UNTOLD}
    offences = [
        f"{kind}: neither told (TELLERS) nor untold with a reason (UNTOLD), feed/catalogue.py"
        for kind in sorted(kinds - untold - TELLERS.keys())
    ]
    return offences + [f"{kind}: told, and said to be untold" for kind in sorted(untold & TELLERS.keys())]


def test_every_kind_of_command_is_told_or_untold_for_a_reason():
    import scidex.lab

    assert scidex.lab.TABLES
    assert check_told(set(KINDS)) == []
    assert TELLERS.keys() <= set(KINDS)
    assert check_told({"market.order", "weather.change"}) == [
        "weather.change: neither told (TELLERS) nor untold with a reason (UNTOLD), feed/catalogue.py"
    ]


def test_a_trade_is_told_with_the_prices_that_it_left_in_whole_units(economy):
    begin(economy, "m")
    (number,) = buy(economy, "m")
    feed = Feed(economy)
    traded, priced = everything(feed, Position(number - 1))
    assert (traded.type, traded.topic, traded.subject) == ("org.scidex.market.traded", "trades", "market/m")
    assert (priced.type, priced.topic, priced.position) == ("org.scidex.market.priced", "prices", (number, 1))
    assert (traded.data["actor"], traded.data["paid"], traded.data["outcome"]) == ("alice", 1.0, "yes")
    assert priced.data["prices"] == traded.data["prices"]
    assert sum(priced.data["prices"].values()) == pytest.approx(1)
    cloud = json.loads(feed.encode(traded))
    assert {name: cloud[name] for name in ("specversion", "id", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "id": f"{number}-0",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
    }
    assert cloud["source"].startswith("urn:scidex:")
    assert "key" not in cloud["data"]


def test_from_any_position_the_same_events_follow_in_the_order_of_the_journal(economy):
    begin(economy, "m", "n")
    buy(economy, "m", 4)
    feed = Feed(economy)
    whole = everything(feed)
    positions = [event.position for event in whole]
    assert positions == sorted(set(positions))
    for place, event in enumerate(whole):
        assert everything(feed, position_of(str(event.position))) == whole[place + 1 :]
    assert everything(feed, topics="prices", subject="market/n") == [
        event for event in whole if (event.topic, event.subject) == ("prices", "market/n")
    ]


def test_what_is_wanted_is_a_closed_list_of_words_and_a_position_is_one():
    with pytest.raises(TopicUnknown, match="weather"):
        wanted_of("prices,weather")
    assert wanted_of("prices, trades").topics == {"prices", "trades"}
    assert wanted_of(None).topics == TOPICS.keys()
    for given in ("", "x", "1-", "-1", "1-2-3", "9" * 30):
        with pytest.raises(PositionInvalid):
            position_of(given)


@pytest.fixture
def other(economy: Economy) -> Iterator[psycopg.Connection]:
    """A second writer, whose transaction stays open for as long as the test wants."""
    with psycopg.connect(economy.conninfo) as connection:
        connection.execute("SET ROLE scidex_app")
        yield connection
        connection.rollback()


def test_a_row_that_commits_late_under_a_low_number_is_neither_lost_nor_out_of_order(economy, other):
    begin(economy, "m")
    feed = Feed(economy)
    start = feed.end()
    # The other draws its number first and commits last.
    ((number,),) = other.execute("SELECT nextval('journal_number') WHERE pg_current_xact_id() IS NOT NULL").fetchall()
    (above,) = buy(economy, "m")
    assert above > number
    for _ in range(5):
        assert feed.read(start, ALL).events == []
    row = [number, DAWN, "operator", "policy.enact", '{"version": 7}']
    other.execute(
        "INSERT INTO journal (number, at, actor, kind, policy, command, receipt) VALUES (%s, %s, %s, %s, 1, '{}', %s)",
        row,
    )
    other.commit()
    feed.end()
    assert [event.position.number for event in feed.read(start, ALL).events] == [number, above, above]


def test_under_steady_load_the_feed_goes_on_although_some_transaction_always_runs(economy, other):
    begin(economy, "m")
    feed = Feed(economy)
    start = feed.end()
    (number,) = buy(economy, "m")
    other.execute("SELECT pg_current_xact_id()")
    with psycopg.connect(economy.conninfo) as third:
        feed.read(start, ALL)  # sees the number
        feed.read(start, ALL)  # waits for whoever runs now: the first
        third.execute("SELECT pg_current_xact_id()")
        other.commit()
        assert [event.position.number for event in feed.read(start, ALL).events] == [number, number]


def test_every_number_is_drawn_by_a_transaction_that_has_an_id():
    from scidex.core import journal

    assert "WHERE pg_current_xact_id() IS NOT NULL" in journal._DRAW


def test_a_large_page_ends_by_its_bytes_and_rare_events_are_looked_for_in_windows(economy, monkeypatch):
    begin(economy, "m")
    buy(economy, "m", 6)
    whole = everything(Feed(economy))
    monkeypatch.setattr(store, "_MOST_BYTES", 1)
    assert everything(Feed(economy)) == whole
    monkeypatch.setattr(store, "WINDOW", 2)
    assert everything(Feed(economy)) == whole
    monkeypatch.setattr(store, "_MOST_ROWS", 1)
    assert everything(Feed(economy)) == whole


def test_a_sharing_of_many_is_one_event_and_is_made_line_by_line():
    line = GrantLine(EntityKey("gap", "g"), T, 0, 5, 5, "cap")
    tell = TELLERS["budget.allocate"]

    def told(lines: int) -> list[str]:
        shared = PoolAllocated("main", "llm_standard", "c", 5, 5, 0, "1", (line,) * lines)
        return [each.type for each in tell(Receipt(9, DAWN, "budget.allocate", "operator", shared), lambda market: ())]

    assert told(2) == ["pool.shared", "budget.granted", "budget.granted"]
    assert told(MOST_LINES + 1) == ["pool.shared"]


def test_data_that_is_too_large_is_left_out_and_said_to_be(economy):
    event = Event(Position(7, 0), DAWN, "prices", "org.scidex.x", "market/m", {"text": "x" * 70_000})
    cloud = json.loads(Feed(economy).encode(event))
    assert cloud["dataomitted"] is True
    assert not {"data", "datacontenttype"} & cloud.keys()


def test_a_resting_order_and_the_end_of_a_market_are_told(economy):
    begin(economy, "m")
    start = Feed(economy).end()
    economy.perform_all([Request(LimitOrder("m", "yes", "buy", T, 10**12 // 4, None), "alice")])
    assert [event.type for event in everything(Feed(economy), start)] == ["org.scidex.order.placed"]
