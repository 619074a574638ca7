"""What the API says and hears about reviews."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Id, Instant, Line, Request, Response
from app.api.schemas.couriers import MaskedIdentity
from app.models.couriers import DocumentType
from app.models.reviews import ReviewKind, ReviewState
from app.services.couriers.identity import Identity as PlainIdentity
from app.services.couriers.rules import REASON_TEXTS, ReviewReason
from app.services.reviews.queue import LookedUp, QueuedReview

DecisionReason = Annotated[str, Line(1, 200), Field(examples=["与证件原件核对一致"])]


class ReasonShown(Response):
    """Why no rule could decide."""

    code: ReviewReason
    """Stable."""
    zh: str
    """In Chinese."""
    en: str
    """In English."""


class Review(Response):
    """A question to a reviewer."""

    id: Id
    """Its identifier."""
    kind: ReviewKind
    """What is to be decided."""
    state: ReviewState
    """Whether it has been."""
    reasons: list[ReasonShown]
    """Why it was asked, worst first."""
    courier_id: Id | None
    """Whom it is about; null for departures."""
    profile: MaskedIdentity | None
    """What the profile says, masked; null for departures."""
    claimed: MaskedIdentity | None
    """For a recovery: what the account says that asks for the profile, masked."""
    employer_id: Id | None
    """For departures: the employer."""
    employer: str | None
    """For departures: the employer's name."""
    opened_at: Instant
    """Since when it waits."""
    decided_at: Instant | None
    """When it was decided."""
    decision_reason: str | None
    """What was said when it was decided."""

    @classmethod
    def of(cls, review: QueuedReview) -> Self:
        """The review that a service read."""
        return cls(
            id=review.id,
            kind=review.kind,
            state=review.state,
            reasons=[
                ReasonShown(code=reason, zh=REASON_TEXTS[reason].zh, en=REASON_TEXTS[reason].en)
                for reason in review.reasons
            ],
            courier_id=review.courier_id,
            profile=MaskedIdentity.model_validate(review.profile) if review.profile else None,
            claimed=MaskedIdentity.model_validate(review.claimed) if review.claimed else None,
            employer_id=review.employer_id,
            employer=review.employer,
            opened_at=review.opened_at,
            decided_at=review.decided_at,
            decision_reason=review.decision_reason,
        )


class ReviewPage(Response):
    """Some reviews, the longest waiting first."""

    items: list[Review]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""


class Decision(Request):
    """The answer to a review."""

    approve: bool
    """Yes or no."""
    reason: DecisionReason
    """Why; whoever asked can read it after a no. It must not name anybody."""


class LookUpReason(Request):
    """Why an identity must be seen in full."""

    reason: DecisionReason
    """Kept with the record, which the person can read."""


class Identity(Response):
    """An identity in full."""

    name: Annotated[str, Field(examples=["阿依古丽·买买提"])]
    """As registered."""
    document_type: DocumentType
    """The kind of document."""
    document_number: Annotated[str, Field(examples=["509999199003070015"])]
    """In its canonical spelling."""
    phone: Annotated[str, Field(examples=["+8613800138000"])]
    """In E.164."""

    @classmethod
    def of(cls, identity: PlainIdentity) -> Self:
        """The identity that a service opened."""
        return cls.model_validate(identity)


class ReviewIdentities(Response):
    """Whom a review is about, in full."""

    profile: Identity
    """What the profile says."""
    claimed: Identity | None
    """For a recovery: what the account says that asks for the profile."""

    @classmethod
    def of(cls, found: LookedUp) -> Self:
        """The identities that a service opened."""
        return cls(
            profile=Identity.of(found.profile),
            claimed=Identity.of(found.claimed) if found.claimed else None,
        )
