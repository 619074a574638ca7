"""Scans that devices made alone: stored as they happened, answered one by one, compared afterwards."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from app.models.couriers import Courier, CourierState
from app.models.scans import Scan
from app.runtime import Runtime
from app.services.compounds.register import change_compound, change_gate
from app.services.couriers.states import change_state
from app.settings import Settings
from app.work import Actor, begin_work
from tests.clocks import SettableClock
from tests.factories.passages import manager_of
from tests.factories.presentations import guard_claims
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.uploads import differences, entries, upload
from tests.factories.work import seeding


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast an outage."""
    return make_settings(access_token_seconds=3600)


async def test_an_offline_entry_is_stored_with_its_own_time_gate_and_shift(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    happened = clock() + timedelta(seconds=20)
    clock.advance(minutes=30)
    scan = gate.offline(code, 1, happened)
    (result,) = await upload(client, gate, scan)
    assert (result["result"], result["problem"], result["scan_id"]) == ("stored", None, scan["scan_id"])
    assert result["scan"] | {"id": "", "recorded_at": ""} == {
        "id": "",
        "recorded_at": "",
        "happened_at": happened.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "doubtful": False,
        "server_verdict": "admit",
        "server_reason": "verified",
    }
    (entry,) = await entries(client, courier)
    assert (entry["id"], entry["at"]) == (result["scan"]["id"], result["scan"]["happened_at"])
    assert await differences(client, gate) == []
    async with runtime.database.session(write=False) as session:
        row = (await session.scalars(select(Scan))).one()
    assert row.shift_id is not None
    assert row.account_id == UUID(guard_claims(runtime, gate).sub)

    (again,) = await upload(client, gate, scan)
    assert again == result | {"result": "repeated"}
    (conflict,) = await upload(client, gate, scan | {"direction": "out"})
    assert (conflict["result"], conflict["problem"], conflict["scan"]) == ("conflict", "scan_conflict", None)


async def test_who_was_let_in_was_let_in_and_the_gate_learns_what_the_server_would_have_said(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    before, after = await mint(client, courier, 2)
    async with begin_work(
        runtime.database, runtime.deployment, now=clock.advance(seconds=10), actor=Actor.command("test")
    ) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    at = clock()
    clock.advance(minutes=5)
    results = await upload(
        client,
        gate,
        gate.offline(before, 1, at - timedelta(seconds=5)),
        gate.offline(after, 2, at + timedelta(seconds=30)),
    )
    assert [result["scan"]["server_reason"] for result in results] == ["verified", "suspended"]
    assert len(await entries(client, courier)) == 2
    assert await differences(client, gate) == [(results[1]["scan"]["id"], "suspended")]


async def test_a_difference_stands_until_somebody_of_the_gate_ticks_it_off(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    await upload(client, gate, gate.offline(code, 1, clock() + timedelta(minutes=3)))
    path = f"/v1/gates/{gate.gate_id}/differences"
    items = (await client.get(path, headers=gate.guard)).json()["items"]
    assert {item["reason"] for item in items} == {"doubtful"}
    assert items[0]["identity"]["surname"] == "甄"
    assert items[0]["sentence"] == "扫码时间或序号与设备此前所报不符，存疑。"
    tick = f"{path}/{items[0]['id']}/tick"
    for headers in (other.guard, other.device):
        assert (await client.put(tick, headers=headers)).status_code in {403, 404}
    mistaken = tick.replace(str(gate.gate_id), str(other.gate_id))
    assert (await client.put(mistaken, headers=other.guard)).status_code == 404
    first = await client.put(tick, headers=gate.guard)
    clock.advance(seconds=1)
    assert (await client.put(tick, headers=gate.guard)).json() == first.json()
    assert await differences(client, gate) == []
    ticked = (await client.get(f"{path}?ticked=true", headers=gate.guard)).json()["items"]
    assert [item["id"] for item in ticked] == [items[0]["id"]]
    # It says whose code it was, so it is there for a guard only while on shift.
    assert (await client.delete("/v1/shifts/current", headers=gate.guard)).status_code == 204
    assert (await client.get(path, headers=gate.guard)).status_code == 404
    assert (await client.put(tick, headers=gate.guard)).status_code == 404


async def test_a_guard_reads_and_ticks_off_differences_on_shift_only(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    """As with presence: an inbox tells who came, and is nobody's business at home."""
    (code,) = await mint(client, courier)
    await upload(client, gate, gate.offline(code, 1, clock() + timedelta(minutes=3)))
    path = f"/v1/gates/{gate.gate_id}/differences"
    (item,) = (await client.get(path, headers=gate.guard)).json()["items"]
    tick = f"{path}/{item['id']}/tick"
    assert (await client.delete("/v1/shifts/current", headers=gate.guard)).status_code == 204
    assert (await client.get(path, headers=gate.guard)).status_code == 404
    assert (await client.put(tick, headers=gate.guard)).status_code == 404
    assert (await client.put(tick, headers=await manager_of(runtime, gate))).status_code == 200


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_earliest_use_of_a_code_counts_in_whatever_order_uses_become_known(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    courier: WorkingCourier,
    order: tuple[int, ...],
) -> None:
    gates = [await open_gate(runtime, name=name) for name in ("翠湖苑", "映山里", "春晖园")]
    (code,) = await mint(client, courier)
    scans = [
        gate.offline(code, 1, clock() + timedelta(seconds=10 * place)) for place, gate in enumerate(gates)
    ]
    clock.advance(minutes=10)
    ids: dict[int, str] = {}
    for place in order:
        (result,) = await upload(client, gates[place], scans[place])
        ids[place] = result["scan"]["id"]
    found = [await differences(client, gate) for gate in gates]
    assert found == [[], [(ids[1], "code_used")], [(ids[2], "code_used")]]
    assert len(await entries(client, courier)) == 3


async def test_an_online_use_that_turns_out_to_be_the_second_is_noted_at_its_gate(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    at = clock()
    clock.advance(seconds=30)
    online = (await client.post("/v1/scans", json=other.scan(code), headers=other.guard)).json()
    assert online["verdict"] == "admit"
    (result,) = await upload(client, gate, gate.offline(code, 1, at + timedelta(seconds=5)))
    assert result["scan"]["server_verdict"] == "admit"
    assert await differences(client, other) == [(online["id"], "code_used")]
    assert await differences(client, gate) == []


def broken(scan: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {**scan, **changed}


async def test_one_bad_scan_of_an_upload_harms_no_other(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    first, second = await mint(client, courier, 2)
    good = gate.offline(first, 1, clock())
    results = await upload(
        client,
        gate,
        broken(good, scan_id="no id"),
        broken(good, scan_id=(named := str(uuid4())), verdict="maybe"),
        good,
        broken(good, scan_id=str(uuid4()), outcome="let_in"),
        "nonsense",
        None,
        gate.offline(second, 2, clock()),
        gate.offline("\x00 no code", 3, clock(), verdict="refuse", reason="unreadable"),
    )
    assert [result["result"] for result in results] == [
        "refused",
        "refused",
        "stored",
        "refused",
        "refused",
        "refused",
        "stored",
        "stored",
    ]
    assert (results[0]["scan_id"], results[1]["scan_id"]) == (None, named)
    assert {result["problem"] for result in results} == {None, "malformed_request"}


async def test_only_the_device_itself_uploads_for_its_own_places(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    (code,) = await mint(client, courier)
    path = f"/v1/enrolments/{gate.enrolment_id}/scans"
    body = {"scans": [gate.offline(code, 1, clock())]}
    for headers in (other.device, gate.guard, courier.headers):
        for sent in (body, {"scans": ["nonsense"]}):
            assert (await client.post(path, json=sent, headers=headers)).status_code == 404
    reply = await client.post(f"/v1/enrolments/{uuid4()}/scans", json=body, headers=gate.device)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert (await client.post(path, json=body)).status_code == 401


@pytest.mark.parametrize("what", ["gate", "compound"])
async def test_a_gate_that_is_open_again_was_closed_at_the_time(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    what: str,
) -> None:
    codes = await mint(client, courier, 3)

    async def change(*, closed: bool) -> None:
        async with seeding(runtime) as work:
            if what == "gate":
                await change_gate(work, gate_id=gate.gate_id, reason="改造", closed=closed)
            else:
                await change_compound(work, compound_id=gate.compound_id, reason="改造", closed=closed)

    before = clock.advance(seconds=5)
    clock.advance(seconds=15)
    await change(closed=True)
    meanwhile = clock.advance(seconds=15)
    clock.advance(seconds=15)
    await change(closed=False)
    after = clock.advance(seconds=15)
    results = await upload(
        client,
        gate,
        *(
            gate.offline(code, number, at)
            for number, (code, at) in enumerate(zip(codes, (before, meanwhile, after), strict=True), 1)
        ),
    )
    assert [result["scan"]["server_reason"] for result in results] == ["verified", "gate_closed", "verified"]
    assert await differences(client, gate) == [(results[1]["scan"]["id"], "gate_closed")]
    inbox = await client.get(
        f"/v1/gates/{gate.gate_id}/differences", headers=gate.guard | {"accept-language": "en"}
    )
    assert [item["sentence"] for item in inbox.json()["items"]] == ["The gate took no part then."]


async def test_times_outside_the_devices_place_are_held_within_it_and_doubtful(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    codes = await mint(client, courier, 2)
    clock.advance(seconds=40)
    results = await upload(
        client,
        gate,
        gate.offline(codes[0], 1, clock() - timedelta(days=365)),
        gate.offline(codes[1], 2, clock() + timedelta(days=365)),
    )
    assert [result["scan"]["doubtful"] for result in results] == [True, True]
    assert results[1]["scan"]["happened_at"] == results[1]["scan"]["recorded_at"]
    assert len(await entries(client, courier)) == 2
