"""Devices that scan, where they are enrolled, and who is on shift."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Digest, Id, Instant, must_be_one_of, one_of


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
        Index(None, "enrolment_id", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    enrolment_id: Mapped[UUID] = mapped_column(Id, ForeignKey("enrolments.id"))
    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), index=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id"))
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class ShiftSignIn(Base):
    """A sign-in that was made for one shift on a shared device: it holds only there, and ends with it."""

    __tablename__ = "shift_sign_ins"

    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id"), primary_key=True)
    compound_id: Mapped[UUID] = mapped_column(Id, ForeignKey("compounds.id"))
    ends_at: Mapped[datetime] = mapped_column(Instant)
    """When the shift ends by itself: no refresh carries the sign-in further."""


class ShiftCode(Base):
    """The newest code with which an account starts a shift on a shared device; an account has one."""

    __tablename__ = "shift_codes"

    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(Digest, unique=True)
    sign_in_id: Mapped[UUID] = mapped_column(Id, ForeignKey("sign_ins.id"))
    """The sign-in that asked for it: when that has ended, so has the code."""
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    shift_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("shifts.id"))
    """The shift that it started."""


class Badge(Base):
    """The number that an account goes by in one compound, for good, and its PIN there."""

    __tablename__ = "badges"
    __table_args__ = (
        UniqueConstraint("compound_id", "number"),
        CheckConstraint("number > 0", name="number_positive"),
    )

    account_id: Mapped[UUID] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    compound_id: Mapped[UUID] = mapped_column(Id, ForeignKey("compounds.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    pin_hash: Mapped[str] = mapped_column(String(128))
    """argon2id in its own encoded form."""
    pin_set_at: Mapped[datetime] = mapped_column(Instant)
