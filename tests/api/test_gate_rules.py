"""Gate rules through the API: who makes and reads them, what a version may say, and that one change wins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.main import create_app
from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.compounds import Compound
from app.models.gate_rules import GateRules
from app.runtime import Runtime
from app.services.compounds.sight import SeenCompound
from app.settings import Secrets, Settings
from tests.clocks import SettableClock
from tests.conftest import NOON
from tests.factories.accounts import signed_in, within_area, within_compound
from tests.factories.areas import DADUKOU, SHAPINGBA, make_area
from tests.factories.compounds import make_compound
from tests.factories.gate_rules import closure, condition, hours, kinds, vehicles
from tests.factories.work import seeding

Headers = dict[str, str]

CLOSED = closure("2026-05-12T00:00:00+08:00", "2026-05-13T00:00:00+08:00")
CLAUSES = [
    hours("06:00-22:00"),
    hours("22:00-02:00", days=["fri", "holiday"]),
    kinds("food_delivery", "parcel_delivery"),
    vehicles("bicycle", "e_bike"),
    CLOSED,
    condition("步行入内，车停3号车棚", vehicles=["e_bike"]),
]


def change(based_on: int = 0, clauses: list[dict[str, Any]] | None = None, **changed: Any) -> dict[str, Any]:
    """The body of a change."""
    return {
        "based_on": based_on,
        "clauses": CLAUSES if clauses is None else clauses,
        "when_offline": "admit_if_seen",
        "note": "业委会决议",
        **changed,
    }


async def bring(runtime: Runtime, role: Role, compound: SeenCompound | None = None) -> Headers:
    """The headers of a fresh property manager or guard of `compound`, or registrar of Dadukou; committed."""
    async with seeding(runtime) as work:
        scope = within_compound(compound.id) if compound else within_area(DADUKOU)
        kind = AccountKind.wechat if compound else AccountKind.staff
        return await signed_in(work, kind=kind, grants=[(role, scope)])


@pytest.fixture
async def compound(runtime: Runtime) -> SeenCompound:
    async with seeding(runtime) as work:
        return await make_compound(work, area=DADUKOU, name="翠湖苑", gates=["东门", "西门"])


@pytest.fixture
async def other(runtime: Runtime) -> SeenCompound:
    async with seeding(runtime) as work:
        return await make_compound(work, area=SHAPINGBA, name="磁器口")


@pytest.fixture
async def manager(runtime: Runtime, compound: SeenCompound) -> Headers:
    return await bring(runtime, Role.property_manager, compound)


@pytest.fixture
def path(compound: SeenCompound) -> str:
    return f"/v1/compounds/{compound.id}/gate-rules"


async def test_versions_follow_one_another_and_the_last_is_in_force(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, manager: Headers, path: str
) -> None:
    none = (await client.get(path, headers=manager)).json()
    assert none == {
        "id": None,
        "compound_id": str(compound.id),
        "version": 0,
        "clauses": [],
        "when_offline": "admit_and_flag",
        "note": None,
        "made_at": None,
    }
    first = await client.put(path, json=change(), headers=manager)
    assert first.status_code == 200, first.text
    assert first.json()["version"] == 1
    assert first.json()["clauses"] == [
        *CLAUSES[:4],
        CLOSED | {"from": "2026-05-11T16:00:00.000000Z", "until": "2026-05-12T16:00:00.000000Z"},
        CLAUSES[5],
    ]
    gates = [compound.gates[1].id]
    second = await client.put(
        path, json=change(1, [hours("08:00-20:00", gates=tuple(gates))], when_offline="deny"), headers=manager
    )
    assert second.json()["version"] == 2
    assert (await client.get(path, headers=manager)).json() == second.json()
    listed = (await client.get(f"{path}/versions?limit=1", headers=manager)).json()
    assert [item["version"] for item in listed["items"]] == [2]
    rest = (await client.get(f"{path}/versions?cursor={listed['next_cursor']}", headers=manager)).json()
    assert ([item["version"] for item in rest["items"]], rest["next_cursor"]) == ([1], None)
    assert (await client.get(f"{path}/versions/1", headers=manager)).json() == first.json()
    assert (await client.get(f"{path}/versions/3", headers=manager)).status_code == 404
    async with runtime.database.session(write=False) as session:
        stored = await session.get_one(Compound, compound.id)
        assert str(stored.rules_id) == second.json()["id"]
        records = await session.scalars(
            select(AuditRecord.details).where(AuditRecord.action == "gate_rules.changed")
        )
        assert sorted(details["version"] for details in records if details) == [1, 2]


@pytest.mark.parametrize("based_on", [0, 2, 2**31 - 2])
async def test_a_change_of_another_version_than_the_one_in_force_is_refused(
    client: httpx.AsyncClient, manager: Headers, path: str, based_on: int
) -> None:
    await client.put(path, json=change(), headers=manager)
    reply = await client.put(path, json=change(based_on), headers=manager | {"accept-language": "en"})
    assert (reply.status_code, reply.json()["code"]) == (409, "gate_rules_changed")
    assert reply.json()["version"] == 1
    assert "Version 1" in reply.json()["detail"]
    assert (await client.get(path, headers=manager)).json()["version"] == 1


@pytest.mark.parametrize(
    "clauses",
    [
        [{"kind": "curfew", "gates": None}],
        [{"gates": None}],
        [{"kind": "vehicles", "allowed": ["car"]}],
        [vehicles()],
        [vehicles("car", "car")],
        [vehicles("rocket")],
        [kinds("food_delivery") | {"days": ["mon"]}],
        [hours("06:00-22:00", days=[])],
        [hours("06:00-22:00", days=["mon", "mon"])],
        [hours("06:00-22:00", days=["everyday"])],
        [hours("24:00-06:00")],
        [hours("6:00-22:00")],
        [hours("06:00-22:60")],
        [hours("06:00-24:01")],
        [hours("٠٦:٠٠-22:00")],
        [hours(*["06:00-22:00"] * 21)],
        [hours()],
        [hours("06:00-22:00") | {"gates": []}],
        [vehicles("car")] * 51,
        [closure("2026-05-12T00:00:00Z", "2026-05-12T00:00:00Z")],
        [closure("2026-05-12T00:00:00", "2026-05-13T00:00:00Z")],
        [CLOSED | {"why": {"zh": "施工"}}],
        [CLOSED | {"why": {"zh": "", "en": None}}],
        [condition("停" * 201)],
        [condition("停\u202e车")],
        [None],
        None,
        {},
    ],
)
async def test_what_is_no_clause_is_refused(
    client: httpx.AsyncClient, manager: Headers, path: str, clauses: Any
) -> None:
    reply = await client.put(path, json=change() | {"clauses": clauses}, headers=manager)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request"), reply.text
    assert (await client.get(path, headers=manager)).json()["version"] == 0


@pytest.mark.parametrize(
    "changed", [{"based_on": -1}, {"based_on": 2**31}, {"when_offline": "panic"}, {"note": " "}, {"x": 1}]
)
async def test_what_is_no_change_is_refused(
    client: httpx.AsyncClient, manager: Headers, path: str, changed: dict[str, Any]
) -> None:
    assert (await client.put(path, json=change() | changed, headers=manager)).status_code == 422


async def test_a_clause_names_gates_of_its_own_compound_only(
    client: httpx.AsyncClient, compound: SeenCompound, other: SeenCompound, manager: Headers, path: str
) -> None:
    for stranger in (other.gates[0].id, uuid4()):
        clauses = [hours("06:00-22:00"), vehicles("car", gates=(compound.gates[0].id, stranger))]
        reply = await client.put(path, json=change(0, clauses), headers=manager)
        assert (reply.status_code, reply.json()["code"]) == (409, "gate_not_here")
        assert "第 2 条" in reply.json()["detail"]
    assert (await client.get(path, headers=manager)).json()["version"] == 0


async def test_braces_in_a_sentence_are_braces(
    client: httpx.AsyncClient, manager: Headers, path: str
) -> None:
    said = condition("{0} {version} 100%s")
    reply = await client.put(path, json=change(0, [said]), headers=manager)
    assert reply.json()["clauses"] == [said]


async def test_who_makes_and_who_reads(
    client: httpx.AsyncClient,
    runtime: Runtime,
    compound: SeenCompound,
    other: SeenCompound,
    manager: Headers,
    path: str,
) -> None:
    registrar = await bring(runtime, Role.registrar)
    assert (await client.put(path, json=change(), headers=registrar)).status_code == 200
    guard = await bring(runtime, Role.guard, compound)
    assert (await client.get(path, headers=guard)).json()["version"] == 1
    assert (await client.get(f"{path}/versions", headers=guard)).status_code == 403
    assert (await client.put(path, json=change(1), headers=guard)).status_code == 403
    strangers = [
        await bring(runtime, Role.property_manager, other),
        await bring(runtime, Role.guard, other),
    ]
    async with seeding(runtime) as work:
        area = (await make_area(work, code=SHAPINGBA)).path
        grants = [(Role.registrar, within_area(area))]
        strangers.append(await signed_in(work, kind=AccountKind.staff, grants=grants))
        nobody = await signed_in(work, kind=AccountKind.wechat, grants=())
    for headers in strangers:
        assert (await client.get(path, headers=headers)).status_code == 404
        assert (await client.put(path, json=change(1), headers=headers)).status_code in {403, 404}
    assert (await client.get(path, headers=nobody)).status_code == 403
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=manager)).json()["version"] == 1


@pytest.fixture
async def racing(own_database: Database, settings: Settings, secrets: Secrets) -> AsyncIterator[Runtime]:
    """A runtime on a database whose transactions are real."""
    runtime = Runtime.of(settings, secrets, database=own_database, clock=SettableClock(NOON))
    yield runtime
    await runtime.http.aclose()


async def test_of_fifty_changes_at_once_one_wins(racing: Runtime) -> None:
    async with seeding(racing) as work:
        compound = await make_compound(work, area=DADUKOU, name="翠湖苑")
    managers = [await bring(racing, Role.property_manager, compound) for _ in range(5)]
    transport = httpx.ASGITransport(app=create_app(racing), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://huixin.test") as client:
        for based_on in (0, 1):
            replies = await asyncio.gather(
                *(
                    client.put(
                        f"/v1/compounds/{compound.id}/gate-rules",
                        json=change(based_on, note=f"第 {turn} 次"),
                        headers=managers[turn % 5],
                    )
                    for turn in range(50)
                )
            )
            assert sorted(reply.status_code for reply in replies) == [200] + [409] * 49
            refused = [reply.json() for reply in replies if reply.status_code == 409]
            assert {(reply["code"], reply["version"]) for reply in refused} == {
                ("gate_rules_changed", based_on + 1)
            }
            (winner,) = [reply.json() for reply in replies if reply.status_code == 200]
            async with racing.database.session(write=False) as session:
                stored = await session.get_one(Compound, compound.id)
                assert str(stored.rules_id) == winner["id"]
                assert await session.scalar(select(func.count()).select_from(GateRules)) == based_on + 1
