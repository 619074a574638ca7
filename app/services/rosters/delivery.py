"""Stores a roster that was read: adds, corrects, takes back in, and verifies who waited for it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, insert, select

from app.database import insert_into
from app.ids import new_id
from app.models.couriers import Person
from app.models.rosters import Departure, Roster, RosterEntry, RosterRefusal
from app.services import audit
from app.services.couriers.verification import verify_by_roster
from app.services.employers.errors import EmployerEnded
from app.services.rosters.reach import hold_employer
from app.services.rosters.reading import Delivery, ListedPerson
from app.services.rosters.rules import Known, Listing, compare
from app.work import Work

CHUNK = 500
"""People stored with the same few statements. SQLite takes 32,766 parameters, and these need 502."""


async def deliver_roster(
    work: Work,
    *,
    employer_id: UUID,
    delivery: Delivery,
    progress: Callable[[int], None] = lambda _stored: None,
) -> Roster:
    """Stores `delivery` on the employer's roster, whole or not at all; the same again changes nothing.

    It adds and corrects: whoever is not in it stays on the roster. Whoever had left is taken back
    in, and a departure that still waits for a yes is cancelled. Pending couriers whose name, document
    and phone a row has become verified. `progress` is told the number of rows after each chunk.

    Raises Forbidden, NotFound and EmployerEnded.
    """
    employer = await hold_employer(work, employer_id=employer_id)
    if employer.ended_at is not None:
        raise EmployerEnded
    roster = Roster(
        id=new_id(),
        employer_id=employer_id,
        delivered_at=work.now,
        delivered_by=work.actor.account_id,
        content_digest=delivery.content_digest,
        rows=len(delivery.people) + len(delivery.refusals),
        added=0,
        changed=0,
        returned=0,
        unchanged=0,
        refused=len(delivery.refusals),
        verified=0,
    )
    work.session.add(roster)
    await work.session.flush()
    for start in range(0, len(delivery.people), CHUNK):
        chunk = delivery.people[start : start + CHUNK]
        await _store_chunk(work, roster, chunk)
        progress(len(chunk))
    await _cancel_held(work, employer_id, {person.indexes.document for person in delivery.people})
    if delivery.refusals:
        await work.session.execute(
            insert(RosterRefusal),
            [
                {"roster_id": roster.id, "line": line.line, "code": line.code, "column": line.column}
                for line in delivery.refusals
            ],
        )
        progress(len(delivery.refusals))
    audit.record(
        work,
        "rosters.delivered",
        subject_kind="roster",
        subject_id=roster.id,
        details={"employer": str(employer_id)}
        | {
            name: getattr(roster, name)
            for name in ("rows", "added", "changed", "returned", "unchanged", "refused", "verified")
        },
    )
    await work.session.flush()
    return roster


async def _store_chunk(work: Work, roster: Roster, people: Sequence[ListedPerson]) -> None:
    known = await _known(work, roster.employer_id, people)
    written = []
    for person in people:
        match compare(known.get(person.indexes.document), person):
            case Listing.unchanged:
                roster.unchanged += 1
                continue
            case Listing.added:
                roster.added += 1
            case Listing.changed:
                roster.changed += 1
            case Listing.returned:
                roster.returned += 1
        written.append(person)
    if written:
        await work.session.execute(_upsert(work), [_row(work, roster, person) for person in written])
        roster.verified += await verify_by_roster(work, entries=await _of_couriers(work, roster, written))


async def _known(work: Work, employer_id: UUID, people: Sequence[ListedPerson]) -> dict[bytes, Known]:
    """What the employer's roster says of `people` so far, by document."""
    rows = await work.session.execute(
        select(
            RosterEntry.document_index,
            RosterEntry.document_type,
            RosterEntry.name_index,
            RosterEntry.phone_index,
            RosterEntry.kind_of_work,
            RosterEntry.vehicle,
            RosterEntry.left_at.is_not(None),
        ).where(
            RosterEntry.employer_id == employer_id,
            RosterEntry.document_index.in_([person.indexes.document for person in people]),
        )
    )
    return {
        document: Known(type_, name, phone, kind, vehicle, has_left)
        for document, type_, name, phone, kind, vehicle, has_left in rows
    }


async def _of_couriers(work: Work, roster: Roster, people: Sequence[ListedPerson]) -> Sequence[RosterEntry]:
    """The entries of those who have registered, which are mostly few of them."""
    return (
        await work.session.scalars(
            select(RosterEntry)
            .join(Person, Person.document_index == RosterEntry.document_index)
            .where(
                RosterEntry.employer_id == roster.employer_id,
                RosterEntry.document_index.in_([person.indexes.document for person in people]),
            )
            .order_by(RosterEntry.document_index)
            .execution_options(populate_existing=True)
        )
    ).all()


def _row(work: Work, roster: Roster, person: ListedPerson) -> dict[str, Any]:
    return {
        "id": new_id(),
        "employer_id": roster.employer_id,
        "document_type": person.document_type.value,
        "document_index": person.indexes.document,
        "name_index": person.indexes.name,
        "phone_index": person.indexes.phone,
        "kind_of_work": person.kind_of_work,
        "vehicle": person.vehicle,
        "listed_at": work.now,
        "roster_id": roster.id,
        "left_at": None,
    }


def _upsert(work: Work) -> Any:
    """The INSERT of entries. Of somebody listed already it corrects the entry, and keeps its id.

    An empty cell takes nothing away, and whoever had not left is not listed anew.
    """
    entries = RosterEntry.__table__.c
    statement = insert_into(work.session, RosterEntry.__table__)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[entries.employer_id, entries.document_index],
        set_={
            "document_type": new.document_type,
            "name_index": new.name_index,
            "phone_index": new.phone_index,
            "kind_of_work": func.coalesce(new.kind_of_work, entries.kind_of_work),
            "vehicle": func.coalesce(new.vehicle, entries.vehicle),
            "listed_at": case((entries.left_at.is_(None), entries.listed_at), else_=new.listed_at),
            "roster_id": new.roster_id,
            "left_at": None,
        },
    )


async def _cancel_held(work: Work, employer_id: UUID, listed: set[bytes]) -> None:
    """The later word counts: whoever is listed again has not left, also where a yes is still awaited."""
    held = await work.session.execute(
        select(Departure, RosterEntry.document_index)
        .join(RosterEntry, RosterEntry.id == Departure.entry_id)
        .where(
            Departure.employer_id == employer_id,
            Departure.applied_at.is_(None),
            Departure.cancelled_at.is_(None),
        )
    )
    for departure, document in held:
        if document in listed:
            departure.cancelled_at = work.now
