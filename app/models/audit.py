"""The record of who changed or looked at what, when and why."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Document, Id, Instant


class AuditRecord(Base):
    """One change or look-up; append only, without personal data."""

    __tablename__ = "audit_records"
    __table_args__ = (Index(None, "subject_kind", "subject_id", "id"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    account_id: Mapped[UUID | None] = mapped_column(Id)
    actor: Mapped[str] = mapped_column(String(64))
    """The kind of actor: an account kind, or the command that acted."""
    action: Mapped[str] = mapped_column(String(64))
    subject_kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any] | None] = mapped_column(Document)
