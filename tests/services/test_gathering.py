"""Scans are taken one by one and stored in lists, and none is left waiting for the next."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from app.errors import Problem
from app.runtime import Runtime
from app.services.scans.answers import Answer
from tests.factories.presentations import NO_CODE, presented
from tests.factories.scans import open_gate


async def test_a_scan_that_arrives_as_the_last_list_ends_is_not_left_waiting(runtime: Runtime) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    async with asyncio.timeout(30):
        for _ in range(3):  # each is taken in the very step in which the one before it was answered
            await runtime.scans.take(presented(runtime, gate, NO_CODE))


async def test_a_refused_scan_does_not_touch_those_beside_it(runtime: Runtime) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    scans = [
        presented(runtime, gate, NO_CODE),
        replace(presented(runtime, gate, NO_CODE), enrolment_id=uuid4()),
        presented(runtime, gate, NO_CODE),
    ]
    async with asyncio.timeout(30):
        results = await asyncio.gather(*(runtime.scans.take(scan) for scan in scans), return_exceptions=True)
    assert [isinstance(result, Answer) for result in results] == [True, False, True]
    assert isinstance(results[1], Problem)


async def test_closing_stores_what_was_taken(runtime: Runtime) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    waiting = [asyncio.create_task(runtime.scans.take(presented(runtime, gate, NO_CODE))) for _ in range(5)]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await runtime.scans.close()
    for task in waiting:
        assert isinstance(await task, Answer)


@pytest.mark.parametrize("given_up", [0, 1])
async def test_who_gives_up_waiting_does_not_stop_the_others(runtime: Runtime, given_up: int) -> None:
    gate = await open_gate(runtime, name="翠湖苑")
    tasks = [asyncio.create_task(runtime.scans.take(presented(runtime, gate, NO_CODE))) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[given_up].cancel()
    async with asyncio.timeout(30):
        assert isinstance(await tasks[1 - given_up], Answer)
