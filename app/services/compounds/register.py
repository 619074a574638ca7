"""Compounds and gates as their keepers maintain them: adding, changing, closing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Problem
from app.ids import new_id
from app.models.accounts import Role
from app.models.compounds import Closing, Compound, CompoundKind, Gate
from app.services import audit
from app.services.areas.tree import require_area
from app.services.compounds.errors import (
    CompoundClosed,
    CompoundNameTaken,
    CompoundReferenceTaken,
    GateNameTaken,
    PositionIncomplete,
)
from app.services.compounds.sight import SeenCompound, reach_compound, reach_gate, read_compound
from app.work import Place, Work

KEEPS_GATES = (Role.registrar, Role.property_manager)
"""Who adds, renames and closes gates."""


@dataclass(frozen=True, slots=True)
class Position:
    """A point in GCJ-02, in degrees."""

    latitude: float
    longitude: float


def position(latitude: float | None, longitude: float | None) -> Position | None:
    """The point of two coordinates, or None where neither is given; raises PositionIncomplete."""
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise PositionIncomplete
    return Position(latitude, longitude)


@dataclass(frozen=True, slots=True)
class NewGate:
    """A gate to be."""

    name: str
    position: Position | None = None


async def create_compound(
    work: Work,
    *,
    area_code: str,
    name: str,
    kind: CompoundKind,
    address: str | None = None,
    position: Position | None = None,
    reference: str | None = None,
    gates: Sequence[NewGate] = (),
) -> SeenCompound:
    """A new compound with its first gates, by a registrar of its area.

    Raises UnknownArea, Forbidden, CompoundNameTaken, CompoundReferenceTaken, and GateNameTaken where
    two of `gates` bear one name.
    """
    area = await require_area(work, code=area_code)
    work.actor.must(Role.registrar, at=Place(area_path=area.path))
    if len({gate.name for gate in gates}) < len(gates):
        raise GateNameTaken
    compound = Compound(
        id=new_id(),
        reference=reference,
        name=name,
        kind=kind.value,
        area_code=area.code,
        address=address,
        **_coordinates(position),
        created_at=work.now,
    )
    compound_id = compound.id
    rows = tuple(_gate(work, compound_id, gate) for gate in gates)
    try:
        async with work.session.begin_nested():
            work.session.add_all((compound, *rows))
    except IntegrityError as error:
        raise await _taken(work, compound_id, area.code, name) from error
    audit.record(work, "compounds.created", subject_kind="compound", subject_id=compound_id)
    for row in rows:
        audit.record(work, "gates.created", subject_kind="gate", subject_id=row.id)
    return SeenCompound(compound, rows)


async def change_compound(
    work: Work,
    *,
    compound_id: UUID,
    reason: str,
    area_code: str | None = None,
    name: str | None = None,
    kind: CompoundKind | None = None,
    address: str | None = None,
    position: Position | None = None,
    closed: bool | None = None,
) -> SeenCompound:
    """Changes what is given and leaves the rest, by a registrar of its area, and of the one it goes to.

    `closed` takes the compound out of the product, or back in: nothing is admitted at a closed one.
    Raises NotFound, UnknownArea, Forbidden and CompoundNameTaken.
    """
    compound, _ = await reach_compound(work, Role.registrar, compound_id=compound_id)
    wanted: dict[str, Any] = _without_nothing(
        name=name, kind=kind.value if kind else None, address=address, **_coordinates(position)
    )
    if area_code is not None:
        area = await require_area(work, code=area_code)
        work.actor.must(Role.registrar, at=Place(area_path=area.path))
        wanted["area_code"] = area.code
    if closed is not None and closed != (compound.closed_at is not None):
        wanted["closed_at"] = work.now if closed else None
        _keep_closing(work, compound.closed_at, compound_id=compound_id)
    changed = _changed(compound, wanted)
    if changed:
        held = (wanted.get("area_code", compound.area_code), name or compound.name)
        try:
            async with work.session.begin_nested():
                for field in changed:
                    setattr(compound, field, wanted[field])
        except IntegrityError as error:
            raise await _taken(work, compound_id, *held) from error
        audit.record(
            work,
            "compounds.changed",
            subject_kind="compound",
            subject_id=compound_id,
            reason=reason,
            details={"fields": changed},
        )
    return await read_compound(work, compound_id=compound_id)


async def create_gate(work: Work, *, compound_id: UUID, gate: NewGate) -> Gate:
    """A new gate of a compound, by a registrar of its area or the compound's property manager.

    Raises NotFound, CompoundClosed and GateNameTaken.
    """
    compound, _ = await reach_compound(work, *KEEPS_GATES, compound_id=compound_id)
    if compound.closed_at is not None:
        raise CompoundClosed
    row = _gate(work, compound_id, gate)
    gate_id = row.id
    try:
        async with work.session.begin_nested():
            work.session.add(row)
    except IntegrityError as error:
        raise GateNameTaken from error
    audit.record(work, "gates.created", subject_kind="gate", subject_id=gate_id)
    return row


async def change_gate(
    work: Work,
    *,
    gate_id: UUID,
    reason: str,
    name: str | None = None,
    position: Position | None = None,
    closed: bool | None = None,
) -> Gate:
    """Changes what is given of a gate and leaves the rest, by those who may create it.

    Nothing is admitted at a closed gate; its devices stay enrolled and work again once it is open.
    Raises NotFound and GateNameTaken.
    """
    gate = (await reach_gate(work, *KEEPS_GATES, gate_id=gate_id)).gate
    wanted: dict[str, Any] = _without_nothing(name=name, **_coordinates(position))
    if closed is not None and closed != (gate.closed_at is not None):
        wanted["closed_at"] = work.now if closed else None
        _keep_closing(work, gate.closed_at, gate_id=gate_id)
    changed = _changed(gate, wanted)
    if changed:
        try:
            async with work.session.begin_nested():
                for field in changed:
                    setattr(gate, field, wanted[field])
        except IntegrityError as error:
            raise GateNameTaken from error
        audit.record(
            work,
            "gates.changed",
            subject_kind="gate",
            subject_id=gate_id,
            reason=reason,
            details={"fields": changed},
        )
    return gate


def _keep_closing(
    work: Work, closed_at: datetime | None, *, gate_id: UUID | None = None, compound_id: UUID | None = None
) -> None:
    """Keeps since when a gate or compound was closed that now opens again, if it does."""
    if closed_at is not None:
        row = Closing(
            id=new_id(),
            gate_id=gate_id,
            compound_id=compound_id,
            closed_at=closed_at,
            reopened_at=work.now,
        )
        work.session.add(row)


def _gate(work: Work, compound_id: UUID, new: NewGate) -> Gate:
    return Gate(
        id=new_id(),
        compound_id=compound_id,
        name=new.name,
        created_at=work.now,
        **_coordinates(new.position),
    )


async def _taken(work: Work, compound_id: UUID, area_code: str, name: str) -> Problem:
    """Which of the two unique values another compound holds; the constraint has said that one does."""
    other = await work.session.scalar(
        select(Compound.id).where(
            Compound.area_code == area_code, Compound.name == name, Compound.id != compound_id
        )
    )
    return CompoundReferenceTaken() if other is None else CompoundNameTaken()


def _coordinates(position: Position | None) -> dict[str, float]:
    return {} if position is None else {"latitude": position.latitude, "longitude": position.longitude}


def _without_nothing(**values: object) -> dict[str, object]:
    return {field: value for field, value in values.items() if value is not None}


def _changed(row: Compound | Gate, wanted: dict[str, Any]) -> list[str]:
    return sorted(field for field, value in wanted.items() if getattr(row, field) != value)
