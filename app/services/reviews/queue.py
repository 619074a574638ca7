"""The reviewers' queue: masked in lists, in full only by a look-up that says why and is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import Row, Select, select

from app.errors import NotFound
from app.models.accounts import Role
from app.models.couriers import Courier, Person
from app.models.employers import Employer
from app.models.reviews import Review, ReviewKind, ReviewState
from app.pagination import Page, page_of
from app.services import audit
from app.services.couriers.claims import open_claim
from app.services.couriers.identity import Identity, key_of, open_identity
from app.services.couriers.queries import LOOKED_UP, MaskedIdentity, masked
from app.services.couriers.rules import ReviewReason
from app.work import Work


@dataclass(frozen=True, slots=True)
class QueuedReview:
    """A review as the queue shows it."""

    id: UUID
    kind: ReviewKind
    state: ReviewState
    reasons: Sequence[ReviewReason]
    """Worst first."""
    courier_id: UUID | None
    profile: MaskedIdentity | None
    """What the profile says."""
    claimed: MaskedIdentity | None
    """For a recovery: what the account says that asks for the profile."""
    employer_id: UUID | None
    employer: str | None
    """For departures: the employer's name."""
    opened_at: datetime
    decided_at: datetime | None
    decision_reason: str | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Identities in full, for the one reviewer who has said why."""

    profile: Identity
    claimed: Identity | None


async def list_reviews(
    work: Work,
    *,
    state: ReviewState | None,
    kind: ReviewKind | None,
    after: UUID | None,
    limit: int,
) -> Page[QueuedReview]:
    """The reviews, the longest waiting first. Empty for a reviewer whose role does not hold everywhere."""
    if not work.actor.may(Role.reviewer):
        return Page([], None)
    query = _with_subject().order_by(Review.id).limit(limit + 1)
    if state is not None:
        query = query.where(Review.state == state.value)
    if kind is not None:
        query = query.where(Review.kind == kind.value)
    if after is not None:
        query = query.where(Review.id > after)
    return page_of([_shown(work, row) for row in (await work.session.execute(query)).all()], limit)


async def read_review(work: Work, *, review_id: UUID) -> QueuedReview:
    """One review, masked; raises NotFound."""
    return _shown(work, await _find(work, review_id))


async def look_up(work: Work, *, review_id: UUID, reason: str) -> LookedUp:
    """The full identities of a review, recorded together with `reason` in the same transaction.

    Whoever is looked up can read the record: the courier, and for a recovery the account that asks,
    whose record is that of the review. Raises NotFound, also for reviews about no person.
    """
    review, person, _ = await _find(work, review_id)
    if person is None or review.courier_id is None:
        raise NotFound
    profile, claimed = _identities(work, review, person)
    subjects = [("courier", review.courier_id)] + ([("review", review.id)] if claimed else [])
    for kind, subject in subjects:
        audit.record(
            work,
            LOOKED_UP,
            subject_kind=kind,
            subject_id=subject,
            reason=reason,
            details={"review": str(review.id)},
        )
    return LookedUp(profile, claimed)


async def _find(work: Work, review_id: UUID) -> Row[Review, Person | None, str | None]:
    row = (await work.session.execute(_with_subject().where(Review.id == review_id))).one_or_none()
    if row is None or not work.actor.may(Role.reviewer):
        raise NotFound
    return row


def _with_subject() -> Select[Review, Person | None, str | None]:
    query = (
        select(Review, Person, Employer.name)
        .outerjoin(Courier, Courier.id == Review.courier_id)
        .outerjoin(Person, Person.id == Courier.person_id)
        .outerjoin(Employer, Employer.id == Review.employer_id)
    )
    # The types of a select do not know of outer joins.
    return cast("Select[Review, Person | None, str | None]", query)


def _shown(work: Work, row: Row[Review, Person | None, str | None]) -> QueuedReview:
    review, person, employer = row
    profile: Identity | None = None
    claimed: Identity | None = None
    if person is not None and person.wrapped_key is not None:
        profile, claimed = _identities(work, review, person)
    return QueuedReview(
        id=review.id,
        kind=ReviewKind(review.kind),
        state=ReviewState(review.state),
        reasons=[ReviewReason(reason) for reason in review.reasons],
        courier_id=review.courier_id,
        profile=masked(profile) if profile else None,
        claimed=masked(claimed) if claimed else None,
        employer_id=review.employer_id,
        employer=employer,
        opened_at=review.opened_at,
        decided_at=review.decided_at,
        decision_reason=review.decision_reason,
    )


def _identities(work: Work, review: Review, person: Person) -> tuple[Identity, Identity | None]:
    key = key_of(work.vault, person)
    claimed = (
        open_claim(review.claim_sealed, key, review_id=review.id).identity if review.claim_sealed else None
    )
    return open_identity(person, key), claimed
