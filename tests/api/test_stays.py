"""How long couriers stayed: derived from scans, so that what becomes known later corrects it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.database import Database
from app.models.accounts import Role
from app.runtime import Runtime
from app.services.scans.endings import TIMED_OUT_AFTER
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.couriers import staff
from tests.factories.passages import decide, make_visit, manager_of, pass_gate, take_back
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.uploads import bring_in
from tests.factories.work import seeding
from tests.statements import noted, plan_of

Headers = dict[str, str]
Told = tuple[str, int | None]
"""How a stay ended, and its minutes."""


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


async def stays(client: httpx.AsyncClient, gate: WorkingGate, manager: Headers, **query: Any) -> Any:
    reply = await client.get(f"/v1/compounds/{gate.compound_id}/stays", params=query, headers=manager)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def own(client: httpx.AsyncClient, headers: Headers, **query: Any) -> list[dict[str, Any]]:
    reply = await client.get("/v1/couriers/me/stays", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


async def told(client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate) -> list[Told]:
    """How the stays at the gate's compound ended, the oldest first."""
    items = (await stays(client, gate, await manager_of(runtime, gate)))["items"]
    return [(item["ending"], item["minutes"]) for item in reversed(items)]


async def test_a_stay_says_who_where_since_when_until_when_and_how_that_is_known(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entry = await pass_gate(client, gate, courier)
    clock.advance(minutes=12, seconds=30)
    await pass_gate(client, gate, courier, "out")
    stay = {
        "id": entry["id"],
        "compound_id": str(gate.compound_id),
        "compound": "翠湖苑",
        "gate_id": str(gate.gate_id),
        "gate": "东门",
        "entered_at": "2026-05-11T04:00:00.000000Z",
        "left_at": "2026-05-11T04:12:30.000000Z",
        "ending": "scanned",
        "minutes": 12,
        "at_most": False,
        "offline": False,
        "doubtful": False,
    }
    clock.advance(seconds=1)
    assert await own(client, courier.headers) == [stay]
    identity = {"surname": "甄", "employer": "晨光速运", "kind_of_work": "外卖配送", "photo": None}
    manager = await manager_of(runtime, gate)
    assert await stays(client, gate, manager) == {
        "items": [stay | {"identity": identity}],
        "next_cursor": None,
    }
    english = await client.get(
        f"/v1/compounds/{gate.compound_id}/stays", headers=manager | {"accept-language": "en"}
    )
    assert english.json()["items"][0]["identity"]["kind_of_work"] == "food delivery"


@pytest.mark.parametrize(
    ("passages", "here", "elsewhere"),
    [
        ([("here", "in", 9)], [("inside", None)], []),
        ([("here", "in", 9), ("here", "out", 1)], [("scanned", 9)], []),
        ([("here", "out", 5)], [], []),
        ([("here", "in", 9), ("elsewhere", "in", 1)], [("inferred", None)], [("inside", None)]),
        ([("here", "in", 9), ("elsewhere", "out", 1)], [("inferred", None)], []),
        ([("here", "in", 9), ("here", "in", 4), ("here", "out", 1)], [("inferred", 9), ("scanned", 4)], []),
        (
            [("here", "in", 5), ("elsewhere", "in", 6), ("elsewhere", "out", 7), ("here", "out", 8)],
            [("inferred", None)],
            [("scanned", 6)],
        ),
    ],
)
async def test_the_next_passage_ends_a_stay(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
    passages: Sequence[tuple[str, str, int]],
    here: list[Told],
    elsewhere: list[Told],
) -> None:
    """Each passage with the minutes until the next; somebody else comes and goes between."""
    stranger = await bring_courier(runtime, serial=2)
    third = await open_gate(runtime, name="春晖园")
    for place, direction, minutes in passages:
        await pass_gate(client, gate if place == "here" else other, courier, direction)
        clock.advance(seconds=20)
        await pass_gate(client, third, stranger, "in")
        clock.advance(minutes=minutes, seconds=-20)
    assert await told(client, runtime, gate) == here
    assert await told(client, runtime, other) == elsewhere
    mine = await own(client, courier.headers)
    assert len(mine) == len(here) + len(elsewhere)
    assert [item["at_most"] for item in mine] == [item["ending"] == "inferred" for item in mine]
    assert len(await own(client, stranger.headers)) == len(passages)


async def test_two_couriers_end_no_stay_of_each_other(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    second = await bring_courier(runtime, serial=2)
    for who, direction in ((courier, "in"), (second, "in"), (courier, "out"), (second, "out")):
        await pass_gate(client, gate, who, direction)
        clock.advance(minutes=3)
    assert await told(client, runtime, gate) == [("scanned", 6), ("scanned", 6)]


async def test_after_hours_without_a_passage_a_stay_has_timed_out(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    clock.now += TIMED_OUT_AFTER - timedelta(seconds=1)
    assert await told(client, runtime, gate) == [("inside", None)]
    clock.advance(seconds=1)
    (item,) = (await stays(client, gate, await manager_of(runtime, gate)))["items"]
    assert (item["ending"], item["left_at"], item["minutes"]) == ("timed_out", None, None)
    assert item["at_most"] is False


async def test_what_was_refused_turned_away_or_taken_back_ends_no_stay(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    entry = await pass_gate(client, gate, courier)
    clock.advance(minutes=2)
    check = other.scan(entry["code"])
    assert (await client.post("/v1/scans", json=check, headers=other.guard)).json()["verdict"] == "refuse"
    fresh = await pass_gate(client, other, courier)
    assert await told(client, runtime, gate) == [("inferred", None)]
    await take_back(client, other, fresh)
    assert await told(client, runtime, gate) == [("inside", None)]
    clock.advance(seconds=30)
    check = other.scan(fresh["code"])
    assert (await client.post("/v1/scans", json=check, headers=other.guard)).json()["verdict"] == "check"
    assert await told(client, runtime, gate) == [("inside", None)]
    await decide(client, other, check, "turned_away")
    assert await told(client, runtime, gate) == [("inside", None)]
    leaving = await pass_gate(client, gate, courier, "out")
    assert await told(client, runtime, gate) == [("scanned", 2)]
    await take_back(client, gate, leaving)
    assert await told(client, runtime, gate) == [("inside", None)]
    await take_back(client, gate, entry)
    assert await told(client, runtime, gate) == []


async def test_what_becomes_known_late_corrects_what_was_told_before(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    left = clock.advance(minutes=6)
    (leaving,) = await mint(client, courier)
    entered = clock.advance(minutes=4)
    (entering,) = await mint(client, courier)
    clock.advance(minutes=20)
    await pass_gate(client, other, courier)
    assert await told(client, runtime, gate) == [("inferred", None)]
    # The later of the two becomes known first.
    await bring_in(client, gate, gate.offline(entering, 2, entered))
    assert await told(client, runtime, gate) == [("inferred", 10), ("inferred", None)]
    await bring_in(client, gate, gate.offline(leaving, 1, left, direction="out"))
    assert await told(client, runtime, gate) == [("scanned", 6), ("inferred", None)]
    assert [item["offline"] for item in await own(client, courier.headers)] == [False, True, False]


async def test_visitors_of_another_city_have_no_stays(
    client: httpx.AsyncClient, runtime: Runtime, clock: SettableClock, gate: WorkingGate
) -> None:
    async with seeding(runtime) as work:
        visit = await make_visit(work, gate, at=clock())
    clock.advance(minutes=1)
    manager = await manager_of(runtime, gate)
    entries = await client.get(f"/v1/compounds/{gate.compound_id}/entries", headers=manager)
    assert [entry["id"] for entry in entries.json()["items"]] == [str(visit)]
    assert await told(client, runtime, gate) == []


async def test_a_window_holds_what_began_in_it(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    made = []
    for _ in range(3):
        made.append((await pass_gate(client, gate, courier))["id"])
        clock.advance(minutes=10)
    manager = await manager_of(runtime, gate)

    async def found(**query: str) -> list[str]:
        items = (await stays(client, gate, manager, **query))["items"]
        assert items == [
            item | {"identity": items[number]["identity"]}
            for number, item in enumerate(await own(client, courier.headers, **query))
        ]
        return [item["id"] for item in reversed(items)]

    assert await found() == made
    assert await found(to="2026-05-11T04:20:00Z") == made[:2]
    assert await found(**{"from": "2026-05-11T12:10:00+08:00"}) == made[1:]
    assert await found(**{"from": "2026-05-11T04:10:00Z", "to": "2026-05-11T04:20:00Z"}) == made[1:2]
    assert await found(**{"from": "2026-04-10T04:20:00Z", "to": "2026-05-11T04:20:00Z"}) == made[:2]
    for long_ago in ("0001-01-03T00:00:00Z", "0001-01-01T00:00:01Z"):
        assert await found(to=long_ago) == []
    clock.advance(hours=24, seconds=-10 * 60)
    manager = await manager_of(runtime, gate)
    assert [item["id"] for item in (await stays(client, gate, manager))["items"]] == made[2:]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-04-10T04:19:59Z", "to": "2026-05-11T04:20:00Z"},
        {"from": "2026-05-11T04:20:00Z", "to": "2026-05-11T04:20:00Z"},
        {"from": "2026-05-12T04:20:00Z"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"to": "0001-01-01T00:00:00Z"},
    ],
)
async def test_a_window_that_is_none_is_refused(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    query: dict[str, str],
) -> None:
    manager = await manager_of(runtime, gate)
    for path, headers in (
        (f"/v1/compounds/{gate.compound_id}/stays", manager),
        ("/v1/couriers/me/stays", courier.headers),
    ):
        reply = await client.get(path, params=query, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_window")
        assert "31" in reply.json()["detail"]


async def test_pages_are_newest_first_and_cost_as_many_statements_as_one_item(
    client: httpx.AsyncClient,
    runtime: Runtime,
    database: Database,
    clock: SettableClock,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    manager = await manager_of(runtime, gate)
    made: list[str] = []
    counts = set()
    for number in range(5):
        made.insert(0, (await pass_gate(client, gate, courier))["id"])
        clock.advance(seconds=40)
        await pass_gate(client, other if number % 2 else gate, courier, "out")
        clock.advance(seconds=40)
        with noted(database) as statements:
            await stays(client, gate, manager)
        counts.add(len(statements))
        with noted(database) as statements:
            await own(client, courier.headers)
        counts.add(len(statements) + 1)  # one asks for no compound
    assert len(counts) == 1, counts
    for path, headers in (
        (f"/v1/compounds/{gate.compound_id}/stays", manager),
        ("/v1/couriers/me/stays", courier.headers),
    ):
        seen: list[tuple[str, str]] = []
        cursor: str | None = None
        while True:
            query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(path, params=query, headers=headers)).json()
            seen += [(item["id"], item["ending"]) for item in page["items"]]
            if not (cursor := page["next_cursor"]):
                break
        endings = ["scanned", "inferred", "scanned", "inferred", "scanned"]
        assert seen == list(zip(made, endings, strict=True))
        assert [UUID(stay) for stay, _ in seen] == sorted((UUID(stay) for stay in made), reverse=True)


async def test_indexes_find_stays_and_what_came_next(
    client: httpx.AsyncClient,
    runtime: Runtime,
    database: Database,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    with noted(database) as statements:
        await stays(client, gate, await manager_of(runtime, gate))
    (one,) = [each for each in statements if "FROM scans" in each[0]]
    plan = await plan_of(database, *one)
    assert "compound_id_happened_at" in plan
    assert "courier_id_happened_at" in plan
    assert "Seq Scan" not in plan
    assert "SCAN scans" not in plan


async def test_only_managers_of_the_compound_see_its_stays(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    other: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await pass_gate(client, gate, courier)
    strangers = {
        "anonymous": ({}, 401),
        "courier": (courier.headers, 403),
        "guard": (gate.guard, 403),
        "registrar": (await staff(runtime, Role.registrar), 403),
        "other manager": (await manager_of(runtime, other), 404),
    }
    for compound_id in (gate.compound_id, UUID(int=0)):
        for who, (headers, status) in strangers.items():
            reply = await client.get(f"/v1/compounds/{compound_id}/stays", headers=headers)
            assert reply.status_code == status, who
    assert (await client.get("/v1/couriers/me/stays")).status_code == 401
    for headers in (gate.guard, (await bring_courier(runtime, serial=2)).headers):
        assert await own(client, headers) == []
