"""Who watches over a compound: its property managers, and guards while they are on shift there."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import aliased

from app.database import fetch
from app.errors import NotFound
from app.models.accounts import Role
from app.models.areas import Area
from app.models.compounds import Compound, Gate
from app.models.devices import Device, Enrolment, Shift
from app.services.devices.rules import LONGEST_SHIFT
from app.work import Place, Work

WATCHES = (Role.property_manager, Role.guard)
"""Who may see who passes, within a compound of theirs."""


async def watch_compound(work: Work, *, compound_id: UUID) -> None:
    """Raises NotFound unless the caller watches over the compound now."""
    await _watch(work, OF_COMPOUND, {"compound": compound_id})


async def watch_gate(work: Work, *, gate_id: UUID) -> None:
    """Raises NotFound unless the caller watches over the compound of the gate now."""
    await _watch(work, OF_GATE, {"gate": gate_id})


async def _watch(work: Work, watched: Select[*tuple[Any, ...]], which: Mapping[str, UUID]) -> None:
    """A guard sees people only while on shift: at any gate there, with this sign-in."""
    caller = {
        "account": work.actor.account_id,
        "sign_in": work.actor.sign_in_id,
        "longest": work.now - LONGEST_SHIFT,
    }
    rows = await fetch(work.session, watched, {**which, **caller})
    if not rows:
        raise NotFound
    (compound,) = rows
    place = Place(area_path=compound.path, compound_id=compound.id)
    on_shift = work.actor.may(Role.guard, at=place) and compound.on_shift
    if not on_shift and not work.actor.may(Role.property_manager, at=place):
        raise NotFound


def _watched() -> Select[*tuple[Any, ...]]:
    gate = aliased(Gate)
    on_shift = (
        select(Shift.id)
        .join(Enrolment, Enrolment.id == Shift.enrolment_id)
        .join(Device, Device.id == Enrolment.device_id)
        .join(gate, gate.id == Enrolment.gate_id)
        .where(
            gate.compound_id == Compound.id,
            Shift.account_id == bindparam("account"),
            Shift.sign_in_id == bindparam("sign_in"),
            Shift.ended_at.is_(None),
            Shift.started_at > bindparam("longest"),
            Enrolment.closed_at.is_(None),
            Device.lost_at.is_(None),
        )
        .exists()
    )
    query: Select[*tuple[Any, ...]] = select(Compound.id, Area.path, on_shift.label("on_shift")).join(
        Area, Area.code == Compound.area_code
    )
    return query


OF_COMPOUND = _watched().where(Compound.id == bindparam("compound"))
OF_GATE = _watched().join(Gate, Gate.compound_id == Compound.id).where(Gate.id == bindparam("gate"))
"""Where a compound lies and whether the caller is on shift there. Made once, and past the ORM."""
