"""Who loses the role or the account is off shift at once, at the gates where it counted and nowhere else."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select

from app.database import Database
from app.errors import NotFound, Unauthenticated
from app.models.accounts import Account, AccountKind, Grant, Role
from app.models.audit import AuditRecord
from app.models.devices import Shift
from app.runtime import Runtime
from app.services.accounts.actors import AccessTokens, load_actor
from app.services.accounts.grants import revoke_grant
from app.services.accounts.sign_ins import end_all_sign_ins, end_sign_in, open_sign_in
from app.services.compounds.sight import SeenCompound
from app.services.devices.shifts import start_shift
from app.services.keys.lifecycle import create_first_key
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import EVERYWHERE, make_account, signed_in, within_compound
from tests.factories.areas import DADUKOU
from tests.factories.compounds import make_compound
from tests.factories.devices import OnShift, device_token, make_device, make_shift
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint
from tests.factories.work import seeding

Headers = dict[str, str]


@pytest.fixture
async def compound(runtime: Runtime) -> SeenCompound:
    async with seeding(runtime) as work:
        await create_first_key(work)
        return await make_compound(work, area=DADUKOU, name="翠湖苑")


@pytest.fixture
async def admin(runtime: Runtime) -> Headers:
    async with seeding(runtime) as work:
        return await signed_in(work, kind=AccountKind.staff, grants=[(Role.security_admin, EVERYWHERE)])


async def on_shift(runtime: Runtime, compound: SeenCompound, *roles: Role) -> OnShift:
    """Somebody with `roles` in the compound, on shift at its first gate."""
    async with seeding(runtime) as work:
        guard = await make_account(
            work,
            kind=AccountKind.staff,
            grants=[(role, within_compound(compound.compound.id)) for role in roles],
        )
        device, enrolment, _ = await make_device(work, gate=compound.gates[0])
        return await make_shift(work, device=device, enrolment=enrolment, gate=compound.gates[0], guard=guard)


async def revoke(
    client: httpx.AsyncClient, runtime: Runtime, guard: Account, role: Role, headers: Headers
) -> None:
    async with seeding(runtime) as work:
        grant_id = await work.session.scalar(
            select(Grant.id).where(Grant.account_id == guard.id, Grant.role == role.value)
        )
    reply = await client.delete(f"/v1/grants/{grant_id}", headers=headers)
    assert reply.status_code == 204, reply.text


async def scan(client: httpx.AsyncClient, runtime: Runtime, stood: OnShift) -> str:
    """The verdict, or the problem, of a courier's fresh code."""
    courier = await bring_courier(runtime, serial=1)
    (code,) = await mint(client, courier)
    body = {
        "scan_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "enrolment_id": str(stood.shift.enrolment_id),
        "code": code,
        "direction": "in",
        "device_time": "2026-05-11T04:00:00Z",
    }
    answer = (await client.post("/v1/scans", json=body, headers=stood.headers)).json()
    told: str = answer.get("verdict") or answer["code"]
    return told


async def causes(runtime: Runtime) -> list[str]:
    async with seeding(runtime) as work:
        details = await work.session.scalars(
            select(AuditRecord.details).where(AuditRecord.action == "shifts.ended")
        )
        return [found["cause"] for found in details if found]


@pytest.mark.parametrize("role", [Role.guard, Role.property_manager])
async def test_without_the_role_nobody_scans(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, admin: Headers, role: Role
) -> None:
    stood = await on_shift(runtime, compound, role)
    await revoke(client, runtime, stood.guard, role, admin)
    assert await scan(client, runtime, stood) == "no_shift"
    assert await causes(runtime) == ["role revoked"]


async def test_who_keeps_a_role_there_stays_on_shift(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, admin: Headers
) -> None:
    stood = await on_shift(runtime, compound, Role.guard, Role.property_manager)
    await revoke(client, runtime, stood.guard, Role.guard, admin)
    assert await scan(client, runtime, stood) == "admit"
    assert await causes(runtime) == []


async def test_a_role_elsewhere_is_not_missed_here(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, admin: Headers
) -> None:
    stood = await on_shift(runtime, compound, Role.guard)
    async with seeding(runtime) as work:
        other = await make_compound(work, area=DADUKOU, name="映山里")
        role = Role.property_manager
        work.session.add(
            Grant(
                id=other.compound.id,
                account_id=stood.guard.id,
                role=role.value,
                scope_kind="compound",
                scope_id=str(other.compound.id),
                granted_at=work.now,
            )
        )
    await revoke(client, runtime, stood.guard, role, admin)
    assert await scan(client, runtime, stood) == "admit"


async def test_an_account_that_ended_is_off_shift(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound, admin: Headers
) -> None:
    stood = await on_shift(runtime, compound, Role.guard)
    ended = await client.post(f"/v1/staff/{stood.guard.id}/end", json={"reason": "离职"}, headers=admin)
    assert ended.status_code == 204
    assert await scan(client, runtime, stood) == "no_shift"
    assert await causes(runtime) == ["account ended"]


@pytest.mark.parametrize("how", ["role revoked", "signed out", "all signed out"])
async def test_no_shift_outlives_what_it_rests_on_that_ends_as_it_begins(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock, how: str
) -> None:
    """Whichever comes first: the shift is ended, or does not begin."""
    now, deployment = clock(), Deployment.of(settings, secrets)
    command = Actor.command("test")
    async with begin_work(own_database, deployment, now=now, actor=command) as work:
        compound = await make_compound(work, area=DADUKOU, name="翠湖苑")
        device, enrolment, _ = await make_device(work, gate=compound.gates[0])
        guard = await make_account(
            work, kind=AccountKind.wechat, grants=[(Role.guard, within_compound(compound.compound.id))]
        )
        token = await device_token(work, device=device)
        tokens = AccessTokens(deployment.secrets, issuer=work.settings.issuer)
        signed = await open_sign_in(work, account=guard, client="scanner")
        claims = tokens.read(signed.access_token, lambda: now)
        grant_id = await work.session.scalar(select(Grant.id).where(Grant.account_id == guard.id))
    assert grant_id is not None

    async def begin() -> None:
        async with begin_work(own_database, deployment, now=now, actor=command) as work:
            await start_shift(
                replace(work, actor=await load_actor(work.session, claims)),
                enrolment_id=enrolment.id,
                device_token=token,
                tokens=tokens,
            )

    async def take_away() -> None:
        async with begin_work(own_database, deployment, now=now, actor=command) as work:
            match how:
                case "role revoked":
                    await revoke_grant(work, grant_id=grant_id)
                case "signed out":
                    own = replace(work, actor=await load_actor(work.session, claims))
                    await end_sign_in(own, sign_in_id=None)
                case _:
                    await end_all_sign_ins(work, account_id=guard.id, reason="reset")

    results = await asyncio.gather(begin(), take_away(), return_exceptions=True)
    assert results[1] is None
    assert results[0] is None or isinstance(results[0], NotFound | Unauthenticated)
    async with begin_work(own_database, deployment, now=now, actor=command) as work:
        assert list(await work.session.scalars(select(Shift.id).where(Shift.ended_at.is_(None)))) == []


async def test_who_signs_out_is_off_shift(
    client: httpx.AsyncClient, runtime: Runtime, compound: SeenCompound
) -> None:
    """What the device then scans is nobody's."""
    guard = await on_shift(runtime, compound, Role.guard)
    assert (await client.delete("/v1/sign-ins/current", headers=guard.headers)).status_code == 204
    async with runtime.database.session(write=False) as session:
        shift = (await session.scalars(select(Shift))).one()
    assert shift.ended_at == runtime.clock()


async def test_an_identity_is_not_shown_again_to_who_is_not_on_shift_any_more(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    shown = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert shown["identity"]["surname"] == "甄"
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()["identity"] is not None
    assert (await client.delete("/v1/shifts/current", headers=gate.guard)).status_code == 204
    again = await client.post("/v1/scans", json=body, headers=gate.guard)
    assert again.json() == shown | {"identity": None, "repeated": True}
