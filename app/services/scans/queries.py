"""Entries as couriers and property managers see them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Subquery, and_, select

from app.errors import NotFound
from app.models.accounts import Role
from app.models.compounds import Compound, Gate
from app.models.couriers import Card, Courier, Person, Photo
from app.models.devices import Device, Enrolment, Shift
from app.models.scans import Direction, Outcome, Scan, ScanKey, ScanOutcome, Verdict
from app.pagination import Page, newest_first, page_by_moment, rows_before
from app.services.compounds.sight import reach_compound
from app.services.couriers.cards import CardFace, open_card
from app.services.devices.queries import is_own_shift
from app.services.passages import passages
from app.services.scans.faces import face_of, with_faces
from app.services.scans.reasons import Reason
from app.work import Work

PHOTO_SHOWN_FOR = timedelta(minutes=15)
"""A guard compares a face while its owner stands there, and not later."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One passage through a gate, in or out; `Outcome` says which scans are."""

    id: UUID
    at: datetime
    direction: Direction
    compound_id: UUID
    compound: str
    gate: str
    verdict: Verdict
    reason: Reason
    outcome: Outcome | None
    offline: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class EntryOfSomebody:
    """An entry with the masked identity that the guard saw."""

    entry: Entry
    card: CardFace | None


async def own_entries(work: Work, *, cursor: str | None, limit: int) -> Page[Entry]:
    """The entries of the signed-in courier, newest first. Empty for an account without a profile."""
    # Found first, so that the entries come from the index of the one courier in their order.
    own = select(Courier.id).where(Courier.account_id == work.actor.account_id).scalar_subquery()
    passed = _page(Scan.courier_id == own)
    rows = (await work.session.execute(_named(passed), rows_before(cursor, limit))).all()
    return page_by_moment([_entry(row) for row in rows], limit)


async def compound_entries(
    work: Work, *, compound_id: UUID, cursor: str | None, limit: int
) -> Page[EntryOfSomebody]:
    """The entries of a compound, newest first, for those who manage it. Raises NotFound for another's."""
    await reach_compound(work, Role.property_manager, compound_id=compound_id)
    passed = _page(Scan.compound_id == compound_id)
    query = with_faces(_named(passed), passed.c)
    rows = (await work.session.execute(query, rows_before(cursor, limit))).all()
    page = page_by_moment([_entry(row) for row in rows], limit)
    faces = {row.id: face_of(work, row) for row in rows[:limit]}
    return Page([EntryOfSomebody(entry, faces[entry.id]) for entry in page.items], page.next_cursor)


async def photo_at_gate(work: Work, *, enrolment_id: UUID, scan_id: UUID) -> bytes:
    """The photo (JPEG) on the card of a scan, for the guard who made it, for 15 minutes.

    Raises NotFound where there is none, or it is not for this guard, or no longer.
    """
    row = (
        await work.session.execute(
            select(
                Photo.id,
                Photo.sealed,
                Card.id.label("card_id"),
                Card.sealed.label("sealed_card"),
                Person.id.label("person_id"),
                Person.wrapped_key,
            )
            .select_from(ScanKey)
            .join(Scan, and_(Scan.id == ScanKey.scan, Scan.recorded_at == ScanKey.recorded_at))
            .join(Card, Card.id == Scan.card_id)
            .join(Courier, Courier.id == Scan.courier_id)
            .join(Person, Person.id == Courier.person_id)
            .join(Photo, Photo.courier_id == Courier.id)
            .join(Shift, and_(Shift.enrolment_id == ScanKey.enrolment_id, is_own_shift(work)))
            .join(Enrolment, Enrolment.id == ScanKey.enrolment_id)
            .join(Device, Device.id == Enrolment.device_id)
            .where(
                ScanKey.enrolment_id == enrolment_id,
                ScanKey.scan_id == scan_id,
                Scan.account_id == work.actor.account_id,
                Enrolment.closed_at.is_(None),
                Device.lost_at.is_(None),
                Scan.sequence.is_(None),  # a device that was alone shows nobody
                Scan.happened_at >= work.now - PHOTO_SHOWN_FOR,
            )
        )
    ).all()
    for found in row:
        if found.wrapped_key is None:
            continue
        face = open_card(work.vault, found.wrapped_key, found.person_id, found.card_id, found.sealed_card)
        if face.photo_id == found.id:
            key = work.vault.person_key(found.wrapped_key, found.person_id)
            return key.open(found.sealed, table="photos", column="sealed", row=found.id)
    raise NotFound


def _page(whose: ColumnElement[bool]) -> Subquery:
    """The passages of a page, from scans and what followed them alone: they come in the order of an index,
    and what belongs to other tables is looked up for a page only.
    """
    query: Select[*tuple[Any, ...]] = select(
        Scan.id,
        Scan.happened_at,
        Scan.direction,
        Scan.compound_id,
        Scan.gate_id,
        Scan.courier_id,
        Scan.card_id,
        Scan.verdict,
        Scan.reason,
        ScanOutcome.outcome,
        Scan.sequence,
        Scan.doubtful,
    ).where(whose)
    return newest_first(passages(query), Scan.happened_at, Scan.id).subquery()


def _named(passed: Subquery) -> Select[*tuple[Any, ...]]:
    """A page of `_page` with the names of its places."""
    query: Select[*tuple[Any, ...]] = (
        select(passed, Compound.name.label("compound"), Gate.name.label("gate"))
        .join(Gate, Gate.id == passed.c.gate_id)
        .join(Compound, Compound.id == passed.c.compound_id)
        .order_by(passed.c.happened_at.desc(), passed.c.id.desc())
    )
    return query


def _entry(row: Row[*tuple[Any, ...]]) -> Entry:
    return Entry(
        id=row.id,
        at=row.happened_at,
        direction=Direction(row.direction),
        compound_id=row.compound_id,
        compound=row.compound,
        gate=row.gate,
        verdict=Verdict(row.verdict),
        reason=Reason(row.reason),
        outcome=Outcome(row.outcome) if row.outcome else None,
        offline=row.sequence is not None,
        doubtful=row.doubtful,
    )
