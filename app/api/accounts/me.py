"""The signed-in account: what it is, its password and its second factor."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from app.api.body import JsonRoute
from app.api.dependencies import OpenSignedWork, ReadWork, WriteWork
from app.api.limits import WatchFailures, watching
from app.api.problems import problem_responses
from app.api.schemas.accounts import (
    AuthenticatorShown,
    Confirmation,
    OwnAccount,
    PasswordChange,
    RoleShown,
)
from app.errors import Forbidden, TooManyRequests, Unauthenticated
from app.services.accounts.errors import (
    PasswordUnfit,
    SecondFactorEnrolled,
    SecondFactorRefused,
    SignInLocked,
    SignInRefused,
)
from app.services.accounts.queries import own_account
from app.services.accounts.second_factor import confirm_authenticator, enrol_authenticator
from app.services.accounts.staff import change_password
from app.services.limits import STAFF_FAILURES

router = APIRouter(prefix="/v1/me", tags=["accounts"], route_class=JsonRoute)


@router.get(
    "",
    operation_id="accounts_read_own",
    summary="Who am I · 我的账号",
    responses=problem_responses(Unauthenticated),
)
async def read_own_account(work: ReadWork) -> OwnAccount:
    """The signed-in account and what it may do. For any signed-in account."""
    own = await own_account(work)
    return OwnAccount.model_validate(
        {
            "account_id": work.actor.account_id,
            "sign_in_id": work.actor.sign_in_id,
            "kind": own.kind,
            "login": own.login,
            "created_at": own.created_at,
            "second_factor": own.second_factor,
            "roles": [RoleShown.model_validate(held) for held in own.roles],
        }
    )


@router.put(
    "/password",
    operation_id="accounts_change_password",
    summary="Change the password · 修改密码",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(
        Unauthenticated, SignInRefused, Forbidden, PasswordUnfit, SignInLocked, TooManyRequests, body=True
    ),
)
async def change_own_password(
    body: PasswordChange,
    open_work: OpenSignedWork,
    watch: Annotated[WatchFailures, Depends(watching(STAFF_FAILURES))],
) -> None:
    """Replaces the password; all other sign-ins end. For staff accounts."""
    async with watch():
        await change_password(open_work, password=body.password, new_password=body.new_password)


@router.post(
    "/totp",
    operation_id="accounts_enrol_totp",
    summary="Enrol an authenticator · 绑定动态口令",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(Unauthenticated, Forbidden, SecondFactorEnrolled),
)
async def enrol_totp(work: WriteWork) -> AuthenticatorShown:
    """A secret for an authenticator, which is in force once it is confirmed. For staff accounts."""
    return AuthenticatorShown.of(await enrol_authenticator(work))


@router.post(
    "/totp/confirmation",
    operation_id="accounts_confirm_totp",
    summary="Put the authenticator in force · 确认动态口令",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(
        Unauthenticated, Forbidden, SecondFactorEnrolled, SecondFactorRefused, body=True
    ),
)
async def confirm_totp(body: Confirmation, work: WriteWork) -> None:
    """Proves that the authenticator works; wide roles hold from now on, other sign-ins end.

    For staff accounts.
    """
    await confirm_authenticator(work, given=body.totp)
