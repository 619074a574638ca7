"""Gate rules: who may enter a compound when, as versions that are never changed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Document, Id, Instant


class ClauseKind(StrEnum):
    """What a clause settles."""

    opening_hours = "opening_hours"
    kinds_of_work = "kinds_of_work"
    vehicles = "vehicles"
    closure = "closure"
    condition = "condition"


class DayKind(StrEnum):
    """What opening hours tell days apart by: the weekday, or that it is a public holiday."""

    mon = "mon"
    tue = "tue"
    wed = "wed"
    thu = "thu"
    fri = "fri"
    sat = "sat"
    sun = "sun"
    holiday = "holiday"


class WhenOffline(StrEnum):
    """What a device does with a courier who enters while it has no network. Who leaves is admitted."""

    deny = "deny"
    admit_and_flag = "admit_and_flag"
    admit_if_seen = "admit_if_seen"
    """Who was let through here within the last 24 hours; others are checked."""


class GateRules(Base):
    """One version of a compound's rules. Never changed: `compounds.rules_id` names the one in force."""

    __tablename__ = "gate_rules"
    __table_args__ = (
        UniqueConstraint("compound_id", "version"),
        CheckConstraint("version >= 1", name="version_counts"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    compound_id: Mapped[UUID] = mapped_column(Id, ForeignKey("compounds.id"))
    version: Mapped[int] = mapped_column(Integer)
    """1, 2, 3 and so on within the compound."""
    document: Mapped[dict[str, Any]] = mapped_column(Document)
    """The clauses in their order, and what holds when offline; see `app/services/gate_rules/clauses.py`."""
    made_at: Mapped[datetime] = mapped_column(Instant)
    made_by: Mapped[UUID | None] = mapped_column(Id)
    note: Mapped[str] = mapped_column(String(200))
    """Why it was made."""
