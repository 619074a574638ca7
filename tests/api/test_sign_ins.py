"""Signing in, refreshing and signing out, over the API."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.models.accounts import AccountKind
from app.settings import Environment, Settings
from app.standin.faults import Fault
from app.standin.remote import StandIn
from app.standin.server import run_standin
from app.work import Work
from tests.clocks import SettableClock
from tests.factories.accounts import signed_in
from tests.factories.areas import DADUKOU
from tests.factories.compounds import make_compound
from tests.factories.devices import make_device
from tests.factories.settings import make_settings


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with run_standin(environment=Environment.test) as standin:
        yield standin


@pytest.fixture
def settings(standin: StandIn) -> Settings:
    return make_settings(
        wechat={"base_url": standin.base_url, "appid": standin.appid, "secret": standin.secret}
    )


async def sign_in(client: httpx.AsyncClient, standin: StandIn, user: str) -> dict[str, Any]:
    code = await asyncio.to_thread(standin.login, user)
    reply = await client.post("/v1/sign-ins/wechat", json={"code": code, "client": f"{user}'s phone"})
    assert reply.status_code == 201, reply.text
    tokens: dict[str, Any] = reply.json()
    return tokens


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v1/tokens", json={"refresh_token": token})


async def test_the_same_user_gets_the_same_account(client: httpx.AsyncClient, standin: StandIn) -> None:
    first = await sign_in(client, standin, "Chen")
    again = await sign_in(client, standin, "Chen")
    other = await sign_in(client, standin, "Luo")

    assert first["account_id"] == again["account_id"] != other["account_id"]
    assert first["sign_in_id"] != again["sign_in_id"]
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 600)
    me = (await client.get("/v1/me", headers=bearer(again))).json()
    assert (me["account_id"], me["kind"], me["roles"]) == (first["account_id"], "wechat", [])


async def test_a_code_that_was_used_signs_nobody_in(client: httpx.AsyncClient, standin: StandIn) -> None:
    code = await asyncio.to_thread(standin.login, "Chen")
    body = {"code": code, "client": "phone"}
    assert (await client.post("/v1/sign-ins/wechat", json=body)).status_code == 201
    reply = await client.post("/v1/sign-ins/wechat", json=body)
    assert reply.json()["code"] == "wechat_code_rejected"
    assert 400 <= reply.status_code < 500


async def test_tokens_are_replaced_and_a_lost_reply_is_given_again(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock
) -> None:
    first = await sign_in(client, standin, "Chen")
    second = (await refresh(client, first["refresh_token"])).json()
    assert second["sign_in_id"] == first["sign_in_id"]
    assert second["refresh_token"] != first["refresh_token"]

    clock.advance(seconds=60)
    repeated = (await refresh(client, first["refresh_token"])).json()
    assert repeated["refresh_token"] == second["refresh_token"]
    assert (await client.get("/v1/me", headers=bearer(repeated))).status_code == 200


@pytest.mark.parametrize("seconds", [61, 86_400])
async def test_a_token_used_again_ends_the_family(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock, seconds: int
) -> None:
    first = await sign_in(client, standin, "Chen")
    second = (await refresh(client, first["refresh_token"])).json()
    clock.advance(seconds=seconds)

    reuse = await refresh(client, first["refresh_token"])
    assert (reuse.status_code, reuse.json()["code"]) == (401, "refresh_refused")
    assert (await refresh(client, second["refresh_token"])).status_code == 401
    assert (await client.get("/v1/me", headers=bearer(second))).status_code == 401


async def test_a_token_whose_successor_is_in_use_ends_the_family(
    client: httpx.AsyncClient, standin: StandIn
) -> None:
    first = await sign_in(client, standin, "Chen")
    second = (await refresh(client, first["refresh_token"])).json()
    third = (await refresh(client, second["refresh_token"])).json()

    assert (await refresh(client, first["refresh_token"])).status_code == 401
    assert (await refresh(client, third["refresh_token"])).status_code == 401


async def test_a_sign_in_ends_when_nobody_refreshes_it(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock, settings: Settings
) -> None:
    tokens = await sign_in(client, standin, "Chen")
    clock.advance(days=settings.sign_in_days - 1)
    tokens = (await refresh(client, tokens["refresh_token"])).json()
    clock.advance(days=settings.sign_in_days)
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401


async def test_an_access_token_lasts_its_ten_minutes(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock
) -> None:
    headers = bearer(await sign_in(client, standin, "Chen"))
    clock.advance(seconds=599)
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    clock.advance(seconds=1)
    assert (await client.get("/v1/me", headers=headers)).status_code == 401


async def test_sign_ins_are_listed_and_ended_one_by_one(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock
) -> None:
    lost = await sign_in(client, standin, "Chen")
    clock.advance(minutes=1)
    kept = await sign_in(client, standin, "Chen")

    items = (await client.get("/v1/sign-ins", headers=bearer(kept))).json()["items"]
    assert [(item["id"], item["current"]) for item in items] == [
        (kept["sign_in_id"], True),
        (lost["sign_in_id"], False),
    ]
    ended = await client.delete(f"/v1/sign-ins/{lost['sign_in_id']}", headers=bearer(kept))
    assert ended.status_code == 204
    assert (await client.get("/v1/me", headers=bearer(lost))).status_code == 401
    assert (await refresh(client, lost["refresh_token"])).status_code == 401

    assert (await client.delete("/v1/sign-ins/current", headers=bearer(kept))).status_code == 204
    assert (await client.get("/v1/me", headers=bearer(kept))).status_code == 401


async def test_a_foreign_sign_in_and_an_absent_one_read_the_same(
    client: httpx.AsyncClient, standin: StandIn
) -> None:
    own = await sign_in(client, standin, "Chen")
    foreign = await sign_in(client, standin, "Luo")
    answers = [
        await client.delete(f"/v1/sign-ins/{sign_in_id}", headers=bearer(own))
        for sign_in_id in (foreign["sign_in_id"], "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58")
    ]
    for answer in answers:
        body = answer.json()
        assert (answer.status_code, body["code"]) == (404, "not_found")
        assert body.keys() == answers[0].json().keys()
    assert (await client.get("/v1/me", headers=bearer(foreign))).status_code == 200


async def test_an_account_cannot_sign_in_without_end(
    client: httpx.AsyncClient, standin: StandIn, clock: SettableClock
) -> None:
    for _ in range(60):
        await sign_in(client, standin, "Chen")
    code = await asyncio.to_thread(standin.login, "Chen")
    clock.advance(minutes=10)
    reply = await client.post("/v1/sign-ins/wechat", json={"code": code, "client": "loop"})
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "3000")
    await sign_in(client, standin, "Luo")


async def test_a_device_signs_in_until_it_is_lost(client: httpx.AsyncClient, work: Work) -> None:
    seen = await make_compound(work, area=DADUKOU, name="翠湖花园")
    device, _, secret = await make_device(work, gate=seen.gates[0])
    body = {"device_id": str(device.id), "secret": secret, "client": "handheld"}
    reply = await client.post("/v1/sign-ins/device", json=body)
    assert reply.status_code == 201
    assert (await client.get("/v1/me", headers=bearer(reply.json()))).json()["kind"] == "device"

    wrong = await client.post("/v1/sign-ins/device", json=body | {"secret": f"{secret[:-1]}~"})
    assert wrong.json()["code"] == "sign_in_refused"
    device.lost_at = work.now
    await work.session.flush()
    assert (await client.post("/v1/sign-ins/device", json=body)).json()["code"] == "sign_in_refused"


async def test_a_device_or_secret_that_is_not_there_is_refused(client: httpx.AsyncClient) -> None:
    reply = await client.post(
        "/v1/sign-ins/device",
        json={
            "device_id": "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58",
            "secret": "x" * 43,
            "client": "handheld",
        },
    )
    assert (reply.status_code, reply.json()["code"]) == (401, "sign_in_refused")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/sign-ins/wechat", {"code": "x"}),
        ("/v1/sign-ins/wechat", {"code": "x", "client": "c", "more": 1}),
        ("/v1/sign-ins/wechat", {"code": "x\x00", "client": "c"}),
        ("/v1/sign-ins/staff", {"login": "wang", "password": "p" * 129, "client": "c"}),
        ("/v1/sign-ins/staff", {"login": "wang", "password": "p", "totp": "12345", "client": "c"}),
        ("/v1/sign-ins/device", {"device_id": "1", "secret": "s", "client": "c"}),
        ("/v1/tokens", {"refresh_token": 7}),
    ],
)
async def test_malformed_requests_are_told_so(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    reply = await client.post(path, json=body)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")


async def test_wechat_that_is_away_is_not_the_callers_fault(
    client: httpx.AsyncClient, standin: StandIn
) -> None:
    code = await asyncio.to_thread(standin.login, "Chen")
    await asyncio.to_thread(standin.fail_next, Fault(path="/sns/jscode2session", errcode=-1))
    reply = await client.post("/v1/sign-ins/wechat", json={"code": code, "client": "phone"})
    assert (reply.status_code, reply.json()["code"]) == (503, "wechat_unavailable")
    assert "retry-after" in reply.headers


MUTATIONS = 5_000
"""On each database, which makes ten thousand."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ "


def mutated(token: str, chance: random.Random) -> str:
    """`token` with a small change: a letter swapped, dropped or added, a part cut, moved or unsigned."""
    place = chance.randrange(len(token))
    head, body, seal = token.split(".")
    match chance.randrange(8):
        case 0 | 1 | 2:
            return token[:place] + chance.choice(LETTERS) + token[place + 1 :]
        case 3:
            return token[:place] + token[place + 1 :]
        case 4:
            return token[:place] + chance.choice(LETTERS) + token[place:]
        case 5:
            return token[:place]
        case 6:
            return ".".join(chance.sample([head, body, seal], 3))
        case _:
            unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
            return chance.choice([f"{unsigned}.{body}.", f"{unsigned}.{body}.{seal}", f"{head}.{body}."])


async def test_no_mutation_of_a_token_opens_anything(client: httpx.AsyncClient, work: Work) -> None:
    headers = await signed_in(work, kind=AccountKind.wechat, grants=())
    token = headers["Authorization"].removeprefix("Bearer ")
    chance = random.Random(6749)
    seen: Counter[int] = Counter()
    for _ in range(MUTATIONS):
        # White space around a token belongs to the header, not to the token (RFC 9110, section 5.5).
        if (forged := mutated(token, chance)).strip() == token:
            continue
        reply = await client.get("/v1/me", headers={"Authorization": f"Bearer {forged}"})
        seen[reply.status_code] += 1
    assert set(seen) == {401}
    assert (await client.get("/v1/me", headers=headers)).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic d2FuZzptaW4=", "bearer a.b.c"])
async def test_a_header_without_a_token_is_no_sign_in(client: httpx.AsyncClient, header: str) -> None:
    reply = await client.get("/v1/me", headers={"Authorization": header})
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["www-authenticate"] == "Bearer"
