"""What follows a scan at the gate: the outcome of a check, and the annulment of a mistake."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select

from app.database import insert_into
from app.errors import NotFound
from app.models.devices import Device, Enrolment, Shift
from app.models.scans import Outcome, Scan, ScanAnnulment, ScanKey, ScanOutcome, Verdict
from app.services import audit
from app.services.couriers.states import lock_courier
from app.services.devices.queries import is_own_shift
from app.services.scans import whereabouts
from app.services.scans.errors import (
    AnnulmentTooLate,
    NoOutcomeWanted,
    OutcomeConflict,
    OutcomeTooLate,
    ScanAnnulled,
)
from app.work import Work

ANNULLED_WITHIN = timedelta(minutes=15)
"""A mistake is noticed while the courier is still there; later a changed record would be a falsified one."""
TOLD_WITHIN = timedelta(hours=24)
"""After a day nobody remembers what was done, and an outcome would be an entry made up."""


@dataclass(frozen=True, slots=True)
class Follow:
    """What followed a scan, and when it was recorded."""

    enrolment_id: UUID
    scan_id: UUID
    at: datetime
    outcome: Outcome | None
    annulled: bool


async def give_outcome(work: Work, *, enrolment_id: UUID, scan_id: UUID, outcome: Outcome) -> Follow:
    """Records what the guard did after a check; `let_in` makes the scan an entry.

    The same outcome again gets the same answer. Raises NotFound, NoOutcomeWanted, OutcomeTooLate,
    OutcomeConflict, ScanAnnulled.
    """
    scan = await _scan_of_own_shift(work, enrolment_id, scan_id)
    if scan.verdict != Verdict.check:
        raise NoOutcomeWanted
    if await work.session.get(ScanAnnulment, scan.id) is not None:
        raise ScanAnnulled
    before = await work.session.get(ScanOutcome, scan.id)
    if before is None and work.now - scan.happened_at > TOLD_WITHIN:
        raise OutcomeTooLate
    await work.session.execute(
        insert_into(work.session, ScanOutcome)
        .values(scan=scan.id, outcome=outcome, at=work.now, account_id=work.actor.account_id)
        .on_conflict_do_nothing()
    )
    given = await work.session.get_one(ScanOutcome, scan.id)
    if given.outcome != outcome:
        raise OutcomeConflict
    if outcome is Outcome.let_in:
        await whereabouts.keep(work, [whereabouts.passage_of(scan)])
    return Follow(enrolment_id, scan_id, given.at, outcome, annulled=False)


async def annul(work: Work, *, enrolment_id: UUID, scan_id: UUID, reason: str) -> Follow:
    """Takes a mistaken scan back, with a reason, within 15 minutes and on the device that made it.

    The scan stays stored; it counts as no entry any more, and its code stays used. Annulling again
    answers as the first time. Raises NotFound, AnnulmentTooLate.
    """
    scan = await _scan_of_own_shift(work, enrolment_id, scan_id)
    if scan.courier_id is not None:
        # Where the courier passed last is read again from the scans: annulments about one take turns.
        await lock_courier(work, courier_id=scan.courier_id)
    before = await work.session.get(ScanAnnulment, scan.id)
    if before is None and work.now - scan.happened_at > ANNULLED_WITHIN:
        raise AnnulmentTooLate
    await work.session.execute(
        insert_into(work.session, ScanAnnulment)
        .values(scan=scan.id, reason=reason, at=work.now, account_id=work.actor.account_id)
        .on_conflict_do_nothing()
    )
    annulment = await work.session.get_one(ScanAnnulment, scan.id)
    outcome = await work.session.get(ScanOutcome, scan.id)
    if before is None:
        if scan.courier_id is not None:
            await whereabouts.forget(work, courier_id=scan.courier_id, scan=scan.id)
        audit.record(work, "scans.annulled", subject_kind="scan", subject_id=scan.id)
    return Follow(
        enrolment_id, scan_id, annulment.at, Outcome(outcome.outcome) if outcome else None, annulled=True
    )


async def _scan_of_own_shift(work: Work, enrolment_id: UUID, scan_id: UUID) -> Scan:
    """A scan of an enrolment on which the actor has a shift open, or which is the calling device's.

    Raises NotFound for any other.
    """
    scan = await work.session.scalar(
        select(Scan)
        .join(ScanKey, (ScanKey.scan == Scan.id) & (ScanKey.recorded_at == Scan.recorded_at))
        .join(Enrolment, Enrolment.id == ScanKey.enrolment_id)
        .join(Device, Device.id == Enrolment.device_id)
        .outerjoin(Shift, and_(Shift.enrolment_id == Enrolment.id, is_own_shift(work)))
        .where(
            ScanKey.enrolment_id == enrolment_id,
            ScanKey.scan_id == scan_id,
            or_(Shift.id.is_not(None), Device.account_id == work.actor.account_id),
            Enrolment.closed_at.is_(None),
            Device.lost_at.is_(None),
        )
        # Outcome and annulment of one scan exclude each other, so they take turns.
        .with_for_update(of=ScanKey)
    )
    if scan is None:
        raise NotFound
    return scan
