"""What was scanned at a gate lately, refused scans included: for those who watch over it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, select

from app.database import fetch
from app.models.scans import Direction, Outcome, Scan, ScanAnnulment, ScanOutcome, Verdict
from app.pagination import Page, newest_first, page_by_moment, rows_before
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
    asked = {"gate": gate_id, "since": start, **rows_before(cursor, limit)}
    rows = await fetch(work.session, GATE_SCANS, asked)
    return GateScans(start, page_by_moment([_scan(work, row) for row in rows], limit))


def _gate_scans() -> Select[*tuple[Any, ...]]:
    # The page first, so that nobody's card is looked for beyond it.
    page = select(
        Scan.id,
        Scan.happened_at,
        Scan.recorded_at,
        Scan.direction,
        Scan.verdict,
        Scan.reason,
        Scan.sequence,
        Scan.doubtful,
        Scan.courier_id,
        Scan.card_id,
    ).where(
        Scan.gate_id == bindparam("gate"),
        Scan.happened_at >= bindparam("since"),
        # Nothing is known before it happened, so months before need no look.
        Scan.recorded_at >= bindparam("since"),
    )
    scans = newest_first(page, Scan.happened_at, Scan.id).subquery()
    query: Select[*tuple[Any, ...]] = (
        select(scans, ScanOutcome.outcome, ScanAnnulment.at.label("annulled_at"))
        .outerjoin(ScanOutcome, ScanOutcome.scan == scans.c.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == scans.c.id)
        .order_by(scans.c.happened_at.desc(), scans.c.id.desc())
    )
    return with_faces(query, scans.c)


GATE_SCANS = _gate_scans()
"""Made once, and past the ORM: guards look at it again and again."""


def _scan(work: Work, row: Any) -> GateScan:
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
