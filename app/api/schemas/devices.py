"""What the API says and hears about devices and shifts."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from app.api.schemas.accounts import TokenPair
from app.api.schemas.base import Choice, Id, Instant, Line, Opaque, Request, Response, Unfit
from app.errors import Text
from app.models.devices import DeviceKind
from app.services.devices import enrolment as places
from app.services.devices import queries, shifts, takeover
from app.services.devices.rules import LARGEST_BADGE

DeviceName = Annotated[str, Line(1, 60), Field(examples=["东门手机"])]
InvitationSecret = Annotated[
    str, Opaque(1, 128), Field(examples=["q2Xn0vZ3m1c5y8Jt7Lr4WfKdPbGsHaUe6QiOxN9zTyM"])
]
Pin = Annotated[
    str,
    Field(pattern=r"^[0-9]{6}$", json_schema_extra={"format": "password"}, examples=["480915"]),
]
BadgeNumber = Annotated[int, Field(ge=1, le=LARGEST_BADGE, examples=[7])]
CODE_OR_PIN = Text("请提供上岗码，或工号与 PIN 码。", "Give either a code, or badge and PIN.")
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


class ShiftCode(Response):
    """A code with which its owner starts a shift on a shared device."""

    code: Annotated[str, Field(examples=["7K3QX-9MTR2"])]
    """Good once, for a minute. Show it as a QR symbol, or read it to be typed; case and hyphen are free."""
    expires_at: Instant
    """Until when it can be used."""


class NewPin(Request):
    """A PIN for shared devices of one compound."""

    pin: Pin
    """Six digits, not those that everybody tries first."""


class Badge(Response):
    """What a guard types on a shared device beside the PIN."""

    compound_id: Id
    """Where it holds."""
    badge: BadgeNumber
    """The guard's number in the compound, which stays the same."""
    pin_set_at: Instant
    """When the PIN was last set."""


class Takeover(Request):
    """Who takes a shared device over: either a shift code, or badge and PIN."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"code": "7K3QX-9MTR2"}],
            "oneOf": [{"required": ["code"]}, {"required": ["badge", "pin"]}],
        }
    )

    code: Annotated[str, Opaque(1, 64), Field(examples=["7K3QX-9MTR2"])] | None = None
    """The guard's shift code."""
    badge: BadgeNumber | None = None
    """The guard's number in the compound."""
    pin: Pin | None = None
    """The guard's PIN in the compound."""

    @model_validator(mode="after")
    def one_proof(self) -> Self:
        """Raises `Unfit` unless there is a code, or badge and PIN, and not both."""
        self.proof()
        return self

    def proof(self) -> takeover.ByCode | takeover.ByPin:
        """As services know it."""
        match self.code, self.badge, self.pin:
            case str(code), None, None:
                return takeover.ByCode(code)
            case None, int(badge), str(pin):
                return takeover.ByPin(badge, pin)
            case _:
                raise Unfit("code_or_pin", CODE_OR_PIN)


class TakenShift(Response):
    """A shift on the device that asked, and the guard's sign-in for it."""

    shift: Shift
    """The shift."""
    tokens: TokenPair
    """The guard's, for this shift only: they end with it."""

    @classmethod
    def of(cls, taken: takeover.TakenShift) -> Self:
        """The answer to the device."""
        return cls(shift=Shift.of(taken.placed), tokens=TokenPair.of(taken.tokens))
