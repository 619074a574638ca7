"""Enrolled devices and shifts of tests, through the services that make them."""

from dataclasses import dataclass, field, replace

from app.models.accounts import Account, AccountKind, Role, ScopeKind
from app.models.compounds import Gate
from app.models.devices import Device, DeviceKind, Enrolment, Shift
from app.services.accounts.actors import AccessTokens, load_actor
from app.services.accounts.sign_ins import open_sign_in
from app.services.devices.enrolment import enrol_device, invite_device
from app.services.devices.shifts import start_shift
from app.work import Actor, Scope, Work
from tests.factories.accounts import make_account


@dataclass(frozen=True, slots=True)
class OnShift:
    """A guard on shift, with the headers of the sign-in that the shift is tied to."""

    shift: Shift
    guard: Account
    headers: dict[str, str] = field(repr=False)


async def invite(work: Work, *, gate: Gate) -> str:
    """The secret of an invitation for a device to `gate`, by a property manager of its compound."""
    scope = Scope(ScopeKind.compound, str(gate.compound_id))
    manager = await make_account(work, kind=AccountKind.wechat, grants=[(Role.property_manager, scope)])
    inviting = replace(work, actor=Actor(manager.kind, manager.id, grants=((Role.property_manager, scope),)))
    _, secret = await invite_device(inviting, gate_id=gate.id)
    return secret


async def make_device(
    work: Work, *, gate: Gate, kind: DeviceKind = DeviceKind.phone, name: str = "门岗手机"
) -> tuple[Device, Enrolment, str]:
    """A device enrolled at `gate`, and the device's secret."""
    new = await enrol_device(
        replace(work, actor=Actor.nobody()), invitation=await invite(work, gate=gate), kind=kind, name=name
    )
    return new.enrolled.device, new.enrolled.enrolment, new.secret


async def device_token(work: Work, *, device: Device) -> str:
    """An access token of a fresh sign-in of the device's own account."""
    account = await work.session.get_one(Account, device.account_id)
    return (await open_sign_in(work, account=account, client="scanner")).access_token


async def make_shift(
    work: Work, *, device: Device, enrolment: Enrolment, gate: Gate, guard: Account | None = None
) -> OnShift:
    """A guard of the gate's compound, or `guard`, on shift on an enrolled device."""
    scope = Scope(ScopeKind.compound, str(gate.compound_id))
    guard = guard or await make_account(work, kind=AccountKind.wechat, grants=[(Role.guard, scope)])
    tokens = AccessTokens(work.deployment.secrets, issuer=work.settings.issuer)
    signed = await open_sign_in(work, account=guard, client="scanner")
    claims = tokens.read(signed.access_token, lambda: work.now)
    started = await start_shift(
        replace(work, actor=await load_actor(work.session, claims)),
        enrolment_id=enrolment.id,
        device_token=await device_token(work, device=device),
        tokens=tokens,
    )
    return OnShift(started.shift, guard, {"Authorization": f"Bearer {signed.access_token}"})


async def device_headers(work: Work, *, device: Device) -> dict[str, str]:
    """The headers of a fresh sign-in of the device's own account."""
    return {"Authorization": f"Bearer {await device_token(work, device=device)}"}
