"""Devices and shifts through the API: enrolment, moving, handover and loss."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update

from app.database import Database
from app.errors import NotFound, Problem
from app.models.accounts import AccountKind, Grant, Role
from app.models.audit import AuditRecord
from app.models.devices import DeviceKind, Enrolment, Shift
from app.runtime import Runtime
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.invitations import create_invitation
from app.services.compounds.register import change_compound, change_gate
from app.services.compounds.sight import SeenCompound
from app.services.devices.enrolment import NewDevice, enrol_device
from app.services.devices.rules import LONGEST_SHIFT
from app.services.devices.shifts import read_current_shift
from app.settings import Settings
from app.work import Actor, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import make_account, signed_in, within_compound
from tests.factories.areas import DADUKOU
from tests.factories.compounds import make_compound
from tests.factories.devices import invite, make_device, make_shift
from tests.factories.settings import make_settings
from tests.factories.work import seeding

Headers = dict[str, str]


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def compound(runtime: Runtime) -> SeenCompound:
    async with seeding(runtime) as work:
        return await make_compound(work, area=DADUKOU, name="翠湖苑", gates=["东门", "西门"])


@pytest.fixture
async def manager(runtime: Runtime, compound: SeenCompound) -> Headers:
    return await of_role(runtime, compound, Role.property_manager)


@pytest.fixture
async def guard(runtime: Runtime, compound: SeenCompound) -> Headers:
    return await of_role(runtime, compound, Role.guard)


async def of_role(runtime: Runtime, compound: SeenCompound, role: Role) -> Headers:
    """The headers of a fresh account with `role` in the compound."""
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.wechat, grants=[(role, within_compound(compound.id))])


async def invited(client: httpx.AsyncClient, gate: UUID, headers: Headers) -> str:
    """The secret of a fresh invitation for a device."""
    reply = await client.post(f"/v1/gates/{gate}/device-invitations", headers=headers)
    assert reply.status_code == 201, reply.text
    secret: str = reply.json()["secret"]
    return secret


async def enrolled(client: httpx.AsyncClient, invitation: str) -> dict[str, Any]:
    """What a device learns at its enrolment."""
    body = {"invitation": invitation, "kind": "phone", "name": "东门手机"}
    reply = await client.post("/v1/devices", json=body)
    assert reply.status_code == 201, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


async def device_signed_in(client: httpx.AsyncClient, device: dict[str, Any]) -> str:
    """The access token of a device."""
    body = {"device_id": device["device_id"], "secret": device["device_secret"], "client": "scanner"}
    reply = await client.post("/v1/sign-ins/device", json=body)
    assert reply.status_code == 201, reply.text
    token: str = reply.json()["access_token"]
    return token


async def start(client: httpx.AsyncClient, enrolment: object, token: str, headers: Headers) -> httpx.Response:
    return await client.post(
        "/v1/shifts", json={"enrolment_id": str(enrolment), "device_token": token}, headers=headers
    )


async def test_a_device_comes_to_a_gate_and_a_guard_takes_it(
    client: httpx.AsyncClient, compound: SeenCompound, manager: Headers, guard: Headers
) -> None:
    gate = compound.gates[0]
    device = await enrolled(client, await invited(client, gate.id, manager))
    enrolment = device["enrolment"]
    assert enrolment["gate"] == {"id": str(gate.id), "name": "东门"}
    assert enrolment["compound"] == {"id": str(compound.id), "name": "翠湖苑"}
    token = await device_signed_in(client, device)
    itself = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/v1/devices/current/enrolment", headers=itself)).json() == enrolment

    started = await start(client, enrolment["id"], token, guard)
    assert started.status_code == 201, started.text
    assert started.json()["ends_at"] == "2026-05-11T20:00:00.000000Z"
    assert (await client.get(started.headers["location"], headers=guard)).json() == started.json()
    assert (await start(client, enrolment["id"], token, guard)).json() == started.json()

    (listed,) = (await client.get(f"/v1/compounds/{compound.id}/devices", headers=manager)).json()["items"]
    assert (listed["id"], listed["gate"]["name"], listed["lost_at"]) == (device["device_id"], "东门", None)
    assert listed["shift"]["id"] == started.json()["id"]

    assert (await client.delete("/v1/shifts/current", headers=guard)).status_code == 204
    assert (await client.delete("/v1/shifts/current", headers=guard)).status_code == 404
    assert (await client.get("/v1/shifts/current", headers=guard)).status_code == 404


async def test_an_invitation_is_used_once_and_in_time(
    client: httpx.AsyncClient, clock: SettableClock, compound: SeenCompound, manager: Headers
) -> None:
    used, late = [await invited(client, compound.gates[0].id, manager) for _ in range(2)]
    await enrolled(client, used)
    clock.advance(hours=72)
    for secret in (used, late, "unknown"):
        reply = await client.post("/v1/devices", json={"invitation": secret, "kind": "phone", "name": "手机"})
        assert (reply.status_code, reply.json()["code"]) == (409, "invitation_unusable")


async def test_an_invitation_to_a_role_is_not_for_devices(runtime: Runtime, compound: SeenCompound) -> None:
    scope = within_compound(compound.id)
    async with seeding(runtime) as work:
        account = await make_account(work, kind=AccountKind.wechat, grants=[(Role.property_manager, scope)])
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor("wechat", account.id)
    ) as work:
        invitation, secret = await create_invitation(work, role=Role.guard, scope=scope)
    with pytest.raises(InvitationUnusable):
        async with seeding(runtime) as work:
            await enrol_device(work, invitation=secret, kind=DeviceKind.phone, name="手机")
    async with seeding(runtime) as work:
        await work.session.refresh(invitation := await work.session.merge(invitation, load=False))
        assert invitation.used_at is None


async def test_an_invitation_is_worth_what_its_inviter_may_still_do(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, manager: Headers
) -> None:
    secret = await invited(client, compound.gates[0].id, manager)
    async with seeding(runtime) as work:
        await work.session.execute(update(Grant).values(revoked_at=work.now))
    body = {"invitation": secret, "kind": "phone", "name": "手机"}
    reply = await client.post("/v1/devices", json=body)
    assert (reply.status_code, reply.json()["code"]) == (409, "invitation_unusable")


async def test_of_fifty_devices_at_once_one_is_enrolled(runtime: Runtime, own_database: Database) -> None:
    def working() -> Any:
        actor = Actor.command("test")
        return begin_work(own_database, runtime.deployment, now=runtime.clock(), actor=actor)

    async with working() as work:
        gate = (await make_compound(work, area=DADUKOU, name="翠湖苑")).gates[0]
        secret = await invite(work, gate=gate)

    async def attempt() -> NewDevice | Problem:
        try:
            async with working() as work:
                return await enrol_device(work, invitation=secret, kind=DeviceKind.handheld, name="手持机")
        except Problem as problem:
            return problem

    results = await asyncio.gather(*(attempt() for _ in range(50)))
    assert sum(isinstance(result, NewDevice) for result in results) == 1
    assert sum(isinstance(result, InvitationUnusable) for result in results) == 49


async def test_a_device_moves_and_leaves_its_old_gate(
    client: httpx.AsyncClient, compound: SeenCompound, manager: Headers, guard: Headers
) -> None:
    old, new = compound.gates
    device = await enrolled(client, await invited(client, old.id, manager))
    token = await device_signed_in(client, device)
    itself = {"Authorization": f"Bearer {token}"}
    await start(client, device["enrolment"]["id"], token, guard)
    body = {"invitation": await invited(client, new.id, manager)}
    assert (
        await client.post("/v1/devices/current/enrolment", json=body, headers=guard)
    ).status_code == 404  # no device
    moved = await client.post("/v1/devices/current/enrolment", json=body, headers=itself)
    assert moved.status_code == 201, moved.text
    assert moved.json()["gate"]["name"] == "西门"
    assert (await client.get(moved.headers["location"], headers=itself)).json() == moved.json()
    assert (await client.get("/v1/shifts/current", headers=guard)).status_code == 404
    refused = await start(client, device["enrolment"]["id"], token, guard)
    assert (refused.status_code, refused.json()["code"]) == (409, "enrolment_closed")
    assert (await start(client, moved.json()["id"], token, guard)).status_code == 201
    (listed,) = (await client.get(f"/v1/compounds/{compound.id}/devices", headers=manager)).json()["items"]
    assert (listed["gate"]["name"], listed["enrolment_id"]) == ("西门", moved.json()["id"])


async def test_a_lost_device_is_cut_off_at_once(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, manager: Headers, guard: Headers
) -> None:
    device = await enrolled(client, await invited(client, compound.gates[0].id, manager))
    token = await device_signed_in(client, device)
    itself = {"Authorization": f"Bearer {token}"}
    await start(client, device["enrolment"]["id"], token, guard)
    path, body = f"/v1/devices/{device['device_id']}/loss", {"reason": "被盗"}
    for _ in range(2):
        assert (await client.post(path, json=body, headers=manager)).status_code == 204
    assert (await client.get("/v1/devices/current/enrolment", headers=itself)).status_code == 401
    assert (await client.get("/v1/shifts/current", headers=guard)).status_code == 401
    sign_in_again = await client.post(
        "/v1/sign-ins/device",
        json={"device_id": device["device_id"], "secret": device["device_secret"], "client": "scanner"},
    )
    assert sign_in_again.status_code == 401
    (listed,) = (await client.get(f"/v1/compounds/{compound.id}/devices", headers=manager)).json()["items"]
    assert (listed["lost_at"], listed["shift"]) == ("2026-05-11T04:00:00.000000Z", None)
    async with seeding(runtime) as work:
        assert (await work.session.scalars(select(Enrolment.closed_at))).all() == [work.now]
        assert (await work.session.scalars(select(Shift.ended_at))).all() == [work.now]
        reasons = await work.session.scalars(
            select(AuditRecord.reason).where(AuditRecord.action == "devices.lost")
        )
        assert list(reasons) == ["被盗"]


async def test_what_a_role_does_not_reach_is_not_there(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, guard: Headers
) -> None:
    async with seeding(runtime) as work:
        other = await make_compound(work, area=DADUKOU, name="另一个")
        device, enrolment, _ = await make_device(work, gate=compound.gates[0])
        foreign = await signed_in(
            work,
            kind=AccountKind.wechat,
            grants=[
                (Role.property_manager, within_compound(other.id)),
                (Role.guard, within_compound(other.id)),
            ],
        )
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/v1/gates/{}/device-invitations".replace("{}", str(compound.gates[0].id)), None),
        ("GET", f"/v1/compounds/{compound.id}/devices", None),
        ("POST", f"/v1/devices/{device.id}/loss", {"reason": "试"}),
        ("POST", "/v1/shifts", {"enrolment_id": str(enrolment.id), "device_token": "x"}),
    ]
    for method, path, body in calls:
        there = await client.request(method, path, json=body, headers=foreign)
        absent_path, absent_body = path, body
        for known in (compound.gates[0].id, compound.id, device.id):
            absent_path = absent_path.replace(str(known), str(uuid4()))
        if body and "enrolment_id" in body:
            absent_body = body | {"enrolment_id": str(uuid4())}
        absent = await client.request(method, absent_path, json=absent_body, headers=foreign)
        assert there.status_code == absent.status_code == 404, path
        assert there.json()["detail"] == absent.json()["detail"]
        if path != "/v1/shifts":
            assert (await client.request(method, path, json=body, headers=guard)).status_code == 403
        assert (await client.request(method, path, json=body)).status_code == 401


async def test_only_the_enrolled_phone_takes_a_shift(
    client: httpx.AsyncClient, compound: SeenCompound, manager: Headers, guard: Headers
) -> None:
    mine, other = [await enrolled(client, await invited(client, gate.id, manager)) for gate in compound.gates]
    token = await device_signed_in(client, mine)
    of_guard = guard["Authorization"].removeprefix("Bearer ")
    for wrong in (await device_signed_in(client, other), of_guard, token[:-1], "x"):
        reply = await start(client, mine["enrolment"]["id"], wrong, guard)
        assert (reply.status_code, reply.json()["code"]) == (403, "device_not_proven")
    assert (await start(client, mine["enrolment"]["id"], token, guard)).status_code == 201


@pytest.mark.parametrize(("what", "code"), [("gate", "gate_closed"), ("compound", "compound_closed")])
async def test_nothing_begins_where_it_is_closed(
    client: httpx.AsyncClient,
    runtime: Runtime,
    compound: SeenCompound,
    manager: Headers,
    guard: Headers,
    *,
    what: str,
    code: str,
) -> None:
    gate = compound.gates[0]
    device = await enrolled(client, await invited(client, gate.id, manager))
    token = await device_signed_in(client, device)
    waiting = await invited(client, gate.id, manager)
    async with seeding(runtime) as work:
        if what == "gate":
            await change_gate(work, gate_id=gate.id, reason="改造", closed=True)
        else:
            await change_compound(work, compound_id=compound.id, reason="改造", closed=True)
    for reply in (
        await start(client, device["enrolment"]["id"], token, guard),
        await client.post(f"/v1/gates/{gate.id}/device-invitations", headers=manager),
        await client.post("/v1/devices", json={"invitation": waiting, "kind": "phone", "name": "手机"}),
    ):
        assert (reply.status_code, reply.json()["code"]) == (409, code)
    async with seeding(runtime) as work:
        if what == "gate":
            await change_gate(work, gate_id=gate.id, reason="完工", closed=False)
        else:
            await change_compound(work, compound_id=compound.id, reason="完工", closed=False)
    assert (await start(client, device["enrolment"]["id"], token, guard)).status_code == 201
    await enrolled(client, waiting)


async def test_the_next_guard_relieves_the_last_one(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, compound: SeenCompound
) -> None:
    async with seeding(runtime) as work:
        device, enrolment, _ = await make_device(work, gate=compound.gates[0])
        first = await make_shift(work, device=device, enrolment=enrolment, gate=compound.gates[0])
    clock.advance(minutes=45)
    async with seeding(runtime) as work:
        second = await make_shift(work, device=device, enrolment=enrolment, gate=compound.gates[0])
        third = await make_shift(
            work, device=device, enrolment=enrolment, gate=compound.gates[0], guard=second.guard
        )
    assert (await client.get("/v1/shifts/current", headers=first.headers)).status_code == 404
    assert (await client.get("/v1/shifts/current", headers=second.headers)).status_code == 404
    assert (await client.get("/v1/shifts/current", headers=third.headers)).status_code == 200
    async with seeding(runtime) as work:
        causes = await work.session.scalars(
            select(AuditRecord.details).where(AuditRecord.action == "shifts.ended").order_by(AuditRecord.id)
        )
        assert list(causes) == [{"cause": "relieved"}, {"cause": "relieved"}]


async def test_a_forgotten_shift_ends_by_itself(
    runtime: Runtime, clock: SettableClock, compound: SeenCompound
) -> None:
    async with seeding(runtime) as work:
        device, enrolment, _ = await make_device(work, gate=compound.gates[0])
        forgotten = await make_shift(work, device=device, enrolment=enrolment, gate=compound.gates[0])
    guard = Actor("wechat", forgotten.guard.id, forgotten.shift.sign_in_id)
    clock.advance(hours=16, seconds=-1)
    async with seeding(runtime) as work:
        current = await read_current_shift(replace(work, actor=guard))
    assert (current.shift.id, current.ends_at) == (forgotten.shift.id, clock() + timedelta(seconds=1))
    clock.advance(seconds=1)
    async with seeding(runtime) as work:
        with pytest.raises(NotFound):
            await read_current_shift(replace(work, actor=guard))
    clock.advance(hours=4)
    async with seeding(runtime) as work:
        await make_shift(work, device=device, enrolment=enrolment, gate=compound.gates[0])
        ended = await work.session.get_one(Shift, forgotten.shift.id)
        assert ended.ended_at == ended.started_at + LONGEST_SHIFT


async def test_of_twenty_guards_at_once_one_is_on_shift(runtime: Runtime, own_database: Database) -> None:
    def working() -> Any:
        actor = Actor.command("test")
        return begin_work(own_database, runtime.deployment, now=runtime.clock(), actor=actor)

    async with working() as work:
        compound = await make_compound(work, area=DADUKOU, name="翠湖苑")
        gate = compound.gates[0]
        device, enrolment, _ = await make_device(work, gate=gate)

    async def attempt() -> None:
        async with working() as work:
            await make_shift(work, device=device, enrolment=enrolment, gate=gate)

    await asyncio.gather(*(attempt() for _ in range(20)))
    async with working() as work:
        ends = (await work.session.scalars(select(Shift.ended_at))).all()
    assert len(ends) == 20
    assert ends.count(None) == 1


async def test_devices_are_listed_in_pages(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, manager: Headers
) -> None:
    async with seeding(runtime) as work:
        ids = [
            str((await make_device(work, gate=gate))[0].id) for gate in (*compound.gates, compound.gates[0])
        ]
    path = f"/v1/compounds/{compound.id}/devices"
    page = (await client.get(f"{path}?limit=2", headers=manager)).json()
    rest = (await client.get(f"{path}?limit=2&cursor={page['next_cursor']}", headers=manager)).json()
    assert [device["id"] for device in page["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None
