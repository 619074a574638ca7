"""Scans that arrive at one instant, with real sessions and two processes on one database: R2 and R10."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.models.scans import CodeUse, Scan, ScanKey, ScanOutcome
from app.runtime import Runtime
from app.services.accounts.actors import load_actor
from app.services.codes.format import LATE, TTL_UNIT
from app.services.codes.minting import LIFE_UNITS
from app.services.couriers.states import lock_courier
from app.services.scans.admission import admit
from app.services.scans.answers import Answer
from app.services.scans.gathering import LARGEST_LIST
from app.services.scans.outcomes import annul
from app.services.scans.presentation import Presentation
from app.work import Actor, Work, begin_work
from tests.conftest import NOON
from tests.factories.passages import pass_gate, take_back
from tests.factories.presentations import guard_claims, presented
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.uploads import entries, upload
from tests.factories.work import seeding
from tests.logs import captured_logs
from tests.processes import Process
from tests.statements import noted

CROWD = 100
LAST_MOMENT = LIFE_UNITS * TTL_UNIT + LATE
"""Seconds after a code was made."""


@pytest.fixture
async def gates(processes: tuple[Process, Process]) -> tuple[WorkingGate, WorkingGate]:
    runtime = processes[0].runtime
    return await open_gate(runtime, name="翠湖苑"), await open_gate(runtime, name="映山里")


@pytest.fixture
async def courier(processes: tuple[Process, Process]) -> WorkingCourier:
    return await bring_courier(processes[0].runtime, serial=1)


async def post(process: Process, gate: WorkingGate, body: dict[str, Any]) -> httpx.Response:
    return await process.client.post("/v1/scans", json=body, headers=gate.guard)


async def count(database: Database, table: type[Any]) -> int:
    async with database.session(write=False) as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("late", [0, LAST_MOMENT], ids=["at once", "at the last moment"])
async def test_one_code_shown_a_hundred_times_at_once_admits_once(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
    late: int,
) -> None:
    (code,) = await mint(processes[0].client, courier)
    for process in processes:
        process.clock.advance(seconds=late)
    replies = await asyncio.gather(
        *(
            post(processes[number % 2], gates[number // 2 % 2], gates[number // 2 % 2].scan(code))
            for number in range(CROWD)
        )
    )
    assert {reply.status_code for reply in replies} == {200}
    answers = [reply.json() for reply in replies]
    assert Counter((answer["verdict"], answer["reason"]) for answer in answers) == {
        ("admit", "verified"): 1,
        ("check", "code_used"): CROWD - 1,
    }
    (winner,) = [number for number, answer in enumerate(answers) if answer["verdict"] == "admit"]
    first = {
        "at": answers[winner]["recorded_at"],
        "gate_id": str(gates[winner // 2 % 2].gate_id),
        "compound": ("翠湖苑", "映山里")[winner // 2 % 2],
        "gate": "东门",
    }
    assert all(answer["first_use"] == first for answer in answers if answer["verdict"] == "check")
    assert await count(own_database, Scan) == CROWD
    assert await count(own_database, CodeUse) == 1
    for process, gate in zip(processes, gates, strict=True):
        process.clock.advance(seconds=LAST_MOMENT - late)
        again = (await post(process, gate, gate.scan(code))).json()
        assert (again["verdict"], again["reason"], again["first_use"]) == ("check", "code_used", first)
        process.clock.advance(seconds=1)
        after = (await post(process, gate, gate.scan(code))).json()
        assert (after["verdict"], after["reason"]) == ("refuse", "expired")


async def test_a_first_entry_does_not_wait_for_who_holds_the_courier(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    """A reviewer's transaction may last; what names the courier for the first time is stored meanwhile."""
    if own_database.dialect == "sqlite":
        pytest.skip("one writer at a time")
    (code,) = await mint(processes[0].client, courier)
    runtime, now = processes[1].runtime, processes[1].clock()
    async with begin_work(runtime.database, runtime.deployment, now=now, actor=Actor.command("test")) as work:
        await lock_courier(work, courier_id=courier.courier.id)
        async with asyncio.timeout(5):
            reply = await post(processes[0], gates[0], gates[0].scan(code))
    assert (reply.status_code, reply.json()["verdict"]) == (200, "admit")


async def test_two_entries_taken_back_at_once_leave_nobody_inside(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
) -> None:
    (one, other), (gate, _) = processes, gates
    earlier = await pass_gate(other.client, gate, courier)
    for process in processes:
        process.clock.advance(seconds=1)
    later = await pass_gate(other.client, gate, courier)
    async with one.runtime.database.session() as session:
        actor = await load_actor(session, guard_claims(one.runtime, gate))
        work = Work(session, one.clock(), actor, one.runtime.deployment)
        await annul(work, enrolment_id=gate.enrolment_id, scan_id=UUID(later["scan_id"]), reason="重复扫码")
        await session.flush()
        taking_back = asyncio.create_task(take_back(other.client, gate, earlier))
        await asyncio.sleep(0.5)
    await taking_back
    presence = await other.client.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
    assert presence.json()["count"] == 0


async def test_one_scan_sent_fifty_times_at_once_is_stored_once(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    (code,) = await mint(processes[0].client, courier)
    body = gates[0].scan(code)
    replies = await asyncio.gather(*(post(processes[number % 2], gates[0], body) for number in range(50)))
    answers = [reply.json() for reply in replies]
    assert {reply.status_code for reply in replies} == {200}
    assert Counter(answer.pop("repeated") for answer in answers) == {False: 1, True: 49}
    assert answers == [answers[0]] * 50
    assert answers[0]["verdict"] == "admit"
    assert await count(own_database, Scan) == await count(own_database, ScanKey) == 1


async def test_one_scan_id_for_fifty_codes_at_once_names_one_of_them(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    codes = [*await mint(processes[0].client, courier, 20), *(f"not a code {number}" for number in range(30))]
    body = gates[0].scan(codes[0])
    replies = await asyncio.gather(
        *(post(processes[number % 2], gates[0], body | {"code": code}) for number, code in enumerate(codes))
    )
    assert Counter(reply.status_code for reply in replies) == {200: 1, 409: 49}
    assert {reply.json()["code"] for reply in replies if reply.status_code == 409} == {"scan_conflict"}
    assert await count(own_database, Scan) == 1


async def test_two_guards_with_one_code_at_the_same_instant(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    for code in await mint(processes[0].client, courier, 1) + [
        (await mint(processes[0].client, await bring_courier(processes[0].runtime, serial=serial)))[0]
        for serial in range(2, 12)
    ]:
        replies = await asyncio.gather(
            *(post(process, gate, gate.scan(code)) for process, gate in zip(processes, gates, strict=True))
        )
        verdicts = sorted(reply.json()["verdict"] for reply in replies)
        assert verdicts == ["admit", "check"]


async def test_codes_of_many_in_every_order_never_wait_in_a_circle(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate]
) -> None:
    """Both processes take the same codes, one from the front and one from the back."""
    codes = [
        (await mint(processes[0].client, await bring_courier(processes[0].runtime, serial=serial)))[0]
        for serial in range(1, 11)
    ]
    replies = await asyncio.gather(
        *(post(processes[0], gates[0], gates[0].scan(code)) for code in codes),
        *(post(processes[1], gates[1], gates[1].scan(code)) for code in reversed(codes)),
    )
    assert {reply.status_code for reply in replies} == {200}
    assert Counter(reply.json()["verdict"] for reply in replies) == {"admit": 10, "check": 10}


async def test_of_fifty_outcomes_at_once_one_wins(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    (code,) = await mint(processes[0].client, courier)
    await post(processes[0], gates[0], gates[0].scan(code))
    checked = gates[0].scan(code)
    assert (await post(processes[0], gates[0], checked)).json()["verdict"] == "check"
    path = f"/v1/enrolments/{gates[0].enrolment_id}/scans/{checked['scan_id']}/outcome"
    outcomes = ["let_in", "turned_away"] * 25
    replies = await asyncio.gather(
        *(
            processes[number // 2 % 2].client.put(path, json={"outcome": outcome}, headers=gates[0].guard)
            for number, outcome in enumerate(outcomes)
        )
    )
    async with own_database.session(write=False) as session:
        stored = (await session.scalars(select(ScanOutcome))).one()
    accepted = [reply.json() for reply in replies if reply.status_code == 200]
    assert [answer["outcome"] for answer in accepted] == [stored.outcome] * 25
    assert accepted == [accepted[0]] * 25
    assert Counter(reply.json()["code"] for reply in replies if reply.status_code != 200) == {
        "outcome_conflict": 25
    }


async def test_an_outcome_and_an_annulment_at_once_take_turns(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    for _ in range(6):
        (code,) = await mint(processes[0].client, courier)
        await post(processes[0], gates[0], gates[0].scan(code))
        checked = gates[0].scan(code)
        await post(processes[0], gates[0], checked)
        path = f"/v1/enrolments/{gates[0].enrolment_id}/scans/{checked['scan_id']}"
        given, annulled = await asyncio.gather(
            processes[0].client.put(f"{path}/outcome", json={"outcome": "let_in"}, headers=gates[0].guard),
            processes[1].client.put(f"{path}/annulment", json={"reason": "误扫"}, headers=gates[0].guard),
        )
        assert annulled.status_code == 200
        if given.status_code == 200:
            assert annulled.json()["outcome"] == "let_in"
        else:
            assert (given.json()["code"], annulled.json()["outcome"]) == ("scan_annulled", None)
        for process in processes:
            process.clock.advance(seconds=31)


async def test_an_upload_that_tells_more_and_an_annulment_at_once_take_turns(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    here, there, gate = processes[0].client, processes[1].client, gates[0]
    for number in range(1, 7):
        (code,) = await mint(here, courier)
        scan = gate.offline(code, number, processes[0].clock(), verdict="check", reason="bundle_stale")
        await upload(here, gate, scan)
        path = f"/v1/enrolments/{gate.enrolment_id}/scans/{scan['scan_id']}/annulment"
        (again,), annulled = await asyncio.gather(
            upload(here, gate, scan | {"outcome": "let_in"}),
            there.put(path, json={"reason": "误扫"}, headers=gate.guard),
        )
        assert (again["result"], annulled.status_code) == ("repeated", 200)
        assert annulled.json()["outcome"] in {None, "let_in"}
        # Whichever came first: what was taken back is no entry, and nobody is inside by it.
        assert await entries(here, courier) == []
        inside = await here.get(f"/v1/compounds/{gate.compound_id}/presence", headers=gate.guard)
        assert inside.json()["count"] == 0
        for process in processes:
            process.clock.advance(seconds=31)


async def test_an_admission_takes_as_many_statements_for_a_hundred_scans_as_for_two(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate]
) -> None:
    here = processes[0]
    couriers = [await bring_courier(here.runtime, serial=serial) for serial in range(1, 11)]
    statements = {}
    for size in (2, 10, 100, LARGEST_LIST):
        here.clock.advance(seconds=1)
        codes = [text for courier in couriers for text in await mint(here.client, courier)]
        # Used before, so that every admission asks for first uses and flags a courier, whatever its size.
        await post(here, gates[0], gates[0].scan(codes[0]))
        presentations = [
            presented(here.runtime, gates[number % 2], await here.runtime.codes.read(codes[number % 10]))
            for number in range(size)
        ]
        statements[size] = await statements_of_admission(here.runtime, presentations)
    assert len(set(statements.values())) == 1, statements


async def test_uploads_that_find_a_code_used_earlier_at_once_all_keep_it_in_mind(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    """Each takes the first use of the code over from the one before, at another gate."""
    (code,) = await mint(processes[0].client, courier)
    began = processes[0].clock()
    for process in processes:
        process.clock.advance(seconds=60)
    scans = [gates[turn % 2].offline(code, turn + 1, began + timedelta(seconds=turn)) for turn in range(50)]

    async def bring_in(turn: int) -> httpx.Response:
        gate = gates[turn % 2]
        path = f"/v1/enrolments/{gate.enrolment_id}/scans"
        return await processes[turn % 2].client.post(path, json={"scans": [scans[turn]]}, headers=gate.device)

    with captured_logs() as logs:
        replies = await asyncio.gather(*map(bring_in, reversed(range(50))))
    results = [result for reply in replies for result in reply.json()["results"]]
    assert [result["result"] for result in results] == ["stored"] * 50
    assert "upload_taken_apart" not in logs.getvalue()
    async with own_database.session(write=False) as session:
        (use,) = (await session.scalars(select(CodeUse))).all()
    assert use.used_at == began


async def statements_of_admission(runtime: Runtime, presentations: list[Presentation]) -> int:
    async with seeding(runtime) as work:
        with noted(runtime.database) as statements:
            results = await admit(work, presentations)
    assert all(isinstance(result, Answer) for result in results)
    return len(statements)


async def test_a_server_behind_the_one_that_minted_takes_the_code_within_five_seconds(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    (code,) = await mint(processes[0].client, courier)
    seen = []
    for behind in (6, 5):
        processes[1].clock.now = NOON - timedelta(seconds=behind)
        answer = (await post(processes[1], gates[0], gates[0].scan(code))).json()
        seen.append((answer["verdict"], answer["reason"]))
    assert seen == [("refuse", "not_yet_valid"), ("admit", "verified")]


async def test_a_device_whose_clock_is_wrong_scans_like_any_other(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    for device_time in (
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "2026-05-11T12:00:00+08:00",
        "2026-05-11T03:55:00Z",
        "2038-01-19T03:14:08Z",
        "9999-12-31T23:59:59.999999Z",
    ):
        (code,) = await mint(processes[0].client, courier)
        body = gates[0].scan(code, device_time=device_time)
        first = await post(processes[0], gates[0], body)
        assert (first.status_code, first.json()["verdict"]) == (200, "admit"), first.text
        assert datetime.fromisoformat(first.json()["recorded_at"]) == processes[0].clock()
        corrected = await post(processes[1], gates[0], body | {"device_time": "2026-05-11T04:00:01Z"})
        assert corrected.json() == first.json() | {"repeated": True}
        async with own_database.session(write=False) as session:
            stored = await session.scalar(
                select(Scan.device_time).where(Scan.scan_id == UUID(body["scan_id"]))
            )
        assert stored == datetime.fromisoformat(device_time)
        for process in processes:
            process.clock.advance(seconds=1)
