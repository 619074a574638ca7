"""Employers: kept by registrars, picked by couriers when they register."""

from typing import Annotated

from fastapi import APIRouter, Query, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import ReadWork, writing
from app.api.problems import problem_responses
from app.api.schemas.base import Id
from app.api.schemas.employers import Employer, EmployerChange, EmployerPage, NewEmployer
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, read_cursor
from app.services.employers import register
from app.services.employers.codes import InvalidCreditCode
from app.services.employers.errors import CreditCodeTaken, EmployerNameTaken
from app.work import Work

router = APIRouter(prefix="/v1/employers", tags=["employers"], route_class=JsonRoute)

RegistrarWork = Annotated[Work, writing(Role.registrar)]
Ended = Annotated[bool, Query(description="Those that no longer take part, instead of those that do.")]


@router.post(
    "",
    operation_id="employers_create",
    summary="Add an employer · 新增用工单位",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, InvalidCreditCode, EmployerNameTaken, CreditCodeTaken, body=True
    ),
)
async def create_employer(body: NewEmployer, work: RegistrarWork, response: Response) -> Employer:
    """Adds an employer. For registrars."""
    employer = await register.create_employer(
        work, name=body.name, kind=body.kind, credit_code=body.credit_code
    )
    response.headers["Location"] = f"{router.prefix}/{employer.id}"
    return Employer.model_validate(employer)


@router.get(
    "",
    operation_id="employers_list",
    summary="Employers · 用工单位列表",
    responses=problem_responses(Unauthenticated),
)
async def list_employers(
    work: ReadWork, *, ended: Ended = False, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> EmployerPage:
    """The employers that take part, or with `ended` those that no longer do. For any signed-in account."""
    page = await register.list_employers(work, ended=ended, after=read_cursor(cursor), limit=limit)
    items = [Employer.model_validate(employer) for employer in page.items]
    return EmployerPage(items=items, next_cursor=page.next_cursor)


@router.get(
    "/{employer_id}",
    operation_id="employers_read",
    summary="One employer · 查看用工单位",
    responses=problem_responses(Unauthenticated, NotFound),
)
async def read_employer(work: ReadWork, employer_id: Id) -> Employer:
    """One employer, also after it has ended. For any signed-in account."""
    return Employer.model_validate(await register.read_employer(work, employer_id=employer_id))


@router.patch(
    "/{employer_id}",
    operation_id="employers_change",
    summary="Change or end an employer · 修改或停用用工单位",
    responses=problem_responses(
        Unauthenticated,
        Forbidden,
        NotFound,
        InvalidCreditCode,
        EmployerNameTaken,
        CreditCodeTaken,
        body=True,
    ),
)
async def change_employer(employer_id: Id, body: EmployerChange, work: RegistrarWork) -> Employer:
    """Changes what is given. For registrars whose role holds everywhere; no courier's entry is touched."""
    employer = await register.change_employer(
        work,
        employer_id=employer_id,
        reason=body.reason,
        name=body.name,
        kind=body.kind,
        credit_code=body.credit_code,
        ended=body.ended,
    )
    return Employer.model_validate(employer)
