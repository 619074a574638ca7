"""Devices: how a scanner comes to a gate, moves, and is cut off."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import OpenAnonymousWork, ReadWork, WriteWork, reading, writing
from app.api.limits import WatchFailures, watching
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.devices import (
    Device,
    DeviceInvitation,
    DeviceLoss,
    DeviceMove,
    DevicePage,
    EnrolledDevice,
    Enrolment,
    NewDevice,
)
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.pagination import PAGE_SIZE, read_cursor
from app.services.accounts.errors import InvitationUnusable
from app.services.compounds.errors import CompoundClosed, GateClosed
from app.services.compounds.register import KEEPS_GATES
from app.services.devices import enrolment, queries
from app.services.limits import CLIENT_FAILURES
from app.work import Work

router = APIRouter(prefix="/v1", tags=["devices"], route_class=JsonRoute)

KeeperWork = Annotated[Work, writing(*KEEPS_GATES)]
KeeperReadWork = Annotated[Work, reading(*KEEPS_GATES)]
Watch = Annotated[WatchFailures, Depends(watching(CLIENT_FAILURES))]


@router.post(
    "/gates/{gate_id}/device-invitations",
    operation_id="devices_invite",
    summary="Invite a device to a gate · 邀请扫码设备",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, CompoundClosed, GateClosed),
)
async def invite_device(gate_id: Id, work: KeeperWork) -> DeviceInvitation:
    """An invitation for one device. For registrars of the area and the compound's property managers."""
    invitation, secret = await enrolment.invite_device(work, gate_id=gate_id)
    return DeviceInvitation(
        id=invitation.id, gate_id=gate_id, secret=secret, expires_at=invitation.expires_at
    )


@router.post(
    "/devices",
    operation_id="devices_enrol",
    summary="Enrol a device · 登记扫码设备",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(InvitationUnusable, CompoundClosed, GateClosed, TooManyRequests, body=True),
)
async def enrol_device(body: NewDevice, open_work: OpenAnonymousWork, watch: Watch) -> EnrolledDevice:
    """Enrols the device that holds an invitation. Open to everyone: the invitation is what counts."""
    async with watch(), open_work() as work:
        new = await enrolment.enrol_device(work, invitation=body.invitation, kind=body.kind, name=body.name)
    return EnrolledDevice.of(new)


@router.get(
    "/devices/current/enrolment",
    operation_id="devices_read_enrolment",
    summary="Where the calling device stands · 本设备登记信息",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_own_enrolment(work: ReadWork) -> Enrolment:
    """The place of the device that calls. For devices."""
    return Enrolment.of(await enrolment.read_own_enrolment(work))


@router.post(
    "/devices/current/enrolment",
    operation_id="devices_move",
    summary="Move the calling device to another gate · 设备转移门岗",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, NotFound, InvitationUnusable, CompoundClosed, GateClosed, body=True
    ),
)
async def move_device(body: DeviceMove, work: WriteWork, response: Response) -> Enrolment:
    """Enrols the device that calls at another gate; its old place and the shift there end. For devices."""
    moved = await enrolment.move_device(work, invitation=body.invitation)
    response.headers["Location"] = "/v1/devices/current/enrolment"
    return Enrolment.of(moved)


@router.get(
    "/compounds/{compound_id}/devices",
    operation_id="devices_list",
    summary="Devices of a compound · 小区扫码设备",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_devices(
    compound_id: Id, work: KeeperReadWork, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> DevicePage:
    """The compound's devices, and who is on shift on them.

    For registrars of the area and the compound's property managers.
    """
    page = await queries.list_devices(work, compound_id=compound_id, after=read_cursor(cursor), limit=limit)
    return DevicePage(items=[Device.of(listed) for listed in page.items], next_cursor=page.next_cursor)


@router.post(
    "/devices/{device_id}/loss",
    operation_id="devices_report_loss",
    summary="Mark a device as lost · 设备报失",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def report_loss(device_id: Id, body: DeviceLoss, work: KeeperWork) -> None:
    """Cuts a device off at once and for good; again changes nothing.

    Guards who were on shift on it have to sign in again. For registrars of the area and the
    compound's property managers.
    """
    await enrolment.report_loss(work, device_id=device_id, reason=body.reason)
