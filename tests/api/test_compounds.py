"""Compounds and gates through the API: who keeps them, who sees them, and what one may be only once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event, select

from app.database import BoundDatabase, Database
from app.errors import Problem
from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.compounds import Gate
from app.runtime import Runtime
from app.services.compounds.errors import CompoundNameTaken, GateNameTaken
from app.services.compounds.register import NewGate, create_gate
from app.services.compounds.sight import SeenCompound
from app.work import Actor, begin_work
from tests.factories.accounts import EVERYWHERE, signed_in, within_area, within_compound
from tests.factories.areas import DADUKOU, SHAPINGBA, make_area
from tests.factories.compounds import make_compound
from tests.factories.work import seeding

Headers = dict[str, str]

NEW: dict[str, Any] = {
    "area_code": DADUKOU,
    "name": "翠园",
    "kind": "residential",
    "address": "翠园路 1 号",
    "position": {"latitude": 29.4846, "longitude": 106.4823},
    "reference": "DDK-1",
    "gates": [{"name": "东门", "position": {"latitude": 29.4847, "longitude": 106.4829}}, {"name": "西门"}],
}
ADD_GATE = {"name": "北门"}
CLOSE = {"reason": "改造", "closed": True}


@pytest.fixture
async def registrar(runtime: Runtime) -> Headers:
    """The headers of Dadukou's registrar."""
    async with seeding(runtime) as work:
        await make_area(work, code=DADUKOU)
        return await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, within_area(DADUKOU))])


@pytest.fixture
async def compound(runtime: Runtime) -> SeenCompound:
    async with seeding(runtime) as work:
        return await make_compound(work, area=DADUKOU, name="翠湖苑", gates=["东门", "西门"])


@pytest.fixture
async def manager(runtime: Runtime, compound: SeenCompound) -> Headers:
    """The headers of the compound's property manager."""
    async with seeding(runtime) as work:
        grants = [(Role.property_manager, within_compound(compound.id))]
        return await signed_in(work, kind=AccountKind.wechat, grants=grants)


@pytest.fixture
async def courier(runtime: Runtime) -> Headers:
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.wechat, grants=())


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    assert isinstance(database, BoundDatabase)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = database._connection.sync_connection
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def test_a_registrar_adds_a_compound_that_every_courier_finds(
    client: httpx.AsyncClient, registrar: Headers, courier: Headers
) -> None:
    reply = await client.post("/v1/compounds", json=NEW, headers=registrar)
    assert reply.status_code == 201, reply.text
    added = reply.json()
    described = ("name", "kind", "area_code", "address", "reference", "latitude", "longitude", "closed_at")
    assert [added[field] for field in described] == [
        "翠园", "residential", DADUKOU, "翠园路 1 号", "DDK-1", 29.4846, 106.4823, None,
    ]  # fmt: skip
    assert [(gate["name"], gate["latitude"]) for gate in added["gates"]] == [
        ("东门", 29.4847),
        ("西门", None),
    ]
    assert (await client.get(reply.headers["location"], headers=courier)).json() == added
    assert (await client.get("/v1/compounds", headers=courier)).json()["items"] == [added]
    gate = added["gates"][0]
    assert (await client.get(f"/v1/gates/{gate['id']}", headers=courier)).json() == gate


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"name": "翠湖苑"}, 409, "compound_name_taken"),
        ({"area_code": "500199"}, 409, "unknown_area"),
        ({"area_code": SHAPINGBA}, 403, "forbidden"),
        ({"gates": [{"name": "门"}, {"name": "门"}]}, 409, "gate_name_taken"),
        ({"gates": [{"name": str(number)} for number in range(51)]}, 422, "malformed_request"),
        ({"position": {"latitude": 91, "longitude": 0}}, 422, "malformed_request"),
        ({"position": {"latitude": 29}}, 422, "malformed_request"),
        ({"kind": "castle"}, 422, "malformed_request"),
        ({"reference": ""}, 422, "malformed_request"),
    ],
)
async def test_a_compound_that_cannot_be(
    client: httpx.AsyncClient,
    registrar: Headers,
    compound: SeenCompound,
    *,
    changed: dict[str, Any],
    status: int,
    code: str,
) -> None:
    reply = await client.post("/v1/compounds", json=NEW | changed, headers=registrar)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    listed = (await client.get("/v1/compounds", headers=registrar)).json()["items"]
    assert [item["id"] for item in listed] == [str(compound.id)]


async def test_a_reference_names_one_compound(client: httpx.AsyncClient, registrar: Headers) -> None:
    assert (await client.post("/v1/compounds", json=NEW, headers=registrar)).status_code == 201
    reply = await client.post("/v1/compounds", json=NEW | {"name": "另一个"}, headers=registrar)
    assert (reply.status_code, reply.json()["code"]) == (409, "compound_reference_taken")


async def test_a_closed_compound_is_there_for_its_keepers_only(
    client: httpx.AsyncClient, registrar: Headers, manager: Headers, courier: Headers, compound: SeenCompound
) -> None:
    path = f"/v1/compounds/{compound.id}"
    closed = await client.patch(path, json=CLOSE, headers=registrar)
    assert closed.json()["closed_at"] == "2026-05-11T04:00:00.000000Z"
    for keeper in (registrar, manager):
        assert (await client.get(path, headers=keeper)).json() == closed.json()
        assert (await client.get("/v1/compounds", headers=keeper)).json()["items"] == [closed.json()]
    assert (await client.get("/v1/compounds", headers=courier)).json()["items"] == []
    hidden = await client.get(path, headers=courier)
    absent = await client.get(f"/v1/compounds/{uuid4()}", headers=courier)
    hidden_gate = await client.get(f"/v1/gates/{compound.gates[0].id}", headers=courier)
    assert hidden.status_code == absent.status_code == hidden_gate.status_code == 404
    assert without_request(hidden) == without_request(absent) == without_request(hidden_gate)
    refused = await client.post(f"{path}/gates", json=ADD_GATE, headers=manager)
    assert (refused.status_code, refused.json()["code"]) == (409, "compound_closed")
    again = await client.patch(path, json={"reason": "完工", "closed": False}, headers=registrar)
    assert (await client.get(path, headers=courier)).json() == again.json()


async def test_a_closed_gate_is_there_for_its_keepers_only(
    client: httpx.AsyncClient, manager: Headers, courier: Headers, compound: SeenCompound
) -> None:
    path = f"/v1/gates/{compound.gates[0].id}"
    assert (await client.patch(path, json=CLOSE, headers=manager)).status_code == 200
    assert (await client.get(path, headers=manager)).status_code == 200
    assert (await client.get(path, headers=courier)).status_code == 404
    seen = (await client.get(f"/v1/compounds/{compound.id}", headers=courier)).json()
    assert [gate["name"] for gate in seen["gates"]] == ["西门"]


async def test_a_property_manager_keeps_the_gates_of_the_own_compound(
    client: httpx.AsyncClient, runtime: Runtime, manager: Headers, compound: SeenCompound
) -> None:
    gates = f"/v1/compounds/{compound.id}/gates"
    added = await client.post(gates, json=ADD_GATE, headers=manager)
    assert added.status_code == 201, added.text
    path = added.headers["location"]
    assert (await client.get(path, headers=manager)).json() == added.json()
    change = {"reason": "更名", "name": "北大门", "position": {"latitude": 29.5, "longitude": 106.5}}
    changed = (await client.patch(path, json=change, headers=manager)).json()
    assert (changed["name"], changed["latitude"], changed["longitude"]) == ("北大门", 29.5, 106.5)
    for taken in (
        await client.post(gates, json={"name": "东门"}, headers=manager),
        await client.patch(path, json={"reason": "误", "name": "东门"}, headers=manager),
    ):
        assert (taken.status_code, taken.json()["code"]) == (409, "gate_name_taken")
    assert (
        await client.patch(f"/v1/compounds/{compound.id}", json=CLOSE, headers=manager)
    ).status_code == 403
    async with seeding(runtime) as work:
        records = await work.session.execute(
            select(AuditRecord.action, AuditRecord.actor, AuditRecord.reason)
            .where(AuditRecord.subject_id == added.json()["id"])
            .order_by(AuditRecord.id)
        )
    assert [tuple(record) for record in records] == [
        ("gates.created", "wechat", None),
        ("gates.changed", "wechat", "更名"),
    ]


async def test_what_a_role_does_not_reach_is_not_there(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, courier: Headers
) -> None:
    async with seeding(runtime) as work:
        other = await make_compound(work, area=SHAPINGBA, name="另一个")
        elsewhere = await signed_in(
            work,
            kind=AccountKind.staff,
            grants=[
                (Role.registrar, within_area(SHAPINGBA)),
                (Role.property_manager, within_compound(other.id)),
            ],
        )
    calls = [
        ("PATCH", f"/v1/compounds/{compound.id}", CLOSE),
        ("POST", f"/v1/compounds/{compound.id}/gates", ADD_GATE),
        ("PATCH", f"/v1/gates/{compound.gates[0].id}", CLOSE),
    ]
    for method, path, body in calls:
        foreign = await client.request(method, path, json=body, headers=elsewhere)
        of_nobody = path.replace(str(compound.id), str(uuid4()))
        of_nobody = of_nobody.replace(str(compound.gates[0].id), str(uuid4()))
        absent = await client.request(method, of_nobody, json=body, headers=elsewhere)
        assert foreign.status_code == absent.status_code == 404
        assert without_request(foreign) == without_request(absent)
        assert (await client.request(method, path, json=body, headers=courier)).status_code == 403
        assert (await client.request(method, path, json=body)).status_code == 401


async def test_a_compound_moves_only_where_its_registrar_reaches(
    client: httpx.AsyncClient, runtime: Runtime, registrar: Headers, compound: SeenCompound
) -> None:
    async with seeding(runtime) as work:
        everywhere = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
    path, move = f"/v1/compounds/{compound.id}", {"reason": "区划调整", "area_code": SHAPINGBA}
    assert (await client.patch(path, json=move, headers=registrar)).status_code == 403
    assert (await client.patch(path, json=move, headers=everywhere)).json()["area_code"] == SHAPINGBA
    assert (await client.patch(path, json=CLOSE, headers=registrar)).status_code == 404


async def test_lists_keep_to_an_area_and_to_what_is_the_callers(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, manager: Headers, courier: Headers
) -> None:
    async with seeding(runtime) as work:
        await make_compound(work, area=SHAPINGBA, name="另一个")
        guard = await signed_in(
            work, kind=AccountKind.wechat, grants=[(Role.guard, within_compound(compound.id))]
        )
        district = await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.registrar, within_area(SHAPINGBA))]
        )

    async def names(query: str, headers: Headers) -> list[str]:
        reply = await client.get(f"/v1/compounds{query}", headers=headers)
        return [item["name"] for item in reply.json()["items"]]

    assert await names("", courier) == ["翠湖苑", "另一个"]
    assert await names(f"?area={DADUKOU}", courier) == ["翠湖苑"]
    assert await names("?area=50", courier) == ["翠湖苑", "另一个"]
    assert await names("?own=true", courier) == []
    assert await names("?own=true", manager) == await names("?own=true", guard) == ["翠湖苑"]
    assert await names("?own=true", district) == ["另一个"]
    assert (await client.get("/v1/compounds?area=500199", headers=courier)).status_code == 404


async def test_a_list_comes_in_pages_with_statements_that_do_not_grow(
    client: httpx.AsyncClient, runtime: Runtime, courier: Headers
) -> None:
    async with seeding(runtime) as work:
        names = [
            (await make_compound(work, area=DADUKOU, name=f"小区{number}")).compound.name
            for number in range(5)
        ]
    with counted(runtime.database) as one:
        page = (await client.get("/v1/compounds?limit=1", headers=courier)).json()
    with counted(runtime.database) as four:
        rest = (
            await client.get(f"/v1/compounds?limit=4&cursor={page['next_cursor']}", headers=courier)
        ).json()
    assert [item["name"] for item in page["items"] + rest["items"]] == names
    assert rest["next_cursor"] is None
    assert len(one) == len(four)


async def test_of_fifty_at_once_one_gets_the_name(runtime: Runtime, own_database: Database) -> None:
    def working() -> Any:
        return begin_work(own_database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test"))

    async with working() as work:
        await make_area(work, code=DADUKOU)

    async def attempt() -> object:
        try:
            async with working() as work:
                return await make_compound(work, area=DADUKOU, name="翠园")
        except Problem as problem:
            return problem

    results = await asyncio.gather(*(attempt() for _ in range(50)))
    (won,) = (result for result in results if isinstance(result, SeenCompound))
    assert sum(isinstance(result, CompoundNameTaken) for result in results) == 49

    async def attempt_gate() -> object:
        try:
            async with working() as work:
                return await create_gate(work, compound_id=won.id, gate=NewGate("北门"))
        except Problem as problem:
            return problem

    results = await asyncio.gather(*(attempt_gate() for _ in range(50)))
    assert sum(isinstance(result, Gate) for result in results) == 1
    assert sum(isinstance(result, GateNameTaken) for result in results) == 49


def without_request(reply: httpx.Response) -> dict[str, Any]:
    """The problem without what names this very request."""
    return {name: value for name, value in reply.json().items() if name not in {"instance", "request_id"}}
