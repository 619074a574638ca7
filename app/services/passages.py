"""Which scans are passages: somebody went through the gate, in or out."""

from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, or_

from app.models.scans import Outcome, Scan, ScanAnnulment, ScanOutcome, Verdict

Columns = TypeVarTuple("Columns")


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


def passages(query: Select[*Columns]) -> Select[*Columns]:
    """Of a statement over scans those that are passages, each with its outcome."""
    return (
        query.outerjoin(ScanOutcome, ScanOutcome.scan == Scan.id)
        .outerjoin(ScanAnnulment, ScanAnnulment.scan == Scan.id)
        .where(is_passage())
    )
