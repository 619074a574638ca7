"""Reviews: what waits for a reviewer, and the decision."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.body import JsonRoute
from app.api.dependencies import reading, writing
from app.api.problems import problem_responses
from app.api.schemas.base import Choice, Id
from app.api.schemas.paging import Cursor, Limit
from app.api.schemas.reviews import Decision, LookUpReason, Review, ReviewIdentities, ReviewPage
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.models.reviews import ReviewKind, ReviewState
from app.pagination import PAGE_SIZE, read_cursor
from app.services.couriers.errors import AlreadyRegistered, TransitionRefused
from app.services.reviews import queue
from app.services.reviews.decide import decide
from app.services.reviews.errors import OwnReview, ReviewDecided
from app.work import Work

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], route_class=JsonRoute)

ReviewerReading = Annotated[Work, reading(Role.reviewer)]
ReviewerWriting = Annotated[Work, writing(Role.reviewer)]
InState = Annotated[Choice[ReviewState] | None, Query(description="Only those in this state.")]
OfKind = Annotated[Choice[ReviewKind] | None, Query(description="Only those of this kind.")]


@router.get(
    "",
    operation_id="reviews_list",
    summary="The queue of reviews · 审核列表",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_reviews(
    work: ReviewerReading,
    *,
    state: InState = None,
    kind: OfKind = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> ReviewPage:
    """Reviews with their reasons, the longest waiting first; identities are masked. For reviewers."""
    page = await queue.list_reviews(work, state=state, kind=kind, after=read_cursor(cursor), limit=limit)
    return ReviewPage(items=[Review.of(review) for review in page.items], next_cursor=page.next_cursor)


@router.get(
    "/{review_id}",
    operation_id="reviews_read",
    summary="One review · 查看审核",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_review(work: ReviewerReading, review_id: Id) -> Review:
    """One review; identities are masked. For reviewers."""
    return Review.of(await queue.read_review(work, review_id=review_id))


@router.post(
    "/{review_id}/look-up",
    operation_id="reviews_look_up",
    summary="Look up whom a review is about · 查询审核对象身份",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def look_up(review_id: Id, body: LookUpReason, work: ReviewerWriting) -> ReviewIdentities:
    """Name, document and phone in full. Every look-up is recorded with its reason, for the person to see.

    For reviewers.
    """
    return ReviewIdentities.of(await queue.look_up(work, review_id=review_id, reason=body.reason))


@router.post(
    "/{review_id}/decision",
    operation_id="reviews_decide",
    summary="Decide a review · 作出审核决定",
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        NotFound,
        OwnReview,
        ReviewDecided,
        TransitionRefused,
        AlreadyRegistered,
        body=True,
    ),
)
async def decide_review(review_id: Id, body: Decision, work: ReviewerWriting) -> Review:
    """Answers a review with yes or no, and does what follows from it. The first decision stands.

    For reviewers.
    """
    await decide(work, review_id=review_id, approve=body.approve, reason=body.reason)
    return Review.of(await queue.read_review(work, review_id=review_id))
