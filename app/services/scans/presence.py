"""Who is inside a compound now, from where couriers passed last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, select

from app.database import fetch
from app.models.compounds import Gate
from app.models.scans import Direction, Scan, Whereabouts
from app.pagination import Page, newest_first, page_by_moment, rows_before
from app.services.couriers.cards import CardFace
from app.services.scans.endings import TIMED_OUT_AFTER, whole_minutes
from app.services.scans.faces import face_of, with_faces
from app.services.scans.watching import watch_compound
from app.work import Work


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who entered and has not been seen since."""

    id: UUID
    """Of the scan by which the courier entered."""
    at: datetime
    """Since when."""
    gate_id: UUID
    gate: str
    minutes: int
    """Inside so far."""
    offline: bool
    card: CardFace | None


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is inside: how many, and some of them."""

    count: int
    page: Page[Present]


async def list_present(work: Work, *, compound_id: UUID, cursor: str | None, limit: int) -> Presence:
    """Who is inside a compound now, newest first, and how many there are.

    Nobody whose last passage lies `TIMED_OUT_AFTER` back: most leave without a scan. For property
    managers of the compound and guards on shift there. Raises NotFound for others.
    """
    await watch_compound(work, compound_id=compound_id)
    inside = {"compound": compound_id, "since": work.now - TIMED_OUT_AFTER}
    ((count,),) = await fetch(work.session, COUNT, inside)
    rows = await fetch(work.session, PRESENT, inside | rows_before(cursor, limit))
    found = [
        Present(
            id=row.scan,
            at=row.at,
            gate_id=row.gate_id,
            gate=row.gate,
            minutes=whole_minutes(work.now - row.at),
            offline=row.sequence is not None,
            card=face_of(work, row),
        )
        for row in rows
    ]
    return Presence(count, page_by_moment(found, limit))


IS_INSIDE: ColumnElement[bool] = and_(
    Whereabouts.compound_id == bindparam("compound"),
    # Written out, not bound: only then do both databases see that the index of those inside fits.
    Whereabouts.direction == literal_column(f"'{Direction.entry}'"),
    Whereabouts.at > bindparam("since"),
)


def _present() -> Select[*tuple[Any, ...]]:
    # The page first, so that nobody's scan and card are looked for beyond it.
    page = select(Whereabouts.scan, Whereabouts.recorded_at, Whereabouts.at, Whereabouts.gate_id)
    present = newest_first(page.where(IS_INSIDE), Whereabouts.at, Whereabouts.scan).subquery()
    query: Select[*tuple[Any, ...]] = (
        select(
            present.c.scan,
            present.c.at,
            present.c.gate_id,
            Gate.name.label("gate"),
            Scan.sequence,
        )
        .join(Gate, Gate.id == present.c.gate_id)
        .join(Scan, and_(Scan.id == present.c.scan, Scan.recorded_at == present.c.recorded_at))
        .order_by(present.c.at.desc(), present.c.scan.desc())
    )
    return with_faces(query, Scan)


COUNT = select(func.count().label("count")).select_from(Whereabouts).where(IS_INSIDE)
PRESENT = _present()
"""Made once, and past the ORM: guards look at them again and again."""
