"""Which scans are passages: somebody went through the gate, in or out."""

from sqlalchemy import ColumnElement, and_, or_

from app.models.scans import Outcome, Scan, ScanAnnulment, ScanOutcome, Verdict


def is_entry() -> ColumnElement[bool]:
    """Whether a scan joined with its outcome let somebody through."""
    return or_(Scan.verdict == Verdict.admit, ScanOutcome.outcome == Outcome.let_in)


def is_passage() -> ColumnElement[bool]:
    """Whether a scan, outer-joined with its outcome and annulment, let somebody through and still counts."""
    return and_(ScanAnnulment.scan.is_(None), is_entry())
