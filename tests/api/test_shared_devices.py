"""Shifts on a device that guards share, by shift code or badge and PIN: begun, handed over, ended."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.accounts import Account, AccountKind, Grant
from app.models.audit import AuditRecord
from app.models.devices import Badge
from app.runtime import Runtime
from app.services.accounts.passwords import hashes
from app.services.compounds.register import change_compound, change_gate
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.accounts import signed_in
from tests.factories.devices import invite
from tests.factories.scans import bring_courier, mint
from tests.factories.settings import make_settings
from tests.factories.shared_devices import (
    PIN,
    Headers,
    SharedGate,
    another_device,
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


async def test_a_guard_takes_the_handheld_by_code_and_scans(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guard, account_id = await make_guard(runtime, gate.seen)
    issued = (await client.post("/v1/shift-codes", headers=guard)).json()
    assert issued["expires_at"] == "2026-05-11T04:01:00.000000Z"
    taken = await take_over(client, gate.device, code=issued["code"].lower())
    assert taken.status_code == 201, taken.text
    shift, tokens = taken.json()["shift"], taken.json()["tokens"]
    assert (shift["gate"]["name"], shift["ends_at"]) == ("东门", "2026-05-11T20:00:00.000000Z")
    assert shift["enrolment_id"] == str(gate.enrolment_id)
    assert (tokens["account_id"], tokens["expires_in"]) == (str(account_id), 3600)
    headers = of_shift(taken)
    assert (await client.get(taken.headers["location"], headers=headers)).json() == shift

    (code,) = await mint(client, await bring_courier(runtime, serial=1))
    scan = await client.post("/v1/scans", json=scan_of(gate, code), headers=headers)
    assert (scan.status_code, scan.json()["verdict"]) == (200, "admit")

    (own, of_handheld) = (await client.get("/v1/sign-ins", headers=guard)).json()["items"]
    assert {own["client"], of_handheld["client"]} == {"tests", "东门手持机"}
    async with seeding(runtime) as work:
        by = select(AuditRecord.account_id).where(AuditRecord.action == "shifts.started")
        assert (await work.session.scalars(by)).all() == [account_id]


async def test_a_guard_takes_the_handheld_by_pin(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    badge = await set_pin(client, gate, guard)
    taken = await take_over(client, gate.device, badge=badge, pin=PIN)
    assert (await client.get("/v1/shifts/current", headers=of_shift(taken))).status_code == 200
    renewed = await refreshed(client, taken)
    assert renewed.status_code == 200
    headers = {"Authorization": f"Bearer {renewed.json()['access_token']}"}
    assert (await client.get("/v1/shifts/current", headers=headers)).status_code == 200
    assert (await client.get("/v1/me", headers=headers)).status_code == 401
    async with seeding(runtime) as work:
        hashed = (await work.session.scalars(select(Badge.pin_hash))).one()
        assert hashed.startswith("$argon2id$")
        assert PIN not in hashed


async def test_badges_are_small_numbers_that_stay(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    second, account_id = await make_guard(runtime, gate.seen)
    other = await open_shared_gate(runtime, name="另一个")
    assert [await set_pin(client, gate, headers) for headers in (guard, second, guard)] == [1, 2, 1]
    assert await set_pin(client, gate, gate.manager) == 3
    assert await set_pin(client, other, (await make_guard(runtime, other.seen))[0]) == 1
    async with seeding(runtime) as work:
        await work.session.execute(
            update(Grant).where(Grant.account_id == account_id).values(revoked_at=work.now)
        )
    assert (await client.put(gate.pin_path, json={"pin": PIN}, headers=second)).status_code == 404
    assert await set_pin(client, gate, (await make_guard(runtime, gate.seen))[0]) == 4


@pytest.mark.parametrize("pin", ["000000", "123456", "121212", "654321"])
async def test_a_trivial_pin_is_refused(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, pin: str
) -> None:
    reply = await client.put(gate.pin_path, json={"pin": pin}, headers=guard)
    assert (reply.status_code, reply.json()["code"]) == (409, "pin_unfit")
    assert pin not in reply.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"badge": 1},
        {"pin": PIN},
        {"code": "7K3QX-9MTR2", "badge": 1, "pin": PIN},
        {"code": ""},
        {"code": "7K3QX 9MTR2"},
        {"badge": 0, "pin": PIN},
        {"badge": True, "pin": PIN},
        {"badge": "1", "pin": PIN},
        {"badge": 2**53, "pin": PIN},
        {"badge": 1, "pin": "48091"},
        {"badge": 1, "pin": "４８０９１５"},
        {"badge": 1, "pin": 480915},
    ],
)
async def test_malformed_proofs_are_told_so(
    client: httpx.AsyncClient, gate: SharedGate, body: dict[str, Any]
) -> None:
    reply = await take_over(client, gate.device, **body)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")
    assert PIN not in reply.text


async def test_the_next_guard_never_acts_in_the_former_ones_name(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    second, account_id = await make_guard(runtime, gate.seen)
    first = await take_over(client, gate.device, code=await shift_code(client, guard))
    clock.advance(minutes=45)
    relief = await take_over(client, gate.device, badge=await set_pin(client, gate, second), pin=PIN)
    await assert_over(client, gate, first)
    path = f"/v1/compounds/{gate.compound_id}/devices"
    (listed,) = (await client.get(path, headers=gate.manager)).json()["items"]
    assert listed["shift"]["account_id"] == str(account_id)
    # The guard's own phone is as it was.
    assert (await client.get("/v1/me", headers=guard)).status_code == 200
    assert (await client.delete("/v1/shifts/current", headers=of_shift(relief))).status_code == 204
    await assert_over(client, gate, relief)


async def test_a_device_that_moves_takes_no_guard_along(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    taken = await take_over(client, gate.device, code=await shift_code(client, guard))
    async with seeding(runtime) as work:
        secret = await invite(work, gate=gate.seen.gates[1])
    moved = await client.post(
        "/v1/devices/current/enrolment", json={"invitation": secret}, headers=gate.device
    )
    assert moved.status_code == 201
    await assert_over(client, gate, taken)
    again = await take_over(client, gate.device, code=await shift_code(client, guard))
    assert again.json()["shift"]["gate"]["name"] == "西门"


async def test_a_lost_device_is_cut_off_with_everything_on_it(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    badge, code = await set_pin(client, gate, guard), await shift_code(client, guard)
    taken = await take_over(client, gate.device, badge=badge, pin=PIN)
    path = f"/v1/devices/{gate.device_id}/loss"
    assert (await client.post(path, json={"reason": "被盗"}, headers=gate.manager)).status_code == 204
    await assert_over(client, gate, taken)
    for proof in ({"code": code}, {"badge": badge, "pin": PIN}):
        assert (await take_over(client, gate.device, **proof)).status_code == 401
    assert (await client.get("/v1/devices/current/enrolment", headers=gate.device)).status_code == 401
    assert (await client.get("/v1/me", headers=guard)).status_code == 200


async def test_who_loses_the_role_is_off_shift_and_signed_out(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guard, account_id = await make_guard(runtime, gate.seen)
    badge, code = await set_pin(client, gate, guard), await shift_code(client, guard)
    taken = await take_over(client, gate.device, badge=badge, pin=PIN)
    (held,) = (
        item
        for item in (await client.get("/v1/grants", headers=gate.manager)).json()["items"]
        if item["account_id"] == str(account_id)
    )
    assert (await client.delete(f"/v1/grants/{held['id']}", headers=gate.manager)).status_code == 204
    await assert_over(client, gate, taken)
    await refused_as_wrong(client, gate.device, code=code, badge=badge)


async def refused_as_wrong(client: httpx.AsyncClient, device: Headers, *, code: str, badge: int) -> None:
    """The code and the PIN get the answers of wrong ones, for the same work."""
    absent = await take_over(client, device, code="00000-00000")
    there = await take_over(client, device, code=code)
    assert (there.status_code, there.json()["code"]) == (409, "shift_code_unusable")
    assert told(there) == told(absent)
    before = hashes.computed
    absent = await take_over(client, device, badge=9_999, pin=PIN)
    between = hashes.computed
    there = await take_over(client, device, badge=badge, pin=PIN)
    assert (there.status_code, there.json()["code"]) == (403, "pin_refused")
    assert told(there) == told(absent)
    assert hashes.computed - between == between - before == 1


def told(reply: httpx.Response) -> tuple[Any, ...]:
    """All that a caller learns from an answer, but for what names the request itself."""
    body = {name: value for name, value in reply.json().items() if name not in {"instance", "request_id"}}
    headers = {name for name in reply.headers if name not in {"x-request-id", "content-length"}}
    return (reply.status_code, body, headers, reply.headers.get("retry-after"))


async def test_another_compounds_device_learns_nothing(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    other = await open_shared_gate(runtime, name="另一个")
    badge, code = await set_pin(client, gate, guard), await shift_code(client, guard)
    await refused_as_wrong(client, other.device, code=code, badge=badge)
    # Nor is the code used up by it.
    assert (await take_over(client, gate.device, code=code)).status_code == 201


async def test_an_account_that_has_ended_takes_nothing_over(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate
) -> None:
    guard, account_id = await make_guard(runtime, gate.seen)
    badge, code = await set_pin(client, gate, guard), await shift_code(client, guard)
    async with seeding(runtime) as work:
        await work.session.execute(update(Account).where(Account.id == account_id).values(ended_at=work.now))
    await refused_as_wrong(client, gate.device, code=code, badge=badge)


async def test_a_code_is_good_for_a_minute_and_one_at_a_time(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers, clock: SettableClock
) -> None:
    old, new = [await shift_code(client, guard) for _ in range(2)]
    assert (await take_over(client, gate.device, code=old)).json()["code"] == "shift_code_unusable"
    clock.advance(seconds=60)
    assert (await take_over(client, gate.device, code=new)).json()["code"] == "shift_code_unusable"


async def test_a_code_ends_with_the_sign_in_that_asked_for_it(
    client: httpx.AsyncClient, gate: SharedGate, guard: Headers
) -> None:
    code = await shift_code(client, guard)
    assert (await client.delete("/v1/sign-ins/current", headers=guard)).status_code == 204
    assert (await take_over(client, gate.device, code=code)).json()["code"] == "shift_code_unusable"


async def test_a_used_code_is_worth_nothing_to_another_device(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    code = await shift_code(client, guard)
    assert (await take_over(client, gate.device, code=code)).status_code == 201
    reply = await take_over(client, await another_device(runtime, gate), code=code)
    assert (reply.status_code, reply.json()["code"]) == (409, "shift_code_unusable")


async def test_only_a_device_is_taken_over(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers
) -> None:
    code = await shift_code(client, guard)
    reply = await take_over(client, guard, code=code)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert (await take_over(client, {}, code=code)).status_code == 401
    assert (await client.post("/v1/shift-codes", headers=gate.device)).status_code == 403
    assert (await client.put(gate.pin_path, json={"pin": PIN}, headers=gate.device)).status_code == 404
    async with seeding(runtime) as work:
        newcomer = await signed_in(work, kind=AccountKind.wechat, grants=[])
    assert (await client.post("/v1/shift-codes", headers=newcomer)).status_code == 403


@pytest.mark.parametrize(("what", "code"), [("gate", "gate_closed"), ("compound", "compound_closed")])
async def test_nobody_takes_over_where_it_is_closed(
    client: httpx.AsyncClient, runtime: Runtime, gate: SharedGate, guard: Headers, what: str, code: str
) -> None:
    badge, shown = await set_pin(client, gate, guard), await shift_code(client, guard)
    async with seeding(runtime) as work:
        if what == "gate":
            await change_gate(work, gate_id=gate.seen.gates[0].id, reason="改造", closed=True)
        else:
            await change_compound(work, compound_id=gate.compound_id, reason="改造", closed=True)
    for proof in ({"code": shown}, {"badge": badge, "pin": PIN}):
        reply = await take_over(client, gate.device, **proof)
        assert (reply.status_code, reply.json()["code"]) == (409, code)
