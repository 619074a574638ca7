"""What devices bring in afterwards, and what their gates should know of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.body import JsonRoute
from app.api.dependencies import CurrentClaims, CurrentRuntime, OpenSignedWork, reading, writing
from app.api.problems import problem_responses
from app.api.scans import AcceptLanguage, EnrolmentId
from app.api.schemas.base import Id
from app.api.schemas.offline import (
    Difference,
    Differences,
    Malformed,
    OfflineScan,
    OfflineScans,
    Upload,
    UploadedScan,
)
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.language import preferred
from app.pagination import PAGE_SIZE, read_cursor
from app.services.scans import inbox, offline
from app.work import Work

router = APIRouter(prefix="/v1", tags=["scans"], route_class=JsonRoute)

GateId = Annotated[Id, Path(description="The gate.")]


@router.post(
    "/enrolments/{enrolment_id}/scans",
    operation_id="scans_upload",
    summary="Upload scans made offline · 补传离线扫码",
    responses=problem_responses(Unauthenticated, NotFound, body=True),
)
async def upload(
    enrolment_id: EnrolmentId,
    body: OfflineScans,
    *,
    runtime: CurrentRuntime,
    claims: CurrentClaims,
    open_work: OpenSignedWork,
    accept_language: AcceptLanguage = None,
) -> Upload:
    """Up to 500 scans that the device decided alone, with an answer to each. For the device itself.

    Whoever was let in was let in: it is stored, with what the server would have said, and differences
    appear in the gate's inbox. Order and repetition do not matter. See docs/offline.md.
    """
    scans = [scan for scan in body.tolerated if isinstance(scan, OfflineScan)]
    read = await offline.read_all(runtime.codes, [scan.code for scan in scans])
    presentations = [
        scan.presented(enrolment_id, claims, preferred(accept_language), code)
        for scan, code in zip(scans, read, strict=True)
    ]
    answers = iter(await offline.upload(open_work, enrolment_id=enrolment_id, presentations=presentations))
    return Upload(
        results=[
            UploadedScan.malformed(scan.scan_id)
            if isinstance(scan, Malformed)
            else UploadedScan.of(scan.scan_id, next(answers))
            for scan in body.tolerated
        ]
    )


@router.get(
    "/gates/{gate_id}/differences",
    operation_id="scans_list_differences",
    summary="What differs from what was said at a gate · 门岗出入提示",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_differences(
    gate_id: GateId,
    work: Annotated[Work, reading(*inbox.READS_INBOX)],
    *,
    ticked: Annotated[bool, Query(description="Those ticked off instead of the others.")] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
    accept_language: AcceptLanguage = None,
) -> Differences:
    """The inbox of a gate, the oldest first. For property managers, and guards on shift there."""
    page = await inbox.list_differences(
        work, gate_id=gate_id, ticked=ticked, after=read_cursor(cursor), limit=limit
    )
    language = preferred(accept_language)
    return Differences(
        items=[Difference.of(noted, language) for noted in page.items], next_cursor=page.next_cursor
    )


@router.put(
    "/gates/{gate_id}/differences/{difference_id}/tick",
    operation_id="scans_tick_difference",
    summary="Tick a difference off · 标记已阅",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def tick_difference(
    gate_id: GateId,
    difference_id: Annotated[Id, Path(description="The difference.")],
    work: Annotated[Work, writing(*inbox.READS_INBOX)],
    accept_language: AcceptLanguage = None,
) -> Difference:
    """Seen by somebody; again changes nothing. For property managers, and guards on shift there."""
    noted = await inbox.tick_off(work, gate_id=gate_id, difference_id=difference_id)
    return Difference.of(noted, preferred(accept_language))
