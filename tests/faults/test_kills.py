"""What was acknowledged survives SIGKILL at any moment, and is there once: R7."""

import random
import time
from pathlib import Path
from statistics import median

import pytest

from tests.faults.crowds import Crowd, assert_kept
from tests.faults.grounds import Ground
from tests.faults.servers import serving

WRITERS = 16
SCANS_BETWEEN = 250
"""On average: 200 kills among 50,000 scans."""
READY_WITHIN = 3.0
"""Seconds from the start after a kill to the first answer; on a machine with nothing else to do."""
SLACK = 2


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.kills)])
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
        assert max(ready) < READY_WITHIN * SLACK
