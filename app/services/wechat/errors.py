"""What WeChat's error codes mean to our users, and which refusal each becomes."""

from enum import IntEnum

from app.errors import Problem, Text

RETRY_SECONDS = 5
"""WeChat's disturbances are mostly over within seconds."""


class Errcode(IntEnum):
    """The documented codes that the client tells apart; any other is a plain WeChatFailed."""

    system_busy = -1
    ok = 0
    token_superseded = 40001
    """At the token call itself: a wrong secret."""
    bad_grant_type = 40002
    bad_openid = 40003
    bad_appid = 40013
    token_malformed = 40014
    code_invalid = 40029
    bad_secret = 40125
    code_used = 40163
    address_not_listed = 40164
    login_blocked = 40226
    secret_frozen = 40243
    token_expired = 42001
    openid_of_other_appid = 43104
    second_limit = 44990
    minute_limit = 44991
    day_limit = 44993
    daily_quota = 45009
    minute_quota = 45011
    api_not_authorised = 48001
    limited = 50002
    token_forbidden = 50004
    account_frozen = 50007
    repeated_too_often = 87020
    address_awaits_admin = 89503
    address_refused_for_a_day = 89506
    address_refused_for_an_hour = 89507


TOKEN_ERRCODES = frozenset({Errcode.token_superseded, Errcode.token_malformed, Errcode.token_expired})
"""The call was refused for its access token: renew it and call once more."""


class WeChatFailed(Problem):
    """WeChat gave an answer that this server cannot act on.

    `errcode` and `rid` (WeChat's trace id) are for logs and support; users never see them.
    """

    status = 502
    code = "wechat_failed"
    title = Text("微信接口调用失败", "WeChat call failed")
    message = Text(
        "微信未能完成此操作，请联系管理员。", "WeChat did not complete this. Please tell the administrators."
    )

    def __init__(
        self, *, errcode: int | None = None, rid: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(retry_after=retry_after)
        self.errcode = errcode
        self.rid = rid


class WeChatUnavailable(WeChatFailed):
    """WeChat is busy, out of reach or unreadable. A one-use code that was sent may be spent."""

    status = 503
    code = "wechat_unavailable"
    title = Text("微信暂时无法连接", "WeChat unavailable")
    message = Text(
        "微信暂时没有响应，请稍后重新授权再试。",
        "WeChat does not answer at the moment. Please try again shortly, starting anew in WeChat.",
    )


class WeChatThrottled(WeChatFailed):
    """A limit that WeChat sets to this mini-program is reached."""

    status = 503
    code = "wechat_throttled"
    title = Text("微信调用受限", "WeChat limit reached")
    message = Text(
        "当前使用人数较多，请稍后重新授权再试。",
        "Too many people are using this at the moment. Please try again later.",
    )


class WeChatTokenRejected(WeChatFailed):
    """WeChat refuses our access token even after the one renewal that a call may cause."""

    status = 503
    code = "wechat_token_rejected"
    title = Text("微信暂时无法连接", "WeChat unavailable")
    message = Text(
        "与微信的连接正在恢复，请稍后再试。",
        "The connection to WeChat is being restored. Please try again shortly.",
    )


class WeChatMisconfigured(WeChatFailed):
    """The mini-program's appid, secret, address list or permissions need an administrator."""

    status = 502
    code = "wechat_misconfigured"
    title = Text("微信配置有误", "WeChat set up wrongly")
    message = Text(
        "小程序的微信配置有误，请联系管理员。",
        "The mini-program is set up wrongly at WeChat. Please tell the administrators.",
    )


class WeChatCodeRejected(WeChatFailed):
    """The sign-in code is unknown, older than five minutes, used, or of another kind."""

    status = 400
    code = "wechat_code_rejected"
    title = Text("微信登录凭证无效", "WeChat sign-in code rejected")
    message = Text(
        "微信登录凭证已失效或已使用，请重新调用 wx.login 获取。",
        "The WeChat sign-in code is spent or invalid. Ask for a fresh one by wx.login.",
    )


class WeChatPhoneCodeRejected(WeChatFailed):
    """The phone code is unknown, older than five minutes, used, of another kind or of another user."""

    status = 400
    code = "wechat_phone_code_rejected"
    title = Text("手机号凭证无效", "WeChat phone code rejected")
    message = Text(
        "手机号授权已失效或已使用，请重新点击授权按钮。",
        "The phone code is spent or invalid. Please tap the button for the phone number again.",
    )


class WeChatLoginBlocked(WeChatFailed):
    """WeChat judges this user to be of high risk and lets nobody sign them in."""

    status = 403
    code = "wechat_login_blocked"
    title = Text("微信限制登录", "Sign-in blocked by WeChat")
    message = Text(
        "微信判定该账号存在风险，暂时无法登录。",
        "WeChat considers this account to be at risk and does not let it sign in.",
    )


_THROTTLED: dict[int, int] = {
    Errcode.second_limit: 1,
    Errcode.minute_limit: 60,
    Errcode.minute_quota: 60,
    Errcode.repeated_too_often: 60,
    Errcode.day_limit: 3600,
    Errcode.daily_quota: 3600,
}
"""Seconds to wait. The daily ones may end before midnight, since an operator can clear the quota."""

_MISCONFIGURED = frozenset(
    {
        Errcode.bad_grant_type,
        Errcode.bad_appid,
        Errcode.bad_secret,
        Errcode.address_not_listed,
        Errcode.secret_frozen,
        Errcode.openid_of_other_appid,
        Errcode.api_not_authorised,
        Errcode.limited,
        Errcode.token_forbidden,
        Errcode.account_frozen,
        Errcode.address_awaits_admin,
        Errcode.address_refused_for_a_day,
        Errcode.address_refused_for_an_hour,
    }
)


def failure(errcode: int, rid: str | None) -> WeChatFailed:
    """The refusal that `errcode` means for any call, its token renewed already where that helps."""
    if errcode in TOKEN_ERRCODES:
        return WeChatTokenRejected(errcode=errcode, rid=rid, retry_after=RETRY_SECONDS)
    if errcode in _MISCONFIGURED:
        return WeChatMisconfigured(errcode=errcode, rid=rid)
    if seconds := _THROTTLED.get(errcode):
        return WeChatThrottled(errcode=errcode, rid=rid, retry_after=seconds)
    if errcode == Errcode.system_busy:
        return WeChatUnavailable(errcode=errcode, rid=rid, retry_after=RETRY_SECONDS)
    return WeChatFailed(errcode=errcode, rid=rid)


def login_failure(errcode: int, rid: str | None) -> WeChatFailed:
    """The refusal that `errcode` means for a sign-in code."""
    match errcode:
        case Errcode.code_invalid | Errcode.code_used:
            return WeChatCodeRejected(errcode=errcode, rid=rid)
        case Errcode.login_blocked:
            return WeChatLoginBlocked(errcode=errcode, rid=rid)
        case _:
            return failure(errcode, rid)


def phone_failure(errcode: int, rid: str | None) -> WeChatFailed:
    """The refusal that `errcode` means for a phone code.

    Which code WeChat gives when code and openid belong to two users is not documented; a bad
    openid is the nearest that is.
    """
    match errcode:
        case Errcode.code_invalid | Errcode.code_used | Errcode.bad_openid:
            return WeChatPhoneCodeRejected(errcode=errcode, rid=rid)
        case _:
            return failure(errcode, rid)


def token_failure(errcode: int, rid: str | None) -> WeChatFailed:
    """The refusal that `errcode` means for the call that asks for an access token."""
    if errcode == Errcode.token_superseded:
        return WeChatMisconfigured(errcode=errcode, rid=rid)
    return failure(errcode, rid)
