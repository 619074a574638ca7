"""Scans whose answers were not heard, or that tell more when they come again: each stays one scan."""

import httpx
import pytest
from sqlalchemy import select

from app.models.couriers import Courier, CourierState
from app.models.scans import ScanOutcome, Whereabouts
from app.runtime import Runtime
from app.services.scans.reasons import Reason
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.passages import pass_gate, take_back
from tests.factories.scans import WorkingCourier, WorkingGate, mint
from tests.factories.settings import make_settings
from tests.factories.uploads import differences, entries, upload


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast an outage."""
    return make_settings(access_token_seconds=3600)


async def test_a_scan_whose_online_answer_got_lost_is_one_scan_with_what_was_done(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    """The server refused, nobody heard it, the device let in: one scan, one entry, one difference."""
    (code,) = await mint(client, courier)
    async with runtime.database.session() as session:
        (await session.get_one(Courier, courier.courier.id)).state = CourierState.suspended
    body = gate.scan(code)
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()["verdict"] == "refuse"
    scan = gate.offline(code, 1, clock(), scan_id=body["scan_id"])
    for _ in range(2):
        (result,) = await upload(client, gate, scan)
        assert (result["result"], result["scan"]["server_reason"]) == ("repeated", "suspended")
    (entry,) = await entries(client, courier)
    assert (entry["verdict"], entry["outcome"]) == ("refuse", "let_in")
    assert await differences(client, gate) == [(entry["id"], "suspended")]


@pytest.mark.parametrize(
    ("told", "noted"),
    [
        ({"verdict": "check", "reason": "bundle_stale", "outcome": "turned_away"}, []),
        ({"verdict": "refuse", "reason": "handle_withdrawn"}, ["verified"]),
    ],
)
async def test_who_was_turned_away_after_an_answer_that_got_lost_is_no_entry(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    told: dict[str, str],
    noted: list[str],
) -> None:
    """The server admitted, nobody heard it, and the guard let nobody in."""
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    assert (await client.post("/v1/scans", json=body, headers=gate.guard)).json()["verdict"] == "admit"
    scan = gate.offline(code, 1, clock(), **{"scan_id": body["scan_id"], **told})
    for _ in range(2):
        (result,) = await upload(client, gate, scan)
        assert result["result"] == "repeated"
    assert await entries(client, courier) == []
    inside = await client.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
    assert inside.json()["count"] == 0
    assert [reason for _, reason in await differences(client, gate)] == noted


async def test_an_outcome_may_come_later(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    scan = gate.offline(code, 1, clock(), verdict="check", reason="bundle_stale")
    await upload(client, gate, scan)
    assert await entries(client, courier) == []
    (result,) = await upload(client, gate, scan | {"outcome": "let_in"})
    assert result["result"] == "repeated"
    assert [entry["outcome"] for entry in await entries(client, courier)] == ["let_in"]
    assert await differences(client, gate) == []


async def test_an_outcome_that_comes_after_the_annulment_makes_no_entry(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    scan = gate.offline(code, 1, clock(), verdict="check", reason="bundle_stale")
    await upload(client, gate, scan)
    await take_back(client, gate, scan)
    (result,) = await upload(client, gate, scan | {"outcome": "let_in"})
    assert result["result"] == "repeated"
    assert await entries(client, courier) == []
    presence = await client.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
    assert presence.json()["count"] == 0


async def test_from_a_scan_that_was_taken_back_nothing_follows_afterwards(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    """The guard took a check back, and the device, which never heard of it, says that it let in."""
    entry = await pass_gate(client, gate, courier)
    checked = gate.scan(entry["code"])
    assert (await client.post("/v1/scans", json=checked, headers=gate.guard)).json()["verdict"] == "check"
    await take_back(client, gate, entry)
    await take_back(client, gate, checked)
    scan = gate.offline(entry["code"], 1, clock(), scan_id=checked["scan_id"])
    (result,) = await upload(client, gate, scan)
    assert result["result"] == "repeated"
    assert await entries(client, courier) == []
    inside = await client.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
    assert inside.json()["count"] == 0
    async with runtime.database.session(write=False) as session:
        assert (await session.scalars(select(ScanOutcome))).all() == []
        assert (await session.scalars(select(Whereabouts))).all() == []


@pytest.mark.parametrize("reason", list(Reason))
async def test_an_attempt_online_that_arrives_after_the_upload_is_told_what_the_device_said(
    client: httpx.AsyncClient,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    reason: Reason,
) -> None:
    (code,) = await mint(client, courier)
    await pass_gate(client, gate, courier)
    scan = gate.offline(code, 1, clock(), verdict="check", reason=reason.value)
    await upload(client, gate, scan)
    late = gate.scan(code, scan_id=scan["scan_id"])
    for language in ("zh", "en"):
        headers = gate.guard | {"accept-language": language}
        reply = await client.post("/v1/scans", json=late, headers=headers)
        assert reply.status_code == 200, reply.text
        said = reply.json()
        assert (said["verdict"], said["reason"], said["repeated"]) == ("check", reason.value, True)
        assert said["sentence"]
        assert "{" not in said["sentence"]
        assert (said["clause"], said["first_use"], said["conditions"]) == (None, None, [])
