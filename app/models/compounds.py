"""Compounds and their gates."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Id, Instant, must_be_one_of, one_of


class CompoundKind(StrEnum):
    """What the walls enclose."""

    residential = "residential"
    park = "park"
    office = "office"


class Compound(Base):
    """One compound. `reference` is the name that an import file knows it by. Coordinates are GCJ-02."""

    __tablename__ = "compounds"
    __table_args__ = (
        must_be_one_of("kind", CompoundKind),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_on_earth"),
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude_on_earth"),
        UniqueConstraint("area_code", "name"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    reference: Mapped[str | None] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(one_of(CompoundKind))
    area_code: Mapped[str] = mapped_column(String(12), ForeignKey("areas.code"), index=True)
    address: Mapped[str | None] = mapped_column(String(200))
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    created_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when the compound no longer takes part."""
    rules_id: Mapped[UUID | None] = mapped_column(Id)
    """The version of its gate rules that is in force; None where it has never had any."""

    gates: Mapped[list["Gate"]] = relationship(back_populates="compound", lazy="raise")


class Gate(Base):
    """One entrance of a compound."""

    __tablename__ = "gates"
    __table_args__ = (
        UniqueConstraint("compound_id", "name"),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_on_earth"),
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude_on_earth"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    compound_id: Mapped[UUID] = mapped_column(Id, ForeignKey("compounds.id"))
    name: Mapped[str] = mapped_column(String(60))
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    created_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)

    compound: Mapped[Compound] = relationship(back_populates="gates", lazy="raise")


class Closing(Base):
    """When a gate or a compound took no part for a while; one that still takes none has its `closed_at`.

    Scans that a device made then are brought in later, and judged as of then.
    """

    __tablename__ = "closings"
    __table_args__ = (CheckConstraint("(gate_id IS NULL) <> (compound_id IS NULL)", name="of_one"),)

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    gate_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("gates.id"), index=True)
    compound_id: Mapped[UUID | None] = mapped_column(Id, ForeignKey("compounds.id"), index=True)
    closed_at: Mapped[datetime] = mapped_column(Instant)
    reopened_at: Mapped[datetime] = mapped_column(Instant)
