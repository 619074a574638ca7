"""Shifts on shared devices, where the guard's own WeChat is not at hand: by a code, or by badge and PIN."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import OpenSignedWork, writing
from app.api.limits import WatchFailures, limited, watching
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.devices import Badge, NewPin, ShiftCode, TakenShift, Takeover
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.services.accounts.rules import TAKES_SHIFTS
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.devices.badges import set_pin
from app.services.devices.errors import EnrolmentClosed, PinLocked, PinRefused, PinUnfit, ShiftCodeUnusable
from app.services.devices.shift_codes import issue_shift_code
from app.services.devices.takeover import take_over
from app.services.limits import CLIENT_FAILURES, PIN_CHANGES
from app.work import Work

router = APIRouter(prefix="/v1", tags=["devices"], route_class=JsonRoute)

GuardWork = Annotated[Work, writing(*TAKES_SHIFTS)]
Watch = Annotated[WatchFailures, Depends(watching(CLIENT_FAILURES))]


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
