"""Roles that accounts hold: given to staff, and taken away."""

from typing import Annotated

from fastapi import APIRouter, status

from app.api.body import JsonRoute
from app.api.dependencies import reading, writing
from app.api.problems import problem_responses
from app.api.schemas.accounts import GrantPage, GrantShown, NewGrant
from app.api.schemas.base import Id
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, page_of, read_cursor
from app.services.accounts.errors import OwnGrant, RolesIncompatible, ScopeUnfit
from app.services.accounts.grants import grant_to_staff, reachable_grants, revoke_grant
from app.work import Work

router = APIRouter(prefix="/v1/grants", tags=["accounts"], route_class=JsonRoute)

GIVERS = (Role.security_admin, Role.registrar, Role.property_manager)


@router.post(
    "",
    operation_id="accounts_grant",
    summary="Give a role to staff · 授予角色",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, NotFound, OwnGrant, RolesIncompatible, ScopeUnfit, body=True
    ),
)
async def grant(body: NewGrant, work: Annotated[Work, writing(Role.security_admin)]) -> GrantShown:
    """Gives a staff account a role; again changes nothing. For security administrators.

    Operator, security administrator and auditor are never held by one account.
    """
    given = await grant_to_staff(work, account_id=body.account_id, role=body.role, scope=body.scope.scope())
    return GrantShown.model_validate(given)


@router.get(
    "",
    operation_id="accounts_list_grants",
    summary="Roles that were given · 已授予的角色",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_grants(
    work: Annotated[Work, reading(*GIVERS)], *, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> GrantPage:
    """The roles that the caller may take away.

    Security administrators see all, registrars the property managers and employer users of their
    area, property managers their guards.
    """
    page = page_of(await reachable_grants(work, before=read_cursor(cursor), limit=limit + 1), limit)
    return GrantPage(
        items=[GrantShown.model_validate(given) for given in page.items], next_cursor=page.next_cursor
    )


@router.delete(
    "/{grant_id}",
    operation_id="accounts_revoke",
    summary="Take a role away · 撤销角色",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def revoke(grant_id: Id, work: Annotated[Work, writing(*GIVERS)]) -> None:
    """Takes a role away from the next request on. For whoever may give it, and security administrators."""
    await revoke_grant(work, grant_id=grant_id)
