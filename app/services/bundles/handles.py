"""The handles that a device must know of: withdrawn ones, and those of particular couriers."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, select

from app.clock import service_day
from app.models.couriers import Courier, CourierChange, CourierState, DayHandle
from app.services.codes.minting import day_handle
from app.services.keys.rules import LAST_CODE
from app.work import Work

LONGEST_LIST = 4096
"""Withdrawn handles: 44 KB as they are sent. Beyond it the newest withdrawals are kept: the older one is,
the fewer codes that were minted before it are still in their time."""
WITHDRAWN_WITHIN = timedelta(hours=48)
"""No code of before an earlier withdrawal is in its time on any clock that is right to a day."""
WITHDRAWN_FROM = CourierState.verified.value
"""Only the verified get codes: whatever state follows, those that they have admit nobody any more."""


@dataclass(frozen=True, slots=True)
class WithdrawnHandles:
    """Handles whose codes admit nobody any more."""

    handles: Sequence[bytes]
    """In the order of their bytes, which says nothing."""
    complete: bool
    """False where the list was too long and the oldest withdrawals are missing."""


def days_of(work: Work) -> tuple[date, ...]:
    """The service days whose codes may be shown before the next sync: today's and tomorrow's, and for half
    an hour after four in the morning yesterday's.
    """
    zone = work.settings.zone
    today = service_day(work.now, zone)
    return tuple(sorted({service_day(work.now - LAST_CODE, zone), today, today + timedelta(days=1)}))


async def withdrawn_handles(work: Work) -> WithdrawnHandles:
    """The handles of couriers who are not verified any more, and of profiles that moved to another account.

    Who left and registers again has the same handle, and stays here until verified. Only handles whose
    codes can exist: a code needs its handle stored, and whoever is withdrawn gets none.
    """
    since = work.now - WITHDRAWN_WITHIN
    days = days_of(work)
    ended = await work.session.execute(
        select(DayHandle.handle, func.max(CourierChange.at).label("at"))
        .select_from(CourierChange)
        .join(Courier, Courier.id == CourierChange.courier_id)
        .join(DayHandle, and_(DayHandle.courier_id == Courier.id, DayHandle.day.in_(days)))
        .where(
            CourierChange.at > since,
            CourierChange.from_state == WITHDRAWN_FROM,
            Courier.state != WITHDRAWN_FROM,
        )
        .group_by(DayHandle.handle)
    )
    moved = await work.session.execute(
        select(DayHandle.day, DayHandle.handle, Courier.id, Courier.codes_from)
        .join(DayHandle, and_(DayHandle.courier_id == Courier.id, DayHandle.day.in_(days)))
        .where(Courier.codes_from > since)
    )
    found: dict[bytes, datetime] = {row.handle: row.at for row in ended}
    found |= {
        handle: codes_from
        for day, handle, courier, codes_from in moved
        if codes_from is not None and handle != day_handle(work, day, courier, codes_from)
    }
    newest = sorted(found, key=lambda handle: found[handle], reverse=True)[:LONGEST_LIST]
    return WithdrawnHandles(sorted(newest), complete=len(newest) == len(found))


async def handles_of(work: Work, couriers: Sequence[UUID]) -> str:
    """The handles of `couriers` on the days of a bundle, joined, whether or not a code was minted yet."""
    if not couriers:
        return ""
    rows = await work.session.execute(select(Courier.id, Courier.codes_from).where(Courier.id.in_(couriers)))
    return joined(
        sorted(day_handle(work, day, row.id, row.codes_from) for row in rows for day in days_of(work))
    )


def joined(handles: Iterable[bytes]) -> str:
    """Handles of 8 bytes each, one after the other, in base64url without padding."""
    return urlsafe_b64encode(b"".join(handles)).rstrip(b"=").decode()
