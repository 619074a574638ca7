"""What contract tests of WeChat share: its paths, and the steps that several of them take."""

import asyncio
from datetime import UTC, datetime

import httpx

from app.services.wechat.client import WeChatClient
from app.services.wechat.token_store import SqlTokenStore
from app.standin.remote import StandIn
from tests.clocks import SettableClock

LOGIN = "/sns/jscode2session"

TOKEN = "/cgi-bin/stable_token"

PHONE = "/wxa/business/getuserphonenumber"

NOON = datetime(2026, 5, 11, 4, 0, tzinfo=UTC)

NUMBER = "13100000000"


def connect(
    standin: StandIn,
    store: SqlTokenStore,
    http: httpx.AsyncClient,
    clock: SettableClock,
    *,
    secret: str | None = None,
) -> WeChatClient:
    return WeChatClient(
        standin.base_url,
        standin.appid,
        secret or standin.secret,
        store,
        http,
        clock=clock,
        production=False,
    )


async def release_and_exchange(standin: StandIn, wechat: WeChatClient, user: str = "li") -> str:
    code = await asyncio.to_thread(standin.release_phone, user, NUMBER)
    phone = await wechat.exchange_phone_code(code, openid=await asyncio.to_thread(standin.openid, user))
    return phone.number


def force_elsewhere(standin: StandIn) -> None:
    """Another system with the same appid renews the token by force."""
    httpx.post(
        standin.base_url + TOKEN,
        json={
            "grant_type": "client_credential",
            "appid": standin.appid,
            "secret": standin.secret,
            "force_refresh": True,
        },
        trust_env=False,
    ).raise_for_status()


def forced(standin: StandIn) -> int:
    return sum(call["body"]["force_refresh"] for call in standin.calls(TOKEN))
