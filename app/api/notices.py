"""Notices: what an account is told, and what it has read."""

from fastapi import APIRouter

from app.api.body import JsonRoute
from app.api.dependencies import ReadWork, WriteWork
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.notices import Notice, NoticePage
from app.api.schemas.paging import Cursor, Limit
from app.errors import NotFound, Unauthenticated
from app.pagination import PAGE_SIZE, page_of, read_cursor
from app.services.notices import own_notices, read_notice

router = APIRouter(prefix="/v1/notices", tags=["notices"], route_class=JsonRoute)


@router.get(
    "",
    operation_id="notices_list",
    summary="Own notices · 我的通知",
    responses=problem_responses(Unauthenticated),
)
async def list_notices(work: ReadWork, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> NoticePage:
    """What the account was told, newest first. For any signed-in account."""
    page = page_of(await own_notices(work, before=read_cursor(cursor), limit=limit + 1), limit)
    return NoticePage(
        items=[Notice.model_validate(notice) for notice in page.items], next_cursor=page.next_cursor
    )


@router.put(
    "/{notice_id}/read",
    operation_id="notices_mark_read",
    summary="Mark a notice as read · 标为已读",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def mark_read(notice_id: Id, work: WriteWork) -> Notice:
    """Marks one of the account's own notices as read; again changes nothing. For any signed-in account."""
    return Notice.model_validate(await read_notice(work, notice_id=notice_id))
