"""Appeals against blocks through the API: made once, decided once, and told to whom they concern."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.ids import new_id
from app.main import create_app
from app.models.accounts import Account, Grant, Role, ScopeKind
from app.models.blocks import Block
from app.models.couriers import Person
from app.models.scans import Scan
from app.runtime import Runtime
from app.services.blocks.appeals import decide_appeal
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.areas import make_area
from tests.factories.blocks import (
    Headers,
    block_courier,
    blocked,
    blocks_of,
    enter,
    holds,
    kept,
    manage,
    naming,
)
from tests.factories.couriers import staff
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding

APPEALS = "/v1/block-appeals"
OWN = "/v1/couriers/me/blocks"
YES = {"uphold": True, "reason": "监控显示确系本人"}
NO = {"uphold": False, "reason": "监控显示并非本人"}


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def manager(runtime: Runtime, gate: WorkingGate) -> Headers:
    return await manage(runtime, gate)


@pytest.fixture
async def reviewer(runtime: Runtime) -> Headers:
    return await staff(runtime, Role.reviewer)


@pytest.fixture
async def entry(client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier) -> str:
    return await enter(client, gate, courier)


async def test_an_appeal_that_is_granted_lifts_the_block_and_settles_what_was_before(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    reviewer: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    path = f"{OWN}/{block_id}/appeal"
    for _ in range(2):
        appealed = await client.put(path, json={"text": "当天不是我"}, headers=courier.headers)
        assert (appealed.status_code, appealed.json()["appeal"]) == (200, "当天不是我"), appealed.text
    other = await client.put(path, json={"text": "另有话说"}, headers=courier.headers)
    assert (other.status_code, other.json()["code"]) == (409, "appeal_made")
    assert await holds(runtime, gate, courier)
    (seen,) = (await client.get(blocks_of(gate), headers=manager)).json()["items"]
    assert seen["appealed_at"] is not None
    assert "appeal" not in seen
    (waiting,) = (await client.get(APPEALS, headers=reviewer)).json()["items"]
    assert (waiting["id"], waiting["appeal"], waiting["identity"]["surname"]) == (
        block_id,
        "当天不是我",
        "甄",
    )
    for _ in range(2):
        decided = await client.put(f"{APPEALS}/{block_id}/decision", json=NO, headers=reviewer)
        assert decided.status_code == 200, decided.text
        assert (decided.json()["upheld"], decided.json()["live"]) == (False, False)
    late = await client.put(f"{APPEALS}/{block_id}/decision", json=YES, headers=reviewer)
    assert (late.status_code, late.json()["code"]) == (409, "appeal_decided")
    assert not await holds(runtime, gate, courier)
    assert (await client.get(APPEALS, headers=reviewer)).json()["items"] == []
    assert await kept(runtime) == (
        ["blocks.made", "blocks.appealed", "blocks.appeal_granted"],
        ["blocked", "block_lifted"],
    )
    (own,) = (await client.get(OWN, headers=courier.headers)).json()["items"]
    assert (own["upheld"], own["decision_reason"]) == (False, NO["reason"])
    again = await client.post(blocks_of(gate), json=naming(entry), headers=manager)
    assert (again.status_code, again.json()["code"]) == (409, "block_refuted")
    clock.advance(seconds=1)
    later = await enter(client, gate, courier)
    async with runtime.database.session() as session:
        # As one that a device had made without network and sent only now.
        scan = (await session.scalars(select(Scan).where(Scan.id == UUID(later)))).one()
        happened_at, scan.happened_at = scan.happened_at, scan.happened_at - timedelta(hours=1)
    again = await client.post(blocks_of(gate), json=naming(later), headers=manager)
    assert (again.status_code, again.json()["code"]) == (409, "block_refuted")
    async with runtime.database.session() as session:
        scan = (await session.scalars(select(Scan).where(Scan.id == UUID(later)))).one()
        scan.happened_at = happened_at
    await blocked(client, gate, manager, later)


async def test_an_appeal_that_is_not_granted_leaves_the_block(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    reviewer: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    early = await client.put(f"{APPEALS}/{block_id}/decision", json=YES, headers=reviewer)
    assert (early.status_code, early.json()["code"]) == (409, "no_appeal")
    await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
    decided = await client.put(f"{APPEALS}/{block_id}/decision", json=YES, headers=reviewer)
    assert (decided.status_code, decided.json()["live"]) == (200, True)
    assert await holds(runtime, gate, courier)
    assert (await kept(runtime))[1] == ["blocked", "block_upheld"]
    assert (await client.delete(f"{blocks_of(gate)}/{block_id}", headers=manager)).status_code == 204
    assert not await holds(runtime, gate, courier)


async def test_what_has_ended_meanwhile_is_not_decided(
    client: httpx.AsyncClient,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    reviewer: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
    await client.delete(f"{blocks_of(gate)}/{block_id}", headers=manager)
    assert (await client.get(APPEALS, headers=reviewer)).json()["items"] == []
    late = await client.put(f"{APPEALS}/{block_id}/decision", json=YES, headers=reviewer)
    assert (late.status_code, late.json()["code"]) == (409, "block_over")


async def test_who_lifts_a_block_under_appeal_cannot_make_it_again(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    """Else no appeal would ever come to a decision."""
    block_id = await blocked(client, gate, manager, entry)
    appealed = await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
    assert appealed.status_code == 200, appealed.text
    clock.advance(minutes=1)
    assert (await client.delete(f"{blocks_of(gate)}/{block_id}", headers=manager)).status_code == 204
    clock.advance(minutes=1)
    again = await client.post(blocks_of(gate), json=naming(entry), headers=manager)
    assert (again.status_code, again.json()["code"]) == (409, "block_refuted")
    await blocked(client, gate, manager, await enter(client, gate, courier))


async def test_nobody_decides_about_their_own_block_or_appeal(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
    async with seeding(runtime) as work:
        made_by = await work.session.scalar(select(Block.made_by))
        area = (await make_area(work, code="500104")).path
        work.session.add_all(
            Grant(
                id=new_id(),
                account_id=account_id,
                role=Role.reviewer.value,
                scope_kind=ScopeKind.area.value,
                scope_id=area,
                granted_at=work.now,
            )
            for account_id in (made_by, courier.courier.account_id)
        )
        for account_id in (made_by, courier.courier.account_id):
            account = await work.session.get_one(Account, account_id)
            account.totp_confirmed_at = work.now
    for headers in (manager, courier.headers):
        reply = await client.put(f"{APPEALS}/{block_id}/decision", json=NO, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (409, "own_appeal")


async def test_what_a_courier_says_is_sealed_and_goes_with_the_person(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    reviewer: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    said = "我叫甄试验，电话 19900000001"
    await client.put(f"{OWN}/{block_id}/appeal", json={"text": said}, headers=courier.headers)
    async with runtime.database.session() as session:
        block = await session.get_one(Block, UUID(block_id))
        assert block.appeal_sealed is not None
        assert said.encode() not in block.appeal_sealed
        (await session.get_one(Person, courier.courier.person_id)).wrapped_key = None
    (waiting,) = (await client.get(APPEALS, headers=reviewer)).json()["items"]
    assert (waiting["appeal"], waiting["identity"]) == (None, None)
    assert (await client.get(blocks_of(gate), headers=manager)).json()["items"][0]["identity"] is None


@pytest.fixture
async def racing(own_database: Database, settings: Settings, secrets: Secrets) -> AsyncIterator[Runtime]:
    """A runtime on a database whose transactions are real."""
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    yield runtime
    await runtime.close()


async def test_of_fifty_at_once_one_wins(racing: Runtime) -> None:
    gate = await open_gate(racing, name="翠湖苑")
    courier = await bring_courier(racing, serial=1)
    managers = [await manage(racing, gate) for _ in range(5)]
    reviewers = [await staff(racing, Role.reviewer) for _ in range(5)]
    transport = httpx.ASGITransport(app=create_app(racing), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        entry = await enter(client, gate, courier)
        async with seeding(racing) as work:
            # One that has run out stands in the way of all of them.
            await block_courier(work, gate=gate, entry_id=UUID(entry), term=timedelta(seconds=1))
        racing.clock.advance(seconds=1)  # type: ignore[attr-defined] # a SettableClock
        made = await asyncio.gather(
            *(
                client.post(blocks_of(gate), json=naming(entry), headers=managers[turn % 5])
                for turn in range(50)
            )
        )
        assert sorted(reply.status_code for reply in made) == [201] + [409] * 49
        (block_id,) = [reply.json()["id"] for reply in made if reply.status_code == 201]
        appeals = await asyncio.gather(
            *(
                client.put(
                    f"{OWN}/{block_id}/appeal", json={"text": f"第 {turn} 次"}, headers=courier.headers
                )
                for turn in range(50)
            )
        )
        assert sorted(reply.status_code for reply in appeals) == [200] + [409] * 49
        decisions = await asyncio.gather(
            *(
                client.put(
                    f"{APPEALS}/{block_id}/decision",
                    json={"uphold": bool(turn % 2), "reason": f"第 {turn} 次"},
                    headers=reviewers[turn % 5],
                )
                for turn in range(50)
            )
        )
        assert sorted(reply.status_code for reply in decisions) == [200] + [409] * 49
        (winner,) = [reply.json() for reply in decisions if reply.status_code == 200]
    async with racing.database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Block)) == 2
    assert await holds(racing, gate, courier) is winner["upheld"]
    assert (await kept(racing))[0][:3] == ["blocks.made", "blocks.made", "blocks.appealed"]


async def test_a_block_made_while_an_appeal_is_being_granted_is_refuted(racing: Runtime) -> None:
    gate = await open_gate(racing, name="翠湖苑")
    courier = await bring_courier(racing, serial=1)
    manager = await manage(racing, gate)
    transport = httpx.ASGITransport(app=create_app(racing), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        entry = await enter(client, gate, courier)
        block_id = await blocked(client, gate, manager, entry)
        await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
        async with seeding(racing) as work:
            await decide_appeal(work, block_id=UUID(block_id), uphold=False, reason="查无此事")
            await work.session.flush()
            another = asyncio.create_task(client.post(blocks_of(gate), json=naming(entry), headers=manager))
            await asyncio.sleep(0.5)
        reply = await another
    assert (reply.status_code, reply.json()["code"]) == (409, "block_refuted")
    assert not await holds(racing, gate, courier)
