"""The inbox of a gate: what is different from what was said there, until somebody ticks it off."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, and_, select

from app.errors import NotFound
from app.models.couriers import Card, Courier, Person
from app.models.scans import Difference, Direction, Outcome, Scan, ScanOutcome, Verdict
from app.pagination import Page, page_of
from app.services.couriers.cards import CardFace, open_card
from app.services.scans.reasons import Reason
from app.services.scans.watching import WATCHES, watch_gate
from app.work import Work

READS_INBOX = WATCHES
"""Whom it concerns: those who stand at the gate and those who answer for it."""


@dataclass(frozen=True, slots=True)
class NotedDifference:
    """One difference, with the scan that it is about."""

    id: UUID
    reason: str
    """A `Reason`, or `doubtful`."""
    scan: UUID
    happened_at: datetime
    direction: Direction
    verdict: Verdict
    """What was said at the gate."""
    told: Reason
    outcome: Outcome | None
    card: CardFace | None
    noted_at: datetime
    ticked_at: datetime | None


async def list_differences(
    work: Work, *, gate_id: UUID, ticked: bool, after: UUID | None, limit: int
) -> Page[NotedDifference]:
    """The differences of a gate, those ticked off or the others, the oldest first.

    For property managers of the compound and guards on shift there: it tells who came. Raises NotFound
    for others.
    """
    await watch_gate(work, gate_id=gate_id)
    done = Difference.ticked_at.is_not(None) if ticked else Difference.ticked_at.is_(None)
    query = _with_scan().where(Difference.gate_id == gate_id, done).order_by(Difference.id).limit(limit + 1)
    if after is not None:
        query = query.where(Difference.id > after)
    rows = (await work.session.execute(query)).all()
    return page_of([_noted(work, row) for row in rows], limit)


async def tick_off(work: Work, *, gate_id: UUID, difference_id: UUID) -> NotedDifference:
    """Marks a difference as seen; again changes nothing.

    For property managers of the compound and guards on shift there. Raises NotFound.
    """
    await watch_gate(work, gate_id=gate_id)
    difference = await work.session.get(Difference, difference_id, with_for_update=True)
    if difference is None or difference.gate_id != gate_id:
        raise NotFound
    if difference.ticked_at is None:
        difference.ticked_at, difference.ticked_by = work.now, work.actor.account_id
        await work.session.flush()
    row = (await work.session.execute(_with_scan().where(Difference.id == difference_id))).one()
    return _noted(work, row)


Found = tuple[Difference, Scan, str | None, bytes | None, UUID | None, bytes | None]
"""A difference, its scan, the outcome, and what the card is opened with."""


def _with_scan() -> Select[*Found]:
    return (
        select(Difference, Scan, ScanOutcome.outcome, Card.sealed, Courier.person_id, Person.wrapped_key)
        .join(Scan, and_(Scan.id == Difference.scan, Scan.recorded_at == Difference.recorded_at))
        .outerjoin(ScanOutcome, ScanOutcome.scan == Scan.id)
        .outerjoin(Courier, Courier.id == Scan.courier_id)
        .outerjoin(Person, Person.id == Courier.person_id)
        .outerjoin(Card, Card.id == Scan.card_id)
    )


def _noted(work: Work, row: Row[*Found]) -> NotedDifference:
    difference, scan, outcome, sealed, person_id, wrapped = row
    card = None
    if scan.card_id and sealed and person_id and wrapped:
        card = open_card(work.vault, wrapped, person_id, scan.card_id, sealed)
    return NotedDifference(
        id=difference.id,
        reason=difference.reason,
        scan=scan.id,
        happened_at=scan.happened_at,
        direction=Direction(scan.direction),
        verdict=Verdict(scan.verdict),
        told=Reason(scan.reason),
        outcome=Outcome(outcome) if outcome else None,
        card=card,
        noted_at=difference.noted_at,
        ticked_at=difference.ticked_at,
    )
