"""The shared access token against the stand-in: renewed once for all, and replaced once a call."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from app.database import Database
from app.ids import new_id
from app.models.wechat import WeChatAccessToken
from app.services.sealing import Vault
from app.services.wechat.client import WeChatClient
from app.services.wechat.errors import (
    WeChatFailed,
    WeChatMisconfigured,
    WeChatThrottled,
    WeChatTokenRejected,
    WeChatUnavailable,
)
from app.services.wechat.token_store import FORCED_A_DAY, Account, SharedToken, SqlTokenStore
from app.services.wechat.transport import TRIES, open_http
from app.standin.faults import Fault, Reset
from app.standin.remote import StandIn
from tests.clocks import SettableClock
from tests.contract.wechat import (
    NUMBER,
    PHONE,
    TOKEN,
    connect,
    force_elsewhere,
    forced,
    release_and_exchange,
)

WORKERS = 8


@pytest.mark.parametrize(
    ("fault", "times", "granted"),
    [
        ({"errcode": -1}, TRIES - 1, True),
        ({"errcode": -1, "string_errcode": True}, TRIES, False),
        ({"reset": Reset.before}, TRIES - 1, True),
        ({"reset": Reset.after}, TRIES, False),
        ({"bad_gateway": True}, TRIES - 1, True),
    ],
)
async def test_token_call_is_tried_three_times(
    standin: StandIn,
    wechat: WeChatClient,
    fault: dict[str, object],
    times: int,
    granted: bool,  # noqa: FBT001
) -> None:
    standin.fail_next(Fault.model_validate({"path": TOKEN, "times": times, **fault}))
    if granted:
        await wechat.check_credentials()
    else:
        with pytest.raises(WeChatUnavailable):
            await wechat.check_credentials()
    assert len(standin.calls(TOKEN)) == TRIES


@pytest.mark.parametrize(
    ("errcode", "refusal"),
    [
        (40001, WeChatMisconfigured),
        (40002, WeChatMisconfigured),
        (40164, WeChatMisconfigured),
        (50004, WeChatMisconfigured),
        (89503, WeChatMisconfigured),
        (89506, WeChatMisconfigured),
        (89507, WeChatMisconfigured),
        (45009, WeChatThrottled),
        (45011, WeChatThrottled),
    ],
)
async def test_refused_token_call_is_not_repeated(
    standin: StandIn, wechat: WeChatClient, errcode: int, refusal: type[WeChatFailed]
) -> None:
    standin.fail_next(Fault(path=TOKEN, errcode=errcode))
    with pytest.raises(refusal):
        await wechat.check_credentials()
    assert len(standin.calls(TOKEN)) == 1


async def test_address_outside_the_list_is_a_matter_of_configuration(
    standin: StandIn, wechat: WeChatClient
) -> None:
    standin.admit_addresses(["192.0.2.1"])
    with pytest.raises(WeChatMisconfigured) as caught:
        await wechat.check_credentials()
    assert caught.value.errcode == 40164


async def test_token_serves_until_five_minutes_before_its_end(
    standin: StandIn, wechat: WeChatClient, wechat_clock: SettableClock
) -> None:
    await release_and_exchange(standin, wechat)
    wechat_clock.advance(seconds=7200 - 300)
    await release_and_exchange(standin, wechat)
    assert len(standin.calls(TOKEN)) == 1
    wechat_clock.advance(seconds=1)
    await release_and_exchange(standin, wechat)
    assert len(standin.calls(TOKEN)) == 2
    assert forced(standin) == 0


async def test_token_that_still_works_outlasts_a_failed_renewal(
    standin: StandIn, wechat: WeChatClient, wechat_clock: SettableClock
) -> None:
    await wechat.check_credentials()
    wechat_clock.advance(seconds=7200 - 100)
    standin.fail_next(Fault(path=TOKEN, errcode=45009))
    assert await release_and_exchange(standin, wechat) == NUMBER
    wechat_clock.advance(seconds=100)
    standin.fail_next(Fault(path=TOKEN, errcode=45009))
    with pytest.raises(WeChatThrottled):
        await release_and_exchange(standin, wechat)


async def workers(
    stack: AsyncExitStack, standin: StandIn, database: Database, vault: Vault, wechat_clock: SettableClock
) -> list[WeChatClient]:
    """Clients that share nothing but the database, as processes do."""
    url = database.engine.url.render_as_string(hide_password=False)
    clients = []
    for _ in range(WORKERS):
        own = Database(url, pool_size=2)
        stack.push_async_callback(own.close)
        http = await stack.enter_async_context(open_http())
        clients.append(connect(standin, SqlTokenStore(own, vault), http, wechat_clock))
    return clients


@pytest.mark.parametrize("age", [None, 7200 - 299, 7200, 10_000], ids=["none", "ending", "ended", "old"])
async def test_workers_renew_once(
    standin: StandIn, own_database: Database, vault: Vault, wechat_clock: SettableClock, age: int | None
) -> None:
    async with AsyncExitStack() as stack:
        clients = await workers(stack, standin, own_database, vault, wechat_clock)
        if age is not None:
            await clients[0].check_credentials()
            wechat_clock.advance(seconds=age)
        before = len(standin.calls(TOKEN))
        standin.fail_next(Fault(path=TOKEN, delay_seconds=0.2))
        numbers = await asyncio.gather(
            *(release_and_exchange(standin, client, f"user {n}") for n, client in enumerate(clients))
        )
    assert numbers == [NUMBER] * WORKERS
    assert len(standin.calls(TOKEN)) - before == 1
    assert forced(standin) == 0


async def test_workers_with_a_superseded_token_renew_once(
    standin: StandIn, own_database: Database, vault: Vault, wechat_clock: SettableClock
) -> None:
    async with AsyncExitStack() as stack:
        clients = await workers(stack, standin, own_database, vault, wechat_clock)
        await clients[0].check_credentials()
        await asyncio.to_thread(force_elsewhere, standin)
        numbers = await asyncio.gather(
            *(release_and_exchange(standin, client, f"user {n}") for n, client in enumerate(clients))
        )
    assert numbers == [NUMBER] * WORKERS
    assert len(standin.calls(TOKEN)) == 3  # the first, the one elsewhere, and one for all workers
    assert len(standin.calls(PHONE)) <= 2 * WORKERS
    assert forced(standin) == 1


async def test_one_process_renews_once_for_all_its_requests(
    standin: StandIn,
    own_database: Database,
    vault: Vault,
    http: httpx.AsyncClient,
    wechat_clock: SettableClock,
) -> None:
    wechat = connect(standin, SqlTokenStore(own_database, vault), http, wechat_clock)
    await asyncio.gather(*(wechat.check_credentials() for _ in range(50)))
    assert len(standin.calls(TOKEN)) == 1


async def test_call_with_an_old_token_succeeds_after_one_retry(
    standin: StandIn, wechat: WeChatClient
) -> None:
    await wechat.check_credentials()
    force_elsewhere(standin)
    assert await release_and_exchange(standin, wechat) == NUMBER
    assert [call["errcode"] for call in standin.calls(PHONE)] == [40001, 0]
    assert forced(standin) == 1  # only the one elsewhere


async def test_token_that_ended_early_is_replaced(standin: StandIn, wechat: WeChatClient) -> None:
    await wechat.check_credentials()
    standin.advance(7200)
    assert await release_and_exchange(standin, wechat) == NUMBER
    assert [call["errcode"] for call in standin.calls(PHONE)] == [42001, 0]
    assert forced(standin) == 0


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_token_that_wechat_insists_on_is_renewed_by_force(
    standin: StandIn, wechat: WeChatClient, errcode: int
) -> None:
    await wechat.check_credentials()
    standin.fail_next(Fault(path=PHONE, errcode=errcode))
    assert await release_and_exchange(standin, wechat) == NUMBER
    assert [call["body"]["force_refresh"] for call in standin.calls(TOKEN)] == [False, False, True]


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_retry_never_exceeds_one(standin: StandIn, wechat: WeChatClient, errcode: int) -> None:
    standin.fail_next(Fault(path=PHONE, errcode=errcode, times=10))
    with pytest.raises(WeChatTokenRejected) as caught:
        await release_and_exchange(standin, wechat)
    assert caught.value.status == 503
    assert len(standin.calls(PHONE)) == 2
    assert forced(standin) == 1


async def test_forced_renewals_keep_their_distance(
    standin: StandIn, wechat: WeChatClient, wechat_clock: SettableClock
) -> None:
    standin.fail_next(Fault(path=PHONE, errcode=40001, times=100))
    for _ in range(3):
        with pytest.raises(WeChatTokenRejected):
            await release_and_exchange(standin, wechat)
    assert forced(standin) == 1
    wechat_clock.advance(seconds=30)
    with pytest.raises(WeChatTokenRejected):
        await release_and_exchange(standin, wechat)
    assert forced(standin) == 2


ACCOUNT = Account("http://wechat.test", "wx1")


async def test_forced_renewals_have_a_daily_budget(store: SqlTokenStore) -> None:
    now = datetime(2026, 5, 11, 14, 0, tzinfo=UTC)  # 22:00 in Beijing
    await store.take_lease(ACCOUNT, new_id(), now=now, until=now)
    spent = [
        await store.spend_forced_renewal(ACCOUNT, now=now + n * timedelta(seconds=30)) for n in range(25)
    ]
    assert spent == [True] * FORCED_A_DAY + [False] * (25 - FORCED_A_DAY)
    midnight = datetime(2026, 5, 11, 16, 0, tzinfo=UTC)
    assert not await store.spend_forced_renewal(ACCOUNT, now=midnight - timedelta(seconds=1))
    assert await store.spend_forced_renewal(ACCOUNT, now=midnight)


async def test_lease_is_held_by_one_until_it_ends(store: SqlTokenStore, wechat_clock: SettableClock) -> None:
    first, second = new_id(), new_id()
    until = wechat_clock() + timedelta(seconds=15)
    assert await store.take_lease(ACCOUNT, first, now=wechat_clock(), until=until) == 0
    assert await store.take_lease(ACCOUNT, second, now=wechat_clock(), until=until) is None
    await store.end_lease(ACCOUNT, second)
    assert await store.take_lease(ACCOUNT, second, now=wechat_clock(), until=until) is None
    await store.end_lease(ACCOUNT, first)
    assert await store.take_lease(ACCOUNT, second, now=wechat_clock(), until=until) == 0


async def test_late_reply_does_not_overwrite_a_newer_token(
    store: SqlTokenStore, wechat_clock: SettableClock
) -> None:
    slow, quick = new_id(), new_id()
    begun = await store.take_lease(
        ACCOUNT, slow, now=wechat_clock(), until=wechat_clock() + timedelta(seconds=15)
    )
    assert begun == 0
    wechat_clock.advance(seconds=15)
    await store.take_lease(ACCOUNT, quick, now=wechat_clock(), until=wechat_clock() + timedelta(seconds=15))
    ends = wechat_clock() + timedelta(hours=2)
    assert await store.swap(ACCOUNT, quick, SharedToken("newer", ends, 1))
    assert not await store.swap(ACCOUNT, slow, SharedToken("older", ends, 1))
    assert not await store.swap(ACCOUNT, slow, SharedToken("older", ends, 2))
    assert await store.load(ACCOUNT) == SharedToken("newer", ends, 1)


async def test_dead_owner_holds_up_the_others_only_until_its_lease_ends(
    standin: StandIn, wechat: WeChatClient, store: SqlTokenStore, wechat_clock: SettableClock
) -> None:
    account = Account(standin.base_url, standin.appid)
    await store.take_lease(
        account, new_id(), now=wechat_clock(), until=wechat_clock() + timedelta(seconds=15)
    )
    waiting = asyncio.ensure_future(wechat.check_credentials())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    wechat_clock.advance(seconds=15)
    await waiting
    assert len(standin.calls(TOKEN)) == 1


async def test_token_rests_sealed(
    standin: StandIn, wechat: WeChatClient, store: SqlTokenStore, database: Database
) -> None:
    await wechat.check_credentials()
    token = await store.load(Account(standin.base_url, standin.appid))
    assert token is not None
    assert len(token.value) == 512
    async with database.session(write=False) as session:
        row = (await session.scalars(select(WeChatAccessToken))).one()
    assert row.sealed_token is not None
    assert token.value.encode() not in row.sealed_token
    assert token.value not in repr(token)
    other = SqlTokenStore(database, Vault({2: b"n" * 32}, b"i" * 32))
    assert await other.load(Account(standin.base_url, standin.appid)) is None
