"""What an account is told: that its codes ended, that a decision fell."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Document, Id, Instant, must_be_one_of, one_of


class NoticeKind(StrEnum):
    """What a notice is about; its sentence stands in the texts of the area."""

    profile_moved = "profile_moved"
    """The courier profile is now used from another account."""
    verified = "verified"
    review_declined = "review_declined"
    suspended = "suspended"
    restored = "restored"
    affiliation_ended = "affiliation_ended"
    blocked = "blocked"
    """A compound does not let the courier in for some time."""
    block_lifted = "block_lifted"
    block_upheld = "block_upheld"
    """The courier's appeal against a block was decided, and the block stays."""


class Notice(Base):
    """One notice to one account."""

    __tablename__ = "notices"
    __table_args__ = (Index(None, "account_id", "id"), must_be_one_of("kind", NoticeKind))

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"))
    kind: Mapped[str] = mapped_column(one_of(NoticeKind))
    details: Mapped[dict[str, Any] | None] = mapped_column(Document)
    created_at: Mapped[datetime] = mapped_column(Instant)
    read_at: Mapped[datetime | None] = mapped_column(Instant)
