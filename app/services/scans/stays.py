"""Stays: couriers' times inside compounds, derived from scans whenever they are asked for (ADR 0009)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Row, ScalarSelect, Select, Subquery, and_, select, tuple_
from sqlalchemy.orm import aliased

from app.models.accounts import Role
from app.models.compounds import Compound, Gate
from app.models.couriers import Courier
from app.models.scans import Direction, Scan, ScanAnnulment, ScanOutcome
from app.pagination import Page, newest_first, page_by_moment, rows_before
from app.services.compounds.sight import reach_compound
from app.services.couriers.cards import CardFace
from app.services.passages import is_passage, passages
from app.services.scans.endings import End, Ending, Following, end_of
from app.services.scans.errors import InvalidWindow
from app.services.scans.faces import face_of, with_faces
from app.work import Work

LONGEST_WINDOW = timedelta(days=31)
"""A month: what an invoice or a report is about."""
WINDOW = timedelta(days=1)
"""Where the caller does not say from when."""
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment until just before another, or until now and whatever another process has just stored."""

    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """One courier's time inside one compound."""

    id: UUID
    """Of the scan by which the courier entered."""
    at: datetime
    """When the courier entered."""
    compound_id: UUID
    compound: str
    gate_id: UUID
    gate: str
    end: End
    offline: bool
    doubtful: bool

    def for_compound(self, next_compound_id: UUID | None) -> Self:
        """The stay as those see it who manage the compound: when its courier was next scanned elsewhere is
        nobody's business here, so such an end has no time.
        """
        if self.end.ending is not Ending.inferred or next_compound_id == self.compound_id:
            return self
        return replace(self, end=End(Ending.inferred, None, None))

    @property
    def entered_at(self) -> datetime:
        return self.at

    @property
    def left_at(self) -> datetime | None:
        return self.end.left_at

    @property
    def ending(self) -> Ending:
        return self.end.ending

    @property
    def minutes(self) -> int | None:
        return self.end.minutes

    @property
    def at_most(self) -> bool:
        return self.end.at_most


@dataclass(frozen=True, slots=True)
class StayOfSomebody:
    """A stay with the masked identity that the guard saw."""

    stay: Stay
    card: CardFace | None


async def list_stays(
    work: Work,
    *,
    compound_id: UUID,
    start: datetime | None,
    end: datetime | None,
    cursor: str | None,
    limit: int,
) -> Page[StayOfSomebody]:
    """The stays that began in a window, newest first, for those who manage the compound.

    The window is the last day where nothing is said. Raises NotFound, InvalidWindow.
    """
    await reach_compound(work, Role.property_manager, compound_id=compound_id)
    began = _entered(window_of(work, start, end), Scan.compound_id == compound_id)
    query = with_faces(_ended(began), began.c)
    rows = (await work.session.execute(query, rows_before(cursor, limit))).all()
    page = page_by_moment([_stay(work, row).for_compound(row.next_compound_id) for row in rows], limit)
    faces = {row.id: face_of(work, row) for row in rows[:limit]}
    return Page([StayOfSomebody(stay, faces[stay.id]) for stay in page.items], page.next_cursor)


async def list_own_stays(
    work: Work, *, start: datetime | None, end: datetime | None, cursor: str | None, limit: int
) -> Page[Stay]:
    """The same of the signed-in courier, in all compounds. Empty for an account without a profile."""
    own = select(Courier.id).where(Courier.account_id == work.actor.account_id).scalar_subquery()
    began = _entered(window_of(work, start, end), Scan.courier_id == own)
    rows = (await work.session.execute(_ended(began), rows_before(cursor, limit))).all()
    return page_by_moment([_stay(work, row) for row in rows], limit)


def window_of(work: Work, start: datetime | None, end: datetime | None) -> Window:
    """From `start` until just before `end`; the last day where nothing is said. Raises InvalidWindow."""
    until = end or work.now
    # No day lies before the first one that there is.
    since = start or until - min(WINDOW, until - BEGINNING)
    if since >= until or until - since > LONGEST_WINDOW:
        raise InvalidWindow(days=LONGEST_WINDOW.days)
    return Window(since, end)


def _entered(window: Window, whose: ColumnElement[bool]) -> Subquery:
    """The entries of known couriers in a window, newest first, each with its next passage's id.

    A visitor with another city's code is not known from one gate to the next, so nothing can be said of
    how long the visit was.
    """
    query: Select[*tuple[Any, ...]] = select(
        Scan.id,
        Scan.happened_at,
        Scan.compound_id,
        Scan.gate_id,
        Scan.courier_id,
        Scan.card_id,
        Scan.sequence,
        Scan.doubtful,
        _following().label("following"),
    ).where(
        whose,
        Scan.direction == Direction.entry,
        Scan.courier_id.is_not(None),
        Scan.happened_at >= window.start,
        # Nothing is known before it happened, so months before the window need no look.
        Scan.recorded_at >= window.start,
    )
    if window.end is not None:
        query = query.where(Scan.happened_at < window.end)
    return newest_first(passages(query), Scan.happened_at, Scan.id).subquery()


def _following() -> ScalarSelect[UUID]:
    """The id of the courier's next passage after an entry, wherever it was."""
    later, outcome, annulment = aliased(Scan), aliased(ScanOutcome), aliased(ScanAnnulment)
    return (
        select(later.id)
        .outerjoin(outcome, outcome.scan == later.id)
        .outerjoin(annulment, annulment.scan == later.id)
        .where(
            later.courier_id == Scan.courier_id,
            tuple_(later.happened_at, later.id) > tuple_(Scan.happened_at, Scan.id),
            later.recorded_at >= Scan.happened_at,
            is_passage(later, outcome, annulment),
            later.doubtful.is_(False),  # when it was, nobody knows
        )
        .order_by(later.happened_at, later.id)
        .limit(1)
        .correlate(Scan)
        .scalar_subquery()
    )


def _ended(began: Subquery) -> Select[*tuple[Any, ...]]:
    """A page of `_entered` with names and what each next passage was: one statement, whatever the page."""
    following = aliased(Scan)
    query: Select[*tuple[Any, ...]] = (
        select(
            began,
            Compound.name.label("compound"),
            Gate.name.label("gate"),
            following.happened_at.label("next_at"),
            following.compound_id.label("next_compound_id"),
            following.direction.label("next_direction"),
        )
        .join(Gate, Gate.id == began.c.gate_id)
        .join(Compound, Compound.id == began.c.compound_id)
        .outerjoin(
            following,
            and_(following.id == began.c.following, following.recorded_at >= began.c.happened_at),
        )
        .order_by(began.c.happened_at.desc(), began.c.id.desc())
    )
    return query


def _stay(work: Work, row: Row[*tuple[Any, ...]]) -> Stay:
    following = None
    if row.next_at is not None:
        following = Following(row.next_at, row.next_compound_id, Direction(row.next_direction))
    return Stay(
        id=row.id,
        at=row.happened_at,
        compound_id=row.compound_id,
        compound=row.compound,
        gate_id=row.gate_id,
        gate=row.gate,
        end=end_of(row.happened_at, row.compound_id, following, work.now),
        offline=row.sequence is not None,
        doubtful=row.doubtful,
    )
