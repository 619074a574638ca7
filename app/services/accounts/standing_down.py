"""Ends the shifts of whoever may not stand at a gate any more, and the sign-ins that were made for them."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import case, select, update

from app.models.accounts import SignIn
from app.models.compounds import Gate
from app.models.devices import Enrolment, Shift, ShiftSignIn
from app.services import audit
from app.work import Work


async def end_shifts(
    work: Work,
    *,
    account_id: UUID,
    cause: str,
    compound_id: UUID | None = None,
    sign_in_id: UUID | None = None,
    but_sign_in: UUID | None = None,
) -> None:
    """Ends the open shifts of an account: at the gates of one compound, by one sign-in, or by all but one.

    A sign-in that was made for one of them ends with it. Who ends sign-ins ends their shifts before, as
    whoever relieves a guard does: then no two of them wait for each other.
    """
    # One that a process with a faster clock began may lie ahead.
    end = case((Shift.started_at > work.now, Shift.started_at), else_=work.now)
    going_on = update(Shift).where(Shift.account_id == account_id, Shift.ended_at.is_(None))
    if compound_id is not None:
        there = select(Enrolment.id).join(Gate).where(Gate.compound_id == compound_id)
        going_on = going_on.where(Shift.enrolment_id.in_(there))
    if sign_in_id is not None:
        going_on = going_on.where(Shift.sign_in_id == sign_in_id)
    if but_sign_in is not None:
        going_on = going_on.where(Shift.sign_in_id != but_sign_in)
    ended = await work.session.execute(going_on.values(ended_at=end).returning(Shift.id, Shift.sign_in_id))
    rows = ended.all()
    for shift_id, _ in rows:
        audit.record(
            work, "shifts.ended", subject_kind="shift", subject_id=shift_id, details={"cause": cause}
        )
    if rows:
        await end_shift_sign_ins(work, [by for _, by in rows], cause=cause)


async def end_shift_sign_ins(work: Work, sign_ins: Iterable[UUID], *, cause: str) -> None:
    """Ends those of `sign_ins`, each of a shift that has ended, that were made for their shift.

    A guard's own sign-in goes on: with that the guard has come and leaves.
    """
    await work.session.execute(
        update(SignIn)
        .where(
            SignIn.id.in_(select(ShiftSignIn.sign_in_id).where(ShiftSignIn.sign_in_id.in_(list(sign_ins)))),
            SignIn.ended_at.is_(None),
        )
        .values(ended_at=work.now, end_reason=f"shift over: {cause}")
        .execution_options(synchronize_session=False)
    )
