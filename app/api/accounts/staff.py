"""Staff accounts, as security administrators keep them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from app.api.body import JsonRoute
from app.api.dependencies import OpenAnonymousWork, reading, writing
from app.api.limits import WatchFailures, watching
from app.api.problems import problem_responses
from app.api.schemas.accounts import (
    FirstPassword,
    NewStaff,
    NewStaffShown,
    Reset,
    SetupShown,
    StaffPage,
    StaffShown,
)
from app.api.schemas.base import Id
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, page_of, read_cursor
from app.services.accounts.errors import (
    LoginTaken,
    PasswordUnfit,
    RolesIncompatible,
    ScopeUnfit,
    SetupRefused,
)
from app.services.accounts.staff import (
    create_staff,
    end_sign_ins_of,
    end_staff,
    read_staff,
    reset_staff,
    set_first_password,
    staff_accounts,
)
from app.services.limits import STAFF_FAILURES
from app.work import Work

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=JsonRoute)

SecurityReads = Annotated[Work, reading(Role.security_admin)]
SecurityWrites = Annotated[Work, writing(Role.security_admin)]


@router.post(
    "/staff",
    operation_id="accounts_create_staff",
    summary="Create a staff account · 新建员工账号",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, LoginTaken, RolesIncompatible, ScopeUnfit, body=True
    ),
)
async def create_staff_account(body: NewStaff, work: SecurityWrites, response: Response) -> NewStaffShown:
    """A staff account with its roles and a setup secret for its owner. For security administrators."""
    account, secret = await create_staff(
        work, login=body.login, grants=[(wanted.role, wanted.scope.scope()) for wanted in body.roles]
    )
    response.headers["Location"] = f"{router.prefix}/staff/{account.id}"
    return NewStaffShown(id=account.id, login=body.login, setup_secret=secret)


@router.get(
    "/staff",
    operation_id="accounts_list_staff",
    summary="Staff accounts · 员工账号列表",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_staff(work: SecurityReads, *, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> StaffPage:
    """The staff accounts, those that have ended included. For security administrators."""
    rows = await staff_accounts(work, before=read_cursor(cursor), limit=limit + 1)
    page = page_of(rows, limit)
    return StaffPage(
        items=[StaffShown.model_validate(account) for account in page.items], next_cursor=page.next_cursor
    )


@router.get(
    "/staff/{account_id}",
    operation_id="accounts_read_staff",
    summary="One staff account · 查看员工账号",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def read_staff_account(account_id: Id, work: SecurityReads) -> StaffShown:
    """One staff account. For security administrators."""
    return StaffShown.model_validate(await read_staff(work, account_id=account_id))


@router.post(
    "/staff/{account_id}/reset",
    operation_id="accounts_reset_staff",
    summary="Reset password and second factor · 重置员工账号",
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def reset_staff_account(account_id: Id, body: Reset, work: SecurityWrites) -> SetupShown:
    """Takes password and second factor away and ends all sign-ins. For security administrators."""
    return SetupShown(setup_secret=await reset_staff(work, account_id=account_id, reason=body.reason))


@router.post(
    "/staff/{account_id}/end",
    operation_id="accounts_end_staff",
    summary="End a staff account · 停用员工账号",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def end_staff_account(account_id: Id, body: Reset, work: SecurityWrites) -> None:
    """Ends a staff account and its sign-ins for good. For security administrators."""
    await end_staff(work, account_id=account_id, reason=body.reason)


@router.post(
    "/accounts/{account_id}/sign-out",
    operation_id="accounts_sign_out_everywhere",
    summary="Sign an account out everywhere · 强制下线",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, body=True),
)
async def sign_out_everywhere(account_id: Id, body: Reset, work: SecurityWrites) -> None:
    """Ends all sign-ins of an account of whatever kind. For security administrators."""
    await end_sign_ins_of(work, account_id=account_id, reason=body.reason)


@router.post(
    "/staff/passwords",
    operation_id="accounts_set_password",
    summary="Set the first password · 设置密码",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(SetupRefused, PasswordUnfit, TooManyRequests, body=True),
)
async def set_password(
    body: FirstPassword,
    open_work: OpenAnonymousWork,
    watch: Annotated[WatchFailures, Depends(watching(STAFF_FAILURES))],
) -> None:
    """Sets the password of a new or reset account. Open to whoever holds its setup secret."""
    async with watch():
        await set_first_password(open_work, setup_secret=body.setup_secret, password=body.password)
