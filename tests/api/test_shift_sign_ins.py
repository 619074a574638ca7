"""Sign-ins that are made for one shift on a shared device: what they open, and how long."""

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.api.dependencies import AT_THE_GATE
from app.api.openapi import ANY_ACCOUNT
from app.models.devices import Shift
from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.described import described
from tests.factories.settings import make_settings
from tests.factories.shared_devices import (
    PIN,
    Headers,
    SharedGate,
    assert_over,
    make_guard,
    of_shift,
    open_shared_gate,
    refreshed,
    scan_of,
    set_pin,
    shift_code,
    take_over,
)
from tests.factories.work import seeding


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that last as long as they may."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def gate(runtime: Runtime) -> SharedGate:
    return await open_shared_gate(runtime, name="翠湖苑")


@pytest.fixture
async def guard(runtime: Runtime, gate: SharedGate) -> Headers:
    return (await make_guard(runtime, gate.seen))[0]


async def test_a_sign_in_of_ones_own_outlives_its_shift(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    token = gate.device["Authorization"].removeprefix("Bearer ")
    body = {"enrolment_id": str(gate.enrolment_id), "device_token": token}
    assert (await client.post("/v1/shifts", json=body, headers=guard)).status_code == 201
    await take_over(client, gate.device, code=await shift_code(client, gate.manager))
    assert (await client.get("/v1/shifts/current", headers=guard)).status_code == 404
    taken = await client.post("/v1/shifts", json=body, headers=guard)  # and relieves in turn
    assert taken.status_code == 201


async def test_a_guard_with_a_phone_relieves_one_without(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    taken = await take_over(client, gate.device, code=await shift_code(client, gate.manager))
    token = gate.device["Authorization"].removeprefix("Bearer ")
    body = {"enrolment_id": str(gate.enrolment_id), "device_token": token}
    assert (await client.post("/v1/shifts", json=body, headers=guard)).status_code == 201
    await assert_over(client, gate, taken)


async def test_a_forgotten_shift_ends_with_its_sign_in(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    taken = await take_over(client, gate.device, code=await shift_code(client, guard))
    clock.advance(hours=15, minutes=30)
    taken_on = await refreshed(client, taken)
    assert taken_on.json()["expires_in"] == 30 * 60
    clock.advance(minutes=30, seconds=-1)
    headers = {"Authorization": f"Bearer {taken_on.json()['access_token']}"}
    assert (await client.get("/v1/shifts/current", headers=headers)).status_code == 200
    clock.advance(seconds=1)
    for path in ("/v1/shifts/current", "/v1/compounds"):
        assert (await client.get(path, headers=headers)).status_code == 401
    body = {"refresh_token": taken_on.json()["refresh_token"]}
    assert (await client.post("/v1/tokens", json=body)).status_code == 401
    scan = await client.post("/v1/scans", json=scan_of(gate, "not a code"), headers=headers)
    assert scan.status_code == 401


@pytest.mark.parametrize("by", ["code", "pin"])
async def test_a_lost_reply_is_given_again_within_a_minute(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: SharedGate,
    guard: Headers,
    clock: SettableClock,
    by: str,
) -> None:
    proof: dict[str, Any] = (
        {"code": await shift_code(client, guard)}
        if by == "code"
        else {"badge": await set_pin(client, gate, guard), "pin": PIN}
    )
    lost = await take_over(client, gate.device, **proof)
    clock.advance(seconds=59)
    again = await take_over(client, gate.device, **proof)
    assert again.json()["shift"] == lost.json()["shift"]
    assert again.json()["tokens"]["access_token"] != lost.json()["tokens"]["access_token"]
    assert (await client.get("/v1/shifts/current", headers=of_shift(again))).status_code == 200
    # Whichever of the two replies arrives keeps the sign-in alive.
    assert (await refreshed(client, again)).status_code == 200
    assert (await refreshed(client, lost)).status_code == 200
    async with seeding(runtime) as work:
        assert len((await work.session.scalars(select(Shift.id))).all()) == 1


@pytest.mark.parametrize("since", ["a minute", "its refresh", "its end", "a relief"])
async def test_a_used_code_is_not_given_again_after(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock, since: str
) -> None:
    code = await shift_code(client, guard)
    taken = await take_over(client, gate.device, code=code)
    match since:
        case "a minute":
            clock.advance(seconds=60)
        case "its refresh":
            assert (await refreshed(client, taken)).status_code == 200
        case "its end":
            await client.delete("/v1/shifts/current", headers=of_shift(taken))
        case _:
            await take_over(client, gate.device, code=await shift_code(client, gate.manager))
    again = await take_over(client, gate.device, code=code)
    assert (again.status_code, again.json()["code"]) == (409, "shift_code_unusable")


async def test_a_pin_after_a_minute_begins_a_new_shift(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    proof = {"badge": await set_pin(client, gate, guard), "pin": PIN}
    first = await take_over(client, gate.device, **proof)
    clock.advance(seconds=60)
    second = await take_over(client, gate.device, **proof)
    assert second.json()["shift"]["id"] != first.json()["shift"]["id"]
    await assert_over(client, gate, first)


async def test_a_pin_opens_the_gate_and_nothing_else_of_the_account(
    client: httpx.AsyncClient, gate: SharedGate
) -> None:
    """Even a property manager's."""
    token = gate.device["Authorization"].removeprefix("Bearer ")
    taken = await take_over(client, gate.device, code=await shift_code(client, gate.manager))
    headers = of_shift(taken)
    calls: list[tuple[str, str, dict[str, Any] | None, int]] = [
        ("GET", "/v1/me", None, 401),
        ("GET", "/v1/sign-ins", None, 401),
        ("DELETE", f"/v1/sign-ins/{taken.json()['tokens']['sign_in_id']}", None, 401),
        ("GET", "/v1/couriers/me", None, 401),
        ("GET", "/v1/couriers/me/entries", None, 401),
        ("GET", "/v1/couriers/me/photo", None, 401),
        ("POST", "/v1/codes", {"count": 1}, 401),
        ("GET", "/v1/notices", None, 401),
        ("POST", "/v1/invitations/redemptions", {"secret": "x"}, 401),
        ("POST", "/v1/shift-codes", None, 403),
        ("PUT", gate.pin_path, {"pin": PIN}, 403),
        ("POST", "/v1/shifts", {"enrolment_id": str(gate.enrolment_id), "device_token": token}, 403),
        ("GET", f"/v1/compounds/{gate.compound_id}/devices", None, 403),
        ("POST", f"/v1/devices/{gate.device_id}/loss", {"reason": "试"}, 403),
        ("GET", f"/v1/compounds/{gate.compound_id}", None, 200),
        ("GET", "/v1/shifts/current", None, 200),
        ("DELETE", "/v1/sign-ins/current", None, 204),
    ]
    for method, path, body, status in calls:
        reply = await client.request(method, path, json=body, headers=headers)
        assert reply.status_code == status, (method, path, reply.text)
    assert (await client.get("/v1/compounds", headers=headers)).status_code == 401


async def test_what_asks_for_no_role_is_closed_to_a_shift_unless_it_is_the_gates(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    """Every operation that any signed-in account may call, found in the description."""
    headers = of_shift(await take_over(client, gate.device, code=await shift_code(client, guard)))
    answers = {}
    for operation in sorted(described(), key=lambda operation: operation.id == "accounts_sign_out"):
        form = "requestBody" in operation.said and not operation.body
        if operation.roles == [ANY_ACCOUNT] and not form:
            path = operation.path.replace("{form}", "svg").replace("{code}", "500104")
            path = re.sub(r"\{[a-z_]+\}", "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58", path)
            body = operation.body["example"] if operation.body else None
            reply = await client.request(operation.method, path, json=body, headers=headers)
            answers[operation.id] = (path.startswith(AT_THE_GATE), reply.status_code)
    assert len(answers) > 20
    assert answers.pop("codes_examine") == (False, 200)  # says what anybody can work out
    assert {name for name, (open_, status) in answers.items() if open_ is (status == 401)} == set()
