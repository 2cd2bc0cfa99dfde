"""Reviews: every budget of a pool against scores, capital and returns, shown before it is enacted, explained after."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from scidex.core.db import Tx
from scidex.entities import find_entity
from scidex.senate.reviews import (
    find_decisions,
    find_decisions_on,
    find_last_decision,
    find_review,
    find_reviews,
)
from scidex.surfaces.http.inputs import AsCaller, AsReader, Limit
from scidex.views import Body, Page, Text, example, page, reviews

router = APIRouter(tags=["senate"])
Before = Annotated[int | None, Query(ge=1, le=2**62, description="the `next` of the page before")]


class ReviewBody(Body):
    """Which pool is reviewed, in which cycle."""

    model_config = example(pool="main", cycle="2026-W47")

    pool: Text
    cycle: Text = Field(description="a name for this review, such as the week's; a pool is reviewed once per cycle")
    sort: Literal["daily", "weekly"] = Field(default="weekly", description="spend safety, or strategy")
    seed: Text | None = Field(default=None, description="that of a preview, to draw the same lots")


@router.get("/api/senate/reviews")
def get_reviews(
    reader: AsReader,
    pool: Annotated[Text | None, Query(description="only of this pool")] = None,
    sort: Annotated[Literal["daily", "weekly"] | None, Query(description="only of this sort")] = None,
    before: Before = None,
    limit: Limit = 100,
) -> Page[reviews.ReviewView]:
    """Reviews, newest first."""

    def work(tx: Tx) -> Page[reviews.ReviewView]:
        found = find_reviews(tx, pool=pool, sort=sort, before=before, limit=limit + 1)
        return page(Page[reviews.ReviewView], found, limit, reviews.review_view, lambda row: row.number)

    return reader.read(work)


@router.post("/api/senate/reviews", response_model=reviews.ReviewReceipt)
def post_review(body: ReviewBody, caller: AsCaller) -> Response:
    """Review every budget of a pool and enact what follows, all of it or nothing; for operators.

    Asked again for the same cycle under the same policy it changes nothing and answers the same.
    """
    return caller.hold(
        lambda economy, key: reviews.review_receipt(
            economy.review(
                pool=body.pool, cycle=body.cycle, sort=body.sort, seed=body.seed, actor=caller.actor, key=key
            )
        ),
        body,
    )


@router.get("/api/senate/reviews/preview")
def get_review_preview(
    reader: AsReader,
    pool: Text,
    cycle: Text,
    sort: Literal["daily", "weekly"] = "weekly",
    seed: Annotated[Text | None, Query(description="that of another preview, to draw the same lots")] = None,
    limit: Limit = 100,
) -> reviews.ReviewPreview:
    """What a review would do now; nothing is changed."""
    found = reader.economy.preview_review(pool=pool, cycle=cycle, sort=sort, seed=seed)
    return reviews.preview_view(found, limit)


@router.get("/api/senate/reviews/{pool}/{cycle}")
def get_review(pool: Text, cycle: Text, reader: AsReader) -> reviews.ReviewView:
    """The review of a pool in a cycle."""
    return reader.read(lambda tx: reviews.review_view(find_review(tx, pool=pool, cycle=cycle)))


@router.get("/api/senate/reviews/{pool}/{cycle}/decisions")
def get_review_decisions(
    pool: Text,
    cycle: Text,
    reader: AsReader,
    changed: Annotated[bool, Query(description="only those that changed a budget")] = False,
    after: Annotated[int, Query(ge=-1, le=2**31, description="the `next` of the page before")] = -1,
    limit: Limit = 100,
) -> Page[reviews.DecisionView]:
    """What a review decided on each artifact, by type and id, with every input and the reasons."""

    def work(tx: Tx) -> Page[reviews.DecisionView]:
        review = find_review(tx, pool=pool, cycle=cycle)
        found = find_decisions(tx, number=review.number, after=after, changed=changed, limit=limit + 1)
        kind = Page[reviews.DecisionView]
        return page(kind, found, limit, lambda row: reviews.decision_of(review, row), lambda row: row.line)

    return reader.read(work)


@router.get("/api/economics/why/{artifact_type}/{artifact_id:path}")
def get_why(artifact_type: Text, artifact_id: Text, reader: AsReader) -> reviews.WhyView:
    """Why an artifact has the budget that it has: the latest decision on it, every input, and the reasons in words."""

    def work(tx: Tx) -> reviews.WhyView:
        artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        return reviews.why_view(*find_last_decision(tx, entity=artifact))

    return reader.read(work)


@router.get("/api/economics/decisions/{artifact_type}/{artifact_id:path}")
def get_decisions_on(
    artifact_type: Text, artifact_id: Text, reader: AsReader, before: Before = None, limit: Limit = 100
) -> Page[reviews.WhyView]:
    """What reviews have decided on an artifact, newest first."""

    def work(tx: Tx) -> Page[reviews.WhyView]:
        artifact = find_entity(tx, entity_id=artifact_id, entity_type=artifact_type).key
        found = find_decisions_on(tx, entity=artifact, before=before, limit=limit + 1)
        return page(Page[reviews.WhyView], found, limit, lambda row: reviews.why_view(*row), lambda row: row[1].number)

    return reader.read(work)
