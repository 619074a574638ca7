"""Rosters: whom an employer vouches for, kept as blind indexes only."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Document, Id, Instant, must_be_one_of, one_of
from app.models.couriers import DocumentType, KindOfWork, Vehicle


class Roster(Base):
    """One delivered file and what became of its rows."""

    __tablename__ = "rosters"

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"), index=True)
    delivered_at: Mapped[datetime] = mapped_column(Instant)
    delivered_by: Mapped[UUID | None] = mapped_column(Id)
    content_digest: Mapped[bytes] = mapped_column(Digest)
    rows: Mapped[int] = mapped_column(Integer)
    added: Mapped[int] = mapped_column(Integer)
    unchanged: Mapped[int] = mapped_column(Integer)
    verified: Mapped[int] = mapped_column(Integer)
    refused: Mapped[list[dict[str, Any]]] = mapped_column(Document)
    """A report line for every refused row: line number and reason code, nothing of its content."""


class RosterEntry(Base):
    """One person on one employer's roster: enough to recognise, nothing to read."""

    __tablename__ = "roster_entries"
    __table_args__ = (
        UniqueConstraint("employer_id", "document_index"),
        Index(None, "document_index"),
        must_be_one_of("document_type", DocumentType),
        must_be_one_of("kind_of_work", KindOfWork),
        must_be_one_of("vehicle", Vehicle),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"))
    document_type: Mapped[str] = mapped_column(one_of(DocumentType))
    document_index: Mapped[bytes] = mapped_column(Digest)
    name_index: Mapped[bytes] = mapped_column(Digest)
    phone_index: Mapped[bytes] = mapped_column(Digest)
    kind_of_work: Mapped[str] = mapped_column(one_of(KindOfWork))
    vehicle: Mapped[str | None] = mapped_column(one_of(Vehicle))
    listed_at: Mapped[datetime] = mapped_column(Instant)
    roster_id: Mapped[UUID] = mapped_column(Id, ForeignKey("rosters.id"))
    left_at: Mapped[datetime | None] = mapped_column(Instant)


class Departure(Base):
    """Rows that an employer marked as left: applied at once, or held for a staff member's yes."""

    __tablename__ = "departures"
    __table_args__ = (Index(None, "employer_id", "day"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"))
    entry_id: Mapped[UUID] = mapped_column(Id, ForeignKey("roster_entries.id"))
    day: Mapped[date] = mapped_column(Date)
    marked_at: Mapped[datetime] = mapped_column(Instant)
    marked_by: Mapped[UUID | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(200))
    review_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("reviews.id"))
    """The review that must say yes first, where the day's share passed the limit."""
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
