"""Digits typed and asked for at one instant, with real sessions and two processes on one database."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy import func, select

from app.database import Database
from app.models.scans import CodeUse, Scan
from app.models.substitutes import SpokenCode
from app.services.scans.admission import admit
from app.services.scans.answers import Answer
from app.services.scans.gathering import LARGEST_LIST
from app.settings import Settings
from tests.factories.presentations import presented
from tests.factories.scans import WorkingCourier, WorkingGate, bring_courier, mint, open_gate
from tests.factories.settings import make_settings
from tests.factories.work import seeding
from tests.processes import Process
from tests.statements import noted


@pytest.fixture
def settings() -> Settings:
    """Whoever asks for digits does so as often as the test likes."""
    return make_settings(rate_limits=False, access_token_seconds=3600)


@pytest.fixture
async def gates(processes: tuple[Process, Process]) -> tuple[WorkingGate, WorkingGate]:
    runtime = processes[0].runtime
    return await open_gate(runtime, name="翠湖苑"), await open_gate(runtime, name="映山里")


@pytest.fixture
async def courier(processes: tuple[Process, Process]) -> WorkingCourier:
    return await bring_courier(processes[0].runtime, serial=1)


async def ask(process: Process, gate: WorkingGate, courier: WorkingCourier) -> str:
    body = {"gate_id": str(gate.gate_id)}
    reply = await process.client.post("/v1/codes/spoken", json=body, headers=courier.headers)
    assert reply.status_code == 201, reply.text
    digits: str = reply.json()["digits"]
    return digits


async def type_in(process: Process, gate: WorkingGate, digits: str) -> httpx.Response:
    return await process.client.post("/v1/scans", json=gate.scan(digits), headers=gate.guard)


async def test_of_fifty_guesses_at_once_over_two_processes_five_are_judged(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    digits = await ask(processes[0], gates[0], courier)
    guesses = [text for number in range(51) if (text := f"{number:06}") != digits][:50]
    replies = await asyncio.gather(
        *(type_in(processes[number % 2], gates[0], text) for number, text in enumerate(guesses))
    )
    assert {reply.status_code for reply in replies} == {200}
    assert Counter(reply.json()["reason"] for reply in replies) == {"spoken_unknown": 5, "spoken_locked": 45}
    for process in processes:
        assert (await type_in(process, gates[0], digits)).json()["reason"] == "spoken_locked"
        process.clock.advance(seconds=60)
    fresh = await ask(processes[0], gates[0], courier)
    assert (await type_in(processes[1], gates[0], fresh)).json()["reason"] == "spoken_code"


async def test_guesses_at_two_gates_in_every_order_never_wait_in_a_circle(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate], courier: WorkingCourier
) -> None:
    codes = await mint(processes[0].client, courier, 10)
    replies = await asyncio.gather(
        *(
            type_in(process, gate, text)
            for number, code in enumerate(codes)
            for process, order in zip(processes, (gates, gates[::-1]), strict=True)
            for gate, text in zip(order, (f"{number:06}", code), strict=True)
        )
    )
    assert {reply.status_code for reply in replies} == {200}


async def test_digits_typed_fifty_times_at_once_are_used_once(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    digits = await ask(processes[0], gates[0], courier)
    replies = await asyncio.gather(
        *(type_in(processes[number % 2], gates[0], digits) for number in range(50))
    )
    assert Counter(reply.json()["reason"] for reply in replies) == {"spoken_code": 1, "code_used": 49}
    assert {reply.json()["verdict"] for reply in replies} == {"check"}
    async with own_database.session(write=False) as session:
        assert await session.scalar(select(func.count()).select_from(CodeUse)) == 1
        assert await session.scalar(select(func.count()).select_from(Scan)) == 50


async def test_of_digits_asked_for_fifty_times_at_once_one_are_live(
    processes: tuple[Process, Process],
    gates: tuple[WorkingGate, WorkingGate],
    courier: WorkingCourier,
    own_database: Database,
) -> None:
    asked = await asyncio.gather(
        *(ask(processes[number % 2], gates[number // 2 % 2], courier) for number in range(50))
    )
    async with own_database.session(write=False) as session:
        live = list(await session.scalars(select(SpokenCode.digits).where(SpokenCode.replaced_at.is_(None))))
    assert len(live) == 1
    assert live[0] in asked


async def test_a_list_with_digits_takes_as_many_statements_for_a_hundred_scans_as_for_two(
    processes: tuple[Process, Process], gates: tuple[WorkingGate, WorkingGate]
) -> None:
    here = processes[0]
    couriers = [await bring_courier(here.runtime, serial=serial) for serial in range(1, 6)]
    with_digits, without = {}, {}
    for size in (2, 10, 100, LARGEST_LIST):
        here.clock.advance(seconds=61)
        digits = [await ask(here, gates[number % 2], each) for number, each in enumerate(couriers)]
        codes = [(await mint(here.client, each))[0] for each in couriers]
        # Used before, so that every list asks for first uses, whatever its size.
        await type_in(here, gates[0], digits[0])
        await type_in(here, gates[0], codes[0])
        await type_in(here, gates[1], digits[0])
        texts = [digits[number // 2 % 5] if number % 4 else f"{number:06}" for number in range(size)]
        with_digits[size] = await kinds_of_statements(here, gates, [digits[0], *texts[1:-1], "000000"])
        without[size] = await kinds_of_statements(here, gates, [codes[0], *(codes[::-1] * 60)[: size - 1]])
    assert len(set(with_digits.values())) == 1, with_digits
    assert len(set(without.values())) == 1, without
    assert not any("spoken" in statement or "printed" in statement for statement in without[2])


async def kinds_of_statements(
    process: Process, gates: tuple[WorkingGate, WorkingGate], texts: list[str]
) -> tuple[str, ...]:
    """The kinds of statements with which a list of `texts`, shown at the gates in turn, is admitted."""
    runtime = process.runtime
    presentations = [
        presented(runtime, gates[number % 2], await runtime.codes.read(text))
        for number, text in enumerate(texts)
    ]
    async with seeding(runtime) as work:
        with noted(runtime.database) as statements:
            results = await admit(work, presentations)
    assert all(isinstance(result, Answer) for result in results)
    # On SQLite the text itself is longer for a longer list.
    return tuple(
        " ".join(statement.partition(" VALUES ")[0].partition(" IN (")[0].split()[:12])
        for statement, _ in statements
    )
