"""Decides a review: once, by one reviewer, with a reason."""

from typing import assert_never
from uuid import UUID

from sqlalchemy import select, update

from app.errors import NotFound
from app.models.accounts import Role
from app.models.couriers import Courier, CourierState, Person
from app.models.notices import NoticeKind
from app.models.reviews import Review, ReviewKind, ReviewState
from app.services import audit, notices
from app.services.couriers.errors import TransitionRefused
from app.services.couriers.recovery import move_profile
from app.services.couriers.states import change_state, lock_courier, renew_card
from app.services.couriers.verification import verify_or_queue, vouch_reviewed
from app.services.reviews.errors import OwnReview, ReviewDecided
from app.services.rosters.departures import apply_departures, cancel_departures
from app.work import Work


async def decide(work: Work, *, review_id: UUID, approve: bool, reason: str) -> Review:
    """Answers a review and does what follows from the answer.

    A verification makes the courier verified and confirms the affiliations that it was opened with;
    those named since have another review. A recovery moves the profile; departures are applied. A no
    cancels departures and otherwise changes nothing but the review, and the account that asked is
    told. A yes to sharing suspends the courier. Of decisions at once the first stands. Raises NotFound,
    OwnReview, ReviewDecided, and TransitionRefused or AlreadyRegistered where a yes is no longer possible.
    """
    review = await _take(work, review_id, approve=approve, reason=reason)
    audit.record(
        work,
        "reviews.approved" if approve else "reviews.declined",
        subject_kind="review",
        subject_id=review.id,
        reason=reason,
        details={"kind": review.kind, "courier": str(review.courier_id) if review.courier_id else None},
    )
    if approve:
        await _follow(work, review, reason)
    else:
        if review.kind == ReviewKind.departures:
            await cancel_departures(work, review=review)
        if review.account_id is not None:
            notices.tell(work, review.account_id, NoticeKind.review_declined, {"review": str(review.id)})
    await work.session.flush()
    return review


async def _take(work: Work, review_id: UUID, *, approve: bool, reason: str) -> Review:
    """Marks the review as decided if nobody has yet: one statement, so that one decision wins."""
    asked = (
        await work.session.execute(select(Review.courier_id, Review.account_id).where(Review.id == review_id))
    ).one_or_none()
    if asked is None or not work.actor.may(Role.reviewer):
        raise NotFound
    if asked.account_id is not None and asked.account_id == work.actor.account_id:
        raise OwnReview
    if asked.courier_id is not None:
        # The courier before the review, as everywhere: two orders of locking would block each other.
        await lock_courier(work, courier_id=asked.courier_id)
    state = ReviewState.approved if approve else ReviewState.declined
    review: Review | None = await work.session.scalar(
        update(Review)
        .where(Review.id == review_id, Review.state == ReviewState.open.value)
        .values(
            state=state.value,
            decided_at=work.now,
            decided_by=work.actor.account_id,
            decision_reason=reason,
        )
        .returning(Review),
        execution_options={"populate_existing": True},
    )
    if review is None:
        raise ReviewDecided
    return review


async def _follow(work: Work, review: Review, reason: str) -> None:
    kind = ReviewKind(review.kind)
    match kind:
        case ReviewKind.verification:
            await _verify(work, review, reason)
        case ReviewKind.recovery:
            await move_profile(work, review=review, reason=reason)
        case ReviewKind.departures:
            await apply_departures(work, review=review)
        case ReviewKind.sharing:
            await _suspend(work, review, reason)
        case _:
            assert_never(kind)


async def _suspend(work: Work, review: Review, reason: str) -> None:
    """Somebody shows another's code: the courier it belongs to is suspended until that is settled."""
    courier = await work.session.get_one(Courier, review.courier_id)
    if courier.state == CourierState.verified:
        await change_state(work, courier=courier, to=CourierState.suspended, reason=reason)


async def _verify(work: Work, review: Review, reason: str) -> None:
    courier = await work.session.get_one(Courier, review.courier_id)
    unseen = await vouch_reviewed(work, courier=courier, opened_at=review.opened_at)
    match CourierState(courier.state):
        case CourierState.pending:
            await change_state(work, courier=courier, to=CourierState.verified, reason=reason)
        case CourierState.verified:
            await renew_card(work, courier=courier)
        case CourierState.suspended | CourierState.left:
            raise TransitionRefused(state=courier.state)
    if unseen:
        person = await work.session.get_one(Person, courier.person_id)
        await verify_or_queue(work, courier=courier, person=person)
