"""Employers of tests."""

from app.models.employers import Employer, EmployerKind
from app.services.employers.register import create_employer
from app.work import Work


async def make_employer(
    work: Work, *, name: str, kind: EmployerKind = EmployerKind.platform, credit_code: str | None = None
) -> Employer:
    """An employer that takes part."""
    return await create_employer(work, name=name, kind=kind, credit_code=credit_code)
