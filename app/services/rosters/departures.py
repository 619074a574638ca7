"""Departures: an employer says who has left, and its affiliations with them end; nothing else does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update

from app.clock import civil_day
from app.ids import new_id
from app.models.employers import Employer
from app.models.reviews import Review, ReviewKind, ReviewState
from app.models.rosters import Departure, RosterEntry
from app.services import audit
from app.services.couriers.affiliations import end_by_roster
from app.services.couriers.rules import ReviewReason
from app.services.imports import RefusedLine
from app.services.rosters.reach import hold_employer
from app.services.rosters.reading import Marking
from app.services.rosters.reasons import RowReason, unfit
from app.services.rosters.rules import departures_allowed
from app.work import Work

CHUNK = 500
"""Entries looked up or changed with one statement: far below the parameter limits of both databases."""


@dataclass(frozen=True, slots=True)
class DepartureReport:
    """What became of the people who were marked as left."""

    applied: int
    """Their affiliations with this employer have ended."""
    held: int
    """They stay until a reviewer says yes."""
    unchanged: int
    """They had left before, or wait for a reviewer already."""
    refused: Sequence[RefusedLine]
    review_id: UUID | None
    """The review that those who are held wait for."""


async def mark_departures(work: Work, *, employer_id: UUID, marking: Marking, reason: str) -> DepartureReport:
    """Marks people of the employer's roster as left, and ends its affiliations with them.

    Only `departures_allowed` a civil day go at once, in the order given; those beyond wait for a
    reviewer's yes. Persons, their other affiliations and their codes stay: no employer can close a
    gate. The same again changes nothing. Raises Forbidden and NotFound.
    """
    await hold_employer(work, employer_id=employer_id)
    leaving, unchanged, strangers = await _sort_out(work, employer_id, marking)
    allowed = await _allowance(work, employer_id)
    at_once, later = leaving[:allowed], leaving[allowed:]
    review = await _ask(work, employer_id) if later else None
    await _note(work, at_once, reason, review_id=None)
    await _note(work, later, reason, review_id=review.id if review else None)
    await _leave(work, at_once, reason)
    audit.record(
        work,
        "rosters.departures_marked",
        subject_kind="employer",
        subject_id=employer_id,
        reason=reason,
        details={"applied": len(at_once), "held": len(later), "review": str(review.id) if review else None},
    )
    await work.session.flush()
    return DepartureReport(
        applied=len(at_once),
        held=len(later),
        unchanged=unchanged,
        refused=sorted([*marking.refusals, *strangers], key=lambda line: line.line),
        review_id=review.id if review else None,
    )


async def apply_departures(work: Work, *, review: Review) -> int:
    """Applies the departures that a reviewer has said yes to; returns how many people left."""
    held = await _held_by(work, review)
    if held:
        await _leave(work, [entry for _, entry in held], held[0][0].reason)
    for departure, _ in held:
        departure.applied_at = work.now
    _record_decision(work, review, "rosters.departures_applied", len(held))
    await work.session.flush()
    return len(held)


async def cancel_departures(work: Work, *, review: Review) -> int:
    """Cancels the departures that a reviewer has said no to: the people stay on the roster."""
    held = await _held_by(work, review)
    for departure, _ in held:
        departure.cancelled_at = work.now
    _record_decision(work, review, "rosters.departures_cancelled", len(held))
    await work.session.flush()
    return len(held)


async def _sort_out(
    work: Work, employer_id: UUID, marking: Marking
) -> tuple[list[RosterEntry], int, list[RefusedLine]]:
    """Who is leaving, how many have left or wait already, and who is not on the roster."""
    indexes = [person.document_index for person in marking.people]
    known: dict[bytes, RosterEntry] = {}
    for start in range(0, len(indexes), CHUNK):
        for entry in await work.session.scalars(
            select(RosterEntry).where(
                RosterEntry.employer_id == employer_id,
                RosterEntry.document_index.in_(indexes[start : start + CHUNK]),
            )
        ):
            known[entry.document_index] = entry
    waiting = set(
        await work.session.scalars(
            select(Departure.entry_id).where(
                Departure.employer_id == employer_id,
                Departure.applied_at.is_(None),
                Departure.cancelled_at.is_(None),
            )
        )
    )
    leaving: list[RosterEntry] = []
    strangers: list[RefusedLine] = []
    for person in marking.people:
        found = known.get(person.document_index)
        if found is None:
            strangers.append(unfit(RowReason.not_on_roster, "document_number").at(person.line))
        elif found.left_at is None and found.id not in waiting:
            leaving.append(found)
    return leaving, len(known) - len(leaving), strangers


async def _allowance(work: Work, employer_id: UUID) -> int:
    """How many more may leave today at once. The caller holds the employer."""
    zone = work.settings.zone
    today = civil_day(work.now, zone)
    began = datetime.combine(today, time.min, zone)
    roster = await work.session.scalar(
        select(func.count())
        .select_from(RosterEntry)
        .where(
            RosterEntry.employer_id == employer_id,
            RosterEntry.listed_at < began,
            or_(RosterEntry.left_at.is_(None), RosterEntry.left_at >= began),
        )
    )
    gone = await work.session.scalar(
        select(func.count())
        .select_from(Departure)
        .where(Departure.employer_id == employer_id, Departure.day == today, Departure.review_id.is_(None))
    )
    return departures_allowed(roster=roster or 0, gone=gone or 0)


async def _ask(work: Work, employer_id: UUID) -> Review:
    """A review of its own for each delivery: what a reviewer is looking at must not grow."""
    review = Review(
        id=new_id(),
        kind=ReviewKind.departures,
        state=ReviewState.open,
        account_id=work.actor.account_id,
        employer_id=employer_id,
        reasons=[ReviewReason.many_departures.value],
        opened_at=work.now,
    )
    work.session.add(review)
    await work.session.flush()
    return review


async def _note(work: Work, entries: Sequence[RosterEntry], reason: str, *, review_id: UUID | None) -> None:
    if not entries:
        return
    today = civil_day(work.now, work.settings.zone)
    await work.session.execute(
        insert(Departure),
        [
            {
                "id": new_id(),
                "employer_id": entry.employer_id,
                "entry_id": entry.id,
                "day": today,
                "marked_at": work.now,
                "marked_by": work.actor.account_id,
                "reason": reason,
                "review_id": review_id,
                "applied_at": work.now if review_id is None else None,
            }
            for entry in entries
        ],
    )


async def _leave(work: Work, entries: Sequence[RosterEntry], reason: str) -> None:
    """Takes people off the roster and ends what it vouched for."""
    in_order = sorted(entries, key=lambda entry: entry.document_index)
    for start in range(0, len(in_order), CHUNK):
        await work.session.execute(
            update(RosterEntry)
            .where(RosterEntry.id.in_([entry.id for entry in in_order[start : start + CHUNK]]))
            .values(left_at=work.now)
        )
    await end_by_roster(work, entries=in_order, reason=reason)


async def _held_by(work: Work, review: Review) -> list[tuple[Departure, RosterEntry]]:
    """The departures that wait for `review`, with their entries, after taking hold of the employer."""
    await work.session.execute(
        select(Employer.id).where(Employer.id == review.employer_id).with_for_update(key_share=True)
    )
    held = await work.session.execute(
        select(Departure, RosterEntry)
        .join(RosterEntry, RosterEntry.id == Departure.entry_id)
        .where(
            Departure.review_id == review.id,
            Departure.applied_at.is_(None),
            Departure.cancelled_at.is_(None),
        )
    )
    return [(departure, entry) for departure, entry in held]


def _record_decision(work: Work, review: Review, action: str, people: int) -> None:
    audit.record(
        work,
        action,
        subject_kind="employer",
        subject_id=str(review.employer_id),
        reason=review.decision_reason,
        details={"review": str(review.id), "people": people},
    )
