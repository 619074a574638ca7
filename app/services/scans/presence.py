"""Who is inside a compound now, from where couriers passed last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, literal, select, tuple_

from app.models.compounds import Gate
from app.models.scans import Direction, Scan, Whereabouts
from app.pagination import Page, page_by_moment, read_moment
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
    doubtful: bool
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
    inside = _is_inside(work, compound_id)
    count = await work.session.scalar(select(func.count()).select_from(Whereabouts).where(inside))
    # The page first, so that nobody's scan and card are looked for beyond it.
    page = (
        select(Whereabouts.scan, Whereabouts.recorded_at, Whereabouts.at, Whereabouts.gate_id)
        .where(inside)
        .order_by(Whereabouts.at.desc(), Whereabouts.scan.desc())
        .limit(limit + 1)
    )
    if (last := read_moment(cursor)) is not None:
        page = page.where(tuple_(Whereabouts.at, Whereabouts.scan) < tuple_(*last))
    present = page.subquery()
    query: Select[*tuple[Any, ...]] = (
        select(
            present.c.scan,
            present.c.at,
            present.c.gate_id,
            Gate.name.label("gate"),
            Scan.sequence,
            Scan.doubtful,
        )
        .join(Gate, Gate.id == present.c.gate_id)
        .join(Scan, and_(Scan.id == present.c.scan, Scan.recorded_at == present.c.recorded_at))
        .order_by(present.c.at.desc(), present.c.scan.desc())
    )
    rows = (await work.session.execute(with_faces(query, Scan))).all()
    found = [
        Present(
            id=row.scan,
            at=row.at,
            gate_id=row.gate_id,
            gate=row.gate,
            minutes=whole_minutes(work.now - row.at),
            offline=row.sequence is not None,
            doubtful=row.doubtful,
            card=face_of(work, row),
        )
        for row in rows
    ]
    return Presence(count or 0, page_by_moment(found, limit))


def _is_inside(work: Work, compound_id: UUID) -> ColumnElement[bool]:
    return and_(
        Whereabouts.compound_id == compound_id,
        # Written out, not bound: only then do both databases see that the index of those inside fits.
        Whereabouts.direction == literal(Direction.entry.value, literal_execute=True),
        Whereabouts.at > work.now - TIMED_OUT_AFTER,
    )
