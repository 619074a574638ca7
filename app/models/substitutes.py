"""What substitutes for a code: spoken codes, the wrong tries at them, and printed cards."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Document, Id, Instant


class SpokenCode(Base):
    """Six digits that a courier reads out at one gate within a minute.

    The digits stand here in plain: after their minute they open nothing, and while it lasts whoever can
    read the database can as well read who waits at the gate. Rows are kept for a week, since a device
    that was offline may tell of a scan so much later; no two of one gate have the same digits meanwhile,
    so that such a scan is never taken for another courier's. Whether one was used stands in `code_uses`.
    """

    __tablename__ = "spoken_codes"
    __table_args__ = (
        UniqueConstraint("gate_id", "digits"),
        Index(
            "uq_spoken_codes_current",
            "courier_id",
            unique=True,
            sqlite_where=text("replaced_at IS NULL"),
            postgresql_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    gate_id: Mapped[UUID] = mapped_column(Id, ForeignKey("gates.id"))
    digits: Mapped[str] = mapped_column(String(6))
    issued_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the courier asked for a newer one, which ended this one."""


class SpokenTries(Base):
    """The wrong tries at one gate that may still count; the row is held while digits are judged there."""

    __tablename__ = "spoken_tries"

    gate_id: Mapped[UUID] = mapped_column(Id, ForeignKey("gates.id"), primary_key=True)
    wrong: Mapped[dict[str, list[str]]] = mapped_column(Document)
    """`at`: RFC 3339 times, the oldest first, at most five."""
    last_at: Mapped[datetime] = mapped_column(Instant)


class PrintedCard(Base):
    """A card on paper with a symbol that stands for one courier until somebody ends it.

    The secret in the symbol is stored as a keyed digest only, so the card can be drawn when it is issued
    and never again.
    """

    __tablename__ = "printed_cards"
    __table_args__ = (
        Index(
            "uq_printed_cards_live",
            "courier_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(None, "courier_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    digest: Mapped[bytes] = mapped_column(Digest, unique=True)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    issued_by: Mapped[UUID | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_by: Mapped[UUID | None] = mapped_column(Id)
    end_reason: Mapped[str | None] = mapped_column(Text)
