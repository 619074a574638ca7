"""The schedules of the worker: one run of a job at a time, whatever the number of processes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Id, Instant


class Job(Base):
    """One recurring job and its lease."""

    __tablename__ = "jobs"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Instant)
    lease_owner: Mapped[UUID | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    last_run_at: Mapped[datetime | None] = mapped_column(Instant)
    last_error: Mapped[str | None] = mapped_column(String(200))
    """Type of the exception that ended the last run; its message may hold personal data and is not kept."""
