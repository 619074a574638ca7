"""A device with nobody on shift: it gets verdicts and stores entries, and is told of nobody."""

import httpx

from app.runtime import Runtime
from app.services.devices.enrolment import report_loss
from app.work import Actor, begin_work
from tests.clocks import SettableClock
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate


async def test_the_device_alone_gets_a_verdict_and_no_identity(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    assert (await client.delete("/v1/shifts/current", headers=gate.guard)).status_code == 204
    body = gate.scan(code)
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()["code"] == "no_shift"
    reply = await client.post("/v1/scans", json=body, headers=gate.device)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["verdict"], answer["reason"], answer["identity"]) == ("admit", "verified", None)
    assert "甄" not in reply.text
    assert (await client.post("/v1/scans", json=body, headers=gate.device)).json() == answer | {
        "repeated": True
    }
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert [entry["id"] for entry in entries] == [answer["id"]]


async def test_the_device_is_not_told_whom_its_guard_saw(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    seen = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert seen["identity"]["surname"] == "甄"
    again = (await client.post("/v1/scans", json=body, headers=gate.device)).json()
    assert again == seen | {"repeated": True, "identity": None}
    photo = f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}/photo"
    assert (await client.get(photo, headers=gate.device)).status_code == 404


async def test_the_device_gives_the_outcome_of_its_own_checks(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    await client.post("/v1/scans", json=gate.scan(code), headers=gate.device)
    checked = gate.scan(code)
    assert (await client.post("/v1/scans", json=checked, headers=gate.device)).json()["reason"] == "code_used"
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{checked['scan_id']}/outcome"
    reply = await client.put(path, json={"outcome": "let_in"}, headers=gate.device)
    assert (reply.status_code, reply.json()["outcome"]) == (200, "let_in")


async def test_a_device_scans_at_its_own_gate_only(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    other = await open_gate(runtime, name="映山里")
    (code,) = await mint(client, courier)
    reply = await client.post("/v1/scans", json=gate.scan(code), headers=other.device)
    assert (reply.status_code, reply.json()["code"]) == (409, "no_shift")


async def test_a_lost_device_is_cut_off_at_once(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    first, second = await mint(client, courier, 2)
    assert (await client.post("/v1/scans", json=gate.scan(first), headers=gate.device)).status_code == 200
    async with begin_work(
        runtime.database, runtime.deployment, now=clock.advance(seconds=30), actor=Actor.command("test")
    ) as work:
        await report_loss(work, device_id=gate.device_id, reason="遗失")
    for headers in (gate.device, gate.guard):
        reply = await client.post("/v1/scans", json=gate.scan(second), headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (409, "no_shift")
    path = f"/v1/enrolments/{gate.enrolment_id}/scans"
    reply = await client.post(path, json={"scans": [gate.offline(second, 1, clock())]}, headers=gate.device)
    assert reply.status_code == 401
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert len(entries) == 1
