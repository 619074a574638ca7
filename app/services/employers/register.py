"""Employers as the union's staff keep them: adding, changing, ending, finding."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.errors import Forbidden, NotFound, Problem
from app.ids import new_id
from app.models.accounts import Role
from app.models.employers import Employer, EmployerKind
from app.pagination import Page, page_of
from app.services import audit
from app.services.employers.codes import normalise_credit_code
from app.services.employers.errors import CreditCodeTaken, EmployerEnded, EmployerNameTaken, UnknownEmployer
from app.work import Work


async def create_employer(
    work: Work, *, name: str, kind: EmployerKind, credit_code: str | None = None
) -> Employer:
    """A new employer, by any registrar: one works in many areas, so its creation is bound to none.

    Raises InvalidCreditCode (GB 32100-2015), EmployerNameTaken and CreditCodeTaken.
    """
    if not work.actor.has(Role.registrar):
        raise Forbidden
    employer = Employer(
        id=new_id(),
        name=name,
        kind=kind.value,
        credit_code=None if credit_code is None else normalise_credit_code(credit_code),
        created_at=work.now,
    )
    held = (employer.id, employer.name, employer.credit_code)
    try:
        async with work.session.begin_nested():
            work.session.add(employer)
    except IntegrityError as error:
        raise await _taken(work, *held) from error
    audit.record(work, "employers.created", subject_kind="employer", subject_id=employer.id)
    return employer


async def change_employer(
    work: Work,
    *,
    employer_id: UUID,
    reason: str,
    name: str | None = None,
    kind: EmployerKind | None = None,
    credit_code: str | None = None,
    ended: bool | None = None,
) -> Employer:
    """Changes what is given and leaves the rest; `ended` ends the employer or takes that back.

    Only a registrar whose role holds everywhere may, since an employer's couriers work everywhere.
    Ending touches no affiliation: whoever works there keeps their way through the gate until a person
    decides otherwise. Raises Forbidden, NotFound, InvalidCreditCode, EmployerNameTaken, CreditCodeTaken.
    """
    work.actor.must(Role.registrar)
    employer = await work.session.get(Employer, employer_id, with_for_update=True)
    if employer is None:
        raise NotFound
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = name
    if kind is not None:
        wanted["kind"] = kind.value
    if credit_code is not None:
        wanted["credit_code"] = normalise_credit_code(credit_code)
    if ended is not None and ended != (employer.ended_at is not None):
        wanted["ended_at"] = work.now if ended else None
    changed = sorted(field for field, value in wanted.items() if getattr(employer, field) != value)
    if not changed:
        return employer
    held = (employer_id, name or employer.name, wanted.get("credit_code", employer.credit_code))
    try:
        async with work.session.begin_nested():
            for field in changed:
                setattr(employer, field, wanted[field])
    except IntegrityError as error:
        raise await _taken(work, *held) from error
    audit.record(
        work,
        "employers.changed",
        subject_kind="employer",
        subject_id=employer.id,
        reason=reason,
        details={"fields": changed},
    )
    return employer


async def read_employer(work: Work, *, employer_id: UUID) -> Employer:
    """One employer, ended or not; raises NotFound."""
    employer = await work.session.get(Employer, employer_id)
    if employer is None:
        raise NotFound
    return employer


async def require_employer(work: Work, *, employer_id: UUID, hold: bool = False) -> Employer:
    """The employer that something new is to be tied to; raises UnknownEmployer and EmployerEnded.

    With `hold` its roster cannot change until the transaction ends, nor is one missed that is just
    being delivered.
    """
    employer = await work.session.get(Employer, employer_id, with_for_update={"read": True} if hold else None)
    if employer is None:
        raise UnknownEmployer
    if employer.ended_at is not None:
        raise EmployerEnded
    return employer


async def list_employers(work: Work, *, ended: bool, after: UUID | None, limit: int) -> Page[Employer]:
    """Employers in the order of their creation: those that take part, or with `ended` those that did."""
    query = select(Employer).order_by(Employer.id).limit(limit + 1)
    query = query.where(Employer.ended_at.is_not(None) if ended else Employer.ended_at.is_(None))
    if after is not None:
        query = query.where(Employer.id > after)
    return page_of(list(await work.session.scalars(query)), limit)


async def _taken(work: Work, employer_id: UUID, name: str, credit_code: str | None) -> Problem:
    """Which of the two unique values another employer holds; the constraint has said that one does."""
    other = await work.session.scalar(
        select(Employer.id).where(Employer.name == name, Employer.id != employer_id)
    )
    return EmployerNameTaken() if other is not None or credit_code is None else CreditCodeTaken()
