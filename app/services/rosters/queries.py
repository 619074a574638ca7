"""Rosters read back: what was delivered, and why rows were refused."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select

from app.errors import Forbidden, NotFound
from app.models.employers import Employer
from app.models.rosters import Roster, RosterRefusal
from app.pagination import Page, page_of
from app.services.employers.errors import UnknownEmployer
from app.services.imports import RefusedLine
from app.services.rosters.reach import KEEPERS, reach_employer
from app.services.rosters.reasons import REASON_TEXTS
from app.work import Place, Work

LAST_LINE = 2**31 - 1
"""The largest number that the column holds: a cursor that somebody made up may say more."""


@dataclass(frozen=True, slots=True)
class ReportLine(RefusedLine):
    """A refused row of a stored roster."""

    @property
    def id(self) -> UUID:
        """The line as a key to page by."""
        return UUID(int=self.line)


async def find_employer(work: Work, *, wanted: str) -> Employer:
    """The employer of a name or an id, as an operator types it. Raises UnknownEmployer."""
    query = select(Employer).where(Employer.name == wanted)
    with suppress(ValueError):
        query = select(Employer).where(or_(Employer.name == wanted, Employer.id == UUID(wanted)))
    employer = await work.session.scalar(query)
    if employer is None:
        raise UnknownEmployer
    return employer


async def list_rosters(work: Work, *, employer_id: UUID, before: UUID | None, limit: int) -> Page[Roster]:
    """What was delivered for an employer, newest first. Raises Forbidden and NotFound."""
    await reach_employer(work, employer_id=employer_id)
    query = (
        select(Roster).where(Roster.employer_id == employer_id).order_by(Roster.id.desc()).limit(limit + 1)
    )
    if before is not None:
        query = query.where(Roster.id < before)
    return page_of(list(await work.session.scalars(query)), limit)


async def read_roster(work: Work, *, roster_id: UUID) -> Roster:
    """One delivered roster. Raises Forbidden, and NotFound for one of an employer out of reach."""
    if not work.actor.has(*KEEPERS):
        raise Forbidden
    roster = await work.session.get(Roster, roster_id)
    if roster is None or not work.actor.may(*KEEPERS, at=Place(employer_id=roster.employer_id)):
        raise NotFound
    return roster


async def list_refusals(work: Work, *, roster_id: UUID, after: UUID | None, limit: int) -> Page[ReportLine]:
    """The refused rows of a roster in the order of the file. Raises Forbidden and NotFound."""
    await read_roster(work, roster_id=roster_id)
    query = (
        select(RosterRefusal.line, RosterRefusal.column, RosterRefusal.code)
        .where(RosterRefusal.roster_id == roster_id)
        .order_by(RosterRefusal.line)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(RosterRefusal.line > min(after.int, LAST_LINE))
    rows = await work.session.execute(query)
    return page_of([ReportLine(line, column, code, REASON_TEXTS[code]) for line, column, code in rows], limit)
