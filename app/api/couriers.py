"""Couriers: registration, the own profile, and what staff and employers may do about one."""

from typing import Annotated, Any

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import (
    CurrentRuntime,
    OpenSignedWork,
    ReadWork,
    WriteWork,
    opening,
    reading,
    writing,
)
from app.api.limits import limited
from app.api.problems import problem_responses
from app.api.refusals import ContentTooLarge, RequestTimeout
from app.api.schemas.base import Id
from app.api.schemas.couriers import (
    AssistedRegistration,
    ConsentList,
    ConsentsGiven,
    Courier,
    CourierProfile,
    EmployedCourierPage,
    Explanation,
    LookUpPage,
    NewAffiliation,
    Registration,
)
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, read_cursor
from app.services.couriers import affiliations, consents, own, portraits, queries, register, states
from app.services.couriers.documents import InvalidDocument, UnderAge
from app.services.couriers.errors import (
    AffiliationExists,
    AlreadyRegistered,
    BirthDateRequired,
    GateConsentRequired,
    InvalidName,
    RegistrationUnderReview,
    TransitionRefused,
    WeChatRequired,
)
from app.services.couriers.photos import InvalidPhoto, Photo, UnsupportedPhoto, reencode_photo
from app.services.couriers.portraits import UploadsOwnPhoto
from app.services.employers.errors import EmployerEnded, UnknownEmployer
from app.services.limits import DESK, REGISTRATION
from app.services.masking import InvalidPhone
from app.services.wechat.errors import WeChatFailed, WeChatPhoneCodeRejected, WeChatUnavailable
from app.work import OpenSignedWork as SignedOpener
from app.work import Work

router = APIRouter(prefix="/v1/couriers", tags=["couriers"], route_class=JsonRoute)

ReviewerWriting = Annotated[Work, writing(Role.reviewer)]
ReviewerOpening = Annotated[SignedOpener, opening(Role.reviewer)]
StaffReading = Annotated[Work, reading(Role.reviewer, Role.registrar)]
StaffWriting = Annotated[Work, writing(Role.reviewer, Role.registrar)]
EmployerReading = Annotated[Work, reading(Role.employer_user, Role.registrar)]

DECODERS = anyio.CapacityLimiter(2)
"""Pictures decoded at a time: each may take 100 MB and a core."""

PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp")
PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is; its content says what it is.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in PHOTO_TYPES},
    }
}
PHOTO_REFUSED = (
    TransitionRefused,
    TooManyRequests,
    InvalidPhoto,
    UnsupportedPhoto,
    ContentTooLarge,
    RequestTimeout,
)
"""Why a photo may not be taken, whoever uploads it."""
JPEG: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The photo.",
        "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "",
    operation_id="couriers_register",
    summary="Register as a courier · 劳动者注册",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Depends(limited(REGISTRATION))],
    responses=problem_responses(
        Unauthenticated,
        TooManyRequests,
        WeChatRequired,
        AlreadyRegistered,
        GateConsentRequired,
        InvalidName,
        InvalidDocument,
        BirthDateRequired,
        UnderAge,
        AffiliationExists,
        UnknownEmployer,
        EmployerEnded,
        InvalidPhone,
        WeChatPhoneCodeRejected,
        WeChatUnavailable,
        WeChatFailed,
        body=True,
    ),
)
async def register_courier(
    body: Registration, runtime: CurrentRuntime, open_work: OpenSignedWork
) -> CourierProfile:
    """Registers the person behind a WeChat account. Verified at once if an employer's roster agrees.

    Everybody else waits for a reviewer. A person has one profile: a document that has one already
    is answered like a new one that waits, and its profile moves to this account if the name and the
    confirmed phone are the same, or a reviewer agrees. For any account of WeChat.
    """
    application = body.application()
    async with open_work(write=False) as work:
        openid = await register.check_application(work, application=application)
    phone = await runtime.wechat.exchange_phone_code(body.phone_code, openid=openid)
    async with open_work(write=True) as work:
        profile = await register.register_courier(work, application=application, phone=phone)
    return CourierProfile.of(profile)


@router.post(
    "/assisted",
    operation_id="couriers_register_assisted",
    summary="Register somebody without a smartphone · 代办登记",
    status_code=status.HTTP_202_ACCEPTED,
    dependencies=[Depends(limited(DESK))],
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        TooManyRequests,
        GateConsentRequired,
        InvalidName,
        InvalidDocument,
        BirthDateRequired,
        UnderAge,
        AffiliationExists,
        UnknownEmployer,
        EmployerEnded,
        InvalidPhone,
        body=True,
    ),
)
async def register_assisted(body: AssistedRegistration, work: ReviewerWriting) -> Courier:
    """Registers somebody at a desk; another reviewer decides, whatever the rosters say.

    A document that has a profile already is answered with that profile, and the look-up is recorded for
    its person to see. For reviewers.
    """
    courier_id = await register.register_assisted(
        work, application=body.application(), phone=body.phone, reason=body.reason
    )
    return Courier.of(await queries.read_courier(work, courier_id=courier_id))


@router.put(
    "/assisted/{courier_id}/photo",
    operation_id="couriers_photograph",
    summary="Photograph somebody without a smartphone · 代为拍照",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(limited(DESK))],
    openapi_extra=PHOTO_BODY,
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        NotFound,
        UploadsOwnPhoto,
        *PHOTO_REFUSED,
    ),
)
async def photograph(courier_id: Id, request: Request, open_work: ReviewerOpening) -> None:
    """Takes a JPEG, PNG or WebP of a verified courier without an account, draws it anew without metadata,
    and shows it to the guard who is shown a printed card. For reviewers.
    """
    async with open_work(write=False) as work:
        await portraits.require_desk_photo_welcome(work, courier_id=courier_id)
    portrait = await _drawn(request)
    async with open_work(write=True) as work:
        await portraits.keep_desk_photo(work, courier_id=courier_id, portrait=portrait)


@router.get(
    "/me",
    operation_id="couriers_read_own",
    summary="The own profile · 我的档案",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_own(work: ReadWork) -> CourierProfile:
    """The signed-in courier's profile, or the registration that waits. For couriers."""
    return CourierProfile.of(await own.own_profile(work))


@router.delete(
    "/me",
    operation_id="couriers_leave",
    summary="Leave · 退出",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, NotFound, TransitionRefused),
)
async def leave(work: WriteWork) -> None:
    """Ends codes and affiliations at once, or takes back an unconfirmed registration. For couriers."""
    await register.leave(work)


@router.put(
    "/me/consents",
    operation_id="couriers_answer_consents",
    summary="Give or withdraw consent · 修改授权",
    responses=problem_responses(
        Unauthenticated,
        NotFound,
        RegistrationUnderReview,
        TransitionRefused,
        GateConsentRequired,
        body=True,
    ),
)
async def answer_consents(body: ConsentsGiven, work: WriteWork) -> ConsentList:
    """Answers every purpose anew. All but the gate may be declined without any loss of entry.

    For couriers.
    """
    answers = await consents.answer_consents(work, answers=body.answers())
    return ConsentList.model_validate({"items": answers})


@router.get(
    "/me/photo",
    operation_id="couriers_read_photo",
    summary="The own photo · 我的照片",
    response_class=Response,
    responses=JPEG | problem_responses(Unauthenticated, NotFound),
)
async def read_photo(work: ReadWork) -> Response:
    """The signed-in courier's photo as guards see it. For couriers."""
    return Response(await own.own_photo(work), media_type="image/jpeg")


@router.put(
    "/me/photo",
    operation_id="couriers_change_photo",
    summary="Upload a photo · 上传照片",
    status_code=status.HTTP_204_NO_CONTENT,
    openapi_extra=PHOTO_BODY,
    responses=problem_responses(
        Unauthenticated,
        NotFound,
        RegistrationUnderReview,
        *PHOTO_REFUSED,
    ),
)
async def change_photo(request: Request, open_work: OpenSignedWork) -> None:
    """Takes a JPEG, PNG or WebP, draws it anew without metadata, and shows it to guards. For couriers."""
    async with open_work(write=False) as work:
        await portraits.require_photo_welcome(work)
    portrait = await _drawn(request)
    async with open_work(write=True) as work:
        await portraits.keep_photo(work, portrait=portrait)


async def _drawn(request: Request) -> Photo:
    return await to_thread.run_sync(reencode_photo, await request.body(), limiter=DECODERS)


@router.post(
    "/me/affiliations",
    operation_id="couriers_affiliate",
    summary="Add an affiliation · 新增用工关系",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated,
        NotFound,
        RegistrationUnderReview,
        TransitionRefused,
        UnknownEmployer,
        EmployerEnded,
        AffiliationExists,
        body=True,
    ),
)
async def add_affiliation(body: NewAffiliation, work: WriteWork, response: Response) -> CourierProfile:
    """Adds a tie to an employer; guards see it once a roster or a reviewer confirmed it. For couriers."""
    tie = await affiliations.add_affiliation(work, claim=body.claim())
    response.headers["Location"] = f"{router.prefix}/affiliations/{tie.id}"
    return CourierProfile.of(await own.own_profile(work))


@router.get(
    "/me/look-ups",
    operation_id="couriers_list_look_ups",
    summary="Who looked me up · 我的信息被查询记录",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def list_look_ups(work: ReadWork, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> LookUpPage:
    """Every look-up of the signed-in courier's identity, newest first, with its reason. For couriers."""
    page = await own.own_look_ups(work, before=read_cursor(cursor), limit=limit)
    return LookUpPage.of(page.items, page.next_cursor)


@router.get(
    "/affiliations",
    operation_id="couriers_list_affiliations",
    summary="Affiliations with an employer · 用工单位的用工关系",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_affiliations(
    work: EmployerReading,
    *,
    employer_id: Annotated[Id, Query(description="The employer.")],
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> EmployedCourierPage:
    """The live affiliations with one employer; names are masked. For its users, and for registrars."""
    page = await queries.list_affiliations(
        work, employer_id=employer_id, after=read_cursor(cursor), limit=limit
    )
    return EmployedCourierPage.of(page.items, page.next_cursor)


@router.post(
    "/affiliations/{affiliation_id}/ending",
    operation_id="couriers_end_affiliation",
    summary="End an affiliation · 终止用工关系",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, NotFound, RegistrationUnderReview, body=True),
)
async def end_affiliation(affiliation_id: Id, body: Explanation, work: WriteWork) -> None:
    """Ends one affiliation and nothing else of the person; again changes nothing.

    For the courier and for registrars; an employer marks departures instead.
    """
    await affiliations.end_affiliation(work, affiliation_id=affiliation_id, reason=body.reason)


@router.get(
    "/{courier_id}",
    operation_id="couriers_read",
    summary="One courier · 查看劳动者",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_courier(work: StaffReading, courier_id: Id) -> Courier:
    """A courier with every change of state; the identity is masked. For reviewers and registrars."""
    return Courier.of(await queries.read_courier(work, courier_id=courier_id))


@router.post(
    "/{courier_id}/suspension",
    operation_id="couriers_suspend",
    summary="Suspend a courier · 暂停劳动者",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, TransitionRefused, body=True),
)
async def suspend(courier_id: Id, body: Explanation, work: StaffWriting) -> Courier:
    """Stops the courier's codes until the suspension ends. For reviewers and registrars."""
    await states.suspend(work, courier_id=courier_id, reason=body.reason)
    return Courier.of(await queries.read_courier(work, courier_id=courier_id))


@router.post(
    "/{courier_id}/restoration",
    operation_id="couriers_restore",
    summary="End a suspension · 恢复劳动者",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, TransitionRefused, body=True),
)
async def restore(courier_id: Id, body: Explanation, work: StaffWriting) -> Courier:
    """The courier stands where they stood before the suspension. For reviewers and registrars."""
    await states.restore(work, courier_id=courier_id, reason=body.reason)
    return Courier.of(await queries.read_courier(work, courier_id=courier_id))
