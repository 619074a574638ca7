"""Shifts: who stands behind an enrolled device, and how it is handed over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select

from app.errors import Forbidden, NotFound, Unauthenticated
from app.ids import new_id
from app.models.accounts import SignIn
from app.models.areas import Area
from app.models.compounds import Compound, Gate
from app.models.devices import Device, Enrolment, Shift
from app.services import audit
from app.services.accounts.actors import AccessTokens, load_actor
from app.services.accounts.grants import keeps_role
from app.services.accounts.rules import TAKES_SHIFTS
from app.services.accounts.standing_down import end_shift_sign_ins
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.devices.errors import DeviceNotProven, EnrolmentClosed
from app.services.devices.queries import is_own_shift
from app.services.devices.rules import LONGEST_SHIFT, shift_end
from app.work import Place, Work

CLOCKS_DIFFER = timedelta(seconds=10)
"""By so much at most the clocks of two servers do."""


@dataclass(frozen=True, slots=True)
class PlacedShift:
    """A shift and the gate that it is at."""

    shift: Shift
    gate: Gate
    compound: Compound

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself, unless it was ended before."""
        return self.shift.ended_at or self.shift.started_at + LONGEST_SHIFT


async def start_shift(
    work: Work, *, enrolment_id: UUID, device_token: str, tokens: AccessTokens
) -> PlacedShift:
    """Puts the caller on shift on an enrolled device, with the sign-in that calls.

    The caller is a guard or property manager of the gate's compound; `device_token`, a live access
    token of the device's own account, proves that the phone is the one that is enrolled. Whoever was
    on shift there is relieved: an open shift of somebody else ends. The same sign-in again gets the
    shift that it has. Raises Forbidden for a sign-in that was made for another shift, NotFound,
    EnrolmentClosed, DeviceNotProven, CompoundClosed and GateClosed.
    """
    if work.actor.for_shift:
        raise Forbidden
    if work.actor.account_id is None or work.actor.sign_in_id is None:
        raise NotFound
    # The lock keeps two guards, and a guard and the loss of the device, one after the other.
    found = (
        await work.session.execute(
            select(Enrolment, Device.account_id, Gate, Compound, Area.path)
            .join(Device, Device.id == Enrolment.device_id)
            .join(Gate, Gate.id == Enrolment.gate_id)
            .join(Compound, Compound.id == Gate.compound_id)
            .join(Area, Area.code == Compound.area_code)
            .where(Enrolment.id == enrolment_id)
            .with_for_update(of=Enrolment)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    enrolment, device_account, gate, compound, path = found
    if not work.actor.may(*TAKES_SHIFTS, at=Place(area_path=path, compound_id=compound.id)):
        raise NotFound
    if enrolment.closed_at is not None:
        raise EnrolmentClosed
    await _prove_device(work, device_account, device_token, tokens)
    if compound.closed_at is not None:
        raise CompoundClosed
    if gate.closed_at is not None:
        raise GateClosed
    if not await keeps_role(work, *TAKES_SHIFTS, compound_id=compound.id):
        raise NotFound
    own = await end_open_shifts(
        work, enrolment_id=enrolment_id, cause="relieved", but_sign_in=work.actor.sign_in_id
    )
    if own is not None:
        return PlacedShift(own, gate, compound)
    await _hold_sign_in(work, work.actor.sign_in_id)
    shift = await begin_shift(
        work,
        enrolment_id=enrolment_id,
        account_id=work.actor.account_id,
        sign_in_id=work.actor.sign_in_id,
    )
    return PlacedShift(shift, gate, compound)


async def _hold_sign_in(work: Work, sign_in_id: UUID) -> None:
    """Keeps the caller's sign-in from ending before the shift is there to end with it."""
    held = await work.session.scalar(
        select(SignIn.id).where(SignIn.id == sign_in_id, SignIn.ended_at.is_(None)).with_for_update(read=True)
    )
    if held is None:
        raise Unauthenticated


async def begin_shift(work: Work, *, enrolment_id: UUID, account_id: UUID, sign_in_id: UUID) -> Shift:
    """Stores a shift. The caller holds the lock of the enrolment and has ended whoever was on shift."""
    # Of two who hand over in one moment the one with the earlier clock may come second. What lies further
    # ahead was a wrong clock's, and no reason to begin late.
    ended = await work.session.scalar(
        select(func.max(Shift.ended_at)).where(Shift.enrolment_id == enrolment_id)
    )
    shift = Shift(
        id=new_id(),
        enrolment_id=enrolment_id,
        account_id=account_id,
        sign_in_id=sign_in_id,
        started_at=ended if ended is not None and work.now < ended <= work.now + CLOCKS_DIFFER else work.now,
    )
    work.session.add(shift)
    await work.session.flush()
    audit.record(
        work,
        "shifts.started",
        subject_kind="shift",
        subject_id=shift.id,
        details={"enrolment": str(enrolment_id)},
    )
    return shift


async def read_current_shift(work: Work) -> PlacedShift:
    """The shift that the calling sign-in has open, the newest if on several devices; raises NotFound."""
    found = (
        await work.session.execute(
            select(Shift, Gate, Compound)
            .join(Enrolment, Enrolment.id == Shift.enrolment_id)
            .join(Gate, Gate.id == Enrolment.gate_id)
            .join(Compound, Compound.id == Gate.compound_id)
            .where(is_own_shift(work))
            .order_by(Shift.id.desc())
            .limit(1)
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return PlacedShift(*found)


async def end_current_shift(work: Work) -> None:
    """Ends the shift that the calling sign-in has open; raises NotFound where it has none.

    A sign-in that was made for the shift ends with it.
    """
    shift = (await read_current_shift(work)).shift
    await _end(work, shift, cause="ended")


async def end_open_shifts(
    work: Work, *, enrolment_id: UUID, cause: str, but_sign_in: UUID | None = None
) -> Shift | None:
    """Ends who is on shift on an enrolment, except one of the sign-in `but_sign_in`, which is returned.

    The caller holds the lock of the enrolment.
    """
    shift = await work.session.scalar(
        select(Shift)
        .where(Shift.enrolment_id == enrolment_id, Shift.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )
    if shift is None:
        return None
    overdue = shift_end(shift.started_at, shift.ended_at, work.now)
    if overdue is None and but_sign_in is not None and shift.sign_in_id == but_sign_in:
        return shift
    await _end(work, shift, cause=cause if overdue is None else "overdue")
    return None


async def _end(work: Work, shift: Shift, *, cause: str) -> None:
    """Ends a shift, and the sign-in with it if that was made for the shift."""
    shift.ended_at = shift_end(shift.started_at, None, work.now) or max(work.now, shift.started_at)
    audit.record(work, "shifts.ended", subject_kind="shift", subject_id=shift.id, details={"cause": cause})
    await work.session.flush()
    await end_shift_sign_ins(work, [shift.sign_in_id], cause=cause)


async def _prove_device(work: Work, account_id: UUID, token: str, tokens: AccessTokens) -> None:
    """Raises DeviceNotProven unless `token` is a live access token of the device's own account."""
    try:
        claims = tokens.read(token, lambda: work.now)
        device = await load_actor(work.session, claims)
    except Unauthenticated:
        raise DeviceNotProven from None
    if device.account_id != account_id:
        raise DeviceNotProven
