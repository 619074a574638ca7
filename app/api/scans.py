"""Scans over HTTP: a guard scans, decides what was left to decide, takes a mistake back; entries are read."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response as PlainResponse

from app.api.body import JsonRoute
from app.api.dependencies import AcceptLanguage, CurrentClaims, CurrentRuntime, ReadWork, WriteWork, reading
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.paging import Cursor, Limit
from app.api.schemas.scans import (
    AnnulmentMade,
    CompoundEntries,
    CompoundEntry,
    Entry,
    OutcomeGiven,
    OwnEntries,
    ScanAnswered,
    ScanFollowed,
    ScanMade,
)
from app.errors import Forbidden, MalformedRequest, NotFound, Unauthenticated
from app.ids import known_id
from app.language import preferred
from app.models.accounts import Role
from app.pagination import PAGE_SIZE
from app.services.compounds.errors import GateClosed
from app.services.scans import outcomes, queries
from app.services.scans.errors import (
    AnnulmentTooLate,
    NoOutcomeWanted,
    NoShift,
    OutcomeConflict,
    OutcomeTooLate,
    ScanAnnulled,
    ScanConflict,
)
from app.services.scans.presentation import Presentation
from app.work import Work

router = APIRouter(prefix="/v1", tags=["scans"], route_class=JsonRoute)

EnrolmentId = Annotated[Id, Path(description="The device's place at its gate.")]
ScanId = Annotated[Id, Path(description="The id that the device made for the scan.")]


@router.post(
    "/scans",
    operation_id="scans_make",
    summary="Scan a code at a gate · 扫码",
    responses=problem_responses(Unauthenticated, NoShift, GateClosed, ScanConflict, body=True),
)
async def make(
    body: ScanMade, runtime: CurrentRuntime, claims: CurrentClaims, accept_language: AcceptLanguage = None
) -> ScanAnswered:
    """The verdict on a code, answered once it is stored. For a guard with a shift open on the device.

    A refused or unreadable code is no error: it is a verdict, and is stored too.
    """
    presentation = Presentation(
        enrolment_id=body.enrolment_id,
        scan_id=body.scan_id,
        account_id=known_id(claims.sub),
        sign_in_id=known_id(claims.sid),
        direction=body.direction,
        device_time=body.device_time,
        language=preferred(accept_language),
        read=await runtime.codes.read(body.code),
    )
    return ScanAnswered.of(await runtime.scans.take(presentation))


@router.put(
    "/enrolments/{enrolment_id}/scans/{scan_id}/outcome",
    operation_id="scans_give_outcome",
    summary="Say what was done after a check · 登记核对处置结果",
    responses=problem_responses(
        Unauthenticated, NotFound, NoOutcomeWanted, OutcomeTooLate, OutcomeConflict, ScanAnnulled, body=True
    ),
)
async def give_outcome(
    enrolment_id: EnrolmentId, scan_id: ScanId, body: OutcomeGiven, work: WriteWork
) -> ScanFollowed:
    """Let in or turned away. The same again gets the same answer. For the guard on shift on the device."""
    return ScanFollowed.model_validate(
        await outcomes.give_outcome(work, enrolment_id=enrolment_id, scan_id=scan_id, outcome=body.outcome)
    )


@router.put(
    "/enrolments/{enrolment_id}/scans/{scan_id}/annulment",
    operation_id="scans_annul",
    summary="Take a mistaken scan back · 撤销误扫",
    responses=problem_responses(Unauthenticated, NotFound, AnnulmentTooLate, body=True),
)
async def annul(
    enrolment_id: EnrolmentId, scan_id: ScanId, body: AnnulmentMade, work: WriteWork
) -> ScanFollowed:
    """Within 15 minutes, on the same device, with a reason. For the guard on shift there."""
    return ScanFollowed.model_validate(
        await outcomes.annul(work, enrolment_id=enrolment_id, scan_id=scan_id, reason=body.reason)
    )


@router.get(
    "/enrolments/{enrolment_id}/scans/{scan_id}/photo",
    operation_id="scans_photo",
    summary="The photo to compare a face with · 核对照片",
    response_class=PlainResponse,
    responses=problem_responses(Unauthenticated, NotFound)
    | {200: {"content": {"image/jpeg": {}}, "description": "The courier's photo."}},
)
async def photo(enrolment_id: EnrolmentId, scan_id: ScanId, work: ReadWork) -> PlainResponse:
    """For the guard who made the scan, for 15 minutes."""
    jpeg = await queries.photo_at_gate(work, enrolment_id=enrolment_id, scan_id=scan_id)
    return PlainResponse(jpeg, media_type="image/jpeg")


@router.get(
    "/couriers/me/entries",
    operation_id="scans_own_entries",
    summary="One's own entries · 我的通行记录",
    responses=problem_responses(Unauthenticated, MalformedRequest),
)
async def own_entries(work: ReadWork, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> OwnEntries:
    """Where the signed-in courier passed, newest first, without annulled scans. For couriers."""
    page = await queries.own_entries(work, cursor=cursor, limit=limit)
    return OwnEntries(
        items=[Entry.model_validate(entry) for entry in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/compounds/{compound_id}/entries",
    operation_id="scans_compound_entries",
    summary="The entries of a compound · 小区通行记录",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, MalformedRequest),
)
async def compound_entries(
    compound_id: Annotated[Id, Path(description="The compound.")],
    work: Annotated[Work, reading(Role.property_manager)],
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> CompoundEntries:
    """Who passed, with masked identity, newest first. For its property managers."""
    page = await queries.compound_entries(work, compound_id=compound_id, cursor=cursor, limit=limit)
    language = preferred(accept_language)
    return CompoundEntries(
        items=[CompoundEntry.of(found, language) for found in page.items], next_cursor=page.next_cursor
    )
