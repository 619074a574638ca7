"""The client of WeChat's server interface: who signed in, and which phone number is theirs."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from app.clock import Clock
from app.services.wechat.access_token import AccessTokens, GrantedToken
from app.services.wechat.answers import Answer
from app.services.wechat.errors import (
    RETRY_SECONDS,
    TOKEN_ERRCODES,
    WeChatUnavailable,
    login_failure,
    phone_failure,
    token_failure,
)
from app.services.wechat.token_store import Account, SqlTokenStore
from app.services.wechat.transport import Transport


@dataclass(frozen=True, slots=True)
class WeChatIdentity:
    """Who WeChat says has signed in. The session key that comes with it is dropped: nothing here needs it."""

    openid: str
    unionid: str | None
    """Only where the mini-program belongs to an Open Platform account."""


@dataclass(frozen=True, slots=True)
class WeChatPhone:
    """A phone number that WeChat has confirmed to be the user's. Its repr does not show it."""

    number: str = field(repr=False)
    """Without the country code."""
    country_code: str
    """Digits, e.g. `86`."""


class WeChatClient:
    """Calls WeChat for one mini-program, with the access token that all processes share.

    Call it outside of writing sessions: it writes the token in transactions of its own, and a
    database transaction must not wait for WeChat.
    """

    def __init__(
        self,
        base_url: str,
        appid: str,
        secret: str,
        store: SqlTokenStore,
        http: httpx.AsyncClient,
        *,
        clock: Clock,
        production: bool,
    ) -> None:
        """Raises ForeignWeChatServer in production if `base_url` is not WeChat's own."""
        self._appid = appid
        self._secret = secret
        self._transport = Transport(base_url, http, production=production)
        self._tokens = AccessTokens(Account(base_url, appid), store, self._fetch_token, clock)

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        """Who signed in with `code` from wx.login (code2Session).

        The code is one-use: once it may have reached WeChat the call is never repeated, and the
        mini-program must ask for a fresh one. Raises WeChatCodeRejected, WeChatLoginBlocked or
        another WeChatFailed.
        """
        answer = await self._transport.get(
            "/sns/jscode2session",
            {
                "appid": self._appid,
                "secret": self._secret,
                "js_code": code,
                "grant_type": "authorization_code",
            },
        )
        if answer.errcode:
            raise login_failure(answer.errcode, answer.rid)
        unionid = answer.body.get("unionid")
        return WeChatIdentity(_text(answer, "openid"), unionid if isinstance(unionid, str) else None)

    async def exchange_phone_code(self, code: str, *, openid: str) -> WeChatPhone:
        """The phone number that the user `openid` released with `code` from the getPhoneNumber button.

        WeChat checks that code and user belong together. Raises WeChatPhoneCodeRejected or
        another WeChatFailed.
        """
        answer = await self._call_with_token(
            "/wxa/business/getuserphonenumber", {"code": code, "openid": openid}
        )
        if answer.errcode:
            raise phone_failure(answer.errcode, answer.rid)
        phone = answer.body.get("phone_info")
        if not isinstance(phone, dict):
            raise WeChatUnavailable(retry_after=RETRY_SECONDS)
        return WeChatPhone(
            number=_text(answer, "purePhoneNumber", phone),
            country_code=str(phone.get("countryCode", "")).removeprefix("+"),
        )

    async def check_credentials(self) -> None:
        """Asks for an access token where none is in force; raises WeChatFailed where WeChat gives none."""
        await self._tokens.current()

    async def _call_with_token(self, path: str, body: dict[str, Any]) -> Answer:
        """Calls once, and once more if the token was refused. Never sent again for any other reason."""
        token = await self._tokens.current()
        answer = await self._post(path, body, token)
        if answer.errcode in TOKEN_ERRCODES:
            answer = await self._post(path, body, await self._tokens.replace(token))
        return answer

    async def _post(self, path: str, body: dict[str, Any], token: str) -> Answer:
        return await self._transport.post(path, body, query={"access_token": token}, repeatable=False)

    async def _fetch_token(self, *, force: bool) -> GrantedToken:
        answer = await self._transport.post(
            "/cgi-bin/stable_token",
            {
                "grant_type": "client_credential",
                "appid": self._appid,
                "secret": self._secret,
                "force_refresh": force,
            },
            repeatable=not force,
        )
        if answer.errcode:
            raise token_failure(answer.errcode, answer.rid)
        try:
            lifetime = timedelta(seconds=int(answer.body["expires_in"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WeChatUnavailable(retry_after=RETRY_SECONDS) from error
        return GrantedToken(_text(answer, "access_token"), lifetime)


def _text(answer: Answer, name: str, part: dict[str, Any] | None = None) -> str:
    """The text called `name`; raises WeChatUnavailable where a success lacks what it must have."""
    value = (answer.body if part is None else part).get(name)
    if not isinstance(value, str) or not value:
        raise WeChatUnavailable(rid=answer.rid, retry_after=RETRY_SECONDS)
    return value
