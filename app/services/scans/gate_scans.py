"""What was scanned at a gate lately, refused scans included: for those who watch over it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_

from app.models.scans import Direction, Outcome, Scan, ScanAnnulment, ScanOutcome, Verdict
from app.pagination import Page, page_by_moment, read_moment
from app.services.couriers.cards import CardFace
from app.services.scans.faces import face_of, with_faces
from app.services.scans.reasons import Reason
from app.services.scans.watching import watch_gate
from app.work import Work

SHOWN_FOR = timedelta(hours=1)
"""Where the caller does not say since when: what somebody at the gate still remembers."""
LOOKED_BACK_ON = timedelta(hours=24)
"""A day with its night shift, so that whoever takes over sees what was. Further back there are entries,
which do not say who was turned away."""


@dataclass(frozen=True, slots=True)
class GateScan:
    """One scan at a gate, whatever its verdict."""

    id: UUID
    at: datetime
    recorded_at: datetime
    direction: Direction
    verdict: Verdict
    reason: Reason
    outcome: Outcome | None
    annulled: bool
    offline: bool
    doubtful: bool
    card: CardFace | None
    """None where the code was not good enough to tell whose it was."""


@dataclass(frozen=True, slots=True)
class GateScans:
    """Scans of a gate, and since when."""

    since: datetime
    page: Page[GateScan]


async def list_gate_scans(
    work: Work, *, gate_id: UUID, since: datetime | None, cursor: str | None, limit: int
) -> GateScans:
    """Every scan at a gate since a moment, newest first: the last hour, or as far back as 24 hours.

    For property managers of the compound and guards on shift there. Raises NotFound for others.
    """
    await watch_gate(work, gate_id=gate_id)
    start = max(since or work.now - SHOWN_FOR, work.now - LOOKED_BACK_ON)
    # The page first, so that nobody's card is looked for beyond it.
    page = (
        select(Scan)
        .where(
            Scan.gate_id == gate_id,
            Scan.happened_at >= start,
            # Nothing is known before it happened, so months before need no look.
            Scan.recorded_at >= start,
        )
        .order_by(Scan.happened_at.desc(), Scan.id.desc())
        .limit(limit + 1)
    )
    if (last := read_moment(cursor)) is not None:
        page = page.where(tuple_(Scan.happened_at, Scan.id) < tuple_(*last))
    scans = page.subquery()
    query: Select[*tuple[Any, ...]] = (
        select(
            scans.c.id,
            scans.c.happened_at,
            scans.c.recorded_at,
            scans.c.direction,
            scans.c.verdict,
            scans.c.reason,
            ScanOutcome.outcome,
            ScanAnnulment.at.label("annulled_at"),
            scans.c.sequence,
            scans.c.doubtful,
        )
        .outerjoin(ScanOutcome, ScanOutcome.scan == scans.c.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == scans.c.id)
        .order_by(scans.c.happened_at.desc(), scans.c.id.desc())
    )
    rows = (await work.session.execute(with_faces(query, scans.c))).all()
    return GateScans(start, page_by_moment([_scan(work, row) for row in rows], limit))


def _scan(work: Work, row: Row[*tuple[Any, ...]]) -> GateScan:
    return GateScan(
        id=row.id,
        at=row.happened_at,
        recorded_at=row.recorded_at,
        direction=Direction(row.direction),
        verdict=Verdict(row.verdict),
        reason=Reason(row.reason),
        outcome=Outcome(row.outcome) if row.outcome else None,
        annulled=row.annulled_at is not None,
        offline=row.sequence is not None,
        doubtful=row.doubtful,
        card=face_of(work, row),
    )
