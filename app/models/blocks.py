"""Blocks: a compound does not let a courier in for some time, and the courier may appeal."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, Instant


class Block(Base):
    """One block of one courier at one compound; at most one of a pair has not ended.

    The identity that the property manager saw is named by `card_id`, never copied here.
    """

    __tablename__ = "blocks"
    __table_args__ = (
        CheckConstraint("until > made_at", name="until_is_later"),
        CheckConstraint("(appealed_at IS NULL) = (appeal_sealed IS NULL)", name="appeal_is_whole"),
        CheckConstraint("(decided_at IS NULL) = (upheld IS NULL)", name="decision_is_whole"),
        Index(None, "compound_id", "id"),
        Index(None, "courier_id", "id"),
        Index(
            "uq_blocks_live",
            "compound_id",
            "courier_id",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index(
            "ix_blocks_appeals",
            "id",
            sqlite_where=text("appealed_at IS NOT NULL AND decided_at IS NULL"),
            postgresql_where=text("appealed_at IS NOT NULL AND decided_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    compound_id: Mapped[UUID] = mapped_column(Id, ForeignKey("compounds.id"))
    courier_id: Mapped[UUID] = mapped_column(Id, ForeignKey("couriers.id"))
    scan: Mapped[UUID] = mapped_column(Id)
    """The entry that the property manager named the courier by."""
    card_id: Mapped[UUID | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[UUID | None] = mapped_column(Id)
    until: Mapped[datetime] = mapped_column(Instant)
    lifted_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it was lifted. One that ran out gets its own `until` once another takes its place."""
    lifted_by: Mapped[UUID | None] = mapped_column(Id)
    appeal_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What the courier says against it, under the person's key."""
    appealed_at: Mapped[datetime | None] = mapped_column(Instant)
    upheld: Mapped[bool | None] = mapped_column(Boolean)
    """How the appeal was decided: True where the block stays."""
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_by: Mapped[UUID | None] = mapped_column(Id)
    decision_reason: Mapped[str | None] = mapped_column(Text)
