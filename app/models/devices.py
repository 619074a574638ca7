"""Devices that scan, where they are enrolled, and who is on shift."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, Instant, must_be_one_of, one_of


class DeviceKind(StrEnum):
    """What the scanner is."""

    phone = "phone"
    handheld = "handheld"


class Device(Base):
    """A phone or handheld that scans; its account is what it signs in by."""

    __tablename__ = "devices"
    __table_args__ = (must_be_one_of("kind", DeviceKind),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), unique=True)
    kind: Mapped[str] = mapped_column(one_of(DeviceKind))
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(Instant)
    lost_at: Mapped[datetime | None] = mapped_column(Instant)


class Enrolment(Base):
    """A device's dated place at one gate; at most one is open for a device."""

    __tablename__ = "enrolments"
    __table_args__ = (
        Index(
            "uq_enrolments_open",
            "device_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    device_id: Mapped[UUID] = mapped_column(Id, ForeignKey("devices.id"))
    gate_id: Mapped[UUID] = mapped_column(Id, ForeignKey("gates.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)


class Shift(Base):
    """A guard's time on an enrolled device, tied to the guard's sign-in on it; at most one is open."""

    __tablename__ = "shifts"
    __table_args__ = (
        Index(
            "uq_shifts_open",
            "enrolment_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    enrolment_id: Mapped[UUID] = mapped_column(Id, ForeignKey("enrolments.id"))
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), index=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id"))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
