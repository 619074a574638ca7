"""The devices of a compound, and which shifts are open."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from app.models.bundles import Bundle
from app.models.compounds import Gate
from app.models.devices import Device, Enrolment, Shift
from app.pagination import Page, page_of
from app.services.compounds.register import KEEPS_GATES
from app.services.compounds.sight import reach_compound
from app.services.devices.rules import LONGEST_SHIFT
from app.work import Work


def shift_is_open(now: datetime) -> ColumnElement[bool]:
    """The condition that a shift goes on at `now`: neither ended nor past its longest."""
    return and_(Shift.ended_at.is_(None), Shift.started_at > now - LONGEST_SHIFT)


def is_own_shift(work: Work) -> ColumnElement[bool]:
    """The condition that a shift goes on that the calling sign-in has open."""
    return and_(
        Shift.account_id == work.actor.account_id,
        Shift.sign_in_id == work.actor.sign_in_id,
        shift_is_open(work.now),
    )


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device, its place, and who is on shift on it now, if anybody."""

    device: Device
    enrolment: Enrolment
    gate: Gate
    shift: Shift | None
    synced_at: datetime | None
    """When it last fetched its bundle, or asked whether there is a new one."""

    @property
    def id(self) -> UUID:
        return self.device.id


async def list_devices(
    work: Work, *, compound_id: UUID, after: UUID | None, limit: int
) -> Page[ListedDevice]:
    """The devices that are enrolled at a compound, and those that were lost there, by their creation.

    For a registrar of the area and the compound's property manager. Raises NotFound.
    """
    await reach_compound(work, *KEEPS_GATES, compound_id=compound_id)
    on_shift = and_(Shift.enrolment_id == Enrolment.id, shift_is_open(work.now))
    query = (
        select(Device, Enrolment, Gate, Shift, Bundle.synced_at)
        .join(Enrolment, Enrolment.device_id == Device.id)
        .join(Gate, Gate.id == Enrolment.gate_id)
        .outerjoin(Shift, on_shift)
        .outerjoin(Bundle, Bundle.enrolment_id == Enrolment.id)
        .where(
            Gate.compound_id == compound_id,
            # A loss closes the enrolment at the same instant.
            or_(Enrolment.closed_at.is_(None), Enrolment.closed_at == Device.lost_at),
        )
        .order_by(Device.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Device.id > after)
    rows = (await work.session.execute(query)).all()
    return page_of([ListedDevice(*row) for row in rows], limit)
