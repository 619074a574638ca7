"""What follows a scan: the outcome of a check, an annulment, a photo to compare, the lists of entries."""

import io
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image

from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.scans import WorkingCourier, WorkingGate, mint, open_gate
from tests.factories.settings import make_settings


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def scan(client: httpx.AsyncClient, gate: WorkingGate, code: str, **changed: object) -> httpx.Response:
    return await client.post("/v1/scans", json=gate.scan(code, **changed), headers=gate.guard)


async def test_a_check_becomes_an_entry_when_the_guard_lets_in(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    await scan(client, gate, code)
    body = gate.scan(code)
    await client.post("/v1/scans", json=body, headers=gate.guard)
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}/outcome"

    async def entries() -> int:
        page = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()
        return len(page["items"])

    assert await entries() == 1
    first = await client.put(path, json={"outcome": "let_in"}, headers=gate.guard)
    again = await client.put(path, json={"outcome": "let_in"}, headers=gate.guard)
    assert first.status_code == 200
    assert again.json() == first.json()
    assert await entries() == 2
    other = await client.put(path, json={"outcome": "turned_away"}, headers=gate.guard)
    assert (other.status_code, other.json()["code"]) == (409, "outcome_conflict")


async def test_an_admitted_scan_takes_no_outcome(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    await client.post("/v1/scans", json=body, headers=gate.guard)
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}/outcome"
    reply = await client.put(path, json={"outcome": "let_in"}, headers=gate.guard)
    assert (reply.status_code, reply.json()["code"]) == (409, "no_outcome_wanted")


async def test_a_mistaken_scan_is_annulled_within_a_quarter_of_an_hour(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    bodies = [gate.scan(code), gate.scan(code)]
    for body in bodies:
        await client.post("/v1/scans", json=body, headers=gate.guard)
    paths = [f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}" for body in bodies]
    reason = {"reason": "扫错方向"}
    clock.advance(minutes=14)
    done = await client.put(f"{paths[0]}/annulment", json=reason, headers=gate.guard)
    assert done.json()["annulled"] is True
    assert (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"] == []
    clock.advance(minutes=2)
    late = await client.put(f"{paths[1]}/annulment", json=reason, headers=gate.guard)
    assert (late.status_code, late.json()["code"]) == (409, "annulment_too_late")
    again = await client.put(f"{paths[0]}/annulment", json=reason, headers=gate.guard)
    assert again.json() == done.json()


async def test_an_annulled_check_takes_no_outcome(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    await scan(client, gate, code)
    body = gate.scan(code)
    await client.post("/v1/scans", json=body, headers=gate.guard)
    path = f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}"
    await client.put(f"{path}/annulment", json={"reason": "误扫"}, headers=gate.guard)
    reply = await client.put(f"{path}/outcome", json={"outcome": "let_in"}, headers=gate.guard)
    assert (reply.status_code, reply.json()["code"]) == (409, "scan_annulled")


async def test_another_guards_scan_is_as_absent_as_none(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    (code,) = await mint(client, courier)
    other = await open_gate(runtime, name="映山里")
    body = gate.scan(code)
    await client.post("/v1/scans", json=body, headers=gate.guard)
    for path in (
        f"/v1/enrolments/{gate.enrolment_id}/scans/{body['scan_id']}",
        f"/v1/enrolments/{gate.enrolment_id}/scans/{uuid4()}",
        f"/v1/enrolments/{uuid4()}/scans/{body['scan_id']}",
    ):
        for reply in (
            await client.put(f"{path}/outcome", json={"outcome": "let_in"}, headers=other.guard),
            await client.put(f"{path}/annulment", json={"reason": "误扫"}, headers=other.guard),
            await client.get(f"{path}/photo", headers=other.guard),
        ):
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_the_guard_who_scanned_sees_the_photo_for_a_quarter_of_an_hour(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (300, 400), "#a06040").save(drawn, "PNG")
    kept = await client.put(
        "/v1/couriers/me/photo",
        content=drawn.getvalue(),
        headers=courier.headers | {"content-type": "image/png"},
    )
    assert kept.status_code == 204, kept.text
    (code,) = await mint(client, courier)
    answer = (await scan(client, gate, code)).json()
    path = answer["identity"]["photo"]
    shown = await client.get(path, headers=gate.guard)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(shown.content)).size == (300, 400)
    other = await open_gate(runtime, name="映山里")
    assert (await client.get(path, headers=other.guard)).status_code == 404
    assert (await client.get(path, headers=courier.headers)).status_code == 404
    clock.advance(minutes=15, seconds=1)
    assert (await client.get(path, headers=gate.guard)).status_code == 404


async def test_entries_are_paged_newest_first(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    made = []
    for _ in range(5):
        (code,) = await mint(client, courier)
        made.append((await scan(client, gate, code)).json()["id"])
        clock.advance(seconds=31)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/couriers/me/entries", params=query, headers=courier.headers)).json()
        seen += [entry["id"] for entry in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert seen == made[::-1]
    assert [UUID(entry) for entry in seen] == sorted(map(UUID, made), reverse=True)
    bad = await client.get("/v1/couriers/me/entries", params={"cursor": "x"}, headers=courier.headers)
    assert bad.status_code == 422
