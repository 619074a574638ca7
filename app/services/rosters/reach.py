"""Who may touch an employer's rosters, and how two who do so at once are kept apart."""

from uuid import UUID

from sqlalchemy import select

from app.errors import Forbidden, NotFound
from app.models.accounts import Role
from app.models.employers import Employer
from app.work import Place, Work

KEEPERS = (Role.employer_user, Role.registrar)
"""The employer's own people, and staff whose role holds everywhere, as its couriers work everywhere."""


async def reach_employer(work: Work, *, employer_id: UUID) -> Employer:
    """The employer whose rosters the actor may read. Raises Forbidden and NotFound."""
    return await _reach(work, employer_id, lock=False)


async def hold_employer(work: Work, *, employer_id: UUID) -> Employer:
    """The employer whose roster the actor may change, held until the transaction ends.

    Whoever changes a roster holds its employer, so that what one counts the other cannot change.
    The lock leaves alone those who only refer to the employer. Raises Forbidden and NotFound.
    """
    return await _reach(work, employer_id, lock=True)


async def _reach(work: Work, employer_id: UUID, *, lock: bool) -> Employer:
    if not work.actor.has(*KEEPERS):
        raise Forbidden
    query = select(Employer).where(Employer.id == employer_id)
    employer = await work.session.scalar(query.with_for_update(key_share=True) if lock else query)
    if employer is None or not work.actor.may(*KEEPERS, at=Place(employer_id=employer_id)):
        raise NotFound
    return employer
