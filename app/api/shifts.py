"""Shifts: who stands behind a device, by an own sign-in, or on a shared one by a code, or badge and PIN."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import CurrentRuntime, OpenSignedWork, reading, writing
from app.api.limits import WatchFailures, limited, watching
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.devices import Badge, NewPin, NewShift, Shift, ShiftCode, TakenShift, Takeover
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.services.accounts.rules import TAKES_SHIFTS
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.devices import shifts
from app.services.devices.badges import set_pin
from app.services.devices.errors import (
    DeviceNotProven,
    EnrolmentClosed,
    PinLocked,
    PinRefused,
    PinUnfit,
    ShiftCodeUnusable,
)
from app.services.devices.shift_codes import issue_shift_code
from app.services.devices.takeover import take_over
from app.services.limits import CLIENT_FAILURES, PIN_CHANGES
from app.work import Work

router = APIRouter(prefix="/v1", tags=["devices"], route_class=JsonRoute)

GuardWork = Annotated[Work, writing(*TAKES_SHIFTS)]
GuardReadWork = Annotated[Work, reading(*TAKES_SHIFTS)]
Watch = Annotated[WatchFailures, Depends(watching(CLIENT_FAILURES))]


@router.post(
    "/shifts",
    operation_id="shifts_start",
    summary="Start a shift · 上岗",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        NotFound,
        EnrolmentClosed,
        DeviceNotProven,
        CompoundClosed,
        GateClosed,
        body=True,
    ),
)
async def start_shift(body: NewShift, work: GuardWork, runtime: CurrentRuntime, response: Response) -> Shift:
    """Puts the caller on shift on an enrolled device and relieves whoever was.

    Again with the same sign-in gives the same shift. For guards and property managers of the compound.
    """
    started = await shifts.start_shift(
        work,
        enrolment_id=body.enrolment_id,
        device_token=body.device_token,
        tokens=runtime.access_tokens,
    )
    response.headers["Location"] = "/v1/shifts/current"
    return Shift.of(started)


@router.get(
    "/shifts/current",
    operation_id="shifts_read",
    summary="The caller's shift · 当前班次",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_current_shift(work: GuardReadWork) -> Shift:
    """The shift that the calling sign-in has open. For guards and property managers."""
    return Shift.of(await shifts.read_current_shift(work))


@router.delete(
    "/shifts/current",
    operation_id="shifts_end",
    summary="End the caller's shift · 下岗",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def end_current_shift(work: GuardWork) -> None:
    """Ends the shift that the calling sign-in has open. For guards and property managers."""
    await shifts.end_current_shift(work)


@router.post(
    "/shift-codes",
    operation_id="shifts_issue_code",
    summary="Get a code for a shared device · 获取上岗码",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def issue_code(work: GuardWork) -> ShiftCode:
    """A code with which the caller starts a shift on a shared device, once, within a minute.

    The one before is worth nothing any more. For guards and property managers who signed in on
    their own phone.
    """
    return ShiftCode.model_validate(await issue_shift_code(work))


@router.put(
    "/compounds/{compound_id}/guards/me/pin",
    operation_id="shifts_set_pin",
    summary="Set the PIN for shared devices · 设置 PIN 码",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, PinUnfit, TooManyRequests, body=True),
    dependencies=[Depends(limited(PIN_CHANGES))],
)
async def set_own_pin(compound_id: Id, body: NewPin, open_work: OpenSignedWork) -> Badge:
    """Sets the caller's PIN in a compound, and says the badge that goes with it.

    The badge is given the first time and stays. A new PIN unlocks the badge. For guards and property
    managers of the compound who signed in on their own phone.
    """
    held = await set_pin(open_work, compound_id=compound_id, pin=body.pin)
    return Badge(compound_id=held.compound_id, badge=held.number, pin_set_at=held.pin_set_at)


@router.post(
    "/devices/current/shifts",
    operation_id="shifts_take_over",
    summary="Start a shift on the calling device · 在共用设备上岗",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated,
        NotFound,
        EnrolmentClosed,
        CompoundClosed,
        GateClosed,
        ShiftCodeUnusable,
        PinRefused,
        PinLocked,
        TooManyRequests,
        body=True,
    ),
)
async def take_over_device(
    body: Takeover, open_work: OpenSignedWork, watch: Watch, response: Response
) -> TakenShift:
    """Puts a guard on shift on the device that calls and relieves whoever was, by code or badge and PIN.

    The tokens are the guard's, for this shift only. The same again within 60 seconds gives the same
    shift, since replies get lost. Five wrong PINs lock the badge for a quarter of an hour, further
    ones for longer; whether a badge exists cannot be told from any answer. For devices.
    """
    async with watch():
        taken = await take_over(open_work, proof=body.proof())
    response.headers["Location"] = "/v1/shifts/current"
    return TakenShift.of(taken)
