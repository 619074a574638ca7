"""Where scans come from: the enrolments that they name, their gates, and who is on shift there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from app.database import fetch
from app.models.accounts import Account, SignIn
from app.models.base import Instant
from app.models.compounds import Closing, Compound, Gate
from app.models.devices import Device, Enrolment, Shift
from app.services.devices.rules import shift_end
from app.services.lists import dialect_of, is_listed, listed
from app.services.scans.presentation import Presentation
from app.services.scans.travel import Point
from app.work import Work


@dataclass(frozen=True, slots=True)
class PostFacts:
    """Where an enrolment stands and who is on shift there."""

    gate_id: UUID
    compound_id: UUID
    rules_id: UUID | None
    """The version of the compound's gate rules in force now; None where it has none."""
    point: Point | None
    """Where the gate is, or else the middle of its compound."""
    opened_at: datetime
    ended_at: datetime | None
    """When the device was moved or lost."""
    closed_at: datetime | None
    """Since when the gate or its compound took no part: as of now, or of an offline scan."""
    device_account_id: UUID
    shift_id: UUID | None
    guard_id: UUID | None
    sign_in_id: UUID | None
    """The guard's sign-in, if it is still alive."""


@cache
def _posts(dialect: str) -> Select[*tuple[Any, ...]]:
    guard = aliased(Account)
    return (
        select(
            Enrolment.id,
            Enrolment.opened_at,
            Enrolment.closed_at,
            Enrolment.gate_id,
            Gate.closed_at.label("gate_closed_at"),
            func.coalesce(Gate.latitude, Compound.latitude).label("latitude"),
            func.coalesce(Gate.longitude, Compound.longitude).label("longitude"),
            Gate.compound_id,
            Compound.rules_id,
            Compound.closed_at.label("compound_closed_at"),
            Device.account_id.label("device_account_id"),
            Device.lost_at,
            Shift.id.label("shift_id"),
            Shift.started_at,
            Shift.account_id.label("guard_id"),
            SignIn.id.label("sign_in_id"),
        )
        .join(Gate, Gate.id == Enrolment.gate_id)
        .join(Compound, Compound.id == Gate.compound_id)
        .join(Device, Device.id == Enrolment.device_id)
        .outerjoin(Shift, and_(Shift.enrolment_id == Enrolment.id, Shift.ended_at.is_(None)))
        .outerjoin(guard, and_(guard.id == Shift.account_id, guard.ended_at.is_(None)))
        .outerjoin(
            SignIn,
            and_(SignIn.id == Shift.sign_in_id, SignIn.account_id == guard.id, SignIn.ended_at.is_(None)),
        )
        .where(is_listed([Enrolment.id], "enrolments", dialect))
    )


async def load_posts(work: Work, enrolments: Iterable[UUID]) -> dict[UUID, PostFacts]:
    """Gate, shift and guard of each enrolment as of now, by enrolment."""
    dialect = dialect_of(work.session)
    rows = await fetch(
        work.session,
        _posts(dialect),
        listed("enrolments", [(enrolment,) for enrolment in set(enrolments)], dialect),
    )
    return {
        row.id: PostFacts(
            gate_id=row.gate_id,
            compound_id=row.compound_id,
            rules_id=row.rules_id,
            point=Point(row.latitude, row.longitude) if row.latitude is not None else None,
            opened_at=row.opened_at,
            ended_at=_first(row.closed_at, row.lost_at),
            closed_at=_first(row.gate_closed_at, row.compound_closed_at),
            device_account_id=row.device_account_id,
            shift_id=row.shift_id
            if row.shift_id is not None and shift_end(row.started_at, None, work.now) is None
            else None,
            guard_id=row.guard_id,
            sign_in_id=row.sign_in_id,
        )
        for row in rows
    }


@cache
def _sign_ins(dialect: str) -> Select[*tuple[Any, ...]]:
    return (
        select(SignIn.id)
        .join(Account, Account.id == SignIn.account_id)
        .where(
            is_listed([SignIn.id], "sign_ins", dialect),
            SignIn.ended_at.is_(None),
            Account.ended_at.is_(None),
        )
    )


async def load_device_sign_ins(
    work: Work, presentations: Iterable[Presentation], posts: dict[UUID, PostFacts]
) -> set[UUID]:
    """The live sign-ins among those by which devices scan for themselves, without a guard."""
    wanted = {
        presentation.sign_in_id
        for presentation in presentations
        if (post := posts.get(presentation.enrolment_id)) is not None
        and presentation.account_id == post.device_account_id
    }
    if not wanted:
        return set()
    dialect = dialect_of(work.session)
    rows = await fetch(
        work.session, _sign_ins(dialect), listed("sign_ins", [(each,) for each in wanted], dialect)
    )
    return {row.id for row in rows}


@cache
def _shifts(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(Shift.id, Shift.enrolment_id, Shift.account_id, Shift.started_at, Shift.ended_at).where(
        is_listed([Shift.enrolment_id], "enrolments", dialect)
    )


@dataclass(frozen=True, slots=True)
class PastShifts:
    """Who was on shift where, for scans that are told of later."""

    by_enrolment: dict[UUID, Sequence[Any]]
    now: datetime

    def at(self, enrolment_id: UUID, post: PostFacts, moment: datetime) -> PostFacts:
        """The post as it was at `moment`; nobody's where nobody was on shift then."""
        for row in self.by_enrolment.get(enrolment_id, ()):
            end = shift_end(row.started_at, row.ended_at, self.now)
            if row.started_at <= moment and (end is None or moment < end):
                return replace(post, shift_id=row.id, guard_id=row.account_id)
        return replace(post, shift_id=None, guard_id=None)


async def load_past_shifts(
    work: Work, enrolments: Iterable[UUID], since: datetime, until: datetime
) -> PastShifts:
    """The shifts on `enrolments` that may have gone on between two moments."""
    dialect = dialect_of(work.session)
    query = _shifts(dialect).where(
        Shift.started_at <= until, or_(Shift.ended_at.is_(None), Shift.ended_at > since)
    )
    found: dict[UUID, list[Any]] = {}
    for row in await fetch(
        work.session, query, listed("enrolments", [(each,) for each in set(enrolments)], dialect)
    ):
        found.setdefault(row.enrolment_id, []).append(row)
    return PastShifts(dict(found), work.now)


@cache
def _closings(dialect: str) -> Select[*tuple[Any, ...]]:
    return select(Closing.gate_id, Closing.compound_id, Closing.closed_at, Closing.reopened_at).where(
        or_(
            is_listed([Closing.gate_id], "gates", dialect),
            is_listed([Closing.compound_id], "compounds", dialect),
        ),
        Closing.reopened_at > bindparam("since", type_=Instant),
    )


@dataclass(frozen=True, slots=True)
class PastClosings:
    """When gates and compounds took no part that are open again, for scans that are told of later."""

    closings: Sequence[Any]

    def at(self, post: PostFacts, moment: datetime) -> PostFacts:
        """The post, closed where it was at `moment`."""
        held = [
            each.closed_at
            for each in self.closings
            if each.closed_at <= moment < each.reopened_at
            and (each.gate_id == post.gate_id or each.compound_id == post.compound_id)
        ]
        return replace(post, closed_at=_first(post.closed_at, *held)) if held else post


async def load_past_closings(work: Work, posts: Iterable[PostFacts], since: datetime) -> PastClosings:
    """What of the gates and compounds of `posts` was closed for a while that ended after `since`."""
    dialect = dialect_of(work.session)
    places = {(post.gate_id, post.compound_id) for post in posts}
    asked = {
        "since": since,
        **listed("gates", [(gate,) for gate, _ in places], dialect),
        **listed("compounds", [(compound,) for _, compound in places], dialect),
    }
    return PastClosings(await fetch(work.session, _closings(dialect), asked))


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
