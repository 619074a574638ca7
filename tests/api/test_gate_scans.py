"""What a gate scanned lately: every scan, for those who watch over it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.database import Database
from app.runtime import Runtime
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.passages import decide, manager_of, pass_gate, take_back
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.uploads import bring_in
from tests.statements import noted, plan_of

Headers = dict[str, str]


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def lately(client: httpx.AsyncClient, gate: WorkingGate, headers: Headers, **query: Any) -> Any:
    reply = await client.get(f"/v1/gates/{gate.gate_id}/scans", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_every_scan_is_shown_whatever_its_verdict(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    other = await open_gate(runtime, name="映山里")
    await pass_gate(client, other, await bring_courier(runtime, serial=2))
    entry = await pass_gate(client, gate, courier)
    clock.advance(seconds=1)
    check = gate.scan(entry["code"])
    await client.post("/v1/scans", json=check, headers=gate.guard)
    await decide(client, gate, check, "turned_away")
    clock.advance(seconds=1)
    await client.post("/v1/scans", json=gate.scan("no code at all"), headers=gate.guard)
    clock.advance(seconds=1)
    leaving = await pass_gate(client, gate, courier, "out")
    await take_back(client, gate, leaving)
    found = await lately(client, gate, gate.guard)
    assert found == await lately(client, gate, await manager_of(runtime, gate))
    fields = ("direction", "verdict", "reason", "outcome", "annulled", "offline", "doubtful")
    assert [tuple(item[field] for field in fields) for item in found["items"]] == [
        ("out", "admit", "verified", None, True, False, False),
        ("in", "refuse", "unreadable", None, False, False, False),
        ("in", "check", "code_used", "turned_away", False, False, False),
        ("in", "admit", "verified", None, False, False, False),
    ]
    identity = {"surname": "甄", "employer": "晨光速运", "kind_of_work": "外卖配送", "photo": None}
    assert [item["identity"] for item in found["items"]] == [identity, None, identity, identity]
    assert (found["items"][0]["id"], found["items"][3]["id"]) == (leaving["id"], entry["id"])
    assert found["items"][3]["at"] == "2026-05-11T04:00:00.000000Z"
    assert found["since"] == "2026-05-11T03:00:03.000000Z"


async def test_offline_scans_stand_where_they_happened_and_say_so(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    alone = clock()
    first, second = await mint(client, courier, 2)
    clock.advance(minutes=5)
    online = await pass_gate(client, gate, courier, "out")
    clock.advance(minutes=5)
    await bring_in(
        client,
        gate,
        gate.offline(first, 1, alone),
        gate.offline(second, 2, alone - timedelta(days=400), verdict="check", reason="bundle_stale"),
    )
    items = (await lately(client, gate, gate.guard))["items"]
    assert [(item["offline"], item["doubtful"], item["reason"]) for item in items[:1]] == [
        (False, False, "verified")
    ]
    assert items[0]["id"] == online["id"]
    assert sorted((item["offline"], item["doubtful"], item["reason"]) for item in items[1:]) == [
        (True, False, "verified"),
        (True, True, "bundle_stale"),
    ]
    assert {item["recorded_at"] for item in items[1:]} == {"2026-05-11T04:10:00.000000Z"}
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert [(entry["offline"], entry["doubtful"]) for entry in entries] == [(False, False), (True, False)]


async def test_the_last_hour_is_shown_and_no_more_than_a_day(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    scans: list[str] = []
    for _ in range(2):
        scans.insert(0, (await pass_gate(client, gate, courier))["id"])
        clock.advance(minutes=30)

    async def found(**query: str) -> list[str]:
        page = await lately(client, gate, await manager_of(runtime, gate), **query)
        return [item["id"] for item in page["items"]]

    assert await found() == scans
    clock.advance(microseconds=1)
    assert await found() == scans[:1]
    assert await found(since="2026-05-11T04:00:00Z") == scans
    assert await found(since="2026-05-11T12:30:00.000001+08:00") == []
    assert await found(since="2126-05-11T12:30:00Z") == []
    clock.now += timedelta(hours=23)
    assert await found() == []
    assert await found(since="2026-05-11T04:00:00Z") == scans[:1]
    page = await lately(client, gate, await manager_of(runtime, gate), since="0001-01-01T00:00:00Z")
    assert page["since"] == "2026-05-11T04:00:00.000001Z"


async def test_pages_are_newest_first_and_cost_as_many_statements_as_one_item(
    client: httpx.AsyncClient, database: Database, clock: SettableClock, gate: WorkingGate
) -> None:
    made: list[str] = []
    counts = set()
    for _ in range(5):
        reply = await client.post("/v1/scans", json=gate.scan("no code"), headers=gate.guard)
        made.insert(0, reply.json()["id"])
        clock.advance(seconds=1)
        with noted(database) as statements:
            await lately(client, gate, gate.guard)
        counts.add(len(statements))
    assert len(counts) == 1, counts
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await lately(client, gate, gate.guard, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert seen == made
    assert [UUID(scan) for scan in seen] == sorted(map(UUID, made), reverse=True)


async def test_the_index_of_the_gate_is_used_and_months_before_are_left_alone(
    client: httpx.AsyncClient,
    runtime: Runtime,
    database: Database,
    clock: SettableClock,
    gate: WorkingGate,
) -> None:
    clock.now = datetime(2027, 3, 15, tzinfo=UTC)
    manager = await manager_of(runtime, gate)
    with noted(database) as statements:
        await lately(client, gate, manager)
    (one,) = [each for each in statements if "FROM scans" in each[0]]
    plan = await plan_of(database, *one)
    assert "gate_id_happened_at" in plan
    assert "Seq Scan" not in plan
    assert "SCAN scans" not in plan
    if database.dialect == "postgresql":
        assert "scans_y2027m03" in plan
        assert "scans_y2027m02" not in plan
