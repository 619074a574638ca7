"""Gate rules where they matter: at the gate, in a simulation, and for what a device decided alone."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from app.models.couriers import Courier, CourierState
from app.models.gate_rules import WhenOffline
from app.runtime import Runtime
from app.services.couriers.states import change_state
from app.settings import Settings
from tests.clocks import SettableClock
from tests.factories.blocks import blocked, enter, manage
from tests.factories.gate_rules import WEEK, closure, condition, hours, kinds, make_rules, vehicles
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding


@pytest.fixture
def settings() -> Settings:
    """Sign-in tokens that outlast a shift of the clock."""
    return make_settings(access_token_seconds=3600)


@pytest.fixture
async def courier(runtime: Runtime) -> WorkingCourier:
    """Somebody who delivers food on an e-bike."""
    return await bring_courier(runtime, serial=1)


@pytest.fixture
async def manager(runtime: Runtime, gate: WorkingGate) -> dict[str, str]:
    return await manage(runtime, gate)


async def scan(
    client: httpx.AsyncClient, gate: WorkingGate, courier: WorkingCourier, **changed: Any
) -> dict[str, Any]:
    (code,) = await mint(client, courier)
    reply = await client.post(
        "/v1/scans", json=gate.scan(code, **changed), headers=gate.guard | {"accept-language": "zh"}
    )
    answer: dict[str, Any] = reply.json()
    return answer


async def simulate(
    client: httpx.AsyncClient, gate: WorkingGate, headers: dict[str, str], **query: str
) -> dict[str, Any]:
    reply = await client.get(f"/v1/gates/{gate.gate_id}/simulation", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


@pytest.mark.parametrize(
    ("clause", "reason", "sentence", "alternative"),
    [
        (
            hours("14:00-22:00"),
            "outside_hours",
            "现在不在开放时间内（第2条）。2026-05-11 14:00起可以进入。",
            {"opens_at": "2026-05-11T06:00:00.000000Z"},
        ),
        (
            closure("2026-05-11T00:00:00+08:00", "2026-05-12T00:00:00+08:00"),
            "gate_closed_temporarily",
            "门岗临时关闭（第2条）：道路施工2026-05-12 00:00起可以进入。",
            {"opens_at": "2026-05-11T16:00:00.000000Z"},
        ),
        (kinds("parcel_delivery"), "kind_of_work_not_admitted", "此工种不得由此进入（第2条）。", None),
        (
            vehicles("on_foot", "bicycle"),
            "vehicle_not_admitted",
            "此车辆不得由此进入（第2条）。可步行进入。",
            {"on_foot": True},
        ),
    ],
)
async def test_a_refusal_names_its_clause_and_the_nearest_alternative(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: dict[str, str],
    clause: dict[str, Any],
    reason: str,
    sentence: str,
    alternative: dict[str, Any] | None,
) -> None:
    await make_rules(runtime, gate, [condition("车停3号车棚"), clause])
    answer = await scan(client, gate, courier)
    assert (answer["verdict"], answer["reason"], answer["clause"]) == ("refuse", reason, 2)
    assert (answer["sentence"], answer["identity"], answer["conditions"]) == (sentence, None, [])
    nothing = {"gate_id": None, "gate": None, "opens_at": None, "on_foot": False}
    assert answer["alternative"] == (None if alternative is None else nothing | alternative)
    told = ("verdict", "reason", "sentence", "clause", "alternative", "conditions")
    simulated = await simulate(client, gate, manager)
    assert {name: simulated[name] for name in told} == {name: answer[name] for name in told}
    assert simulated["rules_version"] == 1
    assert (await scan(client, gate, courier, direction="out"))["verdict"] == "admit"


async def test_conditions_go_with_an_admission_and_are_repeated_word_for_word(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    on_trucks = condition("货车走西侧", vehicles=["truck"])
    await make_rules(runtime, gate, [condition("步行入内，车停3号车棚"), on_trucks])
    (code,) = await mint(client, courier)
    body = gate.scan(code)
    first = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert (first["verdict"], first["conditions"]) == ("admit", ["步行入内，车停3号车棚"])
    await make_rules(runtime, gate, [], based_on=1)
    again = (await client.post("/v1/scans", json=body, headers=gate.guard)).json()
    assert again == first | {"repeated": True}


async def test_a_code_that_was_refused_by_the_rules_of_one_compound_opens_another(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    other = await open_gate(runtime, name="映山里")
    await make_rules(runtime, gate, [kinds("parcel_delivery")])
    (code,) = await mint(client, courier)
    verdicts = [
        (await client.post("/v1/scans", json=place.scan(code), headers=place.guard)).json()["verdict"]
        for place in (gate, other)
    ]
    assert verdicts == ["refuse", "admit"]


async def test_a_blocked_courier_is_refused_at_that_compound_only_and_may_leave(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: dict[str, str],
) -> None:
    entry = await enter(client, gate, courier)
    other = await open_gate(runtime, name="映山里")
    until = (clock() + timedelta(hours=1)).isoformat()
    await blocked(client, gate, manager, entry, until=until)
    clock.advance(seconds=31)
    answer = await scan(client, gate, courier)
    assert (answer["verdict"], answer["reason"], answer["clause"]) == ("refuse", "blocked", None)
    assert answer["sentence"] == "此人被本小区禁入。"
    assert (await simulate(client, gate, manager, entry_id=entry))["reason"] == "blocked"
    assert (await scan(client, gate, courier, direction="out"))["verdict"] == "admit"
    clock.advance(seconds=31)
    assert (await scan(client, other, courier))["verdict"] == "admit"
    assert (await simulate(client, gate, manager, entry_id=entry, at=until))["verdict"] == "admit"


async def test_an_offline_scan_is_judged_by_the_rules_of_its_own_time(
    client: httpx.AsyncClient,
    runtime: Runtime,
    clock: SettableClock,
    gate: WorkingGate,
    courier: WorkingCourier,
) -> None:
    await make_rules(runtime, gate, [hours("06:00-24:00")])
    codes = await mint(client, courier, 4)
    happened = clock() + timedelta(seconds=5)
    clock.advance(seconds=30)
    await make_rules(runtime, gate, [hours("14:00-22:00")], based_on=1)
    later = clock() + timedelta(seconds=5)
    clock.advance(minutes=20)
    await make_rules(runtime, gate, [], based_on=2)
    reply = await client.post(
        f"/v1/enrolments/{gate.enrolment_id}/scans",
        json={"scans": [gate.offline(codes[0], 1, happened), gate.offline(codes[1], 2, later)]},
        headers=gate.device,
    )
    scans = [result["scan"] for result in reply.json()["results"]]
    assert [found["server_reason"] for found in scans] == ["verified", "outside_hours"]
    inbox = await client.get(f"/v1/gates/{gate.gate_id}/differences", headers=gate.guard)
    assert [(item["scan"], item["reason"], item["sentence"]) for item in inbox.json()["items"]] == [
        (scans[1]["id"], "outside_hours", "当时不在开放时间内。")
    ]


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        ("2026-05-15T12:00:00+08:00", "admit"),  # Friday
        ("2026-05-16T12:00:00+08:00", "refuse"),  # Saturday
        ("2026-05-15T23:30:00+08:00", "refuse"),
    ],
)
async def test_a_simulation_looks_ahead_and_stores_nothing(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: dict[str, str],
    at: str,
    verdict: str,
) -> None:
    await make_rules(runtime, gate, [hours("06:00-22:00", days=WEEK[:5])])
    answer = await simulate(client, gate, manager, at=at)
    assert answer["verdict"] == verdict
    assert datetime.fromisoformat(answer["at"]) == datetime.fromisoformat(at)
    entries = (await client.get("/v1/couriers/me/entries", headers=courier.headers)).json()["items"]
    assert entries == []


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("0001-01-01T00:00:00Z", "verified"),
        ("2106-02-08T00:00:00Z", "gate_closed_temporarily"),
        ("9999-12-31T23:59:59Z", "gate_closed_temporarily"),
    ],
)
async def test_a_simulation_asks_the_rules_also_for_times_that_no_code_can_bear(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    manager: dict[str, str],
    at: str,
    reason: str,
) -> None:
    assert (await simulate(client, gate, manager, at=at))["reason"] == "verified"
    await make_rules(runtime, gate, [closure("2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z")])
    assert (await simulate(client, gate, manager, at=at))["reason"] == reason
    assert (await simulate(client, gate, manager, at=at, direction="out"))["reason"] == "verified"


@pytest.mark.parametrize(
    ("when_offline", "stranger", "seen"),
    [
        (WhenOffline.deny, ("refuse", "offline_denied"), ("refuse", "offline_denied")),
        (WhenOffline.admit_if_seen, ("check", "not_seen_lately"), ("admit", "verified")),
        (WhenOffline.admit_and_flag, ("admit", "verified"), ("admit", "verified")),
    ],
)
async def test_a_simulation_says_what_a_device_says_without_network(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    courier: WorkingCourier,
    manager: dict[str, str],
    when_offline: WhenOffline,
    stranger: tuple[str, str],
    seen: tuple[str, str],
) -> None:
    entry = await enter(client, gate, courier)
    await make_rules(runtime, gate, [vehicles("on_foot"), hours("06:00-22:00")], when_offline=when_offline)

    async def alone(**query: str) -> tuple[str, str]:
        told = (await simulate(client, gate, manager, **query))["offline"]
        return told["verdict"], told["reason"]

    assert await alone() == stranger
    assert await alone(entry_id=entry) == seen
    assert await alone(direction="out") == ("admit", "verified")
    for another_day in ("2026-05-13T12:00:00+08:00", "9999-12-31T12:00:00+08:00"):
        assert await alone(entry_id=entry, at=another_day) == stranger  # not seen within the day before
    assert await alone(entry_id=entry, at="0001-01-01T00:00:00Z") == ("admit", "verified")  # no rules yet
    assert await alone(at="2026-05-11T23:00:00+08:00") == ("refuse", "outside_hours")
    async with seeding(runtime) as work:
        row = await work.session.get_one(Courier, courier.courier.id)
        await change_state(work, courier=row, to=CourierState.suspended, reason="test")
    assert await alone(entry_id=entry) == ("refuse", "handle_withdrawn")


@pytest.mark.parametrize(
    ("language", "denied"),
    [
        ("zh", "网络中断期间本小区不放行。"),
        ("en", "This compound admits nobody while the network is down."),
    ],
)
async def test_what_a_device_says_is_simulated_in_words(
    client: httpx.AsyncClient,
    runtime: Runtime,
    gate: WorkingGate,
    manager: dict[str, str],
    language: str,
    denied: str,
) -> None:
    await make_rules(runtime, gate, [hours("06:00-22:00")], when_offline=WhenOffline.deny)
    headers = manager | {"accept-language": language}
    late = await simulate(client, gate, headers, at="2026-05-11T23:00:00+08:00")
    assert late["offline"]["sentence"] == late["sentence"]
    noon = await simulate(client, gate, headers, at="2026-05-11T12:00:00+08:00")
    assert noon["offline"]["sentence"] == denied


async def test_simulations_are_for_those_who_keep_the_gate(
    client: httpx.AsyncClient, runtime: Runtime, gate: WorkingGate, courier: WorkingCourier
) -> None:
    other = await open_gate(runtime, name="映山里")
    strange = await manage(runtime, other)
    path = f"/v1/gates/{gate.gate_id}/simulation"
    for headers, status in ((strange, 404), (gate.guard, 403), (courier.headers, 403), ({}, 401)):
        assert (await client.get(path, headers=headers)).status_code == status
    entry = await enter(client, gate, courier)
    path = f"/v1/gates/{other.gate_id}/simulation"
    assert (await client.get(path, params={"entry_id": entry}, headers=strange)).status_code == 404
