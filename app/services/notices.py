"""What accounts are told, and what they have read."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.errors import NotFound
from app.ids import new_id
from app.models.notices import Notice, NoticeKind
from app.work import Work


def tell(work: Work, account_id: UUID, kind: NoticeKind, details: dict[str, Any] | None = None) -> None:
    """Leaves a notice for an account, in the same transaction as what it is about."""
    work.session.add(
        Notice(id=new_id(), account_id=account_id, kind=kind, details=details, created_at=work.now)
    )


async def own_notices(work: Work, *, before: UUID | None, limit: int) -> list[Notice]:
    """The notices of the signed-in account, newest first, at most `limit`, older than `before`."""
    query = (
        select(Notice)
        .where(Notice.account_id == work.actor.account_id)
        .order_by(Notice.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Notice.id < before)
    return list(await work.session.scalars(query))


async def read_notice(work: Work, *, notice_id: UUID) -> Notice:
    """Marks an own notice as read; again changes nothing. Raises NotFound for one of somebody else."""
    notice = await work.session.get(Notice, notice_id)
    if notice is None or notice.account_id != work.actor.account_id:
        raise NotFound
    notice.read_at = notice.read_at or work.now
    return notice
