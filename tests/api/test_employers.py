"""Employers through the API: who keeps them, who sees them, and what one may be only once."""

import asyncio
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.errors import Problem
from app.models.accounts import AccountKind, Role
from app.models.audit import AuditRecord
from app.models.employers import Employer, EmployerKind
from app.runtime import Runtime
from app.services.employers.codes import check_character
from app.services.employers.errors import EmployerEnded, EmployerNameTaken, UnknownEmployer
from app.services.employers.register import create_employer, require_employer
from app.work import Actor, Work, begin_work
from tests.factories.accounts import EVERYWHERE, signed_in, within_area
from tests.factories.employers import make_employer
from tests.factories.work import seeding

CREDIT_CODE = f"91500104MA5ABCD0X{check_character('91500104MA5ABCD0X')}"
"""Of an organisation that nobody registered."""


@pytest.fixture
async def registrar(runtime: Runtime) -> dict[str, str]:
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])


@pytest.fixture
async def courier(runtime: Runtime) -> dict[str, str]:
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.wechat, grants=())


async def test_a_registrar_adds_an_employer_that_every_courier_can_pick(
    client: httpx.AsyncClient, runtime: Runtime, registrar: dict[str, str], courier: dict[str, str]
) -> None:
    body = {"name": "渝快达", "kind": "partner", "credit_code": f" {CREDIT_CODE.lower()} "}
    reply = await client.post("/v1/employers", json=body, headers=registrar)
    assert reply.status_code == 201, reply.text
    added = reply.json()
    assert (added["name"], added["kind"], added["credit_code"]) == ("渝快达", "partner", CREDIT_CODE)
    assert (added["created_at"], added["ended_at"]) == ("2026-05-11T04:00:00.000000Z", None)
    assert (await client.get(reply.headers["location"], headers=courier)).json() == added
    assert (await client.get("/v1/employers", headers=courier)).json()["items"] == [added]
    async with seeding(runtime) as work:
        record = await work.session.scalar(select(AuditRecord).where(AuditRecord.subject_id == added["id"]))
    assert record is not None
    assert (record.action, record.actor) == ("employers.created", "staff")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"name": "先到"}, 409, "employer_name_taken"),
        ({"credit_code": CREDIT_CODE}, 409, "credit_code_taken"),
        ({"credit_code": CREDIT_CODE[:-1] + "I"}, 422, "invalid_credit_code"),
        ({"credit_code": CREDIT_CODE[:-1]}, 422, "invalid_credit_code"),
        ({"kind": "school"}, 422, "malformed_request"),
        ({"name": "  "}, 422, "malformed_request"),
        ({"name": "坏\u0000名"}, 422, "malformed_request"),
        ({"id": "1"}, 422, "malformed_request"),
    ],
)
async def test_an_employer_that_cannot_be(
    client: httpx.AsyncClient,
    runtime: Runtime,
    registrar: dict[str, str],
    *,
    changed: dict[str, str],
    status: int,
    code: str,
) -> None:
    async with seeding(runtime) as work:
        await make_employer(work, name="先到", credit_code=CREDIT_CODE)
    body = {"name": "后来", "kind": "platform", **changed}
    reply = await client.post("/v1/employers", json=body, headers=registrar)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert len((await client.get("/v1/employers", headers=registrar)).json()["items"]) == 1


async def test_an_employer_is_changed_ended_and_brought_back(
    client: httpx.AsyncClient, runtime: Runtime, registrar: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="渝快达")
    path = f"/v1/employers/{employer.id}"
    changed = await client.patch(
        path, json={"reason": "更名", "name": "渝快达物流", "kind": "courier_company"}, headers=registrar
    )
    assert (changed.json()["name"], changed.json()["kind"]) == ("渝快达物流", "courier_company")
    ended = await client.patch(path, json={"reason": "停业", "ended": True}, headers=registrar)
    assert ended.json()["ended_at"] == "2026-05-11T04:00:00.000000Z"
    assert (await client.get("/v1/employers", headers=registrar)).json()["items"] == []
    assert (await client.get("/v1/employers?ended=true", headers=registrar)).json()["items"] == [ended.json()]
    async with seeding(runtime) as work:
        with pytest.raises(EmployerEnded):
            await require_employer(work, employer_id=employer.id)
    back = await client.patch(path, json={"reason": "误操作", "ended": False}, headers=registrar)
    assert back.json()["ended_at"] is None
    async with seeding(runtime) as work:
        reasons = await work.session.scalars(
            select(AuditRecord.reason)
            .where(AuditRecord.action == "employers.changed")
            .order_by(AuditRecord.id)
        )
        assert list(reasons) == ["更名", "停业", "误操作"]
        with pytest.raises(UnknownEmployer):
            await require_employer(work, employer_id=uuid4())


async def test_a_change_that_changes_nothing_leaves_no_record(
    client: httpx.AsyncClient, runtime: Runtime, registrar: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="渝快达")
    body = {"reason": "核对", "name": "渝快达", "ended": False}
    reply = await client.patch(f"/v1/employers/{employer.id}", json=body, headers=registrar)
    assert reply.status_code == 200
    async with seeding(runtime) as work:
        query = select(func.count()).where(AuditRecord.action == "employers.changed")
        assert await work.session.scalar(query) == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"name": "先到"}, "employer_name_taken"), ({"credit_code": CREDIT_CODE}, "credit_code_taken")],
)
async def test_a_change_cannot_take_what_another_has(
    client: httpx.AsyncClient,
    runtime: Runtime,
    registrar: dict[str, str],
    changed: dict[str, str],
    code: str,
) -> None:
    async with seeding(runtime) as work:
        await make_employer(work, name="先到", credit_code=CREDIT_CODE)
        employer = await make_employer(work, name="后来")
    path = f"/v1/employers/{employer.id}"
    reply = await client.patch(path, json={"reason": "试", **changed}, headers=registrar)
    assert (reply.status_code, reply.json()["code"]) == (409, code)
    unchanged = (await client.get(path, headers=registrar)).json()
    assert (unchanged["name"], unchanged["credit_code"]) == ("后来", None)


async def test_only_registrars_keep_employers(
    client: httpx.AsyncClient, runtime: Runtime, registrar: dict[str, str], courier: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        employer = await make_employer(work, name="渝快达")
        district = await signed_in(
            work, kind=AccountKind.staff, grants=[(Role.registrar, within_area("500104"))]
        )
    new, change = {"name": "新", "kind": "platform"}, {"reason": "停业", "ended": True}
    for headers, statuses in ((courier, (403, 403)), (district, (201, 403)), ({}, (401, 401))):
        created = await client.post("/v1/employers", json=new, headers=headers)
        ended = await client.patch(f"/v1/employers/{employer.id}", json=change, headers=headers)
        assert (created.status_code, ended.status_code) == statuses
    absent = await client.patch(f"/v1/employers/{uuid4()}", json=change, headers=registrar)
    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")


async def test_a_list_comes_in_pages(
    client: httpx.AsyncClient, runtime: Runtime, courier: dict[str, str]
) -> None:
    async with seeding(runtime) as work:
        names = [(await make_employer(work, name=f"单位{number}")).name for number in range(5)]
    seen: list[str] = []
    cursor = ""
    for expected in (2, 2, 1):
        page = (await client.get(f"/v1/employers?limit=2{cursor}", headers=courier)).json()
        assert len(page["items"]) == expected
        seen += [employer["name"] for employer in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["next_cursor"]) == (names, None)
    assert (await client.get("/v1/employers?cursor=nonsense", headers=courier)).status_code == 422


async def test_of_fifty_at_once_one_gets_the_name(runtime: Runtime, own_database: Database) -> None:
    async def attempt() -> Employer | Problem:
        actor = Actor.command("test")
        try:
            async with begin_work(own_database, runtime.deployment, now=runtime.clock(), actor=actor) as work:
                return await create_employer(work, name="渝快达", kind=EmployerKind.platform)
        except Problem as problem:
            return problem

    results = await asyncio.gather(*(attempt() for _ in range(50)))
    assert sum(isinstance(result, Employer) for result in results) == 1
    assert sum(isinstance(result, EmployerNameTaken) for result in results) == 49


async def test_a_refused_employer_leaves_the_rest_of_the_work_alone(work: Work) -> None:
    await make_employer(work, name="先到")
    with pytest.raises(EmployerNameTaken):
        await make_employer(work, name="先到")
    await make_employer(work, name="后来")
    assert await work.session.scalar(select(func.count()).select_from(Employer)) == 2
