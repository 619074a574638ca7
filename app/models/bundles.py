"""Bundles: what devices were given to decide alone, and what they said when they fetched it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Id, Instant


class Bundle(Base):
    """The bundle of an enrolment as it was last made: its version rises whenever its content changes."""

    __tablename__ = "bundles"

    enrolment_id: Mapped[UUID] = mapped_column(Id, ForeignKey("enrolments.id"), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(Digest)
    """Of the content, without the time of its making."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    synced_at: Mapped[datetime] = mapped_column(Instant)
    """When the device last asked, whether or not anything had changed."""


class Sync(Base):
    """Until when a device said that it had made so many offline scans; one row a count."""

    __tablename__ = "syncs"

    enrolment_id: Mapped[UUID] = mapped_column(Id, ForeignKey("enrolments.id"), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    last_at: Mapped[datetime] = mapped_column(Instant)
