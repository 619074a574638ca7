"""Which scans are passages: somebody went through the gate, in or out."""

from datetime import datetime, timedelta
from typing import Any, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_

from app.models.scans import Outcome, Scan, ScanAnnulment, ScanOutcome, Verdict

Columns = TypeVarTuple("Columns")

SEEN_WITHIN = timedelta(hours=24)
"""The day of `WhenOffline.admit_if_seen`."""


def is_entry(scan: Any = Scan, outcome: Any = ScanOutcome) -> ColumnElement[bool]:
    """Whether a scan joined with its outcome let somebody through.

    An admission has an outcome only where its answer got lost and the guard turned somebody away.
    """
    admitted = and_(scan.verdict == Verdict.admit, outcome.outcome.is_(None))
    return or_(admitted, outcome.outcome == Outcome.let_in)


def is_passage(
    scan: Any = Scan, outcome: Any = ScanOutcome, annulment: Any = ScanAnnulment
) -> ColumnElement[bool]:
    """Whether a scan, outer-joined with its outcome and annulment, let somebody through and still counts.

    Give aliases where a statement speaks of several scans.
    """
    return and_(annulment.scan.is_(None), is_entry(scan, outcome))


def seen_at(compound_id: UUID, at: datetime) -> ColumnElement[bool]:
    """Whether a passage was at a compound within the day before `at`, as far as its time is certain."""
    since = at - SEEN_WITHIN
    return and_(
        Scan.compound_id == compound_id,
        Scan.happened_at > since,
        Scan.happened_at <= at,
        # Nothing is known before it happened, so months before need no look.
        Scan.recorded_at > since,
        Scan.doubtful.is_(False),
    )


def passages(query: Select[*Columns]) -> Select[*Columns]:
    """Of a statement over scans those that are passages, each with its outcome."""
    return (
        query.outerjoin(ScanOutcome, ScanOutcome.scan == Scan.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == Scan.id)
        .where(is_passage())
    )
