"""Reviews: what a person decides because no rule may."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Document, Id, Instant, must_be_one_of, one_of


class ReviewKind(StrEnum):
    """What is to be decided."""

    verification = "verification"
    """Is this courier who they say they are?"""
    recovery = "recovery"
    """May this account take over the profile whose document it showed?"""
    departures = "departures"
    """Did so many people really leave this employer?"""
    sharing = "sharing"
    """Do two people show the code of this courier?"""


class ReviewState(StrEnum):
    """Open until somebody decided."""

    open = "open"
    approved = "approved"
    declined = "declined"


class Review(Base):
    """One question to a reviewer, its reasons, and the answer."""

    __tablename__ = "reviews"
    __table_args__ = (
        must_be_one_of("kind", ReviewKind),
        must_be_one_of("state", ReviewState),
        Index(None, "state", "id"),
        Index(
            "uq_reviews_open",
            "kind",
            "courier_id",
            "account_id",
            unique=True,
            sqlite_where=text("state = 'open' AND courier_id IS NOT NULL"),
            postgresql_where=text("state = 'open' AND courier_id IS NOT NULL"),
        ),
        Index(
            "uq_reviews_sharing",
            "courier_id",
            unique=True,
            sqlite_where=text("state = 'open' AND kind = 'sharing'"),
            postgresql_where=text("state = 'open' AND kind = 'sharing'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(one_of(ReviewKind))
    state: Mapped[str] = mapped_column(one_of(ReviewState))
    courier_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("couriers.id"), index=True)
    account_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("accounts.id"))
    """The account that asks."""
    employer_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("employers.id"))
    reasons: Mapped[list[str]] = mapped_column(Document)
    """Reason codes, worst first."""
    claim_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """For a recovery: the name and phone that were given, under the person's key."""
    opened_at: Mapped[datetime] = mapped_column(Instant)
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[UUID | None] = mapped_column(Id)
    decision_reason: Mapped[str | None] = mapped_column(Text)
