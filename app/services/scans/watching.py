"""Who watches over a compound: its property managers, and guards while they are on shift there."""

from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.models.accounts import Role
from app.models.compounds import Gate
from app.models.devices import Device, Enrolment, Shift
from app.services.compounds.sight import reach_compound, reach_gate
from app.services.devices.queries import shift_is_open
from app.work import Place, Work

WATCHES = (Role.property_manager, Role.guard)
"""Who may see who passes, within a compound of theirs."""


async def watch_compound(work: Work, *, compound_id: UUID) -> None:
    """Raises NotFound unless the caller watches over the compound now."""
    _, place = await reach_compound(work, *WATCHES, compound_id=compound_id)
    await _be_there(work, place, compound_id)


async def watch_gate(work: Work, *, gate_id: UUID) -> None:
    """Raises NotFound unless the caller watches over the compound of the gate now."""
    reached = await reach_gate(work, *WATCHES, gate_id=gate_id)
    await _be_there(work, reached.place, reached.compound.id)


async def _be_there(work: Work, place: Place, compound_id: UUID) -> None:
    """A guard sees people only while on shift: at any gate there, with this sign-in."""
    if work.actor.may(Role.property_manager, at=place):
        return
    on_shift = await work.session.scalar(
        select(Shift.id)
        .join(Enrolment, Enrolment.id == Shift.enrolment_id)
        .join(Device, Device.id == Enrolment.device_id)
        .join(Gate, Gate.id == Enrolment.gate_id)
        .where(
            Gate.compound_id == compound_id,
            Shift.account_id == work.actor.account_id,
            Shift.sign_in_id == work.actor.sign_in_id,
            shift_is_open(work.now),
            Enrolment.closed_at.is_(None),
            Device.lost_at.is_(None),
        )
        .limit(1)
    )
    if on_shift is None:
        raise NotFound
