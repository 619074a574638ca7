"""What the API says and hears about devices and shifts."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Choice, Id, Instant, Line, Opaque, Request, Response
from app.models.devices import DeviceKind
from app.services.devices import enrolment as places
from app.services.devices import queries, shifts

DeviceName = Annotated[str, Line(1, 60), Field(examples=["东门手机"])]
InvitationSecret = Annotated[
    str, Opaque(1, 128), Field(examples=["q2Xn0vZ3m1c5y8Jt7Lr4WfKdPbGsHaUe6QiOxN9zTyM"])
]
Reason = Annotated[str, Line(1, 200), Field(examples=["保安报失"])]


class DeviceInvitation(Response):
    """An invitation for one device to one gate."""

    id: Id
    """Its identifier."""
    gate_id: Id
    """The gate that the device will be enrolled at."""
    secret: InvitationSecret
    """What the device redeems, once. It is shown here and nowhere else."""
    expires_at: Instant
    """Until when it can be redeemed."""


class NewDevice(Request):
    """A device to be enrolled."""

    invitation: InvitationSecret
    """The secret of an invitation."""
    kind: Choice[DeviceKind]
    """What the scanner is."""
    name: DeviceName
    """What people call it."""


class DeviceMove(Request):
    """A device to be enrolled at another gate."""

    invitation: InvitationSecret
    """The secret of an invitation to that gate."""


class DeviceLoss(Request):
    """A device that is lost."""

    reason: Reason
    """What happened; kept with the record."""


class NamedGate(Response):
    """A gate by its name."""

    id: Id
    """Its identifier."""
    name: Annotated[str, Field(examples=["东门"])]
    """Unique within the compound."""


class NamedCompound(Response):
    """A compound by its name."""

    id: Id
    """Its identifier."""
    name: Annotated[str, Field(examples=["翠园小区"])]
    """Unique within its area."""


class Enrolment(Response):
    """A device's place at a gate."""

    id: Id
    """Its identifier, which every scan names."""
    device_id: Id
    """The device."""
    gate: NamedGate
    """The gate that it stands at."""
    compound: NamedCompound
    """The compound of the gate."""
    opened_at: Instant
    """Since when."""

    @classmethod
    def of(cls, enrolled: places.EnrolledDevice) -> Self:
        """The place of a device."""
        return cls(
            id=enrolled.enrolment.id,
            device_id=enrolled.device.id,
            gate=NamedGate.model_validate(enrolled.gate),
            compound=NamedCompound.model_validate(enrolled.compound),
            opened_at=enrolled.enrolment.opened_at,
        )


class EnrolledDevice(Response):
    """A device that has just been enrolled, with what it signs in by."""

    device_id: Id
    """What it signs in as."""
    device_secret: InvitationSecret
    """What it signs in by. It is shown here and nowhere else."""
    enrolment: Enrolment
    """Its place at the gate."""

    @classmethod
    def of(cls, new: places.NewDevice) -> Self:
        """The answer to the device itself."""
        return cls(
            device_id=new.enrolled.device.id,
            device_secret=new.secret,
            enrolment=Enrolment.of(new.enrolled),
        )


class OpenShift(Response):
    """Who is on shift on a device."""

    id: Id
    """Its identifier."""
    account_id: Id
    """The guard's account."""
    started_at: Instant
    """Since when."""


class Device(Response):
    """A device of a compound."""

    id: Id
    """Its identifier."""
    kind: DeviceKind
    """What the scanner is."""
    name: DeviceName
    """What people call it."""
    gate: NamedGate
    """The gate that it stands at, or stood at when it was lost."""
    enrolment_id: Id
    """Its place there."""
    enrolled_at: Instant
    """Since when it stands there."""
    lost_at: Instant | None
    """When it was marked as lost, and cut off."""
    shift: OpenShift | None
    """Who is on shift on it now."""
    synced_at: Instant | None
    """When it last spoke to the server about its bundle: what was withdrawn later it does not know."""

    @classmethod
    def of(cls, listed: queries.ListedDevice) -> Self:
        """A device as its property manager sees it."""
        return cls(
            id=listed.device.id,
            kind=DeviceKind(listed.device.kind),
            name=listed.device.name,
            gate=NamedGate.model_validate(listed.gate),
            enrolment_id=listed.enrolment.id,
            enrolled_at=listed.enrolment.opened_at,
            lost_at=listed.device.lost_at,
            shift=OpenShift.model_validate(listed.shift) if listed.shift else None,
            synced_at=listed.synced_at,
        )


class DevicePage(Response):
    """Some devices of a compound, in the order of their creation."""

    items: list[Device]
    """At most as many as asked for."""
    next_cursor: str | None
    """Ask with it for the next page; null at the end."""


class NewShift(Request):
    """A shift to be started by the guard who calls."""

    enrolment_id: Id
    """The place of the device that the guard holds."""
    device_token: Annotated[str, Opaque(1, 4096), Field(examples=["eyJhbGciOiJIUzI1NiJ9.e30.c2ln"])]
    """An access token of the device's own sign-in, which proves that it is this phone."""


class Shift(Response):
    """A guard's time on a device."""

    id: Id
    """Its identifier."""
    enrolment_id: Id
    """The place of the device."""
    gate: NamedGate
    """The gate."""
    compound: NamedCompound
    """The compound of the gate."""
    started_at: Instant
    """When it began."""
    ends_at: Instant
    """When it ends by itself unless it is handed over before."""

    @classmethod
    def of(cls, placed: shifts.PlacedShift) -> Self:
        """A shift as its guard sees it."""
        return cls(
            id=placed.shift.id,
            enrolment_id=placed.shift.enrolment_id,
            gate=NamedGate.model_validate(placed.gate),
            compound=NamedCompound.model_validate(placed.compound),
            started_at=placed.shift.started_at,
            ends_at=placed.ends_at,
        )
