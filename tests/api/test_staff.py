"""Staff accounts, their roles, and the people whom staff appoint."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.models.accounts import ADMINISTRATION, AccountKind, Grant, Role
from app.models.audit import AuditRecord
from app.services.accounts.errors import RolesIncompatible
from app.services.accounts.grants import give_role
from app.settings import Secrets, Settings
from app.work import Actor, Deployment, Scope, Work, begin_work
from tests.clocks import SettableClock
from tests.factories.accounts import (
    EVERYWHERE,
    make_account,
    make_staff,
    one_time_password,
    sign_in,
    signed_in,
)

PASSWORD = "seven grey herons wait"
ABSENT = "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"
ALL = {"kind": "everywhere"}


@pytest.fixture
async def admin(work: Work) -> dict[str, str]:
    return await signed_in(work, kind=AccountKind.staff, grants=[(Role.security_admin, EVERYWHERE)])


async def create(
    client: httpx.AsyncClient, admin: dict[str, str], login: str, *roles: Role
) -> httpx.Response:
    body = {"login": login, "roles": [{"role": role.value, "scope": ALL} for role in roles]}
    return await client.post("/v1/staff", json=body, headers=admin)


async def staff_sign_in(
    client: httpx.AsyncClient, login: str, password: str, totp: str | None = None
) -> httpx.Response:
    body = {"login": login, "password": password, "totp": totp, "client": "desk"}
    return await client.post("/v1/sign-ins/staff", json=body)


async def set_password(client: httpx.AsyncClient, secret: str, password: str) -> httpx.Response:
    return await client.post("/v1/staff/passwords", json={"setup_secret": secret, "password": password})


def bearer(reply: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {reply.json()['tokens']['access_token']}"}


async def test_a_registrar_from_creation_to_the_first_act(
    client: httpx.AsyncClient, admin: dict[str, str], clock: SettableClock
) -> None:
    made = await create(client, admin, "wang.min", Role.registrar)
    assert made.status_code == 201
    shown = await client.get(made.headers["location"], headers=admin)
    assert (shown.json()["login"], shown.json()["second_factor"]) == ("wang.min", False)
    assert (await set_password(client, made.json()["setup_secret"], PASSWORD)).status_code == 204

    first = await staff_sign_in(client, "wang.min", PASSWORD)
    assert (first.status_code, first.json()["second_factor_due"]) == (201, True)
    headers = bearer(first)
    other = bearer(await staff_sign_in(client, "wang.min", PASSWORD))
    me = (await client.get("/v1/me", headers=headers)).json()
    assert [(held["role"], held["withheld"]) for held in me["roles"]] == [("registrar", True)]
    employer = {"name": "渝快达", "kind": "platform"}
    assert (await client.post("/v1/employers", json=employer, headers=headers)).status_code == 403

    secret = (await client.post("/v1/me/totp", headers=headers)).json()["secret"]
    wrong = await client.post("/v1/me/totp/confirmation", json={"totp": "000000"}, headers=headers)
    assert wrong.json()["code"] == "second_factor_refused"
    totp = {"totp": one_time_password(secret, clock())}
    assert (await client.post("/v1/me/totp/confirmation", json=totp, headers=headers)).status_code == 204

    assert (await client.get("/v1/me", headers=other)).status_code == 401
    assert (await client.post("/v1/employers", json=employer, headers=headers)).status_code == 201
    assert (await client.post("/v1/me/totp", headers=headers)).json()["code"] == "second_factor_enrolled"

    clock.advance(seconds=30)
    again = await staff_sign_in(client, "wang.min", PASSWORD, one_time_password(secret, clock()))
    assert (again.status_code, again.json()["second_factor_due"]) == (201, False)


@pytest.mark.parametrize(
    "password",
    ["short words", "wang.min likes tea", "my HuiXin password", "惠新码惠新码惠新码惠新码", "121212121212"],
)
async def test_passwords_that_are_guessed_first_are_refused(
    client: httpx.AsyncClient, admin: dict[str, str], password: str
) -> None:
    secret = (await create(client, admin, "wang.min")).json()["setup_secret"]
    refused = await set_password(client, secret, password)
    assert (refused.status_code, refused.json()["code"]) == (409, "password_unfit")
    assert (await set_password(client, secret, PASSWORD)).status_code == 204


async def test_a_setup_secret_is_used_once_and_in_time(
    client: httpx.AsyncClient, admin: dict[str, str], clock: SettableClock
) -> None:
    secret = (await create(client, admin, "wang.min")).json()["setup_secret"]
    assert (await set_password(client, secret, PASSWORD)).status_code == 204
    assert (await set_password(client, secret, PASSWORD)).json()["code"] == "setup_refused"

    late = (await create(client, admin, "li.hua")).json()["setup_secret"]
    clock.advance(hours=72)
    assert (await set_password(client, late, PASSWORD)).json()["code"] == "setup_refused"


async def test_a_changed_password_ends_the_other_sign_ins(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    secret = (await create(client, admin, "wang.min")).json()["setup_secret"]
    await set_password(client, secret, PASSWORD)
    here, there = [bearer(await staff_sign_in(client, "wang.min", PASSWORD)) for _ in range(2)]
    wrong = {"password": "not the old one", "new_password": "nine blue kites rise"}
    refused = await client.put("/v1/me/password", json=wrong, headers=here)
    assert refused.json()["code"] == "sign_in_refused"
    change = wrong | {"password": PASSWORD}
    assert (await client.put("/v1/me/password", json=change, headers=here)).status_code == 204

    assert (await client.get("/v1/me", headers=here)).status_code == 200
    assert (await client.get("/v1/me", headers=there)).status_code == 401
    assert (await staff_sign_in(client, "wang.min", PASSWORD)).status_code == 401
    assert (await staff_sign_in(client, "wang.min", "nine blue kites rise")).status_code == 201


async def test_a_reset_takes_everything_and_lifts_the_lock(
    client: httpx.AsyncClient, admin: dict[str, str], work: Work, clock: SettableClock
) -> None:
    account, secret = await make_staff(
        work, login="wang.min", password=PASSWORD, grants=[(Role.registrar, EVERYWHERE)]
    )
    headers = bearer(await staff_sign_in(client, "wang.min", PASSWORD, one_time_password(secret, clock())))
    for _ in range(5):
        await staff_sign_in(client, "wang.min", "wrong")
    reset = await client.post(f"/v1/staff/{account.id}/reset", json={"reason": "手机遗失"}, headers=admin)
    assert (await client.get("/v1/me", headers=headers)).status_code == 401
    assert (await staff_sign_in(client, "wang.min", PASSWORD)).json()["code"] == "sign_in_refused"
    assert (await set_password(client, reset.json()["setup_secret"], PASSWORD)).status_code == 204
    assert (await staff_sign_in(client, "wang.min", PASSWORD)).json()["second_factor_due"] is True
    record = await work.session.scalar(
        select(AuditRecord).where(AuditRecord.action == "accounts.staff_reset")
    )
    assert record is not None
    assert (record.subject_id, record.reason) == (str(account.id), "手机遗失")


async def test_an_ended_account_is_out_at_once(
    client: httpx.AsyncClient, admin: dict[str, str], work: Work
) -> None:
    account = await make_account(work, kind=AccountKind.staff, grants=())
    headers = await sign_in(work, account=account)
    for status in (204, 404):
        ended = await client.post(f"/v1/staff/{account.id}/end", json={"reason": "离职"}, headers=admin)
        assert ended.status_code == status
    assert (await client.get("/v1/me", headers=headers)).status_code == 401


async def test_any_account_can_be_signed_out_everywhere(
    client: httpx.AsyncClient, admin: dict[str, str], work: Work
) -> None:
    account = await make_account(work, kind=AccountKind.wechat, grants=())
    headers = await sign_in(work, account=account)
    path = f"/v1/accounts/{account.id}/sign-out"
    assert (await client.post(path, json={"reason": "异常"}, headers=admin)).status_code == 204
    assert (await client.get("/v1/me", headers=headers)).status_code == 401


async def test_a_login_is_given_once(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    assert (await create(client, admin, "wang.min")).status_code == 201
    assert (await create(client, admin, "wang.min")).json()["code"] == "login_taken"


async def test_staff_are_listed_page_by_page(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    for number in range(3):
        await create(client, admin, f"staff.{number}")
    first = (await client.get("/v1/staff", params={"limit": 2}, headers=admin)).json()
    assert [item["login"] for item in first["items"]] == ["staff.2", "staff.1"]
    rest = await client.get("/v1/staff", params={"limit": 2, "cursor": first["next_cursor"]}, headers=admin)
    assert rest.json()["items"][0]["login"] == "staff.0"
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize("second", ADMINISTRATION[1:])
async def test_the_administrations_lie_in_different_hands(
    client: httpx.AsyncClient, admin: dict[str, str], second: Role
) -> None:
    both = await create(client, admin, "both.roles", ADMINISTRATION[0], second)
    assert (both.status_code, both.json()["code"]) == (409, "roles_incompatible")
    assert (await client.get("/v1/staff", headers=admin)).json()["items"][0]["login"] != "both.roles"

    one = (await create(client, admin, "one.role", ADMINISTRATION[0])).json()
    body = {"account_id": one["id"], "role": second.value, "scope": ALL}
    refused = await client.post("/v1/grants", json=body, headers=admin)
    assert refused.json()["code"] == "roles_incompatible"

    grants = (await client.get("/v1/grants", headers=admin)).json()["items"]
    held = next(grant for grant in grants if grant["account_id"] == one["id"])
    assert (await client.delete(f"/v1/grants/{held['id']}", headers=admin)).status_code == 204
    assert (await client.delete(f"/v1/grants/{held['id']}", headers=admin)).status_code == 404
    assert (await client.post("/v1/grants", json=body, headers=admin)).status_code == 201


async def test_the_same_grant_again_is_the_same_grant(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    account = (await create(client, admin, "wang.min")).json()
    body = {"account_id": account["id"], "role": "reviewer", "scope": ALL}
    first, again = [await client.post("/v1/grants", json=body, headers=admin) for _ in range(2)]
    assert first.json() == again.json()


@pytest.mark.parametrize(
    ("role", "scope", "status", "code"),
    [
        ("operator", {"kind": "area", "id": "500104"}, 409, "scope_unfit"),
        ("registrar", {"kind": "compound", "id": ABSENT}, 409, "scope_unfit"),
        ("registrar", {"kind": "everywhere", "id": "500104"}, 409, "scope_unfit"),
        ("registrar", {"kind": "area", "id": "999999"}, 404, "not_found"),
        ("registrar", {"kind": "union", "id": "1"}, 409, "scope_unfit"),
        ("guard", {"kind": "compound", "id": ABSENT}, 403, "forbidden"),
        ("emperor", {"kind": "everywhere"}, 422, "malformed_request"),
    ],
)
async def test_roles_are_held_where_they_make_sense(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    role: str,
    scope: dict[str, str],
    status: int,
    code: str,
) -> None:
    account = (await create(client, admin, "wang.min")).json()
    body = {"account_id": account["id"], "role": role, "scope": scope}
    refused = await client.post("/v1/grants", json=body, headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_nobody_gives_a_role_to_themselves(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    me = (await client.get("/v1/me", headers=admin)).json()
    body = {"account_id": me["account_id"], "role": "reviewer", "scope": ALL}
    assert (await client.post("/v1/grants", json=body, headers=admin)).json()["code"] == "own_grant"


async def test_only_security_administrators_keep_staff(client: httpx.AsyncClient, work: Work) -> None:
    registrar = await signed_in(work, kind=AccountKind.staff, grants=[(Role.registrar, EVERYWHERE)])
    for reply in (
        await create(client, registrar, "wang.min"),
        await client.get("/v1/staff", headers=registrar),
        await client.post(f"/v1/staff/{ABSENT}/reset", json={"reason": "x"}, headers=registrar),
        await client.post(
            "/v1/grants", json={"account_id": ABSENT, "role": "reviewer", "scope": ALL}, headers=registrar
        ),
    ):
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_of_fifty_simultaneous_grants_one_administration_role_wins(
    own_database: Database, settings: Settings, secrets: Secrets, clock: SettableClock
) -> None:
    deployment = Deployment.of(settings, secrets)

    def working() -> Any:
        return begin_work(own_database, deployment, now=clock(), actor=Actor.command("test"))

    async with working() as work:
        account = await make_account(work, kind=AccountKind.staff, grants=())

    async def give(number: int) -> Role | None:
        role = ADMINISTRATION[number % 3]
        try:
            async with working() as work:
                await give_role(work, account_id=account.id, role=role, scope=Scope.everywhere())
        except RolesIncompatible:
            return None
        return role

    winners = {role for role in await asyncio.gather(*(give(n) for n in range(50))) if role}
    assert len(winners) == 1
    async with own_database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(Grant)) == 1
