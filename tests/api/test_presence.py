"""Who is inside a compound now: told by entries and exits, wherever they were, and only for so long."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.database import Database
from app.models.accounts import Role
from app.models.couriers import Person
from app.runtime import Runtime
from app.services.scans.endings import TIMED_OUT_AFTER
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.couriers import staff
from tests.factories.passages import decide, manager_of, pass_gate, take_back
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint
from tests.factories.settings import make_settings
from tests.factories.uploads import bring_in
from tests.statements import noted, plan_of

Headers = dict[str, str]


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def presence(client: httpx.AsyncClient, gate: WorkingGate, headers: Headers, **query: Any) -> Any:
    reply = await client.get(f"/v1/compounds/{gate.compound_id}/presence", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def inside(client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate) -> list[str]:
    """The scans by which those entered who are inside; the manager signs in anew, since time goes by."""
    found = await presence(client, gate, await manager_of(runtime, gate))
    assert found["count"] == len(found["items"])
    return [item["id"] for item in found["items"]]


async def test_who_entered_is_inside_until_an_exit(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    manager = await manager_of(runtime, gate)
    assert await presence(client, gate, manager) == {"count": 0, "items": [], "next_cursor": None}
    entry = await pass_gate(client, gate, courier)
    clock.advance(minutes=7, seconds=59)
    found = await presence(client, gate, gate.guard)
    assert found == await presence(client, gate, manager)
    assert found == {
        "count": 1,
        "items": [
            {
                "id": entry["id"],
                "since": "2026-05-11T04:00:00.000000Z",
                "minutes": 7,
                "gate_id": str(gate.gate_id),
                "gate": "东门",
                "offline": False,
                "identity": {
                    "surname": "甄",
                    "employer": "晨光速运",
                    "kind_of_work": "外卖配送",
                    "photo": None,
                },
            }
        ],
        "next_cursor": None,
    }
    leaving = await pass_gate(client, gate, courier, "out")
    assert (leaving["verdict"], leaving["reason"]) == ("admit", "verified")
    assert await inside(client, runtime, gate) == []


async def test_an_exit_without_an_entry_is_an_exit(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    leaving = await pass_gate(client, gate, courier, "out")
    assert leaving["verdict"] == "admit"
    assert await inside(client, runtime, gate) == []
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert [(entry["id"], entry["direction"]) for entry in entries] == [(leaving["id"], "out")]


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_a_passage_elsewhere_ends_presence_here(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
    direction: str,
) -> None:
    await pass_gate(client, gate, courier)
    clock.advance(minutes=20)
    elsewhere = await pass_gate(client, other, courier, direction)
    assert await inside(client, runtime, gate) == []
    assert await inside(client, runtime, other) == ([elsewhere["id"]] if direction == "in" else [])


async def test_nobody_is_inside_for_ever(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entry = await pass_gate(client, gate, courier)
    clock.now += TIMED_OUT_AFTER - timedelta(seconds=1)
    assert await inside(client, runtime, gate) == [entry["id"]]
    clock.advance(seconds=1)
    assert await inside(client, runtime, gate) == []


async def test_a_check_counts_once_the_guard_has_let_in(
    client: httpx.AsyncClient, clock: SettableClock, gate: WorkingGate, courier: WorkingCourier
) -> None:
    first = await pass_gate(client, gate, courier)
    await take_back(client, gate, first)
    checks = []
    for outcome in ("turned_away", "let_in"):
        clock.advance(seconds=1)
        body = gate.scan(first["code"])
        reply = await client.post("/v1/scans", json=body, headers=gate.guard)
        assert reply.json()["verdict"] == "check"
        assert (await presence(client, gate, gate.guard))["count"] == 0
        await decide(client, gate, body, outcome)
        checks.append(reply.json()["id"])
        expected = checks[1:]
        assert [item["id"] for item in (await presence(client, gate, gate.guard))["items"]] == expected


async def test_what_was_taken_back_counts_no_more(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entry = await pass_gate(client, gate, courier)
    clock.advance(minutes=1)
    leaving = await pass_gate(client, gate, courier, "out")
    assert await inside(client, runtime, gate) == []
    await take_back(client, gate, leaving)
    assert await inside(client, runtime, gate) == [entry["id"]]
    await take_back(client, gate, entry)
    assert await inside(client, runtime, gate) == []


async def test_what_becomes_known_late_counts_as_of_when_it_happened(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entered = clock()
    (first,) = await mint(client, courier)
    left = clock.advance(minutes=10)
    (second,) = await mint(client, courier)
    clock.advance(minutes=10)
    await bring_in(client, gate, gate.offline(first, 1, entered))
    (item,) = (await presence(client, gate, gate.guard))["items"]
    assert (item["since"], item["minutes"], item["offline"]) == ("2026-05-11T04:00:00.000000Z", 20, True)
    await bring_in(client, gate, gate.offline(second, 2, left, direction="out"))
    assert await inside(client, runtime, gate) == []
    entry = await pass_gate(client, other, courier)
    clock.advance(minutes=1)
    (third,) = await mint(client, courier)
    await bring_in(client, gate, gate.offline(third, 3, clock() - timedelta(seconds=2), direction="out"))
    assert await inside(client, runtime, other) == []
    assert entry["verdict"] == "admit"


async def test_pages_are_newest_first_and_cost_as_many_statements_as_one_item(
    client: httpx.AsyncClient,
    runtime: Runtime,
    database: Database,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
) -> None:
    made: list[tuple[datetime, UUID]] = []
    counts = []
    for serial in range(1, 6):
        entry = await pass_gate(client, gate, await bring_courier(runtime, serial=serial))
        made.append((clock(), UUID(entry["id"])))
        if serial % 2:
            clock.advance(seconds=1)  # so that two entered at one instant, twice
        with noted(database) as statements:
            await presence(client, gate, gate.guard)
        counts.append(len(statements))
    await pass_gate(client, other, await bring_courier(runtime, serial=6))
    assert set(counts) == {4}, statements  # caller, compound with shift, count, page
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await presence(client, gate, gate.guard, **query)
        assert page["count"] == 5
        seen += [item["id"] for item in page["items"]]
        if not (cursor := page["next_cursor"]):
            break
    assert seen == [str(entry) for _, entry in sorted(made, reverse=True)]
    assert [item["id"] for item in (await presence(client, gate, gate.guard))["items"]] == seen
    bad = await client.get(
        f"/v1/compounds/{gate.compound_id}/presence", params={"cursor": "x"}, headers=gate.guard
    )
    assert bad.status_code == 422


async def test_the_index_of_those_inside_is_used(
    client: httpx.AsyncClient, database: Database, gate: WorkingGate, courier: WorkingCourier
) -> None:
    await pass_gate(client, gate, courier)
    with noted(database) as statements:
        await presence(client, gate, gate.guard)
    about = [each for each in statements if "FROM whereabouts" in each[0]]
    assert len(about) == 2
    for statement, parameters in about:
        plan = await plan_of(database, statement, parameters)
        assert "ix_whereabouts_inside" in plan
        assert "SCAN whereabouts" not in plan
        assert "Seq Scan" not in plan


async def test_who_was_erased_is_inside_and_has_no_name(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    await pass_gate(client, gate, courier)
    async with runtime.database.session() as session:
        (await session.get_one(Person, courier.courier.person_id)).wrapped_key = None
    (item,) = (await presence(client, gate, gate.guard))["items"]
    assert item["identity"] is None


async def test_only_those_who_watch_over_the_compound_see_who_is_inside(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    paths = [f"/v1/compounds/{gate.compound_id}/presence", f"/v1/gates/{gate.gate_id}/scans"]
    absent = [f"/v1/compounds/{uuid4()}/presence", f"/v1/gates/{uuid4()}/scans"]
    strangers = {
        "anonymous": ({}, 401),
        "courier": (courier.headers, 403),
        "device": (gate.device, 403),
        "registrar": (await staff(runtime, Role.registrar), 403),
        "other guard": (other.guard, 404),
        "other manager": (await manager_of(runtime, other), 404),
    }
    for path, nothing in zip(paths, absent, strict=True):
        for who, (headers, status) in strangers.items():
            for asked in (path, nothing):
                assert (await client.get(asked, headers=headers)).status_code == status, who
    ended = await client.delete("/v1/shifts/current", headers=gate.guard)
    assert ended.status_code == 204, ended.text
    for path in paths:
        assert (await client.get(path, headers=gate.guard)).status_code == 404
        assert (await client.get(path, headers=await manager_of(runtime, gate))).status_code == 200
