"""Employers out of a file."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import or_, select

from app.errors import Problem
from app.models.employers import Employer, EmployerKind
from app.services.employers.codes import InvalidCreditCode, normalise_credit_code
from app.services.employers.errors import EmployerNameTaken
from app.services.employers.register import change_employer, create_employer
from app.services.imports import (
    ImportReport,
    Parsed,
    RefusedLine,
    UnfitCell,
    choice,
    contradiction,
    text,
)
from app.services.sheets.rows import RefusedRow, read_rows
from app.work import Work

COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "name": ("名称", "单位名称", "企业名称", "用工单位"),
        "kind": ("类型", "单位类型"),
        "credit_code": ("统一社会信用代码", "信用代码", "credit code"),
    }
)
"""`name` and `kind` (platform, partner or courier_company) are needed, `credit_code` where it is known."""

KINDS: Mapping[str, EmployerKind] = MappingProxyType(
    {
        **{kind.value: kind for kind in EmployerKind},
        "平台": EmployerKind.platform,
        "配送合作商": EmployerKind.partner,
        "合作商": EmployerKind.partner,
        "快递企业": EmployerKind.courier_company,
    }
)

LONGEST_NAME = 100
"""Characters; the limit of registered company names is below."""
ROW_LIMIT = 10_000
"""The nation has some 20,000 licensed courier companies; a city brings hundreds."""


class EmployerRow(NamedTuple):
    """One employer of a file."""

    line: int
    name: str
    kind: EmployerKind
    credit_code: str | None


def read_employers(data: bytes) -> Parsed[EmployerRow]:
    """The employers of a CSV or XLSX file; raises UnreadableSheet."""
    rows: dict[str, EmployerRow] = {}
    refused: list[RefusedLine] = []
    for row in read_rows(data, columns=COLUMNS, required=("name", "kind"), row_limit=ROW_LIMIT):
        if isinstance(row, RefusedRow):
            refused.append(RefusedLine.of_row(row))
            continue
        try:
            code = row.values["credit_code"]
            found = EmployerRow(
                row.line,
                text(row.values, "name", LONGEST_NAME),
                choice(row.values, "kind", KINDS),
                normalise_credit_code(code) if code else None,
            )
        except UnfitCell as cell:
            refused.append(cell.at(row.line))
        except InvalidCreditCode as problem:
            refused.append(RefusedLine.of_problem(row.line, problem))
        else:
            if rows.setdefault(found.name, found) is not found:
                refused.append(contradiction(row.line, "name"))
    return Parsed(list(rows.values()), refused)


async def import_employers(work: Work, *, rows: Sequence[EmployerRow]) -> ImportReport:
    """Stores employers: known again by credit code, else by name; adds or changes what differs.

    One that has ended stays ended. A row that names an employer with another credit code than the
    one it has is refused: that is another organisation. An employer is known again by one row only: a
    later one with the name that it had before names another. Again changes nothing.
    """
    known = list(
        await work.session.scalars(
            select(Employer).where(
                or_(
                    Employer.name.in_([row.name for row in rows]),
                    Employer.credit_code.in_([row.credit_code for row in rows if row.credit_code]),
                )
            )
        )
    )
    by_code = {employer.credit_code: employer for employer in known if employer.credit_code}
    by_name = {employer.name: employer for employer in known}
    report = ImportReport()
    met: set[Employer | None] = set()
    for row in rows:
        found = (by_code.get(row.credit_code) if row.credit_code else None) or by_name.get(row.name)
        employer = None if found in met else found
        met.add(found)
        try:
            report += await _store(work, row, employer)
        except Problem as problem:
            report += ImportReport(refused=(RefusedLine.of_problem(row.line, problem),))
    return report


async def _store(work: Work, row: EmployerRow, employer: Employer | None) -> ImportReport:
    if employer is None:
        await create_employer(work, name=row.name, kind=row.kind, credit_code=row.credit_code)
        return ImportReport(added=1)
    code = row.credit_code or employer.credit_code
    if employer.credit_code not in {None, code}:
        raise EmployerNameTaken
    if (employer.name, employer.kind, employer.credit_code) == (row.name, row.kind.value, code):
        return ImportReport(unchanged=1)
    await change_employer(
        work,
        employer_id=employer.id,
        reason="import",
        name=row.name,
        kind=row.kind,
        credit_code=row.credit_code,
    )
    return ImportReport(changed=1)
