"""Signing in by WeChat, password or device, refreshing, and signing out."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from app.api.body import JsonRoute
from app.api.dependencies import CurrentRuntime, OpenAnonymousWork, ReadWork, WriteWork
from app.api.limits import WatchFailures, watching
from app.api.problems import problem_responses
from app.api.schemas.accounts import (
    DeviceSignIn,
    RefreshRequest,
    SignInList,
    SignInShown,
    StaffSignIn,
    StaffTokens,
    TokenPair,
    WeChatSignIn,
)
from app.api.schemas.base import Id
from app.errors import NotFound, TooManyRequests, Unauthenticated
from app.services.accounts.devices import sign_in_device
from app.services.accounts.errors import RefreshRefused, SecondFactorRequired, SignInLocked, SignInRefused
from app.services.accounts.refreshes import refresh_sign_in
from app.services.accounts.sign_ins import end_sign_in, own_sign_ins
from app.services.accounts.staff_sign_in import sign_in_staff
from app.services.accounts.wechat import sign_in_wechat
from app.services.limits import CLIENT_FAILURES, STAFF_FAILURES
from app.services.wechat.errors import (
    WeChatCodeRejected,
    WeChatFailed,
    WeChatLoginBlocked,
    WeChatMisconfigured,
    WeChatThrottled,
    WeChatUnavailable,
)

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=JsonRoute)

WatchClients = Annotated[WatchFailures, Depends(watching(CLIENT_FAILURES))]
WatchStaff = Annotated[WatchFailures, Depends(watching(STAFF_FAILURES))]


@router.post(
    "/sign-ins/wechat",
    operation_id="accounts_sign_in_wechat",
    summary="Sign in through the mini-program · 微信登录",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        SignInRefused,
        TooManyRequests,
        WeChatCodeRejected,
        WeChatLoginBlocked,
        WeChatThrottled,
        WeChatMisconfigured,
        WeChatFailed,
        WeChatUnavailable,
        body=True,
    ),
)
async def sign_in_by_wechat(
    body: WeChatSignIn, runtime: CurrentRuntime, open_work: OpenAnonymousWork, watch: WatchClients
) -> TokenPair:
    """Signs in whoever WeChat says has opened the mini-program; the first time makes an account.

    Open to everyone.
    """
    async with watch():
        user = await runtime.wechat.exchange_login_code(body.code)
        async with open_work() as work:
            tokens = await sign_in_wechat(work, openid=user.openid, client=body.client)
    return TokenPair.of(tokens)


@router.post(
    "/sign-ins/staff",
    operation_id="accounts_sign_in_staff",
    summary="Sign in with a password · 员工登录",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(
        SignInRefused, SecondFactorRequired, SignInLocked, TooManyRequests, body=True
    ),
)
async def sign_in_by_password(
    body: StaffSignIn, open_work: OpenAnonymousWork, watch: WatchStaff
) -> StaffTokens:
    """Signs in staff. Five failures lock the login for a quarter of an hour, further ones for longer.

    Whether a login exists cannot be told from any answer. Open to everyone.
    """
    async with watch():
        signed_in = await sign_in_staff(
            open_work, login=body.login, password=body.password, totp=body.totp, client=body.client
        )
    return StaffTokens(tokens=TokenPair.of(signed_in.tokens), second_factor_due=signed_in.second_factor_due)


@router.post(
    "/sign-ins/device",
    operation_id="accounts_sign_in_device",
    summary="Sign in a device · 设备登录",
    status_code=status.HTTP_201_CREATED,
    responses=problem_responses(SignInRefused, TooManyRequests, body=True),
)
async def sign_in_by_device(
    body: DeviceSignIn, open_work: OpenAnonymousWork, watch: WatchClients
) -> TokenPair:
    """Signs in an enrolled device with the secret that it keeps. Open to everyone."""
    async with watch(), open_work() as work:
        tokens = await sign_in_device(work, device_id=body.device_id, secret=body.secret, client=body.client)
    return TokenPair.of(tokens)


@router.post(
    "/tokens",
    operation_id="accounts_refresh",
    summary="Replace the tokens · 续期",
    responses=problem_responses(RefreshRefused, TooManyRequests, body=True),
)
async def refresh(body: RefreshRequest, open_work: OpenAnonymousWork, watch: WatchClients) -> TokenPair:
    """Gives a new pair for a refresh token, which is used up by it.

    A reply that was lost can be had again for 60 seconds. A token that was used longer ago ends the
    sign-in, since then two parties hold it. Open to everyone.
    """
    async with watch():
        async with open_work() as work:
            refreshed = await refresh_sign_in(work, refresh_token=body.refresh_token)
        tokens = refreshed.or_refuse()
    return TokenPair.of(tokens)


@router.get(
    "/sign-ins",
    operation_id="accounts_list_sign_ins",
    summary="Own sign-ins · 我的登录",
    responses=problem_responses(Unauthenticated),
)
async def list_sign_ins(work: ReadWork) -> SignInList:
    """Where the account is signed in. For any signed-in account."""
    items = [
        SignInShown(
            id=sign_in.id,
            client=sign_in.client,
            created_at=sign_in.created_at,
            refreshed_at=sign_in.refreshed_at,
            expires_at=sign_in.expires_at,
            current=sign_in.id == work.actor.sign_in_id,
        )
        for sign_in in await own_sign_ins(work)
    ]
    return SignInList(items=items)


@router.delete(
    "/sign-ins/current",
    operation_id="accounts_sign_out",
    summary="Sign out · 退出登录",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated),
)
async def sign_out(work: WriteWork) -> None:
    """Ends the sign-in that asks; all its tokens end with it. For any signed-in account."""
    await end_sign_in(work, sign_in_id=None)


@router.delete(
    "/sign-ins/{sign_in_id}",
    operation_id="accounts_end_sign_in",
    summary="End one of one's own sign-ins · 结束某个登录",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(Unauthenticated, NotFound),
)
async def end_own_sign_in(sign_in_id: Id, work: WriteWork) -> None:
    """Ends one of the account's own sign-ins, such as that of a lost phone. For any signed-in account."""
    await end_sign_in(work, sign_in_id=sign_in_id)
