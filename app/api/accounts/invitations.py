"""Invitations to a role: made by whoever gives it, accepted by whoever brings the secret."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from app.api.body import JsonRoute
from app.api.dependencies import OpenSignedWork, reading, writing
from app.api.limits import WatchFailures, watching
from app.api.problems import problem_responses
from app.api.schemas.accounts import (
    GrantShown,
    InvitationPage,
    InvitationShown,
    NewInvitation,
    Redemption,
    RoleWanted,
)
from app.api.schemas.base import Id
from app.api.schemas.paging import Cursor, Limit
from app.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from app.models.accounts import Role
from app.pagination import PAGE_SIZE, page_of, read_cursor
from app.services.accounts.errors import InvitationUnusable, RolesIncompatible, ScopeUnfit
from app.services.accounts.invitations import (
    accept_invitation,
    invite,
    open_invitations,
    withdraw_invitation,
)
from app.services.limits import CLIENT_FAILURES
from app.work import Work

router = APIRouter(prefix="/v1/invitations", tags=["accounts"], route_class=JsonRoute)

INVITERS = (Role.registrar, Role.property_manager)


@router.post(
    "",
    operation_id="accounts_invite",
    summary="Invite to a role · 邀请",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound, ScopeUnfit, body=True),
)
async def create_role_invitation(
    body: RoleWanted, work: Annotated[Work, writing(*INVITERS)]
) -> NewInvitation:
    """Registrars invite property managers and employer users, property managers invite guards.

    The secret is good for one use within 72 hours.
    """
    invitation, secret = await invite(work, role=body.role, scope=body.scope.scope())
    return NewInvitation(invitation=InvitationShown.model_validate(invitation), secret=secret)


@router.get(
    "",
    operation_id="accounts_list_invitations",
    summary="Own open invitations · 我发出的邀请",
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_invitations(
    work: Annotated[Work, reading(*INVITERS)], *, cursor: Cursor = None, limit: Limit = PAGE_SIZE
) -> InvitationPage:
    """The caller's invitations that can still be used. For registrars and property managers."""
    page = page_of(await open_invitations(work, before=read_cursor(cursor), limit=limit + 1), limit)
    return InvitationPage(
        items=[InvitationShown.model_validate(invitation) for invitation in page.items],
        next_cursor=page.next_cursor,
    )


@router.delete(
    "/{invitation_id}",
    operation_id="accounts_withdraw_invitation",
    summary="Withdraw an invitation · 撤回邀请",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, Forbidden, NotFound),
)
async def withdraw(invitation_id: Id, work: Annotated[Work, writing(*INVITERS)]) -> None:
    """Makes one of the caller's invitations useless. For registrars and property managers."""
    await withdraw_invitation(work, invitation_id=invitation_id)


@router.post(
    "/redemptions",
    operation_id="accounts_accept_invitation",
    summary="Accept an invitation · 接受邀请",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        Unauthenticated, Forbidden, InvitationUnusable, RolesIncompatible, TooManyRequests, body=True
    ),
)
async def redeem(
    body: Redemption,
    open_work: OpenSignedWork,
    watch: Annotated[WatchFailures, Depends(watching(CLIENT_FAILURES))],
) -> GrantShown:
    """Gives the signed-in account the role that it was invited to, once. For people, not devices."""
    async with watch(), open_work(write=True) as work:
        granted = await accept_invitation(work, secret=body.secret)
    return GrantShown.model_validate(granted)
