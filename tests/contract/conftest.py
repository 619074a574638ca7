"""The stand-in for WeChat and clients of it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.database import Database
from app.services.sealing import Vault
from app.services.wechat.client import WeChatClient
from app.services.wechat.token_store import SqlTokenStore
from app.services.wechat.transport import open_http
from app.settings import Environment
from app.standin.remote import StandIn
from app.standin.server import run_standin
from tests.clocks import SettableClock
from tests.contract.wechat import NOON, connect


@pytest.fixture(scope="session")
def standin_clock() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture(scope="session")
def running_standin(standin_clock: SettableClock) -> Iterator[StandIn]:
    with run_standin(environment=Environment.test, clock=standin_clock) as standin:
        yield standin


@pytest.fixture
def wechat_clock(standin_clock: SettableClock) -> SettableClock:
    """One clock for client and server; `standin.advance` moves the server's alone."""
    standin_clock.now = NOON
    return standin_clock


@pytest.fixture
def standin(running_standin: StandIn) -> StandIn:
    running_standin.forget()
    return running_standin


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with open_http() as http:
        yield http


@pytest.fixture
def vault() -> Vault:
    return Vault({1: b"m" * 32}, b"i" * 32)


@pytest.fixture
def store(database: Database, vault: Vault) -> SqlTokenStore:
    return SqlTokenStore(database, vault)


@pytest.fixture
def wechat(
    standin: StandIn, store: SqlTokenStore, http: httpx.AsyncClient, wechat_clock: SettableClock
) -> WeChatClient:
    return connect(standin, store, http, wechat_clock)


@pytest.fixture
def tokenless(vault: Vault) -> SqlTokenStore:
    """A store for calls that need no token: its database is never opened."""
    return SqlTokenStore(Database("sqlite+aiosqlite://"), vault)


@pytest.fixture
def sign_in(
    standin: StandIn, tokenless: SqlTokenStore, http: httpx.AsyncClient, wechat_clock: SettableClock
) -> WeChatClient:
    return connect(standin, tokenless, http, wechat_clock)
