"""What happens, told as it happens: a stream of events, and those that have happened, from any position."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic_core import from_json
from starlette.responses import Response

from scidex.feed import TOPICS, Position, Wanted, position_of, wanted_of
from scidex.surfaces.http.inputs import AsReader, Limit
from scidex.surfaces.http.streams import MEDIA_TYPE, EventStream, Hub
from scidex.views import Page, Text

router = APIRouter(prefix="/api/events", tags=["events"])
Topics = Annotated[Text | None, Query(description=f"only of these, parted by commas: {', '.join(TOPICS)}")]
Subject = Annotated[Text | None, Query(description="only about this, such as market/m or artifact/hypothesis/h")]
Past = Annotated[Text | None, Query(description="behind this event, by its id; or behind this number of the journal")]
LONGEST_LOOK = 5
"""Pages of the journal that one request looks through."""


class _Streamed(Response):
    media_type = MEDIA_TYPE


@router.get("", response_class=_Streamed)
async def get_event_stream(
    request: Request,
    reader: AsReader,
    topics: Topics = None,
    subject: Subject = None,
    after: Past = None,
    last_event_id: Annotated[str | None, Header(description="goes on behind this event, none lost, none twice")] = None,
) -> Response:
    """A stream of server-sent events: each is a CloudEvent, told once its transaction has ended, in order.

    Without `after` and the header Last-Event-ID it begins now. A comment every 15 seconds says that the server is
    there. If the server ends a stream, its last event is `end`; its data says why (`too_slow`, `stopping`, or `renew`
    after an hour) and where to `resume`.
    """
    given = last_event_id if last_event_id is not None else after
    hub: Hub = request.app.state.events
    stream = await hub.open(wanted_of(topics, subject), None if given is None else position_of(given))
    return EventStream(stream, hub.leave)


@router.get("/past")
def get_past_events(
    request: Request,
    reader: AsReader,
    topics: Topics = None,
    subject: Subject = None,
    after: Past = None,
    limit: Limit = 100,
) -> Page[dict[str, Any]]:
    """Events that have happened, the oldest first, each a CloudEvent; `next` is where to go on, also for more to come.

    A page may be empty and have a `next` all the same: then nothing of what it looked at was wanted.
    """
    wanted = wanted_of(topics, subject)
    hub: Hub = request.app.state.events
    position = position_of(after) if after is not None else Position(0)
    items, position = _looked_for(hub, position, wanted, limit)
    return Page[dict[str, Any]](items=items, next=str(position))


def _looked_for(hub: Hub, position: Position, wanted: Wanted, limit: int) -> tuple[list[dict[str, Any]], Position]:
    found: list[dict[str, Any]] = []
    hub.feed.end()
    for _ in range(LONGEST_LOOK):
        page = hub.feed.read(position, wanted, most=limit - len(found))
        found += [from_json(hub.feed.encode(event)) for event in page.events]
        position = page.position
        if len(found) == limit or not page.more:
            break
    return found, position
