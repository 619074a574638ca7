"""Employers: platforms, their delivery partners, courier companies."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, Instant, must_be_one_of, one_of


class EmployerKind(StrEnum):
    """What ties couriers to it."""

    platform = "platform"
    partner = "partner"
    courier_company = "courier_company"


class Employer(Base):
    """One employer; its credit code (GB 32100) where it gave one."""

    __tablename__ = "employers"
    __table_args__ = (must_be_one_of("kind", EmployerKind),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    kind: Mapped[str] = mapped_column(one_of(EmployerKind))
    credit_code: Mapped[str | None] = mapped_column(String(18), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
