"""Rosters: whom an employer vouches for, kept as blind indexes only."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Id, Instant, must_be_one_of, one_of
from app.models.couriers import DocumentType, KindOfWork, Vehicle


class Roster(Base):
    """One delivered file and what became of its rows."""

    __tablename__ = "rosters"
    __table_args__ = (Index(None, "employer_id", "id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"))
    delivered_at: Mapped[datetime] = mapped_column(Instant)
    delivered_by: Mapped[UUID | None] = mapped_column(Id)
    content_digest: Mapped[bytes] = mapped_column(Digest)
    """A keyed digest of the file, to tell whether two deliveries were the same."""
    rows: Mapped[int] = mapped_column(Integer)
    """All rows with somebody in them: the sum of the five below."""
    added: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    returned: Mapped[int] = mapped_column(Integer)
    """Listed again after they had left."""
    unchanged: Mapped[int] = mapped_column(Integer)
    refused: Mapped[int] = mapped_column(Integer)
    verified: Mapped[int] = mapped_column(Integer)
    """Couriers who became verified by this file."""


class RosterRefusal(Base):
    """A report line for a refused row: where and why, nothing of its content."""

    __tablename__ = "roster_refusals"

    roster_id: Mapped[UUID] = mapped_column(Id, ForeignKey("rosters.id"), primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """As the spreadsheet counts, from 1."""
    code: Mapped[str] = mapped_column(String(32))
    """Why."""
    column: Mapped[str | None] = mapped_column(String(32))
    """The column at fault; None where it is the whole row."""


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
    kind_of_work: Mapped[str | None] = mapped_column(one_of(KindOfWork))
    """None where the employer does not say."""
    vehicle: Mapped[str | None] = mapped_column(one_of(Vehicle))
    listed_at: Mapped[datetime] = mapped_column(Instant)
    roster_id: Mapped[UUID] = mapped_column(Id, ForeignKey("rosters.id"))
    left_at: Mapped[datetime | None] = mapped_column(Instant)


class Departure(Base):
    """Rows that an employer marked as left: applied at once, or held for a staff member's yes."""

    __tablename__ = "departures"
    __table_args__ = (
        Index(None, "employer_id", "day"),
        Index(
            "uq_departures_held",
            "entry_id",
            unique=True,
            sqlite_where=text("applied_at IS NULL AND cancelled_at IS NULL"),
            postgresql_where=text("applied_at IS NULL AND cancelled_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    employer_id: Mapped[UUID] = mapped_column(Id, ForeignKey("employers.id"))
    entry_id: Mapped[UUID] = mapped_column(Id, ForeignKey("roster_entries.id"))
    day: Mapped[date] = mapped_column(Date)
    marked_at: Mapped[datetime] = mapped_column(Instant)
    marked_by: Mapped[UUID | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(200))
    review_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("reviews.id"), index=True)
    """The review that must say yes first, where the day's share passed the limit."""
    applied_at: Mapped[datetime | None] = mapped_column(Instant)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the review said no, or the employer listed the person again while it was open."""
