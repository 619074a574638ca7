"""Blocks through the API: made of an entry, ended, appealed against, decided, and only one at a time."""

from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event

from app.models.accounts import AccountKind, Role
from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.accounts import make_account, sign_in, signed_in, within_area
from tests.factories.areas import SHAPINGBA, make_area
from tests.factories.blocks import IN_A_MONTH, Headers, blocked, blocks_of, enter, holds, kept, manage, naming
from tests.factories.couriers import staff
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
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


async def test_a_manager_blocks_by_an_entry_and_sees_no_more_than_the_guard_did(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    reply = await client.post(blocks_of(gate), json=naming(entry), headers=manager)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made == {
        "id": made["id"],
        "compound_id": str(gate.compound_id),
        "compound": "翠湖苑",
        "reason": "多次在楼道内骑行",
        "made_at": "2026-05-11T04:00:00.000000Z",
        "until": IN_A_MONTH,
        "lifted_at": None,
        "live": True,
        "appealed_at": None,
        "upheld": None,
        "decided_at": None,
        "decision_reason": None,
        "identity": {"surname": "甄", "employer": "晨光速运", "kind_of_work": "外卖配送", "photo": None},
    }
    assert (await client.get(blocks_of(gate), headers=manager)).json() == {
        "items": [made],
        "next_cursor": None,
    }
    assert await holds(runtime, gate, courier)
    (own,) = (await client.get(OWN, headers=courier.headers)).json()["items"]
    assert own == {name: value for name, value in made.items() if name != "identity"} | {"appeal": None}
    assert await kept(runtime) == (["blocks.made"], ["blocked"])
    again = await client.post(blocks_of(gate), json=naming(entry), headers=manager)
    assert (again.status_code, again.json()["code"]) == (409, "already_blocked")


async def test_a_lifted_block_lets_in_at_once_and_another_may_follow(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    first = await blocked(client, gate, manager, entry)
    for _ in range(2):
        assert (await client.delete(f"{blocks_of(gate)}/{first}", headers=manager)).status_code == 204
    assert not await holds(runtime, gate, courier)
    assert await kept(runtime) == (["blocks.made", "blocks.lifted"], ["blocked", "block_lifted"])
    second = await blocked(client, gate, manager, entry)
    listed = (await client.get(blocks_of(gate), headers=manager)).json()["items"]
    assert [(item["id"], item["live"], item["lifted_at"] is None) for item in listed] == [
        (second, True, True),
        (first, False, False),
    ]
    page = (await client.get(f"{blocks_of(gate)}?limit=1", headers=manager)).json()
    rest = (
        await client.get(f"{blocks_of(gate)}?limit=1&cursor={page['next_cursor']}", headers=manager)
    ).json()
    assert [item["id"] for item in rest["items"]] == [first]


async def test_one_that_ran_out_hinders_no_new_one(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    first = await blocked(client, gate, manager, entry, until="2026-05-11T04:00:10Z")
    clock.advance(seconds=9)
    assert await holds(runtime, gate, courier)
    clock.advance(seconds=1)
    assert not await holds(runtime, gate, courier)
    over = await client.put(f"{OWN}/{first}/appeal", json={"text": "不是我"}, headers=courier.headers)
    assert (over.status_code, over.json()["code"]) == (409, "block_over")
    second = await blocked(client, gate, manager, entry)
    listed = (await client.get(blocks_of(gate), headers=manager)).json()["items"]
    assert [(item["id"], item["live"], item["lifted_at"]) for item in listed] == [
        (second, True, None),
        (first, False, None),
    ]


@pytest.mark.parametrize(
    ("until", "status"),
    [
        ("2026-05-11T04:00:00Z", 409),
        ("2026-05-11T04:00:00.000001Z", 201),
        ("2027-05-11T04:00:00Z", 201),
        ("2027-05-11T04:00:00.000001Z", 409),
        ("9999-12-31T23:59:59Z", 409),
        ("0001-01-01T00:00:00Z", 409),
        (None, 422),
        ("2026-06-10", 422),
    ],
)
async def test_a_block_ends_within_a_year(
    client: httpx.AsyncClient, gate: WorkingGate, manager: Headers, entry: str, until: str | None, status: int
) -> None:
    reply = await client.post(blocks_of(gate), json=naming(entry, until=until), headers=manager)
    assert reply.status_code == status, reply.text
    if status == 409:
        assert reply.json()["code"] == "block_term_unfit"


async def test_only_what_the_list_of_entries_shows_names_somebody(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier, manager: Headers
) -> None:
    elsewhere = await open_gate(runtime, name="映山里")
    (code,) = await mint(client, courier)
    refused = (await client.post("/v1/scans", json=gate.scan("nothing"), headers=gate.guard)).json()
    foreign = await enter(client, elsewhere, courier)
    (code,) = await mint(client, courier)
    annulled = gate.scan(code)
    made = (await client.post("/v1/scans", json=annulled, headers=gate.guard)).json()
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{annulled['scan_id']}/annulment"
    assert (await client.put(path, json={"reason": "扫错"}, headers=gate.guard)).status_code in {200, 201}
    used = gate.scan(code)
    checked = (await client.post("/v1/scans", json=used, headers=gate.guard)).json()
    assert checked["verdict"] == "check"
    answers = [
        await client.post(blocks_of(gate), json=naming(entry), headers=manager)
        for entry in (refused["id"], foreign, made["id"], checked["id"], str(uuid4()))
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in answers} == {(404, "not_found")}
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{used['scan_id']}/outcome"
    assert (await client.put(path, json={"outcome": "let_in"}, headers=gate.guard)).status_code in {200, 201}
    assert (
        await client.post(blocks_of(gate), json=naming(checked["id"]), headers=manager)
    ).status_code == 201


async def test_what_is_not_ones_own_is_not_there(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: Headers,
    entry: str,
) -> None:
    block_id = await blocked(client, gate, manager, entry)
    await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=courier.headers)
    other = await open_gate(runtime, name="映山里")
    stranger = await manage(runtime, other)
    somebody = await bring_courier(runtime, serial=2)
    async with seeding(runtime) as work:
        area = (await make_area(work, code=SHAPINGBA)).path
        far = await signed_in(work, kind=AccountKind.staff, grants=[(Role.reviewer, within_area(area))])
        account = await make_account(work, kind=AccountKind.wechat, grants=())
        profileless = await sign_in(work, account=account)
    answers = [
        await client.get(blocks_of(gate), headers=stranger),
        await client.post(blocks_of(gate), json=naming(entry), headers=stranger),
        await client.delete(f"{blocks_of(gate)}/{block_id}", headers=stranger),
        await client.delete(f"{blocks_of(other)}/{block_id}", headers=stranger),
        await client.delete(f"{blocks_of(gate)}/{uuid4()}", headers=manager),
        await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=somebody.headers),
        await client.put(f"{OWN}/{block_id}/appeal", json={"text": "不是我"}, headers=profileless),
        await client.put(f"{OWN}/{uuid4()}/appeal", json={"text": "不是我"}, headers=courier.headers),
        await client.put(f"{APPEALS}/{block_id}/decision", json=NO, headers=far),
        await client.put(f"{APPEALS}/{uuid4()}/decision", json=NO, headers=far),
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in answers} == {(404, "not_found")}
    for headers in (somebody.headers, profileless):
        assert (await client.get(OWN, headers=headers)).json() == {"items": [], "next_cursor": None}
    assert (await client.get(APPEALS, headers=far)).json()["items"] == []
    assert (await client.get(APPEALS, headers=manager)).status_code == 403
    assert (await client.get(blocks_of(gate), headers=gate.guard)).status_code == 403
    assert await holds(runtime, gate, courier)


async def test_a_page_takes_as_many_statements_as_one_block(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, manager: Headers
) -> None:
    for serial in range(1, 5):
        somebody = await bring_courier(runtime, serial=serial)
        await blocked(client, gate, manager, await enter(client, gate, somebody))
    statements: list[str] = []
    async with runtime.database.session(write=False) as session:
        engine = (await session.connection()).engine

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    counts = []
    for limit in (1, 4):
        statements.clear()
        page = (await client.get(f"{blocks_of(gate)}?limit={limit}", headers=manager)).json()
        assert len(page["items"]) == limit
        counts.append(len(statements))
    assert counts[0] == counts[1] > 0
