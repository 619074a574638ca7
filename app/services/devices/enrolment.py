"""How a device comes to a gate, moves to another, and is cut off when it is lost."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import select, update

from app.errors import NotFound
from app.ids import new_id
from app.models.accounts import Account, Invitation, SignIn
from app.models.compounds import Compound, Gate
from app.models.devices import Device, DeviceKind, Enrolment, Shift
from app.services import audit
from app.services.accounts.devices import create_device_account
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.invitations import create_invitation, inviter_of, redeem_invitation
from app.services.accounts.sign_ins import end_all_sign_ins
from app.services.accounts.standing_down import end_shifts
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.compounds.register import KEEPS_GATES
from app.services.compounds.sight import reach_gate
from app.services.devices.shifts import end_open_shifts
from app.work import Work


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device and the gate that it stands at."""

    device: Device
    enrolment: Enrolment
    gate: Gate
    compound: Compound


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that has just been enrolled, with the secret that it signs in by from now on."""

    enrolled: EnrolledDevice
    secret: str = field(repr=False)


async def invite_device(work: Work, *, gate_id: UUID) -> tuple[Invitation, str]:
    """An invitation for one device to a gate, and its secret, which is shown once.

    By a registrar of the area or the compound's property manager. Raises NotFound, GateClosed and
    CompoundClosed.
    """
    reached = await reach_gate(work, *KEEPS_GATES, gate_id=gate_id)
    _require_open(reached.gate, reached.compound)
    invitation, secret = await create_invitation(work, gate_id=gate_id)
    audit.record(
        work,
        "devices.invited",
        subject_kind="gate",
        subject_id=gate_id,
        details={"invitation": str(invitation.id)},
    )
    return invitation, secret


async def enrol_device(work: Work, *, invitation: str, kind: DeviceKind, name: str) -> NewDevice:
    """A new device at the gate of an invitation, with an account and a secret of its own.

    Raises InvitationUnusable, also where it offers a role or whoever invited no longer keeps the gate,
    GateClosed and CompoundClosed.
    """
    offer, gate, compound = await _redeem(work, invitation)
    account, secret = await create_device_account(work)
    device = Device(id=new_id(), account_id=account.id, kind=kind.value, name=name, created_at=work.now)
    offer.used_by = account.id
    work.session.add(device)
    await work.session.flush()
    return NewDevice(await _enrol(work, device, gate, compound), secret)


async def move_device(work: Work, *, invitation: str) -> EnrolledDevice:
    """The calling device at the gate of an invitation; its place at the old gate and the shift there end.

    Raises NotFound where the caller is no device, and what `enrol_device` raises.
    """
    device = await work.session.scalar(
        select(Device).where(Device.account_id == work.actor.account_id).with_for_update()
    )
    if device is None:
        raise NotFound
    _, gate, compound = await _redeem(work, invitation)
    await _close_enrolment(work, device, cause="moved")
    return await _enrol(work, device, gate, compound)


async def read_own_enrolment(work: Work) -> EnrolledDevice:
    """Where the calling device stands; raises NotFound where the caller is no device."""
    found = (
        await work.session.execute(
            select(Device, Enrolment, Gate, Compound)
            .join(Enrolment, Enrolment.device_id == Device.id)
            .join(Gate, Gate.id == Enrolment.gate_id)
            .join(Compound, Compound.id == Gate.compound_id)
            .where(Device.account_id == work.actor.account_id, Enrolment.closed_at.is_(None))
        )
    ).one_or_none()
    if found is None:
        raise NotFound
    return EnrolledDevice(*found)


async def report_loss(work: Work, *, device_id: UUID, reason: str) -> Device:
    """Cuts a device off at once and for good; again changes nothing.

    Its account and sign-ins, its enrolment and the shift on it end, and with them every sign-in of a
    guard that a shift on it was started with: whoever holds the phone holds those too. By those who
    may enrol at the gate where it stands or last stood. Raises NotFound.
    """
    device = await work.session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise NotFound
    last_gate = await work.session.scalar(
        select(Enrolment.gate_id)
        .where(Enrolment.device_id == device_id)
        .order_by(Enrolment.id.desc())
        .limit(1)
    )
    if last_gate is None:
        raise NotFound
    await reach_gate(work, *KEEPS_GATES, gate_id=last_gate)
    if device.lost_at is not None:
        return device
    device.lost_at = work.now
    await _close_enrolment(work, device, cause="lost")
    await work.session.execute(
        update(Account).where(Account.id == device.account_id).values(ended_at=work.now)
    )
    await end_all_sign_ins(work, account_id=device.account_id, reason="device lost")
    guards = (
        select(Shift.sign_in_id)
        .join(Enrolment, Enrolment.id == Shift.enrolment_id)
        .where(Enrolment.device_id == device_id)
    )
    elsewhere = await work.session.execute(
        select(Shift.account_id, Shift.sign_in_id)
        .where(Shift.sign_in_id.in_(guards), Shift.ended_at.is_(None))
        .order_by(Shift.id)
    )
    for account_id, sign_in_id in elsewhere.all():
        await end_shifts(work, account_id=account_id, sign_in_id=sign_in_id, cause="device lost")
    await work.session.execute(
        update(SignIn)
        .where(SignIn.id.in_(guards), SignIn.ended_at.is_(None))
        .values(ended_at=work.now, end_reason="device lost")
        .execution_options(synchronize_session=False)
    )
    audit.record(work, "devices.lost", subject_kind="device", subject_id=device_id, reason=reason)
    return device


async def _redeem(work: Work, secret: str) -> tuple[Invitation, Gate, Compound]:
    offer = await redeem_invitation(work, secret=secret)
    if offer.gate_id is None:
        raise InvitationUnusable
    inviter = replace(work, actor=await inviter_of(work, offer))
    try:
        reached = await reach_gate(inviter, *KEEPS_GATES, gate_id=offer.gate_id)
    except NotFound:
        raise InvitationUnusable from None
    _require_open(reached.gate, reached.compound)
    return offer, reached.gate, reached.compound


async def _enrol(work: Work, device: Device, gate: Gate, compound: Compound) -> EnrolledDevice:
    enrolment = Enrolment(id=new_id(), device_id=device.id, gate_id=gate.id, opened_at=work.now)
    work.session.add(enrolment)
    await work.session.flush()
    audit.record(
        work,
        "devices.enrolled",
        subject_kind="device",
        subject_id=device.id,
        details={"enrolment": str(enrolment.id), "gate": str(gate.id)},
    )
    return EnrolledDevice(device, enrolment, gate, compound)


async def _close_enrolment(work: Work, device: Device, *, cause: str) -> None:
    """Ends the device's place and the shift on it. Whoever starts a shift locks the enrolment first."""
    closed = await work.session.scalar(
        update(Enrolment)
        .where(Enrolment.device_id == device.id, Enrolment.closed_at.is_(None))
        .values(closed_at=work.now)
        .returning(Enrolment.id)
    )
    if closed is not None:
        await end_open_shifts(work, enrolment_id=closed, cause=cause)


def _require_open(gate: Gate, compound: Compound) -> None:
    if compound.closed_at is not None:
        raise CompoundClosed
    if gate.closed_at is not None:
        raise GateClosed
