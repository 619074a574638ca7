"""Rosters and departures: an employer says who works for it, and who no longer does."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, Form, Response, UploadFile, status

from app.api.body import JsonRoute
from app.api.dependencies import opening, reading, writing
from app.api.problems import TextInBoth, problem_responses
from app.api.refusals import BadRequest, ContentTooLarge, RequestTimeout
from app.api.schemas.base import Id
from app.api.schemas.paging import Cursor, Limit
from app.api.schemas.rosters import (
    Departures,
    DeparturesMarked,
    Reason,
    ReportLine,
    ReportPage,
    Roster,
    RosterPage,
)
from app.clock import civil_day
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, read_cursor
from app.services.employers.errors import EmployerEnded
from app.services.imports import RefusedLine
from app.services.rosters.delivery import deliver_roster
from app.services.rosters.departures import DepartureReport, mark_departures
from app.services.rosters.queries import list_refusals, list_rosters, read_roster
from app.services.rosters.reach import reach_employer
from app.services.rosters.reading import mark_documents, read_delivery, read_marking
from app.services.sheets.tables import UnreadableSheet
from app.work import OpenSignedWork, Work

router = APIRouter(prefix="/v1", tags=["rosters"], route_class=JsonRoute)

READERS = CapacityLimiter(1)
"""Files read at a time in one process: a workbook unpacks to 64 MB, and its reading takes a whole core."""

UPLOAD = (BadRequest, ContentTooLarge, RequestTimeout)
"""How an upload itself can fail."""

Table = Annotated[UploadFile, File(description="CSV or XLSX; the format is told by the content.")]
KeeperReads = Annotated[Work, reading(Role.employer_user, Role.registrar)]
KeeperWrites = Annotated[Work, writing(Role.employer_user, Role.registrar)]
KeeperOpens = Annotated[OpenSignedWork, opening(Role.employer_user, Role.registrar)]


@router.post(
    "/employers/{employer_id}/rosters",
    operation_id="rosters_deliver",
    summary="Deliver a roster · 上传名册",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, EmployerEnded, UnreadableSheet, *UPLOAD
    ),
)
async def deliver(employer_id: Id, file: Table, open_work: KeeperOpens, response: Response) -> Roster:
    """Adds and corrects people, and verifies those who waited for it. The same file again changes nothing.

    A heading names each column: name, document_number and phone are needed; document_type,
    kind_of_work and vehicle are read where they are there, all others are not. Headings and words
    may be Chinese. Whoever is not in the file stays on the roster. The file is stored whole or not
    at all; a row that cannot be taken has a line in the report. For the employer's own users and
    for registrars whose role holds everywhere.
    """
    async with open_work(write=False) as work:
        await reach_employer(work, employer_id=employer_id)
    today = civil_day(work.now, work.settings.zone)
    read = partial(read_delivery, await file.read(), deployment=work.deployment, today=today)
    delivery = await to_thread.run_sync(read, limiter=READERS)
    async with open_work(write=True) as work:
        roster = await deliver_roster(work, employer_id=employer_id, delivery=delivery)
    response.headers["Location"] = f"/v1/rosters/{roster.id}"
    return Roster.model_validate(roster)


@router.get(
    "/employers/{employer_id}/rosters",
    operation_id="rosters_list",
    summary="Delivered rosters · 名册上传记录",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_delivered(
    work: KeeperReads, employer_id: Id, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> RosterPage:
    """What was delivered for an employer, newest first. For whom may deliver."""
    page = await list_rosters(work, employer_id=employer_id, before=read_cursor(cursor), limit=limit)
    items = [Roster.model_validate(roster) for roster in page.items]
    return RosterPage(items=items, next_cursor=page.next_cursor)


@router.get(
    "/rosters/{roster_id}",
    operation_id="rosters_read",
    summary="One delivered roster · 查看名册上传结果",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read(work: KeeperReads, roster_id: Id) -> Roster:
    """What became of a roster's rows. For whom may deliver."""
    return Roster.model_validate(await read_roster(work, roster_id=roster_id))


@router.get(
    "/rosters/{roster_id}/refusals",
    operation_id="rosters_list_refusals",
    summary="The refused rows of a roster · 名册错误行",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def list_refused(
    work: KeeperReads, roster_id: Id, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> ReportPage:
    """A line for every row that was not taken: where and why. For whom may deliver."""
    page = await list_refusals(work, roster_id=roster_id, after=read_cursor(cursor), limit=limit)
    return ReportPage(items=_lines(page.items), next_cursor=page.next_cursor)


@router.post(
    "/employers/{employer_id}/departures",
    operation_id="rosters_mark_departures",
    summary="Say who has left · 登记离职",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def mark_left(employer_id: Id, body: DeparturesMarked, work: KeeperWrites) -> Departures:
    """Ends this employer's affiliations with people of its roster; they keep everything else.

    Of its roster 5 % may go in one day; those beyond wait for a reviewer's yes. For the
    employer's own users and for registrars whose role holds everywhere.
    """
    marking = mark_documents(
        [(person.document_type, person.document_number) for person in body.documents],
        vault=work.vault,
        today=civil_day(work.now, work.settings.zone),
    )
    return _departures(
        await mark_departures(work, employer_id=employer_id, marking=marking, reason=body.reason)
    )


@router.post(
    "/employers/{employer_id}/departures/file",
    operation_id="rosters_mark_departures_by_file",
    summary="Say by a file who has left · 上传离职名单",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, UnreadableSheet, *UPLOAD),
)
async def mark_left_by_file(
    employer_id: Id,
    file: Table,
    reason: Annotated[Reason, Form(description="Why; kept with every departure.")],
    open_work: KeeperOpens,
) -> Departures:
    """The same for a CSV or XLSX file with the columns document_number and, where needed, document_type."""
    async with open_work(write=False) as work:
        await reach_employer(work, employer_id=employer_id)
    today = civil_day(work.now, work.settings.zone)
    read = partial(read_marking, await file.read(), deployment=work.deployment, today=today)
    marking = await to_thread.run_sync(read, limiter=READERS)
    async with open_work(write=True) as work:
        report = await mark_departures(work, employer_id=employer_id, marking=marking, reason=reason)
    return _departures(report)


def _departures(report: DepartureReport) -> Departures:
    return Departures(
        applied=report.applied,
        held=report.held,
        unchanged=report.unchanged,
        refused=_lines(report.refused),
        review_id=report.review_id,
    )


def _lines(refused: Iterable[RefusedLine]) -> list[ReportLine]:
    return [
        ReportLine(
            line=line.line,
            column=line.column,
            code=line.code,
            reason=TextInBoth(zh=line.reason.zh, en=line.reason.en),
        )
        for line in refused
    ]
