"""Registrars and property managers appoint their people by invitation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx

from app.database import Database
from app.models.accounts import AccountKind, Role, ScopeKind
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.invitations import create_invitation, redeem_invitation
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, Scope, Work, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import (
    EVERYWHERE,
    make_account,
    sign_in,
    signed_in,
    within_area,
    within_compound,
)
from tests.factories.areas import DADUKOU, SHAPINGBA
from tests.factories.compounds import make_compound
from tests.factories.employers import make_employer

ABSENT = "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"
ALL = {"kind": "everywhere"}


async def test_from_registrar_to_property_manager_to_guard(client: httpx.AsyncClient, work: Work) -> None:
    seen = await make_compound(work, area=DADUKOU, name="翠湖花园")
    registrar = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, within_area(DADUKOU))])
    manager, guard, other = [await signed_in(work, kind=AccountKind.wechat, grants=()) for _ in range(3)]
    scope = {"kind": "compound", "id": str(seen.compound.id)}

    offer = await invite(client, registrar, "property_manager", scope)
    assert offer.status_code == 201
    grant = await redeem(client, manager, offer.json()["secret"])
    assert (grant.status_code, grant.json()["role"]) == (201, "property_manager")
    assert (await redeem(client, other, offer.json()["secret"])).json()["code"] == "invitation_unusable"

    offer = await invite(client, manager, "guard", scope)
    given = (await redeem(client, guard, offer.json()["secret"])).json()
    assert given["scope"] == scope
    mine = (await client.get("/v1/grants", headers=manager)).json()["items"]
    assert [item["id"] for item in mine] == [given["id"]]
    theirs = (await client.get("/v1/grants", headers=registrar)).json()["items"]
    assert [item["role"] for item in theirs] == ["property_manager"]
    assert (await client.get("/v1/grants", headers=guard)).status_code == 403
    assert (await client.delete(f"/v1/grants/{given['id']}", headers=registrar)).status_code == 404
    assert (await client.delete(f"/v1/grants/{given['id']}", headers=manager)).status_code == 204
    assert (await client.get("/v1/me", headers=guard)).json()["roles"] == []


async def invite(
    client: httpx.AsyncClient, headers: dict[str, str], role: str, scope: dict[str, str]
) -> httpx.Response:
    return await client.post("/v1/invitations", json={"role": role, "scope": scope}, headers=headers)


async def redeem(client: httpx.AsyncClient, headers: dict[str, str], secret: str) -> httpx.Response:
    return await client.post("/v1/invitations/redemptions", json={"secret": secret}, headers=headers)


async def test_nobody_invites_beyond_their_reach(client: httpx.AsyncClient, work: Work) -> None:
    seen = await make_compound(work, area=SHAPINGBA, name="嘉陵新城")
    own = await make_compound(work, area=DADUKOU, name="翠湖花园")
    employer = await make_employer(work, name="渝快达")
    registrar = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, within_area(DADUKOU))])
    manager = await signed_in(
        work, kind=AccountKind.wechat, grants=[(Role.property_manager, within_compound(own.compound.id))]
    )

    def at(compound_id: object) -> dict[str, str]:
        return {"kind": "compound", "id": str(compound_id)}

    beyond = [
        await invite(client, registrar, "property_manager", at(seen.compound.id)),
        await invite(client, registrar, "property_manager", at(ABSENT)),
        await invite(client, registrar, "property_manager", at("no id")),
        await invite(client, registrar, "employer_user", {"kind": "employer", "id": str(employer.id)}),
        await invite(client, manager, "guard", at(seen.compound.id)),
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in beyond} == {(404, "not_found")}
    not_theirs = [
        await invite(client, registrar, "guard", at(own.compound.id)),
        await invite(client, registrar, "reviewer", ALL),
        await invite(client, manager, "property_manager", at(own.compound.id)),
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in not_theirs} == {(403, "forbidden")}


async def test_a_registrar_of_all_appoints_employer_users(client: httpx.AsyncClient, work: Work) -> None:
    employer = await make_employer(work, name="渝快达")
    registrar = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
    user = await signed_in(work, kind=AccountKind.wechat, grants=())
    offer = await invite(client, registrar, "employer_user", {"kind": "employer", "id": str(employer.id)})
    assert (await redeem(client, user, offer.json()["secret"])).status_code == 201


async def test_an_invitation_ends_by_time_by_its_maker_and_with_its_maker(
    client: httpx.AsyncClient, work: Work, clock: SettableClock
) -> None:
    seen = await make_compound(work, area=DADUKOU, name="翠湖花园")
    scope = {"kind": "compound", "id": str(seen.compound.id)}
    account = await make_account(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
    registrar = await sign_in(work, account=account)
    user = await make_account(work, kind=AccountKind.wechat, grants=())

    withdrawn = (await invite(client, registrar, "property_manager", scope)).json()
    foreign = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
    path = f"/v1/invitations/{withdrawn['invitation']['id']}"
    assert (await client.delete(path, headers=foreign)).status_code == 404
    assert (await client.delete(path, headers=registrar)).status_code == 204
    assert (await client.delete(path, headers=registrar)).status_code == 404

    late = (await invite(client, registrar, "property_manager", scope)).json()
    clock.advance(hours=72)
    later = replace(work, now=clock())
    registrar = await sign_in(later, account=account)
    admin = await signed_in(later, kind=AccountKind.staff, grants=[(Role.security_admin, EVERYWHERE)])
    orphan = (await invite(client, registrar, "property_manager", scope)).json()
    shown = (await client.get("/v1/invitations", headers=registrar)).json()["items"]
    assert [item["id"] for item in shown] == [orphan["invitation"]["id"]]
    reason = {"reason": "离职"}
    assert (await client.post(f"/v1/staff/{account.id}/end", json=reason, headers=admin)).status_code == 204

    headers = await sign_in(later, account=user)
    for offer in (withdrawn, late, orphan):
        reply = await redeem(client, headers, offer["secret"])
        assert (reply.status_code, reply.json()["code"]) == (409, "invitation_unusable")
    assert (await client.get("/v1/me", headers=headers)).json()["roles"] == []


async def test_a_device_accepts_no_role(client: httpx.AsyncClient, work: Work) -> None:
    device = await signed_in(work, kind=AccountKind.device, grants=())
    assert (await redeem(client, device, "x" * 43)).json()["code"] == "forbidden"


async def test_of_fifty_simultaneous_redemptions_one_wins(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    deployment = Deployment.of(settings, secrets)
    async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody()) as work:
        inviter = await make_account(work, kind=AccountKind.staff, grants=())
        inviting = replace(work, actor=Actor("staff", inviter.id))
        _, secret = await create_invitation(
            inviting,
            role=Role.guard,
            scope=Scope(ScopeKind.compound, ABSENT),
            lifetime=timedelta(hours=1),
        )

    async def try_once() -> bool:
        try:
            async with begin_work(own_database, deployment, now=clock(), actor=Actor.nobody()) as work:
                await redeem_invitation(work, secret=secret)
        except InvitationUnusable:
            return False
        return True

    assert sum(await asyncio.gather(*(try_once() for _ in range(50)))) == 1
