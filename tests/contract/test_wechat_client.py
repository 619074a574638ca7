"""The WeChat client against the stand-in, over real HTTP: who signed in, and with which number."""

import json
import logging
import socket

import httpx
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from app.services.wechat.client import WeChatClient
from app.services.wechat.errors import (
    WeChatCodeRejected,
    WeChatFailed,
    WeChatLoginBlocked,
    WeChatMisconfigured,
    WeChatPhoneCodeRejected,
    WeChatThrottled,
    WeChatUnavailable,
)
from app.services.wechat.token_store import Account, SqlTokenStore
from app.services.wechat.transport import TRIES, ForeignWeChatServer
from app.settings import OFFICIAL_WECHAT
from app.standin.faults import Fault, Reset
from app.standin.remote import StandIn
from tests.clocks import SettableClock
from tests.contract.wechat import LOGIN, NUMBER, PHONE, TOKEN, connect, release_and_exchange

IMPATIENT = httpx.Timeout(2, read=0.3)


async def test_login_code_tells_who_signed_in(standin: StandIn, sign_in: WeChatClient) -> None:
    identity = await sign_in.exchange_login_code(standin.login("li"))
    again = await sign_in.exchange_login_code(standin.login("li", unionid="u-1"))
    assert identity.openid == standin.openid("li") == again.openid
    assert (identity.unionid, again.unionid) == (None, "u-1")


async def test_login_code_is_one_use(standin: StandIn, sign_in: WeChatClient) -> None:
    code = standin.login("li")
    await sign_in.exchange_login_code(code)
    with pytest.raises(WeChatCodeRejected) as refusal:
        await sign_in.exchange_login_code(code)
    assert refusal.value.errcode == 40163
    assert refusal.value.rid


async def test_login_code_lives_five_minutes(
    standin: StandIn, sign_in: WeChatClient, wechat_clock: SettableClock
) -> None:
    first, second = standin.login("li"), standin.login("li")
    wechat_clock.advance(seconds=300)
    assert (await sign_in.exchange_login_code(first)).openid
    wechat_clock.advance(seconds=1)
    with pytest.raises(WeChatCodeRejected):
        await sign_in.exchange_login_code(second)


@pytest.mark.parametrize("code", ["", "made-up", "a&appid=wx1", "码", "x" * 2000])
async def test_made_up_login_code_is_rejected(sign_in: WeChatClient, code: str) -> None:
    with pytest.raises(WeChatCodeRejected if code else WeChatFailed):
        await sign_in.exchange_login_code(code)


async def test_phone_code_is_no_login_code(standin: StandIn, sign_in: WeChatClient) -> None:
    with pytest.raises(WeChatCodeRejected):
        await sign_in.exchange_login_code(standin.release_phone("li", NUMBER))


async def test_code_of_another_mini_program_is_a_matter_of_configuration(
    standin: StandIn, sign_in: WeChatClient
) -> None:
    with pytest.raises(WeChatMisconfigured):
        await sign_in.exchange_login_code(standin.login("li", appid="wx0000000000000009"))


async def test_wrong_secret_is_a_matter_of_configuration(
    standin: StandIn, store: SqlTokenStore, http: httpx.AsyncClient, wechat_clock: SettableClock
) -> None:
    wechat = connect(standin, store, http, wechat_clock, secret="another")
    with pytest.raises(WeChatMisconfigured):
        await wechat.exchange_login_code(standin.login("li"))
    with pytest.raises(WeChatMisconfigured):
        await wechat.check_credentials()


@pytest.mark.parametrize(
    ("errcode", "refusal", "retry_after"),
    [
        (-1, WeChatUnavailable, 5),
        (40029, WeChatCodeRejected, None),
        (40163, WeChatCodeRejected, None),
        (40226, WeChatLoginBlocked, None),
        (45011, WeChatThrottled, 60),
        (45009, WeChatThrottled, 3600),
        (44990, WeChatThrottled, 1),
        (44991, WeChatThrottled, 60),
        (44993, WeChatThrottled, 3600),
        (40013, WeChatMisconfigured, None),
        (40125, WeChatMisconfigured, None),
        (40243, WeChatMisconfigured, None),
        (41008, WeChatFailed, None),
        (40097, WeChatFailed, None),
        (999999, WeChatFailed, None),
    ],
)
async def test_every_errcode_of_a_login_has_its_refusal(
    standin: StandIn,
    sign_in: WeChatClient,
    errcode: int,
    refusal: type[WeChatFailed],
    retry_after: int | None,
) -> None:
    standin.fail_next(Fault(path=LOGIN, errcode=errcode))
    standin.fail_next(Fault(path=LOGIN, errcode=errcode, string_errcode=True))
    for _ in range(2):
        with pytest.raises(WeChatFailed) as caught:
            await sign_in.exchange_login_code(standin.login("li"))
        assert type(caught.value) is refusal
        assert (caught.value.errcode, caught.value.retry_after) == (errcode, retry_after)
    assert len(standin.calls(LOGIN)) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path=LOGIN, reset=Reset.before),
        Fault(path=LOGIN, reset=Reset.after),
        Fault(path=LOGIN, delay_seconds=0.8),
        Fault(path=LOGIN, bad_gateway=True),
        Fault(path=LOGIN, errcode=-1),
    ],
    ids=["reset before", "reset after", "delay", "bad gateway", "busy"],
)
async def test_login_is_never_repeated_once_it_may_have_arrived(
    standin: StandIn, tokenless: SqlTokenStore, wechat_clock: SettableClock, fault: Fault
) -> None:
    standin.fail_next(fault)
    async with httpx.AsyncClient(timeout=IMPATIENT, trust_env=False) as http:
        wechat = connect(standin, tokenless, http, wechat_clock)
        with pytest.raises(WeChatUnavailable) as caught:
            await wechat.exchange_login_code(standin.login("li"))
        assert caught.value.status == 503
        assert caught.value.retry_after
        assert len(standin.calls(LOGIN)) == 1
        assert (await wechat.exchange_login_code(standin.login("li"))).openid


async def test_lost_reply_spends_the_login_code(standin: StandIn, sign_in: WeChatClient) -> None:
    code = standin.login("li")
    standin.fail_next(Fault(path=LOGIN, reset=Reset.after))
    with pytest.raises(WeChatUnavailable):
        await sign_in.exchange_login_code(code)
    with pytest.raises(WeChatCodeRejected):
        await sign_in.exchange_login_code(code)


class RefusingAtFirst(httpx.AsyncBaseTransport):
    """Refuses the first connections, then lets calls through."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self._inner = httpx.AsyncHTTPTransport()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.refusals:
            self.refusals -= 1
            raise httpx.ConnectError("refused", request=request)
        return await self._inner.handle_async_request(request)

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.parametrize(("refusals", "reached"), [(1, True), (TRIES - 1, True), (TRIES, False)])
async def test_login_that_was_never_sent_is_tried_again(
    standin: StandIn,
    tokenless: SqlTokenStore,
    wechat_clock: SettableClock,
    refusals: int,
    reached: bool,  # noqa: FBT001
) -> None:
    async with httpx.AsyncClient(transport=RefusingAtFirst(refusals)) as http:
        login = connect(standin, tokenless, http, wechat_clock).exchange_login_code(standin.login("li"))
        if reached:
            assert (await login).openid == standin.openid("li")
        else:
            with pytest.raises(WeChatUnavailable):
                await login
    assert len(standin.calls(LOGIN)) == reached


async def test_nobody_listening_is_unavailable(
    tokenless: SqlTokenStore, http: httpx.AsyncClient, wechat_clock: SettableClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    wechat = WeChatClient(
        f"http://127.0.0.1:{port}", "wx1", "s", tokenless, http, clock=wechat_clock, production=False
    )
    with pytest.raises(WeChatUnavailable):
        await wechat.exchange_login_code("code")


async def test_redirect_is_not_followed_with_the_secret(
    tokenless: SqlTokenStore, wechat_clock: SettableClock
) -> None:
    seen: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(redirect), follow_redirects=True) as http:
        wechat = WeChatClient(
            "http://wechat.test", "wx1", "s", tokenless, http, clock=wechat_clock, production=False
        )
        with pytest.raises(WeChatUnavailable):
            await wechat.exchange_login_code("code")
    assert seen == ["wechat.test"]


TOLERATED = [
    {"content_type": "text/html"},
    {"content_type": "image/jpeg"},
    {"extra_fields": True},
    {"drop_errcode": True},
    {"string_errcode": True},
]


@pytest.mark.parametrize("oddity", TOLERATED, ids=str)
async def test_odd_replies_are_read(
    standin: StandIn, wechat: WeChatClient, oddity: dict[str, object]
) -> None:
    for path in (LOGIN, TOKEN, PHONE):
        standin.fail_next(Fault.model_validate({"path": path, **oddity}))
    assert (await wechat.exchange_login_code(standin.login("li"))).openid
    assert await release_and_exchange(standin, wechat) == NUMBER


async def test_phone_code_tells_the_number(standin: StandIn, wechat: WeChatClient) -> None:
    code = standin.release_phone("li", NUMBER)
    phone = await wechat.exchange_phone_code(code, openid=standin.openid("li"))
    assert (phone.number, phone.country_code) == (NUMBER, "86")
    assert NUMBER not in repr(phone)
    assert standin.calls(PHONE)[0]["body"] == {"code": code, "openid": standin.openid("li")}


@pytest.mark.parametrize(("country", "read"), [(86, "86"), ("852", "852"), (853, "853")])
async def test_country_code_is_text(
    standin: StandIn, wechat: WeChatClient, country: str | int, read: str
) -> None:
    code = standin.release_phone("li", "60000000", country)
    phone = await wechat.exchange_phone_code(code, openid=standin.openid("li"))
    assert (phone.number, phone.country_code) == ("60000000", read)


async def test_phone_code_of_another_user_is_rejected(standin: StandIn, wechat: WeChatClient) -> None:
    with pytest.raises(WeChatPhoneCodeRejected):
        await wechat.exchange_phone_code(standin.release_phone("li", NUMBER), openid=standin.openid("wang"))


async def test_login_code_is_no_phone_code(standin: StandIn, wechat: WeChatClient) -> None:
    with pytest.raises(WeChatPhoneCodeRejected) as caught:
        await wechat.exchange_phone_code(standin.login("li"), openid=standin.openid("li"))
    assert caught.value.errcode == 40029


async def test_phone_code_is_one_use(standin: StandIn, wechat: WeChatClient) -> None:
    code, openid = standin.release_phone("li", NUMBER), standin.openid("li")
    await wechat.exchange_phone_code(code, openid=openid)
    with pytest.raises(WeChatPhoneCodeRejected):
        await wechat.exchange_phone_code(code, openid=openid)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path=PHONE, errcode=-1),
        Fault(path=PHONE, reset=Reset.before),
        Fault(path=PHONE, bad_gateway=True),
        Fault(path=PHONE, errcode=0),
    ],
    ids=["busy", "reset", "bad gateway", "success without a number"],
)
async def test_phone_call_is_not_repeated(standin: StandIn, wechat: WeChatClient, fault: Fault) -> None:
    standin.fail_next(fault)
    with pytest.raises(WeChatUnavailable):
        await release_and_exchange(standin, wechat)
    assert len(standin.calls(PHONE)) == 1


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8900",
        "http://api.weixin.qq.com",
        "https://api.weixin.qq.com.example",
        "https://api.weixin.qq.com:444",
        "https://user@api.weixin.qq.com",
        "",
    ],
)
async def test_production_talks_to_wechat_only(
    base_url: str, store: SqlTokenStore, http: httpx.AsyncClient, wechat_clock: SettableClock
) -> None:
    with pytest.raises(ForeignWeChatServer):
        WeChatClient(base_url, "wx1", "s", store, http, clock=wechat_clock, production=True)
    WeChatClient(OFFICIAL_WECHAT, "wx1", "s", store, http, clock=wechat_clock, production=True)


async def test_logs_show_traces_and_nothing_secret(
    standin: StandIn, wechat: WeChatClient, store: SqlTokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("sqlalchemy", "aiosqlite"):
        caplog.set_level(logging.WARNING, name)
    caplog.set_level(logging.DEBUG)
    code, phone_code = standin.login("li"), standin.release_phone("li", NUMBER)
    caplog.clear()
    with capture_logs() as events:
        await wechat.exchange_login_code(code)
        await wechat.exchange_phone_code(phone_code, openid=standin.openid("li"))
        with pytest.raises(WeChatCodeRejected) as caught:
            await wechat.exchange_login_code(code)
    token = await store.load(Account(standin.base_url, standin.appid))
    assert token is not None
    written = caplog.text + json.dumps(events, default=str) + repr(caught.value)
    assert "HTTP Request: GET" in caplog.text
    assert caught.value.rid is not None
    assert caught.value.rid in json.dumps(events)
    for secret in (standin.secret, token.value, code, phone_code, NUMBER, "session_key", "js_code"):
        assert secret not in written
