"""What was acknowledged survives SIGKILL at any moment, and is there once: R7.

Who did not hear the answer asks again and gets it: R9.
"""

import asyncio
import random
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from uuid import UUID

import pytest
from sqlalchemy import select

from app.database import Database
from app.models.scans import Scan, ScanOutcome
from tests.faults.crowds import Crowd, assert_kept
from tests.faults.grounds import Ground
from tests.faults.lines import Line
from tests.faults.servers import PATIENCE, serving

WRITERS = 16
SCANS_BETWEEN = 250
"""On average: 200 kills among 50,000 scans."""
READY_WITHIN = 3.0
"""Seconds from the start after a kill to the first answer."""
SLACK = 3
"""The load has the same cores, and its connections are all tried again at once."""


@pytest.mark.parametrize("kills", [2, pytest.param(200, marks=pytest.mark.kills)])
async def test_no_acknowledged_scan_is_lost_or_doubled_by_kills(
    ground: Ground, workers: int, tmp_path: Path, kills: int
) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201 # shown where the test fails
    chance = random.Random(seed)
    ready: list[float] = []
    with serving(ground.environment, tmp_path, workers=workers) as server:
        await server.ready()
        async with Crowd([server.port], ground, writers=WRITERS) as crowd:
            for _ in range(kills):
                await crowd.reach(len(crowd.acknowledged) + chance.randint(1, 2 * SCANS_BETWEEN))
                if workers > 1 and ready and chance.random() < 0.5:
                    server.kill_worker(chance)
                else:
                    server.kill()
                    server.start()
                    ready.append(await server.ready())
            await crowd.reach(kills * SCANS_BETWEEN)
    await assert_kept(crowd, ground.database_url)
    assert (crowd.unforeseen, crowd.hasty) == ([], [])
    assert crowd.broken >= kills
    print(  # noqa: T201 # the figures of the long form
        f"{kills} kills, {len(crowd.acknowledged)} scans acknowledged, {crowd.broken} connections broken,"
        f" ready again within {median(ready):.2f} s in the median and {max(ready):.2f} s at most"
    )
    if kills >= 200:
        assert median(ready) < READY_WITHIN * SLACK


async def test_a_reply_lost_to_a_kill_is_given_again(ground: Ground, workers: int, tmp_path: Path) -> None:
    """R9 for a scan and its outcome: killed when the effect is stored, before anybody heard of it."""
    gate, bodies = ground.gates[0], ground.scans(0)
    token = gate.guard["Authorization"]
    with serving(ground.environment, tmp_path, workers=workers) as server:
        await server.ready()
        async with Line(server.port) as line:
            first = next(bodies)
            await line.exchange("POST", "/v1/scans", first, token)
            checked = next(bodies) | {"code": first["code"]}
            await line.exchange("POST", "/v1/scans", checked, token)
            outcome = f"/v1/enrolments/{gate.enrolment_id}/scans/{checked['scan_id']}/outcome"
            unheard = next(bodies)
            await line.send("POST", "/v1/scans", unheard, token)
        async with Line(server.port) as line:
            await line.send("PUT", outcome, {"outcome": "let_in"}, token)
            stored = await until_stored(ground.database_url, unheard["scan_id"])
            server.kill()
        server.start()
        await server.ready()
        async with Line(server.port) as line:
            again = await line.exchange("POST", "/v1/scans", unheard, token)
            twice = await line.exchange("POST", "/v1/scans", unheard, token)
            other = await line.exchange("POST", "/v1/scans", unheard | {"direction": "out"}, token)
            given = await line.exchange("PUT", outcome, {"outcome": "let_in"}, token)
            contrary = await line.exchange("PUT", outcome, {"outcome": "turned_away"}, token)
    assert again.status == 200
    assert (again.json()["id"], again.json()["repeated"]) == (stored[0], True)
    assert datetime.fromisoformat(again.json()["recorded_at"]) == stored[1]
    assert twice.json() == again.json()
    assert (other.status, other.json()["code"]) == (409, "scan_conflict")
    assert given.status == 200
    assert datetime.fromisoformat(given.json()["at"]) == stored[2]
    assert (contrary.status, contrary.json()["code"]) == (409, "outcome_conflict")


async def until_stored(database_url: str, scan_id: str) -> tuple[str, datetime, datetime]:
    """Waits until this scan and the one outcome are stored: our id of the scan, its time, the outcome's."""
    database = Database(database_url)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.session(write=False) as session:
                    scan = await session.scalar(select(Scan).where(Scan.scan_id == UUID(scan_id)))
                    outcome = await session.scalar(select(ScanOutcome))
                if scan is not None and outcome is not None:
                    return str(scan.id), scan.recorded_at, outcome.at
                await asyncio.sleep(0.01)
    finally:
        await database.close()
