"""Beyond its capacity a server goes on at full speed for whom it takes, and sends the others away: R11."""

from pathlib import Path

import pytest

from tests.faults.floods import flood
from tests.faults.grounds import Ground
from tests.faults.servers import serving

TIMES = 4
AT_PEAK = 64
"""Connections without pause, at which throughput is highest."""
MORE_THAN_TAKEN = 2048
"""Connections for each worker: four times what it takes at a time."""
ACCEPTED_SHARE = 0.8
"""Of the peak, also where requests come four times as fast. The peak is the mean of one just before and one
just after, so that neither what is stored meanwhile nor the machine's own pace counts.
"""


@pytest.mark.parametrize("seconds", [5.0, pytest.param(60.0, marks=pytest.mark.overload)])
async def test_four_times_capacity_is_served_or_told_to_come_back(
    ground: Ground, workers: int, tmp_path: Path, seconds: float
) -> None:
    briefly = max(2.0, seconds / 6)
    with serving(ground.environment, tmp_path, workers=workers) as server:
        await server.ready()
        await flood(server.port, ground, connections=AT_PEAK, seconds=1)
        peak = await flood(server.port, ground, connections=AT_PEAK, seconds=briefly)
        above = await flood(
            server.port,
            ground,
            connections=MORE_THAN_TAKEN * workers,
            seconds=seconds,
            rate=TIMES * peak.accepted_per_second,
        )
        after = await flood(server.port, ground, connections=AT_PEAK, seconds=briefly)
    share = 2 * above.accepted_per_second / (peak.accepted_per_second + after.accepted_per_second)
    print(  # noqa: T201 # the figures of the long form
        f"peak {peak.accepted_per_second:.0f}/s, afterwards {after.accepted_per_second:.0f}/s;"
        f" at {TIMES} times the first {above.accepted_per_second:.0f}/s accepted ({share:.2f}),"
        f" {dict(above.answers)}"
    )
    for run in (peak, above, after):
        assert set(run.answers) | set(run.late) <= {200, 429, 503}
        assert (run.hasty, run.broken) == (0, 0)
    assert above.answers[503] > 0, "it was no overload"
    assert set(after.answers) == {200}, "still refused when the crowd had gone"
    if seconds >= 60:
        assert share >= ACCEPTED_SHARE
