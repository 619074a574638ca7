"""Bundles: what a device is given to decide alone, and when it changes."""

import json
from base64 import urlsafe_b64decode
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from app.models.couriers import Courier, CourierState
from app.models.gate_rules import WhenOffline
from app.models.holidays import Holiday
from app.runtime import Runtime
from app.services.codes import format as code_format
from app.services.couriers.states import change_state, restore
from app.services.keys.lifecycle import list_keys, rotate_keys, withdraw_key
from app.settings import Settings
from app.work import Actor, begin_work
from tests.clocks import SettableClock
from tests.factories.blocks import block_courier
from tests.factories.gate_rules import make_rules
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.settings import make_settings

PATH = "/v1/devices/current/bundle"


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def fetch(
    client: httpx.AsyncClient, gate: WorkingGate, *, counter: int = 0, etag: str | None = None
) -> httpx.Response:
    headers = gate.device | ({"if-none-match": etag} if etag else {})
    return await client.get(PATH, params={"counter": counter}, headers=headers)


async def read(client: httpx.AsyncClient, reply: httpx.Response) -> dict[str, Any]:
    """The claims, checked by an independent library with the published keys."""
    assert reply.status_code == 200, reply.text
    keys = KeySet.import_key_set((await client.get("/.well-known/statement-keys.json")).json())
    token = jws.deserialize_compact(reply.json()["bundle"], keys, algorithms=["ES256"])
    assert token.headers()["typ"] == "hx-bundle+jwt"
    claims: dict[str, Any] = json.loads(token.payload)
    assert claims["ver"] == reply.json()["version"] == int(reply.headers["etag"].strip('"'))
    return claims


def handles(joined: str) -> list[bytes]:
    packed = urlsafe_b64decode(joined + "==")
    return [packed[start : start + 8] for start in range(0, len(packed), 8)]


def handle_in(text: str) -> bytes:
    return code_format.parse_code_text(text, ["https://hx.example.cn/c/"]).sub


async def change(runtime: Runtime, courier: WorkingCourier, to: CourierState) -> None:
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        if to is CourierState.verified:
            await restore(work, courier_id=row.id, reason="test")
        else:
            await change_state(work, courier=row, to=to, reason="test")


async def test_a_bundle_says_where_it_is_for_and_whose_codes_count(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate
) -> None:
    claims = await read(client, await fetch(client, gate))
    published = (await client.get("/.well-known/jwks.json")).json()
    assert claims["issuers"] == {"5000": published}
    assert (claims["enrolment"], claims["gate"]) == (str(gate.enrolment_id), str(gate.gate_id))
    assert (claims["iat"], claims["early"], claims["late"]) == (int(clock().timestamp()), 5, 10)
    assert claims["withdrawn"] == {"handles": "", "complete": True}


async def test_what_has_not_changed_is_not_sent_again(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate
) -> None:
    first = await fetch(client, gate)
    clock.advance(minutes=1)
    again = await fetch(client, gate, etag=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    for strange in ('"1"', "W/" + first.headers["etag"] + "x", "*", '"' + "9" * 99 + '"'):
        assert (await fetch(client, gate, etag=strange)).json()["version"] == first.json()["version"]


async def test_a_withdrawal_and_its_end_make_a_higher_version_each(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    versions = [(await fetch(client, gate)).json()["version"]]
    for state, listed in (
        (CourierState.suspended, [handle_in(code)]),
        (CourierState.verified, []),
        (CourierState.left, [handle_in(code)]),
    ):
        clock.advance(seconds=7)
        await change(runtime, courier, state)
        claims = await read(client, await fetch(client, gate, etag=f'"{versions[-1]}"'))
        assert handles(claims["withdrawn"]["handles"]) == listed
        versions.append(claims["ver"])
    assert versions == sorted(set(versions))


async def test_the_old_handle_of_a_profile_that_moved_is_withdrawn_and_the_new_one_is_not(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (old,) = await mint(client, courier)
    async with runtime.database.session() as session:
        (await session.get_one(Courier, courier.courier.id)).codes_from = clock.advance(seconds=3)
    (new,) = await mint(client, courier)
    claims = await read(client, await fetch(client, gate))
    assert handles(claims["withdrawn"]["handles"]) == [handle_in(old)]
    assert handle_in(new) != handle_in(old)


async def test_a_withdrawn_key_is_gone_and_the_version_never_falls(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, gate: WorkingGate
) -> None:
    before = await read(client, await fetch(client, gate))
    async with begin_work(
        runtime.database, runtime.deployment, now=clock.advance(seconds=1), actor=Actor.command("test")
    ) as work:
        (key,) = await list_keys(work)
        await rotate_keys(work, at_once=True)
        await withdraw_key(work, kid=key.kid, reason="leaked")
    after = await read(client, await fetch(client, gate))
    assert key.kid not in {each["kid"] for each in after["issuers"]["5000"]["keys"]}
    assert after["ver"] > before["ver"]
    clock.advance(seconds=-1)  # the server's clock was set back
    async with begin_work(
        runtime.database, runtime.deployment, now=clock(), actor=Actor.command("test")
    ) as work:
        await rotate_keys(work, at_once=True)
    assert (await fetch(client, gate)).json()["version"] > after["ver"]


async def test_how_long_a_withdrawal_took_to_reach_a_device_is_measured_in_seconds(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await mint(client, courier)
    await fetch(client, gate)
    clock.advance(seconds=10)
    await change(runtime, courier, CourierState.suspended)
    clock.advance(seconds=42)
    await fetch(client, gate)
    await fetch(client, gate)
    measured = runtime.metrics.exposition()[0].decode()
    assert "huixin_withdrawal_reach_seconds_count 1.0" in measured
    assert "huixin_withdrawal_reach_seconds_sum 42.0" in measured


async def test_a_scan_dated_before_a_sync_that_did_not_mention_it_is_doubtful(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    codes = await mint(client, courier, 3)
    await fetch(client, gate, counter=1)
    clock.advance(seconds=20)
    told = clock()
    clock.advance(seconds=11)  # longer than a question may be under way
    await fetch(client, gate, counter=1)
    clock.advance(seconds=10)
    scans = [
        gate.offline(codes[0], 1, told),  # it was counted
        gate.offline(codes[0], 2, told),  # it was not
        gate.offline(codes[1], 3, clock()),  # it came later
    ]
    path = f"/v1/enrolments/{gate.enrolment_id}/scans"
    reply = await client.post(path, json={"scans": scans}, headers=gate.device)
    assert [result["scan"]["doubtful"] for result in reply.json()["results"]] == [False, True, False]


@pytest.mark.parametrize("counter", ["", "-1", "x", "1e3", str(2**64)])
async def test_a_counter_that_is_none_is_refused(
    client: httpx.AsyncClient, gate: WorkingGate, counter: str
) -> None:
    reply = await client.get(PATH, params={"counter": counter}, headers=gate.device)
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed_request")


async def test_bundles_are_for_devices(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    for headers in (gate.guard, courier.headers):
        assert (await client.get(PATH, params={"counter": 0}, headers=headers)).status_code == 404
    assert (await client.get(PATH, params={"counter": 0})).status_code == 401


async def test_a_bundle_carries_the_rules_of_the_gate_and_whom_the_compound_knows(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    claims = await read(client, await fetch(client, gate))
    assert claims["rules"] == {"version": 0, "clauses": [], "when_offline": "admit_and_flag"}
    assert (claims["blocked"], claims["seen"], claims["zone"]) == ("", None, "Asia/Shanghai")
    (code,) = await mint(client, courier)
    entry = (await client.post("/v1/scans", json=gate.scan(code), headers=gate.guard)).json()
    hours = {
        "kind": "opening_hours",
        "gates": None,
        "days": ["mon", "holiday"],
        "spans": [{"from": "06:00", "until": "24:00"}],
    }
    await make_rules(runtime, gate, [hours], when_offline=WhenOffline.admit_if_seen)
    async with begin_work(
        runtime.database, runtime.deployment, now=runtime.clock(), actor=Actor.command("test")
    ) as work:
        await block_courier(work, gate=gate, entry_id=UUID(entry["id"]))
        work.session.add(Holiday(day=runtime.clock().date(), name="测试节", off=True, year=2026))
    later = await read(client, await fetch(client, gate))
    assert later["rules"] == {"version": 1, "clauses": [hours], "when_offline": "admit_if_seen"}
    assert handle_in(code) in handles(later["blocked"])
    assert handles(later["seen"]) == handles(later["blocked"])
    assert len(handles(later["seen"])) == len({*handles(later["seen"])}) == 2  # today's and tomorrow's
    assert later["ver"] > claims["ver"]
