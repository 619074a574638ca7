"""Stores a roster that was read: adds, corrects, takes back in, and verifies who waited for it."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.ids import new_id
from app.models.rosters import Departure, Roster, RosterEntry, RosterRefusal
from app.services import audit
from app.services.couriers.verification import verify_by_roster
from app.services.employers.errors import EmployerEnded
from app.services.rosters.reach import hold_employer
from app.services.rosters.reading import Delivery, ListedPerson
from app.services.rosters.rules import Listing, compare
from app.work import Work

CHUNK = 500
"""People stored with the same few statements. SQLite takes 32,766 parameters, and these need 501."""


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
    known = {
        entry.document_index: entry
        for entry in await work.session.scalars(
            select(RosterEntry).where(
                RosterEntry.employer_id == roster.employer_id,
                RosterEntry.document_index.in_([person.indexes.document for person in people]),
            )
        )
    }
    rows: list[dict[str, Any]] = []
    entries: list[RosterEntry] = []
    for person in people:
        before = known.get(person.indexes.document)
        row = _row(work, roster, person, before)
        entries.append(RosterEntry(**row))
        match compare(before, person):
            case Listing.unchanged:
                roster.unchanged += 1
                continue
            case Listing.added:
                roster.added += 1
            case Listing.changed:
                roster.changed += 1
            case Listing.returned:
                roster.returned += 1
        rows.append(row)
    if rows:
        await work.session.execute(_upsert(work), rows)
    if known:
        await _cancel_held(work, [entry.id for entry in known.values()])
    roster.verified += await verify_by_roster(work, entries=entries)
    await work.session.flush()
    # What was loaded is no longer needed: a large file must not be held whole a second time.
    for entry in known.values():
        work.session.expunge(entry)


def _row(work: Work, roster: Roster, person: ListedPerson, before: RosterEntry | None) -> dict[str, Any]:
    """The entry of `person` as this roster leaves it."""
    stays = before is not None and before.left_at is None
    return {
        "id": before.id if before else new_id(),
        "employer_id": roster.employer_id,
        "document_type": person.document_type.value,
        "document_index": person.indexes.document,
        "name_index": person.indexes.name,
        "phone_index": person.indexes.phone,
        "kind_of_work": person.kind_of_work or (before.kind_of_work if before else None),
        "vehicle": person.vehicle or (before.vehicle if before else None),
        "listed_at": before.listed_at if before and stays else work.now,
        "roster_id": roster.id,
        "left_at": None,
    }


def _upsert(work: Work) -> Any:
    """The INSERT of entries, in which a document that the employer has listed already is replaced."""
    dialect = postgresql if work.session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(RosterEntry)
    replaced = (
        "document_type", "name_index", "phone_index", "kind_of_work", "vehicle", "listed_at", "roster_id",
        "left_at",
    )  # fmt: skip
    return statement.on_conflict_do_update(
        index_elements=[RosterEntry.employer_id, RosterEntry.document_index],
        set_={name: statement.excluded[name] for name in replaced},
    )


async def _cancel_held(work: Work, entries: Sequence[UUID]) -> None:
    """The later word counts: whoever is listed again has not left, also where a yes is still awaited."""
    await work.session.execute(
        update(Departure)
        .where(
            Departure.entry_id.in_(entries),
            Departure.applied_at.is_(None),
            Departure.cancelled_at.is_(None),
        )
        .values(cancelled_at=work.now),
        execution_options={"synchronize_session": False},
    )
